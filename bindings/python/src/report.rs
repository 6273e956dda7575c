//! What a database tells about itself: statistics, and what verifying and recovery found.

use cuesta::{Quantiles, Stats};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

/// What Database.verify() checked and found.
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct VerifyReport {
    indexes: usize,
    segments: usize,
    bytes: u64,
    entries: u64,
    log_segments: usize,
    log_commits: u64,
    problems: Vec<String>,
}

impl From<cuesta::VerifyReport> for VerifyReport {
    fn from(report: cuesta::VerifyReport) -> VerifyReport {
        VerifyReport {
            indexes: report.indexes,
            segments: report.segments,
            bytes: report.bytes,
            entries: report.entries,
            log_segments: report.log_segments,
            log_commits: report.log_commits,
            problems: report.problems,
        }
    }
}

#[pymethods]
impl VerifyReport {
    /// Whether nothing is wrong.
    #[getter]
    fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn __repr__(&self) -> String {
        format!(
            "<cuesta.VerifyReport: {} problems, {} segments of {} bytes, {} commits in the log>",
            self.problems.len(),
            self.segments,
            self.bytes,
            self.log_commits
        )
    }
}

/// What opening a database found and repaired.
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct RecoveryReport {
    created: bool,
    closed: bool,
    torn_bytes: u64,
    torn_manifest: Option<String>,
    replayed: u64,
    removed: u64,
    seconds: f64,
}

impl From<&cuesta::RecoveryReport> for RecoveryReport {
    fn from(report: &cuesta::RecoveryReport) -> RecoveryReport {
        RecoveryReport {
            created: report.created,
            closed: report.closed,
            torn_bytes: report.torn.map_or(0, |torn| torn.bytes),
            torn_manifest: report.torn_manifest.clone(),
            replayed: report.replayed,
            removed: report.removed,
            seconds: report.took.as_secs_f64(),
        }
    }
}

#[pymethods]
impl RecoveryReport {
    fn __repr__(&self) -> String {
        let how = match (self.created, self.closed) {
            (true, _) => "created",
            (false, true) => "closed in order",
            (false, false) => "not closed in order",
        };
        format!("<cuesta.RecoveryReport: {how}, {} commits replayed>", self.replayed)
    }
}

/// Statistics as a dict of what they have in Rust; names are keys.
pub fn stats<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let (latencies, keyspaces) = (PyDict::new(py), PyDict::new(py));
    for (name, quantiles) in &stats.latencies {
        latencies.set_item(name, latency(py, quantiles)?)?;
    }
    for keyspace in &stats.keyspaces {
        let numbers = PyDict::new(py);
        numbers.set_item("engine", &keyspace.engine)?;
        numbers.set_item("memtable_bytes", keyspace.memtable_bytes)?;
        numbers.set_item("segments", keyspace.segments)?;
        numbers.set_item("segment_bytes", keyspace.segment_bytes)?;
        numbers.set_item("entries", keyspace.entries)?;
        numbers.set_item("blob_bytes", keyspace.blob_bytes)?;
        numbers.set_item("blob_file_bytes", keyspace.blob_file_bytes)?;
        keyspaces.set_item(&keyspace.name, numbers)?;
    }
    let all = PyDict::new(py);
    all.set_item("counters", stats.counters.clone().into_py_dict(py)?)?;
    all.set_item("gauges", stats.gauges.clone().into_py_dict(py)?)?;
    all.set_item("latencies", latencies)?;
    all.set_item("pressure", stats.pressure)?;
    all.set_item("failure", &stats.failure)?;
    all.set_item("keyspaces", keyspaces)?;
    Ok(all)
}

/// Durations in seconds.
fn latency<'py>(py: Python<'py>, quantiles: &Quantiles) -> PyResult<Bound<'py, PyDict>> {
    let numbers = PyDict::new(py);
    numbers.set_item("count", quantiles.count)?;
    numbers.set_item("mean", quantiles.mean.as_secs_f64())?;
    numbers.set_item("p50", quantiles.p50.as_secs_f64())?;
    numbers.set_item("p99", quantiles.p99.as_secs_f64())?;
    numbers.set_item("p999", quantiles.p999.as_secs_f64())?;
    numbers.set_item("max", quantiles.max.as_secs_f64())?;
    Ok(numbers)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<VerifyReport>()?;
    module.add_class::<RecoveryReport>()
}
