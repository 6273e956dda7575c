//! The one function that orders syncs: what background work made becomes part of the database.
//!
//! ```text
//!  1. label and sync the data files   labels in place come behind what they tell of
//!  2. sync the directory                  their names are durable
//!  3. append the edit to the manifest,
//!     which syncs it                      from here on a crash finds the new segments
//!  4. install the version                 from here on readers find them
//!  5. let go of log segments and files    nothing durable names them
//! ```
//!
//! No other code makes segments current, and nothing before step 3 removes anything.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::budget::Part;
use crate::error::{Error, ErrorKind, Result};
use crate::file::FileOutput;
use crate::id::{EditNo, IndexId, LogNo, SegmentId, SeqNo};
use crate::index::{Edit, ErasedState, Heirs, Listed, Opened};
use crate::jobs::label::{label, label_in_place};
use crate::log::{CloseMark, Keep};
use crate::manifest::{Change, Counters, ManifestEdit, ManifestWriter};
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::stats::Stats;
use crate::tail::Tail;
use crate::version::{Catalog, Version};

/// What happens to one index.
pub(crate) struct Installing {
    /// The index.
    pub(crate) id: IndexId,
    /// Segments that come and go.
    pub(crate) edit: Edit,
    /// Its oldest frozen memtables that the edit makes unnecessary.
    pub(crate) flushed: usize,
    /// Everything of the index up to this commit is in segments.
    pub(crate) up_to: Option<SeqNo>,
    /// What compactions go on with.
    pub(crate) heirs: Heirs,
}

/// An index whose new segments are open.
struct Ready {
    id: IndexId,
    remove: Vec<SegmentId>,
    listed: Vec<Listed>,
    opened: Opened,
    flushed: usize,
    up_to: Option<SeqNo>,
    heirs: Heirs,
}

/// Makes the results of background work durable and current, and has `count` count them before
/// anybody is told. On an error nothing has changed,
/// except after `Poisoned`; the caller then abandons `out`. Indexes that were dropped meanwhile are
/// left out.
///
/// # Errors
/// `Full`, `Io`, `Corrupt`; `Poisoned` when writing the manifest failed.
pub(crate) fn install(
    parts: &Parts,
    installing: Vec<Installing>,
    out: &mut FileOutput,
    count: impl FnOnce(&Stats),
) -> Result<()> {
    label(parts, &installing, out)?;
    out.finish()?;
    out.sync()?;
    if out.has_new_files() && !planted::is(Bug::SkippedDirectorySync) {
        let synced = parts.env.vfs().sync_dir(&parts.dir);
        synced.map_err(|e| Error::io(format_args!("syncing {}", parts.dir.display()), e))?;
    }
    let slots = label_in_place(parts, &installing, out)?;
    let mut guard = parts.manifest();
    let manifest = guard.as_mut().ok_or_else(|| Error::internal("installing while read-only"))?;
    let no = manifest.next_edit();
    let ready = open_segments(parts, installing, no)?;
    if ready.is_empty() {
        remove_unlisted(parts, manifest, out);
        return Ok(());
    }
    if planted::is(Bug::EarlyUnlink) {
        unlink_early(parts, manifest, &ready);
    }
    let (changes, start) = changes_of(parts, &ready, manifest);
    if let Err(error) = append(parts, manifest, ManifestEdit { no, changes }) {
        if manifest.is_poisoned() {
            out.leave();
            slots.keep();
        }
        return Err(error);
    }
    slots.keep();
    let mark = mark_of(manifest);
    remove_unlisted(parts, manifest, out);
    out.leave();

    let mut tail = parts.tail();
    tail.log.set_manifest(mark);
    if let Err(error) = make_current(parts, &mut tail, &ready, no) {
        parts.poison(&mut tail, &error);
        return Err(error);
    }
    release_log(parts, &mut tail, start);
    // Whoever waits for the work must find it counted.
    count(&parts.stats);
    drop(tail);
    drop(guard);
    drop(ready);
    parts.update_pressure();
    parts.enforce_view_budget();
    parts.moved.notify();
    parts.work.notify();
    Ok(())
}

/// Has new files removed that the manifest does not name.
fn remove_unlisted(parts: &Parts, manifest: &ManifestWriter, out: &FileOutput) {
    for file in out.new_files().filter(|file| !manifest.state().files().contains_key(file)) {
        parts.files.keep_released(file);
    }
}

fn mark_of(manifest: &ManifestWriter) -> CloseMark {
    let position = manifest.position();
    CloseMark { manifest: position.number, manifest_len: position.len }
}

fn append(parts: &Parts, manifest: &mut ManifestWriter, edit: ManifestEdit) -> Result<()> {
    manifest.append(parts.env.vfs(), &edit).inspect_err(|error| {
        if manifest.is_poisoned() {
            parts.poison(&mut parts.tail(), error);
        }
    })?;
    parts.pins.shared().show_edit(edit.no);
    Ok(())
}

fn open_segments(parts: &Parts, installing: Vec<Installing>, no: EditNo) -> Result<Vec<Ready>> {
    let current = parts.versions.current();
    let mut ready = Vec::with_capacity(installing.len());
    for Installing { id, edit, flushed, up_to, heirs } in installing {
        // Dropped meanwhile: what was written for it is removed.
        let Ok(state) = current.value.state(id) else { continue };
        let listed: Vec<Listed> = edit
            .add
            .into_iter()
            .map(|meta| Listed {
                id: SegmentId(parts.next_segment.fetch_add(1, Ordering::SeqCst)),
                meta: Arc::new(meta),
                installed: no,
            })
            .collect();
        let opened = state.open(&listed, &*parts.files)?;
        ready.push(Ready { id, remove: edit.remove, listed, opened, flushed, up_to, heirs });
    }
    Ok(ready)
}

/// The changes that the manifest needs, and the first log segment needed after them.
fn changes_of(
    parts: &Parts,
    ready: &[Ready],
    manifest: &ManifestWriter,
) -> (Vec<Change>, Option<LogNo>) {
    let no = manifest.next_edit();
    let mut changes = Vec::new();
    let mut flushed = Vec::new();
    for one in ready {
        let index = one.id;
        changes.extend(
            one.remove.iter().map(|segment| Change::RemoveSegment { index, segment: *segment }),
        );
        changes.extend(one.listed.iter().map(|listed| Change::AddSegment {
            index,
            segment: listed.id,
            installed: no,
            meta: listed.meta.clone(),
        }));
        if let Some(up_to) = one.up_to {
            changes.push(Change::Watermark { index, flushed: up_to });
            flushed.push((index, up_to));
        }
    }
    let tail = parts.tail();
    let start = needed_from(parts, &tail, &flushed);
    let start = start.map(|start| start.max(manifest.state().log_start()));
    push_marks(parts, &tail, start, &mut changes);
    let published = manifest.state().published();
    // What has expired by a clock is not to come back by an earlier one.
    let wall_ms = tail.log.clock_ms().max(parts.services.clock.relied_ms());
    if let Some(seq) = flushed.iter().map(|(_, seq)| *seq).max() {
        // Flushes of different indexes are not installed in the order in which they froze.
        changes.push(Change::Clock { seq: seq.max(published), wall_ms });
    } else if parts.services.clock.relied_ms() > manifest.state().wall_ms() {
        changes.push(Change::Clock { seq: published, wall_ms });
    }
    (changes, start)
}

fn needed_from(parts: &Parts, tail: &Tail, flushed: &[(IndexId, SeqNo)]) -> Option<LogNo> {
    let start = tail.log_start(flushed);
    let held = parts.pins.oldest_log();
    start.into_iter().chain(held).min().filter(|_| start.is_some())
}

fn push_marks(parts: &Parts, tail: &Tail, start: Option<LogNo>, changes: &mut Vec<Change>) {
    // Before anybody can read that it is in segments.
    parts.show(tail);
    if let Some(log) = start {
        changes.push(Change::LogStart { log });
    }
    let counters = Counters {
        next_index: tail.next_index,
        next_segment: SegmentId(parts.next_segment.load(Ordering::SeqCst)),
        next_file: crate::FileId(parts.next_file.load(Ordering::SeqCst)),
        next_log: tail.log.next_segment(),
    };
    changes.push(Change::Counters(counters));
}

fn make_current(parts: &Parts, tail: &mut Tail, ready: &[Ready], no: EditNo) -> Result<()> {
    let current = parts.versions.current();
    let mut next: Version = current.value.at(no);
    let mut control = parts.control();
    for one in ready {
        // Rotations may have come between, and a drop; nothing else changes this index.
        let Ok(state) = current.value.state(one.id) else { continue };
        let removed: Vec<Listed> =
            state.listed().into_iter().filter(|listed| one.remove.contains(&listed.id)).collect();
        control.inherit(one.id, &removed, &one.listed, one.heirs);
        let state: Arc<dyn ErasedState> = state.installed(one.flushed, &one.remove, &one.opened)?;
        next = next.with(one.id, Some(state));
        if let Some(writer) = tail.writer(one.id) {
            for frozen in writer.frozen.drain(..one.flushed) {
                parts.services.budget.sub(Part::Memtables, frozen.bytes);
            }
        }
    }
    parts.versions.replace(next);
    Ok(())
}

fn release_log(parts: &Parts, tail: &mut Tail, start: Option<LogNo>) {
    let Some(start) = start else { return };
    tail.log.set_aside(start);
    if let Err(error) = trim_log(parts, tail) {
        tracing::warn!(%error, "left log segments behind that are not needed");
    }
}

/// Lets go of log segments that neither recovery nor a feed needs, and that are not to be kept for
/// feeds to come.
///
/// # Errors
/// `Io`; what failed stays until the database is opened again.
pub(crate) fn trim_log(parts: &Parts, tail: &mut Tail) -> Result<()> {
    let options = &parts.options;
    if !options.access.is_writable() {
        return Ok(());
    }
    let feeds = parts.feeds.oldest();
    let keep = Keep {
        bytes: options.log_retention_bytes,
        age_ms: u64::try_from(options.log_retention_age.as_millis()).unwrap_or(u64::MAX),
        position: feeds.into_iter().chain(parts.pins.oldest_read()).min(),
        bytes_max: options.feed_bytes_max,
    };
    let trimmed = tail.log.trim(&keep);
    let lost = parts.feeds.lose_before(tail.log.first_commit());
    Stats::add(&parts.stats.feeds_lost, lost);
    trimmed
}

/// Unlinks what an edit is about to remove before the edit is durable: a planted bug.
fn unlink_early(parts: &Parts, manifest: &ManifestWriter, ready: &[Ready]) {
    for one in ready {
        let Some(record) = manifest.state().index(one.id) else { continue };
        let removed = one.remove.iter().filter_map(|id| record.segments.get(id));
        for extent in removed.flat_map(|segment| segment.meta.extents.iter()) {
            let kept = one
                .listed
                .iter()
                .any(|listed| listed.meta.extents.iter().any(|again| again.file == extent.file));
            if !kept {
                let path = parts.dir.join(crate::format::name::data(extent.file));
                let _ = parts.env.vfs().remove(&path);
            }
        }
    }
}

/// Which log is forgotten that nothing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forget {
    /// One that takes long to read.
    Long,
    /// Any; commits behind it have no earlier clock than this.
    All(u64),
}

/// Has the manifest forget a log that nothing needs, so that opening need not read it.
///
/// # Errors
/// As [`install`].
pub(crate) fn forget_log(parts: &Parts, forget: Forget) -> Result<()> {
    let mut guard = parts.manifest();
    let manifest = guard.as_mut().ok_or_else(|| Error::internal("forgetting while read-only"))?;
    let mut tail = parts.tail();
    if tail.is_poisoned() || !tail.is_flushed() {
        return Ok(());
    }
    // What the manifest is told of must be durable in the log.
    let begun = tail.log.sync_all().and_then(|()| match forget {
        Forget::Long => tail.log.begin_anew(),
        Forget::All(clock_ms) => tail.log.begin_later(clock_ms),
    });
    if let Err(error) = begun {
        if error.kind() == ErrorKind::Poisoned {
            parts.poison(&mut tail, &error);
        }
        return Err(error);
    }
    let start =
        needed_from(parts, &tail, &[]).filter(|start| *start > manifest.state().log_start());
    let Some(start) = start else { return Ok(()) };
    let mut changes = Vec::new();
    push_marks(parts, &tail, Some(start), &mut changes);
    let (seq, clock) = (tail.log.last_seq(), &parts.services.clock);
    let wall_ms = tail.log.clock_ms().max(clock.relied_ms()).max(clock.told_ms());
    changes.push(Change::Clock { seq, wall_ms });
    drop(tail);
    let no = manifest.next_edit();
    append(parts, manifest, ManifestEdit { no, changes })?;
    let mut tail = parts.tail();
    tail.log.set_manifest(mark_of(manifest));
    release_log(parts, &mut tail, Some(start));
    Ok(())
}

/// Syncs the log, which is about to be closed, and tells the manifest how far it goes: else nobody
/// would notice that its last segment is not there. Tells it the time as well, if anybody was told
/// a later one than the manifest knows: what was seen to have expired is not to come back.
///
/// # Errors
/// As [`install`].
pub(crate) fn note_end(parts: &Parts) -> Result<()> {
    let mut guard = parts.manifest();
    let manifest = guard.as_mut().ok_or_else(|| Error::internal("closing while read-only"))?;
    let mut tail = parts.tail();
    let (seq, published) = (tail.log.last_seq(), manifest.state().published());
    let (clock, noted_ms) = (&parts.services.clock, manifest.state().wall_ms());
    if tail.is_poisoned() || seq <= published && clock.told_ms() <= noted_ms {
        return Ok(());
    }
    // Who is still reading may be told the time until this look.
    tail.log.tick(clock.now_ms());
    if let Err(error) = tail.log.sync_all() {
        if error.kind() == ErrorKind::Poisoned {
            parts.poison(&mut tail, &error);
        }
        return Err(error);
    }
    let mut changes = Vec::new();
    push_marks(parts, &tail, None, &mut changes);
    let wall_ms = tail.log.clock_ms().max(noted_ms);
    changes.push(Change::Clock { seq: seq.max(published), wall_ms });
    drop(tail);
    let no = manifest.next_edit();
    append(parts, manifest, ManifestEdit { no, changes })?;
    parts.tail().log.set_manifest(mark_of(manifest));
    Ok(())
}

/// Brings the manifest's list of indexes in line with the catalog. Changes of the catalog are
/// durable in the log when they are made.
///
/// # Errors
/// As [`install`].
pub(crate) fn list_catalog(parts: &Parts) -> Result<()> {
    let mut guard = parts.manifest();
    let manifest = guard.as_mut().ok_or_else(|| Error::internal("listing while read-only"))?;
    let no = manifest.next_edit();
    let mut tail = parts.tail();
    let Some(up_to) = tail.unlisted.last().copied() else { return Ok(()) };
    let catalog: Arc<Catalog> = parts.versions.current().value.catalog.clone();
    let mut changes = Vec::new();
    let known = manifest.state().indexes();
    for id in known.keys().filter(|id| catalog.get(**id).is_none()) {
        changes.push(Change::DropIndex { id: *id, dropped: up_to });
    }
    // A name may pass from one index to another: give each a free one first.
    let renamed = |id: &IndexId, name: &str| known.get(id).is_some_and(|old| old.name != name);
    for (id, _) in catalog.iter().filter(|(id, entry)| renamed(id, &entry.name)) {
        let taken = |name: &String| {
            catalog.find(name).is_some() || known.values().any(|record| record.name == *name)
        };
        let free = (0..=known.len() * 2).map(|n| format!("renamed {id} {n}"));
        let name = free.into_iter().find(|name| !taken(name));
        let name = name.ok_or_else(|| Error::internal("no free name for a renamed index"))?;
        changes.push(Change::RenameIndex { id, name });
    }
    for (id, entry) in catalog.iter() {
        if renamed(&id, &entry.name) {
            changes.push(Change::RenameIndex { id, name: entry.name.clone() });
        } else if !known.contains_key(&id) {
            let created = tail.writer(id).and_then(|writer| writer.unlisted).unwrap_or(up_to);
            changes.push(Change::CreateIndex {
                id,
                name: entry.name.clone(),
                kind: entry.kind.clone(),
                options: entry.options.clone(),
                created,
            });
        }
    }
    changes.push(Change::Watermark { index: IndexId::CATALOG, flushed: up_to });
    push_marks(parts, &tail, None, &mut changes);
    drop(tail);
    append(parts, manifest, ManifestEdit { no, changes })?;
    tail = parts.tail();
    tail.log.set_manifest(mark_of(manifest));
    for writer in &mut tail.writers {
        writer.unlisted = writer.unlisted.filter(|seq| *seq > up_to);
    }
    tail.unlisted.retain(|seq| *seq > up_to);
    Ok(())
}
