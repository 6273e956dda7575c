//! What a list consists of: data alone, so that it can be printed, shortened and run again.

use std::fmt;

use cuesta::{Durability, Isolation};

/// Merge operator and time to live, in milliseconds, of each keyspace.
pub const SPACES: [(&str, u64); 7] =
    [("", 0), ("add", 0), ("append", 0), ("max", 30), ("min", 0), ("", 25), ("append", 40)];

/// Operations, and what they follow from.
#[derive(Clone, Debug)]
pub struct List {
    pub seed: u64,
    pub operations: Vec<Operation>,
}

impl List {
    /// Operations, those inside of others included.
    #[cfg(feature = "planted-bugs")]
    pub fn size(&self) -> usize {
        self.operations.iter().map(Operation::size).sum()
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operations.iter().enumerate().try_for_each(|(n, op)| writeln!(f, "{n}: {op:?}"))
    }
}

/// A value. Printed it is short, however long it is.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    Number(i64),
    /// So many bytes, all the same.
    Plain(usize, u8),
    /// So many bytes that cannot be compressed.
    Noise(usize, u8),
}

impl Value {
    pub fn bytes(&self) -> Vec<u8> {
        match *self {
            Value::Number(n) => n.to_le_bytes().to_vec(),
            Value::Plain(len, byte) => vec![byte; len],
            Value::Noise(len, seed) => {
                let mut random = cuesta::env::sim::Random::new(u64::from(seed));
                (0..len).map(|_| random.next_u64() as u8).collect()
            }
        }
    }
}

pub type Key = Vec<u8>;

#[derive(Clone, Debug)]
pub enum Change {
    Put(Value),
    PutFor(Value, u64),
    Delete,
    Merge(Value),
    /// Up to a key.
    DeleteRange(Key),
    DeletePrefix,
    Clear,
}

#[derive(Clone, Debug)]
pub struct Write {
    pub space: usize,
    pub key: Key,
    pub change: Change,
}

/// The keys from one up to another; all of them without.
pub type Range = Option<(Key, Key)>;

/// A movement of a cursor.
#[derive(Clone, Debug)]
pub enum Move {
    Next,
    Prev,
    Seek(Key),
    SeekBack(Key),
}

#[derive(Clone, Debug)]
pub enum Step {
    Write(Write),
    Get(usize, Key),
    Scan {
        space: usize,
        range: Range,
        backwards: bool,
    },
    Savepoint,
    RollbackTo(usize),
    Release(usize),
    /// A write of somebody else meanwhile.
    Outside(Write),
}

#[derive(Clone, Copy, Debug)]
pub enum End {
    Commit,
    Submit,
    Rollback,
}

/// Whether a commit is waited for at once or by its handle.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Commit,
    Handle,
}

/// How keys get past the log.
#[derive(Clone, Copy, Debug)]
pub enum By {
    Load,
    /// In prepared files of so many keys.
    Files(usize),
}

#[derive(Clone, Debug)]
pub enum Operation {
    Write(Write),
    Batch {
        writes: Vec<Write>,
        durability: Option<Durability>,
        wait: Wait,
    },
    /// Keys that follow each other, in one batch; some with a time to live.
    Fill {
        space: usize,
        first: u16,
        count: u16,
        value: Value,
        ttl_ms: Option<u64>,
    },
    /// Values of keys in their order, and what is written before they are there.
    Load {
        entries: Vec<Write>,
        by: By,
        meanwhile: Vec<Write>,
        end: End,
    },
    /// Merges of one key, one commit each.
    Merges {
        space: usize,
        key: Key,
        count: u16,
    },
    Swap {
        space: usize,
        key: Key,
        expected: Option<Value>,
        new: Option<Value>,
    },
    Transact {
        isolation: Isolation,
        steps: Vec<Step>,
        end: End,
    },
    Get(usize, Key),
    /// Entries of a range, by turns from both ends, a bit for each; of now, or of a snapshot.
    Scan {
        space: usize,
        range: Range,
        turns: u64,
        of: Option<usize>,
    },
    Prefix {
        space: usize,
        prefix: Key,
    },
    Walk {
        space: usize,
        range: Range,
        moves: Vec<Move>,
        of: Option<usize>,
    },
    Snapshot,
    ReadSnapshot(usize),
    Forget(usize),
    ReadAll,
    /// Milliseconds that pass.
    Pass(u64),
    Flush,
    Compact,
    Settle,
    Sync,
    /// Background work goes on for so many steps, where it is simulated.
    Work(u32),
    Reopen,
    /// Opens it for reading only in between.
    Look,
    /// Drops a keyspace and creates it anew.
    Renew(usize),
    Rename(usize),
    Checkpoint,
    Backup,
    Dump,
    /// What was committed since this was last asked.
    Feed,
    StopFeed,
    /// What a watch tells.
    Watch,
    Verify,
}

impl Operation {
    #[cfg(feature = "planted-bugs")]
    fn size(&self) -> usize {
        match self {
            Operation::Batch { writes, .. } => writes.len(),
            Operation::Load { entries, meanwhile, .. } => entries.len() + meanwhile.len(),
            Operation::Transact { steps, .. } => steps.len() + 1,
            Operation::Walk { moves, .. } => moves.len(),
            _ => 1,
        }
    }

    /// The same with less in it.
    pub fn smaller(&self) -> Vec<Operation> {
        fn without<T: Clone>(list: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
            let one = move |at| [&list[..at], &list[at + 1..]].concat();
            (0..list.len()).rev().map(one)
        }
        match self {
            Operation::Batch { writes, durability, wait } => {
                let (durability, wait) = (*durability, *wait);
                let batch = |writes| Operation::Batch { writes, durability, wait };
                without(writes).map(batch).collect()
            }
            Operation::Load { entries, by, meanwhile, end } => {
                let load = |entries: &[Write], meanwhile: &[Write]| {
                    let (entries, meanwhile) = (entries.to_vec(), meanwhile.to_vec());
                    Operation::Load { entries, by: *by, meanwhile, end: *end }
                };
                let fewer = without(entries).map(|entries| load(&entries, meanwhile));
                fewer.chain(without(meanwhile).map(|writes| load(entries, &writes))).collect()
            }
            Operation::Transact { isolation, steps, end } => {
                let (isolation, end) = (*isolation, *end);
                without(steps).map(|steps| Operation::Transact { isolation, steps, end }).collect()
            }
            Operation::Walk { space, range, moves, of } => {
                let walk =
                    |moves| Operation::Walk { space: *space, range: range.clone(), moves, of: *of };
                without(moves).map(walk).collect()
            }
            Operation::Fill { space, first, count, value, ttl_ms } if *count > 1 => {
                let (space, half, value, ttl_ms) = (*space, count / 2, *value, *ttl_ms);
                let fill = |first, count| Operation::Fill { space, first, count, value, ttl_ms };
                vec![fill(*first, half), fill(first + half, count - half)]
            }
            Operation::Merges { space, key, count } if *count > 1 => {
                let merges = |count| Operation::Merges { space: *space, key: key.clone(), count };
                vec![merges(count / 2), merges(count - 1)]
            }
            _ => Vec::new(),
        }
    }
}
