//! Crashes while values expire, and merge with operands: some of all workloads, and random ones.

use cuesta_engine::Durability;

use crate::harness::cast::Cast;
use crate::harness::examine::{Depth, Examiner};
use crate::harness::search::{examine, search};
use crate::harness::workload::{Beginning, Op, Put, SHORT, Source, Step, Workload};
use crate::lsm::{cast_of_keys, cast_of_lively_values, cast_of_operands, cast_of_passing_values};

/// One short workload in so many.
const SHORT_STEP: usize = 7;

/// Random workloads.
const RANDOM: u64 = 12;

/// Random workloads of range deletes, and their keys.
const RANGES: u64 = 4;
const RANGE_KEYS: u16 = 40;

#[test]
fn a_crash_leaves_values_that_expire_and_merge_as_promised() {
    let cast = cast_of_lively_values();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let short = (0..SHORT).step_by(SHORT_STEP).map(Source::Short);
    for source in short.chain((2000..2000 + RANDOM).map(Source::Random)) {
        if let Err(violation) = search(&cast, &mut examiner, Depth::SAMPLED, source) {
            panic!("{violation}");
        }
    }
    println!("{}", examiner.counts);
}

/// A random workload with other writes.
fn rewritten(seed: u64, rewrite: impl Fn(&mut Put)) -> Workload {
    let mut workload = Workload::of(Source::Random(seed));
    for op in &mut workload.ops {
        let Op::Together(clients) = op else { continue };
        for step in clients.iter_mut().flatten() {
            let Step::Commit(_, puts) = step else { continue };
            puts.iter_mut().for_each(&rewrite);
        }
    }
    workload
}

/// A random workload that piles operands up on two keys of each keyspace, which small memtables
/// hold for a while.
pub fn operands(seed: u64) -> Workload {
    let mut workload = rewritten(seed, |put| {
        let bytes = 8 + usize::from(put.key) + put.bytes.unwrap_or_default() % 40;
        (put.key, put.bytes, put.keys) = (put.key % 2, Some(bytes), 1);
    });
    workload.options.memtable_limit =
        workload.options.memtable_limit.map(|limit| limit.max(6 << 10));
    workload
}

/// A random workload with short range deletes only, which cover up little of what resurfaces.
pub fn expiries(seed: u64) -> Workload {
    rewritten(seed, |put| {
        put.keys = put.keys.min(if put.slot % 2 == 0 { 2 } else { 1 });
    })
}

/// A random workload of range deletes above keys that were merged before, in segments so small that
/// merges end them within ranges.
pub fn ranges(seed: u64) -> Workload {
    let mut workload = rewritten(seed, |put| {
        put.key = (put.key * 13 + put.slot as u16) % RANGE_KEYS;
        match put.bytes {
            Some(bytes) => put.bytes = Some(100 + bytes % 400),
            None => put.keys = 2 + put.key % 9,
        }
    });
    let put = |slot, key| Put { slot, key, bytes: Some(200), keys: 1 };
    let all = |slot| {
        let puts = (0..RANGE_KEYS).map(|key| put(slot, key)).collect();
        Op::Together(vec![vec![Step::Commit(Durability::Sync, puts)]])
    };
    workload.before = vec![all(0), all(1), all(2), Op::Compact];
    workload.beginning = Beginning::Skipped;
    workload.options.memtable_limit = Some(2 << 10);
    workload
}

fn check(cast: &Cast, workload: fn(u64) -> Workload, count: u64) {
    let mut examiner = Examiner::new(cast, Depth::SAMPLED);
    for seed in 0..count {
        if let Err(violation) = examine(cast, &mut examiner, &workload(seed)) {
            panic!("random workload {seed}: {violation}");
        }
    }
    println!("{}", examiner.counts);
}

#[test]
fn a_crash_leaves_piles_of_operands_as_promised() {
    check(&cast_of_operands(), operands, RANDOM);
}

#[test]
fn a_crash_leaves_values_that_expire_above_others_as_promised() {
    check(&cast_of_passing_values(), expiries, RANDOM);
}

#[test]
fn a_crash_leaves_range_deletes_above_what_they_delete() {
    check(&cast_of_keys(), ranges, RANGES);
}
