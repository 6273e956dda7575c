//! Merges and moves, as work in small steps.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::clock::Clock;
use cuesta_engine::error::Result;
use cuesta_engine::file::Output;
use cuesta_engine::id::SegmentId;
use cuesta_engine::index::{Edit, SegmentMeta, Work};
use cuesta_engine::planted::{self, Bug};
use cuesta_engine::stats::Stats;
use cuesta_engine::{FileId, SeqNo};

use super::output::Outputs;
use crate::lsm::blob::Pointer;
use crate::lsm::filter;
use crate::lsm::layout::Run;
use crate::lsm::segment::{Fill, Hit, Segment, Shape};
use crate::lsm::walk::{RunCursor, of_run};
use crate::ordered::expiry;
use crate::ordered::kind::Kind;
use crate::ordered::merging::Merging;
use crate::ordered::operand::{Below, Rules};
use crate::ordered::span::{self, Span};

/// Bytes that a step handles.
pub(super) const STEP_BYTES: usize = 256 << 10;
/// An output segment meets at most so many segmentfuls of bytes one level deeper, so that merging
/// it on is bounded.
const MET_MAX: u64 = 20;

/// Runs of deeper levels, asked about ascending keys.
pub(super) struct Depths {
    runs: Vec<(Arc<Run>, usize)>,
}

impl Depths {
    /// Of these runs.
    pub(super) fn new(runs: Vec<Arc<Run>>) -> Depths {
        Depths { runs: runs.into_iter().map(|run| (run, 0)).collect() }
    }

    /// Whether the range of some segment holds `key`, which is at or after every key asked about
    /// before.
    pub(super) fn cover(&mut self, key: &[u8]) -> bool {
        let mut covered = false;
        for (run, at) in &mut self.runs {
            let segments = run.segments();
            while segments.get(*at).is_some_and(|segment| segment.span().ends_by(key)) {
                *at += 1;
            }
            covered |= segments.get(*at).is_some_and(|s| *s.span().start <= *key);
        }
        covered
    }
}

/// The parts of `ranges`, in any order, over which something of `deeper` lies: ascending, neither
/// overlapping nor touching. Elsewhere they delete nothing.
pub(super) fn trimmed(mut ranges: Vec<Span>, deeper: &[Arc<Run>]) -> Vec<Span> {
    if planted::is(Bug::RangeDeleteDroppedTooHigh) {
        return Vec::new();
    }
    span::join(&mut ranges);
    let mut parts = Vec::new();
    for range in &ranges {
        for run in deeper {
            let met = run.segments().get(run.find(&range.start)..).unwrap_or_default();
            for span in met.iter().map(|segment| segment.span()) {
                if !span::is_before(&span.start, range.end.as_deref()) {
                    break;
                }
                let start = range.start.as_slice().max(&span.start).to_vec();
                let end = span::earlier(range.end.as_deref(), span.end()).map(<[u8]>::to_vec);
                parts.push(Span { start, end });
            }
        }
    }
    span::join(&mut parts);
    parts
}

/// Where outputs are cut so that none meets too much of the level that they will be merged into.
struct Beyond {
    run: Option<Arc<Run>>,
    at: usize,
    met: u64,
    met_max: u64,
}

impl Beyond {
    /// Whether to begin a new output before `key`.
    fn cut_before(&mut self, key: &[u8]) -> bool {
        let Some(run) = &self.run else { return false };
        while let Some(segment) = run.segments().get(self.at)
            && segment.span().ends_by(key)
        {
            self.met += segment.len();
            self.at += 1;
        }
        let cut = self.met > self.met_max;
        if cut {
            self.met = 0;
        }
        cut
    }
}

/// What a merge needs to know.
pub(in crate::lsm) struct Job {
    /// Inputs as runs, newest first.
    pub runs: Vec<Arc<Run>>,
    /// Inputs as segments.
    pub inputs: Vec<SegmentId>,
    /// Runs of the levels below the target, from the top.
    pub deeper: Vec<Arc<Run>>,
    /// Level of the outputs.
    pub target: u8,
    /// How outputs are laid out.
    pub shape: Shape,
    /// Bytes of an output.
    pub segment_bytes: u64,
    /// Bytes of a blob file.
    pub blob_file_bytes: u64,
    /// Blob files whose values are written anew.
    pub wasteful: BTreeSet<FileId>,
    /// The counters.
    pub stats: Arc<Stats>,
    /// The newest of the inputs.
    pub newest: SeqNo,
    /// The newest recency of the inputs.
    pub recency: u64,
    /// How values change by themselves.
    pub rules: Arc<Rules>,
    /// What operands have below them where something is below.
    pub below: Below,
    /// What expires.
    pub expiry: Expiry,
}

/// What a merge may do about what has expired.
///
/// Operands that are newer than the inputs may have been committed before their base expired, and
/// then build on it: such a base must stay. Operands that were in memory when `by_ms` was chosen,
/// or came later, do not.
pub(in crate::lsm) struct Expiry {
    /// What expires by this time counts as gone.
    pub by_ms: u64,
    /// Newer segments with operands.
    pub newer: Vec<Arc<Run>>,
    /// What is told of it.
    pub clock: Arc<Clock>,
}

impl Expiry {
    /// Whether `key` has no value any more, nor will have by what is known of it here.
    fn is_over(&self, key: &[u8], stored: &[u8]) -> Result<bool> {
        if expiry::split(stored)?.0 > self.by_ms {
            return Ok(false);
        }
        let hash = filter::hash(key);
        for segment in self.newer.iter().filter_map(|run| run.holding(key)) {
            let merges = |hit: Hit<'_>| hit.kind() == Kind::Merge;
            if segment.may_hold(hash)? && segment.find(key)?.is_some_and(merges) {
                return Ok(false);
            }
        }
        self.clock.rely_on(self.by_ms);
        Ok(true)
    }
}

/// Merges segments into segments of one level.
pub(in crate::lsm) struct MergeWork {
    merging: Merging<RunCursor>,
    outputs: Outputs,
    depths: Depths,
    beyond: Beyond,
    runs: Vec<Arc<Run>>,
    deeper: Vec<Arc<Run>>,
    inputs: Vec<SegmentId>,
    wasteful: BTreeSet<FileId>,
    stats: Arc<Stats>,
    newest: SeqNo,
    recency: u64,
    rules: Arc<Rules>,
    below: Below,
    expiry: Expiry,
    begun: bool,
}

impl MergeWork {
    /// Starts a merge; reads nothing yet.
    pub(in crate::lsm) fn new(job: Job) -> MergeWork {
        let segments = job.runs.iter().flat_map(|run| run.segments());
        let total: u64 = segments.map(|segment| segment.len()).sum();
        // Equal shares, so that no merge ends in a crumb.
        let count = total.div_ceil(job.segment_bytes).max(1);
        let share = total / count + total / count / 16;
        let next = job.deeper.iter().find(|run| {
            let level = run.segments().first().map(|segment| segment.detail().level);
            level == Some(job.target + 1)
        });
        let beyond = Beyond {
            run: next.cloned(),
            at: 0,
            met: 0,
            met_max: job.segment_bytes.saturating_mul(MET_MAX),
        };
        let mut outputs = Outputs::new(job.shape, job.target, share, job.blob_file_bytes);
        let below = job.deeper.iter().flat_map(|run| run.segments());
        outputs.lie_over(below.filter(|segment| segment.detail().written() < job.target));
        MergeWork {
            outputs,
            merging: Merging::new(job.runs.iter().map(|run| of_run(run, Fill::Pass)).collect()),
            depths: Depths::new(job.deeper.clone()),
            beyond,
            runs: job.runs,
            deeper: job.deeper,
            inputs: job.inputs,
            wasteful: job.wasteful,
            stats: job.stats,
            newest: job.newest,
            recency: job.recency,
            rules: job.rules,
            below: job.below,
            expiry: job.expiry,
            begun: false,
        }
    }

    /// Collects the range deletes of all inputs. They go into the outputs where something deeper
    /// may hold what they delete.
    fn begin(&mut self) -> Result<()> {
        let mut ranges = Vec::new();
        for segment in self.runs.iter().flat_map(|run| run.segments()) {
            ranges.extend(segment.spans(Fill::Pass)?);
        }
        self.outputs.delete_ranges(trimmed(ranges, &self.deeper));
        self.merging.first()
    }
}

impl MergeWork {
    /// Whether a large value lies in a file that is to be let go of.
    fn is_rewritten(&self, pointer: &[u8]) -> Result<bool> {
        if self.wasteful.is_empty() {
            return Ok(false);
        }
        Ok(self.wasteful.contains(&Pointer::decode(pointer)?.file))
    }
}

impl Work for MergeWork {
    fn memory(&self) -> usize {
        self.outputs.memory() + self.merging.memory()
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        if !self.begun {
            self.begin()?;
            self.begun = true;
        }
        let mut bytes = 0;
        while let Some(source) = self.merging.current() {
            let (key, kind, value) = (source.key(), source.kind(), source.value());
            bytes += key.len() + value.len() + 16;
            let (kind, value) = match kind {
                Kind::Merge => {
                    let below = if self.depths.cover(key) { self.below } else { Below::Nothing };
                    let (kind, value) = self.merging.pile()?.into_entry(&self.rules, below);
                    (kind, Cow::Owned(value))
                }
                Kind::Put | Kind::Delete | Kind::Blob | Kind::Expiring => {
                    (kind, Cow::Borrowed(value))
                }
            };
            let over = kind == Kind::Expiring && self.expiry.is_over(key, &value)?;
            let bug = match over {
                true => Bug::ExpiredResurfaces,
                false => Bug::TombstoneDroppedTooHigh,
            };
            let gone = over || kind == Kind::Delete;
            if !gone || self.depths.cover(key) && !planted::is(bug) {
                if self.beyond.cut_before(key) {
                    self.outputs.cut(out, key)?;
                }
                if kind == Kind::Blob && self.is_rewritten(&value)? {
                    let large = source.large()?;
                    bytes += large.len();
                    self.outputs.add_large(out, key, &large)?;
                } else {
                    let (kind, value) =
                        if gone { (Kind::Delete, &[][..]) } else { (kind, &*value) };
                    self.outputs.add(out, key, kind, value)?;
                }
            }
            self.merging.next()?;
            if bytes >= STEP_BYTES {
                return Ok(None);
            }
        }
        Stats::add(&self.stats.blob_rewritten_bytes, self.outputs.blob_bytes());
        let add = self.outputs.finish(out, self.newest, self.recency)?;
        Ok(Some(Edit { remove: std::mem::take(&mut self.inputs), add }))
    }
}

/// Gives segments another level without touching their bytes.
pub(in crate::lsm) struct MoveWork {
    edit: Edit,
    stats: Arc<Stats>,
}

impl MoveWork {
    /// Moves segments to `target`.
    ///
    /// # Errors
    /// None today; what reading details fails with.
    pub(in crate::lsm) fn new(
        moved: &[(SegmentId, Arc<SegmentMeta>, Arc<Segment>)],
        target: u8,
        stats: Arc<Stats>,
    ) -> MoveWork {
        let add = |(_, meta, segment): &(SegmentId, Arc<SegmentMeta>, Arc<Segment>)| {
            let mut detail = segment.detail().clone();
            detail.written = Some(detail.written());
            detail.level = target;
            SegmentMeta { detail: detail.encode(), ..SegmentMeta::clone(meta) }
        };
        let edit = Edit {
            remove: moved.iter().map(|(id, ..)| *id).collect(),
            add: moved.iter().map(add).collect(),
        };
        MoveWork { edit, stats }
    }
}

impl Work for MoveWork {
    fn memory(&self) -> usize {
        0
    }

    fn step(&mut self, _out: &mut dyn Output) -> Result<Option<Edit>> {
        Stats::add(&self.stats.moves, 1);
        Ok(Some(std::mem::take(&mut self.edit)))
    }
}
