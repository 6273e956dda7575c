//! Waiting until something changes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pyo3::prelude::*;

use crate::convert;
use crate::error::Outcome;
use crate::open::Open;
use crate::waiting::{Apart, Awaiting, in_slices};

/// Tells when something changes. From watch() of a database or keyspace, and watch_key().
#[pyclass(frozen, module = "cuesta")]
pub struct Watch {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: Apart<cuesta::Watch>,
}

impl Watch {
    pub fn new(open: &Arc<Open>, inner: cuesta::Watch) -> Watch {
        Watch { open: open.clone(), inner: Apart::new(inner) }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<cuesta::Result<u64>> {
        self.inner.poll(|inner| pin!(inner.changed()).poll(cx))
    }
}

#[pymethods]
impl Watch {
    /// Waits for a change that was not told yet; gives the number of its commit.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Outcome<Option<u64>> {
        self.open.database()?;
        let timeout = convert::timeout("timeout", timeout)?;
        in_slices(py, timeout, |slice| self.inner.with(|inner| inner.wait(Some(slice))))
    }

    /// As wait(), without waiting.
    fn take(&self, py: Python<'_>) -> Outcome<Option<u64>> {
        self.open.database()?;
        Ok(py.detach(|| self.inner.with(cuesta::Watch::take))?)
    }

    /// As wait(), in a coroutine of asyncio.
    fn __await__(this: Bound<'_, Self>) -> Outcome<Awaiting> {
        this.get().open.database()?;
        let (py, watch) = (this.py(), this.unbind());
        let convert =
            |py: Python<'_>, commit: u64| Ok(commit.into_pyobject(py)?.into_any().unbind());
        Awaiting::new(py, move |cx| watch.get().poll(cx), convert)
    }

    fn __aiter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __anext__(this: Bound<'_, Self>) -> Outcome<Awaiting> {
        Watch::__await__(this)
    }

    fn __repr__(&self) -> &'static str {
        "<cuesta.Watch>"
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Watch>()
}
