//! What a race left: one line of JSON for the race, then one for each row of each process.
//!
//! Of what was run twice in a round, the later counts: a round that was broken off is run again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::meter::{Line, Row};
use crate::store::{Engine, Outcome};

/// What was raced, and where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// Keys of a filled store.
    pub keys: u64,
    /// Cache and write buffers of each store.
    pub memory_bytes: u64,
    /// The day, in UTC.
    pub date: String,
    /// Processor, number of them, memory.
    pub machine: String,
    /// Kernel and file system.
    pub system: String,
    /// The compiler.
    pub compiler: String,
}

/// A line of a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The store.
    pub engine: Engine,
    /// The round, from 0.
    pub round: u32,
    /// The row or figure.
    #[serde(flatten)]
    pub line: Line,
}

/// Everything that a race left.
pub struct Results {
    /// What was raced, and where.
    pub setting: Setting,
    records: Vec<Record>,
}

/// Begins a file of results, or goes on with one of the same setting.
pub fn begin(path: &Path, setting: &Setting) -> Outcome<File> {
    if path.exists() {
        let found = read(path)?.setting;
        if (found.keys, found.memory_bytes) != (setting.keys, setting.memory_bytes) {
            return Err(format!(
                "{} has results of {} keys and {} bytes of memory: remove it, or name another \
                 with --results",
                path.display(),
                found.keys,
                found.memory_bytes
            )
            .into());
        }
        return Ok(OpenOptions::new().append(true).open(path)?);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    writeln!(file, "{}", serde_json::to_string(setting)?)?;
    Ok(file)
}

/// Adds a line.
pub fn add(file: &mut File, record: &Record) -> Outcome<()> {
    Ok(writeln!(file, "{}", serde_json::to_string(record)?)?)
}

/// Reads a file of results.
pub fn read(path: &Path) -> Outcome<Results> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = BufReader::new(file).lines();
    let setting = serde_json::from_str(&lines.next().ok_or("no results")??)?;
    let records = lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Outcome<_>>()?;
    Ok(Results { setting, records })
}

impl Results {
    /// A figure of a row of a store, by round.
    pub fn rounds(
        &self,
        engine: Engine,
        row: &str,
        figure: impl Fn(&Row) -> f64,
    ) -> BTreeMap<u32, f64> {
        let of = |record: &Record| match &record.line {
            Line::Row(found) if record.engine == engine && found.row == row => {
                Some((record.round, figure(found)))
            }
            _ => None,
        };
        self.records.iter().filter_map(of).collect()
    }

    /// A figure that is no row, by round.
    pub fn facts(&self, engine: Engine, fact: &str) -> BTreeMap<u32, f64> {
        let of = |record: &Record| match &record.line {
            Line::Fact(found) if record.engine == engine && found.fact == fact => {
                Some((record.round, found.value))
            }
            _ => None,
        };
        self.records.iter().filter_map(of).collect()
    }

    /// Rows of a store, all rounds.
    pub fn rows(&self, engine: Engine) -> impl Iterator<Item = &Row> {
        self.records.iter().filter_map(move |record| match &record.line {
            Line::Row(row) if record.engine == engine => Some(row),
            _ => None,
        })
    }

    /// The rounds in which a store got through a stage.
    pub fn ran(&self, engine: Engine, stage: &str) -> BTreeSet<u32> {
        let of = |record: &Record| match &record.line {
            Line::Ran(found) if record.engine == engine && found.ran == stage => Some(record.round),
            _ => None,
        };
        self.records.iter().filter_map(of).collect()
    }

    /// Whether anything is known of a store.
    pub fn has(&self, engine: Engine) -> bool {
        self.records.iter().any(|record| record.engine == engine)
    }
}

/// The one in the middle, or the mean of the two.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let even = values.len().is_multiple_of(2);
    Some(if even { f64::midpoint(values[middle - 1], upper) } else { upper })
}
