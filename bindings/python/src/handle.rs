//! Commits that are waited for later, by threads or in coroutines of asyncio.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cuesta::{Error, ErrorKind};
use pyo3::prelude::*;

use crate::convert;
use crate::error::Outcome;
use crate::open::Open;
use crate::own::Own;
use crate::waiting::{Awaiting, in_slices};

/// A commit that becomes visible and durable by itself. From submit() of a batch or transaction.
#[pyclass(frozen, module = "cuesta")]
pub struct CommitHandle {
    // Goes first, see `Open`.
    _open: Arc<Open>,
    commit: u64,
    inner: Own<Arc<cuesta::CommitHandle>>,
}

impl CommitHandle {
    pub fn new(open: &Arc<Open>, inner: cuesta::CommitHandle) -> CommitHandle {
        let commit = inner.commit();
        CommitHandle { _open: open.clone(), commit, inner: Own::new(Arc::new(inner)) }
    }
}

#[pymethods]
impl CommitHandle {
    /// Its place in the order; commits are counted from 1.
    #[getter]
    fn commit(&self) -> u64 {
        self.commit
    }

    /// Whether wait() returns or raises at once.
    #[getter]
    fn done(&self, py: Python<'_>) -> Outcome<bool> {
        let inner = self.inner.here()?;
        Ok(py.detach(|| inner.result()).is_some())
    }

    /// Waits until the commit is visible, and as durable as it was to be.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Outcome<()> {
        let timeout = convert::timeout("timeout", timeout)?;
        let inner = self.inner.here()?;
        in_slices(py, timeout, |slice| inner.wait_for(slice).transpose())?.ok_or_else(|| {
            let message = format!("commit {} is not done yet", self.commit);
            Error::new(ErrorKind::Timeout, message).into()
        })
    }

    /// Waits in a coroutine of asyncio.
    fn __await__(&self, py: Python<'_>) -> Outcome<Awaiting> {
        let commit = self.inner.here()?.clone();
        Awaiting::new(py, move |cx| Pin::new(&mut &*commit).poll(cx), |py, ()| Ok(py.None()))
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.CommitHandle of commit {}>", self.commit)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CommitHandle>()
}
