//! Crashes of databases of which checkpoints and backups are made while large values lie apart, in
//! segments of the log that have become blob files, too.

use crate::harness::examine::{Depth, Examiner};
use crate::harness::run::{Errors, Run};
use crate::harness::workload::{Op, Workload};
use crate::large;
use crate::lsm::cast_of_large_values;

/// Random workloads.
const RANDOM: u64 = 8;

/// The database itself is followed elsewhere.
const DEPTH: Depth = Depth { nested_one_in: 32, nested_max: 2, after_one_in: 32, read_one_in: 4 };

/// Operations from one copy to the next.
const EVERY: usize = 4;

/// A random workload of large values of which copies are made.
fn workload(seed: u64) -> Workload {
    let mut workload = large::workload(seed);
    let mut ops = Vec::new();
    for (number, op) in workload.ops.drain(..).enumerate() {
        ops.push(op);
        match number % (2 * EVERY) {
            at if at + 1 == EVERY => ops.push(Op::Checkpoint),
            at if at + 1 == 2 * EVERY => ops.push(Op::Backup),
            _ => {}
        }
    }
    workload.ops = ops;
    workload
}

#[test]
fn a_crash_leaves_checkpoints_and_backups_of_large_values_whole() {
    let cast = cast_of_large_values();
    let mut examiner = Examiner::new(&cast, DEPTH);
    let (mut copies, mut adopted) = (0, 0);
    for seed in 0..RANDOM {
        let workload = workload(seed);
        examiner.counts.workloads += 1;
        let mut run = Run::new(&cast, &workload, Errors::Unexpected);
        let done = run.run(&mut |life| {
            copies = copies.max(life.copies.0.len());
            adopted += life.copies.0.iter().filter(|copy| copy.adopted_bytes > 0).count();
            examiner.life(&workload, life)
        });
        if let Err(violation) = done {
            panic!("random workload {seed} of which copies are made: {violation}");
        }
    }
    println!("{}{} copies compared", examiner.counts, examiner.counts.copies);
    assert!(copies > 2 && adopted > 4, "{copies} copies, {adopted} with segments of the log");
}
