//! Commits that are waited for later, by threads or in coroutines of asyncio.
//!
//! ```text
//! await handle ──► future of the loop ◄── set when the commit is done ── Awaiting, on the loop
//!                                                                            ▲
//!            a thread that commits or syncs ──► wakes ──► call_soon_threadsafe
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use cuesta::{Error, ErrorKind};
use pyo3::prelude::*;

use crate::convert;
use crate::error::{Failure, Outcome};
use crate::open::Open;

/// A commit that becomes visible and durable by itself. From submit() of a batch or transaction.
#[pyclass(frozen, module = "cuesta")]
pub struct CommitHandle {
    // Goes first, see `Open`.
    _open: Arc<Open>,
    inner: Arc<cuesta::CommitHandle>,
}

impl CommitHandle {
    pub fn new(open: &Arc<Open>, inner: cuesta::CommitHandle) -> CommitHandle {
        CommitHandle { _open: open.clone(), inner: Arc::new(inner) }
    }
}

#[pymethods]
impl CommitHandle {
    /// Its place in the order; commits are counted from 1.
    #[getter]
    fn commit(&self) -> u64 {
        self.inner.commit()
    }

    /// Whether wait() returns or raises at once.
    #[getter]
    fn done(&self, py: Python<'_>) -> bool {
        py.detach(|| self.inner.result()).is_some()
    }

    /// Waits until the commit is visible, and as durable as it was to be.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Outcome<()> {
        let timeout = timeout.map(|timeout| convert::seconds("timeout", timeout)).transpose()?;
        let result = py.detach(|| self.inner.wait_for(timeout.unwrap_or(Duration::MAX)));
        let late = || {
            let message = format!("commit {} is not done yet", self.inner.commit());
            Err(Error::new(ErrorKind::Timeout, message))
        };
        Ok(result.unwrap_or_else(late)?)
    }

    /// Waits in a coroutine of asyncio.
    fn __await__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?;
        let future = event_loop.call_method0("create_future")?;
        let (commit, event_loop) = (self.inner.clone(), event_loop.unbind());
        let awaiting = Awaiting { commit, event_loop, future: future.clone().unbind() };
        Bound::new(py, awaiting)?.call0()?;
        future.call_method0("__await__")
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.CommitHandle of commit {}>", self.inner.commit())
    }
}

/// A coroutine that awaits a commit. The loop calls it to look whether the commit is done.
#[pyclass(frozen, module = "cuesta")]
struct Awaiting {
    commit: Arc<cuesta::CommitHandle>,
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
}

#[pymethods]
impl Awaiting {
    fn __call__(this: &Bound<'_, Self>) -> PyResult<()> {
        let (py, awaiting) = (this.py(), this.get());
        let future = awaiting.future.bind(py);
        // Cancelled, perhaps.
        if future.call_method0("done")?.is_truthy()? {
            return Ok(());
        }
        let waker = Waker::from(Arc::new(WakeLoop(this.clone().unbind())));
        let mut commit = &*awaiting.commit;
        let polled = py.detach(|| Pin::new(&mut commit).poll(&mut Context::from_waker(&waker)));
        match polled {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => drop(future.call_method1("set_result", (py.None(),))?),
            Poll::Ready(Err(error)) => {
                let error = PyErr::from(Failure::from(error));
                future.call_method1("set_exception", (error.into_value(py),))?;
            }
        }
        Ok(())
    }
}

/// Has the loop look again.
struct WakeLoop(Py<Awaiting>);

impl Wake for WakeLoop {
    fn wake(self: Arc<Self>) {
        let call = |py: Python<'_>| {
            let event_loop = self.0.get().event_loop.bind(py);
            event_loop.call_method1("call_soon_threadsafe", (self.0.bind(py),)).map(drop)
        };
        // A loop that is closed awaits nothing, nor does an interpreter at its end.
        let _ = Python::try_attach(call);
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CommitHandle>()
}
