//! Transactions: reads of one moment, writes of another, and the proof that nothing came between.
//!
//! ```text
//! begin ──► view ──► reads: noted as keys and ranges, with the commit that they are as of
//!             │
//!             └────► writes: kept aside; from the first read after a write on, also in a memtable
//!                    of the transaction's own, in front of the view
//! commit ─► one batch with a claim: "none of what I read was written since"
//! ```
//!
//! Invariants:
//! 1. A transaction sees its own writes, and everything else as of its view.
//! 2. An iterator sees what its transaction had written before it was made, whatever comes later.
//! 3. Whatever a transaction read is in its claim, perhaps more coarsely; rolling back to a
//!    savepoint takes back writes, not reads.
//! 4. A transaction moves on to a later view only when it gets a lock, and only if everything that
//!    it has read is the same there.
//! 5. A view is not older than the oracle: all commits that were not recorded are in it.
//! 6. All that was read is as of one moment when the transaction commits, or it fails; without
//!    writes, too.
//!
//! Not for: what keys and values mean, which front-ends know; and one transaction is used by one
//! thread at a time.

mod locking;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::budget::Part;
use crate::commit::{Claim, Commit, CommitHandle, Step, drive, prove};
use crate::error::{Error, Result};
use crate::id::{IndexId, SeqNo};
use crate::locks::Holder;
use crate::options::Durability;
use crate::oracle::{KeyHasher, Oracle, Reads, Span};
use crate::parts::{Conflicts, Parts};
use crate::stats::Stats;
use crate::version::View;

pub use locking::{await_lock, point};
use writes::Writes;

/// What a transaction is protected from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Everything: committed transactions might have run one after another. Fails with `Conflict`
    /// if anything that it read, ranges included, was written by others before it commits.
    #[default]
    Serializable,
    /// Lost updates: fails if anything that it writes was written by others since its view was
    /// taken. What it only reads may have changed ("write skew").
    Snapshot,
}

/// How a transaction behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionOptions {
    /// What it is protected from.
    pub isolation: Isolation,
    /// What its commit survives.
    pub durability: Durability,
    /// How long it waits for a lock.
    pub lock_timeout: Duration,
}

impl TransactionOptions {
    /// Serializable, with this durability.
    pub fn new(durability: Durability) -> TransactionOptions {
        let lock_timeout = LOCK_TIMEOUT;
        TransactionOptions { isolation: Isolation::Serializable, durability, lock_timeout }
    }
}

/// How long transactions wait for a lock unless told otherwise.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes are charged to all transactions in pieces of this size.
const CHARGE_BYTES: usize = 4 << 10;

/// Reads and writes that take effect at once, or not at all. Dropping it takes everything back.
pub struct Transaction {
    parts: Arc<Parts>,
    options: TransactionOptions,
    hasher: KeyHasher,
    view: View,
    reads: Reads,
    /// Bytes of reads, at most.
    noted: usize,
    /// Ranges that are being read, by token: nobody knows yet how much of them.
    open: BTreeMap<u64, (SeqNo, IndexId, Span)>,
    next_token: u64,
    writes: Writes,
    /// Of snapshot isolation: what it had written when it moved on to a later view, and from when.
    claims: Reads,
    /// From the first lock on.
    holder: Option<Holder>,
    locked_bytes: usize,
    charged: usize,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "transaction in {:?}", self.view)
    }
}

impl Transaction {
    /// Begins a transaction. The first one of an open database waits until every commit so far is
    /// published, and from then on commits are recorded.
    ///
    /// # Errors
    /// `Poisoned` when a sync failed earlier; `Invalid` when the database is closed.
    pub fn begin(parts: &Arc<Parts>, options: TransactionOptions) -> Result<Transaction> {
        parts.check_open()?;
        let conflicts = conflicts(parts)?;
        let view = view_from(parts, conflicts.since)?;
        Stats::add(&parts.stats.transactions, 1);
        Ok(Transaction {
            parts: parts.clone(),
            options,
            hasher: conflicts.hasher,
            view,
            reads: Reads::default(),
            noted: 0,
            open: BTreeMap::new(),
            next_token: 0,
            writes: Writes::default(),
            claims: Reads::default(),
            holder: None,
            locked_bytes: 0,
            charged: 0,
        })
    }

    /// How it behaves.
    pub fn options(&self) -> &TransactionOptions {
        &self.options
    }

    /// The last commit that it sees.
    pub fn seq(&self) -> SeqNo {
        self.view.seq()
    }

    /// What it sees of `index` now: its view, with its own writes to that index in front. Later
    /// writes do not change what is seen through this.
    ///
    /// # Errors
    /// `Expired` when views held too much memory and this was the oldest; `NotFound` when the index
    /// was not there; `Full` when all transactions together hold too much memory.
    pub fn view(&mut self, index: IndexId) -> Result<View> {
        self.view.check()?;
        match self.writes.in_front(index, &self.view)? {
            None => Ok(self.view.clone()),
            Some(state) => {
                self.charge()?;
                Ok(self.view.with_private(index, state))
            }
        }
    }

    /// Notes that `key` is read as of now.
    pub fn note_point(&mut self, index: IndexId, key: &[u8]) {
        let hash = self.hasher.hash(index, key);
        self.reads.at(self.view.seq()).part(index).add_point(hash, key);
        self.noted += key.len() + 2 * size_of::<u64>();
        self.bound_reads();
    }

    /// Notes that the keys from `start` to before `end` were read as of `at`.
    pub fn note_range(&mut self, at: SeqNo, index: IndexId, start: Vec<u8>, end: Option<Vec<u8>>) {
        self.noted += start.len() + end.as_ref().map_or(0, Vec::len) + size_of::<Span>();
        self.reads.at(at).part(index).add_range(start, end);
        self.bound_reads();
    }

    /// Notes that somebody begins to read in a range, as of `at`. Unless the range is closed before
    /// the commit, all of it counts as read. What was really read is noted by
    /// [`Transaction::note_range`].
    pub fn open_range(&mut self, at: SeqNo, index: IndexId, span: Span) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.open.insert(token, (at, index, span));
        token
    }

    /// Ends what [`Transaction::open_range`] began.
    pub fn close_range(&mut self, token: u64) {
        self.open.remove(&token);
    }

    /// Keeps what is remembered of reads within bounds.
    fn bound_reads(&mut self) {
        let limit = self.parts.options.read_set_bytes_max() as usize;
        if self.noted <= limit && self.held() <= self.charged {
            return;
        }
        self.noted = self.reads.bytes();
        if self.noted > limit {
            self.reads.coarsen(limit / 2);
            self.noted = self.reads.bytes();
        }
        if self.charge().is_err() {
            self.reads.coarsen(0);
            self.noted = 0;
        }
    }

    fn held(&self) -> usize {
        self.writes.bytes() + self.noted + self.locked_bytes
    }

    /// Charges what is held to the memory of all transactions.
    fn charge(&mut self) -> Result<()> {
        if self.held() <= self.charged {
            return Ok(());
        }
        // Some of what was read may have been counted twice.
        self.noted = self.reads.bytes();
        let wanted = self.held();
        if wanted <= self.charged {
            return Ok(());
        }
        let grown = (wanted - self.charged).next_multiple_of(CHARGE_BYTES);
        let limit = self.parts.options.transaction_bytes_max();
        let budget = &self.parts.services.budget;
        let before = budget.used(Part::Transactions);
        if before + grown as u64 > limit {
            return Err(Error::full(format!(
                "open transactions hold {before} bytes, and {grown} more would exceed {limit}, \
                 half of the memory budget: write less in one transaction, or raise the budget"
            )));
        }
        budget.charge(Part::Transactions, grown as u64).or_else(|_| {
            // Views that are gone may have been counted last.
            self.parts.enforce_view_budget();
            budget.charge(Part::Transactions, grown as u64)
        })?;
        self.charged += grown;
        Ok(())
    }

    /// Writes: `append` appends operations of `index`, in the encoding of its type.
    ///
    /// # Errors
    /// What `append` fails with; `Full` when all transactions together hold too much memory.
    /// Nothing is written then.
    pub fn write(
        &mut self,
        index: IndexId,
        append: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let ops = self.writes.part(index);
        let before = ops.len();
        let appended = append(ops);
        let appended = appended.and_then(|()| self.charge());
        if appended.is_err() {
            self.writes.part(index).truncate(before);
        }
        appended
    }

    /// Whether nothing was written.
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }

    /// Marks what was written so far, to be able to come back to it.
    pub fn savepoint(&mut self) -> u64 {
        self.writes.savepoint()
    }

    /// Takes back what was written since a savepoint, and the savepoints made since. The savepoint
    /// stays. What was read stays in the claim.
    ///
    /// # Errors
    /// `Invalid` when the savepoint is gone.
    pub fn rollback_to(&mut self, savepoint: u64) -> Result<()> {
        self.writes.rollback_to(savepoint)
    }

    /// Forgets a savepoint and those made since; what was written stays.
    ///
    /// # Errors
    /// `Invalid` when the savepoint is gone.
    pub fn release(&mut self, savepoint: u64) -> Result<()> {
        self.writes.release(savepoint)
    }

    /// Ends the transaction: its writes as a commit to be driven, or nothing if there are none.
    ///
    /// # Errors
    /// As [`Commit::new`]; `Conflict` when iterators have read what is not so any more in the later
    /// view that the transaction has moved on to. The commit itself ends with `Conflict` when the
    /// claim does not hold.
    pub fn into_commit(mut self) -> Result<Option<Commit>> {
        for (_, (at, index, (start, end))) in std::mem::take(&mut self.open) {
            self.reads.at(at).part(index).add_range(start, end);
        }
        let is_claimed =
            self.options.isolation == Isolation::Serializable && !self.writes.is_empty();
        if !is_claimed {
            self.prove_one_moment()?;
        }
        if self.writes.is_empty() {
            return Ok(None);
        }
        let claim = match self.options.isolation {
            Isolation::Snapshot => {
                let reads = std::mem::take(&mut self.claims);
                Claim { reads, writes: Some(self.view.seq()) }
            }
            Isolation::Serializable => {
                Claim { reads: std::mem::take(&mut self.reads), writes: None }
            }
        };
        let batch = std::mem::take(&mut self.writes).into_batch();
        let durability = self.options.durability;
        let mut commit = Commit::claiming(self.parts.clone(), batch, durability, claim)?;
        if let Some(holder) = self.holder.take() {
            commit.keep_locks(holder);
        }
        Ok(Some(commit))
    }

    /// Iterators made before the transaction moved on to its present view have read as of then: it
    /// must be so in the view, too.
    fn prove_one_moment(&mut self) -> Result<()> {
        let mut earlier = std::mem::take(&mut self.reads);
        earlier.keep_before(self.view.seq());
        if earlier.is_empty() {
            return Ok(());
        }
        earlier.settle();
        prove(&self.parts, &mut earlier)
    }

    /// Replaces the notes that the commit will carry.
    pub fn set_notes(&mut self, notes: Vec<u8>) {
        self.writes.set_notes(notes);
    }

    /// Commits as far as the place in the order; see [`Commit::submit`].
    ///
    /// # Errors
    /// As [`Transaction::commit`].
    pub fn submit(self) -> Result<CommitHandle> {
        let (parts, seq) = (self.parts.clone(), self.view.seq());
        match self.into_commit()? {
            None => Ok(CommitHandle::of_published(parts, seq)),
            Some(commit) => commit.submit(),
        }
    }

    /// Commits; returns the place in the order, or the last commit seen if nothing was written.
    ///
    /// # Errors
    /// `Conflict` when something that the transaction used was written meanwhile: nothing was
    /// committed, and trying again may succeed. As [`Commit::step`].
    pub fn commit(self) -> Result<SeqNo> {
        let (parts, seq) = (self.parts.clone(), self.view.seq());
        match self.into_commit()? {
            None => Ok(seq),
            Some(mut commit) => drive(&parts, || commit.step()),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.parts.services.budget.sub(Part::Transactions, self.charged as u64);
    }
}

/// How conflicts are detected; the first to ask makes it so.
fn conflicts(parts: &Parts) -> Result<Conflicts> {
    if let Some(conflicts) = parts.conflicts.get() {
        return Ok(*conflicts);
    }
    let mut guard = parts.tail();
    let tail = &mut *guard;
    let hasher = KeyHasher::new(parts.env.rand64());
    let since = tail.log.last_seq();
    if parts.options.access.is_writable() && tail.oracle.is_none() {
        tail.check()?;
        let bytes = parts.options.conflict_bytes();
        parts.services.budget.add(Part::Conflicts, bytes);
        tail.oracle = Some(Box::new(Oracle::new(bytes, since, hasher)));
    }
    Ok(*parts.conflicts.get_or_init(|| Conflicts { since, hasher }))
}

/// A view that has at least the commits up to `since` in it.
fn view_from(parts: &Parts, since: SeqNo) -> Result<View> {
    loop {
        let view = View::take(&parts.versions, &parts.pins, || parts.services.clock.now_ms());
        if view.seq() >= since {
            return Ok(view);
        }
        wait_published(parts, since)?;
    }
}

/// Waits until commit `seq`, which was appended, is published.
///
/// # Errors
/// `Poisoned` when that will never be.
pub(crate) fn wait_published(parts: &Parts, seq: SeqNo) -> Result<()> {
    let mut asked = false;
    drive(parts, || {
        let seen = parts.moved.epoch();
        if parts.published() >= seq {
            return Step::Done(Ok(()));
        }
        let mut tail = parts.tail();
        if let Err(error) = tail.check() {
            return Step::Done(Err(error));
        }
        if !asked {
            asked = true;
            parts.want_sync(&mut tail);
        }
        Step::Wait(seen)
    })
}

/// Pauses between attempts of one transaction: longer and longer, and by chance.
#[derive(Debug)]
pub struct Backoff {
    attempts: u32,
    left: u32,
}

impl Backoff {
    const PAUSE_MIN: Duration = Duration::from_micros(50);
    const DOUBLINGS_MAX: u32 = 8;

    /// For so many attempts.
    pub fn new(attempts: u32) -> Backoff {
        Backoff { attempts, left: attempts.saturating_sub(1) }
    }

    /// Waits until what was in the way is to be seen, and from the second time on a while longer.
    ///
    /// # Errors
    /// `error` when there is no attempt left; `Poisoned`.
    pub fn pause(&mut self, parts: &Parts, error: Error) -> Result<()> {
        let Some(left) = self.left.checked_sub(1) else {
            let attempts = self.attempts;
            return Err(error.context(format_args!("given up after {attempts} attempts")));
        };
        self.left = left;
        let last = parts.tail().log.last_seq();
        wait_published(parts, last)?;
        let done = self.attempts - 1 - left;
        if let Some(doublings) = done.checked_sub(2) {
            let most = Self::PAUSE_MIN * 2u32.pow(doublings.min(Self::DOUBLINGS_MAX));
            let nanos = parts.env.rand64() % (most.as_nanos() as u64);
            let never = &parts.never;
            parts.env.wait(never, never.epoch(), Some(Duration::from_nanos(nanos)));
        }
        Ok(())
    }
}
