//! Transactions of a database: what they all have in common, whatever they read and write.
//!
//! Not for: reading and writing itself, which each front-end adds to [`Transaction`].

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use cuesta_engine::oracle::Span;
use cuesta_engine::transaction::{self, Backoff};
use cuesta_engine::{IndexId, SeqNo};

use crate::database::Database;
use crate::handle::CommitHandle;
use crate::note;
use crate::{Durability, Error, ErrorKind, Isolation, Result};

/// How often [`Database::transact`] tries unless told otherwise.
const ATTEMPTS: u32 = 100;

/// How long it waits for a lock between two calls of what is to be called meanwhile.
const SLICE: Duration = Duration::from_millis(100);

/// How a transaction behaves.
///
/// ```
/// use cuesta::{Durability, Isolation, TransactionOptions};
///
/// let options =
///     TransactionOptions::new().isolation(Isolation::Snapshot).durability(Durability::Buffered);
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until a transaction is begun with them"]
pub struct TransactionOptions {
    isolation: Isolation,
    durability: Option<Durability>,
    lock_timeout: Duration,
    while_waiting: Option<WhileWaiting>,
    attempts: u32,
}

/// What is called while somebody waits for a lock.
type WhileWaiting = Arc<dyn Fn() -> Result<()> + Send + Sync>;

impl fmt::Debug for TransactionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionOptions")
            .field("isolation", &self.isolation)
            .field("durability", &self.durability)
            .field("lock_timeout", &self.lock_timeout)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

impl Default for TransactionOptions {
    fn default() -> TransactionOptions {
        TransactionOptions {
            isolation: Isolation::default(),
            durability: None,
            lock_timeout: transaction::LOCK_TIMEOUT,
            while_waiting: None,
            attempts: ATTEMPTS,
        }
    }
}

impl TransactionOptions {
    /// The defaults: serializable, as durable as the database was opened.
    pub fn new() -> TransactionOptions {
        TransactionOptions::default()
    }

    /// What the transaction is protected from; everything by default.
    pub fn isolation(mut self, isolation: Isolation) -> TransactionOptions {
        self.isolation = isolation;
        self
    }

    /// What its commit survives; as the database was opened by default.
    pub fn durability(mut self, durability: Durability) -> TransactionOptions {
        self.durability = Some(durability);
        self
    }

    /// How long it waits for a lock; 10 seconds by default. With zero it does not wait.
    pub fn lock_timeout(mut self, timeout: Duration) -> TransactionOptions {
        self.lock_timeout = timeout;
        self
    }

    /// Calls `check` ten times a second while it waits for a lock, on the thread that waits. An
    /// error ends the wait, and is what asking for the lock fails with: so a wait may be given up.
    /// `check` may do anything but ask for another lock in the transaction, which is `Busy`.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// # let jobs = db.keyspace("jobs")?;
    /// use cuesta::{Error, TransactionOptions};
    ///
    /// let holder = db.begin()?;
    /// holder.get_for_update(&jobs, "a")?;
    ///
    /// let stop = || Err(Error::invalid("the program is about to end"));
    /// let tx = db.begin_with(&TransactionOptions::new().while_waiting(stop))?;
    /// assert!(tx.get_for_update(&jobs, "a").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn while_waiting(
        mut self,
        check: impl Fn() -> Result<()> + Send + Sync + 'static,
    ) -> TransactionOptions {
        self.while_waiting = Some(Arc::new(check));
        self
    }

    /// How often [`Database::transact_with`] tries, the first time included; 100 by default.
    pub fn attempts(mut self, attempts: u32) -> TransactionOptions {
        self.attempts = attempts;
        self
    }
}

/// What a transaction shares with its iterators.
pub(crate) struct Shared {
    engine: Mutex<Option<transaction::Transaction>>,
    ended: AtomicBool,
    /// Held by who asks for a lock: a transaction waits for one at a time.
    locking: Mutex<()>,
    while_waiting: Option<WhileWaiting>,
}

impl Shared {
    /// Does something with the transaction.
    ///
    /// # Errors
    /// `Invalid` when it has ended; what `work` fails with.
    pub(crate) fn with<R>(
        &self,
        work: impl FnOnce(&mut transaction::Transaction) -> Result<R>,
    ) -> Result<R> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        work(engine.as_mut().ok_or_else(ended)?)
    }

    /// Fails when the transaction has ended.
    ///
    /// # Errors
    /// `Invalid`.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.ended.load(Ordering::Relaxed) { Err(ended()) } else { Ok(()) }
    }

    fn end(&self) -> Option<transaction::Transaction> {
        self.ended.store(true, Ordering::Relaxed);
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cold]
fn ended() -> Error {
    Error::invalid("the transaction has ended")
}

/// Reads of one moment and writes of another, which take effect only if nothing came between.
///
/// It sees the database as it was when it began, and its own writes. Nobody else sees these before
/// [`Transaction::commit`], which makes all of them visible and durable at once, or fails with
/// `Conflict` if somebody else has written what this transaction has used: what it read, ranges and
/// absent keys included ([`Isolation::Serializable`], the default), or what it writes
/// ([`Isolation::Snapshot`]). Then nothing has happened, and the whole transaction may be tried
/// again: [`Database::transact`] does that.
///
/// A transaction that is dropped takes everything back. It costs memory for what it writes, and
/// some for the keys and ranges that it reads; all open ones together may hold half of the memory
/// budget. Unless it asks for locks, it never holds up others, nor do others hold it up.
///
/// Where many transactions want the same keys, locks are better than trying again:
/// [`Transaction::get_for_update`] and [`Transaction::lock_range`] wait until others that asked for
/// the same have ended, so that those who lock before they read do not make each other fail.
///
/// Single writes and batches outside transactions are not stopped by what a transaction has read,
/// written or locked; the transaction notices them when it commits.
#[must_use = "a transaction that is dropped takes everything back"]
pub struct Transaction {
    pub(crate) db: Database,
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.shared.with(|engine| Ok(engine.seq()));
        write!(f, "Transaction at commit {}", seen.unwrap_or_default())
    }
}

/// A place among the writes of a transaction that it can go back to.
pub struct Savepoint {
    shared: Arc<Shared>,
    number: u64,
}

impl fmt::Debug for Savepoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Savepoint {}", self.number)
    }
}

impl Transaction {
    /// The last commit that it sees; commits are counted from 1.
    ///
    /// # Errors
    /// `Invalid` when the transaction has ended.
    pub fn seen(&self) -> Result<u64> {
        self.shared.with(|engine| Ok(engine.seq().0))
    }

    /// Marks what was written so far, to be able to come back to it.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let notes = db.keyspace("notes")?;
    /// let tx = db.begin()?;
    /// tx.put(&notes, "a", "kept")?;
    /// let before = tx.savepoint()?;
    /// tx.put(&notes, "b", "taken back")?;
    /// tx.rollback_to(&before)?;
    /// tx.commit()?;
    /// assert!(notes.contains("a")? && !notes.contains("b")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Invalid` when the transaction has ended.
    pub fn savepoint(&self) -> Result<Savepoint> {
        let number = self.shared.with(|engine| Ok(engine.savepoint()))?;
        Ok(Savepoint { shared: self.shared.clone(), number })
    }

    /// Takes back what was written since a savepoint. The savepoint stays, those made after it are
    /// gone. What was read stays read: it still counts when conflicts are looked for.
    ///
    /// # Errors
    /// `Invalid` for a savepoint that is gone or of another transaction.
    pub fn rollback_to(&self, savepoint: &Savepoint) -> Result<()> {
        self.check_own(savepoint)?;
        self.shared.with(|engine| engine.rollback_to(savepoint.number))
    }

    /// Forgets a savepoint, and those made after it. What was written stays.
    ///
    /// # Errors
    /// As [`Transaction::rollback_to`].
    pub fn release(&self, savepoint: Savepoint) -> Result<()> {
        self.check_own(&savepoint)?;
        self.shared.with(|engine| engine.release(savepoint.number))
    }

    /// Locks a span of an index: see [`Transaction::get_for_update`](crate::Transaction).
    pub(crate) fn lock(&self, index: IndexId, span: Span) -> Result<()> {
        let Some(check) = &self.shared.while_waiting else {
            let _one = self.shared.locking.lock().unwrap_or_else(PoisonError::into_inner);
            return self.shared.with(|engine| engine.lock(index, span));
        };
        // Whoever is called while this waits would wait for itself.
        let _one = match self.shared.locking.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(one)) => one.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let message = "the transaction is waiting for another lock";
                return Err(Error::new(ErrorKind::Busy, message));
            }
        };
        let mut request = self.shared.with(|engine| engine.request_lock(index, span.clone()))?;
        while !transaction::await_lock(self.db.engine.parts(), &mut request, SLICE)? {
            check()?;
        }
        self.shared.with(|engine| engine.locked(index, &span))
    }

    fn check_own(&self, savepoint: &Savepoint) -> Result<()> {
        if Arc::ptr_eq(&self.shared, &savepoint.shared) {
            return Ok(());
        }
        Err(Error::invalid("the savepoint belongs to another transaction"))
    }

    /// Adds a note for those who read [`Database::changes_since`]: who did it, or why. It is logged
    /// with the commit, which happens even if there is nothing else to write, and kept as long as
    /// the log is. A later note replaces it; going back to a savepoint does not.
    ///
    /// # Errors
    /// `Invalid` when the transaction has ended.
    pub fn note(&self, note: impl AsRef<[u8]>) -> Result<()> {
        let mut notes = Vec::new();
        note::set(&mut notes, note.as_ref());
        self.shared.with(|engine| {
            engine.set_notes(notes);
            Ok(())
        })
    }

    /// Makes all writes visible at once, and durable as the transaction says. Without writes it
    /// always succeeds.
    ///
    /// # Errors
    /// `Conflict` when something that was used was written meanwhile, `NotFound` when a keyspace
    /// was dropped, `Full`: nothing was written. `Poisoned`: whether it was written is unknown
    /// until the database is opened again.
    pub fn commit(self) -> Result<()> {
        self.shared.end().ok_or_else(ended)?.commit().map(|_: SeqNo| ())
    }

    /// Commits as far as the place in the order of commits, and gives a handle to wait for the
    /// rest. Locks are let go when the commit is published.
    ///
    /// # Errors
    /// As [`Transaction::commit`]; what is told by the handle is `Poisoned` alone.
    pub fn submit(self) -> Result<CommitHandle> {
        self.shared.end().ok_or_else(ended)?.submit().map(CommitHandle::new)
    }

    /// Takes everything back; the same as dropping it.
    pub fn rollback(self) {
        drop(self);
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        drop(self.shared.end());
    }
}

/// What one iterator of a transaction reads, so that it can be proved to be still so.
pub(crate) struct Reading {
    shared: Arc<Shared>,
    at: SeqNo,
    index: IndexId,
    token: u64,
}

impl Reading {
    /// Begins to read within `span`, as of commit `at`.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        at: SeqNo,
        index: IndexId,
        span: Span,
    ) -> Result<Reading> {
        let token = shared.with(|engine| Ok(engine.open_range(at, index, span)))?;
        Ok(Reading { shared: shared.clone(), at, index, token })
    }

    /// Fails when the transaction has ended.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        self.shared.check()
    }

    /// Notes what was read.
    pub(crate) fn note(&self, start: Vec<u8>, end: Option<Vec<u8>>) {
        // What a transaction reads after its end does not matter.
        let _ = self.shared.with(|engine| {
            engine.note_range(self.at, self.index, start, end);
            Ok(())
        });
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.shared.with(|engine| {
            engine.close_range(self.token);
            Ok(())
        });
    }
}

impl Database {
    /// Begins a serializable transaction.
    ///
    /// # Errors
    /// `Poisoned` when a sync failed earlier; `Invalid` when the database is closed.
    pub fn begin(&self) -> Result<Transaction> {
        self.begin_with(&TransactionOptions::default())
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// As [`Database::begin`].
    pub fn begin_with(&self, options: &TransactionOptions) -> Result<Transaction> {
        let durability = options.durability.unwrap_or(self.engine.options().durability);
        let engine = self.engine.begin(transaction::TransactionOptions {
            isolation: options.isolation,
            durability,
            lock_timeout: options.lock_timeout,
        })?;
        let shared = Shared {
            engine: Mutex::new(Some(engine)),
            ended: AtomicBool::new(false),
            locking: Mutex::new(()),
            while_waiting: options.while_waiting.clone(),
        };
        Ok(Transaction { db: self.clone(), shared: Arc::new(shared) })
    }

    /// Runs `work` in a serializable transaction and commits it; tries again when there is a
    /// conflict, after a pause that grows with the attempts. `work` may run many times, so it
    /// should do nothing but use the transaction.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let accounts = db.keyspace("accounts")?;
    /// accounts.put("ada", 100u64.to_be_bytes())?;
    /// accounts.put("bob", 0u64.to_be_bytes())?;
    /// let moved = db.transact(|tx| {
    ///     let balance = |name| {
    ///         let value = tx.get(&accounts, name)?.unwrap();
    ///         Ok::<_, cuesta::Error>(u64::from_be_bytes(value[..].try_into().unwrap()))
    ///     };
    ///     let (from, to) = (balance("ada")?, balance("bob")?);
    ///     let amount = from.min(30);
    ///     tx.put(&accounts, "ada", (from - amount).to_be_bytes())?;
    ///     tx.put(&accounts, "bob", (to + amount).to_be_bytes())?;
    ///     Ok(amount)
    /// })?;
    /// assert_eq!(moved, 30);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `work` fails with, if that is not of kind `Conflict`; as [`Transaction::commit`], with
    /// `Conflict` when all attempts have failed.
    pub fn transact<T>(&self, work: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
        self.transact_with(&TransactionOptions::default(), work)
    }

    /// As [`Database::transact`], with options.
    ///
    /// # Errors
    /// As there; `Invalid` for no attempt at all.
    pub fn transact_with<T>(
        &self,
        options: &TransactionOptions,
        mut work: impl FnMut(&Transaction) -> Result<T>,
    ) -> Result<T> {
        if options.attempts == 0 {
            return Err(Error::invalid("attempts: with 0 it is not tried at all"));
        }
        let mut retries = self.retries(options);
        loop {
            let tx = self.begin_with(options)?;
            let result = match work(&tx) {
                Ok(result) => tx.commit().map(|()| result),
                Err(error) => {
                    tx.rollback();
                    Err(error)
                }
            };
            match result {
                Err(error) if error.kind() == ErrorKind::Conflict => retries.pause(error)?,
                other => return other,
            }
        }
    }

    /// The pauses between attempts that [`Database::transact_with`] makes, for loops of one's own.
    pub fn retries(&self, options: &TransactionOptions) -> Retries {
        Retries { db: self.clone(), backoff: Backoff::new(options.attempts) }
    }
}

/// How often a transaction is tried again, and after which pauses. From [`Database::retries`].
///
/// ```
/// # fn main() -> cuesta::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = cuesta::Database::open(dir.path())?;
/// # let notes = db.keyspace("notes")?;
/// let options = cuesta::TransactionOptions::new().attempts(5);
/// let mut retries = db.retries(&options);
/// loop {
///     let tx = db.begin_with(&options)?;
///     tx.put(&notes, "a", "b")?;
///     match tx.commit() {
///         Err(error) if error.kind() == cuesta::ErrorKind::Conflict => retries.pause(error)?,
///         other => break other,
///     }
/// }
/// # }
/// ```
pub struct Retries {
    db: Database,
    backoff: Backoff,
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.backoff.fmt(f)
    }
}

impl Retries {
    /// Waits after an attempt that has failed with `error`: until what was in the way is to be
    /// seen, and then a while that grows with the attempts, by chance.
    ///
    /// # Errors
    /// `error` when no attempt is left; `Poisoned`.
    pub fn pause(&mut self, error: Error) -> Result<()> {
        self.backoff.pause(self.db.engine.parts(), error)
    }
}
