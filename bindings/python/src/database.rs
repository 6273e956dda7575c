//! Opening and closing, and what concerns all keyspaces.

use std::path::PathBuf;
use std::sync::Arc;

use cuesta::{Builder, Error, Existing, KeyspaceOptions};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::batch::Batch;
use crate::cache::{self, Cache};
use crate::convert::{self, Number};
use crate::error::{Failure, Outcome};
use crate::feed::Changes;
use crate::keep::{self, Backup, Checkpoint, Dumped, ScrubReport};
use crate::keyspace::Keyspace;
use crate::load::BulkLoad;
use crate::open::Open;
use crate::operator;
use crate::report::{self, RecoveryReport, VerifyReport};
use crate::snapshot::Snapshot;
use crate::transaction::{self, Transaction};
use crate::waiting::in_slices;
use crate::watch::Watch;

/// An open database. From cuesta.open().
#[pyclass(frozen, module = "cuesta")]
pub struct Database {
    open: Arc<Open>,
}

/// Opens the database in a directory, which is created when missing, unless create=False.
///
/// mode is "write", or "read" for a database that nobody writes, or "reader" to read along with a
/// process that writes. durability says what a commit survives: "sync" (power loss), "interval",
/// "buffered" (a killed process) or "none". memory_budget is for all memory, in bytes (256 MiB).
/// The others, with what they are by default: docs/python.md, and the stubs of this package.
///
///     with cuesta.open("people.db") as db:
///         db.keyspace("names")["ada"] = "Ada Lovelace"
#[pyfunction]
#[pyo3(signature = (
    path, durability="sync", memory_budget=None, read_only=false, *, create=true, mode=None,
    sync_interval=None, background_threads=None, use_mmap=true, strict_memory=false,
    snapshot_budget=None, log_segment_bytes=None, log_retention_bytes=None, log_retention_age=None,
    feed_retention_bytes=None, background_rate=None, scrub=None, archive_log=None,
    merge_operators=None, refresh_interval=None
))]
#[expect(clippy::too_many_arguments, reason = "they are what Python's callers name")]
fn open(
    py: Python<'_>,
    path: PathBuf,
    durability: &str,
    memory_budget: Option<Number<u64>>,
    read_only: bool,
    create: bool,
    mode: Option<&str>,
    sync_interval: Option<f64>,
    background_threads: Option<Number<usize>>,
    use_mmap: bool,
    strict_memory: bool,
    snapshot_budget: Option<Number<u64>>,
    log_segment_bytes: Option<Number<u64>>,
    log_retention_bytes: Option<Number<u64>>,
    log_retention_age: Option<f64>,
    feed_retention_bytes: Option<Number<u64>>,
    background_rate: Option<Number<u64>>,
    scrub: Option<Number<u64>>,
    archive_log: Option<PathBuf>,
    merge_operators: Option<&Bound<'_, PyDict>>,
    refresh_interval: Option<f64>,
) -> Outcome<Database> {
    let mut builder = cuesta::Database::builder().durability(convert::durability(durability)?);
    let memory_budget = convert::number("memory_budget", memory_budget)?;
    builder = memory_budget.into_iter().fold(builder, Builder::memory_budget);
    let background_threads = convert::number("background_threads", background_threads)?;
    builder = background_threads.into_iter().fold(builder, Builder::background_threads);
    let snapshot_budget = convert::number("snapshot_budget", snapshot_budget)?;
    builder = snapshot_budget.into_iter().fold(builder, Builder::snapshot_budget);
    let log_segment_bytes = convert::number("log_segment_bytes", log_segment_bytes)?;
    builder = log_segment_bytes.into_iter().fold(builder, Builder::log_segment_bytes);
    let log_retention_bytes = convert::number("log_retention_bytes", log_retention_bytes)?;
    builder = log_retention_bytes.into_iter().fold(builder, Builder::log_retention_bytes);
    let feed_retention_bytes = convert::number("feed_retention_bytes", feed_retention_bytes)?;
    builder = feed_retention_bytes.into_iter().fold(builder, Builder::feed_retention_bytes);
    let background_rate = convert::number("background_rate", background_rate)?;
    builder = background_rate.into_iter().fold(builder, Builder::background_rate);
    let scrub = convert::number("scrub", scrub)?;
    builder = scrub.into_iter().fold(builder, Builder::scrub);
    let has_archive = archive_log.is_some();
    builder = archive_log.into_iter().fold(builder, Builder::archive_log);
    let age = convert::timeout("log_retention_age", log_retention_age)?;
    builder = age.into_iter().fold(builder, Builder::log_retention_age);
    if let Some(operators) = merge_operators {
        builder = operator::register_all(builder, operators)?;
    }
    if strict_memory {
        builder = builder.strict_memory();
    }
    if let Some(interval) = sync_interval {
        builder = builder.sync_interval(convert::seconds("sync_interval", interval)?);
    }
    if !create {
        builder = builder.must_exist();
    }
    let written = [
        ("durability", durability != "sync"),
        ("log_retention_bytes", log_retention_bytes.is_some()),
        ("log_retention_age", age.is_some()),
        ("archive_log", has_archive),
    ];
    builder = in_mode(builder, mode, read_only, &written)?;
    builder = looking(builder, mode, refresh_interval)?;
    if !use_mmap {
        builder = builder.without_maps();
    }
    let database = py.detach(|| builder.open(&path))?;
    Ok(Database { open: Arc::new(Open::new(database, path)) })
}

/// How often a reader looks.
fn looking(builder: Builder, mode: Option<&str>, interval: Option<f64>) -> Outcome<Builder> {
    match interval {
        None => Ok(builder),
        Some(interval) if mode == Some("reader") => {
            Ok(builder.refresh_interval(convert::seconds("refresh_interval", interval)?))
        }
        Some(_) => {
            Err(Error::invalid("refresh_interval is for mode=\"reader\": leave it out").into())
        }
    }
}

/// What may be done with the database. Options that are for one that is written, of which `written`
/// says whether they are given, are refused where it is only read.
fn in_mode(
    builder: Builder,
    mode: Option<&str>,
    read_only: bool,
    written: &[(&str, bool)],
) -> Outcome<Builder> {
    let reads = read_only || matches!(mode, Some("read" | "reader"));
    if let Some((name, _)) = written.iter().find(|(_, is_given)| reads && *is_given) {
        let message = format!("{name} is for mode=\"write\": leave it out");
        return Err(Error::invalid(message).into());
    }
    Ok(match (mode, read_only) {
        (Some("reader"), false) => builder.reader(),
        (Some("read"), _) | (None, true) => builder.read_only(),
        (Some("write"), false) | (None, false) => builder,
        (Some("reader" | "write"), true) => {
            return Err(Error::invalid("read_only=True is mode=\"read\", and no other").into());
        }
        (Some(other), _) => {
            return Err(Error::invalid(format!(
                "mode must be \"write\", \"read\" or \"reader\", not {other:?}"
            ))
            .into());
        }
    })
}

#[pymethods]
impl Database {
    /// The directory it lies in, as given to open().
    #[getter]
    fn path(&self) -> PathBuf {
        self.open.path.clone()
    }

    /// Whether close() was called.
    #[getter]
    fn closed(&self) -> bool {
        self.open.is_closed()
    }

    /// The keyspace of this name, created when missing, unless create=False.
    ///
    /// engine is "lsm" (the default), or "btree" for what is read far more often than written. ttl
    /// is how many seconds its values live, merge_operator what merge() does. A keyspace that is
    /// there must have what is given here. NotFoundError where it is missing and not created, as in
    /// a database that is open for reading.
    #[pyo3(signature = (
        name, *, create=true, engine=None, compression=None, block_bytes=None, filter_bits=None,
        blob_threshold=None, page_bytes=None, fill_percent=None, ttl=None, merge_operator=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are what Python's callers name")]
    fn keyspace(
        &self,
        py: Python<'_>,
        name: &str,
        create: bool,
        engine: Option<&str>,
        compression: Option<&Bound<'_, PyAny>>,
        block_bytes: Option<Number<u32>>,
        filter_bits: Option<Number<u8>>,
        blob_threshold: Option<Number<u32>>,
        page_bytes: Option<Number<u32>>,
        fill_percent: Option<Number<u8>>,
        ttl: Option<f64>,
        merge_operator: Option<&str>,
    ) -> Outcome<Keyspace> {
        let database = self.open.database()?;
        let mut options = convert::laid_out(compression, block_bytes, filter_bits, ttl)?;
        let engine = engine.map(convert::engine).transpose()?;
        options = engine.into_iter().fold(options, KeyspaceOptions::engine);
        let page_bytes = convert::number("page_bytes", page_bytes)?;
        options = page_bytes.into_iter().fold(options, KeyspaceOptions::page_bytes);
        let fill_percent = convert::number("fill_percent", fill_percent)?;
        options = fill_percent.into_iter().fold(options, KeyspaceOptions::fill_percent);
        let blob_threshold = convert::number("blob_threshold", blob_threshold)?;
        options = blob_threshold.into_iter().fold(options, KeyspaceOptions::blob_threshold);
        options = merge_operator.into_iter().fold(options, KeyspaceOptions::merge_operator);
        let inner = py.detach(|| match create {
            true => database.keyspace_with(name, &options),
            false => database.existing_keyspace(name),
        })?;
        Ok(Keyspace::new(&self.open, inner))
    }

    /// Sees all that the writer has published by now; gives the last commit that is seen.
    fn refresh(&self, py: Python<'_>) -> Outcome<u64> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.refresh())?)
    }

    /// Whether it reads along with a process that writes: mode="reader".
    #[getter]
    fn is_reader(&self) -> Outcome<bool> {
        Ok(self.open.database()?.is_reader())
    }

    /// Waits until a commit is seen here; False when it was not in time.
    #[pyo3(signature = (commit, timeout=None))]
    fn wait_for(&self, py: Python<'_>, commit: Number<u64>, timeout: Option<f64>) -> Outcome<bool> {
        let database = self.open.database()?;
        let commit = commit.named("commit")?;
        let timeout = convert::timeout("timeout", timeout)?;
        let seen = in_slices(py, timeout, |slice| {
            Ok(database.wait_for(commit, Some(slice))?.then_some(()))
        })?;
        Ok(seen.is_some())
    }

    /// Names of all keyspaces, sorted.
    fn keyspaces(&self, py: Python<'_>) -> Outcome<Vec<String>> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.keyspaces()))
    }

    /// Renames a keyspace, durably. Handles stay good.
    #[pyo3(signature = (old, new))]
    fn rename_keyspace(&self, py: Python<'_>, old: &str, new: &str) -> Outcome<()> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.rename_keyspace(old, new))?)
    }

    /// Drops a keyspace and everything in it, durably.
    fn drop_keyspace(&self, py: Python<'_>, name: &str) -> Outcome<()> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.drop_keyspace(name))?)
    }

    /// An empty batch.
    #[pyo3(signature = (durability=None))]
    fn batch(&self, durability: Option<&str>) -> Outcome<Batch> {
        let mut batch = self.open.database()?.batch();
        if let Some(durability) = durability {
            batch.durability(convert::durability(durability)?);
        }
        Ok(Batch::new(&self.open, batch))
    }

    /// A bulk load: very many keys, in order.
    fn bulk_load(&self, py: Python<'_>) -> Outcome<BulkLoad> {
        let database = self.open.database()?;
        Ok(BulkLoad::new(&self.open, py.detach(|| database.bulk_load())?))
    }

    /// A transaction.
    #[pyo3(signature = (*, isolation="serializable", durability=None, lock_timeout=None))]
    fn transaction(
        &self,
        py: Python<'_>,
        isolation: &str,
        durability: Option<&str>,
        lock_timeout: Option<f64>,
    ) -> Outcome<Transaction> {
        let options = transaction::options(isolation, durability, lock_timeout)?;
        Transaction::begin(py, &self.open, &options)
    }

    /// Calls a function with a transaction and commits it; tries again when there is a conflict.
    #[pyo3(signature = (
        work, *, attempts=Number::of(100), isolation="serializable", durability=None,
        lock_timeout=None
    ))]
    fn transact<'py>(
        &self,
        work: &Bound<'py, PyAny>,
        attempts: Number<u32>,
        isolation: &str,
        durability: Option<&str>,
        lock_timeout: Option<f64>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let options = transaction::options(isolation, durability, lock_timeout)?;
        let attempts = attempts.named("attempts")?;
        if attempts == 0 {
            return Err(Failure::invalid("attempts: with 0 it is not tried at all"));
        }
        transaction::transact(work.py(), &self.open, work, &options.attempts(attempts))
    }

    /// The cache of this name, which all share that open it.
    #[pyo3(signature = (
        name, *, max_bytes=None, max_entries=None, policy="lru", ttl=None, memory_only=false,
        durability="none"
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are what Python's callers name")]
    fn cache(
        &self,
        py: Python<'_>,
        name: &str,
        max_bytes: Option<Number<u64>>,
        max_entries: Option<Number<u64>>,
        policy: &str,
        ttl: Option<f64>,
        memory_only: bool,
        durability: &str,
    ) -> Outcome<Cache> {
        let database = self.open.database()?;
        let mut options = cache::options(max_bytes, max_entries, policy, ttl, durability)?;
        if memory_only {
            options = options.memory_only();
        }
        Ok(Cache::new(&self.open, py.detach(|| database.cache(name, &options))?))
    }

    /// Everything committed so far, as it stays while the snapshot lives.
    fn snapshot(&self, py: Python<'_>) -> Outcome<Snapshot> {
        let database = self.open.database()?;
        Ok(Snapshot::new(&self.open, py.detach(|| database.snapshot())))
    }

    /// Waits for any change at all.
    fn watch(&self, py: Python<'_>) -> Outcome<Watch> {
        let database = self.open.database()?;
        Ok(Watch::new(&self.open, py.detach(|| database.watch())?))
    }

    /// The commits after a number, in order.
    #[pyo3(signature = (commit=Number::of(0)))]
    fn changes_since(&self, py: Python<'_>, commit: Number<u64>) -> Outcome<Changes> {
        let (database, commit) = (self.open.database()?, commit.named("commit")?);
        Ok(Changes::new(&self.open, py.detach(|| database.changes_since(commit))?))
    }

    /// Copies what is committed now into a directory, as a database of its own.
    fn checkpoint(&self, py: Python<'_>, path: PathBuf) -> Outcome<Checkpoint> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.checkpoint(&path))?.into())
    }

    /// Makes a backup of what is committed now in a directory of backups.
    fn backup(&self, py: Python<'_>, path: PathBuf) -> Outcome<Backup> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.backup(&path))?.into())
    }

    /// Writes everything, as text, to an open binary file.
    #[pyo3(signature = (file, *, skip_unmergeable=false))]
    fn dump(&self, py: Python<'_>, file: Py<PyAny>, skip_unmergeable: bool) -> Outcome<Dumped> {
        let database = self.open.database()?;
        keep::check_file(file.bind(py), "write")?;
        let unmerged = match skip_unmergeable {
            true => keep::Unmergeable::Skip,
            false => keep::Unmergeable::Fail,
        };
        Ok(py.detach(|| keep::dump(database, file, unmerged))?)
    }

    /// Takes in what dump() wrote.
    #[pyo3(signature = (file, *, overwrite=false))]
    fn load(&self, py: Python<'_>, file: Py<PyAny>, overwrite: bool) -> Outcome<Dumped> {
        let database = self.open.database()?;
        keep::check_file(file.bind(py), "read")?;
        let existing = if overwrite { Existing::Overwrite } else { Existing::Refuse };
        Ok(py.detach(|| keep::load(database, file, existing))?)
    }

    /// What reading everything in the background has found.
    fn scrub_report(&self, py: Python<'_>) -> Outcome<ScrubReport> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.scrub_report()).into())
    }

    /// Checks every checksum and invariant of everything stored.
    fn verify(&self, py: Python<'_>) -> Outcome<VerifyReport> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.verify())?.into())
    }

    /// Counters, gauges and latencies since the database was opened.
    fn stats<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyDict>> {
        let database = self.open.database()?;
        let stats = py.detach(|| database.stats());
        Ok(report::stats(py, &stats)?)
    }

    /// What opening the database found and repaired.
    fn recovery(&self) -> Outcome<RecoveryReport> {
        Ok(self.open.database()?.recovery().into())
    }

    /// Makes every commit so far durable, whatever its durability.
    fn sync(&self, py: Python<'_>) -> Outcome<()> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.sync())?)
    }

    /// Writes everything in memory to segments, and waits for it.
    fn flush(&self, py: Python<'_>) -> Outcome<()> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.flush())?)
    }

    /// Merges all segments down as far as it goes, and waits for it.
    fn compact(&self, py: Python<'_>) -> Outcome<()> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.compact())?)
    }

    /// Waits until background work has nothing left to do.
    fn settle(&self, py: Python<'_>) -> Outcome<()> {
        let database = self.open.database()?;
        Ok(py.detach(|| database.settle())?)
    }

    /// Closes the database: all commits become durable. Closing it again does nothing.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        Ok(py.detach(|| self.open.close())?)
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let closed = if self.open.is_closed() { ", closed" } else { "" };
        format!("<cuesta.Database {:?}{closed}>", self.open.path.display().to_string())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Database>()?;
    module.add_function(wrap_pyfunction!(open, module)?)
}
