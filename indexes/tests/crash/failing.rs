//! Disks that fail: at every call, once and for good.

use cuesta_engine::env::sim::{Fault, Repeat};

use crate::harness::examine::{Depth, Examiner};
use crate::harness::fail::{Failing, Failures, fail_calls, fill_disk};
use crate::harness::workload::{Op, Source, Workload};
use crate::loads;
use crate::lsm::cast;

/// Short and random workloads and one with bulk loads; their names.
fn workloads() -> Vec<(String, Workload)> {
    let sources = [Source::Short(380), Source::Short(551), Source::Random(3), Source::Random(14)];
    let plain = sources.map(|source| (source.to_string(), Workload::of(source)));
    let with_loads = ("random 5 with loads".to_owned(), loads::workload(5));
    let mut all: Vec<_> = plain.into_iter().chain([with_loads]).collect();
    for (_, workload) in &mut all {
        workload.ops.retain(|op| !matches!(op, Op::Crash(_)));
    }
    all
}

/// Fails calls of all workloads.
fn hold(fault: Fault, repeat: Repeat, stride: u64) {
    let cast = cast();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let mut failures = Failures::default();
    for (number, (name, workload)) in workloads().into_iter().enumerate() {
        let calls = (1 + number as u64 % stride, stride);
        let failing = Failing { fault, repeat };
        let result = fail_calls(&cast, &mut examiner, &workload, failing, calls, &mut failures);
        if let Err(what) = result {
            panic!("workload {name}: {what}");
        }
    }
    println!("{fault:?} {repeat:?}: {failures:?}, {} recoveries", examiner.counts.recoveries());
}

#[test]
fn a_call_that_fails_once_loses_nothing() {
    hold(Fault::Eio, Repeat::Once, 3);
}

#[test]
fn calls_that_fail_for_good_lose_nothing() {
    hold(Fault::Eio, Repeat::Sticky, 7);
}

#[test]
fn a_write_that_fails_when_it_is_done_loses_nothing() {
    hold(Fault::LateEio, Repeat::Once, 3);
}

#[test]
fn a_disk_that_is_full_once_loses_nothing() {
    hold(Fault::Enospc, Repeat::Once, 3);
}

#[test]
fn a_full_disk_loses_nothing() {
    hold(Fault::Enospc, Repeat::Sticky, 7);
}

#[test]
fn a_disk_that_fills_up_loses_nothing_and_goes_on_when_there_is_room() {
    let cast = cast();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let mut failures = Failures::default();
    for (name, workload) in workloads() {
        for pages in 1..60 {
            let filled = fill_disk(&cast, &mut examiner, &workload, pages * 4096, &mut failures);
            if let Err(what) = filled {
                panic!("workload {name}: {what}");
            }
        }
    }
    assert!(failures.reported > 0);
    println!("small disks: {failures:?}, {} recoveries", examiner.counts.recoveries());
}

#[test]
fn a_failed_sync_that_drops_pages_loses_nothing() {
    hold(Fault::SyncFailPagesDropped, Repeat::Once, 1);
}

#[test]
fn a_failed_sync_that_keeps_pages_loses_nothing() {
    hold(Fault::SyncFailPagesKept, Repeat::Once, 1);
}

#[test]
fn reading_and_writing_by_halves_changes_nothing() {
    hold(Fault::ShortRead, Repeat::Sticky, 50);
    hold(Fault::ShortWrite, Repeat::Sticky, 50);
    hold(Fault::ShortRead, Repeat::Once, 10);
    hold(Fault::ShortWrite, Repeat::Once, 10);
}

#[test]
fn a_bit_turned_over_while_reading_is_reported_and_loses_nothing() {
    hold(Fault::BitFlip(12_345), Repeat::Once, 1);
}
