//! How much was examined, and by what kind of crash under which durability.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use cuesta_engine::env::sim::Crash;

use super::workload::Asked;

/// What was seen before, by any of those that share it.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<HashSet<u64>>>);

impl Seen {
    /// Whether this is new.
    fn insert(&self, key: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key)
    }
}

/// Totals of a run of the harness.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Workloads run.
    pub workloads: u64,
    /// Disk operations at which there was a crash.
    pub operations: u64,
    /// Images made, equal ones included.
    pub made: u64,
    /// Different images, each with what it may hold.
    pub distinct: u64,
    /// Different images of crashes in the middle of a recovery.
    pub nested: u64,
    /// Different images of crashes after a recovery and further commits.
    pub after: u64,
    /// Checkpoints and restored backups compared with the model.
    pub copies: u64,
    pairs: BTreeMap<(&'static str, Asked), u64>,
    seen: Seen,
}

impl Counts {
    /// Totals that count only what nobody has seen who shares `seen`.
    pub fn sharing(seen: &Seen) -> Counts {
        Counts { seen: seen.clone(), ..Counts::default() }
    }

    /// Adds the totals of another who shares what was seen.
    pub fn add(&mut self, other: &Counts) {
        self.workloads += other.workloads;
        self.operations += other.operations;
        self.made += other.made;
        self.distinct += other.distinct;
        self.nested += other.nested;
        self.after += other.after;
        self.copies += other.copies;
        for (pair, count) in &other.pairs {
            *self.pairs.entry(*pair).or_default() += count;
        }
    }

    /// Counts an image; whether it is a new one.
    pub fn image(&mut self, mode: Crash, asked: Asked, key: u64) -> bool {
        self.made += 1;
        let pair = (mode.name(), asked);
        if self.seen.insert(key.wrapping_mul(31).wrapping_add(hash_of(&pair))) {
            *self.pairs.entry(pair).or_default() += 1;
        }
        let is_new = self.seen.insert(key);
        self.distinct += u64::from(is_new);
        is_new
    }

    /// Counts an image of a crash in recovery; whether it is a new one.
    pub fn nested(&mut self, key: u64) -> bool {
        let is_new = self.seen.insert(key);
        self.nested += u64::from(is_new);
        is_new
    }

    /// Different images of one kind of crash under one durability.
    pub fn pair(&self, mode: Crash, asked: Asked) -> u64 {
        self.pairs.get(&(mode.name(), asked)).copied().unwrap_or(0)
    }

    /// The least number of different images of any kind of crash under any durability.
    pub fn least_pair(&self) -> u64 {
        let modes = Crash::all(0);
        let pairs = modes.iter().flat_map(|mode| Asked::ALL.map(|asked| self.pair(*mode, asked)));
        pairs.min().unwrap_or(0)
    }

    /// Databases recovered and compared with the model.
    pub fn recoveries(&self) -> u64 {
        self.distinct + self.nested + self.after
    }
}

fn hash_of(pair: &(&'static str, Asked)) -> u64 {
    let mut hasher = DefaultHasher::new();
    pair.hash(&mut hasher);
    hasher.finish()
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} workloads, crashes at {} operations: {} images, {} of them different, and {} \
             more of crashes in recovery, and {} of crashes after it",
            self.workloads, self.operations, self.made, self.distinct, self.nested, self.after
        )?;
        write!(f, "{:20}", "different images")?;
        for asked in Asked::ALL {
            write!(f, "{:>10}", asked.name())?;
        }
        for mode in Crash::all(0) {
            write!(f, "\n{:20}", mode.name())?;
            for asked in Asked::ALL {
                write!(f, "{:>10}", self.pair(mode, asked))?;
            }
        }
        writeln!(f)
    }
}
