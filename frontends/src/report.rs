//! What an open database tells about itself.

use std::fmt::Write as _;

use cuesta_engine::Engine;
use cuesta_engine::budget::Part;

use crate::Quantiles;
use crate::database::Database;

/// A keyspace at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyspaceStats {
    /// Its name.
    pub name: String,
    /// How its keys lie on disk: the name of a [`KeyspaceEngine`](crate::KeyspaceEngine).
    pub engine: String,
    /// Bytes of its memtables.
    pub memtable_bytes: u64,
    /// Its segments.
    pub segments: usize,
    /// Bytes of its segments on disk.
    pub segment_bytes: u64,
    /// Entries in its segments, deletions and overwritten ones not yet merged away included.
    pub entries: u64,
    /// Bytes of large values in files of their own.
    pub blob_bytes: u64,
    /// Bytes of these files, values that are needed no longer included.
    pub blob_file_bytes: u64,
}

/// A database at one moment; counters and latencies since it was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// Counters by name, in a fixed order.
    pub counters: Vec<(&'static str, u64)>,
    /// Gauges by name, in a fixed order.
    pub gauges: Vec<(&'static str, u64)>,
    /// Latencies by name, in a fixed order.
    pub latencies: Vec<(&'static str, Quantiles)>,
    /// How far unmerged data presses: commits are slowed from 1 on and wait from 2 on.
    pub pressure: f64,
    /// Why background work fails, if it does.
    pub failure: Option<String>,
    /// Every keyspace, in the order of their creation.
    pub keyspaces: Vec<KeyspaceStats>,
}

impl Database {
    /// Counters, gauges and latencies since the database was opened.
    pub fn stats(&self) -> Stats {
        Stats::read(&self.engine)
    }
}

impl Stats {
    pub(crate) fn read(engine: &Engine) -> Stats {
        let gauges = engine.gauges();
        let keyspaces = gauges.indexes.iter().map(|index| KeyspaceStats {
            name: index.name.clone(),
            engine: index.kind.clone(),
            memtable_bytes: index.memtable_bytes,
            segments: index.segments,
            segment_bytes: index.segment_bytes,
            entries: index.entries,
            blob_bytes: index.blob_bytes,
            blob_file_bytes: index.blob_file_bytes,
        });
        let part = |wanted: Part| {
            let found = gauges.memory.1.iter().find(|(part, _)| *part == wanted);
            found.map_or(0, |(_, bytes)| *bytes)
        };
        Stats {
            counters: engine.stats().counters(),
            gauges: vec![
                ("commit", gauges.published.0),
                ("memory_budget_bytes", gauges.memory_budget),
                ("memory_bytes", gauges.memory.0),
                ("memtable_bytes", gauges.memtable_bytes),
                ("cache_bytes", gauges.cache_bytes),
                ("cache_capacity_bytes", gauges.cache_capacity_bytes),
                ("log_retained_bytes", gauges.log_bytes),
                ("log_kept_bytes", gauges.log_kept_bytes),
                ("log_first_commit", gauges.log_first.0),
                ("feeds", gauges.feeds as u64),
                ("feed_oldest_commit", gauges.feed_oldest.unwrap_or(gauges.published).0),
                ("watches", gauges.watches as u64),
                ("readers", gauges.readers as u64),
                ("reader_oldest_commit", gauges.reader_oldest.unwrap_or(gauges.published).0),
                ("transaction_bytes", gauges.transaction_bytes),
                ("commit_bytes", part(Part::Commits)),
                ("buffer_bytes", part(Part::Buffers)),
                ("segment_table_bytes", part(Part::Segments)),
                ("cursor_bytes", part(Part::Cursors)),
                ("caches_bytes", part(Part::Caches)),
                ("watch_bytes", part(Part::Watches)),
                ("conflict_bytes", gauges.conflict_bytes),
                ("locks", gauges.locks as u64),
                ("snapshots", gauges.views.views as u64),
                ("snapshot_bytes", gauges.views.bytes),
                ("jobs", gauges.jobs as u64),
            ],
            latencies: engine.stats().histograms().to_vec(),
            pressure: gauges.pressure,
            keyspaces: keyspaces.collect(),
            failure: gauges.failure,
        }
    }

    /// A counter or gauge by name.
    pub fn get(&self, name: &str) -> Option<u64> {
        let all = self.counters.iter().chain(&self.gauges);
        all.clone().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Everything as lines of text, `name value`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.gauges.iter().chain(&self.counters) {
            let _ = writeln!(text, "{name} {value}");
        }
        let _ = writeln!(text, "pressure {:.2}", self.pressure);
        for (name, q) in &self.latencies {
            let _ = writeln!(
                text,
                "{name} count {} mean {:?} p50 {:?} p99 {:?} p999 {:?} max {:?}",
                q.count, q.mean, q.p50, q.p99, q.p999, q.max
            );
        }
        for keyspace in &self.keyspaces {
            let _ = writeln!(
                text,
                "keyspace {:?} engine {} segments {} segment_bytes {} entries {} memtable_bytes {} \
                 blob_bytes {} blob_file_bytes {}",
                keyspace.name,
                keyspace.engine,
                keyspace.segments,
                keyspace.segment_bytes,
                keyspace.entries,
                keyspace.memtable_bytes,
                keyspace.blob_bytes,
                keyspace.blob_file_bytes
            );
        }
        if let Some(failure) = &self.failure {
            let _ = writeln!(text, "failure {failure}");
        }
        text
    }
}
