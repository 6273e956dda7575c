//! Cuesta next to fjall: the same work, in the same run, by turns.
//!
//! `cargo run --release -p cuesta-benches -- [--keys N] [--rounds N] [--dir DIR]` prints a table in
//! Markdown. Write rows end when background work has settled. Rows are ranked by operations per
//! second of processor time, which other load on the machine disturbs least; rows of synced
//! commits by the wall clock. Each figure is the median of the rounds.

mod store;
mod workload;

use std::path::PathBuf;

use store::{Engine, MEMORY_BYTES, Outcome};
use workload::{Figure, Rows, Sizes};

struct Arguments {
    sizes: Sizes,
    rounds: usize,
    dir: PathBuf,
}

fn arguments() -> Outcome<Arguments> {
    let mut keys = 1_000_000;
    let mut rounds = 3;
    let mut dir = PathBuf::from("target");
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--keys" => keys = value()?.parse()?,
            "--rounds" => rounds = value()?.parse()?,
            "--dir" => dir = PathBuf::from(value()?),
            _ => return Err(format!("unknown argument {word}").into()),
        }
    }
    let sizes = Sizes { keys, synced: (keys / 500).clamp(100, 4000) };
    Ok(Arguments { sizes, rounds, dir })
}

fn main() -> Outcome<()> {
    let Arguments { sizes, rounds, dir } = arguments()?;
    std::fs::create_dir_all(&dir)?;
    let mut runs: Vec<(Engine, Rows)> = Vec::new();
    for round in 0..rounds {
        let mut order = Engine::ALL;
        order.rotate_left(round % Engine::ALL.len());
        let mut rows: Vec<Rows> = order.iter().map(|_| Rows::new()).collect();
        for part in
            [workload::fills, workload::reads, workload::queue, workload::syncs, workload::large]
        {
            for (engine, rows) in order.iter().zip(&mut rows) {
                eprintln!("round {} of {rounds}: {}", round + 1, engine.name());
                let scratch = tempfile::tempdir_in(&dir)?;
                part(*engine, scratch.path(), sizes, rows)?;
            }
        }
        runs.extend(order.into_iter().zip(rows));
    }
    print(&runs, sizes, rounds);
    Ok(())
}

fn print(runs: &[(Engine, Rows)], sizes: Sizes, rounds: usize) {
    println!(
        "{} keys of 16 bytes, values of 100 bytes, half of which compress; {} MiB for cache and \
         write buffers; median of {rounds} rounds.\n",
        sizes.keys,
        MEMORY_BYTES >> 20
    );
    println!(
        "| row | cuesta, per CPU s | fjall, per CPU s | ratio | cuesta, per s | fjall, per s | \
         ratio | cuesta p50 / p99 us | fjall p50 / p99 us |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let Some((_, first)) = runs.first() else { return };
    for (name, _) in first {
        let of = |engine: Engine, figure: fn(&Figure) -> f64| {
            let mut values: Vec<f64> = runs
                .iter()
                .filter(|(ran, _)| *ran == engine)
                .flat_map(|(_, rows)| rows.iter().filter(|(row, _)| row == name))
                .map(|(_, row)| figure(row))
                .collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let (cpu, wall) = (Figure::per_processor_second, Figure::per_second);
        let p50 = |figure: &Figure| figure.p50.as_secs_f64() * 1e6;
        let p99 = |figure: &Figure| figure.p99.as_secs_f64() * 1e6;
        let [ours, theirs] = Engine::ALL;
        println!(
            "| {name} | {} | {} | **{:.2}** | {} | {} | {:.2} | {:.1} / {:.1} | {:.1} / {:.1} |",
            short(of(ours, cpu)),
            short(of(theirs, cpu)),
            of(ours, cpu) / of(theirs, cpu),
            short(of(ours, wall)),
            short(of(theirs, wall)),
            of(ours, wall) / of(theirs, wall),
            of(ours, p50),
            of(ours, p99),
            of(theirs, p50),
            of(theirs, p99),
        );
    }
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 1e3 => format!("{:.1}k", v / 1e3),
        v => format!("{v:.1}"),
    }
}
