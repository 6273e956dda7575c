//! A bulk load: operations in the order of their keys become one sorted run, and where its segments
//! belong among those that are there.
//!
//! ```text
//!             a    b      c        given segments
//! level 0
//! level 1         [ - ]            b lies above what it meets; c, above [ ----- ] in level 2
//! level 2    ▲     ▲    ▼ [-----]
//! level 3    a                     a, which meets nothing, lies where compaction would take it
//! ```
//!
//! **Why this keeps newer above older.** When a load is placed, all that is older is in current
//! segments and all that is newer in memory. A segment is placed above the first level with
//! anything that it meets, so all of that is deeper, or an older run of level 0.
//!
//! **Why it does not collide with merges under way.** A merge writes within its hull, which its
//! inputs cover (see `plan.rs`): what meets the hull meets an input, which is still current, so it
//! is placed above that input. At worst that is the merge's source level, out of which the merge
//! only takes.

use cuesta_engine::error::Result;
use cuesta_engine::file::Output;
use cuesta_engine::index::{Live, Load, SegmentMeta};
use cuesta_engine::{SeqNo, ensure_sound};

use super::output::Outputs;
use super::tree::{Hull, Piece, Sizes, Tree};
use crate::lsm::options::Options;
use crate::lsm::{LEVELS, Lsm};
use crate::ordered::loading;
use crate::ordered::op::{Op, Ops};
use crate::ordered::span;
use crate::ordered::threshold::Threshold;

/// What is there before a load.
#[derive(Clone, Debug, Default)]
pub(in crate::lsm) struct Before {
    /// Bytes of all segments.
    pub bytes: u64,
    /// The deepest level with anything in it.
    pub deepest: u8,
    /// Entries of each run.
    pub runs: Vec<u64>,
}

/// Keys that a load is taken to have, at least, when filters are measured.
const KEYS_MIN: u64 = 1 << 20;

/// Writes the run.
pub(in crate::lsm) struct LoadWork {
    outputs: Outputs,
    options: Options,
    sizes: Sizes,
    threshold: Threshold,
    before: Before,
    /// Segments that are complete, their bytes and their entries.
    done: (usize, u64, u64),
    last: Vec<u8>,
    entries: u64,
}

impl LoadWork {
    /// Of an index with these options, in which something may be.
    pub(in crate::lsm) fn new(options: &Options, sizes: &Sizes, before: Before) -> LoadWork {
        let level = level_of(before.bytes, before.deepest, sizes);
        let shape = options.shape(level, KEYS_MIN, &before.runs);
        LoadWork {
            outputs: Outputs::new(shape, level, sizes.segment_bytes, sizes.blob_file_bytes()),
            options: options.clone(),
            sizes: *sizes,
            threshold: options.threshold(),
            before,
            done: (0, 0, 0),
            last: Vec::new(),
            entries: 0,
        }
    }

    /// Into a database, whose segments say that they lie above all that was written before.
    pub(in crate::lsm) fn on_top(self) -> LoadWork {
        LoadWork { outputs: self.outputs.on_top(), ..self }
    }

    /// Into a file apart from any database, with large values beside their keys.
    pub(in crate::lsm) fn apart(options: &Options, sizes: &Sizes) -> LoadWork {
        let work = LoadWork::new(options, sizes, Before::default());
        let outputs = work.outputs.apart_from_files();
        LoadWork { outputs, threshold: Threshold::none(), ..work }
    }

    /// Lays the next segment out for the level that the load so far would have.
    fn adapt(&mut self) {
        let written = self.outputs.written();
        let (count, mut bytes, mut entries) = self.done;
        if written.len() == count {
            return;
        }
        for segment in written.get(count..).unwrap_or_default() {
            bytes += segment.extent.len;
            entries += segment.entries;
        }
        self.done = (written.len(), bytes, entries);
        let level = level_of(self.before.bytes + bytes, self.before.deepest, &self.sizes);
        let shape = self.options.shape(level, entries.max(KEYS_MIN), &self.before.runs);
        self.outputs.set_shape(shape);
    }
}

impl Load for LoadWork {
    fn add(&mut self, ops: &[u8], out: &mut dyn Output) -> Result<()> {
        loading::check(ops, (self.entries > 0).then_some(self.last.as_slice()))?;
        for op in Ops::new(ops) {
            let op = op?;
            let (key, (kind, value)) = (op.key(), op.entry());
            match op {
                Op::Put { .. } if self.threshold.is_large(value) => {
                    self.outputs.add_large(out, key, value)?;
                }
                _ => self.outputs.add(out, key, kind, value)?,
            }
            self.last.clear();
            self.last.extend_from_slice(key);
            self.entries += 1;
            self.adapt();
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Output) -> Result<Vec<SegmentMeta>> {
        self.outputs.finish(out, SeqNo(0), 0)
    }

    fn memory(&self) -> usize {
        self.outputs.memory()
    }
}

/// The level that compaction would bring `bytes` to.
fn level_of(bytes: u64, deepest: u8, sizes: &Sizes) -> u8 {
    let roomy = (1..LEVELS).find(|&level| sizes.level_bytes(level) >= bytes);
    deepest.max(roomy.unwrap_or(LEVELS - 1))
}

/// Where `given` segments, which commit `at` has ingested, belong above `pieces`, all of which are
/// older: what the manifest is to say of them.
///
/// # Errors
/// None today.
pub(in crate::lsm) fn place<'p>(
    at: SeqNo,
    given: &[Live<Lsm>],
    pieces: impl Iterator<Item = Piece<'p>>,
    sizes: &Sizes,
) -> Result<Vec<SegmentMeta>> {
    let tree = Tree::new(pieces);
    let there: u64 = tree.levels.iter().flatten().map(|piece| piece.bytes).sum();
    let more: u64 = given.iter().map(|live| live.meta.bytes()).sum();
    let bottom = level_of(there.saturating_add(more), tree.deepest(), sizes);
    let meta = |live: &Live<Lsm>| {
        let span = live.segment.span();
        let hull = Hull { smallest: &span.start, end: span.end() };
        let meets = |level: &u8| match level {
            0 => tree.level(0).iter().any(|piece| hull.meets(piece)),
            _ => !tree.meeting(*level, &hull).is_empty(),
        };
        let met = (0..LEVELS).find(meets);
        let mut detail = live.segment.detail().clone();
        detail.level = met.map_or(bottom, |met| met.saturating_sub(1).min(bottom));
        detail.recency = at.0;
        // It is above all that was written before, whatever level it was laid out for.
        detail.written = Some(0);
        SegmentMeta { newest: at, detail: detail.encode(), ..SegmentMeta::clone(&live.meta) }
    };
    Ok(given.iter().map(meta).collect())
}

/// Whether segments can be ingested: they have values alone, and no two of them meet.
///
/// # Errors
/// `Invalid` names what does not fit.
pub(in crate::lsm) fn check(given: &[Live<Lsm>]) -> Result<()> {
    for live in given {
        let detail = live.segment.detail();
        ensure_sound!(
            detail.tombstones == 0 && detail.facts.merges == 0 && detail.ranges.is_none(),
            "a segment that is to be ingested deletes or merges"
        );
    }
    let mut spans: Vec<_> = given.iter().map(|live| live.segment.span().clone()).collect();
    spans.sort_by(|a, b| a.start.cmp(&b.start));
    span::check_apart(&spans)
}
