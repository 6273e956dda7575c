//! New databases out of what is intact in damaged ones.

use std::path::PathBuf;

use cuesta::{Database, Lost};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::convert::{self, Number};
use crate::error::Outcome;
use crate::operator;

/// Something that is lost, or may be. From RepairReport.losses.
#[pyclass(frozen, module = "cuesta")]
pub struct Loss {
    inner: cuesta::Loss,
}

#[pymethods]
impl Loss {
    /// The keyspace that it belongs to, if it belongs to one.
    #[getter]
    fn keyspace(&self) -> Option<&str> {
        self.inner.keyspace.as_deref()
    }

    /// What it is: "keys", "value", "deletes", "base", "commits", "file" or "other".
    #[getter]
    fn lost(&self) -> &'static str {
        match self.inner.what {
            Lost::Keys { .. } => "keys",
            Lost::Value { .. } => "value",
            Lost::Deletes { .. } => "deletes",
            Lost::Base { .. } => "base",
            Lost::Commits { .. } => "commits",
            Lost::File { .. } => "file",
            _ => "other",
        }
    }

    /// The key, or the first of them.
    #[getter]
    fn first_key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        match &self.inner.what {
            Lost::Keys { first, .. } | Lost::Deletes { first, .. } => Some(PyBytes::new(py, first)),
            Lost::Value { key } | Lost::Base { key } => Some(PyBytes::new(py, key)),
            _ => None,
        }
    }

    /// The key, or the last of them; of deletes, the first key behind them.
    #[getter]
    fn last_key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let key = match &self.inner.what {
            Lost::Keys { last, .. } => last.as_deref(),
            Lost::Deletes { end, .. } => end.as_deref(),
            Lost::Value { key } | Lost::Base { key } => Some(key.as_slice()),
            _ => None,
        };
        key.map(|key| PyBytes::new(py, key))
    }

    /// The number of the first commit.
    #[getter]
    fn first_commit(&self) -> Option<u64> {
        match self.inner.what {
            Lost::Commits { first, .. } => Some(first),
            _ => None,
        }
    }

    /// The number of the last commit.
    #[getter]
    fn last_commit(&self) -> Option<u64> {
        match self.inner.what {
            Lost::Commits { last, .. } => last,
            _ => None,
        }
    }

    /// The name of the file.
    #[getter]
    fn file(&self) -> Option<&str> {
        match &self.inner.what {
            Lost::File { name } => Some(name),
            _ => None,
        }
    }

    /// Why it is lost.
    #[getter]
    fn why(&self) -> &str {
        &self.inner.why
    }

    fn __str__(&self) -> String {
        self.inner.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.Loss {}>", self.inner)
    }
}

/// What a repair has saved, and what not. From repair().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct RepairReport {
    /// Whether everything was saved.
    is_whole: bool,
    /// Keyspaces in the new database.
    keyspaces: usize,
    /// Segments that were looked for.
    segments: usize,
    /// Bytes saved out of them.
    segment_bytes: u64,
    /// Commits that were read in the log.
    log_commits: u64,
    /// The last of them.
    last_commit: u64,
    /// What is lost or may be, the first ten thousand.
    losses: Vec<Py<Loss>>,
    /// All of them.
    loss_count: u64,
    /// Time it took, in seconds.
    seconds: f64,
}

#[pymethods]
impl RepairReport {
    fn __repr__(&self) -> String {
        format!("<cuesta.RepairReport of {} losses>", self.loss_count)
    }
}

/// Makes a directory a new database out of what is intact in a damaged one.
#[pyfunction]
#[pyo3(signature = (damaged, path, *, memory_budget=None, merge_operators=None))]
fn repair(
    py: Python<'_>,
    damaged: PathBuf,
    path: PathBuf,
    memory_budget: Option<Number<u64>>,
    merge_operators: Option<&Bound<'_, PyDict>>,
) -> Outcome<RepairReport> {
    let mut builder = Database::builder();
    if let Some(bytes) = convert::number("memory_budget", memory_budget)? {
        builder = builder.memory_budget(bytes);
    }
    if let Some(operators) = merge_operators {
        builder = operator::register_all(builder, operators)?;
    }
    let report = py.detach(|| builder.repair(damaged, path))?;
    let (is_whole, seconds) = (report.is_whole(), report.took.as_secs_f64());
    let losses = report.losses.into_iter().map(|inner| Py::new(py, Loss { inner }));
    Ok(RepairReport {
        is_whole,
        keyspaces: report.keyspaces,
        segments: report.segments,
        segment_bytes: report.segment_bytes,
        log_commits: report.log_commits,
        last_commit: report.last_commit,
        losses: losses.collect::<PyResult<Vec<_>>>()?,
        loss_count: report.loss_count,
        seconds,
    })
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Loss>()?;
    module.add_class::<RepairReport>()?;
    module.add_function(wrap_pyfunction!(repair, module)?)
}
