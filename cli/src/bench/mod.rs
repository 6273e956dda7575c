//! Workloads, and what they cost on a disk.
//!
//! Reads, scans and `mixed` run on one database that is filled and settled before they start; each
//! of the others has one of its own. Every workload checks what it reads. Results hold for one disk
//! and one machine; compare engines with `benches`, not with this.

mod measure;
mod workload;

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use cuesta::Result;

pub use measure::{HEADING, Measured};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Workload {
    /// Keys in order, one a commit
    FillSeq,
    /// Keys in random order, one a commit
    #[value(name = "fill-random-1")]
    FillRandomOne,
    /// Keys in random order, 100 a commit
    #[value(name = "fill-random-100")]
    FillRandomMany,
    /// New values for keys that are there, one a commit
    Overwrite,
    /// Single keys that are there
    ReadHit,
    /// Single keys that are not there
    ReadMiss,
    /// 100 entries from a random key on
    #[value(name = "scan-100")]
    ScanShort,
    /// All entries
    ScanFull,
    /// Four reads to one write
    Mixed,
    /// Synced commits of one key, one thread
    #[value(name = "sync-1")]
    SyncAlone,
    /// Synced commits of one key, eight threads
    #[value(name = "sync-8")]
    SyncTogether,
    /// Transactions that read and change ten random keys, eight threads
    Transactions,
    /// A cache of a tenth of the keys, least recently used; keys by Zipf's law, and scans
    CacheLru,
    /// The same with W-TinyLFU
    #[value(name = "cache-tiny-lfu")]
    CacheTinyLfu,
}

impl Workload {
    /// Every workload, in the order of a run.
    pub const ALL: [Workload; 14] = [
        Workload::FillSeq,
        Workload::FillRandomOne,
        Workload::FillRandomMany,
        Workload::Overwrite,
        Workload::ReadHit,
        Workload::ReadMiss,
        Workload::ScanShort,
        Workload::ScanFull,
        Workload::Mixed,
        Workload::SyncAlone,
        Workload::SyncTogether,
        Workload::Transactions,
        Workload::CacheLru,
        Workload::CacheTinyLfu,
    ];

    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct BenchSettings {
    /// Keys.
    pub keys: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Threads, where a workload does not say.
    pub threads: usize,
    /// Time of a workload at most.
    pub limit: Duration,
}

/// Runs workloads in `folder`, in their order, and hands on each result as it comes.
///
/// # Errors
/// What the database or `each` fails with; `Corrupt` when a workload reads what it did not write.
pub fn run(
    folder: &Path,
    settings: &BenchSettings,
    workloads: &[Workload],
    mut each: impl FnMut(&Measured) -> Result<()>,
) -> Result<Vec<Measured>> {
    let mut workloads = workloads.to_vec();
    workloads.sort();
    workloads.dedup();
    let mut bed = workload::Bed::new(folder, *settings);
    let mut all = Vec::new();
    for workload in workloads {
        let measured = bed.run(workload)?;
        each(&measured)?;
        all.push(measured);
    }
    Ok(all)
}
