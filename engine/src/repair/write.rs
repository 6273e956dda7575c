//! Puts what is intact into the new database, older things before newer ones.
//!
//! Not for: what there is, which [`survey`](super::survey) knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::RepairReport;
use super::survey::Survey;
use crate::batch::{Batch, Body};
use crate::database::Engine;
use crate::env::Vfs;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Files;
use crate::id::{IndexId, SeqNo};
use crate::index::{ErasedState, Holes, KnownBy, Lost, Remnant, Salvage, Taken};
use crate::log::{self, Kind, Record};

/// Keys whose lost base is told of, of one index.
const BASES_MAX: usize = 10_000;

/// An index of the new database.
struct Target {
    id: IndexId,
    name: String,
    /// Commits up to this one are in the segments.
    flushed: SeqNo,
    state: Arc<dyn ErasedState>,
    /// Ranges of keys of which something is lost.
    holes: Holes,
    /// Keys whose lost base was told of.
    told: BTreeSet<Vec<u8>>,
}

/// Puts what `survey` found in `dir` into `engine`.
///
/// # Errors
/// What writing fails with.
pub(super) fn write(
    (vfs, dir, files): (&dyn Vfs, &Path, &dyn Files),
    survey: &Survey,
    engine: &Engine,
    report: &mut RepairReport,
) -> Result<()> {
    let (mut targets, mut loads) = (BTreeMap::new(), Vec::new());
    for (old, index) in &survey.indexes {
        let entry = &index.entry;
        let id = match engine.create_index(&entry.name, &entry.kind, &entry.options) {
            Ok(id) => id,
            Err(error) if is_damage(&error) => {
                let what = Lost::Keys { first: Vec::new(), last: None };
                report.lose(Some(&entry.name), what, error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        report.segments += index.segments.len();
        let target = Target {
            id,
            name: entry.name.clone(),
            flushed: index.flushed,
            state: engine.view().state(id)?,
            holes: Holes::default(),
            told: BTreeSet::new(),
        };
        let mut saving = Saving { engine, target, clock_ms: 0, report: &mut *report };
        let state = saving.target.state.clone();
        state.salvage(&index.remnants(&index.segments), survey.known, files, &mut saving)?;
        targets.insert(*old, saving.target);
        let of_index = index.loads.iter();
        loads.extend(of_index.map(|(after, metas)| (*after, *old, index.remnants(metas))));
    }
    loads.sort_by_key(|(after, ..)| *after);
    let gaps = &*survey.gaps;
    let mut logged = Logged { engine, targets, files, gaps, loads: loads.into(), report };
    log::salvage(vfs, dir, &survey.lines, survey.log, &mut |_| {}, &mut |record| {
        logged.loads_before(record.header.seq)?;
        logged.record(record)
    })?;
    logged.loads_before(SeqNo(u64::MAX))
}

/// Whether an error is about what was found, rather than about where it should go.
fn is_damage(error: &Error) -> bool {
    use ErrorKind::{Conflict, Corrupt, Exists, Invalid, NotFound, Unsupported};
    matches!(error.kind(), Corrupt | Unsupported | Invalid | NotFound | Exists | Conflict)
}

/// Puts what an index type saves into the new database.
struct Saving<'r> {
    engine: &'r Engine,
    target: Target,
    /// When the operations were committed, where that matters.
    clock_ms: u64,
    report: &'r mut RepairReport,
}

impl Salvage for Saving<'_> {
    fn operations(&mut self, ops: &[u8]) -> Result<Taken> {
        let mut batch = Batch::new();
        batch.part(self.target.id).extend_from_slice(ops);
        match self.engine.commit_again(batch, self.clock_ms) {
            Ok(_) => {
                self.report.segment_bytes += ops.len() as u64;
                Ok(Taken::All)
            }
            Err(error) if is_damage(&error) => Ok(Taken::Nothing(error)),
            Err(error) => Err(error),
        }
    }

    fn operations_at(&mut self, clock_ms: u64, ops: &[u8]) -> Result<Taken> {
        self.clock_ms = clock_ms;
        let done = self.operations(ops);
        self.clock_ms = 0;
        done
    }

    fn lost(&mut self, what: Lost, why: String) {
        match &what {
            Lost::Keys { first, last } => self.target.holes.add(first, last.as_deref()),
            Lost::Value { key } => self.target.holes.add(key, Some(key)),
            _ => {}
        }
        self.report.lose(Some(&self.target.name), what, why);
    }
}

/// Puts commits of the log into the new database.
struct Logged<'r> {
    engine: &'r Engine,
    targets: BTreeMap<IndexId, Target>,
    files: &'r dyn Files,
    gaps: &'r [(SeqNo, SeqNo)],
    /// Loads that are not in the log, and the commits that they came after, in their order.
    loads: VecDeque<(SeqNo, IndexId, Vec<Remnant>)>,
    report: &'r mut RepairReport,
}

impl Logged<'_> {
    /// Puts in the loads that came before commit `seq` and are not in the log.
    fn loads_before(&mut self, seq: SeqNo) -> Result<()> {
        while let Some((_, old, metas)) = self.loads.pop_front_if(|(after, ..)| *after < seq) {
            self.put_in(old, &metas, KnownBy::Labels)?;
        }
        Ok(())
    }

    fn put_in(&mut self, old: IndexId, found: &[Remnant], known: KnownBy) -> Result<()> {
        let Some(target) = self.targets.remove(&old) else { return Ok(()) };
        self.report.segments += found.len();
        let state = target.state.clone();
        let mut saving =
            Saving { engine: self.engine, target, clock_ms: 0, report: &mut *self.report };
        let done = state.salvage(found, known, self.files, &mut saving);
        self.targets.insert(old, saving.target);
        done
    }

    fn record(&mut self, record: Record<'_>) -> Result<()> {
        let seq = record.header.seq;
        // What makes no sense was told of when the log was read first.
        let (Ok(kind), Ok(body)) = (record.kind(), Body::decode(record.body)) else {
            return Ok(());
        };
        match kind {
            Kind::Close => return Ok(()),
            Kind::Ingest => return self.load(seq, &body),
            Kind::Commit => {}
        }
        let mut batch = Batch::new();
        for (old, ops) in body.parts {
            // Others are in segments, as far as they are intact, or were dropped since.
            let Some(target) = self.targets.get_mut(&old).filter(|index| seq > index.flushed)
            else {
                continue;
            };
            // They ascend, and there may be very many.
            let before = self.gaps.partition_point(|gap| gap.0 < seq);
            let gap = before.checked_sub(1).and_then(|last| self.gaps.get(last));
            let gap = gap.filter(|gap| gap.1 > target.flushed);
            tell_bases(target, ops, gap.is_some(), self.report);
            batch.part(target.id).extend_from_slice(ops);
        }
        let clock_ms = record.header.clock_ms;
        match self.commit(batch.clone(), clock_ms) {
            Err(error) if is_damage(&error) && batch.parts().len() > 1 => {
                // What is sound goes without what is not.
                for (id, ops) in batch.parts() {
                    let mut alone = Batch::new();
                    alone.part(*id).extend_from_slice(ops);
                    let done = self.commit(alone, clock_ms);
                    self.settle(seq, Some(*id), done)?;
                }
                Ok(())
            }
            done => {
                let index = batch.parts().first().map(|(id, _)| *id);
                self.settle(seq, index, done)
            }
        }
    }

    /// Puts in the segments that a commit names.
    fn load(&mut self, seq: SeqNo, body: &Body<'_>) -> Result<()> {
        for (old, metas) in body.segments() {
            // Others are in segments, as far as they are intact, or were dropped since.
            let Some(target) = self.targets.get(&old).filter(|index| seq > index.flushed) else {
                continue;
            };
            match metas {
                Ok(metas) => {
                    let found: Vec<Remnant> =
                        metas.into_iter().map(|meta| Arc::new(meta).into()).collect();
                    self.put_in(old, &found, KnownBy::Manifest)?;
                }
                Err(error) => {
                    let what = Lost::Commits { first: seq.0, last: Some(seq.0) };
                    self.report.lose(Some(&target.name), what, error.to_string());
                }
            }
        }
        Ok(())
    }

    fn commit(&self, batch: Batch, clock_ms: u64) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.engine.commit_again(batch, clock_ms).map(drop)
    }

    fn settle(&mut self, seq: SeqNo, index: Option<IndexId>, done: Result<()>) -> Result<()> {
        match done {
            Err(error) if is_damage(&error) => {
                let target = self.targets.values().find(|target| Some(target.id) == index);
                let name = target.map(|target| target.name.as_str());
                let what = Lost::Commits { first: seq.0, last: Some(seq.0) };
                self.report.lose(name, what, error.to_string());
                Ok(())
            }
            done => done,
        }
    }
}

/// Tells of operations that build on what is or may be lost.
fn tell_bases(target: &mut Target, ops: &[u8], behind_gap: bool, report: &mut RepairReport) {
    if target.told.len() >= BASES_MAX || !behind_gap && target.holes.is_empty() {
        return;
    }
    let Target { name, state, holes, told, .. } = target;
    state.builds_on(ops, &mut |key| {
        let is_room = told.len() < BASES_MAX;
        if is_room && (behind_gap || holes.hold(key)) && told.insert(key.to_vec()) {
            let why = "it may lie in what is lost";
            report.lose(Some(name), Lost::Base { key: key.to_vec() }, why);
        }
    });
}
