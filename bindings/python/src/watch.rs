//! Waiting until something changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::convert;
use crate::error::Outcome;
use crate::open::Open;

/// How long one wait lasts before Python may raise what a signal has brought, such as Ctrl-C.
const SLICE: Duration = Duration::from_millis(100);

/// Waits for `timeout` in slices, until `wait` has something to give.
pub fn in_slices<R: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    mut wait: impl FnMut(Duration) -> cuesta::Result<Option<R>> + Send,
) -> Outcome<Option<R>> {
    let mut left = timeout.unwrap_or(Duration::MAX);
    loop {
        let slice = left.min(SLICE);
        let told = py.detach(|| wait(slice))?;
        left = left.saturating_sub(slice);
        if told.is_some() || left.is_zero() {
            return Ok(told);
        }
        py.check_signals()?;
    }
}

/// Tells when something changes. From watch() of a database or keyspace, and watch_key().
#[pyclass(frozen, module = "cuesta")]
pub struct Watch {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: Mutex<cuesta::Watch>,
}

impl Watch {
    pub fn new(open: &Arc<Open>, inner: cuesta::Watch) -> Watch {
        Watch { open: open.clone(), inner: Mutex::new(inner) }
    }
}

#[pymethods]
impl Watch {
    /// Waits for a change that was not told yet; gives the number of its commit.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Outcome<Option<u64>> {
        self.open.database()?;
        let timeout = convert::timeout("timeout", timeout)?;
        in_slices(py, timeout, |slice| {
            self.inner.lock().unwrap_or_else(PoisonError::into_inner).wait(Some(slice))
        })
    }

    /// As wait(), without waiting.
    fn take(&self, py: Python<'_>) -> Outcome<Option<u64>> {
        self.open.database()?;
        let mut inner = self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        Ok(inner.take()?)
    }

    fn __repr__(&self) -> &'static str {
        "<cuesta.Watch>"
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Watch>()
}
