//! The space of workloads: all of one and two operations, a sample of those of three, and random
//! ones until every kind of crash has met every durability often enough.
//!
//! `CUESTA_SEED=N` (or `short-N`) runs one workload alone, as a violation says.

use std::time::Instant;

use cuesta_engine::env::sim::Random;

use crate::harness::examine::{Depth, Examiner};
use crate::harness::search::search;
use crate::harness::workload::{SHORT, SHORT_OF_THREE, Source};
use crate::lsm::cast;

/// Different images in all, at least.
const IMAGES_MIN: u64 = 20_000;

/// Different images of each kind of crash under each durability, at least.
const PAIR_MIN: u64 = 1_000;

/// Workloads of three operations.
const SAMPLE_OF_THREE: usize = 1_500;

/// Random workloads, at least.
const RANDOM_MIN: u64 = 60;

fn crash(examiner: &mut Examiner<'_>, source: Source) {
    if let Err(violation) = search(&cast(), examiner, Depth::SAMPLED, source) {
        panic!("{violation}");
    }
}

#[test]
fn a_crash_at_any_operation_leaves_what_was_promised() {
    let cast = cast();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let began = Instant::now();
    if let Ok(source) = std::env::var("CUESTA_SEED") {
        crash(&mut examiner, source.parse().unwrap());
        println!("{}", examiner.counts);
        return;
    }
    for number in 0..SHORT {
        crash(&mut examiner, Source::Short(number));
    }
    let mut random = Random::new(3);
    for _ in 0..SAMPLE_OF_THREE {
        let number = SHORT + random.below(SHORT_OF_THREE - SHORT);
        crash(&mut examiner, Source::Short(number));
    }
    let mut seed = 0;
    while seed < RANDOM_MIN
        || examiner.counts.distinct < IMAGES_MIN
        || examiner.counts.least_pair() < PAIR_MIN
    {
        crash(&mut examiner, Source::Random(seed));
        seed += 1;
    }
    println!("{}", examiner.counts);
    let per_second = examiner.counts.recoveries() as f64 / began.elapsed().as_secs_f64();
    println!("{:.0?}, {per_second:.0} recoveries each second", began.elapsed());
}
