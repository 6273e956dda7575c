//! A process that reads what another one writes: how it keeps up.
//!
//! ```text
//! writer:  log ──► published ─────────────► shown (readers::Table)
//!          manifest: edits ───────────────► shown
//!                                             │ looked at: by a job, or when asked to
//!          log, manifest, segments ◄── read ──┤
//!                                             ▼
//!                        memtables of its own + the same segments = versions, views
//! ```
//!
//! A reader applies commits from the log to memtables of its own, up to the last one that the
//! writer shows, and opens the segments that the manifest names. What a flush has moved into
//! segments goes from its memtables when the manifest says so; where its memtables do not end
//! where those of the writer did, they are made anew from the log.
//!
//! Invariants:
//! 1. No commit is applied before the writer shows it; all up to one are published together.
//! 2. The manifest is read before the commit up to which the log is then read: so everything that
//!    it says is in segments was published, and has been applied.
//! 3. The slot of this process names the oldest edit that any of its versions is of, and the log
//!    that it may have to read again.
//! 4. Its clock stands while it does not look. So nothing expires for it that a commit, which it
//!    has not read yet, has renewed in time.
//!
//! Not for: changing anything. A reader writes nothing but its slot.

mod job;
mod open;
mod switch;
mod world;

pub use job::Follower;
pub(crate) use open::open;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use crate::batch::Body;
use crate::commit::{change_catalog, ingest};
use crate::error::{Error, ErrorKind, Result};
use crate::format::name;
use crate::id::{IndexId, LogPos, SeqNo};
use crate::index::{Footprint, Horizon, SegmentMeta};
use crate::log::{Cursor, Kind, Record};
use crate::manifest::{self, Recovered};
use crate::parts::{Failure, Parts};
use crate::planted::{self, Bug};
use crate::readers::{Own, Shown, Slot, Table};
use crate::recovery::is_written;
use crate::stats::Stats;
use crate::tail::Tail;
use crate::version::{CatalogOp, Version};

/// Commits that are applied in one go, before others get at the memtables.
const STEPS: usize = 256;

/// What a reader process has besides what every open database has.
pub struct Reader {
    table: Table,
    /// `None` once this process reads nothing more. Versions keep it, too: it is given back when
    /// the last of them goes.
    slot: Mutex<Option<Arc<Own>>>,
    following: Mutex<Following>,
    failure: Mutex<Option<Failure>>,
    /// Why this one is at its end: the database is not where it was.
    lost: OnceLock<String>,
}

/// Where a reader is.
pub(crate) struct Following {
    /// What the manifest said when it was read last.
    manifest: Recovered,
    log: Cursor,
    writer: Writer,
    /// Whether a commit may have been applied in part: then nothing goes on from there, and
    /// everything is read anew.
    is_broken: bool,
}

/// Whose word counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    /// That of who opened the directory for writing as this number.
    opening: u64,
    /// Whether there was one. Else, what is shown may be from before the machine was started.
    is_there: bool,
}

impl Reader {
    pub(crate) fn new(table: Table, slot: Arc<Own>, following: Following) -> Reader {
        let (slot, following) = (Mutex::new(Some(slot)), Mutex::new(following));
        let (failure, lost) = (Mutex::default(), OnceLock::new());
        Reader { table, slot, following, failure, lost }
    }

    fn lock(&self) -> MutexGuard<'_, Following> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why this process does not keep up, if it does not.
    pub fn failure(&self) -> Option<Error> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().map(|failure| failure.told("following the writer fails"))
    }

    /// Reads what the writer has published up to now; returns the last commit there is now.
    ///
    /// Without anything new: a few loads, and a look whether the database is still there.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`, `Full`, `Io`, and `NotFound` as [`Reader::check_place`]: what was
    /// read before stays as it was.
    pub fn refresh(&self, parts: &Parts) -> Result<SeqNo> {
        parts.check_open()?;
        let before = parts.published();
        let seen = self.catch_up(parts, self.lock())?;
        if seen == before {
            self.check_place(parts)?;
        }
        Ok(seen)
    }

    /// Fails when the database is not where it was: then nothing is shown any more to who reads
    /// along, and whoever waits for something is told. Asks for the file of the table.
    ///
    /// # Errors
    /// `NotFound`, from then on: open it again.
    pub fn check_place(&self, parts: &Parts) -> Result<()> {
        self.check_lost()?;
        if self.table.is_of(&parts.dir) {
            return Ok(());
        }
        let what = match parts.env.vfs().exists(&parts.dir.join(name::IDENTITY)) {
            Ok(true) => "was replaced by another one: open it again",
            _ => "is gone: open it again when there is one",
        };
        let why = format!("the database in {} {what}", parts.dir.display());
        let error = Error::not_found(self.lost.get_or_init(|| why).clone());
        let failure = Failure::of(&error);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        let mut tail = parts.tail();
        tail.lose(&error);
        parts.watchers.end();
        parts.moved.notify();
        drop(tail);
        Err(error)
    }

    fn check_lost(&self) -> Result<()> {
        match self.lost.get() {
            Some(why) => Err(Error::not_found(why.clone())),
            None => Ok(()),
        }
    }

    /// As [`Reader::refresh`], unless somebody is at it already.
    ///
    /// # Errors
    /// As there.
    pub fn refresh_unless_busy(&self, parts: &Parts) -> Result<()> {
        match self.following.try_lock() {
            Ok(following) => self.catch_up(parts, following).map(drop),
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Poisoned(poisoned)) => {
                self.catch_up(parts, poisoned.into_inner()).map(drop)
            }
        }
    }

    fn catch_up(&self, parts: &Parts, mut following: MutexGuard<'_, Following>) -> Result<SeqNo> {
        // Once more: it may have been closed while this waited.
        parts.check_open()?;
        self.check_lost()?;
        let caught_up = following.refresh(parts, &self.table);
        self.stand(parts, &following);
        drop(following);
        if caught_up.is_err() {
            // Where the database is gone, that is why.
            self.check_place(parts)?;
        }
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = caught_up.as_ref().err().map(Failure::of);
        drop(failure);
        caught_up.map(|()| parts.published())
    }

    /// Reads nothing more: views that are there are read as long as they live, and with the last of
    /// them, of their cursors and of what is being read just now the slot is given back.
    pub(crate) fn leave(&self, parts: &Parts) {
        let _following = self.lock();
        let mut tail = parts.tail();
        tail.writers.clear();
        let edit = parts.versions.current().value.edit;
        parts.versions.seal_and_replace(parts.published().0, Version::closed(edit));
        drop(self.slot.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Says what this process may still read.
    fn stand(&self, parts: &Parts, following: &Following) {
        let current = parts.versions.current();
        let edit = current.value.oldest_living().unwrap_or(current.value.edit);
        let tail = parts.tail();
        let start = following.manifest.state.log_start();
        let read_again = tail.log.retained().find(|segment| segment.number >= start);
        let behind = read_again.map_or(SeqNo(0), |segment| segment.before);
        let seq = parts.feeds.oldest().into_iter().chain([behind]).min().unwrap_or(behind);
        drop(tail);
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = &*slot {
            slot.stand(Slot { edit, seq });
        }
    }
}

impl Following {
    pub(crate) fn new(manifest: Recovered, log: Cursor, writer: Writer) -> Following {
        Following { manifest, log, writer, is_broken: false }
    }

    /// What the writer shows, if there is one and it is ready.
    fn shown(&mut self, table: &Table) -> Option<Shown> {
        let opening = table.openings();
        if opening == self.writer.opening && !self.writer.is_there {
            return None;
        }
        let shown = table.shown(opening)?;
        self.writer = Writer { opening, is_there: true };
        Some(shown)
    }

    fn refresh(&mut self, parts: &Parts, table: &Table) -> Result<()> {
        // Before what is shown: at this time, that was the last commit.
        let now_ms = parts.env.wall_ms();
        if !self.writer.is_there && self.writer.opening == table.openings() {
            // Nobody has written since: whatever will be written comes later.
            parts.services.clock.reach(now_ms);
            return Ok(());
        }
        let Some(shown) = self.shown(table) else {
            // Whoever began to write goes on with it, or has come to nothing.
            return match is_written(parts.env.vfs(), &parts.dir.join(name::LOCK)) {
                true => Ok(()),
                false => self.rebuild(parts, table),
            };
        };
        let mut caught_up = match self.is_broken {
            true => Err(Error::corrupt("a commit could not be applied before")),
            false => self.catch_up(parts, table, shown),
        };
        self.is_broken = caught_up.is_err();
        if caught_up.as_ref().is_err_and(|error| is_worth_another_try(error.kind())) {
            // What it had to read was let go of meanwhile; or it is damaged, and stays so.
            Stats::add(&parts.stats.reader_rebuilds, 1);
            caught_up = self.rebuild(parts, table);
            self.is_broken = caught_up.is_err();
        }
        caught_up?;
        if parts.published() <= shown.published {
            parts.services.clock.reach(now_ms);
        }
        Ok(())
    }

    fn catch_up(&mut self, parts: &Parts, table: &Table, shown: Shown) -> Result<()> {
        if shown.edit <= self.manifest.state.edit() {
            return self.follow(parts, shown.published);
        }
        let mut next = self.manifest.clone();
        manifest::follow(parts.env.vfs(), &parts.dir, &mut next)?;
        // What the manifest says was flushed was shown before.
        let Some(shown) = self.shown(table) else { return Ok(()) };
        if self.jump(parts, &next, shown)? {
            return Ok(());
        }
        self.follow(parts, shown.published)?;
        self.switch(parts, next)
    }

    /// Applies commits up to `last`, which is written.
    fn follow(&mut self, parts: &Parts, last: SeqNo) -> Result<()> {
        let vfs = parts.env.vfs();
        let last = if planted::is(Bug::ReaderRunsAhead) { SeqNo(last.0 + 1) } else { last };
        while self.log.done() < last {
            let mut tail = parts.tail();
            let (mut read, mut written) = (0, BTreeSet::new());
            while read < STEPS
                && let Some((segment, record)) = self.log.next(vfs, last)?
            {
                let header = record.header;
                let end = LogPos(record.at.0 + header.record_len());
                apply(parts, &mut tail, &record, &mut written)?;
                tail.log.note_followed(&segment, header.seq, end, header.clock_ms);
                read += 1;
            }
            let done = self.log.done();
            if read == 0 && planted::is(Bug::ReaderRunsAhead) {
                break;
            }
            crate::ensure_sound!(
                read > 0,
                "the log ends with commit {done}, but commit {last} was published"
            );
            for id in written {
                if let Some(writer) = tail.writer(id) {
                    switch::count(parts, writer);
                }
            }
            parts.services.clock.reach(tail.log.clock_ms());
            parts.publish_up_to(&tail, done);
        }
        Ok(())
    }
}

/// Applies a commit to the memtables of this process, and notes of which indexes.
fn apply(
    parts: &Parts,
    tail: &mut Tail,
    record: &Record<'_>,
    noted: &mut BTreeSet<IndexId>,
) -> Result<()> {
    let (seq, clock_ms) = (record.header.seq, record.header.clock_ms);
    let kind = record.kind()?;
    let named = |e: Error, id: IndexId| e.context(format_args!("commit {seq}, index {id}"));
    for (id, ops) in Body::decode(record.body)?.parts {
        noted.insert(id);
        if id == IndexId::CATALOG {
            change_catalog(parts, tail, seq, &CatalogOp::decode(ops)?)?;
        } else if tail.writer(id).is_none() {
            let known = tail.next_index;
            crate::ensure_sound!(id < known, "commit {seq} writes to index {id}, which never was");
        } else if kind == Kind::Ingest {
            take_segments(parts, tail, (seq, record.at), id, ops).map_err(|e| named(e, id))?;
        } else {
            // Bytes that the checksum covers may be of a newer version: check before applying.
            let mut checked = ops.to_vec();
            let mut written = parts.watchers.has_ranges_of(id).then(Footprint::default);
            let prepare = |version: &Version, _| {
                version.state(id).and_then(|state| state.prepare(&mut checked, written.as_mut()))
            };
            parts.versions.read(prepare).map_err(|e| named(e, id))?;
            let epoch = parts.pins.epoch();
            if tail.pins_epoch != epoch {
                (tail.pins, tail.pins_epoch) = (parts.pins.numbers(), epoch);
            }
            let pins = std::mem::take(&mut tail.pins);
            let horizon = Horizon { published: parts.versions.published(), pins: &pins };
            if let Some(writer) = tail.writer(id) {
                writer.writer.apply(seq, clock_ms, &checked, &horizon);
                writer.first.get_or_insert(seq);
            }
            tail.pins = pins;
            if let Some(written) = written {
                parts.watchers.note(seq, id, &written);
            }
        }
    }
    Ok(())
}

/// Puts segments that a commit ingests on top of what is before it.
fn take_segments(
    parts: &Parts,
    tail: &mut Tail,
    (seq, at): (SeqNo, LogPos),
    id: IndexId,
    metas: &[u8],
) -> Result<()> {
    let metas = SegmentMeta::decode_all(metas)?;
    let current = parts.versions.current();
    let given = current.value.state(id)?.accept(&metas, &*parts.files, None)?;
    if parts.watchers.has_ranges_of(id) {
        parts.watchers.note(seq, id, &given.footprint);
    }
    let before = SeqNo(seq.0.saturating_sub(1));
    ingest(parts, tail, (before, at), (seq, at), &[(id, given)])
}

/// Whether what failed may be right when it is read anew: things go while they are looked at.
fn is_worth_another_try(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Io)
}
