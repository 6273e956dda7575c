//! Crashes while values expire, and merge with operands: some of all workloads, and random ones.

use crate::harness::examine::{Depth, Examiner};
use crate::harness::search::search;
use crate::harness::workload::{SHORT, Source};
use crate::lsm::cast_of_lively_values;

/// One short workload in so many.
const SHORT_STEP: usize = 7;

/// Random workloads.
const RANDOM: u64 = 12;

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
