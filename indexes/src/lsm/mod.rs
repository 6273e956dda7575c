//! Ordered keys as a log-structured merge tree.
//!
//! For: key-value data of any size under many writes, reads of single keys and of ranges,
//! secondary indexes, anything that is ordered bytewise. Writes cost an insertion in memory;
//! flushes and merges write sequentially; reads are led to one block per key by filters and two
//! binary searches.
//!
//! Not for: data that is read far more often than written and fits a machine's memory (`btree` goes
//! straight to one leaf).
//!
//! ```text
//!  put, delete ──► memtable ──flush──► level 0 ──merge──► level 1 ──merge──► level 2 ...
//!                  sorted tree,        a run per          one sorted run each, about ten
//!                  versions            flush              times the size of the one above
//! ```
//!
//! A segment is one sorted run of keys in a file, one version each, and the ranges of keys that it
//! deletes in everything older (`docs/formats/segment.md`):
//!
//! ```text
//! ┌─────────────┬──────────────┬──────┬────────┬────────┬────────────┬────────┐
//! │ data blocks │ index blocks │ root │ filter │ ranges │ properties │ footer │
//! └─────────────┴──────────────┴──────┴────────┴────────┴────────────┴────────┘
//! ```
//!
//! Large values lie apart, in blob files that merges do not move (see `blob`).
//!
//! Invariants:
//! 1. Of a key's versions, a newer one never lies deeper than an older one.
//! 2. Segments of one level below 0 are disjoint.
//! 3. A delete, of a key or of a range, or a value that has expired, is dropped only where nothing
//!    deeper can hold the key. Operands are merged into a value only with everything older that the
//!    key has.
//! 4. What a segment's bytes say is used after their checksum was compared, never before.
//! 5. Operands that a range delete leaves nothing to build on say so by themselves: none lie above
//!    a range delete of their own memtable or segment that is older than they are.

mod filter;
mod block;
mod blob;
mod segment;
mod options;
mod layout;
mod walk;
mod find;
mod merge;
mod salvage;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::file::{Files, Output};
use cuesta_engine::id::SegmentId;
use cuesta_engine::index::{
    Aim, Debt, Edit, Footprint, Heirs, IndexType, KnownBy, Live, Load, MergePlan, Placed, Remnant,
    Salvage, SegmentMeta, Services, Work,
};
use cuesta_engine::planted::{self, Bug};
use cuesta_engine::{Error, FileId, SeqNo};

pub use layout::Layout;
pub use options::Options;
pub use segment::Segment;

use merge::{
    Before, DropWork, Expiry, FlushWork, Job, LoadWork, MergeWork, Mode, MoveWork, Piece, Sizes,
};

use crate::ordered::memtable::{Memtable, Memtables, Writer};
use crate::ordered::operand::Rules;
use crate::ordered::span::{SPANS_MAX, Span};
use crate::ordered::{self, Factory, Operators, prepare, saving};

/// For so long operands in a memtable may keep the space of what has expired since.
const OPERANDS_HOLD_MS: u64 = 60_000;

/// Levels of an index.
const LEVELS: u8 = 7;

/// An index of ordered keys.
pub struct Lsm {
    options: Options,
    sizes: Sizes,
    services: Services,
    memtables: Memtables,
    rules: Arc<Rules>,
}

impl Lsm {
    /// How its segments are laid out.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Makes indexes that know `operators`.
    pub fn factory(operators: Operators) -> Factory<Lsm> {
        Factory::new(operators, Lsm::with_operators)
    }

    /// An index with `options` that knows `operators`; see [`IndexType::configure`].
    ///
    /// # Errors
    /// As there.
    pub fn with_operators(
        options: &[u8],
        services: &Services,
        operators: &Operators,
    ) -> Result<Lsm> {
        let options = Options::decode(options)?;
        let operator = Some(options.merge_operator.as_str()).filter(|name| !name.is_empty());
        let rules = Arc::new(Rules::new(operator, options.ttl_ms, operators));
        Ok(Lsm {
            sizes: Sizes::of(services.memtable_bytes),
            services: services.clone(),
            memtables: Memtables::new(rules.clone(), options.threshold()),
            rules,
            options,
        })
    }

    /// Checks an operand that is to be written.
    ///
    /// # Errors
    /// `Invalid` when the index has no merge operator, or when that refuses the operand;
    /// `Unsupported` when the operator is not known here.
    pub fn check_operand(&self, operand: &[u8]) -> Result<()> {
        self.rules.check(operand)
    }

    /// Writes a file apart from any database, to be ingested.
    pub fn prepare_file(options: &Options) -> Box<dyn Load> {
        Box::new(LoadWork::apart(options, &Sizes::of(u64::MAX)))
    }

    fn codecs(&self) -> [u8; LEVELS as usize] {
        self.options.codecs.map(|codec| codec.code())
    }
}

/// The current segments, as planning sees them.
fn pieces<'p>(
    current: &'p [Live<Lsm>],
    busy: &'p BTreeSet<SegmentId>,
    wasteful: &'p BTreeSet<FileId>,
    clock_ms: u64,
) -> impl Iterator<Item = Piece<'p>> {
    let merges = |live: &&Live<Lsm>| live.segment.detail().facts.merges > 0;
    let merging: Vec<&Live<Lsm>> = current.iter().filter(merges).collect();
    current.iter().map(move |live| {
        let detail = live.segment.detail();
        // What operands may still build on is not gone.
        let waited_for = |newer: &&Live<Lsm>| {
            newer.id != live.id
                && newer.segment.detail().level <= detail.level
                && newer.segment.span().meets(live.segment.span())
        };
        let expired = match detail.facts.expired(clock_ms) {
            0 => 0,
            _ if merging.iter().any(waited_for) => 0,
            expired => expired,
        };
        Piece {
            id: live.id,
            level: detail.level,
            bytes: live.meta.bytes(),
            entries: live.meta.entries,
            tombstones: detail.tombstones,
            expired,
            ranges: detail.ranges.as_ref().map_or(0, |ranges| ranges.count),
            recency: detail.recency,
            codec: detail.codec,
            stale: live.segment.blob_files().any(|(file, ..)| wasteful.contains(&file)),
            smallest: &live.segment.span().start,
            end: live.segment.span().end(),
            busy: busy.contains(&live.id),
        }
    })
}

fn arranged<'l>(current: impl Iterator<Item = &'l Live<Lsm>>) -> Result<Layout> {
    Layout::new(current.map(|live| (live.id, live.segment.clone())))
}

/// Entries of the run of level `target`, and of each other run, once `inputs` are merged into it.
fn run_sizes(inputs: &[&Live<Lsm>], current: &[Live<Lsm>], target: u8) -> Result<(u64, Vec<u64>)> {
    let entries = |live: &Live<Lsm>| live.meta.entries;
    let rest: Vec<Live<Lsm>> = current
        .iter()
        .filter(|live| inputs.iter().all(|input| input.id != live.id))
        .cloned()
        .collect();
    let (same, others): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|live| target > 0 && live.segment.detail().level == target);
    let keys = inputs.iter().map(|live| entries(live)).chain(same.iter().map(entries)).sum();
    let others = arranged(others.iter())?.runs().iter().map(|run| run.entries()).collect();
    Ok((keys, others))
}

/// A merge plan's detail.
///
/// ```text
/// bits | 0 to 7: target level | 8, 9: mode | 16 to 63: clock
/// ```
fn encode_detail(target: u8, mode: Mode, clock_ms: u64) -> u64 {
    let mode = match mode {
        Mode::Write => 0,
        Mode::Move => 1,
        Mode::Drop => 2,
    };
    u64::from(target) | mode << 8 | clock_ms << 16
}

fn decode_detail(detail: u64) -> (u8, Mode, u64) {
    let mode = match detail >> 8 & 3 {
        0 => Mode::Write,
        1 => Mode::Move,
        _ => Mode::Drop,
    };
    (detail as u8, mode, detail >> 16)
}

impl Lsm {
    /// The time by which merges that are planned now may take something for expired: operands that
    /// are in memory, or come later, do not build on it. It goes with the plan and must not be
    /// asked again: operands that were in memory then may be in segments by now, that the merge
    /// does not know.
    fn gone_by_ms(&self) -> u64 {
        self.gone_before(|| self.memtables.oldest_operand_ms())
    }

    /// As [`Lsm::gone_by_ms`], where `oldest_ms` is the clock of the oldest operand in memory.
    fn gone_before(&self, oldest_ms: impl FnOnce() -> Option<u64>) -> u64 {
        // Settled first: an operand that was not there before is at or after that time.
        let settled_ms = self.services.clock.settled_ms();
        let oldest_ms = oldest_ms().filter(|_| self.rules.can_merge());
        let gone_by_ms = oldest_ms.map_or(settled_ms, |oldest_ms| settled_ms.min(oldest_ms));
        // A clock that does not fit is one by which nothing expires yet.
        if gone_by_ms >> 48 == 0 { gone_by_ms } else { 0 }
    }

    /// What a merge into `target` may do about what has expired by `by_ms`.
    fn expiry(
        &self,
        plan: &MergePlan,
        current: &[Live<Lsm>],
        target: u8,
        by_ms: u64,
    ) -> Result<Expiry> {
        let newer = current.iter().filter(|live| {
            let detail = live.segment.detail();
            detail.facts.merges > 0 && detail.level <= target && !plan.inputs.contains(&live.id)
        });
        let newer = arranged(newer)?.runs().to_vec();
        Ok(Expiry { by_ms, newer, clock: self.services.clock.clone() })
    }
}

impl IndexType for Lsm {
    const NAME: &'static str = "lsm";
    const FORMAT: u16 = segment::FORMAT;
    const OPERATIONS: &'static str = ordered::OPERATIONS;

    type Writer = Writer;
    type Memtable = Memtable;
    type Segment = Segment;
    type Layout = Layout;

    fn configure(options: &[u8], services: &Services) -> Result<Lsm> {
        Lsm::with_operators(options, services, &Operators::default())
    }

    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
        prepare::prepare(ops, &self.rules, &|| self.services.clock.now_ms(), footprint)
    }

    fn create(&self) -> (Writer, Arc<Memtable>) {
        self.memtables.create()
    }

    fn open(&self, meta: &Arc<SegmentMeta>, files: &dyn Files) -> Result<Segment> {
        let segment = Segment::open(meta, files, &self.services)?;
        let facts = &segment.detail().facts;
        if facts.expiring + facts.merges_expiring > 0 {
            self.memtables.note_expiring();
        }
        Ok(segment)
    }

    fn arrange(&self, current: &[Live<Lsm>]) -> Result<Layout> {
        arranged(current.iter())
    }

    fn flush(&self, frozen: &[Arc<Memtable>], current: &[Live<Lsm>]) -> Result<Box<dyn Work>> {
        let below = arranged(current.iter())?.runs().to_vec();
        let keys = frozen.iter().map(|memtable| memtable.tree().len() as u64).sum();
        let others: Vec<u64> = below.iter().map(|run| run.entries()).collect();
        let shape = self.options.shape(0, keys, &others);
        let (threshold, stats) = (self.options.threshold(), self.services.stats.clone());
        Ok(Box::new(FlushWork::new(
            frozen,
            below,
            (self.rules.clone(), self.memtables.below()),
            shape,
            &self.sizes,
            threshold,
            stats,
        )))
    }

    fn load(&self, current: &[Live<Lsm>]) -> Result<Box<dyn Load>> {
        let levels = current.iter().map(|live| live.segment.detail().level);
        let before = Before {
            bytes: current.iter().map(|live| live.meta.bytes()).sum(),
            deepest: levels.max().unwrap_or(0),
            runs: arranged(current.iter())?.runs().iter().map(|run| run.entries()).collect(),
        };
        Ok(Box::new(LoadWork::new(&self.options, &self.sizes, before).on_top()))
    }

    fn accept(&self, given: &[Live<Lsm>], footprint: &mut Footprint) -> Result<()> {
        merge::check(given)?;
        let mut spans: Vec<Span> = given.iter().map(|live| live.segment.span().clone()).collect();
        if spans.len() > SPANS_MAX {
            spans = spans.into_iter().reduce(|all, span| all.with(&span)).into_iter().collect();
        }
        footprint.ranges.extend(spans.into_iter().map(|Span { start, end }| (start, end)));
        Ok(())
    }

    fn note_ingested(&self, at: SeqNo) {
        self.memtables.gaps().forget(at.0);
    }

    fn place(
        &self,
        at: SeqNo,
        given: &[Live<Lsm>],
        current: &[Live<Lsm>],
    ) -> Result<Box<dyn Work>> {
        let (busy, wasteful) = (BTreeSet::new(), BTreeSet::new());
        let pieces = pieces(current, &busy, &wasteful, 0);
        let add = merge::place(at, given, pieces, &self.sizes)?;
        Ok(Box::new(Placed::new(Edit { remove: Vec::new(), add })))
    }

    fn look_ahead(&self, current: &[Live<Lsm>]) {
        merge::covered(current, &BTreeSet::new());
    }

    fn plan(
        &self,
        current: &[Live<Lsm>],
        busy: &BTreeSet<SegmentId>,
        aim: Aim<'_>,
    ) -> Option<MergePlan> {
        let (clock_ms, wasteful) = (self.gone_by_ms(), blob::wasteful(current));
        let covered = merge::covered(current, busy).unwrap_or_default();
        let inputs: Vec<SegmentId> = covered.into_iter().filter(|id| aim.wants(*id)).collect();
        if !inputs.is_empty() {
            let (pressure, detail) = (merge::DROP_PRESSURE, encode_detail(0, Mode::Drop, 0));
            return Some(MergePlan { inputs, pressure, bytes: 0, detail, heirs: Heirs::All });
        }
        let pieces = pieces(current, busy, &wasteful, clock_ms);
        let plan = merge::plan(pieces, &self.sizes, &self.codecs(), aim)?;
        Some(MergePlan {
            inputs: plan.inputs,
            pressure: plan.pressure,
            bytes: plan.bytes,
            detail: encode_detail(plan.target, plan.mode, clock_ms),
            heirs: plan.heirs,
        })
    }

    fn due_ms(&self, current: &[Live<Lsm>], after_ms: u64) -> Option<u64> {
        let (busy, wasteful) = (BTreeSet::new(), BTreeSet::new());
        let facts = current.iter().map(|live| &live.segment.detail().facts);
        let due = pieces(current, &busy, &wasteful, 0).zip(facts).flat_map(|(piece, facts)| {
            [piece.missing_deletes(), piece.entries].map(|count| facts.expired_at(count))
        });
        let due: Vec<u64> = due.flatten().collect();
        let next = due.iter().copied().filter(|due_ms| *due_ms > after_ms).min();
        // Operands in memory keep what has expired since; nobody tells when views let go of them.
        let held_ms = self.memtables.oldest_operand_ms().filter(|_| self.rules.can_merge());
        let is_held = |held_ms| due.iter().any(|due_ms| held_ms < *due_ms && *due_ms <= after_ms);
        let again = held_ms.filter(|held_ms| is_held(*held_ms));
        let again = again.map(|_| after_ms.saturating_add(OPERANDS_HOLD_MS));
        next.into_iter().chain(again).min()
    }

    fn flush_due_ms(
        &self,
        active: &Memtable,
        current: &[Live<Lsm>],
        busy: &BTreeSet<SegmentId>,
    ) -> Option<u64> {
        // Operands in memory, which may build on what has expired since, keep it from going.
        let own_ms = active.oldest_operand_ms()?;
        let gone_by_ms = self.gone_before(|| self.memtables.oldest_operand_but_of(active));
        if gone_by_ms <= own_ms
            || current.iter().all(|live| live.segment.detail().facts.expiring == 0)
        {
            return None;
        }
        let wasteful = blob::wasteful(current);
        let pieces = pieces(current, busy, &wasteful, gone_by_ms);
        merge::plan(pieces, &self.sizes, &self.codecs(), Aim::Steady)?;
        Some(own_ms.saturating_add(OPERANDS_HOLD_MS))
    }

    fn debt(&self, current: &[Live<Lsm>]) -> Debt {
        let none = BTreeSet::new();
        merge::debt(pieces(current, &BTreeSet::new(), &none, 0), &self.sizes)
    }

    fn merge(&self, plan: &MergePlan, current: &[Live<Lsm>]) -> Result<Box<dyn Work>> {
        let inputs: Vec<&Live<Lsm>> =
            current.iter().filter(|live| plan.inputs.contains(&live.id)).collect();
        let (target, mode, clock_ms) = decode_detail(plan.detail);
        if inputs.len() != plan.inputs.len() || inputs.is_empty() || target >= LEVELS {
            return Err(Error::internal("a merge plan that does not fit the current segments"));
        }
        if mode == Mode::Drop {
            self.services.clock.rely_on(clock_ms);
            return Ok(Box::new(DropWork::new(plan.inputs.clone(), self.services.stats.clone())));
        }
        if mode == Mode::Move {
            let moved: Vec<_> = inputs
                .iter()
                .map(|live| (live.id, live.meta.clone(), live.segment.clone()))
                .collect();
            return Ok(Box::new(MoveWork::new(&moved, target, self.services.stats.clone())));
        }
        let (keys, others) = run_sizes(&inputs, current, target)?;
        let deeper = current.iter().filter(|live| live.segment.detail().level > target);
        let newest = inputs.iter().map(|live| live.meta.newest).max().unwrap_or_default();
        let recency = inputs.iter().map(|live| live.segment.detail().recency).max().unwrap_or(0);
        Ok(Box::new(MergeWork::new(Job {
            runs: arranged(inputs.into_iter())?.runs().to_vec(),
            inputs: plan.inputs.clone(),
            deeper: arranged(deeper)?.runs().to_vec(),
            target,
            shape: self.options.shape(target, keys, &others),
            segment_bytes: self.sizes.segment_bytes,
            blob_file_bytes: self.sizes.blob_file_bytes(),
            wasteful: blob::wasteful(current),
            stats: self.services.stats.clone(),
            newest,
            recency,
            rules: self.rules.clone(),
            below: self.memtables.below(),
            expiry: self.expiry(plan, current, target, clock_ms)?,
        })))
    }

    /// Flushes only add segments here, so there is nothing to carry over.
    fn catch_up(
        &self,
        merged: Edit,
        inputs: &[Live<Lsm>],
        current: &[Live<Lsm>],
        _out: &mut dyn Output,
    ) -> Result<Edit> {
        let unchanged = inputs.iter().all(|input| current.iter().any(|live| live.id == input.id));
        if unchanged || planted::is(Bug::MissingCatchUp) {
            return Ok(merged);
        }
        Err(Error::internal("an input of a merge was replaced while it ran"))
    }

    fn verify(&self, live: &Live<Lsm>, report: &mut dyn FnMut(String)) -> Result<()> {
        segment::verify(&live.segment, report)
    }

    fn salvage(
        &self,
        segments: &[Remnant],
        known: KnownBy,
        files: &dyn Files,
        found: &mut dyn Salvage,
    ) -> Result<()> {
        salvage::salvage(segments, known, (files, &self.rules), found)
    }

    fn builds_on(&self, ops: &[u8], tell: &mut dyn FnMut(&[u8])) {
        saving::builds_on(ops, tell);
    }
}
