//! Crashes of copy-on-write trees, whose pages are written in place: some of all workloads, and
//! random ones, with large values, with values that expire and merge, and with disks that fail.

use std::collections::BTreeMap;

use cuesta_engine::env::sim::{Fault, Repeat};
use cuesta_engine::index::{Registry, State};
use cuesta_engine::{Result, SeqNo};
use cuesta_indexes::btree::{Btree, Options};
use cuesta_indexes::lsm::Lsm;
use cuesta_indexes::ordered::op;

use crate::harness::cast::{Cast, Shape, merging, passing};
use crate::harness::examine::{Depth, Examiner};
use crate::harness::fail::{Failing, Failures, fail_calls};
use crate::harness::search::{examine, search};
use crate::harness::workload::{Op, SHORT, Source, Workload};
use crate::kinds::{DeleteRange, Kind, Pages, Rows};
use crate::lsm::{dump_ordered, put_lively};
use crate::{large, loads};

/// One short workload in so many.
const SHORT_STEP: usize = 11;

/// Random workloads.
const RANDOM: u64 = 8;

impl Kind for Btree {
    fn put(ops: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        op::put(ops, key, value).unwrap();
    }

    fn delete(ops: &mut Vec<u8>, key: &[u8]) {
        op::delete(ops, key).unwrap();
    }

    const DELETE_RANGE: Option<DeleteRange> =
        Some(|ops, start, end| op::delete_range(ops, start, Some(end)).unwrap());

    const LOADS: bool = true;

    fn dump(state: &State<Btree>, at: SeqNo) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        dump_ordered(state, at, 0)
    }

    fn dump_by(
        state: &State<Btree>,
        at: SeqNo,
        clock_ms: u64,
    ) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        dump_ordered(state, at, clock_ms)
    }

    fn options() -> Vec<u8> {
        small().encode()
    }
}

fn small() -> Options {
    Options { page_bytes: 1024, ..Options::default() }
}

/// Trees beside other index types.
pub fn cast_of_trees() -> Cast {
    let sparse = Options { fill_percent: 50, ..small() };
    Cast {
        shapes: vec![
            Shape::of::<Btree>(),
            Shape::of::<Lsm>(),
            Shape::of::<Btree>().with_options(sparse.encode()),
            Shape::of::<Rows>(),
        ],
        registry: || Registry::new().with::<Btree>().with::<Lsm>().with::<Pages>().with::<Rows>(),
    }
}

/// Trees whose values expire and merge.
fn cast_of_lively_trees() -> Cast {
    let options = Options { merge_operator: "append".into(), ..small() };
    let shape = |options: &Options| Shape::of::<Btree>().with_options(options.encode());
    Cast {
        shapes: vec![
            shape(&small()).lively(put_lively, passing),
            shape(&options).lively(put_lively, merging),
            shape(&options).lively(put_lively, merging),
        ],
        ..cast_of_trees()
    }
}

#[test]
fn a_crash_leaves_trees_as_promised() {
    let cast = cast_of_trees();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let short = (0..SHORT).step_by(SHORT_STEP).map(Source::Short);
    for source in short.chain((3000..3000 + RANDOM).map(Source::Random)) {
        if let Err(violation) = search(&cast, &mut examiner, Depth::SAMPLED, source) {
            panic!("{violation}");
        }
    }
    for seed in 0..RANDOM {
        for (what, workload) in
            [("large values", large::workload(seed)), ("loads", loads::workload(seed))]
        {
            if let Err(violation) = examine(&cast, &mut examiner, &workload) {
                panic!("random workload {seed} of {what}: {violation}");
            }
        }
    }
    println!("{}", examiner.counts);
}

#[test]
fn a_crash_leaves_trees_of_lively_values_as_promised() {
    let cast = cast_of_lively_trees();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let short = (0..SHORT).step_by(SHORT_STEP * 2).map(Source::Short);
    for source in short.chain((4000..4000 + RANDOM).map(Source::Random)) {
        if let Err(violation) = search(&cast, &mut examiner, Depth::SAMPLED, source) {
            panic!("{violation}");
        }
    }
    println!("{}", examiner.counts);
}

#[test]
fn a_disk_that_fails_loses_nothing_of_trees() {
    let cast = cast_of_trees();
    let mut examiner = Examiner::new(&cast, Depth::SAMPLED);
    let mut failures = Failures::default();
    let sources = [Source::Short(380), Source::Random(3), Source::Random(14)];
    let plain = sources.map(|source| (source.to_string(), Workload::of(source)));
    let with_loads = ("random 5 with loads".to_owned(), loads::workload(5));
    for (source, mut workload) in plain.into_iter().chain([with_loads]) {
        workload.ops.retain(|op| !matches!(op, Op::Crash(_)));
        for (fault, repeat, stride) in [
            (Fault::Eio, Repeat::Once, 5),
            (Fault::LateEio, Repeat::Once, 11),
            (Fault::Enospc, Repeat::Once, 5),
            (Fault::Eio, Repeat::Sticky, 11),
            (Fault::Enospc, Repeat::Sticky, 11),
        ] {
            let failing = Failing { fault, repeat };
            let calls = (1, stride);
            let failed = fail_calls(&cast, &mut examiner, &workload, failing, calls, &mut failures);
            if let Err(what) = failed {
                panic!("workload {source}: {what}");
            }
        }
    }
    println!("{failures:?}, {} recoveries", examiner.counts.recoveries());
}
