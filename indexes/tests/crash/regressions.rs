//! What the harness has found: each a few operations that went wrong once, under many orders of
//! jobs and with every crash.

use cuesta_engine::Durability;
use cuesta_engine::env::sim::{Fault, Repeat};

use crate::harness::examine::{Depth, Examiner};
use crate::harness::fail::{Failing, Failures, fail_calls};
use crate::harness::search::examine;
use crate::harness::workload::{Op, Put, Source, Step, Workload};
use crate::lsm::cast;

/// The keyspace of rows.
const ROWS: usize = 2;

fn put(slot: usize, key: u16) -> Put {
    Put { slot, key, bytes: Some(30), keys: 1 }
}

fn delete(slot: usize, key: u16) -> Put {
    Put { slot, key, bytes: None, keys: 1 }
}

fn commit(puts: Vec<Put>) -> Op {
    Op::Together(vec![vec![Step::Commit(Durability::Sync, puts)]])
}

/// Does this with the options of random workloads and in as many orders.
fn hold(ops: &[Op]) {
    let cast = cast();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    for seed in 0..5 {
        let workload = Workload { ops: ops.to_vec(), ..Workload::of(Source::Random(seed)) };
        if let Err(what) = examine(&cast, &mut examiner, &workload) {
            panic!("seed {seed}: {what}");
        }
    }
}

#[test]
fn a_freed_file_that_no_segment_keeps_open_is_removed() {
    hold(&[
        commit(vec![put(ROWS, 1), put(ROWS, 2)]),
        Op::Flush,
        // The rows stay where they are; their bitmap moves to a file that is read once.
        commit(vec![delete(ROWS, 1)]),
        Op::Flush,
        commit(vec![put(ROWS, 3)]),
        Op::Flush,
        Op::Compact,
    ]);
}

#[test]
fn the_files_of_a_dropped_keyspace_are_removed() {
    hold(&[
        commit(vec![put(0, 1), put(1, 1), put(2, 1)]),
        Op::Flush,
        Op::Drop(0),
        Op::Drop(0),
        Op::Drop(0),
    ]);
}

#[test]
fn a_drop_during_a_flush_harms_no_other_keyspace() {
    let puts = vec![put(0, 1), put(1, 1), put(2, 1)];
    for steps in [1, 2, 4, 8, 12] {
        hold(&[
            Op::Together(vec![vec![Step::Commit(Durability::Sync, puts.clone()), Step::Rotate]]),
            Op::Work(steps),
            Op::Drop(1),
            Op::Flush,
        ]);
    }
}

#[test]
fn flushes_may_end_in_another_order_than_they_began() {
    let steps = |slot| {
        vec![
            Step::Commit(Durability::Sync, vec![put(slot, 1)]),
            Step::Rotate,
            Step::Commit(Durability::Sync, vec![put(slot, 2)]),
            Step::Rotate,
        ]
    };
    hold(&[Op::Together(vec![steps(0), steps(1), steps(2)]), Op::Settle]);
}

/// Four clients that fill a log segment with every commit.
fn large_commits() -> Op {
    let large = |key| {
        let put = Put { slot: 0, key, bytes: Some(1800), keys: 1 };
        Step::Commit(Durability::Sync, vec![put])
    };
    let clients = (0..4).map(|client| (0..3).map(|key| large(client * 3 + key)).collect());
    Op::Together(clients.collect())
}

#[test]
fn a_commit_whose_segment_another_one_finished_is_published() {
    hold(&[large_commits()]);
}

/// Fails every call of this that can fail in this way, in several orders.
fn hold_failing(ops: &[Op], fault: Fault) {
    let cast = cast();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    for seed in 0..5 {
        let workload = Workload { ops: ops.to_vec(), ..Workload::of(Source::Random(seed)) };
        let failing = Failing { fault, repeat: Repeat::Once };
        let mut failures = Failures::default();
        let result = fail_calls(&cast, &mut examiner, &workload, failing, (1, 1), &mut failures);
        if let Err(what) = result {
            panic!("seed {seed}: {what}");
        }
    }
}

#[test]
fn no_segment_follows_one_whose_sync_has_failed() {
    hold_failing(&[large_commits()], Fault::SyncFailPagesDropped);
}

#[test]
fn what_recovery_writes_again_is_what_it_has_checked() {
    let buffered = Step::Commit(Durability::Buffered, vec![put(0, 1), put(1, 1), put(2, 1)]);
    hold_failing(
        &[Op::Together(vec![vec![buffered]]), Op::Reopen, Op::Create(0)],
        Fault::BitFlip(12_345),
    );
}
