//! The text of the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::rows::{Metric, OPERATIONS, PLOTS, figure};
use super::targets;
use crate::results::{Results, median};
use crate::stages::{Sizes, Stage};
use crate::store::Engine;

/// All of the page; plots are in `folder` beside it.
pub fn text(results: &Results, folder: &str) -> String {
    let engines: Vec<Engine> =
        Engine::ALL.into_iter().filter(|engine| results.has(*engine)).collect();
    let mut page = String::new();
    head(&mut page, results);
    goals(&mut page, results);
    page.push_str("\n## Pictures\n\n");
    for plot in PLOTS {
        let _ = writeln!(page, "![{}]({folder}/{}.svg)\n", plot.title, plot.name);
    }
    page.push_str(
        "## Operations per second of processor time\n\n\
         In brackets the ratio to the best; background threads are counted. Rows of synced commits \
         and of opening mean little here: see the next tables.\n\n",
    );
    let all = OPERATIONS.map(|row| (row, Metric::PerProcessorSecond));
    table(&mut page, results, &engines, &all);
    page.push_str("\n## Operations per second of the wall clock\n\n");
    table(&mut page, results, &engines, &OPERATIONS.map(|row| (row, Metric::PerSecond)));
    page.push_str("\n## Costs\n\nLess is better; in brackets the ratio to the best.\n\n");
    table(&mut page, results, &engines, &COSTS);
    page.push_str(
        "\n## Latency of one call in microseconds\n\nMedian / 99 % / 99.9 %. Of rows of single \
         reads every eighth call is timed.\n\n",
    );
    latencies(&mut page, results, &engines);
    notes(&mut page, &engines);
    page
}

/// What is in the table of costs.
const COSTS: [(&str, Metric); 23] = [
    ("open-cold", Metric::Milliseconds),
    ("open-warm", Metric::Milliseconds),
    ("disk-after-load", Metric::Disk),
    ("disk-after-compact", Metric::Disk),
    ("lz4-disk", Metric::Disk),
    ("disk-after-overwrite", Metric::Disk),
    ("disk-after-delete", Metric::Disk),
    ("large-disk", Metric::Disk),
    ("big-disk", Metric::Disk),
    ("fill-rand-b1", Metric::Amplification),
    ("fill-rand-b100", Metric::Amplification),
    ("compact", Metric::Amplification),
    ("overwrite-b1", Metric::Amplification),
    ("overwrite-b100", Metric::Amplification),
    ("overwrite-sync-b100", Metric::Amplification),
    ("large-fill", Metric::Amplification),
    ("big-fill-b100", Metric::Amplification),
    ("fill-rand-b1", Metric::Anonymous),
    ("fill-rand-b100", Metric::Anonymous),
    ("read-hit", Metric::Anonymous),
    ("ycsb-A", Metric::Anonymous),
    ("large-fill", Metric::Anonymous),
    ("big-scan-full", Metric::Anonymous),
];

fn head(page: &mut String, results: &Results) {
    let setting = &results.setting;
    let mib = setting.memory_bytes >> 20;
    let rounds = rounds(results);
    let _ = write!(
        page,
        "# Benchmarks\n\n\
         The same workloads on Cuesta and on the stores that people use today, in one interleaved \
         run. This page is written by that run:\n\n\
         ```sh\ncargo run --release --manifest-path benches/peers/Cargo.toml -- --keys {} \
         --memory-mib {mib} --rounds {}\n```\n\n\
         - Machine: {}; {}; {}; {}. It is shared with other work: the wall clock moves by up to \
         two times, ratios of processor time by about a tenth.\n\
         - {} keys of 16 bytes, values of 100 bytes, half of which compress: {} MiB. Every store \
         gets {mib} MiB for cache and write buffers together; one set (`big`) is four times that.\n\
         - Medians of {}; in each, every stage runs on every store by turns, in a process of its \
         own.\n\
         - Rows of writes end when what is in memory was flushed and background work has settled; \
         processor time is counted to there. Rows of reads check what they read.\n",
        setting.keys,
        rounds.last_key_value().map_or(0, |(most, _)| *most),
        setting.machine,
        setting.system,
        setting.compiler,
        setting.date,
        setting.keys,
        (setting.keys * Sizes::ENTRY_BYTES) >> 20,
        in_words(&rounds),
    );
}

/// Stages by the number of rounds that all stores got through, as far as they are raced.
fn rounds(results: &Results) -> BTreeMap<usize, Vec<&'static str>> {
    let mut rounds: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for stage in Stage::ALL {
        let ran = Engine::ALL.iter().filter(|engine| stage.concerns(**engine));
        let ran = ran.map(|engine| results.ran(*engine, stage.name()).len());
        if let Some(least) = ran.filter(|rounds| *rounds > 0).min() {
            rounds.entry(least).or_default().push(stage.name());
        }
    }
    rounds
}

fn in_words(rounds: &BTreeMap<usize, Vec<&str>>) -> String {
    let counted = |count: usize| format!("{count} round{}", if count == 1 { "" } else { "s" });
    let parts = rounds.iter().rev().map(|(count, stages)| match rounds.len() {
        1 => counted(*count),
        _ => format!("{} of {}", counted(*count), stages.join(", ")),
    });
    parts.collect::<Vec<_>>().join(", and ")
}

fn goals(page: &mut String, results: &Results) {
    let goals = targets::goals(results);
    let met = goals.iter().filter(|goal| goal.met == Some(true)).count();
    let known = goals.iter().filter(|goal| goal.met.is_some()).count();
    let _ = write!(
        page,
        "\n## Goals\n\n\
         What Cuesta is meant to reach, and what it reaches in this run: {met} of {known}. Ratios \
         are medians of the ratios of each round, of operations per second of processor time if \
         nothing else is said.\n\n| engine | row | goal | found | rounds | |\n\
         | --- | --- | --- | ---: | ---: | --- |\n"
    );
    for goal in goals {
        let verdict = match goal.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let targets::Goal { engine, row, asked, found, rounds, .. } = goal;
        let _ = writeln!(
            page,
            "| {} | {row} | {asked} | {found} | {rounds} | {verdict} |",
            engine.name()
        );
    }
}

fn table(page: &mut String, results: &Results, engines: &[Engine], rows: &[(&str, Metric)]) {
    heading(page, engines);
    for (row, metric) in rows {
        let figures: Vec<Option<f64>> =
            engines.iter().map(|engine| figure(results, *engine, *metric, row)).collect();
        let known = figures.iter().flatten().copied();
        let more = metric.more_is_better();
        let Some(best) = known.reduce(if more { f64::max } else { f64::min }) else { continue };
        let name = match metric {
            Metric::Milliseconds => format!("{row}, ms"),
            Metric::Amplification => format!("{row}, written per byte"),
            Metric::Anonymous => format!("{row}, anonymous MiB"),
            Metric::Disk => format!("{row}, per byte stored"),
            _ => (*row).to_string(),
        };
        let _ = write!(page, "| {name} |");
        for figure in figures {
            let _ = match figure {
                None => write!(page, " - |"),
                Some(figure) if figure == best => write!(page, " **{}** |", short(figure)),
                // Next to nothing, a ratio says nothing.
                Some(figure) if best < 0.01 => write!(page, " {} |", short(figure)),
                Some(figure) => write!(page, " {} ({:.2}) |", short(figure), figure / best),
            };
        }
        page.push('\n');
    }
}

fn heading(page: &mut String, engines: &[Engine]) {
    page.push_str("| row |");
    engines.iter().for_each(|engine| {
        let _ = write!(page, " {} |", engine.name());
    });
    page.push_str("\n| --- |");
    engines.iter().for_each(|_| page.push_str(" ---: |"));
    page.push('\n');
}

fn latencies(page: &mut String, results: &Results, engines: &[Engine]) {
    heading(page, engines);
    for row in OPERATIONS {
        let of = |engine: Engine, at: usize| {
            median(results.rounds(engine, row, |row| row.latency[at]).into_values())
        };
        let known = |engine: &&Engine| of(**engine, 0).is_some_and(|median| median > 0.0);
        if !engines.iter().any(|engine| known(&engine)) {
            continue;
        }
        let _ = write!(page, "| {row} |");
        for engine in engines {
            let figures = [0, 1, 2].map(|at| of(*engine, at).map(short));
            let _ = match figures {
                [Some(p50), Some(p99), Some(p999)] => write!(page, " {p50} / {p99} / {p999} |"),
                _ => write!(page, " - |"),
            };
        }
        page.push('\n');
    }
}

fn notes(page: &mut String, engines: &[Engine]) {
    page.push_str(NOTES);
    for engine in engines {
        let _ = writeln!(page, "- **{}**: {}.", engine.version(), engine.configuration());
    }
    page.push_str(REST);
}

const NOTES: &str = "\n## Fairness\n\n\
- One configuration for all rows of a store; only durability and the number of threads vary. \
Rows without `sync` give commits to the operating system; `sync` rows wait until the disk has \
each commit (fdatasync).\n\
- Ranked by operations per second of processor time of the whole process, background threads \
included; rows of synced commits by the wall clock.\n\
- Memory is anonymous memory; pages of mapped files are the operating system's, which may drop \
them. Cuesta reads uncompressed blocks and LMDB reads everything from such pages; the others read \
through their own caches, and through the operating system's behind them. All sets fit into the \
memory of the machine.\n\
- Bytes written are those that the kernel charges to the process (`write_bytes`); a size is what \
files occupy, preallocated log included. A page that is written again before it went to the disk \
counts once, so stores that write pages for each commit pay for all of them only where commits \
wait for the disk: in `overwrite-sync-b100`.\n\
- The time of the driver itself (making keys and values, checking, a clock) is in all figures: \
about 0.1 microseconds for each operation.\n";

const REST: &str = "\n## What the rows are\n\n\
`b1` and `b100` commit 1 or 100 keys at a time; `seq` and `rand` are the order of keys. \
`overwrite-b1` follows `fill-rand-b1`; `read` and `scan` rows follow `fill-rand-b100`, before and \
after a full compaction, each after some reads that do not count; `overwrite-b100`, then \
`delete-b100` of half of the keys, then `scan-after-delete` follow those, in another process. \
`fresh` rows read another such store after a tenth of its keys was overwritten: where a store \
keeps what is new in memory, it is there. `overwrite-sync-b100` then overwrites as many, 100 in a \
commit that waits for the disk. `queue-take` looks for the first key and deletes it, 10,000 \
times. `lz4` rows are of a compacted store of its own that compresses everything with LZ4. \
`open-cold` opens a store that was closed in order, none of whose pages are in memory, and reads a \
key. `1t` and `8t` are threads. The YCSB rows run one after another on one store, with nothing \
flushed between them; `ycsb-E` scans 1 to 100 entries. `large` values have 64 KiB. \
`transactions-8t` reads and writes ten random keys of a million in each serializable \
transaction.\n\n\
## Other benchmarks\n\n\
- `cargo run --release -p cuesta-benches`: Cuesta next to fjall alone, in a few minutes, without \
anything that is not Rust: the one to run before and after a change.\n\
- `cargo bench -p cuesta-indexes`: the index layer alone (segments, filters, cursors, merging).\n\
- `cuesta bench PATH`: standard workloads on your disk.\n";

/// A number in few characters.
pub fn short(value: f64) -> String {
    match value {
        v if v >= 1e7 => format!("{:.1}M", v / 1e6),
        v if v >= 1e6 => format!("{:.2}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 1e3 => format!("{:.1}k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
