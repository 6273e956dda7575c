//! Copies of databases: checkpoints, backups, dumps; and what looking for damage has found.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use cuesta::{Error, Existing, RestoreTo, Result};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::convert::{self, Number};
use crate::error::{self, Failure, Outcome};

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
            seconds: made.took.as_secs_f64(),
        }
    }
}

#[pymethods]
impl Checkpoint {
    fn __repr__(&self) -> String {
        format!("<cuesta.Checkpoint at commit {}>", self.commit)
    }
}

/// What making a backup has taken. From Database.backup().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct Backup {
    /// Its number.
    number: u64,
    /// The last commit in it.
    commit: u64,
    /// Files copied.
    copied_files: u64,
    /// Bytes of them.
    copied_bytes: u64,
    /// Files that earlier backups had.
    kept_files: u64,
    /// Bytes of them.
    kept_bytes: u64,
    /// Bytes of log copied.
    log_bytes: u64,
    /// Time it took, in seconds.
    seconds: f64,
}

impl From<cuesta::Backup> for Backup {
    fn from(of: cuesta::Backup) -> Backup {
        Backup {
            number: of.number,
            commit: of.commit,
            copied_files: of.copied_files,
            copied_bytes: of.copied_bytes,
            kept_files: of.kept_files,
            kept_bytes: of.kept_bytes,
            log_bytes: of.log_bytes,
            seconds: of.took.as_secs_f64(),
        }
    }
}

#[pymethods]
impl Backup {
    fn __repr__(&self) -> String {
        format!("<cuesta.Backup {} at commit {}>", self.number, self.commit)
    }
}

/// A backup that is there. From Backups.list().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct BackupInfo {
    /// Its number.
    number: u64,
    /// The database that it is of.
    database: String,
    /// The last commit in it.
    commit: u64,
    /// The time of that commit, milliseconds since 1970 UTC.
    commit_ms: u64,
    /// When it was made, milliseconds since 1970 UTC.
    made_ms: u64,
    /// Data files.
    files: u64,
    /// Bytes of data files and log.
    bytes: u64,
}

impl From<cuesta::BackupInfo> for BackupInfo {
    fn from(of: cuesta::BackupInfo) -> BackupInfo {
        BackupInfo {
            number: of.number,
            database: of.database,
            commit: of.commit,
            commit_ms: of.commit_ms,
            made_ms: of.made_ms,
            files: of.files,
            bytes: of.bytes,
        }
    }
}

#[pymethods]
impl BackupInfo {
    fn __repr__(&self) -> String {
        format!("<cuesta.BackupInfo {} at commit {}>", self.number, self.commit)
    }
}

/// What was restored. From Backups.restore().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct Restored {
    /// The backup that it began with.
    backup: u64,
    /// The last commit.
    commit: u64,
    /// Commits that came from the archive of the log.
    from_archive: u64,
    /// Time it took, in seconds.
    seconds: f64,
}

impl From<cuesta::Restored> for Restored {
    fn from(of: cuesta::Restored) -> Restored {
        Restored {
            backup: of.backup,
            commit: of.commit,
            from_archive: of.from_archive,
            seconds: of.took.as_secs_f64(),
        }
    }
}

#[pymethods]
impl Restored {
    fn __repr__(&self) -> String {
        format!("<cuesta.Restored at commit {}>", self.commit)
    }
}

/// What removing backups has given back. From Backups.purge().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct Purged {
    /// Backups removed.
    backups: u64,
    /// Files removed.
    files: u64,
    /// Bytes of them.
    bytes: u64,
}

impl From<cuesta::Purged> for Purged {
    fn from(of: cuesta::Purged) -> Purged {
        Purged { backups: of.backups, files: of.files, bytes: of.bytes }
    }
}

#[pymethods]
impl Purged {
    fn __repr__(&self) -> String {
        format!("<cuesta.Purged of {} backups>", self.backups)
    }
}

/// What a dump holds, or a load has put in. From Database.dump() and load().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct Dumped {
    /// Keyspaces.
    keyspaces: u64,
    /// Entries in them.
    entries: u64,
    /// Bytes of the dump.
    bytes: u64,
    /// The last commit of the database that was dumped.
    commit: u64,
    /// Keyspace and key of what was left out.
    unmerged: Vec<(String, Key)>,
}

/// A key that becomes bytes.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl<'py> IntoPyObject<'py> for Key {
    type Target = PyBytes;
    type Output = Bound<'py, PyBytes>;
    type Error = std::convert::Infallible;

    fn into_pyobject(self, py: Python<'py>) -> std::result::Result<Self::Output, Self::Error> {
        Ok(PyBytes::new(py, &self.0))
    }
}

impl Dumped {
    fn of(of: cuesta::Dumped, unmerged: Vec<(String, Key)>) -> Dumped {
        let cuesta::Dumped { keyspaces, entries, bytes, commit, .. } = of;
        Dumped { keyspaces, entries, bytes, commit, unmerged }
    }
}

#[pymethods]
impl Dumped {
    fn __repr__(&self) -> String {
        format!("<cuesta.Dumped of {} entries>", self.entries)
    }
}

/// What reading everything in the background has found. From Database.scrub_report().
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct ScrubReport {
    /// Times that everything was read.
    passes: u64,
    /// Segments read.
    segments: u64,
    /// Bytes of them.
    bytes: u64,
    /// What is wrong, one line each.
    problems: Vec<String>,
}

impl From<cuesta::ScrubReport> for ScrubReport {
    fn from(of: cuesta::ScrubReport) -> ScrubReport {
        ScrubReport {
            passes: of.passes,
            segments: of.segments,
            bytes: of.bytes,
            problems: of.problems,
        }
    }
}

#[pymethods]
impl ScrubReport {
    fn __repr__(&self) -> String {
        format!("<cuesta.ScrubReport of {} passes>", self.passes)
    }
}

/// A directory of backups.
#[pyclass(frozen, module = "cuesta")]
pub struct Backups {
    path: PathBuf,
    inner: cuesta::Backups,
}

#[pymethods]
impl Backups {
    #[new]
    fn new(path: PathBuf) -> Backups {
        Backups { inner: cuesta::Backups::at(&path), path }
    }

    /// Every backup, oldest first; an exception in place of one that is damaged.
    fn list<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyList>> {
        let all = PyList::empty(py);
        for found in py.detach(|| self.inner.list())? {
            match found {
                Ok(info) => all.append(Bound::new(py, BackupInfo::from(info))?)?,
                Err(error) => all.append(PyErr::from(Failure::from(error)).into_value(py))?,
            }
        }
        Ok(all)
    }

    /// Reads every file of every backup; what is wrong, one line each.
    fn check(&self, py: Python<'_>) -> Outcome<Vec<String>> {
        Ok(py.detach(|| self.inner.check())?)
    }

    /// Makes a directory a database out of a backup and the archived log behind it.
    #[pyo3(signature = (path, *, backup=None, commit=None, time_ms=None))]
    fn restore(
        &self,
        py: Python<'_>,
        path: PathBuf,
        backup: Option<Number<u64>>,
        commit: Option<Number<u64>>,
        time_ms: Option<Number<u64>>,
    ) -> Outcome<Restored> {
        let (backup, commit) =
            (convert::number("backup", backup)?, convert::number("commit", commit)?);
        let time_ms = convert::number("time_ms", time_ms)?;
        let to = match (backup, commit, time_ms) {
            (None, None, None) => RestoreTo::Latest,
            (Some(backup), None, None) => RestoreTo::Backup(backup),
            (None, Some(commit), None) => RestoreTo::Commit(commit),
            (None, None, Some(time_ms)) => RestoreTo::TimeMs(time_ms),
            _ => return Err(Failure::invalid("more than one of backup, commit and time_ms")),
        };
        Ok(py.detach(|| self.inner.restore(&path, to))?.into())
    }

    /// Removes all but the newest backups.
    fn purge(&self, py: Python<'_>, keep: Number<usize>) -> Outcome<Purged> {
        let keep = keep.named("keep")?;
        Ok(py.detach(|| self.inner.purge(keep))?.into())
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.Backups in {:?}>", self.path.display().to_string())
    }
}

/// How many bytes a file of Python is asked for or given at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Refuses what cannot be a file, since it has no such method.
pub fn check_file(file: &Bound<'_, PyAny>, method: &str) -> PyResult<()> {
    if file.getattr_opt(method)?.is_some_and(|method| method.is_callable()) {
        return Ok(());
    }
    let class = file.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "file must be an open binary file, with {method}(), not {class}"
    )))
}

/// An open binary file of Python.
struct PythonFile(Py<PyAny>);

impl Write for PythonFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Python::attach(|py| {
            // Ctrl-C, of which methods that are not written in Python may know nothing.
            py.check_signals()?;
            let bytes = bytes.get(..CHUNK_BYTES).unwrap_or(bytes);
            let written = self.0.bind(py).call_method1("write", (PyBytes::new(py, bytes),))?;
            // A raw file may take less than it is given.
            Ok(written.extract::<usize>()?.min(bytes.len()))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Python::attach(|py| Ok(self.0.bind(py).call_method0("flush").map(drop)?))
    }
}

impl Read for PythonFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            py.check_signals()?;
            let read = self.0.bind(py).call_method1("read", (buffer.len(),))?;
            let bytes = read.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
            let start = buffer.get_mut(..bytes.len());
            let start = start.ok_or_else(|| io::Error::other("a file gave more than asked for"))?;
            start.copy_from_slice(bytes);
            Ok(bytes.len())
        })
    }
}

/// Writes a dump to an open file. To be called while detached.
pub fn dump(database: &cuesta::Database, file: Py<PyAny>, unmerged: Unmergeable) -> Result<Dumped> {
    let mut file = BufWriter::with_capacity(CHUNK_BYTES, PythonFile(file));
    let mut passed = Vec::new();
    let dumped = database.dump_passing(&mut file, |met| match unmerged {
        Unmergeable::Fail => Err(met.error.advice("skip_unmergeable=True leaves it out")),
        // Ctrl-C in an operator.
        Unmergeable::Skip if error::comes_out(&met.error) => Err(met.error),
        Unmergeable::Skip => {
            passed.push((met.keyspace.to_owned(), Key(met.key.to_vec())));
            Ok(())
        }
    });
    let dumped = dumped.and_then(|dumped| {
        file.flush().map_err(|error| Error::io("writing the dump", error))?;
        Ok(Dumped::of(dumped, passed))
    });
    // After an error, the rest is not written.
    drop(file.into_parts());
    dumped
}

/// What a dump does about keys whose operands do not fit their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmergeable {
    /// It fails.
    Fail,
    /// It leaves them out.
    Skip,
}

/// Takes in what `dump` wrote. To be called while detached.
pub fn load(database: &cuesta::Database, file: Py<PyAny>, existing: Existing) -> Result<Dumped> {
    let file = BufReader::with_capacity(CHUNK_BYTES, PythonFile(file));
    Ok(Dumped::of(database.load(file, existing)?, Vec::new()))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Checkpoint>()?;
    module.add_class::<Backup>()?;
    module.add_class::<BackupInfo>()?;
    module.add_class::<Backups>()?;
    module.add_class::<Restored>()?;
    module.add_class::<Purged>()?;
    module.add_class::<Dumped>()?;
    module.add_class::<ScrubReport>()
}
