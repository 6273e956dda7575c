//! The second reading of the log: what no segment holds becomes part of the database again.
//!
//! Not for: where the log ends (see `recovery.rs`).

use std::sync::Arc;

use super::loads::Loads;
use crate::batch::Body;
use crate::budget::Part;
use crate::commit::{change_catalog, ingest, rotate};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{IndexId, LogPos, SeqNo};
use crate::identity::Identity;
use crate::index::{FlushCost, Horizon, SegmentMeta};
use crate::jobs::{flush_now, list_catalog};
use crate::log::{Kind, Record, Scan, scan};
use crate::manifest::ManifestState;
use crate::parts::Parts;
use crate::tail::Tail;
use crate::version::CatalogOp;

/// Applies what no segment holds; returns the number of commits that had such operations.
pub(super) fn replay(
    parts: &Arc<Parts>,
    state: &ManifestState,
    found: &Scan,
    loads: &Loads,
    identity: &Identity,
) -> Result<u64> {
    let indexes = state.indexes().values();
    let behind = indexes.map(|index| index.flushed).chain([state.catalog_flushed()]).min();
    parts.tail().replaying = true;
    let mut replay = Replay { parts, state, loads, replayed: 0, counted: 0 };
    if behind.is_some_and(|behind| behind < found.last_seq)
        && let Some((first, _)) = found.segments.first()
    {
        let vfs = parts.env.vfs();
        let again = scan(vfs, &parts.dir, &identity.uuid.0, first.number, &mut |_, record| {
            replay.record(record)
        })?;
        crate::ensure_sound!(
            again.last_seq >= found.last_seq,
            "the log changed while it was read: it ended with commit {}, now with {}",
            found.last_seq,
            again.last_seq
        );
    }
    let replayed = replay.replayed;
    let mut tail = parts.tail();
    tail.replaying = false;
    let unlisted = !tail.unlisted.is_empty();
    parts.publish_up_to(&tail, found.last_seq);
    replay_count(parts, &mut tail);
    drop(tail);
    if unlisted && parts.options.access.is_writable() {
        list_catalog(parts)?;
    }
    Ok(replayed)
}

fn replay_count(parts: &Parts, tail: &mut Tail) {
    parts.versions.read(|version, _| {
        for writer in &mut tail.writers {
            if let Ok(state) = version.state(writer.id)
                && writer.first.is_some()
            {
                parts.count_memory(writer, state.active_bytes() as u64);
            }
        }
    });
}

/// What the log says is checked when it is written: an operation that makes no sense now is damage,
/// and no fault of whoever opens the database.
pub(super) fn as_damage(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Exists | ErrorKind::Invalid | ErrorKind::Conflict => {
            error.into_kind(ErrorKind::Corrupt)
        }
        _ => error,
    }
}

struct Replay<'a> {
    parts: &'a Arc<Parts>,
    state: &'a ManifestState,
    loads: &'a Loads,
    replayed: u64,
    /// Bytes applied since memory was counted.
    counted: u64,
}

impl Replay<'_> {
    fn record(&mut self, record: Record<'_>) -> Result<()> {
        let kind = record.kind()?;
        if !kind.is_commit() {
            return Ok(());
        }
        let at = (record.header.seq, record.header.clock_ms);
        let seq = at.0;
        let body = Body::decode(record.body)?;
        let mut tail = self.parts.tail();
        let mut applied = false;
        for (id, ops) in body.parts {
            let replayed = match kind {
                Kind::Ingest => self.ingest(&mut tail, seq, id, ops),
                Kind::Commit | Kind::Close => self.apply(&mut tail, at, id, ops),
            };
            applied |= replayed.map_err(as_damage)?;
        }
        self.replayed += u64::from(applied);
        self.parts.versions.publish(seq.0);
        self.counted += record.body.len() as u64;
        if self.counted >= self.parts.options.memtable_bytes(FlushCost::Changes) / 4 {
            self.counted = 0;
            replay_count(self.parts, &mut tail);
            drop(tail);
            self.relieve(seq)?;
        }
        Ok(())
    }

    fn apply(
        &self,
        tail: &mut Tail,
        (seq, clock_ms): (SeqNo, u64),
        id: IndexId,
        ops: &[u8],
    ) -> Result<bool> {
        if id == IndexId::CATALOG {
            if seq > self.state.catalog_flushed() {
                change_catalog(self.parts, tail, seq, &CatalogOp::decode(ops)?)?;
                return Ok(true);
            }
            return Ok(false);
        }
        let flushed = self.state.index(id).map(|index| index.flushed).unwrap_or_default();
        if seq <= flushed {
            return Ok(false);
        }
        let known = tail.next_index;
        let Some(writer) = tail.writer(id) else {
            // Dropped since.
            crate::ensure_sound!(id < known, "commit {seq} writes to index {id}, which never was");
            return Ok(false);
        };
        // Bytes that the checksum covers may still be of a newer version: check before applying.
        let mut checked = ops.to_vec();
        let prepared = self.parts.versions.read(|version, _| {
            version.state(id).and_then(|state| state.prepare(&mut checked, None))
        });
        prepared.map_err(|e| e.context(format_args!("commit {seq}, index {id}")))?;
        let horizon = Horizon { published: seq.0 - 1, pins: &[] };
        writer.writer.apply(seq, clock_ms, &checked, &horizon);
        writer.first.get_or_insert(seq);
        Ok(true)
    }

    /// Ingests again what a commit has ingested.
    fn ingest(&self, tail: &mut Tail, seq: SeqNo, id: IndexId, metas: &[u8]) -> Result<bool> {
        let flushed = self.state.index(id).map(|index| index.flushed).unwrap_or_default();
        if seq <= flushed || self.loads.dropped.contains(&id) {
            return Ok(false);
        }
        if tail.writer(id).is_none() {
            let known = tail.next_index;
            crate::ensure_sound!(id < known, "commit {seq} loads index {id}, which never was");
            return Ok(false);
        }
        let metas = SegmentMeta::decode_all(metas)?;
        let current = self.parts.versions.current();
        let given = current.value.state(id)?.accept(&metas, &*self.parts.files, None);
        let given = given.map_err(|e| e.context(format_args!("commit {seq}, index {id}")))?;
        let before = SeqNo(seq.0.saturating_sub(1));
        let (before, at) = ((before, LogPos(0)), (seq, LogPos(0)));
        ingest(self.parts, tail, before, at, &[(id, given)])?;
        Ok(true)
    }

    /// Flushes when memtables are full, as a worker would.
    fn relieve(&self, seq: SeqNo) -> Result<()> {
        let parts = self.parts;
        let full = parts.services.budget.used(Part::Memtables);
        if full <= parts.options.write_buffer_bytes() {
            return Ok(());
        }
        if !parts.options.access.is_writable() {
            let budget = parts.options.memory_budget;
            if full <= budget {
                return Ok(());
            }
            return Err(Error::full(format!(
                "the log holds more than the memory budget of {budget} bytes: open the database \
                 for writing once, or raise the budget"
            )));
        }
        if !parts.tail().unlisted.is_empty() {
            list_catalog(parts)?;
        }
        let mut tail = parts.tail();
        let ids: Vec<IndexId> = tail.writers.iter().map(|writer| writer.id).collect();
        rotate(parts, &mut tail, &ids, (seq, LogPos(0)));
        drop(tail);
        flush_now(parts)
    }
}
