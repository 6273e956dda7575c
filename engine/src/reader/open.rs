//! Opening a database that another process may have open for writing.
//!
//! ```text
//! 1. take a slot that pins everything
//! 2. does anybody write? how often was the directory opened for writing?
//! 3. manifest, segments, log: up to what the writer shows, or to the end where nobody writes
//! 4. was it opened for writing meanwhile? then again from 2
//! ```
//!
//! Nothing waits for it, and nothing is changed: recovery is for those who write.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::switch::{count, take_memory};
use super::world::{Made, World};
use super::{Following, Reader, Writer, is_worth_another_try};
use crate::clock::Clock;
use crate::env::{Env, Event, Vfs};
use crate::error::{Error, Result};
use crate::format::name;
use crate::id::{EditNo, LogNo, LogPos, SeqNo};
use crate::identity::{self, Identity};
use crate::index::Registry;
use crate::log::{CloseMark, Cursor, Scan, SegmentHeader, find_kept, find_logs, scan_copied};
use crate::manifest::{self, ManifestPosition, Recovered};
use crate::options::Options;
use crate::readers::{LocalWords, Shown, Table, WORDS};
use crate::recovery::{Ground, Indexes, Opened, RecoveryReport, assemble, is_written};
use crate::version::{Living, Version};

/// How long opening is tried: so long a writer may take to recover.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often something that looks damaged is looked at again: it may be changing just now.
const LOOKS: u32 = 12;

/// Opens the database in `dir` to read along.
///
/// # Errors
/// `NotFound`; `Busy` when there are too many readers, or a writer takes too long to recover;
/// `Corrupt`, `Unsupported`, `Full`, `Io`.
pub(crate) fn open(
    env: Arc<dyn Env>,
    dir: &Path,
    options: Options,
    registry: Registry,
) -> Result<(Opened, Arc<Reader>)> {
    let began = env.now();
    let vfs = env.vfs();
    let identity::Found::Database(identity) = identity::find(vfs, dir)? else {
        return Err(Error::not_found(format!("there is no database in {}", dir.display())));
    };
    let path = dir.join(name::READERS);
    let words = env.shared_words(&path, WORDS).map_err(|e| {
        let is_refused = e.kind() == io::ErrorKind::PermissionDenied;
        let error =
            Error::io(format_args!("{} (readers share it with the writer)", path.display()), e);
        match is_refused {
            true => error.advice(
                "who may not write it can open the database with read_only, or mode=\"read\", \
                 while nobody writes it",
            ),
            false => error,
        }
    })?;
    let table = Table::new(words);
    if !table.is_shared() {
        return Err(Error::unsupported(
            "processes share no memory on this system: one alone can open a database here",
        ));
    }
    let slot = Arc::new(table.take(vfs, dir, EditNo(0), SeqNo(0))?);
    let ground = Ground::new(env.clone(), dir, options, registry, Clock::standing(0));
    let (read, writer, alone_ms) =
        settle(&*env, dir, &table, PATIENCE, |limit| read(&ground, &identity, limit))?;
    let Read { made, manifest, log, found } = read;
    let counters = manifest.state.counters();
    // Its views are its own affair.
    let own = Table::new(LocalWords::new());
    let (next_index, unlisted) = (made.next_index, made.unlisted.clone());
    let living = Arc::new(Living::keeping(slot.clone()));
    let empty = Version::empty(manifest.state.edit(), living);
    let (version, writers) = made.into_version(empty);
    let published = found.last_seq;
    let indexes = Indexes { version, writers, next_index, published };
    let parts = Arc::new(assemble(ground, &identity, counters, indexes, None, &found, own)?);
    let mut tail = parts.tail();
    tail.unlisted = unlisted;
    if let Some((first, _)) = found.segments.first() {
        tail.log.adopt(find_kept(env.vfs(), dir, first));
    }
    for writer in &mut tail.writers {
        take_memory(&parts, writer);
        count(&parts, writer);
    }
    parts.services.clock.reach(found.clock_ms.max(alone_ms));
    parts.publish_up_to(&tail, published);
    drop(tail);
    parts.update_pressure();
    let following = Following::new(manifest, log, writer);
    let reader = Arc::new(Reader::new(table, slot, following));
    reader.refresh(&parts)?;
    let took = env.now().saturating_sub(began);
    let report = RecoveryReport { took, ..RecoveryReport::default() };
    Ok((Opened { parts, identity, report, lock: None }, reader))
}

/// What was read.
pub(super) struct Read {
    pub(super) made: Made,
    pub(super) manifest: Recovered,
    pub(super) log: Cursor,
    pub(super) found: Scan,
}

/// How far to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// What a writer shows.
    Shown(Shown),
    /// Everything: nobody writes.
    End,
}

/// Reads until nothing was changed meanwhile that matters; returns who writes, too, and where
/// nobody does, a time before anything that will be written: else 0.
pub(super) fn settle<R>(
    env: &dyn Env,
    dir: &Path,
    table: &Table,
    patience: Duration,
    mut read: impl FnMut(Limit) -> Result<R>,
) -> Result<(R, Writer, u64)> {
    let lock = dir.join(name::LOCK);
    let (never, deadline) = (Event::new(), env.now() + patience);
    let mut looks = 0;
    loop {
        let now_ms = env.wall_ms();
        let opening = table.openings();
        let is_written = is_written(env.vfs(), &lock);
        let limit = match table.shown(opening) {
            _ if !is_written => Some(Limit::End),
            shown => shown.map(Limit::Shown),
        };
        let wait = match limit.map(&mut read) {
            Some(Ok(done)) if table.openings() == opening => {
                let alone_ms = if is_written { 0 } else { now_ms };
                return Ok((done, Writer { opening, is_there: is_written }, alone_ms));
            }
            Some(Err(error)) if !is_worth_another_try(error.kind()) || looks == LOOKS => {
                return Err(error);
            }
            Some(_) => {
                looks += 1;
                Duration::from_millis(1 << looks.min(6))
            }
            None => Duration::from_millis(5),
        };
        if env.now() > deadline {
            return Err(Error::busy(format!(
                "{} is being opened for writing, which has not come to its end: try again",
                dir.display()
            )));
        }
        env.wait(&never, never.epoch(), Some(wait));
    }
}

/// Reads manifest and log, and opens all segments.
fn read(ground: &Ground, identity: &Identity, limit: Limit) -> Result<Read> {
    let manifest = manifest::recover(ground.env.vfs(), &ground.dir, identity.uuid)?;
    let world = World::of_manifest(ground.tools(), &manifest.state)?;
    read_from(world, ground.env.vfs(), &ground.dir, manifest, limit)
}

/// As [`read`], behind a manifest that was read, whose indexes are in `world`.
pub(super) fn read_from(
    mut world: World<'_>,
    vfs: &dyn Vfs,
    dir: &Path,
    manifest: Recovered,
    limit: Limit,
) -> Result<Read> {
    let state = &manifest.state;
    let last = match limit {
        Limit::Shown(shown) => {
            crate::ensure_sound!(
                state.edit() >= shown.edit,
                "the manifest ends with edit {}, but edit {} was shown",
                state.edit(),
                shown.edit
            );
            shown.published
        }
        Limit::End => SeqNo::MAX,
    };
    let uuid = manifest.uuid.0;
    if state.log_start() == LogNo(0) && find_logs(vfs, dir)?.is_empty() {
        return Err(Error::not_found(format!(
            "there is no database in {} yet: whoever was creating it has not come to the end; open \
             it for writing once",
            dir.display()
        )));
    }
    let mut log = Cursor::open(vfs, dir, &uuid, state.log_start().max(LogNo(1)))?;
    let mut found = Scan { clock_ms: state.wall_ms(), ..Scan::default() };
    let mut ends = |segment: &SegmentHeader, end: LogPos| match found.segments.last_mut() {
        Some((newest, at)) if newest.number == segment.number => *at = end,
        _ => found.segments.push((*segment, end)),
    };
    ends(log.segment(), log.at());
    let mut clock_ms = log.segment().clock_ms;
    while let Some((segment, record)) = log.next(vfs, last)? {
        ends(&segment, LogPos(record.at.0 + record.header.record_len()));
        clock_ms = clock_ms.max(record.header.clock_ms);
        world.apply(&record)?;
    }
    found.clock_ms = found.clock_ms.max(clock_ms);
    found.last_seq = log.done();
    found.synced = found.segments.last().map_or(LogPos(0), |(_, end)| *end);
    let flushed = state.indexes().values().map(|index| index.flushed);
    let known = [state.catalog_flushed(), state.published()];
    let due = flushed.chain(known).max().unwrap_or_default();
    let due = if last == SeqNo::MAX { due } else { due.max(last) };
    if last == SeqNo::MAX {
        check_end(vfs, dir, &manifest, &found)?;
    }
    crate::ensure_sound!(
        found.last_seq >= due,
        "the log ends with commit {}, but commit {due} was published",
        found.last_seq
    );
    Ok(Read { made: world.finish()?, manifest, log, found })
}

/// Whether the log ends there where nobody writes it, as who recovers it would look: nothing that
/// is known to have been synced is missing.
fn check_end(vfs: &dyn Vfs, dir: &Path, manifest: &Recovered, found: &Scan) -> Result<()> {
    let start = manifest.state.log_start().max(LogNo(1));
    // A writer that comes now may shorten the log, which nobody must have mapped then.
    let whole = scan_copied(vfs, dir, &manifest.uuid.0, start, &mut |_, _| Ok(()))?;
    crate::ensure_sound!(
        whole.last_seq == found.last_seq,
        "the log ended with commit {}, now with {}",
        found.last_seq,
        whole.last_seq
    );
    match whole.manifest {
        Some(CloseMark { manifest: number, manifest_len: len }) => {
            manifest::check_known(&mut manifest.clone(), ManifestPosition { number, len })
        }
        None => Ok(()),
    }
}
