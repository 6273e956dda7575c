//! Transactions: reads of one moment, writes of another, and a commit only if nothing came between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuesta::{ErrorKind, Isolation, TransactionOptions};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyList;

use crate::convert::{self, Bytes, Number};
use crate::error::{self, Failure, Outcome};
use crate::handle::CommitHandle;
use crate::keyspace::Keyspace;
use crate::open::Open;
use crate::own::Own;
use crate::scan::{Direction, Part, Scan};

/// Reads and writes of any keyspaces that happen at once, or not at all. From
/// Database.transaction().
#[pyclass(frozen, module = "cuesta")]
pub struct Transaction {
    // Goes first, see `Open`.
    open: Arc<Open>,
    /// Held only to take a copy of the pointer.
    inner: Own<Mutex<Stage>>,
    /// What a signal has raised while it was waiting for a lock.
    raised: Arc<Mutex<Option<PyErr>>>,
}

enum Stage {
    Open(Arc<cuesta::Transaction>),
    Committed,
    RolledBack,
}

/// A place among the writes of a transaction that it can go back to. From
/// Transaction.savepoint().
#[pyclass(frozen, module = "cuesta")]
pub struct Savepoint {
    /// Gone when it was released.
    inner: Own<Mutex<Option<Arc<cuesta::Savepoint>>>>,
}

/// What Python's callers name of the options of a transaction.
pub fn options(
    isolation: &str,
    durability: Option<&str>,
    lock_timeout: Option<f64>,
) -> Outcome<TransactionOptions> {
    let isolation = match isolation {
        "serializable" => Isolation::Serializable,
        "snapshot" => Isolation::Snapshot,
        _ => {
            return Err(Failure::invalid(format!(
                "isolation {isolation:?} is not one of \"serializable\", \"snapshot\""
            )));
        }
    };
    let mut options = TransactionOptions::new().isolation(isolation);
    if let Some(durability) = durability {
        options = options.durability(convert::durability(durability)?);
    }
    if let Some(timeout) = lock_timeout {
        options = options.lock_timeout(convert::seconds("lock_timeout", timeout)?);
    }
    Ok(options)
}

/// Calls `work` with transactions until one of them commits; gives what it returned.
pub fn transact<'py>(
    py: Python<'py>,
    open: &Arc<Open>,
    work: &Bound<'py, PyAny>,
    options: &TransactionOptions,
) -> Outcome<Bound<'py, PyAny>> {
    let mut retries = open.database()?.retries(options);
    loop {
        let transaction = Bound::new(py, Transaction::begin(py, open, options)?)?;
        let ended = match work.call1((&transaction,)) {
            Ok(result) => transaction.get().commit_if_open(py).map(|()| result),
            Err(raised) => {
                transaction.get().roll_back_if_open(py);
                Err(Failure::Python(raised))
            }
        };
        let conflict = match ended {
            Err(Failure::Cuesta(error)) if error.kind() == ErrorKind::Conflict => error,
            Err(Failure::Python(raised)) if error::is(py, &raised, ErrorKind::Conflict) => {
                cuesta::Error::conflict(raised.value(py).to_string())
            }
            other => return other,
        };
        py.detach(|| retries.pause(conflict))?;
    }
}

impl Transaction {
    /// Begins a transaction.
    pub fn begin(
        py: Python<'_>,
        open: &Arc<Open>,
        options: &TransactionOptions,
    ) -> Outcome<Transaction> {
        let database = open.database()?;
        let raised: Arc<Mutex<Option<PyErr>>> = Arc::default();
        let keep = raised.clone();
        let options = options.clone().while_waiting(move || {
            let Some(Err(error)) = Python::try_attach(|py| py.check_signals()) else {
                return Ok(());
            };
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            Err(cuesta::Error::invalid("a signal has ended the wait for a lock"))
        });
        let inner = py.detach(|| database.begin_with(&options))?;
        let inner = Own::new(Mutex::new(Stage::Open(Arc::new(inner))));
        Ok(Transaction { open: open.clone(), inner, raised })
    }

    /// Waits for a lock, while detached.
    fn lock<R: Send>(
        &self,
        py: Python<'_>,
        lock: impl FnOnce() -> cuesta::Result<R> + Send,
    ) -> Outcome<R> {
        py.detach(lock).map_err(|error| {
            let raised = self.raised.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
            { raised }.take().map_or(Failure::Cuesta(error), Failure::Python)
        })
    }

    fn stage(&self, py: Python<'_>) -> Outcome<MutexGuard<'_, Stage>> {
        let inner = self.inner.here()?;
        Ok(inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner))
    }

    fn inner(&self, py: Python<'_>) -> Outcome<Arc<cuesta::Transaction>> {
        self.open.database()?;
        match &*self.stage(py)? {
            Stage::Open(inner) => Ok(inner.clone()),
            ended => Err(is_over(ended)),
        }
    }

    /// The transaction, to be ended.
    fn take(&self, py: Python<'_>, end: Stage) -> Outcome<cuesta::Transaction> {
        let mut stage = self.stage(py)?;
        match std::mem::replace(&mut *stage, end) {
            Stage::Open(inner) => Arc::try_unwrap(inner).map_err(|shared| {
                *stage = Stage::Open(shared);
                Failure::invalid("another thread is using the transaction: it cannot end now")
            }),
            ended => {
                let failure = is_over(&ended);
                *stage = ended;
                Err(failure)
            }
        }
    }

    /// Whether it has not ended; in a forked child it has no end.
    fn is_open(&self, py: Python<'_>) -> bool {
        self.stage(py).is_ok_and(|stage| matches!(&*stage, Stage::Open(_)))
    }

    fn commit_if_open(&self, py: Python<'_>) -> Outcome<()> {
        if self.is_open(py) || !self.inner.is_here() { self.commit(py) } else { Ok(()) }
    }

    fn roll_back_if_open(&self, py: Python<'_>) {
        let Ok(inner) = self.inner.ending() else { return };
        let mut stage = inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        if let Stage::Open(_) = &*stage {
            let ended = std::mem::replace(&mut *stage, Stage::RolledBack);
            drop(stage);
            py.detach(|| drop(ended));
        }
    }
}

fn is_over(stage: &Stage) -> Failure {
    match stage {
        Stage::Committed => Failure::invalid("the transaction was committed: begin a new one"),
        _ => Failure::invalid("the transaction was rolled back: begin a new one"),
    }
}

#[pymethods]
impl Transaction {
    /// The last commit that it sees; commits are counted from 1.
    #[getter]
    fn seen(&self, py: Python<'_>) -> Outcome<u64> {
        let inner = self.inner(py)?;
        Ok(py.detach(move || inner.seen())?)
    }

    /// The value of a key as bytes, or the default.
    #[pyo3(signature = (keyspace, key, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        keyspace: &Bound<'py, Keyspace>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Outcome<Option<Bound<'py, PyAny>>> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        let value = py.detach(move || inner.get(keyspace, &key))?;
        Ok(convert::bytes_or(py, value, default)?)
    }

    /// The values of many keys: a list with bytes, or None where there is none.
    fn get_many<'py>(
        &self,
        py: Python<'py>,
        keyspace: &Bound<'_, Keyspace>,
        keys: &Bound<'_, PyAny>,
    ) -> Outcome<Bound<'py, PyList>> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let keys = convert::keys(keys)?;
        let values = py.detach(move || inner.get_many(keyspace, &keys))?;
        Ok(convert::list(py, values)?)
    }

    /// Whether a key has a value.
    fn contains(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<bool> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        Ok(py.detach(move || inner.contains(keyspace, &key))?)
    }

    /// Locks a key and gives its value of now as bytes, or the default.
    #[pyo3(signature = (keyspace, key, default = None))]
    fn get_for_update<'py>(
        &self,
        py: Python<'py>,
        keyspace: &Bound<'py, Keyspace>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Outcome<Option<Bound<'py, PyAny>>> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        let value = self.lock(py, move || inner.get_for_update(keyspace, &key))?;
        Ok(convert::bytes_or(py, value, default)?)
    }

    /// Locks all keys of a range, those that are not there included.
    #[pyo3(signature = (keyspace, start=None, end=None, prefix=None))]
    fn lock_range(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<()> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let range = convert::range(start, end, prefix)?;
        self.lock(py, move || inner.lock_range(keyspace, range))
    }

    /// Sets the value of a key, for some time perhaps.
    #[pyo3(signature = (keyspace, key, value, ttl=None))]
    fn put(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<f64>,
    ) -> Outcome<()> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let ttl = convert::ttl(ttl)?;
        let (key, value) = (convert::key(key)?, Bytes::from(value, "value")?);
        let put = move |key: &[u8], value: &[u8]| match ttl {
            Some(ttl) => inner.put_with_ttl(keyspace, key, value, ttl),
            None => inner.put(keyspace, key, value),
        };
        match value {
            Bytes::Fixed(value) => py.detach(move || put(&key, value))?,
            // Another thread may wait for a lock in this transaction: nothing waits for that
            // while attached, so bytes that may change are copied first.
            Bytes::Lent(lent) => {
                let value = lent.lend(py, <[u8]>::to_vec);
                py.detach(move || put(&key, &value))?;
            }
        }
        Ok(())
    }

    /// Removes all keys of a range.
    #[pyo3(signature = (keyspace, start=None, end=None, prefix=None))]
    fn delete_range(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<()> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let range = convert::bounded(start, end, prefix)?;
        Ok(py.detach(move || inner.delete_range(keyspace, range))?)
    }

    /// Merges what a key has with an operand.
    fn merge(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        operand: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        let operand = Bytes::from(operand, "operand")?.lend(py, <[u8]>::to_vec);
        Ok(py.detach(move || inner.merge(keyspace, &key, &operand))?)
    }

    /// How many seconds the value of a key had to live when the transaction began.
    fn expiry(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<Option<f64>> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        Ok(py.detach(move || inner.expiry(keyspace, &key))?.map(convert::expiry))
    }

    /// Removes a key, whether or not it is there.
    fn delete(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let key = convert::key(key)?;
        Ok(py.detach(move || inner.delete(keyspace, &key))?)
    }

    /// Iterates over pairs of key and value of a keyspace.
    #[pyo3(signature = (keyspace, start=None, end=None, prefix=None, reverse=false, limit=None))]
    #[expect(clippy::too_many_arguments, reason = "they are what Python's callers name")]
    fn scan(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        limit: Option<Number<u64>>,
    ) -> Outcome<Scan> {
        let (inner, keyspace) = (self.inner(py)?, &keyspace.get().inner);
        let (range, limit) = (convert::range(start, end, prefix)?, convert::limit(limit)?);
        let cursor = py.detach(move || inner.cursor(keyspace, range))?;
        Ok(Scan::new(cursor, Part::Both, Direction::reverse(reverse), limit))
    }

    /// Adds a note for those who read the changes.
    fn note(&self, py: Python<'_>, note: &Bound<'_, PyAny>) -> Outcome<()> {
        let inner = self.inner(py)?;
        let note = Bytes::from(note, "note")?.lend(py, <[u8]>::to_vec);
        Ok(py.detach(move || inner.note(&note))?)
    }

    /// Marks what was written so far, to be able to come back to it.
    fn savepoint(&self, py: Python<'_>) -> Outcome<Savepoint> {
        let inner = self.inner(py)?;
        let savepoint = py.detach(move || inner.savepoint())?;
        Ok(Savepoint { inner: Own::new(Mutex::new(Some(Arc::new(savepoint)))) })
    }

    /// Takes back what was written since a savepoint.
    fn rollback_to(&self, py: Python<'_>, savepoint: &Bound<'_, Savepoint>) -> Outcome<()> {
        let inner = self.inner(py)?;
        let savepoint = savepoint.get().inner.here()?.lock_py_attached(py);
        let savepoint = savepoint.unwrap_or_else(PoisonError::into_inner).clone();
        let savepoint = savepoint.ok_or_else(|| Failure::invalid("the savepoint was released"))?;
        Ok(py.detach(move || inner.rollback_to(&savepoint))?)
    }

    /// Forgets a savepoint, and those made after it; what was written stays.
    fn release(&self, py: Python<'_>, savepoint: &Bound<'_, Savepoint>) -> Outcome<()> {
        let inner = self.inner(py)?;
        let savepoint = savepoint.get().inner.here()?.lock_py_attached(py);
        let savepoint = savepoint.unwrap_or_else(PoisonError::into_inner).take();
        let savepoint = savepoint.and_then(Arc::into_inner);
        let savepoint = savepoint.ok_or_else(|| Failure::invalid("the savepoint was released"))?;
        Ok(py.detach(move || inner.release(savepoint))?)
    }

    /// Makes all writes visible and durable at once.
    fn commit(&self, py: Python<'_>) -> Outcome<()> {
        self.open.database()?;
        let inner = self.take(py, Stage::Committed)?;
        Ok(py.detach(|| inner.commit())?)
    }

    /// Commits as far as the place in the order of commits; gives a handle to wait for the rest.
    fn submit(&self, py: Python<'_>) -> Outcome<CommitHandle> {
        self.open.database()?;
        let inner = self.take(py, Stage::Committed)?;
        Ok(CommitHandle::new(&self.open, py.detach(|| inner.submit())?))
    }

    /// Takes everything back. Once it has ended, this does nothing.
    fn rollback(&self, py: Python<'_>) -> Outcome<()> {
        if self.is_open(py) {
            let inner = self.take(py, Stage::RolledBack)?;
            py.detach(|| drop(inner));
        }
        Ok(())
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    /// Commits, unless an exception comes by or it has ended by hand.
    fn __exit__(
        &self,
        py: Python<'_>,
        exception_type: &Bound<'_, PyAny>,
        _exception: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        if exception_type.is_none() {
            return self.commit_if_open(py);
        }
        self.roll_back_if_open(py);
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> &'static str {
        let Ok(stage) = self.stage(py) else { return "<cuesta.Transaction>" };
        match &*stage {
            Stage::Open(_) => "<cuesta.Transaction>",
            Stage::Committed => "<cuesta.Transaction, committed>",
            Stage::RolledBack => "<cuesta.Transaction, rolled back>",
        }
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Savepoint>()?;
    module.add_class::<Transaction>()
}
