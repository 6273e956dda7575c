//! An open database: the one place where all parts meet.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::batch::Batch;
use crate::budget::Part;
use crate::clock::Now;
use crate::commit::{Commit, CommitHandle, Step, SyncTo, drive, rotate, up_to};
use crate::env::{Env, Lock, Running};
use crate::error::{ErrorKind, Result};
use crate::feed::Feed;
use crate::file::Files;
use crate::id::{FileId, IndexId, SeqNo};
use crate::identity::Identity;
use crate::index::{ErasedState, Handle, IndexType, Registry, State};
use crate::jobs::{
    Archiver, Forget, Scrubber, Syncer, Worker, begin_archive, clear_released, forget_log,
    list_catalog,
};
use crate::keep::{self, BackupReport, CheckpointReport};
use crate::options::{Access, Durability, Options};
use crate::parts::{Parts, ScrubReport};
use crate::reader::{self, Follower, Reader};
use crate::recovery::{self, RecoveryReport};
use crate::stats::Stats;
use crate::transaction::{Transaction, TransactionOptions};
use crate::verify::{VerifyReport, verify};
use crate::version::{Catalog, CatalogOp, Entry, PinReport, View};
use crate::watch::Watch;
use crate::watchers::Scope;

/// An open database. Dropping it closes it.
pub struct Engine {
    parts: Arc<Parts>,
    identity: Identity,
    report: RecoveryReport,
    running: Mutex<Vec<Arc<dyn Running>>>,
    lock: Mutex<Option<Arc<dyn Lock>>>,
    /// What follows the process that writes, in one that reads along.
    reader: Option<Arc<Reader>>,
}

/// What an index is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexReport {
    /// Its number.
    pub id: IndexId,
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Bytes of its memtables.
    pub memtable_bytes: u64,
    /// Its segments.
    pub segments: usize,
    /// Bytes of its segments on disk.
    pub segment_bytes: u64,
    /// Things in its segments, tombstones included.
    pub entries: u64,
    /// Bytes of large values that its segments point to.
    pub blob_bytes: u64,
    /// Bytes of the files that these lie in.
    pub blob_file_bytes: u64,
}

/// What a database is at the moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauges {
    /// The last published commit.
    pub published: SeqNo,
    /// Bytes of all memtables.
    pub memtable_bytes: u64,
    /// Bytes of blocks in the cache.
    pub cache_bytes: u64,
    /// The most bytes of blocks that it may hold.
    pub cache_capacity_bytes: u64,
    /// The memory budget.
    pub memory_budget: u64,
    /// What takes memory: all of it, then each part.
    pub memory: (u64, Vec<(Part, u64)>),
    /// Bytes held by open transactions.
    pub transaction_bytes: u64,
    /// Locks held by transactions.
    pub locks: usize,
    /// Bytes that tell conflicts of transactions.
    pub conflict_bytes: u64,
    /// Bytes of log that recovery would read.
    pub log_bytes: u64,
    /// Bytes of log that only feeds need, those to come included.
    pub log_kept_bytes: u64,
    /// The first commit in the log.
    pub log_first: SeqNo,
    /// Open feeds.
    pub feeds: usize,
    /// The earliest place of an open feed.
    pub feed_oldest: Option<SeqNo>,
    /// Watches, those of feeds included.
    pub watches: usize,
    /// Processes that read along.
    pub readers: usize,
    /// The last commit that all of these have the log read up to.
    pub reader_oldest: Option<SeqNo>,
    /// How far unmerged data presses: commits are slowed from 1 on and wait from 2 on.
    pub pressure: f64,
    /// What views hold.
    pub views: PinReport,
    /// Flushes and merges under way.
    pub jobs: usize,
    /// Why background work fails, if it does.
    pub failure: Option<String>,
    /// Every index.
    pub indexes: Vec<IndexReport>,
}

impl Engine {
    /// Opens the database in `dir`, recovering what a crash left.
    ///
    /// # Errors
    /// `Locked` when another handle or process has it open, naming the holder; `NotFound` when
    /// there is none and none is to be created; `Exists` when one is to be created among files of
    /// others; `Corrupt`, `Unsupported`, `Full`, `Io`.
    pub fn open(
        env: Arc<dyn Env>,
        dir: &Path,
        options: Options,
        registry: Registry,
    ) -> Result<Engine> {
        options.check()?;
        let writable = options.access.is_writable();
        let (opened, reader) = if options.access == Access::Follow {
            let (opened, reader) = reader::open(env.clone(), dir, options, registry)?;
            (opened, Some(reader))
        } else {
            (recovery::open(env.clone(), dir, options, registry)?, None)
        };
        let recovery::Opened { parts, identity, report, lock } = opened;
        tracing::debug!(dir = %dir.display(), ?report, "opened");
        let (running, lock) = (Mutex::default(), Mutex::new(lock));
        let engine = Engine { parts, identity, report, running, lock, reader };
        if writable {
            if let Some(backups) = &engine.parts.options.archive {
                begin_archive(&engine.parts, &identity, backups)?;
            }
            // From here on, whatever happens, dropping the engine ends what was spawned.
            engine.spawn(&*env);
        } else if let Some(reader) = &engine.reader {
            let follower = Box::new(Follower::new(engine.parts.clone(), reader.clone()));
            let running = env.spawn("cuesta-follow", follower);
            engine.running.lock().unwrap_or_else(PoisonError::into_inner).push(running);
        }
        Ok(engine)
    }

    fn spawn(&self, env: &dyn Env) {
        let parts = &self.parts;
        let run = |name: &str, job| {
            let running = env.spawn(name, job);
            self.running.lock().unwrap_or_else(PoisonError::into_inner).push(running);
        };
        for number in 0..parts.options.background_threads {
            run(&format!("cuesta-work-{number}"), Box::new(Worker::new(parts.clone())));
        }
        if let Some(bytes_per_second) = parts.options.scrub_rate {
            let scrubber = Scrubber::new(parts.clone(), bytes_per_second);
            run("cuesta-scrub", Box::new(scrubber));
        }
        if parts.options.archive.is_some() {
            run("cuesta-archive", Box::new(Archiver::new(parts.clone())));
        }
        run("cuesta-sync", Box::new(Syncer::new(parts.clone())));
    }

    /// Who this database is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What opening found and did.
    pub fn recovery(&self) -> &RecoveryReport {
        &self.report
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.parts.options
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.parts.stats
    }

    /// The parts, for step machines.
    pub fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// The names of the present.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.parts.versions.read(|version, _| version.catalog.clone())
    }

    /// Commits a batch; returns its place in the order. Durable as `durability` says.
    ///
    /// # Errors
    /// `Invalid`, `NotFound`, `Full`: nothing was committed. `Poisoned`: the outcome is unknown.
    /// Others: nothing was committed, for lack of space or because background work fails.
    pub fn commit(&self, batch: Batch, durability: Durability) -> Result<SeqNo> {
        let mut commit = self.begin_commit(batch, durability)?;
        drive(&self.parts, || commit.step())
    }

    /// Commits a batch as far as its place in the order; see [`Commit::submit`].
    ///
    /// # Errors
    /// As [`Engine::commit`].
    pub fn submit(&self, batch: Batch, durability: Durability) -> Result<CommitHandle> {
        if batch.is_empty() {
            return Ok(CommitHandle::of_published(self.parts.clone(), self.parts.published()));
        }
        self.begin_commit(batch, durability)?.submit()
    }

    /// A commit as a step machine, for schedulers.
    ///
    /// # Errors
    /// As [`Commit::new`].
    pub fn begin_commit(&self, batch: Batch, durability: Durability) -> Result<Commit> {
        Commit::new(self.parts.clone(), batch, durability)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// As [`Transaction::begin`].
    pub fn begin(&self, options: TransactionOptions) -> Result<Transaction> {
        Transaction::begin(&self.parts, options)
    }

    /// A view of the present.
    pub fn view(&self) -> View {
        View::take(&self.parts.versions, &self.parts.pins, || self.parts.services.clock.now_ms())
    }

    /// Asks an index of the present one short question, without taking a view: `ask` gets the
    /// index and the commit up to which to read it. Asked again when what it read was pruned
    /// meanwhile.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`; what `ask` fails with.
    #[inline]
    pub fn ask<T: IndexType, R>(
        &self,
        handle: Handle<T>,
        mut ask: impl FnMut(&State<T>, SeqNo) -> Result<R>,
    ) -> Result<R> {
        self.ask_now(handle, |state, seq, _| ask(state, seq))
    }

    /// As [`Engine::ask`], for questions whose answers may depend on the time: the answer is one
    /// that a view taken during the call could give. Asked again, too, when something had expired
    /// and another commit was published meanwhile, which may have renewed it in time; but what had
    /// expired by the time of the question before is not doubted again.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn ask_now<T: IndexType, R>(
        &self,
        handle: Handle<T>,
        mut ask: impl FnMut(&State<T>, SeqNo, &Now<'_>) -> Result<R>,
    ) -> Result<R> {
        let clock = &*self.parts.services.clock;
        let mut since_ms = 0;
        for _ in 0..4 {
            let now = Now::since(clock, since_ms);
            let answer = self.parts.versions.read(|version, seq| {
                let state = version.of(handle)?;
                let answer = ask(state, SeqNo(seq), &now)?;
                let is_late = now.is_in_doubt() && self.parts.published() != SeqNo(seq);
                Ok((state.pruned_to() <= SeqNo(seq) && !is_late).then_some(answer))
            })?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
            since_ms = now.told_ms();
            Stats::add(&self.parts.stats.read_retries, 1);
        }
        let view = self.view();
        ask(&*view.of(handle)?, view.seq(), &Now::at(clock, view.clock_ms()))
    }

    /// Watches for changes of a range, or any.
    ///
    /// # Errors
    /// As [`Watch::new`].
    pub fn watch(&self, scope: Scope) -> Result<Watch> {
        Watch::new(&self.parts, scope)
    }

    /// The commits after `after`, in order.
    ///
    /// # Errors
    /// As [`Feed::open`].
    pub fn feed(&self, after: SeqNo) -> Result<Feed> {
        Feed::open(&self.parts, self.identity.uuid.0, after)
    }

    /// Creates an index, durably; returns its number.
    ///
    /// # Errors
    /// `Exists` when the name is taken; `Unsupported` for an unknown type; `Invalid` for options
    /// that the type refuses; as [`Engine::commit`].
    pub fn create_index(&self, name: &str, kind: &str, options: &[u8]) -> Result<IndexId> {
        self.parts.registry.get(kind)?.make(options, &self.parts.services)?;
        let (name, kind, options) = (name.to_owned(), kind.to_owned(), options.to_vec());
        self.change_catalog(|next, _| {
            Ok(CatalogOp::Create { id: next, entry: Entry { name, kind, options } })
        })
    }

    /// Renames an index, durably.
    ///
    /// # Errors
    /// `NotFound`, `Exists`; as [`Engine::commit`].
    pub fn rename_index(&self, id: IndexId, name: &str) -> Result<()> {
        self.change_catalog(|_, _| Ok(CatalogOp::Rename { id, name: name.to_owned() }))?;
        Ok(())
    }

    /// Drops an index, durably. Views taken before still see it; its space is given back when they
    /// are gone.
    ///
    /// # Errors
    /// `NotFound`; as [`Engine::commit`].
    pub fn drop_index(&self, id: IndexId) -> Result<()> {
        self.change_catalog(|_, _| Ok(CatalogOp::Drop { id }))?;
        self.parts.work.notify();
        Ok(())
    }

    fn change_catalog(
        &self,
        op: impl FnOnce(IndexId, &Catalog) -> Result<CatalogOp>,
    ) -> Result<IndexId> {
        self.parts.check_writable()?;
        let _ours = self.parts.hold()?;
        let _one_at_a_time = self.parts.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.parts.tail().next_index;
        let mut catalog = (*self.catalog()).clone();
        let op = op(next, &catalog)?;
        catalog.apply(&op)?;
        let mut commit = Commit::of_catalog(self.parts.clone(), &op)?;
        drive(&self.parts, || commit.step())?;
        // The change is durable. What prevents the manifest from listing it now may pass; until
        // then the log is kept, and a worker tries again.
        match list_catalog(&self.parts) {
            Err(error) if error.kind() == ErrorKind::Poisoned => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the manifest does not list a change of the catalog yet");
                self.parts.work.notify();
            }
            Ok(()) => {}
        }
        Ok(op.id())
    }

    /// The directory that it is in, as it was opened.
    pub fn dir(&self) -> &Path {
        &self.parts.dir
    }

    /// Makes every commit so far durable.
    ///
    /// # Errors
    /// `Poisoned` when a sync failed, now or earlier; `Invalid` in a process that reads along.
    pub fn sync(&self) -> Result<()> {
        if self.reader.is_some() {
            self.parts.check_writable()?;
        }
        let tail = self.parts.tail();
        tail.check()?;
        let end = tail.log.end();
        drop(tail);
        let mut sync = SyncTo::new(self.parts.clone(), end);
        drive(&self.parts, || sync.step())
    }

    /// Freezes all memtables, to be written as segments in the background; returns the last commit
    /// in them.
    ///
    /// # Errors
    /// `Poisoned` when a sync failed earlier; `Invalid` when opened for reading or closed.
    pub fn rotate(&self) -> Result<SeqNo> {
        self.parts.check_writable()?;
        let mut tail = self.parts.tail();
        tail.check()?;
        let ids: Vec<IndexId> = tail.writers.iter().map(|writer| writer.id).collect();
        let up_to = up_to(&tail);
        rotate(&self.parts, &mut tail, &ids, up_to);
        Ok(up_to.0)
    }

    /// Writes all memtables as segments, and waits for it.
    ///
    /// # Errors
    /// What background work fails with; `Invalid` when opened for reading.
    pub fn flush(&self) -> Result<()> {
        let last = self.rotate()?;
        self.wait_until(|parts| {
            let tail = parts.tail();
            let is_old = |writer: &crate::tail::IndexWriter| {
                writer.frozen.iter().any(|frozen| frozen.last <= last)
            };
            !tail.writers.iter().any(is_old)
        })
    }

    /// Merges everything that is there now down as far as it goes, waits for it, and gives unused
    /// space of the log back. What is written meanwhile is not waited for.
    ///
    /// # Errors
    /// As [`Engine::flush`].
    pub fn compact(&self) -> Result<()> {
        self.flush()?;
        let ids: Vec<IndexId> = self.catalog().iter().map(|(id, _)| id).collect();
        self.parts.want_compacted(&ids);
        self.wait_until(|parts| {
            let mut control = parts.control();
            let current = parts.versions.current();
            control.compact.retain(|id, _| current.value.state(*id).is_ok());
            !control.compact.keys().any(|id| ids.contains(id))
        })?;
        let _ours = self.parts.hold()?;
        self.parts.tail().check()?;
        clear_released(&self.parts);
        forget_log(&self.parts, Forget::Long)?;
        let mut tail = self.parts.tail();
        tail.check()?;
        tail.log.shrink()
    }

    /// Waits until no flush and no merge is under way or worth doing, and the files that they made
    /// needless are removed; those that a view or another process still reads are not.
    ///
    /// # Errors
    /// What background work fails with.
    pub fn settle(&self) -> Result<()> {
        self.parts.check_writable()?;
        self.parts.tail().check()?;
        self.parts.work.notify();
        self.wait_until(|parts| {
            let waiting = parts.tail().writers.iter().any(|writer| !writer.frozen.is_empty());
            let control = parts.control();
            let idle =
                |id: IndexId, state: &Arc<dyn ErasedState>| control.plan(id, &**state).is_none();
            let current = parts.versions.current();
            !waiting
                && control.flushes + control.merges == 0
                && current.value.states().all(|(id, state)| idle(id, state))
        })?;
        let _ours = self.parts.hold()?;
        clear_released(&self.parts);
        Ok(())
    }

    fn wait_until(&self, done: impl Fn(&Parts) -> bool) -> Result<()> {
        let parts = &*self.parts;
        let failed = parts.retry();
        drive(parts, || {
            let seen = parts.moved.epoch();
            if done(parts) {
                return Step::Done(Ok(()));
            }
            if let Err(error) = parts.tail().check() {
                return Step::Done(Err(error));
            }
            if let Some(error) = parts.failure_since(failed) {
                return Step::Done(Err(error));
            }
            Step::Wait(seen)
        })
    }

    /// Checks everything that is stored.
    ///
    /// # Errors
    /// Only what prevents checking; damage is in the report. `Invalid` when the database is closed.
    pub fn verify(&self) -> Result<VerifyReport> {
        // Whoever opens the directory next changes what is checked here.
        let _held = self.parts.lock.get().and_then(Weak::upgrade);
        self.parts.check_open()?;
        verify(&self.parts, self.identity.uuid)
    }

    /// Makes a backup of the present in `dir`, beside everything else; files that an earlier one
    /// has are not copied again.
    ///
    /// # Errors
    /// `Invalid` when `dir` is a database or has backups of another; `Locked` while one is made;
    /// `Corrupt` when what is to be copied is damaged; `Poisoned`, `Full`, `Io`.
    pub fn backup(&self, dir: &Path) -> Result<BackupReport> {
        keep::backup(&self.parts, &self.identity, dir)
    }

    /// What the scrub has found since the database was opened.
    pub fn scrub_report(&self) -> ScrubReport {
        self.parts.scrub_report().clone()
    }

    /// Makes `target` a database of its own, which holds a prefix of the commits: all that are
    /// published now, and maybe some that are about to be. Goes on beside everything else. Reads
    /// and writes the log that recovery would read; sealed files are linked, or copied where they
    /// cannot be.
    ///
    /// # Errors
    /// `Exists` when there are files in `target`; `Poisoned` when a sync failed earlier; `Corrupt`
    /// when what is to be copied is damaged; `Full`, `Io`. There is no database in `target` then.
    pub fn checkpoint(&self, target: &Path) -> Result<CheckpointReport> {
        keep::checkpoint(&self.parts, &self.identity, target)
    }

    /// What the database is at the moment.
    pub fn gauges(&self) -> Gauges {
        let parts = &*self.parts;
        let current = parts.versions.current();
        parts.reclaim_readers();
        // Told, not enforced: reading statistics expires nothing.
        let views = parts.pins.report(&current.value);
        parts.services.budget.set(Part::Views, views.bytes);
        let report = |(id, state): (IndexId, &Arc<dyn ErasedState>)| {
            let entry = current.value.catalog.get(id);
            let listed = state.listed();
            let blobs = || listed.iter().flat_map(|segment| segment.meta.blobs.iter());
            let blob_files: BTreeSet<FileId> = blobs().map(|blob| blob.file).collect();
            let file_bytes = |file| parts.files.whole(file).map_or(0, |region| region.len());
            IndexReport {
                id,
                name: entry.map(|entry| entry.name.clone()).unwrap_or_default(),
                kind: state.type_name().to_owned(),
                memtable_bytes: state.memory().iter().map(|(_, bytes)| *bytes as u64).sum(),
                segments: listed.len(),
                segment_bytes: listed.iter().map(|segment| segment.meta.bytes()).sum(),
                entries: listed.iter().map(|segment| segment.meta.entries).sum(),
                blob_bytes: blobs().map(|blob| blob.live_bytes).sum(),
                blob_file_bytes: blob_files.into_iter().map(file_bytes).sum(),
            }
        };
        let indexes: Vec<IndexReport> = current.value.states().map(report).collect();
        let control = parts.control();
        let (jobs, failure) = (control.flushes + control.merges, control.failure.clone());
        drop(control);
        let failure = failure.map(|failure| failure.to_error());
        let failure = failure.or_else(|| self.reader.as_ref()?.failure());
        let tail = parts.tail();
        let log_bytes = tail.log.retained_bytes();
        let (log_kept_bytes, log_first) = (tail.log.kept_bytes(), tail.log.first_commit());
        drop(tail);
        Gauges {
            published: parts.published(),
            memtable_bytes: indexes.iter().map(|index| index.memtable_bytes).sum(),
            cache_bytes: parts.services.cache.bytes(),
            cache_capacity_bytes: parts.services.cache.capacity(),
            memory_budget: parts.options.memory_budget,
            memory: parts.services.budget.report(),
            transaction_bytes: parts.services.budget.used(Part::Transactions),
            locks: parts.locks.len(),
            conflict_bytes: parts.services.budget.used(Part::Conflicts),
            log_bytes,
            log_kept_bytes,
            log_first,
            feeds: parts.feeds.len(),
            feed_oldest: parts.feeds.oldest(),
            watches: parts.watchers.len(),
            readers: parts.pins.shared().slots().count(),
            reader_oldest: parts.pins.oldest_read(),
            pressure: parts.pressure(),
            views,
            jobs,
            failure: failure.map(|failure| failure.message().to_owned()),
            indexes,
        }
    }
}

mod again;
mod along;
mod close;
