//! Segments that go unread, because a newer range delete covers all of them, or all has expired.
//!
//! A covered segment is of no use to any view of a version from then on: its keys are deleted, and
//! so is everything that its own deletes hide, by the same range. The range delete itself stays
//! until merging takes it to where nothing deeper is left; views of older versions keep the files.
//! Whether a merge works on the segment with the range delete does not matter: what it writes
//! covers the same keys in all deeper levels. A segment that a merge works on itself is left to
//! that merge, which passes over what is covered.
//!
//! Not for: segments that are covered in part, and knowing what has expired (see `plan.rs`).

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::file::Output;
use cuesta_engine::id::SegmentId;
use cuesta_engine::index::{Edit, Live, Work};
use cuesta_engine::stats::Stats;

use crate::lsm::{LEVELS, Lsm};
use crate::ordered::span::is_before;

/// How urgent it is: it costs one edit, gives space back, and spares other merges their work.
pub(in crate::lsm) const DROP_PRESSURE: f64 = 1000.0;

/// Idle segments that range deletes of newer ones cover; `None` when there are none. Looks at range
/// blocks only: in the map, in the cache, or read once. Who holds a lock has had it look ahead;
/// what the cache has let go of since is read again, a block for each segment with range deletes.
pub(in crate::lsm) fn covered(
    current: &[Live<Lsm>],
    busy: &BTreeSet<SegmentId>,
) -> Option<Vec<SegmentId>> {
    if current.iter().all(|live| live.segment.detail().ranges.is_none()) {
        return None;
    }
    let mut levels: Vec<Vec<&Live<Lsm>>> = vec![Vec::new(); usize::from(LEVELS)];
    for live in current {
        levels[usize::from(live.segment.detail().level)].push(live);
    }
    for level in &mut levels {
        level.sort_by(|a, b| a.segment.span().start.cmp(&b.segment.span().start));
    }
    let mut found = BTreeSet::new();
    for live in current.iter().filter(|live| live.segment.detail().ranges.is_some()) {
        let from = usize::from(live.segment.detail().level);
        for level in &levels[from..] {
            for older in within(live, level) {
                let covered = is_older(older, live) && !busy.contains(&older.id);
                if covered && covers(live, older) {
                    found.insert(older.id);
                }
            }
        }
    }
    (!found.is_empty()).then(|| found.into_iter().collect())
}

/// The segments of a level that begin within the range of `live`.
fn within<'l>(live: &Live<Lsm>, level: &[&'l Live<Lsm>]) -> impl Iterator<Item = &'l Live<Lsm>> {
    let span = live.segment.span();
    let first = level.partition_point(|other| other.segment.span().start < span.start);
    let met = level.get(first..).unwrap_or_default().iter().copied();
    met.take_while(|other| is_before(&other.segment.span().start, span.end()))
}

/// Whether what `one` says is older than what `other` says.
fn is_older(one: &Live<Lsm>, other: &Live<Lsm>) -> bool {
    let age = |live: &Live<Lsm>| {
        let detail = live.segment.detail();
        // Below level 0 the levels alone decide.
        let newest_first = (detail.level == 0).then_some(Reverse((detail.recency, live.id)));
        (detail.level, newest_first)
    };
    age(one) > age(other)
}

fn covers(live: &Live<Lsm>, older: &Live<Lsm>) -> bool {
    let span = older.segment.span();
    // A range block that cannot be read is for others to complain of.
    live.segment.deletes(&span.start, span.end()).unwrap_or(false)
}

/// Lets go of segments without touching their bytes.
pub(in crate::lsm) struct DropWork {
    dropped: Vec<SegmentId>,
    stats: Arc<Stats>,
}

impl DropWork {
    /// Lets go of `dropped`.
    pub(in crate::lsm) fn new(dropped: Vec<SegmentId>, stats: Arc<Stats>) -> DropWork {
        DropWork { dropped, stats }
    }
}

impl Work for DropWork {
    fn step(&mut self, _out: &mut dyn Output) -> Result<Option<Edit>> {
        let remove = std::mem::take(&mut self.dropped);
        Stats::add(&self.stats.segments_dropped, remove.len() as u64);
        Ok(Some(Edit { remove, add: Vec::new() }))
    }

    fn memory(&self) -> usize {
        0
    }
}
