//! Crashes while large values lie apart from their keys: some of all workloads, and random ones.

use crate::harness::examine::{Depth, Examiner};
use crate::harness::search::{examine, search};
use crate::harness::workload::{Op, SHORT, Source, Step, Workload};
use crate::lsm::cast_of_large_values;

/// One short workload in so many.
const SHORT_STEP: usize = 7;

/// Random workloads.
const RANDOM: u64 = 12;

/// A random workload in which most values are large.
pub fn workload(seed: u64) -> Workload {
    let mut workload = Workload::of(Source::Random(seed));
    for op in &mut workload.ops {
        let Op::Together(clients) = op else { continue };
        for step in clients.iter_mut().flatten() {
            let Step::Commit(_, puts) = step else { continue };
            for bytes in puts.iter_mut().filter_map(|put| put.bytes.as_mut()) {
                *bytes = if *bytes % 4 == 0 { *bytes } else { 1024 + *bytes % 2000 };
            }
        }
    }
    workload
}

#[test]
fn a_crash_leaves_large_values_as_promised() {
    let cast = cast_of_large_values();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let short = (0..SHORT).step_by(SHORT_STEP).map(Source::Short);
    for source in short {
        if let Err(violation) = search(&cast, &mut examiner, Depth::SAMPLED, source) {
            panic!("{violation}");
        }
    }
    for seed in 0..RANDOM {
        if let Err(violation) = examine(&cast, &mut examiner, &workload(seed)) {
            panic!("random workload {seed} of large values: {violation}");
        }
    }
    println!("{}", examiner.counts);
}
