//! What belongs to the process that made it, and to none that is forked from it.
//!
//! The threads of a database are not in a forked child, locks may be held there by threads that
//! are not, and both processes would write to the same files. So a child uses nothing of what it
//! inherits, and lets go of nothing: what is dropped there is forgotten.
//!
//! ```text
//! os.fork() ──► the child: after_in_child ──► GENERATION + 1 ──► all that was made before is
//!                                                                refused, or forgotten
//! ```
//!
//! What was registered before the module was imported is called before that; so whoever closes,
//! drops or discards compares the number of the process, too ([`Own::ending`]). Uses do not, for it
//! takes a call of the system.
//!
//! Not for forks by native code, which does not call what Python calls after a fork: what such a
//! child drops is forgotten, what it uses is not refused.
//!
//! Invariant: whether something is of this process is asked before any lock of it is taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::{mem, process};

use cuesta::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// How many forks lie between this process and the one that has imported the module.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Something that is used and dropped only where it was made.
pub struct Own<T> {
    /// Gone once it is dropped.
    inner: Option<T>,
    generation: u64,
    /// The number of its process.
    process: u32,
}

fn forked() -> Error {
    Error::invalid(
        "it belongs to the process that this one was forked from: open the database here once it \
         is closed there, or start processes by \"spawn\"",
    )
}

impl<T> Own<T> {
    pub fn new(inner: T) -> Own<T> {
        let generation = GENERATION.load(Ordering::Relaxed);
        Own { inner: Some(inner), generation, process: process::id() }
    }

    /// Whether this process has made it. Asks the system.
    pub fn is_here(&self) -> bool {
        self.is_of_generation() && self.process == process::id()
    }

    fn is_of_generation(&self) -> bool {
        self.generation == GENERATION.load(Ordering::Relaxed)
    }

    /// What it is.
    ///
    /// # Errors
    /// `Invalid` in a forked child.
    pub fn here(&self) -> Result<&T> {
        self.inner.as_ref().filter(|_| self.is_of_generation()).ok_or_else(forked)
    }

    /// What it is, to end it. Asks the system.
    ///
    /// # Errors
    /// `Invalid` in a forked child, even in one that the module does not know of yet.
    pub fn ending(&self) -> Result<&T> {
        self.inner.as_ref().filter(|_| self.is_here()).ok_or_else(forked)
    }

    /// As [`Own::ending`], when it is dropped.
    pub fn ending_mut(&mut self) -> Result<&mut T> {
        let is_here = self.is_here();
        self.inner.as_mut().filter(|_| is_here).ok_or_else(forked)
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if !self.is_here() {
            mem::forget(self.inner.take());
        }
    }
}

/// Tells a child that it is one.
#[pyfunction]
fn after_fork() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // Not where processes cannot be forked.
    if let Some(register) = py.import("os")?.getattr_opt("register_at_fork")? {
        let named = PyDict::new(py);
        named.set_item("after_in_child", wrap_pyfunction!(after_fork, py)?)?;
        register.call((), Some(&named))?;
    }
    Ok(())
}
