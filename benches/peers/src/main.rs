//! The race: the same workloads on Cuesta and on the stores that people use today, interleaved.
//!
//! ```text
//! cuesta-peers [--keys N] [--rounds N] [--memory-mib N] [--engines a,b] [--stages a,b]
//!              [--dir DIR] [--results FILE] [--page FILE]
//!     races, keeps what came of it in FILE (lines of JSON), and writes the page
//! cuesta-peers page [--results FILE] [--page FILE]
//!     writes the page again from kept results
//! cuesta-peers stage ENGINE STAGE DIR KEYS MEMORY_BYTES
//!     one stage of one store: what the race runs as processes of their own
//! ```

mod store;
mod data;
mod meter;
mod engines;
mod stages;
mod results;
mod report;
mod race;

use std::path::{Path, PathBuf};

use race::Race;
use stages::{Sizes, Stage};
use store::{Engine, Outcome};

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["stage", engine, stage, dir, keys, memory_bytes] => {
            let sizes = Sizes { keys: keys.parse()?, memory_bytes: memory_bytes.parse()? };
            stages::run(Engine::named(engine)?, Stage::named(stage)?, Path::new(dir), sizes)
        }
        ["page", ref flags @ ..] => {
            let race = arguments(flags)?;
            report::write(&results::read(&race.results)?, &race.page)
        }
        ref flags => {
            let race = arguments(flags)?;
            race.run()?;
            report::write(&results::read(&race.results)?, &race.page)
        }
    }
}

fn arguments(flags: &[&str]) -> Outcome<Race> {
    let mut race = Race {
        sizes: Sizes { keys: 2_000_000, memory_bytes: 256 << 20 },
        rounds: 5,
        engines: Engine::ALL.to_vec(),
        stages: Stage::ALL.to_vec(),
        dir: PathBuf::from("target/peers"),
        results: PathBuf::from("target/peers.jsonl"),
        page: PathBuf::from("docs/benchmarks.md"),
    };
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let value = flags.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match *flag {
            "--keys" => race.sizes.keys = value.parse::<u64>()?.max(20_000) / 200 * 200,
            "--rounds" => race.rounds = value.parse()?,
            "--memory-mib" => race.sizes.memory_bytes = value.parse::<u64>()? << 20,
            "--engines" => {
                race.engines = value.split(',').map(Engine::named).collect::<Outcome<_>>()?;
            }
            "--stages" => {
                race.stages = value.split(',').map(Stage::named).collect::<Outcome<_>>()?;
            }
            "--dir" => race.dir = PathBuf::from(value),
            "--results" => race.results = PathBuf::from(value),
            "--page" => race.page = PathBuf::from(value),
            _ => return Err(format!("unknown argument {flag}").into()),
        }
    }
    Ok(race)
}
