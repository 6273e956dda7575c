//! What a row cost: time of processors and of the wall, bytes written, memory, latencies.
//!
//! Everything is of the whole process, so a stage of one store runs in a process of its own.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::store::Outcome;

/// What came of one row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub row: String,
    /// Operations done.
    pub operations: u64,
    /// Seconds by the wall.
    pub wall: f64,
    /// Seconds of all processors, background threads included.
    pub processor: f64,
    /// Bytes of keys and values that were stored.
    pub stored: u64,
    /// Bytes that the process gave the operating system to write to disk.
    pub written: u64,
    /// Most anonymous memory at any sample, in bytes.
    pub anonymous: u64,
    /// Most pages of files mapped and in memory at any sample, in bytes.
    pub mapped: u64,
    /// Latency of one call in microseconds: median, 99 %, 99.9 %; of a sample for rows of reads.
    pub latency: [f64; 3],
}

/// A figure that is no row: a size, a share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// Its name.
    pub fact: String,
    /// The figure.
    pub value: f64,
}

/// What a process reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// A row.
    Row(Row),
    /// A figure.
    Fact(Fact),
    /// The process ended as it should.
    Ran(Ran),
}

/// The end of a stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ran {
    /// Its name.
    pub ran: String,
}

/// Latencies by size, 3 % wide.
pub struct Latencies {
    counts: Vec<u64>,
    last: Instant,
}

/// Parts that each power of two is divided in.
const PARTS: u64 = 32;

impl Latencies {
    fn new() -> Latencies {
        Latencies { counts: vec![0; 64 * PARTS as usize], last: Instant::now() }
    }

    /// Begins a call that [`Latencies::ended`] ends.
    pub fn begin(&mut self) {
        self.last = Instant::now();
    }

    /// Counts what went by since the last call ended or [`Latencies::begin`].
    pub fn ended(&mut self) {
        let now = Instant::now();
        self.count(now - self.last);
        self.last = now;
    }

    /// Counts a latency taken elsewhere.
    pub fn count(&mut self, latency: Duration) {
        let nanoseconds = (latency.as_nanos() as u64).max(PARTS);
        let power = u64::from(nanoseconds.ilog2());
        let part = (nanoseconds >> (power - 5)) - PARTS;
        if let Some(count) = self.counts.get_mut((power * PARTS + part) as usize) {
            *count += 1;
        }
    }

    fn microseconds(&self, share: f64) -> f64 {
        let all: u64 = self.counts.iter().sum();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                let (power, part) = (at as u64 / PARTS, at as u64 % PARTS);
                return (((PARTS + part) << power) >> 5) as f64 / 1e3;
            }
        }
        0.0
    }
}

/// Measures rows and prints them, one line of JSON each.
pub struct Meter {
    sampler: Arc<Sampler>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Sampler {
    stop: AtomicBool,
    anonymous: AtomicU64,
    mapped: AtomicU64,
}

const SAMPLE: Duration = Duration::from_millis(20);

impl Sampler {
    fn take(&self) {
        let (anonymous, mapped) = memory();
        self.anonymous.fetch_max(anonymous, Ordering::Relaxed);
        self.mapped.fetch_max(mapped, Ordering::Relaxed);
    }
}

impl Meter {
    /// Starts sampling memory.
    pub fn new() -> Meter {
        let sampler = Arc::new(Sampler::default());
        let shared = Arc::clone(&sampler);
        let thread = std::thread::spawn(move || {
            while !shared.stop.load(Ordering::Relaxed) {
                shared.take();
                std::thread::sleep(SAMPLE);
            }
        });
        Meter { sampler, thread: Some(thread) }
    }

    /// Runs a row that does `operations` and stores `stored` bytes, all of it timed.
    pub fn row(
        &self,
        name: &str,
        operations: u64,
        stored: u64,
        work: impl FnOnce(&mut Latencies) -> Outcome<()>,
    ) -> Outcome<()> {
        self.sampler.anonymous.store(0, Ordering::Relaxed);
        self.sampler.mapped.store(0, Ordering::Relaxed);
        let mut latencies = Latencies::new();
        let written = bytes_written();
        let (wall, processor) = (Instant::now(), processor_time());
        latencies.begin();
        work(&mut latencies).map_err(|error| format!("{name}: {error}"))?;
        let (wall, processor) = (wall.elapsed(), processor_time() - processor);
        self.sampler.take();
        let row = Row {
            row: name.to_string(),
            operations,
            wall: wall.as_secs_f64(),
            processor: processor.as_secs_f64(),
            stored,
            written: bytes_written() - written,
            anonymous: self.sampler.anonymous.load(Ordering::Relaxed),
            mapped: self.sampler.mapped.load(Ordering::Relaxed),
            latency: [0.5, 0.99, 0.999].map(|share| latencies.microseconds(share)),
        };
        print(&Line::Row(row))
    }

    /// Reports a figure.
    pub fn fact(&self, name: &str, value: f64) -> Outcome<()> {
        print(&Line::Fact(Fact { fact: name.to_string(), value }))
    }

    /// Reports the bytes that files in `dir` occupy.
    pub fn disk(&self, name: &str, dir: &Path) -> Outcome<()> {
        self.fact(name, bytes_on_disk(dir)? as f64)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.sampler.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn print(line: &Line) -> Outcome<()> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}

/// Time that all processors spent in this process.
pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Anonymous memory, and pages of mapped files, in bytes.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0) * 1024
    };
    (of("RssAnon:"), of("RssFile:"))
}

fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// Bytes that the files under `dir` occupy on disk, holes not counted.
pub fn bytes_on_disk(dir: &Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        // A store may unlink a file meanwhile.
        let meta = match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            meta => meta?,
        };
        bytes += if meta.is_dir() { bytes_on_disk(&entry.path())? } else { meta.blocks() * 512 };
    }
    Ok(bytes)
}

/// Drops the pages of the files under `dir` from the operating system's cache.
pub fn forget_pages(dir: &Path) -> Outcome<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            forget_pages(&path)?;
        } else {
            let file = std::fs::File::open(&path)?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}
