//! Which rows there are, what is shown of them, and in which order.

use crate::meter::Row;
use crate::results::{Results, median};
use crate::store::Engine;

/// Something that is measured, of any row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Operations per second of processor time.
    PerProcessorSecond,
    /// Operations per second.
    PerSecond,
    /// Milliseconds of one operation.
    Milliseconds,
    /// Latency that 99 % of calls keep, in microseconds.
    P99,
    /// Bytes written per byte stored.
    Amplification,
    /// Most anonymous memory, in MiB.
    Anonymous,
    /// A size on disk, per byte stored: a figure that is no row.
    Disk,
}

impl Metric {
    /// Whether more is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Metric::PerProcessorSecond | Metric::PerSecond)
    }

    /// What the figure is, for the heading of a plot.
    pub fn unit(self) -> &'static str {
        match self {
            Metric::PerProcessorSecond => "operations per CPU second, more is better",
            Metric::PerSecond => "operations per second, more is better",
            Metric::Milliseconds => "milliseconds, less is better",
            Metric::P99 => "99th percentile in microseconds, less is better",
            Metric::Amplification => "bytes written per byte stored, less is better",
            Metric::Anonymous => "anonymous memory at most, in MiB, less is better",
            Metric::Disk => "bytes on disk per byte stored, less is better",
        }
    }

    fn of(self, row: &Row) -> f64 {
        let operations = row.operations as f64;
        match self {
            Metric::PerProcessorSecond => operations / row.processor.max(1e-9),
            Metric::PerSecond => operations / row.wall.max(1e-9),
            Metric::Milliseconds => row.wall * 1e3 / operations,
            Metric::P99 => row.latency[1],
            Metric::Amplification => row.written as f64 / row.stored.max(1) as f64,
            Metric::Anonymous => row.anonymous as f64 / f64::from(1 << 20),
            Metric::Disk => 0.0,
        }
    }
}

/// The figures of all rounds.
pub fn figures(results: &Results, engine: Engine, metric: Metric, row: &str) -> Vec<(u32, f64)> {
    if metric == Metric::Disk {
        let stored = stored(results, row);
        let facts = results.facts(engine, row);
        return facts.into_iter().map(|(round, bytes)| (round, bytes / stored)).collect();
    }
    results.rounds(engine, row, |row| metric.of(row)).into_iter().collect()
}

/// Bytes of keys and values that are in a store when its size is taken.
fn stored(results: &Results, fact: &str) -> f64 {
    let of = |row: &str| {
        let rows = Engine::ALL.into_iter().flat_map(|engine| results.rows(engine));
        rows.filter(|found| found.row == row).map(|row| row.stored).max().unwrap_or(1) as f64
    };
    match fact {
        "big-disk" => of("big-fill-b100"),
        "large-disk" => of("large-fill"),
        "lz4-disk" => of("lz4-fill-b100"),
        "disk-after-delete" => of("fill-rand-b100") / 2.0,
        _ => of("fill-rand-b100"),
    }
}

/// The median over rounds.
pub fn figure(results: &Results, engine: Engine, metric: Metric, row: &str) -> Option<f64> {
    median(figures(results, engine, metric, row).into_iter().map(|(_, figure)| figure))
}

/// Rows of the table of operations, by stage.
pub const OPERATIONS: [&str; 46] = [
    "fill-seq-b1",
    "fill-rand-b1",
    "overwrite-b1",
    "fill-seq-b100",
    "fill-rand-b100",
    "overwrite-b100",
    "delete-b100",
    "read-hit",
    "read-miss",
    "scan-100",
    "scan-full",
    "compact",
    "read-hit-compacted",
    "read-miss-compacted",
    "scan-100-compacted",
    "scan-full-compacted",
    "scan-after-delete",
    "read-hit-fresh",
    "read-miss-fresh",
    "scan-100-fresh",
    "scan-full-fresh",
    "overwrite-sync-b100",
    "queue-take",
    "lz4-fill-b100",
    "lz4-read-hit",
    "lz4-read-miss",
    "lz4-scan-100",
    "lz4-scan-full",
    "sync-1t",
    "sync-8t",
    "ycsb-A",
    "ycsb-B",
    "ycsb-C",
    "ycsb-D",
    "ycsb-E",
    "ycsb-F",
    "large-fill",
    "large-read",
    "big-fill-b100",
    "big-read-hit",
    "big-read-miss",
    "big-scan-100",
    "big-scan-full",
    "open-cold",
    "open-warm",
    "transactions-8t",
];

/// A picture: a panel for each row, a bar for each store.
pub struct Plot {
    /// Its file.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What the bars are.
    pub metric: Metric,
    /// The panels.
    pub rows: &'static [&'static str],
}

/// The pictures of the page.
pub const PLOTS: &[Plot] = &[
    Plot {
        name: "writes",
        title: "Writes",
        metric: Metric::PerProcessorSecond,
        rows: &[
            "fill-rand-b1",
            "overwrite-b1",
            "fill-seq-b1",
            "fill-rand-b100",
            "overwrite-b100",
            "delete-b100",
        ],
    },
    Plot {
        name: "reads",
        title: "Reads",
        metric: Metric::PerProcessorSecond,
        rows: &[
            "read-hit",
            "read-miss",
            "scan-100",
            "scan-full",
            "read-hit-compacted",
            "read-miss-compacted",
            "scan-100-compacted",
            "scan-full-compacted",
            "scan-after-delete",
            "read-hit-fresh",
            "scan-100-fresh",
            "scan-full-fresh",
        ],
    },
    Plot {
        name: "ycsb",
        title: "Yahoo Cloud Serving Benchmark",
        metric: Metric::PerProcessorSecond,
        rows: &["ycsb-A", "ycsb-B", "ycsb-C", "ycsb-D", "ycsb-E", "ycsb-F"],
    },
    Plot {
        name: "sync",
        title: "Commits that wait for the disk",
        metric: Metric::PerSecond,
        rows: &["sync-1t", "sync-8t"],
    },
    Plot {
        name: "large",
        title: "Large values, and a set larger than the memory",
        metric: Metric::PerProcessorSecond,
        rows: &["large-fill", "large-read", "big-fill-b100", "big-read-hit", "big-scan-100"],
    },
    Plot {
        name: "tails",
        title: "Slow commits",
        metric: Metric::P99,
        rows: &["fill-rand-b1", "fill-rand-b100", "overwrite-b100", "sync-1t", "sync-8t"],
    },
    Plot {
        name: "written",
        title: "Bytes written",
        metric: Metric::Amplification,
        rows: &["fill-rand-b100", "overwrite-b100", "overwrite-sync-b100"],
    },
    Plot {
        name: "disk",
        title: "Size",
        metric: Metric::Disk,
        rows: &["disk-after-load", "disk-after-compact", "lz4-disk", "large-disk"],
    },
    Plot {
        name: "memory",
        title: "Memory",
        metric: Metric::Anonymous,
        rows: &["fill-rand-b1", "fill-rand-b100", "read-hit", "scan-full", "ycsb-A", "large-fill"],
    },
];
