//! Batches: writes that happen together or not at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::convert::{self, Bytes};
use crate::error::{Failure, Outcome};
use crate::handle::CommitHandle;
use crate::keyspace::Keyspace;
use crate::open::Open;
use crate::own::Own;

/// Writes to any keyspaces that become visible and durable together. From Database.batch().
#[pyclass(frozen, module = "cuesta")]
pub struct Batch {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: Own<Mutex<Stage>>,
}

enum Stage {
    Collecting(cuesta::Batch),
    Committed,
    Discarded,
}

impl Stage {
    fn collecting(&mut self) -> Outcome<&mut cuesta::Batch> {
        match self {
            Stage::Collecting(batch) => Ok(batch),
            Stage::Committed => Err(Failure::invalid("the batch was committed: make a new one")),
            Stage::Discarded => Err(Failure::invalid("the batch was discarded: make a new one")),
        }
    }
}

impl Batch {
    pub fn new(open: &Arc<Open>, inner: cuesta::Batch) -> Batch {
        Batch { open: open.clone(), inner: Own::new(Mutex::new(Stage::Collecting(inner))) }
    }

    fn stage(&self, py: Python<'_>) -> Outcome<MutexGuard<'_, Stage>> {
        let inner = self.inner.here()?;
        Ok(inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Batch {
    /// Sets the value of a key in a keyspace, for some time perhaps.
    #[pyo3(signature = (keyspace, key, value, ttl=None))]
    fn put(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<f64>,
    ) -> Outcome<()> {
        let ttl = convert::ttl(ttl)?;
        let keyspace = &keyspace.get().inner;
        let (key, value) = (convert::key(key)?, Bytes::from(value, "value")?);
        let mut stage = self.stage(py)?;
        let batch = stage.collecting()?;
        value.lend(py, |value| match ttl {
            Some(ttl) => batch.put_with_ttl(keyspace, &key, value, ttl),
            None => batch.put(keyspace, &key, value),
        })?;
        Ok(())
    }

    /// Merges what a key of a keyspace has with an operand.
    fn merge(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
        operand: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        let keyspace = &keyspace.get().inner;
        let (key, operand) = (convert::key(key)?, Bytes::from(operand, "operand")?);
        let mut stage = self.stage(py)?;
        let batch = stage.collecting()?;
        operand.lend(py, |operand| batch.merge(keyspace, &key, operand))?;
        Ok(())
    }

    /// Adds a note for those who read the changes.
    fn note(&self, py: Python<'_>, note: &Bound<'_, PyAny>) -> Outcome<()> {
        let note = Bytes::from(note, "note")?;
        let mut stage = self.stage(py)?;
        let batch = stage.collecting()?;
        note.lend(py, |note| {
            batch.note(note);
        });
        Ok(())
    }

    /// Removes a key from a keyspace, whether or not it is there.
    fn delete(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        key: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        let key = convert::key(key)?;
        self.stage(py)?.collecting()?.delete(&keyspace.get().inner, &key)?;
        Ok(())
    }

    /// Removes all keys of a range, those that were written to the batch before included.
    #[pyo3(signature = (keyspace, start=None, end=None, prefix=None))]
    fn delete_range(
        &self,
        py: Python<'_>,
        keyspace: &Bound<'_, Keyspace>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<()> {
        let range = convert::bounded(start, end, prefix)?;
        self.stage(py)?.collecting()?.delete_range(&keyspace.get().inner, range)?;
        Ok(())
    }

    /// Forgets all writes so far.
    fn clear(&self, py: Python<'_>) -> Outcome<()> {
        self.stage(py)?.collecting()?.clear();
        Ok(())
    }

    /// Commits all writes at once.
    fn commit(&self, py: Python<'_>) -> Outcome<()> {
        self.open.database()?;
        let mut stage = self.stage(py)?;
        stage.collecting()?;
        let taken = std::mem::replace(&mut *stage, Stage::Committed);
        drop(stage);
        if let Stage::Collecting(batch) = taken {
            py.detach(|| batch.commit())?;
        }
        Ok(())
    }

    /// Commits as far as the place in the order of commits; gives a handle to wait for the rest.
    fn submit(&self, py: Python<'_>) -> Outcome<CommitHandle> {
        self.open.database()?;
        let mut stage = self.stage(py)?;
        stage.collecting()?;
        let taken = std::mem::replace(&mut *stage, Stage::Committed);
        drop(stage);
        let Stage::Collecting(batch) = taken else {
            return Err(Failure::invalid("the batch is over: make a new one"));
        };
        Ok(CommitHandle::new(&self.open, py.detach(|| batch.submit())?))
    }

    fn __len__(&self, py: Python<'_>) -> Outcome<usize> {
        Ok(match &*self.stage(py)? {
            Stage::Collecting(batch) => batch.len(),
            Stage::Committed | Stage::Discarded => 0,
        })
    }

    /// A batch is never false, not even when it is empty.
    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    /// Commits, unless an exception comes by or it was committed by hand.
    fn __exit__(
        &self,
        py: Python<'_>,
        exception_type: &Bound<'_, PyAny>,
        _exception: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        if !self.inner.is_here() && !exception_type.is_none() {
            return Ok(());
        }
        let mut stage = self.stage(py)?;
        if let Stage::Collecting(_) = &*stage {
            if exception_type.is_none() {
                drop(stage);
                return self.commit(py);
            }
            *stage = Stage::Discarded;
        }
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let Ok(stage) = self.stage(py) else { return "<cuesta.Batch>".into() };
        match &*stage {
            Stage::Collecting(batch) => format!("<cuesta.Batch of {} writes>", batch.len()),
            Stage::Committed => "<cuesta.Batch, committed>".into(),
            Stage::Discarded => "<cuesta.Batch, discarded>".into(),
        }
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Batch>()
}
