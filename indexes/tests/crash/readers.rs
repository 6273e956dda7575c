//! Reader processes on the disk of a writer that is killed and crashes.

use crate::harness::cast::Cast;
use crate::harness::examine::guarded;
use crate::harness::readers::{Happened, Readers};
use crate::harness::run::{Errors, Run};
use crate::harness::workload::{Source, Workload};
use crate::lsm::{cast, cast_of_large_values, cast_of_operands, cast_of_passing_values};
use crate::trees::cast_of_trees;
use crate::{large, lively, loads};

/// Random workloads of each kind.
const WORKLOADS: u64 = 60;

/// Runs a workload with readers beside it.
///
/// # Errors
/// What a reader saw that it must not see, and whatever else is wrong.
pub fn read_along(cast: &'static Cast, workload: &Workload) -> Result<Happened, String> {
    let mut workload = workload.clone();
    if workload.seed.is_multiple_of(3) {
        // Whoever lags has to read everything anew.
        workload.options.feed_bytes_max = 0;
    }
    let workload = &workload;
    let readers = Readers::new(cast, &workload.options, workload.seed);
    guarded(|| {
        let run = Run::new(cast, workload, Errors::Unexpected);
        if workload.seed.is_multiple_of(2) {
            // Else a map shows what was there when it was made.
            run.env().disk().disable_maps();
        }
        run.with_readers(readers.clone()).run(&mut |_| Ok(()))
    })?;
    Ok(readers.happened())
}

fn all(cast: Cast, workload: fn(u64) -> Workload) {
    let cast: &'static Cast = Box::leak(Box::new(cast));
    let mut total = Happened::default();
    for seed in 0..WORKLOADS {
        match read_along(cast, &workload(seed)) {
            Ok(happened) => {
                total.opened += happened.opened;
                total.looks += happened.looks;
                total.moved_on += happened.moved_on;
                total.held += happened.held;
                total.died += happened.died;
                total.rebuilds += happened.rebuilds;
            }
            Err(what) => panic!("workload {seed}: {what}"),
        }
    }
    println!("{total:?}");
    let Happened { opened, looks, moved_on, held, died, .. } = total;
    assert!(opened > 0 && looks > 0 && moved_on > 0 && held > 0 && died > 0, "{total:?}");
}

fn random(seed: u64) -> Workload {
    Workload::of(Source::Random(seed))
}

#[test]
fn readers_see_committed_prefixes_of_sorted_runs() {
    all(cast(), random);
}

#[test]
fn readers_see_committed_prefixes_of_trees() {
    all(cast_of_trees(), random);
}

#[test]
fn readers_see_large_values_that_are_taken_over_from_the_log() {
    all(cast_of_large_values(), large::workload);
}

#[test]
fn readers_see_values_that_expire_when_they_do() {
    all(cast_of_passing_values(), lively::expiries);
}

#[test]
fn readers_merge_operands_once() {
    all(cast_of_operands(), lively::operands);
}

#[test]
fn readers_see_bulk_loads_whole() {
    all(cast(), loads::workload);
}
