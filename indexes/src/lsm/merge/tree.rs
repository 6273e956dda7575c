//! What planning knows of segments: numbers and key ranges.

use cuesta_engine::id::SegmentId;

use crate::lsm::LEVELS;
use crate::ordered::span::{is_before, later};

/// Level 0 is merged when it has this many flushes.
pub(super) const FLUSHES_MAX: usize = 4;
/// A level holds so many times what the one above holds.
const FANOUT: u64 = 10;
/// Level 1 in a database with memory to spare.
const LEVEL_1_BYTES_MAX: u64 = 64 << 20;
/// However small memtables are; so that tests see all levels with little data.
const LEVEL_1_BYTES_MIN: u64 = 4 << 10;

/// What levels and segments should weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Sizes {
    /// Bytes of level 1.
    pub level_1_bytes: u64,
    /// Bytes of a segment.
    pub segment_bytes: u64,
}

impl Sizes {
    /// Sizes that suit memtables of `memtable_bytes`: level 1 holds four, as level 0 does.
    pub(in crate::lsm) fn of(memtable_bytes: u64) -> Sizes {
        let four = memtable_bytes.saturating_mul(FLUSHES_MAX as u64);
        let level_1_bytes = four.clamp(LEVEL_1_BYTES_MIN, LEVEL_1_BYTES_MAX);
        Sizes { level_1_bytes, segment_bytes: level_1_bytes / 2 }
    }

    /// Bytes of a blob file: smaller ones are let go of sooner, larger ones are fewer.
    pub(in crate::lsm) fn blob_file_bytes(&self) -> u64 {
        self.level_1_bytes
    }

    /// Bytes that `level` should hold; without end in the last one.
    pub(in crate::lsm) fn level_bytes(&self, level: u8) -> u64 {
        if level + 1 >= LEVELS {
            return u64::MAX;
        }
        let factor = FANOUT.saturating_pow(u32::from(level.saturating_sub(1)));
        self.level_1_bytes.saturating_mul(factor)
    }
}

/// A segment, to planning.
#[derive(Clone, Copy, Debug)]
pub(in crate::lsm) struct Piece<'p> {
    /// Its number.
    pub id: SegmentId,
    /// Its level.
    pub level: u8,
    /// Its bytes.
    pub bytes: u64,
    /// Its entries, and how many of them delete.
    pub entries: u64,
    /// Entries that delete.
    pub tombstones: u64,
    /// Entries with values that have expired, about.
    pub expired: u64,
    /// Its range deletes.
    pub ranges: u64,
    /// Newest commit of the flush that it came from.
    pub recency: u64,
    /// Codec of its blocks.
    pub codec: u8,
    /// Whether it points into blob files that are worth writing anew.
    pub stale: bool,
    /// Its smallest key.
    pub smallest: &'p [u8],
    /// The first key behind it; `None` is behind all keys.
    pub end: Option<&'p [u8]>,
    /// A merge works on it.
    pub busy: bool,
}

impl<'p> Piece<'p> {
    /// Entries that leave nothing of their key, about.
    pub(super) fn gone(&self) -> u64 {
        self.tombstones.saturating_add(self.expired)
    }

    pub(super) fn hull(&self) -> Hull<'p> {
        Hull { smallest: self.smallest, end: self.end }
    }

    /// Whether it has nothing that only hides.
    pub(super) fn deletes_nothing(&self) -> bool {
        self.gone() == 0 && self.ranges == 0
    }
}

/// A range of keys, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hull<'p> {
    pub smallest: &'p [u8],
    pub end: Option<&'p [u8]>,
}

impl<'p> Hull<'p> {
    pub(super) fn meets(&self, piece: &Piece<'_>) -> bool {
        is_before(self.smallest, piece.end) && is_before(piece.smallest, self.end)
    }

    /// The range from the first key of either to the last end.
    pub(super) fn with(self, piece: &Piece<'p>) -> Hull<'p> {
        Hull { smallest: self.smallest.min(piece.smallest), end: later(self.end, piece.end) }
    }
}

/// All segments by level, each level in the order of smallest keys.
pub(super) struct Tree<'p> {
    pub levels: Vec<Vec<Piece<'p>>>,
}

impl<'p> Tree<'p> {
    pub(super) fn new(pieces: impl Iterator<Item = Piece<'p>>) -> Tree<'p> {
        let mut levels = vec![Vec::new(); usize::from(LEVELS)];
        for piece in pieces {
            levels[usize::from(piece.level)].push(piece);
        }
        for level in &mut levels {
            level.sort_by_key(|piece: &Piece<'_>| (piece.smallest, piece.id));
        }
        Tree { levels }
    }

    /// The segments of a level, in order; none beyond the last.
    pub(super) fn level(&self, level: u8) -> &[Piece<'p>] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// The segments of a level below 0 that meet `hull`.
    pub(super) fn meeting(&self, level: u8, hull: &Hull<'_>) -> &[Piece<'p>] {
        let pieces = self.level(level);
        let start = pieces.partition_point(|piece| !is_before(hull.smallest, piece.end));
        let end = pieces.partition_point(|piece| is_before(piece.smallest, hull.end));
        pieces.get(start..end).unwrap_or_default()
    }

    /// Whether anything deeper than `level` meets `hull`.
    pub(super) fn covered_below(&self, level: u8, hull: &Hull<'_>) -> bool {
        (level + 1..LEVELS).any(|deeper| !self.meeting(deeper, hull).is_empty())
    }

    /// Bytes of a level that no merge works on.
    pub(super) fn idle_bytes(&self, level: u8) -> u64 {
        self.level(level).iter().filter(|piece| !piece.busy).map(|piece| piece.bytes).sum()
    }

    /// Flushes in level 0; those that a merge works on are left out.
    pub(super) fn flushes(&self) -> usize {
        let mut idle: Vec<u64> =
            self.level(0).iter().filter(|p| !p.busy).map(|p| p.recency).collect();
        idle.sort_unstable();
        idle.dedup();
        idle.len()
    }

    /// The deepest level with anything in it.
    pub(super) fn deepest(&self) -> u8 {
        (0..LEVELS).rev().find(|&level| !self.level(level).is_empty()).unwrap_or(0)
    }

    /// Level 0 in groups of segments whose ranges hang together, in the order of keys. Within a
    /// group, ages matter; between groups they do not.
    pub(super) fn groups(&self) -> Vec<&[Piece<'p>]> {
        let pieces = self.level(0);
        let mut groups = Vec::new();
        let (mut start, mut end) = (0, Some(&[][..]));
        for (i, piece) in pieces.iter().enumerate() {
            if i > start && !is_before(piece.smallest, end) {
                groups.extend(pieces.get(start..i));
                start = i;
            }
            end = later(end, piece.end);
        }
        groups.extend(pieces.get(start..).filter(|group| !group.is_empty()));
        groups
    }
}
