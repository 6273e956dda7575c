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
//! A segment is one sorted run of keys in a file, one version each:
//!
//! ```text
//! ┌─────────────┬──────────────┬──────┬────────┬────────────┬────────┐
//! │ data blocks │ index blocks │ root │ filter │ properties │ footer │   docs/formats/segment.md
//! └─────────────┴──────────────┴──────┴────────┴────────────┴────────┘
//! ```
//!
//! Large values lie apart, in blob files that merges do not move (see `blob`).
//!
//! Invariants:
//! 1. Of a key's versions, a newer one never lies deeper than an older one.
//! 2. Segments of one level below 0 are disjoint.
//! 3. A delete is dropped only where nothing deeper can hold the key.
//! 4. What a segment's bytes say is used after their checksum was compared, never before.

pub mod op;
pub mod memtable;
mod order;
mod filter;
mod block;
mod value;
mod blob;
mod segment;
mod options;
mod layout;
mod source;
mod merging;
mod merge;
mod query;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::file::{Files, Output};
use cuesta_engine::id::SegmentId;
use cuesta_engine::index::{
    Aim, Debt, Edit, Footprint, IndexType, Live, MergePlan, SegmentMeta, Services, Work,
};
use cuesta_engine::planted::{self, Bug};
use cuesta_engine::{Error, FileId};

pub use block::Kind;
pub use layout::Layout;
pub use options::Options;
pub use query::{Cursor, Reader};
pub use segment::Segment;
pub use value::Value;

use memtable::{Memtable, Memtables, Writer};
use merge::{FlushWork, Job, MergeWork, Mode, MoveWork, Piece, Sizes};

/// Levels of an index.
const LEVELS: u8 = 7;

/// An index of ordered keys.
pub struct Lsm {
    options: Options,
    sizes: Sizes,
    services: Services,
    memtables: Memtables,
}

impl Lsm {
    /// How its segments are laid out.
    pub fn options(&self) -> &Options {
        &self.options
    }

    fn services(&self) -> &Services {
        &self.services
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
) -> impl Iterator<Item = Piece<'p>> {
    current.iter().map(move |live| {
        let detail = live.segment.detail();
        Piece {
            id: live.id,
            level: detail.level,
            bytes: live.meta.bytes(),
            entries: live.meta.entries,
            tombstones: detail.tombstones,
            recency: detail.recency,
            codec: detail.codec,
            stale: live.segment.blob_files().any(|(file, ..)| wasteful.contains(&file)),
            smallest: &detail.smallest,
            largest: &detail.largest,
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

/// A merge plan's detail: the target level, and above it whether segments only move.
fn encode_detail(target: u8, mode: Mode) -> u64 {
    u64::from(target) | u64::from(mode == Mode::Move) << 8
}

impl IndexType for Lsm {
    const NAME: &'static str = "lsm";
    const FORMAT: u16 = segment::FORMAT;

    type Writer = Writer;
    type Memtable = Memtable;
    type Segment = Segment;
    type Layout = Layout;

    fn configure(options: &[u8], services: &Services) -> Result<Lsm> {
        Ok(Lsm {
            options: Options::decode(options)?,
            sizes: Sizes::of(services.memtable_bytes),
            services: services.clone(),
            memtables: Memtables::default(),
        })
    }

    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
        op::prepare(ops, footprint)
    }

    fn create(&self) -> (Writer, Arc<Memtable>) {
        self.memtables.create()
    }

    fn open(&self, meta: &Arc<SegmentMeta>, files: &dyn Files) -> Result<Segment> {
        Segment::open(meta, files, &self.services)
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
        Ok(Box::new(FlushWork::new(frozen, below, shape, &self.sizes, threshold, stats)))
    }

    fn plan(
        &self,
        current: &[Live<Lsm>],
        busy: &BTreeSet<SegmentId>,
        aim: Aim,
    ) -> Option<MergePlan> {
        let wasteful = blob::wasteful(current);
        let pieces = pieces(current, busy, &wasteful);
        let plan = merge::plan(pieces, &self.sizes, &self.codecs(), aim)?;
        Some(MergePlan {
            inputs: plan.inputs,
            pressure: plan.pressure,
            bytes: plan.bytes,
            detail: encode_detail(plan.target, plan.mode),
        })
    }

    fn debt(&self, current: &[Live<Lsm>]) -> Debt {
        merge::debt(pieces(current, &BTreeSet::new(), &BTreeSet::new()), &self.sizes)
    }

    fn merge(&self, plan: &MergePlan, current: &[Live<Lsm>]) -> Result<Box<dyn Work>> {
        let inputs: Vec<&Live<Lsm>> =
            current.iter().filter(|live| plan.inputs.contains(&live.id)).collect();
        let target = plan.detail as u8;
        if inputs.len() != plan.inputs.len() || inputs.is_empty() || target >= LEVELS {
            return Err(Error::internal("a merge plan that does not fit the current segments"));
        }
        if plan.detail == encode_detail(target, Mode::Move) {
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
}
