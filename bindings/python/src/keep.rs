//! Copies of open databases.

use std::time::Duration;

use pyo3::prelude::*;

/// What a checkpoint is made of. From Database.checkpoint().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct Checkpoint {
    /// The last commit in it.
    commit: u64,
    /// Files that both databases share.
    linked_files: u64,
    /// Bytes of them.
    linked_bytes: u64,
    /// Files that were copied.
    copied_files: u64,
    /// Bytes of them.
    copied_bytes: u64,
    /// Bytes of log copied.
    log_bytes: u64,
    /// Time it took, in seconds.
    seconds: f64,
}

impl From<cuesta::Checkpoint> for Checkpoint {
    fn from(made: cuesta::Checkpoint) -> Checkpoint {
        Checkpoint {
            commit: made.commit,
            linked_files: made.linked_files,
            linked_bytes: made.linked_bytes,
            copied_files: made.copied_files,
            copied_bytes: made.copied_bytes,
            log_bytes: made.log_bytes,
            seconds: Duration::as_secs_f64(&made.took),
        }
    }
}

#[pymethods]
impl Checkpoint {
    fn __repr__(&self) -> String {
        format!("<cuesta.Checkpoint at commit {}>", self.commit)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Checkpoint>()
}
