//! What the bytes of an input stand for.
//!
//! Every choice takes few bytes, and the same number of them whatever it is, as far as that goes:
//! so a changed byte changes one thing. Where the input ends, zeros follow.

use std::ops::Bound;

use arbitrary::Unstructured;
use cuesta::Durability;
use cuesta_engine::env::sim::{Crash, Fault, FaultRule, OpKind};

/// Names that keyspaces may have; the last two may not.
pub const NAMES: [&str; 5] = ["a", "b", "c", "d", ""];

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Seed of the simulation.
    pub seed: u64,
    /// Of commits that do not say.
    pub durability: Durability,
    /// Memory that snapshots may keep, in bytes.
    pub snapshot_budget: u64,
    /// Whether files are mapped.
    pub maps: bool,
    /// How large memtables, segments and logs become.
    pub sizes: Sizes,
    /// Engine, block or page size, codec, filter or how full pages are, and merge operator of
    /// keyspaces, in one number.
    pub layout: u8,
}

/// How large memtables, segments and logs become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// As with the smallest memory budget.
    Small,
    /// As small as can be, so that little data fills many levels.
    Tiny,
}

/// A key and what becomes of it.
#[derive(Clone, Debug)]
pub struct Write {
    /// Which keyspace.
    pub space: u8,
    /// The key.
    pub key: Vec<u8>,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a key.
#[derive(Clone, Debug)]
pub enum Change {
    Put(Vec<u8>),
    /// A value for so many milliseconds.
    PutFor(Vec<u8>, u64),
    Delete,
    /// An operand, where the keyspace takes them.
    Merge(Vec<u8>),
}

/// Bounds of a range.
pub type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A movement of a cursor.
#[derive(Clone, Debug)]
pub enum Move {
    Next,
    Prev,
    Seek(Vec<u8>),
    SeekBack(Vec<u8>),
}

/// Values past the log.
#[derive(Clone, Debug)]
pub struct Load {
    pub entries: Vec<Write>,
    /// The layout of files that they are prepared in, if they are.
    pub prepared: Option<u8>,
    /// What is written before the load ends.
    pub meanwhile: Option<Write>,
    pub finished: bool,
}

/// How a database ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// It is closed; snapshots live on.
    Close,
    /// All handles of it are dropped.
    Drop,
    /// The machine stops, so many parts of 256 into the last operation, or after it.
    Crash { mode: Crash, into: Option<u8> },
}

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Operation {
    Write(Write),
    /// Deletes a range of keys, or those with a prefix.
    Erase {
        space: u8,
        range: Range,
    },
    /// Keys of one keyspace that follow each other.
    Fill {
        space: u8,
        first: u8,
        count: u8,
        value: Vec<u8>,
    },
    Load(Load),
    Batch {
        writes: Vec<Write>,
        durability: Durability,
    },
    /// New values of one key, all of one length, one commit each: what a crash leaves of them in
    /// the log lies where later ones will lie.
    Series {
        space: u8,
        key: u8,
        count: u8,
        len: usize,
        durability: Durability,
    },
    Get {
        space: u8,
        key: Vec<u8>,
        of: Moment,
    },
    /// All entries of a range, by turns from both ends: a bit for each.
    Iterate {
        space: u8,
        range: Range,
        turns: u8,
        of: Moment,
    },
    Prefix {
        space: u8,
        prefix: Vec<u8>,
        turns: u8,
        of: Moment,
    },
    /// A new cursor, which is kept.
    Cursor {
        space: u8,
        range: Range,
        of: Moment,
    },
    Move {
        cursor: u8,
        moves: Vec<Move>,
    },
    Snapshot,
    CheckSnapshot(u8),
    ForgetSnapshot(u8),
    Flush,
    Compact,
    Settle,
    Sync,
    /// Steps of background work.
    Steps(u8),
    /// Milliseconds that pass.
    Pass(u8),
    Create {
        name: u8,
        layout: u8,
    },
    Rename {
        from: u8,
        to: u8,
    },
    Remove {
        name: u8,
    },
    /// Writes to and reads of a keyspace that is gone.
    UseGone(u8),
    CheckAll,
    Verify,
    Fail(FaultRule),
    Heal,
    Reopen {
        end: End,
        healed: bool,
    },
}

/// When a read is to look: now, or as of a snapshot.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    Now,
    Snapshot(u8),
}

fn byte(input: &mut Unstructured<'_>) -> u8 {
    input.arbitrary().unwrap_or_default()
}

fn one_of<T: Copy>(input: &mut Unstructured<'_>, of: &[T]) -> T {
    of[usize::from(byte(input)) % of.len()]
}

impl Settings {
    /// The settings that an input begins with.
    pub fn choose(input: &mut Unstructured<'_>) -> Settings {
        let flags = byte(input);
        Settings {
            seed: u64::from(byte(input)),
            durability: [Durability::Sync, Durability::Buffered][usize::from(flags & 1)],
            snapshot_budget: if flags & 14 == 14 { 16 << 10 } else { 64 << 20 },
            maps: flags & 16 == 0,
            sizes: if flags & 96 == 0 { Sizes::Small } else { Sizes::Tiny },
            layout: byte(input),
        }
    }
}

impl Operation {
    /// The next operation.
    pub fn choose(input: &mut Unstructured<'_>) -> Operation {
        let space = |input: &mut Unstructured<'_>| byte(input);
        match byte(input) % 64 {
            0..=11 => Operation::Write(write(input)),
            12 => Operation::Erase { space: space(input), range: range(input) },
            13..=16 => Operation::Fill {
                space: space(input),
                first: byte(input),
                count: byte(input) % 64,
                value: value(input),
            },
            17 | 18 => Operation::Series {
                space: space(input),
                key: byte(input) % 4,
                count: 1 + byte(input) % 6,
                len: one_of(input, &[4, 600, 1500]),
                durability: durability(input),
            },
            19..=22 => {
                let durability = durability(input);
                let count = byte(input) % 8;
                Operation::Batch { writes: (0..count).map(|_| write(input)).collect(), durability }
            }
            23..=26 => Operation::Get { space: space(input), key: key(input), of: moment(input) },
            27..=29 => Operation::Iterate {
                space: space(input),
                range: range(input),
                turns: byte(input),
                of: moment(input),
            },
            30 => Operation::Prefix {
                space: space(input),
                prefix: key(input),
                turns: byte(input),
                of: moment(input),
            },
            31 | 32 => {
                Operation::Cursor { space: space(input), range: range(input), of: moment(input) }
            }
            33..=36 => {
                let cursor = byte(input);
                let count = 1 + byte(input) % 8;
                Operation::Move { cursor, moves: (0..count).map(|_| step(input)).collect() }
            }
            37 | 38 => Operation::Snapshot,
            39 | 40 => Operation::CheckSnapshot(byte(input)),
            41 => Operation::ForgetSnapshot(byte(input)),
            42..=44 => Operation::Flush,
            45 | 46 => Operation::Compact,
            47 => [Operation::Settle, Operation::Sync][usize::from(byte(input) & 1)].clone(),
            48 => Operation::Steps(byte(input)),
            49 => Operation::Pass(byte(input)),
            50 | 51 => Operation::Create { name: byte(input), layout: byte(input) },
            52 => Operation::Rename { from: byte(input), to: byte(input) },
            53 => Operation::Remove { name: byte(input) },
            54 => Operation::UseGone(byte(input)),
            55 => Operation::CheckAll,
            56 => Operation::Verify,
            57 | 58 => Operation::Fail(fault(input)),
            59 => Operation::Heal,
            60 => {
                let (flags, layout) = (byte(input), byte(input));
                let count = flags >> 4;
                Operation::Load(Load {
                    entries: (0..=count).map(|_| write(input)).collect(),
                    prepared: (flags & 3 == 3).then_some(layout),
                    meanwhile: (flags & 4 != 0).then(|| write(input)),
                    finished: flags & 8 == 0 || flags & 3 == 0,
                })
            }
            _ => Operation::Reopen { end: end(input), healed: !byte(input).is_multiple_of(4) },
        }
    }
}

fn write(input: &mut Unstructured<'_>) -> Write {
    let space = byte(input);
    let key = key(input);
    let kind = byte(input);
    let change = match (kind % 4, kind / 32) {
        (0, _) => Change::Delete,
        (_, 6) => Change::PutFor(value(input), u64::from(kind / 4 % 8) * 5),
        (_, 7) => Change::Merge(value(input)),
        _ => Change::Put(value(input)),
    };
    Write { space, key, change }
}

/// A key: mostly one of few, so that operations meet.
fn key(input: &mut Unstructured<'_>) -> Vec<u8> {
    let (kind, n) = (byte(input), byte(input));
    match kind % 16 {
        0 => Vec::new(),
        1..=8 => numbered(n),
        9 | 10 => vec![n],
        11 => vec![[0, b'a', 0xff][usize::from(n % 3)]; usize::from(n / 3) % 12],
        12 => [numbered(n), vec![0]].concat(),
        13 => vec![b'k'; 200 + usize::from(n)],
        14 => vec![[b'l', 0xff][usize::from(n & 1)]; 16 * usize::from(n)],
        _ => input.bytes(usize::from(n % 16).min(input.len())).unwrap_or_default().to_vec(),
    }
}

/// The key of this number, as [`Operation::Fill`] writes them.
pub fn numbered(n: u8) -> Vec<u8> {
    format!("key/{n:03}").into_bytes()
}

/// A value: mostly short. Its bytes follow from two of the input's.
fn value(input: &mut Unstructured<'_>) -> Vec<u8> {
    let (kind, n) = (byte(input), byte(input));
    let len = match kind % 32 {
        0..=19 => usize::from(n % 24),
        20..=27 => 4 * usize::from(n),
        28 | 29 => 16 * usize::from(n),
        30 => 400 + usize::from(n),
        _ => 160 * usize::from(n),
    };
    if kind & 0x80 == 0 {
        return vec![n; len];
    }
    let noise = |i: usize| (i * 167 + usize::from(n)).wrapping_mul(0x9e37_79b9) >> 16;
    (0..len).map(|i| noise(i) as u8).collect()
}

fn range(input: &mut Unstructured<'_>) -> Range {
    let kinds = byte(input);
    let bound = |kind: u8, input: &mut Unstructured<'_>| match kind % 4 {
        0 => Bound::Unbounded,
        1 => Bound::Excluded(key(input)),
        _ => Bound::Included(key(input)),
    };
    (bound(kinds, input), bound(kinds / 4, input))
}

fn step(input: &mut Unstructured<'_>) -> Move {
    match byte(input) % 8 {
        0..=2 => Move::Next,
        3..=5 => Move::Prev,
        6 => Move::Seek(key(input)),
        _ => Move::SeekBack(key(input)),
    }
}

fn moment(input: &mut Unstructured<'_>) -> Moment {
    match byte(input) {
        n if n % 4 == 3 => Moment::Snapshot(n / 4),
        _ => Moment::Now,
    }
}

fn durability(input: &mut Unstructured<'_>) -> Durability {
    use Durability::{Buffered, Interval, None, Sync};
    one_of(input, &[Sync, Interval, Buffered, None])
}

fn end(input: &mut Unstructured<'_>) -> End {
    let (kind, n) = (byte(input), byte(input));
    match kind % 8 {
        0 | 1 => End::Close,
        2 => End::Drop,
        3 | 4 => End::Crash { mode: Crash::LoseUnsynced, into: None },
        _ => {
            let modes = Crash::all(u64::from(n));
            let mode = modes[usize::from(kind / 8) % modes.len()];
            End::Crash { mode, into: (kind % 8 == 7).then_some(n) }
        }
    }
}

/// A fault; bits are turned over in data files alone, since a log that was written last and cannot
/// be read any more is the same as one that was torn.
fn fault(input: &mut Unstructured<'_>) -> FaultRule {
    use OpKind::{
        Allocate, Any, Create, Link, Open, Read, Remove, Rename, Stat, Sync, SyncDir, Write,
    };
    let nth = 1 + u64::from(byte(input) % 32);
    let (kind, n) = (byte(input), byte(input));
    let on = one_of(input, &["", ".log", ".seg", "manifest"]);
    let rule = match kind % 16 {
        0 => FaultRule::nth(nth, Any, Fault::Eio).on(on),
        1 | 2 => FaultRule::nth(nth, Write, Fault::Eio).on(on),
        3 => FaultRule::nth(nth, Any, Fault::Enospc).on(on),
        4 => FaultRule::nth(nth, Write, Fault::ShortWrite).on(on),
        5 => FaultRule::nth(nth, Read, Fault::ShortRead).on(on),
        6 => FaultRule::nth(nth, Sync, Fault::SyncFailPagesDropped).on(on),
        7 => FaultRule::nth(nth, Sync, Fault::SyncFailPagesKept).on(on),
        8 => FaultRule::nth(nth, Read, Fault::Eio).on(on),
        9 | 10 => FaultRule::nth(nth, Read, Fault::BitFlip(u64::from(n) * 977)).on(".seg"),
        11 => FaultRule::nth(nth, Allocate, Fault::Enospc).on(on),
        kind => {
            let call = [Open, Create, Rename, Link, Remove, SyncDir, Stat][usize::from(n % 7)];
            assert!(kind > 11);
            FaultRule::nth(nth, call, Fault::Eio).on(on)
        }
    };
    if kind & 0x80 == 0 { rule } else { rule.sticky() }
}
