//! `stats`: what a database says of itself, and its size on disk.

use clap::Args;
use cuesta::{KeyspaceStats, Quantiles, RecoveryReport, Result};
use serde_json::{Map, Value, json};

use crate::figures;
use crate::output::Output;
use crate::place::{DiskUse, Place, disk_use};

/// Opens the database for reading. Counters and latencies begin when a database is opened, so here
/// they show what opening did.
#[derive(Debug, Args)]
pub struct Stats {
    #[command(flatten)]
    place: Place,
}

impl Stats {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let db = self.place.read()?;
        let (stats, recovery) = (db.stats(), db.recovery());
        let disk = disk_use(&self.place.path)?;
        output.show(
            || format!("{}{}{}", text_of_disk(disk), text_of_recovery(recovery), stats.to_text()),
            || {
                let numbers = |all: &[(&str, u64)]| -> Map<String, Value> {
                    all.iter().map(|(name, number)| ((*name).to_owned(), json!(number))).collect()
                };
                let latencies: Map<String, Value> = stats
                    .latencies
                    .iter()
                    .map(|(name, quantiles)| ((*name).to_owned(), of_quantiles(quantiles)))
                    .collect();
                json!({
                    "disk": of_disk(disk),
                    "recovery": of_recovery(recovery),
                    "keyspaces": stats.keyspaces.iter().map(of_keyspace).collect::<Vec<_>>(),
                    "gauges": numbers(&stats.gauges),
                    "counters": numbers(&stats.counters),
                    "latencies": latencies,
                    "pressure": stats.pressure,
                    "failure": stats.failure,
                })
            },
        )
    }
}

/// A keyspace as JSON.
pub fn of_keyspace(keyspace: &KeyspaceStats) -> Value {
    json!({
        "name": keyspace.name,
        "engine": keyspace.engine,
        "segments": keyspace.segments,
        "segment_bytes": keyspace.segment_bytes,
        "entries": keyspace.entries,
        "memtable_bytes": keyspace.memtable_bytes,
        "blob_bytes": keyspace.blob_bytes,
        "blob_file_bytes": keyspace.blob_file_bytes,
    })
}

/// Sizes on disk as JSON.
pub fn of_disk(disk: DiskUse) -> Value {
    json!({
        "total_bytes": disk.total_bytes(),
        "data_bytes": disk.data_bytes,
        "log_bytes": disk.log_bytes,
        "other_bytes": disk.other_bytes,
        "files": disk.files,
    })
}

fn of_quantiles(quantiles: &Quantiles) -> Value {
    json!({
        "count": quantiles.count,
        "mean_seconds": figures::seconds(quantiles.mean),
        "p50_seconds": figures::seconds(quantiles.p50),
        "p99_seconds": figures::seconds(quantiles.p99),
        "p999_seconds": figures::seconds(quantiles.p999),
        "max_seconds": figures::seconds(quantiles.max),
    })
}

fn of_recovery(recovery: &RecoveryReport) -> Value {
    json!({
        "closed": recovery.closed,
        "torn_log_bytes": recovery.torn.map(|torn| torn.bytes),
        "torn_manifest": recovery.torn_manifest,
        "replayed_commits": recovery.replayed,
        "seconds": figures::seconds(recovery.took),
    })
}

fn text_of_disk(disk: DiskUse) -> String {
    format!(
        "disk_bytes {}\ndata_file_bytes {}\nlog_file_bytes {}\nother_file_bytes {}\nfiles {}\n",
        disk.total_bytes(),
        disk.data_bytes,
        disk.log_bytes,
        disk.other_bytes,
        disk.files
    )
}

fn text_of_recovery(recovery: &RecoveryReport) -> String {
    let mut text = format!(
        "recovery_seconds {}\nreplayed_commits {}\n",
        figures::seconds(recovery.took),
        recovery.replayed
    );
    if !recovery.closed {
        text += "closed no: a process that wrote here was killed\n";
    }
    if let Some(torn) = recovery.torn {
        text += &format!("torn_log_bytes {}\n", torn.bytes);
    }
    if let Some(torn) = &recovery.torn_manifest {
        text += &format!("torn_manifest {torn}\n");
    }
    text
}
