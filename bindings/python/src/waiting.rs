//! Waiting for what Cuesta tells: in threads, which Ctrl-C reaches, and in coroutines of asyncio.
//!
//! ```text
//! await ──► Awaiting: asks ── told ──► the coroutine goes on with it
//!              ▲    not yet │
//!              │            ▼
//!        goes on       future of the loop ◄── call_soon_threadsafe ◄── a thread that commits
//!              └── done ────┘
//! ```
//!
//! Invariant: what is told is taken while the coroutine that gets it runs. One that is cancelled
//! takes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::error::Outcome;
use crate::own::Own;

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

/// Something that one at a time uses, and that is let go of while detached: that takes locks which
/// others may hold while they attach, to wake a coroutine.
pub struct Apart<T: Send>(Own<Mutex<Option<T>>>);

impl<T: Send> Apart<T> {
    pub fn new(inner: T) -> Apart<T> {
        Apart(Own::new(Mutex::new(Some(inner))))
    }

    /// Uses it, waiting for whoever does; to be called while detached.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> cuesta::Result<R>) -> cuesta::Result<R> {
        let mut inner = self.0.here()?.lock().unwrap_or_else(PoisonError::into_inner);
        inner.as_mut().map_or_else(|| Err(cuesta::Error::internal("it is gone")), work)
    }

    /// Polls it, without waiting for a thread that does.
    pub fn poll<R>(
        &self,
        poll: impl FnOnce(&mut T) -> Poll<cuesta::Result<R>>,
    ) -> Poll<cuesta::Result<R>> {
        let inner = match self.0.here() {
            Ok(inner) => inner,
            Err(error) => return Poll::Ready(Err(error)),
        };
        match inner.try_lock().as_deref_mut() {
            Ok(Some(inner)) => poll(inner),
            _ => Poll::Ready(Err(cuesta::Error::invalid(
                "another thread is waiting with it: make another one for each",
            ))),
        }
    }
}

impl<T: Send> Drop for Apart<T> {
    fn drop(&mut self) {
        let Ok(inner) = self.0.ending_mut() else { return };
        let inner = inner.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let _ = Python::try_attach(move |py| py.detach(move || drop(inner)));
    }
}

/// What a coroutine waits for.
trait Asked: Send + Sync {
    /// What there is; if nothing, somebody is woken when there may be.
    fn ask(&self, py: Python<'_>, waker: &Waker) -> Outcome<Poll<Py<PyAny>>>;
}

/// How to ask, while detached, and what an answer is in Python.
struct Question<Ask, Convert> {
    ask: Ask,
    convert: Convert,
}

impl<T, Ask, Convert> Asked for Question<Ask, Convert>
where
    T: Send,
    Ask: Fn(&mut Context<'_>) -> Poll<cuesta::Result<T>> + Send + Sync,
    Convert: Fn(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + Sync,
{
    fn ask(&self, py: Python<'_>, waker: &Waker) -> Outcome<Poll<Py<PyAny>>> {
        Ok(match py.detach(|| (self.ask)(&mut Context::from_waker(waker))) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(told) => Poll::Ready((self.convert)(py, told?)?),
        })
    }
}

/// One `await`: what a coroutine asks and, in between, what it waits for.
#[pyclass(frozen, module = "cuesta")]
pub struct Awaiting {
    asked: Own<Box<dyn Asked>>,
    event_loop: Py<PyAny>,
    /// The iterator of a future of the loop that is done when it is time to ask again.
    future: Mutex<Option<Py<PyAny>>>,
}

impl Awaiting {
    /// To be called in a coroutine of asyncio.
    ///
    /// # Errors
    /// `RuntimeError` elsewhere.
    pub fn new<T: Send + 'static>(
        py: Python<'_>,
        ask: impl Fn(&mut Context<'_>) -> Poll<cuesta::Result<T>> + Send + Sync + 'static,
        convert: impl Fn(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + Sync + 'static,
    ) -> Outcome<Awaiting> {
        let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?.unbind();
        let asked: Box<dyn Asked> = Box::new(Question { ask, convert });
        Ok(Awaiting { asked: Own::new(asked), event_loop, future: Mutex::new(None) })
    }
}

#[pymethods]
impl Awaiting {
    fn __await__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    /// Gives the loop what to wait for, or ends with what was told.
    fn __next__<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        let lock = || self.future.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let waits = lock().take();
        if let Some(waits) = waits {
            match waits.bind(py).call_method0("__next__") {
                Err(ended) if ended.is_instance_of::<PyStopIteration>(py) => {}
                other => return Ok(other?),
            }
        }
        let future = self.event_loop.bind(py).call_method0("create_future")?;
        let wakes =
            Wakes { event_loop: self.event_loop.clone_ref(py), future: future.clone().unbind() };
        let waker = Waker::from(Arc::new(wakes));
        match self.asked.here()?.ask(py, &waker)? {
            Poll::Ready(told) => Err(PyStopIteration::new_err((told,)).into()),
            Poll::Pending => {
                let waits = future.call_method0("__await__")?;
                let first = waits.call_method0("__next__")?;
                *lock() = Some(waits.unbind());
                Ok(first)
            }
        }
    }
}

/// Has the loop go on with a coroutine.
struct Wakes {
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        let call = |py: Python<'_>| {
            let done = Bound::new(py, Done(self.future.clone_ref(py)))?;
            self.event_loop.bind(py).call_method1("call_soon_threadsafe", (done,)).map(drop)
        };
        // A loop that is closed awaits nothing, nor does an interpreter at its end.
        let _ = Python::try_attach(call);
    }
}

/// Ends a future of the loop, which calls it.
#[pyclass(frozen, module = "cuesta")]
struct Done(Py<PyAny>);

#[pymethods]
impl Done {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let future = self.0.bind(py);
        // Cancelled, perhaps.
        if !future.call_method0("done")?.is_truthy()? {
            future.call_method1("set_result", (py.None(),))?;
        }
        Ok(())
    }
}
