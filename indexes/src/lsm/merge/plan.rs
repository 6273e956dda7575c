//! What to merge next: a pure decision.
//!
//! A merge takes its *source* from one level and everything that the source's range meets in the
//! next, the *target*, and writes the target level anew there. The source is one segment, or in
//! level 0 a group of segments whose ranges hang together. Where nothing is met, the segment only
//! moves.
//!
//! **Why merges side by side never collide.** The outputs of a merge lie within its *hull*, the
//! range from the first to the last key of its inputs, and may span gaps in it. Claim: while it
//! runs, nothing else comes to lie within its hull in the target level. For a merge M from level
//! `s` to `t = s + 1`:
//!
//! - The hull is covered: the source is one segment, or a group without gaps, and every target
//!   input meets the source. So whatever range meets the hull of M meets an input of M, and these
//!   are busy (rule A: a new merge's hull meets no busy segment of its two levels).
//! - Another merge from `s` to `t`: its hull would meet an input of M in `s` or `t`; refused by A.
//! - A merge from `s - 1` to `s` writes into `s`, M's source level. If its hull met M's
//!   source, that source would be one of its inputs; so it does not, and what it writes can
//!   later be merged to `t` only under rule A itself.
//! - A merge from `t` to `t + 1` only takes segments out of `t`.
//! - A flush adds to level 0 only. A new segment there that meets the hull of M (with `s` = 0)
//!   meets an input of M: as part of a group with a busy segment, or by meeting a busy target, it
//!   waits.
//! - A rewrite of one segment within its level writes within its range, which nothing else meets.
//!
//! The simulation in `tests` tries to prove this wrong.
//!
//! **What has expired** counts as deleted. A segment in which everything has, and that hides
//! nothing, is not even read.
//!
//! **Tombstones** are dropped where nothing deeper than the target meets the key: older versions of
//! a key only ever lie deeper than newer ones, and everything of the source's and target's level
//! that could hold it is an input.

use std::cmp::Reverse;

use cuesta_engine::id::SegmentId;
use cuesta_engine::index::{Aim, Debt, Heirs};

use super::tree::{FLUSHES_MAX, Hull, Piece, Sizes, Tree};
use crate::lsm::LEVELS;

/// How inputs become outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lsm) enum Mode {
    /// They are written anew.
    Write,
    /// They only change their level.
    Move,
    /// They go, unread: all has expired, or a newer range delete covers them.
    Drop,
}

/// A merge worth doing.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::lsm) struct Plan {
    /// Segments to take.
    pub inputs: Vec<SegmentId>,
    /// Level of the result.
    pub target: u8,
    /// How.
    pub mode: Mode,
    /// How urgent.
    pub pressure: f64,
    /// Bytes to read.
    pub bytes: u64,
    /// What a compaction goes on with.
    pub heirs: Heirs,
}

/// Flushes in level 0 at which writers are slowed; twice as many stop them.
const FLUSHES_SLOW: f64 = 12.0;
/// Level-1-fuls of bytes over target at which writers are slowed.
const EXCESS_SLOW: f64 = 64.0;
/// From this share of deletes on a segment is merged without waiting for its level to fill.
const TOMBSTONES_SHARE: u64 = 4;
/// What a deleting entry counts more than another one when the cheapest source is chosen.
const TOMBSTONE_BONUS: f64 = 8.0;

/// What is worth merging; `None` when nothing is, or all of it waits for running merges.
pub(in crate::lsm) fn plan<'p>(
    pieces: impl Iterator<Item = Piece<'p>>,
    sizes: &Sizes,
    codecs: &[u8; LEVELS as usize],
    aim: Aim<'_>,
) -> Option<Plan> {
    let tree = Tree::new(pieces);
    let planner = Planner { tree: &tree, codecs, aim };
    if let Some(plan) = planner.over() {
        return Some(plan);
    }
    match aim {
        Aim::Steady => planner.steady(sizes),
        Aim::Compact(_) => planner.compact(sizes),
    }
}

/// Work that waits.
pub(in crate::lsm) fn debt<'p>(pieces: impl Iterator<Item = Piece<'p>>, sizes: &Sizes) -> Debt {
    let tree = Tree::new(pieces);
    let mut recencies: Vec<u64> = tree.level(0).iter().map(|piece| piece.recency).collect();
    recencies.sort_unstable();
    recencies.dedup();
    let mut excess = 0u64;
    if recencies.len() >= FLUSHES_MAX {
        excess = tree.level(0).iter().map(|piece| piece.bytes).sum();
    }
    for level in 1..LEVELS {
        let bytes: u64 = tree.level(level).iter().map(|piece| piece.bytes).sum();
        excess = excess.saturating_add(bytes.saturating_sub(sizes.level_bytes(level)));
    }
    let by_flushes = recencies.len() as f64 / FLUSHES_SLOW;
    let by_excess = excess as f64 / sizes.level_1_bytes as f64 / EXCESS_SLOW;
    Debt { bytes: excess, pressure: by_flushes.max(by_excess) }
}

struct Planner<'t, 'p> {
    tree: &'t Tree<'p>,
    codecs: &'t [u8; LEVELS as usize],
    aim: Aim<'t>,
}

impl<'p> Planner<'_, 'p> {
    /// All segments with nothing but expired values that hide nothing.
    fn over(&self) -> Option<Plan> {
        let hides = |piece: &Piece<'_>| {
            let older = |other: &Piece<'_>| other.id != piece.id && other.recency <= piece.recency;
            let beside = piece.level == 0
                && self.tree.level(0).iter().any(|o| older(o) && piece.hull().meets(o));
            beside || self.tree.covered_below(piece.level, &piece.hull())
        };
        let pieces = self.tree.levels.iter().flatten();
        let over = pieces.filter(|p| !p.busy && p.expired == p.entries && !hides(p));
        let over = over.filter(|piece| self.aim.wants(piece.id));
        let inputs: Vec<SegmentId> = over.map(|piece| piece.id).collect();
        let (mode, heirs) = (Mode::Drop, Heirs::All);
        let plan = Plan { inputs, target: 0, mode, pressure: 1.0, bytes: 0, heirs };
        (!plan.inputs.is_empty()).then_some(plan)
    }

    /// The fullest level first, then segments with many deletes.
    fn steady(&self, sizes: &Sizes) -> Option<Plan> {
        let mut full: Vec<(f64, u8)> = (0..LEVELS - 1)
            .map(|level| (self.fullness(level, sizes), level))
            .filter(|&(fullness, _)| fullness >= 1.0)
            .collect();
        full.sort_by(|a, b| b.0.total_cmp(&a.0));
        let relief = full.iter().find_map(|&(fullness, level)| match level {
            0 => self.flushed(fullness, |_| true),
            _ => self.cheapest(level, fullness, |_| true),
        });
        relief.or_else(|| self.deletes()).or_else(|| self.stale(1, 0.4))
    }

    fn fullness(&self, level: u8, sizes: &Sizes) -> f64 {
        match level {
            0 => self.tree.flushes() as f64 / FLUSHES_MAX as f64,
            _ => self.tree.idle_bytes(level) as f64 / sizes.level_bytes(level) as f64,
        }
    }

    fn deletes(&self) -> Option<Plan> {
        let flushed = self.flushed(0.5, |group| group.iter().all(many_deletes));
        flushed.or_else(|| (1..LEVELS).find_map(|level| self.cheapest(level, 0.5, many_deletes)))
    }

    /// Everything that is wanted down to one level, the topmost level first; then deletes out of
    /// that level. What is merged down may be all that is met there; what is written anew in its
    /// place is done with, although some of it may expire the next moment. So this ends: only what
    /// is wanted in a level adds to what is wanted in the next.
    fn compact(&self, sizes: &Sizes) -> Option<Plan> {
        let total: u64 = self.tree.levels.iter().flatten().map(|piece| piece.bytes).sum();
        let roomy = (1..LEVELS).find(|&level| sizes.level_bytes(level) >= total);
        let bottom = self.tree.deepest().max(roomy.unwrap_or(LEVELS - 1));
        let upper = (0..bottom).find_map(|level| match level {
            0 => self.flushed(1.0, |group| group.iter().any(|piece| self.wants(piece))),
            _ => self.cheapest(level, 1.0, |piece| self.wants(piece)),
        });
        let idle = |piece: &&Piece<'_>| !piece.busy && self.wants(piece);
        let deletes = || {
            let found = self.tree.level(bottom).iter().filter(idle).find(|p| !p.deletes_nothing());
            found.map(|piece| self.rewrite(piece, 1.0))
        };
        upper.or_else(deletes).or_else(|| self.stale(bottom, 1.0))
    }

    fn wants(&self, piece: &Piece<'_>) -> bool {
        self.aim.wants(piece.id)
    }

    /// A segment in `level` or below that points into blob files of which little else is needed.
    fn stale(&self, level: u8, pressure: f64) -> Option<Plan> {
        let below = self.tree.levels.iter().skip(usize::from(level)).flatten();
        let stale = below.filter(|piece| piece.stale && !piece.busy && self.wants(piece));
        stale.min_by_key(|piece| piece.bytes).map(|piece| self.rewrite(piece, pressure))
    }

    /// A group of level 0: the one with the most segments that can be merged now.
    fn flushed(&self, pressure: f64, wanted: impl Fn(&[Piece<'p>]) -> bool) -> Option<Plan> {
        let mut groups = self.tree.groups();
        groups.retain(|group| wanted(group));
        groups.sort_by_key(|group| Reverse(group.len()));
        groups.into_iter().find_map(|group| self.merge(group, 1, pressure))
    }

    /// The segment of a level below 0 whose merge moves the fewest bytes per byte and delete that
    /// it takes out of the level.
    fn cheapest(
        &self,
        level: u8,
        pressure: f64,
        wanted: impl Fn(&Piece<'p>) -> bool,
    ) -> Option<Plan> {
        let candidates = self.tree.level(level).iter().filter(|p| !p.busy && wanted(p));
        let mut ranked: Vec<(f64, &Piece<'p>)> = candidates
            .map(|piece| {
                let met = self.tree.meeting(level + 1, &piece.hull());
                let met: u64 = met.iter().map(|piece| piece.bytes).sum();
                let deletes = piece.gone() as f64 / piece.entries.max(1) as f64;
                let worth = piece.bytes as f64 * (1.0 + TOMBSTONE_BONUS * deletes);
                (met as f64 / worth, piece)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        ranked.into_iter().find_map(|(_, piece)| {
            if self.aim == Aim::Steady
                && many_deletes(piece)
                && !self.tree.covered_below(level, &piece.hull())
            {
                // They hide nothing: without them this may be all that there is to do.
                return Some(self.rewrite(piece, pressure));
            }
            self.merge(std::slice::from_ref(piece), level + 1, pressure)
        })
    }

    /// The merge of `source`, all of one level, into `target`; `None` when it has to wait.
    fn merge(&self, source: &[Piece<'p>], target: u8, pressure: f64) -> Option<Plan> {
        let level = source.first()?.level;
        if target >= LEVELS {
            return None;
        }
        let hull = source[1..].iter().fold(source[0].hull(), Hull::with);
        let met = self.tree.meeting(target, &hull);
        let wide = met.iter().fold(hull, Hull::with);
        let blocked = |piece: &Piece<'_>| piece.busy && wide.meets(piece);
        if self.tree.level(level).iter().chain(self.tree.level(target)).any(blocked) {
            return None;
        }
        let inputs = source.iter().chain(met);
        let codec = self.codecs[usize::from(target)];
        let moves = met.is_empty()
            && source.len() == 1
            && source[0].codec == codec
            && !source[0].stale
            && (source[0].deletes_nothing() || self.tree.covered_below(target, &hull));
        Some(Plan {
            inputs: inputs.clone().map(|piece| piece.id).collect(),
            target,
            mode: if moves { Mode::Move } else { Mode::Write },
            pressure,
            bytes: inputs.map(|piece| piece.bytes).sum(),
            heirs: Heirs::All,
        })
    }

    /// A segment without the deletes that hide nothing and without what is stale, in its place.
    fn rewrite(&self, piece: &Piece<'_>, pressure: f64) -> Plan {
        Plan {
            inputs: vec![piece.id],
            target: piece.level,
            mode: Mode::Write,
            pressure,
            bytes: piece.bytes,
            heirs: if self.aim == Aim::Steady { Heirs::All } else { Heirs::None },
        }
    }
}

impl Piece<'_> {
    /// How many more entries must delete, or have expired, until it is merged for that alone.
    pub(in crate::lsm) fn missing_deletes(&self) -> u64 {
        let all = self.entries.saturating_add(self.ranges).max(1);
        all.div_ceil(TOMBSTONES_SHARE).saturating_sub(self.gone().saturating_add(self.ranges))
    }
}

fn many_deletes(piece: &Piece<'_>) -> bool {
    let gone = piece.gone().saturating_add(piece.ranges);
    gone.saturating_mul(TOMBSTONES_SHARE) >= piece.entries.saturating_add(piece.ranges).max(1)
}
