//! Crashes at every operation of bulk loads, between and beside everything else.

use cuesta_engine::env::sim::Random;

use crate::harness::examine::{Depth, Examiner};
use crate::harness::search::examine;
use crate::harness::workload::{Op, Put, Source, Workload};
use crate::lsm::{cast, cast_of_large_values};

/// Random workloads.
const RANDOM: u64 = 8;

fn load(random: &mut Random) -> Op {
    let count = 1 + random.index(12);
    let put = |random: &mut Random| {
        let bytes = match random.below(8) {
            0..=5 => 8 + random.index(40),
            6 => 300 + random.index(900),
            _ => 2000 + random.index(2000),
        };
        let (slot, key) = (random.index(8), random.below(40) as u16);
        Put { slot, key, bytes: Some(bytes), keys: 1 }
    };
    Op::Load((0..count).map(|_| put(random)).collect())
}

/// A random workload with loads in it.
pub fn workload(seed: u64) -> Workload {
    let mut workload = Workload::of(Source::Random(seed));
    let mut random = Random::new(seed ^ 0x10AD);
    let ops = std::mem::take(&mut workload.ops);
    for op in ops {
        if random.below(2) == 0 {
            workload.ops.push(load(&mut random));
        }
        workload.ops.push(op);
    }
    workload.ops.push(load(&mut random));
    workload
}

#[test]
fn a_crash_leaves_bulk_loads_whole_or_not_at_all() {
    let casts = [cast(), cast_of_large_values()];
    let mut examiners = casts.each_ref().map(|cast| Examiner::new(cast, Depth::SAMPLED));
    for seed in 0..RANDOM {
        let kind = seed as usize % casts.len();
        let (cast, examiner) = (&casts[kind], &mut examiners[kind]);
        if let Err(violation) = examine(cast, examiner, &workload(seed)) {
            panic!("random workload {seed} with loads: {violation}");
        }
    }
    examiners.iter().for_each(|examiner| println!("{}", examiner.counts));
}
