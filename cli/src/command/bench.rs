//! `bench`: standard workloads on the disk of a directory.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cuesta::{Error, Result};
use serde_json::json;

use crate::bench::{BenchSettings, Workload, run};
use crate::figures;
use crate::output::Output;

/// Works in a directory of its own inside PATH, which it removes, and takes at most some seconds a
/// workload and about ten times the size of keys and values. Fills and overwrites are committed
/// with durability buffered. CPU time is that of the whole process, background work included, up
/// to the moment when that has nothing left to do.
#[derive(Debug, Args)]
pub struct Bench {
    /// Directory on the disk to measure, created when missing
    path: PathBuf,
    /// Keys, of 16 bytes each
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Bytes of a value, half of which compress
    #[arg(long, value_name = "BYTES", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(8..=16 << 20))]
    value_bytes: u32,
    /// Threads of all workloads but sync-1 and sync-8
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    threads: u8,
    /// Seconds of a workload at most
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Workloads to run [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    workload: Vec<Workload>,
}

impl Bench {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let path = self.path.display();
        fs::create_dir_all(&self.path)
            .map_err(|e| Error::io(format_args!("creating {path}"), e))?;
        let folder = tempfile::Builder::new()
            .prefix("cuesta-bench-")
            .tempdir_in(&self.path)
            .map_err(|e| Error::io(format_args!("creating a directory in {path}"), e))?;
        let settings = BenchSettings {
            keys: self.keys,
            value_bytes: self.value_bytes as usize,
            threads: usize::from(self.threads),
            limit: Duration::from_secs(self.seconds),
        };
        output.tell(&format!(
            "{} keys of 16 bytes, values of {} bytes; threads: {}; at most {} s each\n",
            figures::count(self.keys),
            self.value_bytes,
            self.threads,
            self.seconds
        ))?;
        output.tell(crate::bench::HEADING)?;
        let chosen = match self.workload.as_slice() {
            [] => Workload::ALL.as_slice(),
            chosen => chosen,
        };
        let measured =
            run(folder.path(), &settings, chosen, |measured| output.tell(&measured.to_line()))?;
        output.show(String::new, || {
            json!({
                "keys": self.keys,
                "value_bytes": self.value_bytes,
                "threads": self.threads,
                "results": measured.iter().map(|one| one.to_json()).collect::<Vec<_>>(),
            })
        })
    }
}
