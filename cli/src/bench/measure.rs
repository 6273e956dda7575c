//! Times of many operations, on several threads.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use cuesta::{Error, Result};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::figures;

/// What stands above lines of [`Measured::to_line`].
pub const HEADING: &str = "workload                ops/s   entries/s     ops/CPU s       p50       \
                           p99      p999";

/// Latencies that one thread keeps at most; beyond that every second one is dropped again and
/// again.
const SAMPLES_MAX: usize = 1 << 20;

/// What a workload cost.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its name.
    pub workload: String,
    /// Threads that did it.
    pub threads: usize,
    /// Operations done.
    pub ops: u64,
    /// Entries read or written by them.
    pub entries: u64,
    /// Time from the first to the last.
    pub wall: Duration,
    /// CPU time of the process, up to the end of background work.
    pub cpu: Duration,
    /// Attempts that failed and were made again, where that may be.
    pub conflicts: Option<u64>,
    /// The part of reads that a cache has answered, where there is one.
    pub hit_rate: Option<f64>,
    /// Half of the operations took at most this.
    pub p50: Duration,
    /// All but a hundredth took at most this.
    pub p99: Duration,
    /// All but a thousandth took at most this.
    pub p999: Duration,
}

impl Measured {
    /// A line of a table.
    pub fn to_line(&self) -> String {
        let conflicts = self.conflicts.map_or_else(String::new, |conflicts| {
            let attempts = self.ops + conflicts;
            let percent = conflicts as f64 * 100.0 / attempts.max(1) as f64;
            format!("  {percent:.3} % of {} attempts failed", figures::count(attempts))
        });
        let hits =
            self.hit_rate.map_or_else(String::new, |rate| format!("  {:.1} % hits", rate * 100.0));
        format!(
            "{:16}  {:>11} {:>11}   {:>11}  {:>8}  {:>8}  {:>8}{conflicts}{hits}",
            self.workload,
            figures::rate(self.ops, self.wall),
            figures::rate(self.entries, self.wall),
            figures::rate(self.ops, self.cpu),
            figures::time(self.p50),
            figures::time(self.p99),
            figures::time(self.p999),
        )
    }

    /// All of it as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "workload": self.workload,
            "threads": self.threads,
            "ops": self.ops,
            "entries": self.entries,
            "conflicts": self.conflicts,
            "hit_rate": self.hit_rate,
            "seconds": self.wall.as_secs_f64(),
            "cpu_seconds": self.cpu.as_secs_f64(),
            "ops_per_second": figures::per_second(self.ops, self.wall),
            "entries_per_second": figures::per_second(self.entries, self.wall),
            "ops_per_cpu_second": figures::per_second(self.ops, self.cpu),
            "p50_seconds": self.p50.as_secs_f64(),
            "p99_seconds": self.p99.as_secs_f64(),
            "p999_seconds": self.p999.as_secs_f64(),
        })
    }
}

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Threads.
    pub threads: usize,
    /// Operations at most, of all threads together.
    pub ops: u64,
    /// Time at most.
    pub limit: Duration,
}

/// Does operations `0..extent.ops`, each on some thread, until time is up; then `settle`. An
/// operation returns how many entries it read or wrote.
///
/// # Errors
/// The first that an operation or `settle` fails with.
pub fn measure(
    workload: String,
    extent: Extent,
    operation: impl Fn(u64) -> Result<u64> + Sync,
    settle: impl FnOnce() -> Result<()>,
) -> Result<Measured> {
    let before = cpu_time();
    let began = Instant::now();
    let start = Barrier::new(extent.threads);
    let results: Vec<Result<Share>> = thread::scope(|scope| {
        let spawn = |number| {
            let (start, operation) = (&start, &operation);
            scope.spawn(move || {
                start.wait();
                share(number as u64, extent, operation)
            })
        };
        let running: Vec<_> = (0..extent.threads).map(spawn).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<Share>>| {
            thread.join().unwrap_or_else(|_| Err(Error::internal("a thread panicked")))
        };
        running.into_iter().map(join).collect()
    });
    let wall = began.elapsed();
    settle()?;
    let cpu = cpu_time().saturating_sub(before);
    let mut total = Share::default();
    for result in results {
        let share = result?;
        total.ops += share.ops;
        total.entries += share.entries;
        total.nanos.extend(share.nanos);
    }
    total.nanos.sort_unstable();
    let at = |quantile: f64| {
        let rank = (total.nanos.len() as f64 * quantile).ceil() as usize;
        Duration::from_nanos(total.nanos.get(rank.saturating_sub(1)).copied().unwrap_or(0))
    };
    Ok(Measured {
        workload,
        threads: extent.threads,
        ops: total.ops,
        entries: total.entries,
        wall,
        cpu,
        conflicts: None,
        hit_rate: None,
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
    })
}

/// What one thread did.
#[derive(Default)]
struct Share {
    ops: u64,
    entries: u64,
    nanos: Vec<u64>,
}

fn share(number: u64, extent: Extent, operation: &impl Fn(u64) -> Result<u64>) -> Result<Share> {
    let mut share = Share::default();
    let mut every = 1;
    let began = Instant::now();
    // One look at the clock is the end of one operation and the beginning of the next.
    let mut last = began;
    for op in (number..extent.ops).step_by(extent.threads) {
        share.entries += operation(op)?;
        let now = Instant::now();
        if share.ops.is_multiple_of(every) {
            let nanos = now.duration_since(last).as_nanos();
            share.nanos.push(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
        share.ops += 1;
        if share.nanos.len() == SAMPLES_MAX {
            let mut keep = false;
            share.nanos.retain(|_| {
                keep = !keep;
                keep
            });
            every *= 2;
        }
        last = now;
        if now.duration_since(began) >= extent.limit {
            break;
        }
    }
    Ok(share)
}

/// CPU time that all threads of the process took so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}
