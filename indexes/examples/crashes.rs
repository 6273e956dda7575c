//! Crashes workloads for as long as one likes, and prints how much was examined.
//!
//! ```text
//! cargo run --release -p cuesta-indexes --features planted-bugs --example crashes -- \
//!     --seeds 0..10000 --short 0..11816 --faults 0..10 --minutes 60 --threads 2 --depth full
//! ```
//!
//! A violation is printed with the seed that replays it, and ends the program with status 1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is a test")]

#[path = "../tests/crash/harness/mod.rs"]
mod harness;
#[path = "../../engine/tests/kinds/mod.rs"]
mod kinds;
#[path = "../tests/crash/lsm.rs"]
#[allow(dead_code, reason = "tests have casts of their own")]
mod lsm;

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cuesta_engine::env::sim::{Fault, Repeat};

use harness::cast::Cast;
use harness::count::{Counts, Seen};
use harness::examine::{Depth, Examiner};
use harness::fail::{Failing, Failures, fail_calls};
use harness::search::search;
use harness::workload::{Op, Source, Workload};

/// What to do.
struct Arguments {
    seeds: Range<u64>,
    short: Range<u64>,
    faults: Range<u64>,
    only: Option<Source>,
    minutes: u64,
    threads: usize,
    depth: Depth,
}

/// A piece of work for one thread.
#[derive(Clone, Copy)]
enum Piece {
    Crash(Source),
    Fail(u64, Failing),
}

const FAILING: [Failing; 7] = [
    Failing { fault: Fault::Eio, repeat: Repeat::Once },
    Failing { fault: Fault::Eio, repeat: Repeat::Sticky },
    Failing { fault: Fault::Enospc, repeat: Repeat::Once },
    Failing { fault: Fault::Enospc, repeat: Repeat::Sticky },
    Failing { fault: Fault::SyncFailPagesDropped, repeat: Repeat::Once },
    Failing { fault: Fault::SyncFailPagesKept, repeat: Repeat::Once },
    Failing { fault: Fault::BitFlip(12_345), repeat: Repeat::Once },
];

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(what) => {
            eprintln!("{what}");
            return ExitCode::from(2);
        }
    };
    let pieces = pieces(&arguments);
    let work = Work {
        pieces,
        next: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        seen: Seen::default(),
        totals: Mutex::default(),
        until: Instant::now() + Duration::from_secs(arguments.minutes * 60),
        depth: arguments.depth,
    };
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| work.run());
        }
    });
    let totals = work.totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (counts, failures) = (&totals.0, &totals.1);
    let done = work.next.load(Ordering::SeqCst).min(work.pieces.len());
    println!("{done} of {} pieces in {:.0?}", work.pieces.len(), began.elapsed());
    println!("{counts}");
    if failures.runs > 0 {
        println!("{failures:?}");
    }
    let per_second = counts.recoveries() as f64 / began.elapsed().as_secs_f64();
    println!("{} recoveries, {per_second:.0} each second", counts.recoveries());
    ExitCode::from(u8::from(work.failed.load(Ordering::SeqCst)))
}

fn pieces(arguments: &Arguments) -> Vec<Piece> {
    if let Some(source) = arguments.only {
        return vec![Piece::Crash(source)];
    }
    let short = arguments.short.clone().map(|number| Piece::Crash(Source::Short(number)));
    let random = arguments.seeds.clone().map(|seed| Piece::Crash(Source::Random(seed)));
    let faults = arguments.faults.clone();
    let faults = faults.flat_map(|seed| FAILING.map(|failing| Piece::Fail(seed, failing)));
    short.chain(faults).chain(random).collect()
}

/// What threads share.
struct Work {
    pieces: Vec<Piece>,
    next: AtomicUsize,
    failed: AtomicBool,
    seen: Seen,
    totals: Mutex<(Counts, Failures)>,
    until: Instant,
    depth: Depth,
}

impl Work {
    fn run(&self) {
        let cast = lsm::cast();
        let mut examiner = Examiner::new(&cast, self.depth);
        examiner.counts = Counts::sharing(&self.seen);
        let mut failures = Failures::default();
        while Instant::now() < self.until && !self.failed.load(Ordering::SeqCst) {
            let Some(piece) = self.pieces.get(self.next.fetch_add(1, Ordering::SeqCst)) else {
                break;
            };
            if let Err(what) = self.piece(&cast, &mut examiner, *piece, &mut failures) {
                self.failed.store(true, Ordering::SeqCst);
                println!("{what}");
            }
        }
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.0.add(&examiner.counts);
        totals.1.add(&failures);
    }

    fn piece(
        &self,
        cast: &Cast,
        examiner: &mut Examiner<'_>,
        piece: Piece,
        failures: &mut Failures,
    ) -> Result<(), String> {
        match piece {
            Piece::Crash(source) => search(cast, examiner, self.depth, source)
                .map_err(|violation| violation.to_string()),
            Piece::Fail(seed, failing) => {
                let mut workload = Workload::of(Source::Random(seed));
                workload.ops.retain(|op| !matches!(op, Op::Crash(_)));
                fail_calls(cast, examiner, &workload, failing, (1, 1), failures)
                    .map_err(|what| format!("workload {seed}: {what}"))
            }
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments {
        seeds: 0..0,
        short: 0..0,
        faults: 0..0,
        only: None,
        minutes: 24 * 60,
        threads: 1,
        depth: Depth::SAMPLED,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} takes a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} takes a number"));
        match name.as_str() {
            "--seeds" => parsed.seeds = range(&value)?,
            "--short" => parsed.short = range(&value)?,
            "--faults" => parsed.faults = range(&value)?,
            "--seed" => parsed.only = Some(value.parse()?),
            "--minutes" => parsed.minutes = number()?,
            "--threads" => parsed.threads = number()? as usize,
            "--depth" if value == "full" => parsed.depth = Depth::FULL,
            "--depth" if value == "sampled" => parsed.depth = Depth::SAMPLED,
            _ => return Err(format!("{name} {value} is not understood")),
        }
    }
    Ok(parsed)
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parse = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
    let (first, end) = text.split_once("..").ok_or_else(|| format!("{text:?} is not A..B"))?;
    Ok(parse(first)?..parse(end)?)
}
