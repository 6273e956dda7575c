//! Whether what a commit depends on is still so, and what it writes itself.
//!
//! The answers come from the oracle, which the commit lock guards. Whatever can be done before is
//! done before: keys are hashed, and long lists gone through in pieces.
//!
//! Not for: reading. What was read is taken as it is given.

use crate::batch::Batch;
use crate::commit::Commit;
use crate::error::{Error, Result};
use crate::id::{IndexId, SeqNo};
use crate::index::{ErasedIngested, Footprint};
use crate::oracle::{Conflict, ReadSet, Reads, Written};
use crate::parts::Parts;
use crate::stats::Stats;
use crate::tail::Tail;
use crate::version::{CatalogOp, Version};

/// What must not have been written by others before a commit.
#[derive(Debug, Default)]
pub struct Claim {
    /// What was read, and when.
    pub reads: Reads,
    /// What the commit writes itself, since the commit given.
    pub writes: Option<SeqNo>,
}

/// Writes of keys that a commit looks at in one go while it holds the commit lock.
const STEPS: usize = 1024;

/// What the operations of a batch write, as far as somebody wants to know.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// For the oracle; of all indexes, if that is recorded.
    pub(super) writes: Option<Vec<Written>>,
    /// For watches, of indexes that are watched; unless it is in `writes`.
    pub(super) watched: Vec<(IndexId, Footprint)>,
}

impl Effects {
    fn of(&self, index: IndexId) -> Option<&Footprint> {
        let written = self.writes.iter().flatten().find(|written| written.index() == index);
        let watched = || self.watched.iter().find(|(id, _)| *id == index);
        written.map(Written::footprint).or_else(|| watched().map(|(_, footprint)| footprint))
    }
}

/// Prepares all operations of a batch; returns what they write if that will be recorded.
pub(super) fn prepare(parts: &Parts, version: &Version, batch: &mut Batch) -> Result<Effects> {
    let mut watched = Vec::new();
    let Some(conflicts) = parts.conflicts.get() else {
        for (id, ops) in batch.parts_mut() {
            let mut footprint = parts.watchers.has_ranges_of(*id).then(Footprint::default);
            version.state(*id)?.prepare(ops, footprint.as_mut())?;
            watched.extend(footprint.map(|footprint| (*id, footprint)));
        }
        return Ok(Effects { writes: None, watched });
    };
    let mut writes = Vec::new();
    for (id, ops) in batch.parts_mut() {
        let mut footprint = Footprint::default();
        version.state(*id)?.prepare(ops, Some(&mut footprint))?;
        writes.push(Written::new(conflicts.hasher, *id, footprint));
    }
    Ok(Effects { writes: Some(writes), watched })
}

/// What segments write that are to be ingested.
pub(super) fn of_segments(parts: &Parts, given: &[(IndexId, ErasedIngested)]) -> Effects {
    let footprints = given.iter().map(|(id, given)| (*id, given.footprint.clone()));
    match parts.conflicts.get() {
        None => Effects { writes: None, watched: footprints.collect() },
        Some(conflicts) => {
            let written = |(id, footprint)| Written::new(conflicts.hasher, id, footprint);
            Effects { writes: Some(footprints.map(written).collect()), watched: Vec::new() }
        }
    }
}

/// What is to be checked for a claim.
pub(super) fn reads_of(claim: Claim, writes: Option<&[Written]>) -> Reads {
    let mut reads = claim.reads;
    if let (Some(at), Some(writes)) = (claim.writes, writes) {
        let set: &mut ReadSet = reads.at(at);
        writes.iter().for_each(|write| write.add_to(set));
    }
    reads.settle();
    reads
}

/// Goes through a part of what was written since; whether enough is done for the rest to be left
/// to [`check`].
pub(super) fn advance(parts: &Parts, reads: &mut Reads) -> Result<bool> {
    let tail = parts.tail();
    let Some(oracle) = &tail.oracle else { return Ok(true) };
    for (at, reads) in reads.groups_mut() {
        if oracle.distance(*at) > STEPS {
            oracle.advance(at, reads, STEPS).map_err(|conflict| refused(parts, &conflict))?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Checks that nothing of `reads` was written since, under the commit lock.
pub(super) fn check(parts: &Parts, tail: &Tail, reads: &Reads) -> Result<()> {
    let Some(oracle) = &tail.oracle else { return Ok(()) };
    for (at, reads) in reads.groups() {
        oracle.check_since(*at)?;
        oracle.check(*at, reads).map_err(|conflict| refused(parts, &conflict))?;
    }
    Ok(())
}

/// Checks that nothing of `reads`, which are in order, was written since: up to now at least.
///
/// # Errors
/// `Conflict`.
pub(crate) fn prove(parts: &Parts, reads: &mut Reads) -> Result<()> {
    while !advance(parts, reads)? {}
    check(parts, &parts.tail(), reads)
}

/// Counts a conflict; the error that it is.
#[cold]
fn refused(parts: &Parts, conflict: &Conflict) -> Error {
    Stats::add(&parts.stats.conflicts, 1);
    conflict.error(&parts.title(conflict.index))
}

/// Records what the commit `seq` has written, under the commit lock.
///
/// # Errors
/// None that could happen: the operations were prepared.
pub(super) fn record(parts: &Parts, tail: &mut Tail, seq: SeqNo, commit: &Commit) -> Result<()> {
    let Some(oracle) = &mut tail.oracle else { return Ok(()) };
    match &commit.effects.writes {
        Some(writes) => oracle.record(seq, writes),
        // The first transaction began after this commit was prepared.
        None if commit.ingesting.is_some() => {
            let hasher = oracle.hasher();
            for (id, footprint) in &commit.effects.watched {
                oracle.record(seq, &[Written::new(hasher, *id, footprint.clone())]);
            }
        }
        None => {
            let hasher = oracle.hasher();
            let current = parts.versions.current();
            for (id, range) in commit.ops.iter().filter(|(id, _)| *id != IndexId::CATALOG) {
                let mut ops = commit.record[range.clone()].to_vec();
                let mut footprint = Footprint::default();
                current.value.state(*id)?.prepare(&mut ops, Some(&mut footprint))?;
                oracle.record(seq, &[Written::new(hasher, *id, footprint)]);
            }
        }
    }
    for (_, range) in commit.ops.iter().filter(|(id, _)| *id == IndexId::CATALOG) {
        if let CatalogOp::Drop { id } = CatalogOp::decode(&commit.record[range.clone()])? {
            oracle.record_drop(seq, id);
        }
    }
    Ok(())
}

/// Notes for those who watch what the commit `seq` writes, under the commit lock.
///
/// # Errors
/// None that could happen: the operations were prepared.
pub(super) fn note_watched(parts: &Parts, seq: SeqNo, commit: &Commit) -> Result<()> {
    if !parts.watchers.has_ranges() {
        return Ok(());
    }
    for (id, range) in &commit.ops {
        let ops = &commit.record[range.clone()];
        if *id == IndexId::CATALOG {
            if let CatalogOp::Drop { id } = CatalogOp::decode(ops)? {
                let all = Footprint { whole: true, ..Footprint::default() };
                parts.watchers.note(seq, id, &all);
            }
        } else if let Some(footprint) = commit.effects.of(*id) {
            parts.watchers.note(seq, *id, footprint);
        } else if parts.watchers.has_ranges_of(*id) {
            // The watch was made after this commit was prepared.
            let mut footprint = Footprint::default();
            let current = parts.versions.current();
            current.value.state(*id)?.prepare(&mut ops.to_vec(), Some(&mut footprint))?;
            parts.watchers.note(seq, *id, &footprint);
        }
    }
    Ok(())
}
