//! The space of workloads: all short ones, and random ones.

use std::time::Instant;

use crate::DEPTH;
use crate::harness::examine::Examiner;
use crate::harness::search::search;
use crate::harness::workload::{SHORT, Source};
use crate::lsm::cast;

#[test]
fn a_crash_at_any_operation_leaves_what_was_promised() {
    let cast = cast();
    let mut examiner = Examiner::new(&cast, DEPTH);
    let began = Instant::now();
    let sources: Vec<Source> = match std::env::var("CUESTA_SEED") {
        Ok(text) => vec![text.parse().unwrap()],
        Err(_) => (0..60).map(Source::Random).chain((0..SHORT).map(Source::Short)).collect(),
    };
    for source in sources {
        if let Err(violation) = search(&cast, &mut examiner, DEPTH, source) {
            panic!("{violation}");
        }
    }
    println!("{}", examiner.counts);
    let per_second = examiner.counts.recoveries() as f64 / began.elapsed().as_secs_f64();
    println!("{per_second:.0} recoveries each second, {:?}", began.elapsed());
}
