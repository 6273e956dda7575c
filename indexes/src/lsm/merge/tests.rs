//! Planning, simulated: random flushes and merges side by side, against a model.

use std::collections::{BTreeMap, BTreeSet};

use cuesta_engine::id::SegmentId;
use cuesta_engine::index::{Aim, Heirs};
use proptest::prelude::*;

use super::tree::{Piece, Sizes};
use super::{Mode, debt, plan};
use crate::lsm::LEVELS;
use crate::ordered::op::key_after;
use crate::ordered::span::is_before;

/// What a segment says of a key: when, and whether it is there.
type Content = BTreeMap<Vec<u8>, (u64, bool)>;

#[derive(Clone)]
struct Segment {
    id: SegmentId,
    level: u8,
    recency: u64,
    codec: u8,
    content: Content,
    end: Vec<u8>,
}

impl Segment {
    fn new(id: SegmentId, (level, codec): (u8, u8), recency: u64, content: Content) -> Segment {
        let end = key_after(content.last_key_value().unwrap().0).unwrap();
        Segment { id, level, recency, codec, content, end }
    }
}

/// Why a merge begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Why {
    Steady,
    /// All is to be merged down.
    All,
    /// What was there when it was asked for is.
    Asked,
}

struct Running {
    heirs: Heirs,
    inputs: Vec<SegmentId>,
    outputs: Vec<Segment>,
}

struct Simulation {
    sizes: Sizes,
    codecs: [u8; LEVELS as usize],
    segments: Vec<Segment>,
    running: Vec<Running>,
    /// What a compaction wants.
    wanted: BTreeSet<SegmentId>,
    model: Content,
    seq: u64,
    ids: u64,
    random: u64,
}

/// What an entry weighs.
const ENTRY_BYTES: u64 = 100;

impl Simulation {
    fn new(seed: u64) -> Simulation {
        Simulation {
            sizes: Sizes { level_1_bytes: 2000, segment_bytes: 1000 },
            codecs: [0, 0, 0, 1, 1, 1, 1],
            segments: Vec::new(),
            running: Vec::new(),
            wanted: BTreeSet::new(),
            model: Content::new(),
            seq: 0,
            ids: 0,
            random: seed | 1,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn id(&mut self) -> SegmentId {
        self.ids += 1;
        SegmentId(self.ids)
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.segments.iter().map(|segment| Piece {
            stale: false,
            expired: 0,
            id: segment.id,
            level: segment.level,
            bytes: segment.content.len() as u64 * ENTRY_BYTES,
            entries: segment.content.len() as u64,
            ranges: 0,
            tombstones: segment.content.values().filter(|(_, there)| !there).count() as u64,
            recency: segment.recency,
            codec: segment.codec,
            smallest: segment.content.first_key_value().unwrap().0,
            end: Some(&segment.end),
            busy: self.running.iter().any(|running| running.inputs.contains(&segment.id)),
        })
    }

    /// Puts and deletes, flushed as one or two segments.
    fn flush(&mut self) {
        let spread = [40, 400, 4000][self.random(3) as usize];
        let base = self.random(4000);
        let deletes = [0, 3, 9][self.random(3) as usize];
        let mut content = Content::new();
        for _ in 0..1 + self.random(12) {
            let key = (base + self.random(spread)) % 4000;
            let there = self.random(10) >= deletes;
            self.seq += 1;
            content.insert((key as u16).to_be_bytes().to_vec(), (self.seq, there));
        }
        self.model.extend(content.clone());
        let middle = content.keys().nth(content.len() / 2).unwrap().clone();
        let rest = if self.random(2) == 0 { content.split_off(&middle) } else { Content::new() };
        for content in [content, rest] {
            if !content.is_empty() {
                let (id, recency) = (self.id(), self.seq);
                self.segments.push(Segment::new(id, (0, 0), recency, content));
            }
        }
    }

    /// Begins a merge; its outputs are what would be written, from what is current now.
    fn begin(&mut self, why: Why) -> bool {
        let all = self.segments.iter().map(|segment| segment.id).collect();
        let aim = match why {
            Why::Steady => Aim::Steady,
            Why::All => Aim::Compact(&all),
            Why::Asked => Aim::Compact(&self.wanted),
        };
        // As the engine does, other merges leave alone what a compaction wants.
        let left = |id| why == Why::Steady && self.wanted.contains(&id);
        let pieces =
            self.pieces().map(|piece| Piece { busy: piece.busy || left(piece.id), ..piece });
        let Some(plan) = plan(pieces, &self.sizes, &self.codecs, aim) else { return false };
        let busy: Vec<SegmentId> = self.pieces().filter(|p| p.busy).map(|p| p.id).collect();
        assert!(plan.inputs.iter().all(|id| !busy.contains(id)), "an input is busy");
        let inputs: Vec<Segment> =
            self.segments.iter().filter(|s| plan.inputs.contains(&s.id)).cloned().collect();
        assert_eq!(inputs.len(), plan.inputs.len());
        let codec = self.codecs[usize::from(plan.target)];
        let recency = inputs.iter().map(|input| input.recency).max().unwrap();
        let mut merged = Content::new();
        for input in &inputs {
            for (key, entry) in &input.content {
                let newest = merged.entry(key.clone()).or_insert(*entry);
                *newest = (*newest).max(*entry);
            }
        }
        if plan.mode == Mode::Move {
            assert!(inputs.len() == 1 && inputs[0].codec == codec);
        } else {
            let covered = |key: &Vec<u8>| {
                self.pieces().any(|p| {
                    p.level > plan.target && p.smallest <= &key[..] && is_before(key, p.end)
                })
            };
            merged.retain(|key, (_, there)| *there || covered(key));
        }
        let mut outputs = Vec::new();
        while !merged.is_empty() {
            let len =
                if plan.mode == Mode::Move { merged.len() } else { 1 + self.random(30) as usize };
            let rest = match merged.keys().nth(len).cloned() {
                Some(at) => merged.split_off(&at),
                None => Content::new(),
            };
            let id = self.id();
            outputs.push(Segment::new(id, (plan.target, codec), recency, merged));
            merged = rest;
        }
        self.running.push(Running { heirs: plan.heirs, inputs: plan.inputs, outputs });
        true
    }

    /// Asks for a compaction of what there is.
    fn ask(&mut self) {
        self.wanted = self.segments.iter().map(|segment| segment.id).collect();
    }

    fn end(&mut self, which: usize) {
        let Running { heirs, inputs, outputs } = self.running.swap_remove(which);
        let was_wanted = inputs.iter().filter(|id| self.wanted.remove(id)).count() > 0;
        if was_wanted && heirs == Heirs::All {
            self.wanted.extend(outputs.iter().map(|output| output.id));
        }
        self.segments.retain(|segment| !inputs.contains(&segment.id));
        self.segments.extend(outputs);
    }

    /// Levels are disjoint, and a look-up from the top finds what the model says.
    fn check(&self) {
        for level in 1..LEVELS {
            let mut hulls: Vec<_> = self
                .pieces()
                .filter(|p| p.level == level)
                .map(|p| (p.smallest, p.end.unwrap()))
                .collect();
            hulls.sort();
            assert!(hulls.windows(2).all(|w| w[0].1 <= w[1].0), "level {level} overlaps");
        }
        let mut order: Vec<&Segment> = self.segments.iter().collect();
        order.sort_by_key(|s| (s.level, std::cmp::Reverse((s.recency, s.id))));
        for (key, entry) in &self.model {
            let found = order.iter().find_map(|segment| segment.content.get(key));
            let there = found.is_some_and(|(_, there)| *there);
            assert_eq!(there, entry.1, "key {key:?}");
            assert!(!there || found == Some(entry), "key {key:?} is old");
        }
    }
}

fn simulate(seed: u64, steps: usize) {
    let mut world = Simulation::new(seed);
    for _ in 0..steps {
        match world.random(10) {
            0..=2 => world.flush(),
            3..=6 => {
                if world.random(40) == 0 {
                    world.ask();
                }
                let why = match world.random(20) {
                    0 => Why::All,
                    1..=8 => Why::Asked,
                    _ => Why::Steady,
                };
                world.begin(why);
            }
            _ => {
                if !world.running.is_empty() {
                    let which = world.random(world.running.len() as u64) as usize;
                    world.end(which);
                    world.check();
                }
            }
        }
    }
    world.wanted.clear();
    for why in [Why::Steady, Why::All] {
        let mut rounds = 0;
        loop {
            while !world.running.is_empty() {
                world.end(0);
                world.check();
            }
            if !world.begin(why) {
                break;
            }
            rounds += 1;
            assert!(rounds < 5000, "{why:?} does not end");
        }
        assert!(world.running.is_empty());
    }
    let level = world.segments.first().map(|segment| segment.level);
    for segment in &world.segments {
        assert_eq!(Some(segment.level), level, "not all in one level");
        assert!(segment.content.values().all(|(_, there)| *there), "a delete is left");
    }
}

#[test]
fn merges_side_by_side_keep_levels_disjoint_and_keys_right() {
    for seed in 0..300 {
        simulate(seed * 0x9e37_79b9 + 1, 300);
    }
}

#[test]
fn a_compaction_ends_however_much_is_written() {
    for seed in 0..100 {
        let mut world = Simulation::new(seed * 0x9e37_79b9 + 1);
        for _ in 0..200 {
            world.flush();
            while world.begin(Why::Steady) {
                world.end(0);
            }
        }
        world.ask();
        let mut rounds = 0;
        loop {
            world.flush();
            let begun = [Why::Asked, Why::Steady].map(|why| world.begin(why));
            while !world.running.is_empty() {
                world.end(0);
            }
            if !begun[0] {
                break;
            }
            rounds += 1;
            assert!(rounds < 2000, "{} are still wanted", world.wanted.len());
        }
        world.check();
        let bottom = world.segments.iter().map(|segment| segment.level).max();
        let wanted = world.segments.iter().filter(|segment| world.wanted.contains(&segment.id));
        for segment in wanted {
            assert_eq!(Some(segment.level), bottom, "not merged down");
            assert!(segment.content.values().all(|(_, there)| *there), "a delete is left");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn merges_side_by_side_keep_levels_disjoint_for_any_seed(seed in any::<u64>()) {
        simulate(seed, 400);
    }
}

#[test]
fn ascending_flushes_only_move() {
    let mut world = Simulation::new(1);
    for i in 0..200u16 {
        world.seq += 1;
        let content: Content =
            (0..8).map(|j| ((i * 8 + j).to_be_bytes().to_vec(), (world.seq, true))).collect();
        world.model.extend(content.clone());
        let (id, recency) = (world.id(), world.seq);
        world.segments.push(Segment::new(id, (0, 0), recency, content));
        while let Some(found) = plan(world.pieces(), &world.sizes, &[0; 7], Aim::Steady) {
            assert_eq!(found.mode, Mode::Move, "{found:?}");
            world.codecs = [0; 7];
            assert!(world.begin(Why::Steady));
            world.end(0);
        }
    }
    world.check();
    let top = world.pieces().filter(|p| p.level < 2).count();
    assert!(top < 8, "{top} segments stay on top");
}

#[test]
fn writers_are_slowed_before_they_are_stopped() {
    let mut world = Simulation::new(1);
    let mut last = 0.0;
    for flushes in 1..=24 {
        world.flush();
        let debt = debt(world.pieces(), &Sizes::of(1 << 30));
        assert!(debt.pressure > last);
        assert_eq!(debt.pressure >= 1.0, flushes >= 12, "{flushes} flushes: {debt:?}");
        assert_eq!(debt.pressure >= 2.0, flushes >= 24, "{flushes} flushes: {debt:?}");
        assert_eq!(debt.bytes > 0, flushes >= 4, "{flushes} flushes: {debt:?}");
        last = debt.pressure;
    }
    world.segments.iter_mut().for_each(|segment| segment.level = 1);
    let few = debt(world.pieces(), &Sizes::of(1 << 30));
    assert_eq!((few.bytes, few.pressure), (0, 0.0));
    assert!(debt(world.pieces(), &Sizes { level_1_bytes: 100, segment_bytes: 50 }).pressure > 1.0);
}

#[test]
fn sizes_follow_the_memtable() {
    let small = Sizes::of(2 << 20);
    assert_eq!((small.level_1_bytes, small.segment_bytes), (8 << 20, 4 << 20));
    assert_eq!(Sizes::of(1 << 30).level_1_bytes, 64 << 20);
    assert_eq!(Sizes::of(1 << 30).level_bytes(3), 6400 << 20);
    assert_eq!(Sizes::of(0).level_1_bytes, 4 << 10);
    assert_eq!(Sizes::of(0).level_bytes(6), u64::MAX);
}
