//! The parts of an open database, and which lock guards what.
//!
//! | lock | guards | taken |
//! | --- | --- | --- |
//! | `manifest` | the manifest file | before the tail |
//! | `tail` | see [`Tail`] | before any lock below |
//! | `locks` | what transactions have locked | after the tail |
//! | `control` | who works on what | last |
//! | inside `watchers`, `feeds` | who waits for what, who reads from where | last |
//!
//! Not for: doing anything. Commits, jobs and recovery are in modules of their own.

mod readers;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use crate::budget::{Part, Strictness};
use crate::env::{Env, Event, Lock};
use crate::error::{Error, ErrorKind, Result};
use crate::feeds::Feeds;
use crate::file::{Extent, FileTable, LogFiles};
use crate::id::{IndexId, LogNo, SegmentId, SeqNo};
use crate::index::{Aim, ErasedState, Heirs, Listed, MergePlan, Registry, Services};
use crate::locks::Locks;
use crate::manifest::ManifestWriter;
use crate::options::{Access, Options};
use crate::oracle::KeyHasher;
use crate::rate::Rate;
use crate::stats::Stats;
use crate::tail::{IndexWriter, Tail};
use crate::version::{LogHold, Pair, Pins, Version};
use crate::watchers::Watchers;

/// Problems that a report of the scrub keeps.
const PROBLEMS_MAX: usize = 100;
/// From this pressure on, halfway to where commits are slowed, merges take turns with a compaction.
const PRESSING: f64 = 0.5;

/// Everything an open database is made of.
pub struct Parts {
    /// The world.
    pub env: Arc<dyn Env>,
    /// The directory.
    pub dir: PathBuf,
    /// The settings.
    pub options: Options,
    /// The lock of the directory, while it is ours: see [`Parts::hold`].
    pub lock: OnceLock<Weak<dyn Lock>>,
    /// The counters.
    pub stats: Arc<Stats>,
    /// The index types.
    pub registry: Registry,
    /// What index types borrow.
    pub services: Services,
    /// What is current and published.
    pub versions: Pair<Version>,
    /// Who looks at what.
    pub pins: Arc<Pins>,
    /// The data files.
    pub files: Arc<FileTable>,
    /// Which files of the log may be taken over, or were.
    pub log_files: LogFiles,
    /// Number of the next data file.
    pub next_file: Arc<AtomicU64>,
    /// Number of the next segment.
    pub next_segment: AtomicU64,
    /// The highest [`Debt::pressure`](crate::index::Debt) of all indexes, as bits.
    pressure: AtomicU64,
    /// The edit of the segments that merges were looked ahead for.
    pub looked_at: AtomicU64,
    /// Time by which commits are to be slowed and have not been.
    owed_nanos: AtomicU64,
    /// What transactions have locked.
    pub locks: Arc<Locks>,
    /// How conflicts are detected: from the first transaction on.
    pub conflicts: OnceLock<Conflicts>,
    /// Who waits for changes.
    pub watchers: Watchers,
    /// Who reads the log, and from where.
    pub feeds: Feeds,
    /// How fast flushes and merges may write.
    pub rate: Rate,
    /// Moves when something was synced, published, flushed or failed.
    pub moved: Arc<Event>,
    /// Moves when there may be work in the background.
    pub work: Arc<Event>,
    /// Moves when the log should be synced before it is time.
    pub syncer: Arc<Event>,
    /// Never moves: for sleeping.
    pub never: Event,
    /// One change of the catalog at a time.
    pub catalog: Mutex<()>,
    manifest: Mutex<Option<ManifestWriter>>,
    tail: Mutex<Tail>,
    control: Mutex<Control>,
    /// How far the log is archived, if it is. Taken before the tail.
    pub archive: Mutex<Option<Archive>>,
    scrub: Mutex<ScrubReport>,
    /// Whether the database was closed, or is being closed.
    pub closed: AtomicBool,
}

/// What everybody must know of the [`Oracle`](crate::oracle::Oracle), without the commit lock.
#[derive(Clone, Copy, Debug)]
pub struct Conflicts {
    /// Commits up to this one were not recorded.
    pub since: SeqNo,
    /// How keys are hashed.
    pub hasher: KeyHasher,
}

/// The commit lock, held. Futures that wait for what happened meanwhile are woken when it is free
/// again.
pub struct TailGuard<'p> {
    /// Until it is dropped.
    tail: Option<MutexGuard<'p, Tail>>,
    moved: &'p Event,
    watchers: &'p Watchers,
}

impl Deref for TailGuard<'_> {
    type Target = Tail;

    #[expect(clippy::expect_used, reason = "it is there until the guard is dropped")]
    fn deref(&self) -> &Tail {
        self.tail.as_ref().expect("a guard holds its lock")
    }
}

impl DerefMut for TailGuard<'_> {
    #[expect(clippy::expect_used, reason = "it is there until the guard is dropped")]
    fn deref_mut(&mut self) -> &mut Tail {
        self.tail.as_mut().expect("a guard holds its lock")
    }
}

impl Drop for TailGuard<'_> {
    fn drop(&mut self) {
        drop(self.tail.take());
        self.moved.wake();
        self.watchers.wake();
    }
}

/// Who works on what.
#[derive(Debug, Default)]
pub struct Control {
    /// Indexes with a flush, or with a merge being installed.
    pub editing: BTreeSet<IndexId>,
    /// Segments that merges read, or that a flush has put in the place of one: by index, with the
    /// number of the merge.
    pub busy: BTreeMap<IndexId, BTreeMap<SegmentId, u64>>,
    /// Number of the next merge.
    pub next_merge: u64,
    /// Indexes whose merges fail, and when to try again.
    pub failing: BTreeMap<IndexId, Duration>,
    /// Merges under way.
    pub merges: usize,
    /// Flushes under way.
    pub flushes: usize,
    /// Indexes to be merged down.
    pub compact: BTreeMap<IndexId, Compaction>,
    /// The last failure of background work, until some succeeds.
    pub failure: Option<Failure>,
    /// Failures in a row.
    pub failures: u32,
    /// No new background work before this.
    pub retry_at: Duration,
    /// Background work ends.
    pub closing: bool,
}

/// What is left to do for those who have asked to have an index merged down.
#[derive(Debug, Default)]
pub struct Compaction {
    /// Segments that there were when it was asked for, and what has come of them.
    pub wanted: BTreeSet<SegmentId>,
    /// Whether the last merge of the index was one for it.
    pub was_last: bool,
}

impl Compaction {
    /// What is worth doing for it.
    pub fn plan(&self, state: &dyn ErasedState, busy: &BTreeSet<SegmentId>) -> Option<MergePlan> {
        state.plan(busy, Aim::Compact(&self.wanted))
    }
}

/// Why background work failed.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: ErrorKind,
    message: String,
}

impl Failure {
    /// Notes an error.
    pub fn of(error: &Error) -> Failure {
        Failure { kind: error.kind(), message: error.message().to_owned() }
    }

    /// The failure as an error for somebody who waits for the work.
    pub fn to_error(&self) -> Error {
        self.told("background work fails")
    }

    /// The failure as an error that begins so.
    pub fn told(&self, what: &str) -> Error {
        Error::new(self.kind, format!("{what}: {}", self.message))
    }
}

impl Control {
    /// What is worth merging in an index, and whether that is for a compaction.
    ///
    /// A compaction goes first, but takes turns with other merges while these press: writers wait
    /// for them. They leave alone what it wants, so that each of its merges brings it nearer to its
    /// end, however much is written meanwhile.
    pub fn plan(&self, id: IndexId, state: &dyn ErasedState) -> Option<(MergePlan, bool)> {
        let busy = self.busy_of(id);
        let Some(compaction) = self.compact.get(&id) else {
            return state.plan(&busy, Aim::Steady).map(|plan| (plan, false));
        };
        let compact = || compaction.plan(state, &busy).map(|plan| (plan, true));
        let steady = || {
            let left = busy.union(&compaction.wanted).copied().collect();
            state.plan(&left, Aim::Steady).map(|plan| (plan, false))
        };
        match compaction.was_last && state.debt().pressure >= PRESSING {
            true => steady().or_else(compact),
            false => compact().or_else(steady),
        }
    }

    /// Ends the compaction of an index if nothing is left of it to do; whether it did.
    pub fn end_compaction(&mut self, id: IndexId, state: &dyn ErasedState) -> bool {
        let none = BTreeSet::new();
        let over = |compaction: &Compaction| compaction.plan(state, &none).is_none();
        let is_over = self.compact.get(&id).is_some_and(over);
        if is_over {
            self.compact.remove(&id);
        }
        is_over
    }

    /// Segments of an index that merges read.
    pub fn busy_of(&self, id: IndexId) -> BTreeSet<SegmentId> {
        self.busy.get(&id).into_iter().flat_map(|busy| busy.keys().copied()).collect()
    }

    /// Notes that an edit puts `added` in the place of `removed`: what begins where a segment began
    /// that a merge reads is the same data, and is that merge's; a compaction goes on with `heirs`.
    pub fn inherit(&mut self, id: IndexId, removed: &[Listed], added: &[Listed], heirs: Heirs) {
        let same = |gone: &Listed| {
            let begins = |heir: &&Listed| {
                let is_one = |(one, other): (&Extent, &Extent)| {
                    (one.file, one.offset) == (other.file, other.offset)
                };
                let of = |one| heir.meta.extents.iter().map(move |other| (one, other));
                gone.meta.extents.iter().flat_map(of).any(is_one)
            };
            added.iter().filter(begins).map(|heir| heir.id).collect::<Vec<SegmentId>>()
        };
        for gone in removed {
            if let Some(busy) = self.busy.get_mut(&id)
                && let Some(merge) = busy.get(&gone.id).copied()
            {
                busy.extend(same(gone).into_iter().map(|heir| (heir, merge)));
            }
            if let Some(compaction) = self.compact.get_mut(&id)
                && compaction.wanted.remove(&gone.id)
            {
                match heirs {
                    Heirs::All => compaction.wanted.extend(added.iter().map(|heir| heir.id)),
                    Heirs::Same => compaction.wanted.extend(same(gone)),
                    Heirs::None => {}
                }
            }
        }
    }

    /// Forgets a merge.
    pub fn release(&mut self, id: IndexId, merge: u64) {
        if let Some(busy) = self.busy.get_mut(&id) {
            busy.retain(|_, by| *by != merge);
            if busy.is_empty() {
                self.busy.remove(&id);
            }
        }
    }
}

/// What the scrub has found since the database was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Times that everything was read.
    pub passes: u64,
    /// Segments read.
    pub segments: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is wrong, one line each, the first hundred; each once, however often it was read.
    pub problems: Vec<String>,
}

impl ScrubReport {
    /// Whether nothing wrong was found.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Notes a problem; whether it is new.
    pub fn note(&mut self, problem: String) -> bool {
        let new = !self.problems.contains(&problem);
        if new && self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
        new
    }
}

/// How far the log is archived.
#[derive(Debug)]
pub struct Archive {
    /// Where to.
    pub dir: PathBuf,
    /// The first segment that is not.
    pub next: LogNo,
    /// Keeps it, and those behind it, from being let go of.
    pub hold: LogHold,
}

/// What is needed to put [`Parts`] together.
pub struct Found {
    /// See [`Parts::versions`].
    pub version: Version,
    /// The last commit.
    pub published: SeqNo,
    /// See [`Tail`].
    pub tail: Tail,
    /// See [`Parts::log_files`].
    pub log_files: LogFiles,
    /// The manifest, unless opened for reading.
    pub manifest: Option<ManifestWriter>,
}

impl Parts {
    /// Puts the parts together.
    #[expect(clippy::too_many_arguments, reason = "called once, by recovery")]
    pub fn new(
        env: Arc<dyn Env>,
        dir: PathBuf,
        options: Options,
        registry: Registry,
        services: Services,
        pins: Arc<Pins>,
        files: Arc<FileTable>,
        work: Arc<Event>,
        found: Found,
        next: (Arc<AtomicU64>, SegmentId),
    ) -> Parts {
        let rate = Rate::new(options.background_rate);
        Parts {
            env,
            dir,
            options,
            lock: OnceLock::new(),
            stats: services.stats.clone(),
            registry,
            services,
            versions: Pair::new(found.version, found.published.0),
            pins,
            files,
            log_files: found.log_files,
            next_file: next.0,
            next_segment: AtomicU64::new(next.1.0),
            pressure: AtomicU64::new(0),
            looked_at: AtomicU64::new(u64::MAX),
            owed_nanos: AtomicU64::new(0),
            locks: Arc::default(),
            conflicts: OnceLock::new(),
            watchers: Watchers::default(),
            feeds: Feeds::default(),
            rate,
            scrub: Mutex::default(),
            closed: AtomicBool::new(false),
            archive: Mutex::default(),
            moved: Arc::new(Event::new()),
            work,
            syncer: Arc::new(Event::new()),
            never: Event::new(),
            catalog: Mutex::default(),
            manifest: Mutex::new(found.manifest),
            tail: Mutex::new(found.tail),
            control: Mutex::default(),
        }
    }

    /// Takes the commit lock.
    pub fn tail(&self) -> TailGuard<'_> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        TailGuard { tail: Some(tail), moved: &self.moved, watchers: &self.watchers }
    }

    /// Has the log synced up to its present end, by whoever is first.
    pub fn want_sync(&self, tail: &mut Tail) {
        tail.sync_wanted = tail.log.end();
        self.syncer.notify();
    }

    /// Takes the manifest lock; `None` inside when opened for reading.
    pub fn manifest(&self) -> MutexGuard<'_, Option<ManifestWriter>> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock of background work.
    pub fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the scrub has found so far.
    pub fn scrub_report(&self) -> MutexGuard<'_, ScrubReport> {
        self.scrub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails when the database may only be read.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check_writable(&self) -> Result<()> {
        match self.options.access {
            Access::Read | Access::Follow => {
                let dir = self.dir.display();
                Err(Error::invalid(format!("the database in {dir} is open for reading only")))
            }
            Access::Create | Access::Write => Ok(()),
        }
    }

    /// Keeps the directory ours until what is returned is dropped, even if the database is closed
    /// meanwhile: for those who change its files and are not waited for when it is.
    ///
    /// # Errors
    /// `Invalid` when the database was closed: the directory may be somebody else's.
    pub fn hold(&self) -> Result<Arc<dyn Lock>> {
        let held = self.lock.get().and_then(Weak::upgrade);
        held.ok_or_else(|| Error::invalid("the database is closed"))
    }

    /// Fails when the database was closed, or is being closed. No lock.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check_open(&self) -> Result<()> {
        match self.closed.load(Ordering::SeqCst) {
            true => Err(Error::invalid("the database is closed")),
            false => Ok(()),
        }
    }

    /// An index as errors name it.
    #[cold]
    pub fn title(&self, id: IndexId) -> String {
        self.versions.read(|version, _| version.catalog.title(id))
    }

    /// The last published commit.
    pub fn published(&self) -> SeqNo {
        SeqNo(self.versions.published())
    }

    /// Counts what the memtable of an index takes now. It may be less than before: memtables may
    /// forget.
    pub fn count_memory(&self, writer: &mut IndexWriter, bytes: u64) {
        let budget = &self.services.budget;
        match bytes.checked_sub(writer.bytes) {
            Some(more) => budget.add(Part::Memtables, more),
            None => budget.sub(Part::Memtables, writer.bytes - bytes),
        }
        writer.bytes = bytes;
    }

    /// Takes nothing more, for `cause`, and tells everybody who waits; the caller holds the tail.
    pub fn poison(&self, tail: &mut Tail, cause: &Error) {
        tail.poison(cause);
        self.locks.wake();
        self.watchers.end();
        self.moved.notify();
        self.work.notify();
        self.syncer.notify();
    }

    /// Takes nothing more, for `cause`, if a thread panicked while it changed the log, the manifest
    /// or what is current: half of a change may be there.
    pub fn poison_if_torn(&self, cause: &Error) {
        if self.tail.is_poisoned() || self.manifest.is_poisoned() {
            self.poison(&mut self.tail(), cause);
        }
    }

    /// Has background work that failed tried again now; what [`Parts::failure_since`] takes.
    pub fn retry(&self) -> u64 {
        let mut control = self.control();
        let failed = self.stats.job_failures.load(Ordering::Relaxed);
        if control.failure.is_some() {
            control.retry_at = Duration::ZERO;
            drop(control);
            self.work.notify();
        }
        failed
    }

    /// Has the segments that indexes have now merged down.
    pub fn want_compacted(&self, ids: &[IndexId]) {
        let mut control = self.control();
        // Loaded under the lock: what is current is not replaced meanwhile.
        let current = self.versions.current();
        for (id, state) in current.value.states().filter(|(id, _)| ids.contains(id)) {
            let compaction = control.compact.entry(id).or_default();
            compaction.wanted.extend(state.listed().iter().map(|listed| listed.id));
        }
        drop(control);
        self.work.notify();
    }

    /// Why background work has failed since [`Parts::retry`], for somebody who waits for it.
    pub fn failure_since(&self, failed: u64) -> Option<Error> {
        let control = self.control();
        let again = self.stats.job_failures.load(Ordering::Relaxed) > failed;
        control.failure.as_ref().filter(|_| again).map(Failure::to_error)
    }

    /// Adds to the time that commits owe; a pause once that is worth a sleep. Sleeps are long
    /// compared with most of what is owed, so who comes when enough is owed pays for all.
    pub fn owe(&self, time: Duration) -> Option<Duration> {
        const WORTH: u64 = 1_000_000;
        let added = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2);
        let owed = self.owed_nanos.fetch_add(added, Ordering::Relaxed).saturating_add(added);
        (owed >= WORTH).then(|| {
            self.owed_nanos.store(0, Ordering::Relaxed);
            Duration::from_nanos(owed)
        })
    }

    /// Publishes what can be published; the caller holds the tail.
    pub fn publish(&self, tail: &mut Tail) {
        let synced = tail.log.synced();
        let mut last = None;
        while let Some(first) = tail.pending.front()
            && first.durable_at.is_none_or(|end| end <= synced)
        {
            last = Some(first.seq);
            tail.pending.pop_front();
        }
        if let Some(seq) = last {
            self.publish_up_to(tail, seq);
        }
    }

    /// Publishes `seq` and what is before it; the caller holds the tail.
    pub fn publish_up_to(&self, tail: &Tail, seq: SeqNo) {
        self.versions.publish(seq.0);
        self.locks.published(seq);
        self.show(tail);
        self.watchers.published(seq);
        self.moved.notify();
    }

    /// How far unmerged data presses: see [`Debt`](crate::index::Debt).
    pub fn pressure(&self) -> f64 {
        f64::from_bits(self.pressure.load(Ordering::Relaxed))
    }

    /// Computes the pressure anew.
    pub fn update_pressure(&self) {
        let pressure = self.versions.read(|version, _| {
            version.states().map(|(_, state)| state.debt().pressure).fold(0.0, f64::max)
        });
        self.pressure.store(pressure.to_bits(), Ordering::Relaxed);
    }

    /// Expires views that hold too much memory. One view may always hold as much as memtables may
    /// take: a view that has just been taken does not expire.
    pub fn enforce_view_budget(&self) {
        let current = self.versions.current();
        let mut limit = self.options.view_budget.max(self.options.write_buffer_bytes());
        let budget = &self.services.budget;
        if budget.strictness() == Strictness::Strict {
            limit = limit.min(budget.used(Part::Views) + budget.spare());
        }
        let held = self.pins.enforce(&current.value, limit);
        budget.set(Part::Views, held.bytes);
        budget.make_room();
    }
}
