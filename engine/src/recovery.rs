//! From what lies in a directory to an open database.
//!
//! ```text
//!  1. lock, identity
//!  2. manifest: indexes, segments, watermarks
//!  3. log, first reading: every checksum, where it ends, torn or damaged
//!  4. what log and manifest know of each other
//!  5. sync the log as found, go on with the manifest, clear leftovers     (not when read-only)
//!  6. open segments
//!  7. log, second reading: apply what no segment holds; flush when memory is full
//! ```
//!
//! Invariants:
//! 1. Reading comes before writing: whatever steps 1 to 4 refuse is left as it was.
//! 2. What is replayed is durable before any segment holds it.
//! 3. A crash anywhere in here leaves a directory that recovers to the same commits.

mod loads;
mod replay;
mod shared;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::budget::Budget;
use crate::cache::BlockCache;
use crate::clock::Clock;
use crate::env::{Env, Event, Lock, OpenMode, SyncKind, Vfs, VfsFile};
use crate::error::{Error, Result};
use crate::file::{FileTable, LogFiles, Reuse};
use crate::format::name::{self, FileName};
use crate::id::{IndexId, LogNo, LogPos, SeqNo};
use crate::identity::{self, Identity};
use crate::index::{FlushCost, Registry, Services};
use crate::jobs::trim_log;
use crate::log::{
    CloseMark, LogSetup, LogWriter, Record, RecordHeader, Scan, SegmentHeader, Torn, find_kept,
    scan,
};
use crate::manifest::label::front::clear_vain;
use crate::manifest::{
    self, Change, Counters, ManifestEdit, ManifestPosition, ManifestState, ManifestWriter, RotateAt,
};
use crate::options::{Access, Options};
use crate::parts::{Found, Parts};
use crate::readers::Table;
use crate::stats::Stats;
use crate::tail::{IndexWriter, Tail};
use crate::version::{CatalogOp, Entry, Pins, Version};

use loads::Loads;
use replay::{as_damage, replay};
use shared::{has_readers, table_of, table_there};

/// What opening a database found and did.
#[derive(Clone, Debug, Default)]
pub struct RecoveryReport {
    /// Whether the database was created.
    pub created: bool,
    /// Whether it had been closed in order.
    pub closed: bool,
    /// A tail of the log that was cut: commits that were never acknowledged as durable.
    pub torn: Option<Torn>,
    /// A tail of the manifest that was cut, in words.
    pub torn_manifest: Option<String>,
    /// Commits applied from the log.
    pub replayed: u64,
    /// Files of unfinished work that were removed.
    pub removed: u64,
    /// Time it took.
    pub took: Duration,
}

/// An open database before its background work runs.
pub(crate) struct Opened {
    pub(crate) parts: Arc<Parts>,
    pub(crate) identity: Identity,
    pub(crate) report: RecoveryReport,
    pub(crate) lock: Option<Arc<dyn Lock>>,
}

/// Opens the database in `dir`.
///
/// # Errors
/// `Locked`, `NotFound`, `Exists`, `Corrupt`, `Unsupported`, `Full`, `Io`.
pub(crate) fn open(
    env: Arc<dyn Env>,
    dir: &Path,
    options: Options,
    registry: Registry,
) -> Result<Opened> {
    let began = env.now();
    let vfs = env.vfs();
    let writable = options.access.is_writable();
    let is_there = vfs.exists(&dir.join(name::IDENTITY)).unwrap_or(true);
    match options.access {
        Access::Create => make_place(vfs, dir, is_there)?,
        Access::Write | Access::Read | Access::Follow if is_there => {}
        Access::Write | Access::Read | Access::Follow => return Err(no_database(dir)),
    }
    let lock = take_lock(&*env, dir, options.access)?;
    let table = table_there(&*env, dir, options.access)?;
    let rotate_at = RotateAt { bytes_min: options.manifest_bytes, ..RotateAt::default() };
    let mut report = RecoveryReport::default();
    let identity = identify(&*env, dir, options.access, rotate_at, &mut report)?;
    if writable {
        identity.check_writable()?;
    }
    let mut recovered = manifest::recover(vfs, dir, identity.uuid)?;
    let start = recovered.state.log_start().max(LogNo(1));
    let (found, loads) = read_log(vfs, dir, &identity, start, &mut recovered)?;
    report.closed = found.closed.is_some();
    report.torn = found.torn;
    report.torn_manifest = recovered.torn.as_ref().map(|torn| torn.to_string());
    let state = recovered.state.clone();
    let kept = match found.segments.first() {
        Some((first, _)) if options.keeps_log() || !writable || has_readers(&table) => {
            find_kept(vfs, dir, first)
        }
        _ => Vec::new(),
    };
    let manifest = if writable {
        sync_log(vfs, dir, &found)?;
        let manifest = ManifestWriter::resume(vfs, dir, recovered, rotate_at)?;
        let keep_from = kept.first().map_or(start, |oldest| oldest.number);
        report.removed = clear_leftovers(vfs, dir, &state, &loads, keep_from)?;
        let segments = state.indexes().values().flat_map(|record| record.segments.values());
        clear_vain(vfs, dir, segments.map(|segment| &*segment.meta))?;
        Some(manifest)
    } else {
        None
    };
    let clock = Clock::new(env.clone(), found.clock_ms);
    let ground = Ground::new(env.clone(), dir, options, registry, clock);
    let (version, writers) =
        open_indexes(ground.tools(), &state, Version::empty(state.edit(), Arc::default()))?;
    let first = found.segments.first().map_or(found.last_seq, |(header, _)| header.last_seq);
    let counters = state.counters();
    let indexes = Indexes { version, writers, next_index: counters.next_index, published: first };
    let table = table.map_or_else(|| table_of(&*env, dir, ground.options.access), Ok)?;
    let parts = Arc::new(assemble(ground, &identity, counters, indexes, manifest, &found, table)?);
    let lock: Option<Arc<dyn Lock>> = lock.map(Arc::from);
    if let Some(lock) = &lock {
        parts.lock.get_or_init(|| Arc::downgrade(lock));
    }
    parts.tail().log.adopt(kept);
    if writable && state.log_start() == LogNo(0) {
        begin_log(&parts)?;
    }
    report.replayed = go_on(&parts, &state, &found, &loads, &identity)?;
    report.took = env.now().saturating_sub(began);
    Ok(Opened { parts, identity, report, lock })
}

/// Applies what no segment holds, lets go of what is not needed, and tells reader processes.
fn go_on(
    parts: &Arc<Parts>,
    state: &ManifestState,
    found: &Scan,
    loads: &Loads,
    identity: &Identity,
) -> Result<u64> {
    // A file that went with its index may be named by the log still: no other gets its number.
    if let Some(last) = loads.files.last() {
        parts.next_file.fetch_max(last.0.saturating_add(1), Ordering::SeqCst);
    }
    let replayed = replay(parts, state, found, loads, identity)?;
    // What was loaded into an index that was dropped since goes when work begins.
    loads.files.iter().for_each(|file| parts.files.keep_released(*file));
    trim_log(parts, &mut parts.tail())?;
    parts.update_pressure();
    if parts.options.access.is_writable() {
        let table = parts.pins.shared();
        if let Some(manifest) = parts.manifest().as_ref() {
            table.show_edit(manifest.state().edit());
        }
        table.show_published(parts.published(), parts.tail().log.clock_ms());
        table.ready();
    }
    Ok(replayed)
}

/// Makes the directory, unless it holds things of others and no database.
fn make_place(vfs: &dyn Vfs, dir: &Path, is_there: bool) -> Result<()> {
    if !is_there {
        let is_ours = |file: &str| FileName::parse(file).is_some();
        identity::refuse_others(vfs, dir, "a new database needs", is_ours)?;
    }
    vfs.create_dir_all(dir).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => identity::no_directory(dir),
        _ => Error::io(format_args!("creating {}", dir.display()), e),
    })
}

/// What else can be done by who finds a writer.
const READ_ALONG: &str = "open_reader, or mode=\"reader\", reads along with it";

fn no_database(dir: &Path) -> Error {
    Error::not_found(format!("there is no database in {}", dir.display()))
}

/// Takes the lock: for itself alone to write, shared with others to read.
fn take_lock(env: &dyn Env, dir: &Path, access: Access) -> Result<Option<Box<dyn Lock>>> {
    use std::io::ErrorKind;
    let path = dir.join(name::LOCK);
    let taken = match access {
        Access::Read | Access::Follow => env.vfs().lock_shared(&path),
        Access::Create | Access::Write => lock_alone(env, &path),
    };
    match taken {
        Ok(lock) => Ok(Some(lock)),
        Err(e) if e.kind() == ErrorKind::WouldBlock => {
            let holder = holder(env.vfs(), &path);
            let who = if holder == env.process() { ", which is this process" } else { "" };
            let error = Error::locked(format!("{} is in use by {holder}{who}", dir.display()));
            Err(match access {
                Access::Read => error.advice(READ_ALONG),
                _ => error,
            })
        }
        // A copy that was never opened, or a directory that this user may not change: reading
        // leaves it as it is.
        Err(e)
            if access == Access::Read
                && matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
        {
            Ok(None)
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Err(no_database(dir)),
        Err(e) => Err(Error::io(format_args!("locking {}", path.display()), e)),
    }
}

/// Takes the lock to write. Reader processes have it for a moment, to see whether anybody writes:
/// these are waited for.
fn lock_alone(env: &dyn Env, path: &Path) -> io::Result<Box<dyn Lock>> {
    const TRIES: usize = 50;
    let never = Event::new();
    for _ in 0..TRIES {
        match env.vfs().lock(path) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && !is_written(env.vfs(), path) => {}
            taken => return taken,
        }
        env.wait(&never, never.epoch(), Some(Duration::from_millis(2)));
    }
    env.vfs().lock(path)
}

/// Whether some process has the directory open for writing, whose lock file is given.
pub(crate) fn is_written(vfs: &dyn Vfs, lock: &Path) -> bool {
    let taken = vfs.lock_shared(lock);
    taken.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
}

/// Who has the lock: a writer names himself in the file, readers leave no name.
pub(crate) fn holder(vfs: &dyn Vfs, path: &Path) -> String {
    if vfs.lock_shared(path).is_ok() {
        return "a reader, which leaves no name".to_owned();
    }
    let mut bytes = [0; 256];
    let read = vfs.open(path, OpenMode::Read).and_then(|file| file.read_at(0, &mut bytes));
    let text = String::from_utf8_lossy(&bytes[..read.unwrap_or(0)]).trim().to_owned();
    if text.is_empty() { "another handle".to_owned() } else { text }
}

fn identify(
    env: &dyn Env,
    dir: &Path,
    access: Access,
    rotate_at: RotateAt,
    report: &mut RecoveryReport,
) -> Result<Identity> {
    match identity::find(env.vfs(), dir)? {
        identity::Found::Database(identity) => Ok(identity),
        identity::Found::Nothing | identity::Found::Leftovers if access != Access::Create => {
            Err(no_database(dir))
        }
        identity::Found::Nothing | identity::Found::Leftovers => {
            let identity = Identity::new(env);
            ManifestWriter::create(env.vfs(), dir, identity.uuid, rotate_at)?;
            identity.create(env.vfs(), dir)?;
            report.created = true;
            Ok(identity)
        }
    }
}

/// Reads the log for the first time, from segment `start` on, and compares it with the manifest.
fn read_log(
    vfs: &dyn Vfs,
    dir: &Path,
    identity: &Identity,
    start: LogNo,
    recovered: &mut manifest::Recovered,
) -> Result<(Scan, Loads)> {
    let mut loads = Loads::default();
    let mut found = scan(vfs, dir, &identity.uuid.0, start, &mut |_, record| {
        loads.see(&recovered.state, &record)
    })?;
    found.clock_ms = found.clock_ms.max(recovered.state.wall_ms());
    check_log(&recovered.state, &found)?;
    if let Some(known) = found.manifest {
        let known = ManifestPosition { number: known.manifest, len: known.manifest_len };
        manifest::check_known(recovered, known)?;
    }
    if let Some(torn) = found.torn {
        tracing::warn!(?torn, "cut a torn tail off the log");
    }
    Ok((found, loads))
}

/// Whether the log reaches as far as the manifest knows it did.
fn check_log(state: &ManifestState, found: &Scan) -> Result<()> {
    let start = state.log_start();
    if start > LogNo(0) {
        crate::ensure_sound!(!found.segments.is_empty(), "log segment {start} is missing");
    }
    let flushed = state.indexes().values().map(|index| index.flushed);
    let known = flushed.chain([state.published(), state.catalog_flushed()]).max();
    let known = known.unwrap_or_default();
    if found.last_seq >= known {
        return Ok(());
    }
    let last = found.segments.last().map_or(start, |(last, _)| last.number);
    let where_from = match LogNo(last.0 + 1) {
        next if next < state.counters().next_log => format!("log segment {next} is missing"),
        _ => format!("log segment {last} is cut off"),
    };
    Err(Error::corrupt(format!(
        "{where_from}: the log ends with commit {}, but commit {known} was synced in it",
        found.last_seq
    )))
}

/// Makes the log durable as it was found: what a killed process wrote may not be.
///
/// What is not known to be durable is written again first. A sync that failed before the database
/// was opened may have left the pages in memory marked as clean, and another sync then proves
/// nothing (Rebello et al., ATC '20).
fn sync_log(vfs: &dyn Vfs, dir: &Path, found: &Scan) -> Result<()> {
    let Some((last, end)) = found.segments.last() else { return Ok(()) };
    let file_name = name::log(last.number);
    let failed = |e| Error::io(format_args!("syncing {file_name}"), e);
    let file = vfs.open(&dir.join(&file_name), OpenMode::Write).map_err(failed)?;
    let mut at = found.synced.max(last.base);
    while at < *end {
        let records = read_records(&*file, last, at, *end)?;
        file.write_all_at(last.offset_of(at), &records).map_err(failed)?;
        at = LogPos(at.0 + records.len() as u64);
    }
    file.sync(SyncKind::Full).map_err(failed)?;
    // Its name may be as unproven as its bytes.
    vfs.sync_dir(dir).map_err(|e| Error::io(format_args!("syncing {}", dir.display()), e))
}

/// About a megabyte of whole records between two places: at least one. What was read a moment ago
/// may read otherwise now, and what is about to be written must be sound.
fn read_records(
    file: &dyn VfsFile,
    segment: &SegmentHeader,
    from: LogPos,
    end: LogPos,
) -> Result<Vec<u8>> {
    let name = name::log(segment.number);
    let load = |len: u64| {
        let mut bytes = vec![0; len.min(end.0 - from.0) as usize];
        let read = file.read_exact_at(segment.offset_of(from), &mut bytes);
        read.map_err(|e| Error::io(format_args!("reading {name}"), e)).map(|()| bytes)
    };
    let mut bytes = load(1 << 20)?;
    if let Some(first) = RecordHeader::decode(segment.number, from, &bytes)
        && first.record_len() > bytes.len() as u64
    {
        bytes = load(first.record_len())?;
    }
    let mut whole = 0;
    while let Some(rest) = bytes.get(whole..)
        && let Some(record) = Record::decode(segment.number, LogPos(from.0 + whole as u64), rest)
    {
        whole += record.header.record_len() as usize;
    }
    crate::ensure_sound!(whole > 0, "{name} changed while it was read, at position {from}");
    bytes.truncate(whole);
    Ok(bytes)
}

/// Removes what unfinished work left: data files that neither the manifest nor the log names, log
/// segments that neither it nor a feed needs.
fn clear_leftovers(
    vfs: &dyn Vfs,
    dir: &Path,
    state: &ManifestState,
    loads: &Loads,
    start: LogNo,
) -> Result<u64> {
    let names = vfs.list(dir).map_err(|e| Error::io(dir.display(), e))?;
    let mut removed = 0;
    for file_name in names {
        let is_leftover = match FileName::parse(&file_name) {
            Some(FileName::Data(id)) => {
                !state.files().contains_key(&id) && !loads.files.contains(&id)
            }
            Some(FileName::Log(number)) => number < start,
            Some(FileName::Temporary) => is_ours(&file_name),
            _ => false,
        };
        if is_leftover {
            let path = dir.join(&file_name);
            vfs.remove(&path).map_err(|e| Error::io(path.display(), e))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether a temporary file is one that the engine makes.
fn is_ours(file_name: &str) -> bool {
    let named = file_name.strip_suffix(".tmp").and_then(FileName::parse);
    matches!(named, Some(FileName::Identity | FileName::Manifest(_)))
}

/// What everything of an open database stands on.
pub(crate) struct Ground {
    pub(crate) env: Arc<dyn Env>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    pub(crate) services: Services,
    pub(crate) files: Arc<FileTable>,
    work: Arc<Event>,
}

/// What opening an index takes.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'g> {
    pub(crate) registry: &'g Registry,
    pub(crate) services: &'g Services,
    pub(crate) files: &'g FileTable,
}

impl<'g> Tools<'g> {
    /// Those of an open database.
    pub(crate) fn of(parts: &'g Parts) -> Tools<'g> {
        Tools { registry: &parts.registry, services: &parts.services, files: &parts.files }
    }
}

impl Ground {
    pub(crate) fn tools(&self) -> Tools<'_> {
        Tools { registry: &self.registry, services: &self.services, files: &self.files }
    }

    pub(crate) fn new(
        env: Arc<dyn Env>,
        dir: &Path,
        options: Options,
        registry: Registry,
        clock: Clock,
    ) -> Ground {
        let services = services_of(&options, clock);
        let work = Arc::new(Event::new());
        let reuse = match options.access {
            Access::Follow => Reuse::Elsewhere,
            Access::Create | Access::Write | Access::Read => Reuse::Here,
        };
        let files = FileTable::new(env.clone(), dir.to_path_buf(), reuse, work.clone());
        Ground { env, dir: dir.to_path_buf(), options, registry, services, files, work }
    }
}

fn services_of(options: &Options, clock: Clock) -> Services {
    let stats = Arc::new(Stats::default());
    let cache = Arc::new(BlockCache::new(options.cache_bytes(), stats.clone()));
    let memtable_bytes = options.memtable_bytes(FlushCost::Changes);
    let budget = Arc::new(Budget::new(
        options.memory_budget,
        options.strictness,
        options.write_buffer_bytes(),
        options.buffer_bytes(),
        cache.clone(),
    ));
    Services { cache, budget, stats, clock: Arc::new(clock), memtable_bytes }
}

/// Indexes as they are, and the writers of their memtables.
pub(crate) struct Indexes {
    pub(crate) version: Version,
    pub(crate) writers: Vec<IndexWriter>,
    pub(crate) next_index: IndexId,
    /// The last commit that is in them, or in `found` behind them.
    pub(crate) published: SeqNo,
}

pub(crate) fn assemble(
    ground: Ground,
    identity: &Identity,
    counters: Counters,
    indexes: Indexes,
    manifest: Option<ManifestWriter>,
    found: &Scan,
    table: Table,
) -> Result<Parts> {
    let Ground { env, dir, options, registry, services, files, work } = ground;
    let stats = services.stats.clone();
    let pins = Arc::new(Pins::new(table, stats.clone()));
    let log_files = shared_logs(found);
    let mark = manifest.as_ref().map_or(CloseMark { manifest: 0, manifest_len: 0 }, |manifest| {
        let position = manifest.position();
        CloseMark { manifest: position.number, manifest_len: position.len }
    });
    let setup = LogSetup {
        env: env.clone(),
        dir: dir.clone(),
        uuid: identity.uuid.0,
        options: options.log,
        stats,
        files: log_files.clone(),
    };
    let log = LogWriter::resume(setup, found, counters.next_log, mark)?;
    let Indexes { version, writers, next_index, published } = indexes;
    let tail = Tail::new(log, writers, next_index);
    let found = Found { version, published, tail, log_files, manifest };
    let next_file = Arc::new(AtomicU64::new(counters.next_file.0.max(highest_file(&*env, &dir)?)));
    let next = (next_file, counters.next_segment);
    Ok(Parts::new(env, dir, options, registry, services, pins, files, work, found, next))
}

/// Any segment of the log may be a blob file as well: of this database, or of a copy that has taken
/// one over which this database has let go of since.
fn shared_logs(found: &Scan) -> LogFiles {
    let files = LogFiles::default();
    found.segments.iter().for_each(|(header, _)| files.share(header.number));
    files
}

/// One past the highest number of a data file that is there: what a crashed job created and could
/// not be removed must not be in the way.
fn highest_file(env: &dyn Env, dir: &Path) -> Result<u64> {
    let names = env.vfs().list(dir).map_err(|e| Error::io(dir.display(), e))?;
    let number = |name: &String| match FileName::parse(name) {
        Some(FileName::Data(id)) => Some(id.0 + 1),
        _ => None,
    };
    Ok(names.iter().filter_map(number).max().unwrap_or(1))
}

/// Adds the indexes of the manifest to a version that has none.
pub(crate) fn open_indexes(
    tools: Tools<'_>,
    state: &ManifestState,
    mut version: Version,
) -> Result<(Version, Vec<IndexWriter>)> {
    let Tools { registry, services, files } = tools;
    let mut catalog = (*version.catalog).clone();
    let mut writers = Vec::new();
    for (id, record) in state.indexes() {
        let entry = Entry {
            name: record.name.clone(),
            kind: record.kind.clone(),
            options: record.options.clone(),
        };
        let named = |e: Error| as_damage(e).context(format_args!("index {:?}", record.name));
        let factory = registry.get(&record.kind).map_err(named)?;
        let (writer, empty) = factory.make(&record.options, services).map_err(named)?;
        let opened = empty.open(&record.listed(), files).map_err(named)?;
        let full = empty.installed(0, &[], &opened).map_err(named)?;
        catalog.apply(&CatalogOp::Create { id: *id, entry }).map_err(named)?;
        writers.push(IndexWriter::new(*id, writer));
        version = version.with(*id, Some(full));
    }
    Ok((version.with_catalog(catalog), writers))
}

/// Begins the log of a new database, unless a crash came right after, and has the manifest name it:
/// from here on a missing log is damage.
fn begin_log(parts: &Parts) -> Result<()> {
    let mut guard = parts.manifest();
    let manifest = guard.as_mut().ok_or_else(|| Error::internal("beginning a log read-only"))?;
    let mut tail = parts.tail();
    if tail.log.newest().is_none() {
        tail.log.reserve(0)?;
    }
    let log = tail.log.oldest().unwrap_or_default();
    drop(tail);
    let no = manifest.next_edit();
    let edit = ManifestEdit { no, changes: vec![Change::LogStart { log }] };
    manifest.append(parts.env.vfs(), &edit)
}
