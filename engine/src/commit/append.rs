//! The part of a commit that happens under the commit lock: number, log, memtables.

use std::ops::Range;

use crate::budget::Part;
use crate::commit::ingest::ingest;
use crate::commit::{Commit, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{IndexId, LogPlace, LogPos, SeqNo};
use crate::index::Horizon;
use crate::log::{Append, Kind};
use crate::options::Durability;
use crate::parts::Parts;
use crate::stats::Stats;
use crate::tail::{Content, Frozen, IndexWriter, Pending, Tail};
use crate::version::{CatalogOp, Version};

/// Appends and applies a prepared commit; returns its number and where its record ends.
pub(super) fn append(commit: &mut Commit) -> Result<(SeqNo, LogPos)> {
    let parts = commit.parts.clone();
    let parts = &*parts;
    let mut guard = parts.tail();
    let tail = &mut *guard;
    tail.check()?;
    for (id, _) in &commit.ops {
        if *id != IndexId::CATALOG && tail.writer(*id).is_none() {
            return Err(Error::not_found(format!("{} was dropped", parts.title(*id))));
        }
    }
    validate::check(parts, tail, &commit.claims)?;
    let before = up_to(tail);
    let (seq, clock_ms, end) = log(parts, tail, commit)?;
    let applied = match &commit.ingesting {
        Some(ingesting) => ingest(parts, tail, before, (seq, end), ingesting.given()),
        None => apply(parts, tail, (seq, clock_ms), commit),
    };
    let recorded = applied.and_then(|()| validate::record(parts, tail, seq, commit));
    if let Err(error) = recorded.and_then(|()| validate::note_watched(parts, seq, commit)) {
        parts.poison(tail, &error);
        return Err(error.into_kind(ErrorKind::Poisoned));
    }
    if let Some(holder) = commit.holder.take() {
        holder.leave_at(seq);
    }
    Stats::add(&parts.stats.commits, 1);
    Stats::add(&parts.stats.ingests, u64::from(commit.ingesting.is_some()));
    let waits_for_syncer = commit.durability == Durability::Interval;
    if waits_for_syncer && tail.interval_end <= tail.log.synced() || tail.has_many_unsynced() {
        parts.syncer.notify();
    }
    if waits_for_syncer {
        tail.interval_end = end;
    }
    let durable_at = (commit.durability == Durability::Sync).then_some(end);
    if tail.pending.is_empty() && durable_at.is_none() {
        parts.publish_up_to(tail, seq);
    } else {
        tail.pending.push_back(Pending { seq, durable_at });
        // Beginning a log segment has synced the one before, and nobody was told.
        parts.publish(tail);
        if crate::planted::is(crate::planted::Bug::EarlyAcknowledgement) {
            tail.pending.clear();
            parts.publish_up_to(tail, seq);
        }
    }
    freeze_full(parts, tail, &commit.ops);
    Ok((seq, end))
}

/// Appends the record of a commit, and has a change of the catalog synced; returns its number, its
/// time, and where the record ends.
fn log(parts: &Parts, tail: &mut Tail, commit: &mut Commit) -> Result<(SeqNo, u64, LogPos)> {
    if let Err(error) = tail.log.reserve(commit.record.len() as u64) {
        if error.kind() == ErrorKind::Poisoned {
            parts.poison(tail, &error);
        }
        return Err(error);
    }
    let seq = tail.log.last_seq().next();
    let clock_ms = match commit.again_ms {
        Some(clock_ms) => tail.log.tick_again(clock_ms),
        None => tail.log.tick(parts.services.clock.now_ms()),
    };
    let how = match commit.durability {
        Durability::Sync => Append::Synced,
        Durability::Interval | Durability::Buffered => Append::Written,
        // Reader processes see what is published, and read it from the log.
        Durability::None if parts.pins.has_readers() => Append::Written,
        Durability::None => Append::Lazily,
    };
    let kind = match &mut commit.ingesting {
        Some(ingesting) => {
            ingesting.leave();
            Kind::Ingest
        }
        None => Kind::Commit,
    };
    let end = match tail.log.append(kind, seq, commit.body_crc, &mut commit.record, how) {
        Ok(end) => end,
        Err(error) => {
            parts.poison(tail, &error);
            return Err(error.into_kind(ErrorKind::Poisoned));
        }
    };
    if commit.changes_catalog()
        && let Err(error) = tail.log.sync_all()
    {
        parts.poison(tail, &error);
        return Err(error);
    }
    Ok((seq, clock_ms, end))
}

fn apply(
    parts: &Parts,
    tail: &mut Tail,
    (seq, clock_ms): (SeqNo, u64),
    commit: &Commit,
) -> Result<()> {
    let published = parts.versions.published();
    let epoch = parts.pins.epoch();
    if tail.pins_epoch != epoch {
        tail.pins = parts.pins.numbers();
        tail.pins_epoch = epoch;
    }
    let pins = std::mem::take(&mut tail.pins);
    let horizon = Horizon { published, pins: &pins };
    // Its record is the last one.
    let begin = tail.log.end().0.checked_sub(commit.record.len() as u64);
    let place = begin.and_then(|begin| tail.log.locate(LogPos(begin)));
    for (id, range) in &commit.ops {
        let ops = &commit.record[range.clone()];
        if *id == IndexId::CATALOG {
            // Checked before it was logged, under the same lock as all changes of the catalog.
            // All commits before it are durable with it, and published before it.
            parts.publish(tail);
            change_catalog(parts, tail, seq, &CatalogOp::decode(ops)?)?;
        } else if let Some(writer) = tail.writer(*id) {
            if let Some(LogPlace { log, offset }) = place {
                writer.writer.locate(LogPlace { log, offset: offset + range.start as u64 });
            }
            writer.writer.apply(seq, clock_ms, ops, &horizon);
            writer.first.get_or_insert(seq);
        }
    }
    tail.pins = pins;
    Ok(())
}

/// Applies a durable change of the catalog and publishes it. The version before is good up to the
/// commit before.
pub(crate) fn change_catalog(
    parts: &Parts,
    tail: &mut Tail,
    seq: SeqNo,
    op: &CatalogOp,
) -> Result<()> {
    let current = parts.versions.current();
    let mut catalog = (*current.value.catalog).clone();
    catalog.apply(op)?;
    let mut next = current.value.at(current.value.edit);
    match op {
        CatalogOp::Create { id, entry } => {
            let factory = parts.registry.get(&entry.kind)?;
            let (writer, state) = factory.make(&entry.options, &parts.services)?;
            let mut writer = IndexWriter::new(*id, writer);
            writer.unlisted = Some(seq);
            let place = tail.writers.partition_point(|writer| writer.id < *id);
            tail.writers.insert(place, writer);
            tail.next_index = tail.next_index.max(id.next());
            next = next.with(*id, Some(state));
        }
        CatalogOp::Rename { .. } => {}
        CatalogOp::Drop { id } => {
            let place = tail.writers.iter().position(|writer| writer.id == *id);
            if let Some(place) = place {
                let gone = tail.writers.remove(place);
                let frozen: u64 = gone.frozen.iter().map(|frozen| frozen.bytes).sum();
                parts.services.budget.sub(Part::Memtables, gone.bytes + frozen);
            }
            next = next.with(*id, None);
        }
    }
    tail.unlisted.push(seq);
    tail.remember_catalog(seq, current.value.catalog.clone());
    parts.versions.publish_and_replace(seq.0, next.with_catalog(catalog));
    parts.update_pressure();
    Ok(())
}

/// Counts what memtables took and freezes those that are full.
fn freeze_full(parts: &Parts, tail: &mut Tail, touched: &[(IndexId, Range<usize>)]) {
    let mut full = Vec::new();
    parts.versions.read(|version, _| {
        for (id, _) in touched {
            let (Ok(state), Some(writer)) = (version.state(*id), tail.writer(*id)) else {
                continue;
            };
            let bytes = state.active_bytes() as u64;
            parts.count_memory(writer, bytes);
            if bytes >= parts.options.memtable_bytes(state.flush_cost()) {
                full.push(writer.id);
            }
        }
    });
    if !full.is_empty() {
        rotate(parts, tail, &full, up_to(tail));
    }
    let limit = parts.options.log_bytes_max();
    let over = tail.log.retained_bytes() > limit;
    if over && let Some(oldest) = oldest_index(tail, limit) {
        rotate(parts, tail, &[oldest], up_to(tail));
    }
}

/// The index whose active memtable pins the oldest part of the log, if that makes more than `limit`
/// bytes of it stay. More may stay for an archive or a copy, which no flush changes.
fn oldest_index(tail: &Tail, limit: u64) -> Option<IndexId> {
    let oldest = tail.writers.iter().min_by_key(|w| w.oldest_unflushed().unwrap_or(SeqNo::MAX))?;
    let first = oldest.first.filter(|_| oldest.frozen.is_empty())?;
    (tail.log.bytes_from(first) > limit).then_some(oldest.id)
}

/// Whether a flush will give memory back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relief {
    /// Some memtable waits to be flushed.
    Coming,
    /// There is nothing to flush.
    None,
}

/// Freezes the largest active memtable when nothing else waits to be flushed: all of them
/// together fill the memory although none is full.
pub(super) fn relieve(parts: &Parts) -> Relief {
    let mut guard = parts.tail();
    let tail = &mut *guard;
    if tail.writers.iter().any(|writer| !writer.frozen.is_empty()) {
        return Relief::Coming;
    }
    let used = tail.writers.iter().filter(|writer| writer.first.is_some());
    let Some(id) = used.max_by_key(|writer| writer.bytes).map(|writer| writer.id) else {
        return Relief::None;
    };
    rotate(parts, tail, &[id], up_to(tail));
    Relief::Coming
}

/// Freezes the active memtables of `ids`, to be flushed although they are not full; leaves those
/// alone that have something to be flushed already.
pub(crate) fn freeze(parts: &Parts, ids: &[IndexId]) {
    if ids.is_empty() {
        return;
    }
    let mut guard = parts.tail();
    let tail = &mut *guard;
    if tail.check().is_err() {
        return;
    }
    let fresh = |writer: &&IndexWriter| writer.first.is_some() && writer.frozen.is_empty();
    let wanted = tail.writers.iter().filter(|writer| ids.contains(&writer.id)).filter(fresh);
    let ids: Vec<IndexId> = wanted.map(|writer| writer.id).collect();
    if !ids.is_empty() {
        rotate(parts, tail, &ids, up_to(tail));
    }
}

/// The last commit and where it ends: what memtables hold now, all together.
pub(crate) fn up_to(tail: &Tail) -> (SeqNo, LogPos) {
    (tail.log.last_seq(), tail.log.end())
}

/// Freezes the active memtables of `ids`, which hold everything `up_to` there. The versions so far
/// are good up to that commit.
pub(crate) fn rotate(parts: &Parts, tail: &mut Tail, ids: &[IndexId], up_to: (SeqNo, LogPos)) {
    let current = parts.versions.current();
    let mut next: Version = current.value.at(current.value.edit);
    let (last, end) = up_to;
    let mut logged = 0;
    for id in ids {
        let Ok(state) = current.value.state(*id) else { continue };
        let Some(writer) = tail.writer(*id) else { continue };
        let Some(first) = writer.first.take() else { continue };
        let (new_writer, new_state) = state.rotated();
        let bytes = state.active_bytes() as u64;
        logged += state.active_logged_bytes();
        parts.count_memory(writer, bytes);
        let content = Content::Memtable;
        writer.frozen.push_back(Frozen { first, last, end, bytes, content });
        writer.writer = new_writer;
        // An empty memtable is not counted: many idle indexes must not fill the memory.
        writer.bytes = 0;
        next = next.with(*id, Some(new_state));
        Stats::add(&parts.stats.rotations, 1);
    }
    // What these memtables leave in the log is best alone in its segment.
    if logged > 0 && logged >= tail.log.active_bytes() / 2 {
        tail.log.end_segment();
    }
    parts.versions.seal_and_replace(last.0, next);
    parts.work.notify();
}
