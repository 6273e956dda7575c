//! What the answers should be: maps that know time and operators, by the words of the
//! documentation.
//!
//! What a model can hardly know, such as numbers of commits, it leaves open: then the first option
//! set is what the others are compared with.

use std::collections::BTreeMap;
use std::rc::Rc;

use cuesta::env::sim::START_MS;

use crate::generate::numbered;
use crate::operation::{Change, End, Key, List, Move, Operation, Range, SPACES, Value, Write};

/// A value, and when it expires.
#[derive(Clone, Debug)]
pub struct Entry {
    pub value: Rc<[u8]>,
    pub expiry_ms: Option<u64>,
}

pub type Entries = BTreeMap<Key, Entry>;

/// Everything in all keyspaces.
#[derive(Clone, Debug, Default)]
pub struct Contents(pub [Entries; SPACES.len()]);

/// One entry, in an answer.
pub fn show(key: &[u8], value: &[u8]) -> String {
    let hash = value.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let key = match key.len() {
        0..=20 => key.escape_ascii().to_string(),
        len => format!("{}..{len}", key[..4].escape_ascii()),
    };
    format!("{key}={}#{:04x}", value.len(), hash as u16)
}

/// How long something has to live, in an answer.
pub fn show_left(left_ms: Option<u64>) -> String {
    left_ms.map_or(String::new(), |left| format!("@{left}"))
}

/// The first key behind all that begin with `prefix`.
pub fn behind(prefix: &[u8]) -> Option<Key> {
    let last = prefix.iter().rposition(|byte| *byte < 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// The keys that a write deletes as a range: from the first up to the second.
pub fn erased(write: &Write) -> Option<(Key, Option<Key>)> {
    match &write.change {
        Change::DeleteRange(end) => Some((write.key.clone(), Some(end.clone()))),
        Change::DeletePrefix => Some((write.key.clone(), behind(&write.key))),
        Change::Clear => Some((Key::new(), None)),
        _ => None,
    }
}

pub fn is_within(key: &[u8], start: &[u8], end: Option<&[u8]>) -> bool {
    key >= start && end.is_none_or(|end| key < end)
}

fn merged(operator: &str, base: Option<&[u8]>, operand: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap());
    let Some(base) = base else { return operand.to_vec() };
    let result = match operator {
        "add" => number(base) + number(operand),
        "max" => number(base).max(number(operand)),
        "min" => number(base).min(number(operand)),
        _ => return [base, operand].concat(),
    };
    result.to_le_bytes().to_vec()
}

/// Whether a write is not refused at once.
pub fn is_valid(write: &Write) -> bool {
    !matches!(write.change, Change::Merge(_)) || !SPACES[write.space].0.is_empty()
}

impl Contents {
    /// Does what a write that is valid does.
    pub fn apply(&mut self, write: &Write, clock_ms: u64) {
        let (operator, ttl_ms) = SPACES[write.space];
        let entries = &mut self.0[write.space];
        if let Some((start, end)) = erased(write) {
            entries.retain(|key, _| !is_within(key, &start, end.as_deref()));
            return;
        }
        let renewed = (ttl_ms > 0).then(|| clock_ms + ttl_ms);
        let found = entries.remove(&write.key).filter(|entry| entry.lives(clock_ms));
        let (value, expiry_ms): (Vec<u8>, _) = match &write.change {
            Change::Put(value) => (value.bytes(), renewed),
            Change::PutFor(value, ttl_ms) => (value.bytes(), Some(clock_ms + ttl_ms)),
            Change::Merge(operand) => {
                let base = found.as_ref().map(|entry| &entry.value[..]);
                let kept = found.as_ref().and_then(|entry| entry.expiry_ms);
                (merged(operator, base, &operand.bytes()), renewed.or(kept))
            }
            _ => return,
        };
        entries.insert(write.key.clone(), Entry { value: value.into(), expiry_ms });
    }

    /// What has not expired.
    pub fn living(&self, space: usize, clock_ms: u64) -> Vec<(&Key, &Entry)> {
        self.0[space].iter().filter(|(_, entry)| entry.lives(clock_ms)).collect()
    }

    /// What has not expired in a range.
    pub fn within(&self, space: usize, range: &Range, clock_ms: u64) -> Vec<(&Key, &Entry)> {
        let mut living = self.living(space, clock_ms);
        if let Some((start, end)) = range {
            living.retain(|(key, _)| is_within(key, start, Some(end)));
        }
        living
    }

    pub fn get(&self, space: usize, key: &[u8], clock_ms: u64) -> Option<&Entry> {
        self.0[space].get(key).filter(|entry| entry.lives(clock_ms))
    }

    /// Everything, in an answer.
    fn all(&self, clock_ms: u64) -> String {
        let spaces = (0..SPACES.len()).map(|space| {
            let living = self.living(space, clock_ms);
            let entries = living.iter().map(|(key, entry)| {
                let left = entry.expiry_ms.map(|expiry_ms| expiry_ms - clock_ms);
                show(key, &entry.value) + &show_left(left)
            });
            format!("{space}: {}", entries.collect::<Vec<_>>().join(" "))
        });
        spaces.collect::<Vec<_>>().join("\n")
    }
}

impl Entry {
    fn lives(&self, clock_ms: u64) -> bool {
        self.expiry_ms.is_none_or(|expiry_ms| expiry_ms > clock_ms)
    }
}

/// What is there, what was there when snapshots were taken, and what time it is.
#[derive(Debug)]
pub struct Model {
    pub contents: Contents,
    pub clock_ms: u64,
    snapshots: Vec<(Contents, u64)>,
}

/// Most snapshots that are held.
pub const SNAPSHOTS_MAX: usize = 4;

impl Model {
    /// The answers to a list, as far as they are known.
    pub fn answers(list: &List) -> Vec<Option<String>> {
        let (contents, snapshots) = (Contents::default(), Vec::new());
        let mut model = Model { contents, clock_ms: START_MS, snapshots };
        list.operations.iter().map(|operation| model.answer(operation)).collect()
    }

    fn of(&self, of: Option<usize>) -> (&Contents, u64) {
        match of.filter(|_| !self.snapshots.is_empty()) {
            Some(n) => {
                let (contents, clock_ms) = &self.snapshots[n % self.snapshots.len()];
                (contents, *clock_ms)
            }
            None => (&self.contents, self.clock_ms),
        }
    }

    fn write(&mut self, write: &Write) -> String {
        if !is_valid(write) {
            return "Invalid".to_owned();
        }
        self.contents.apply(write, self.clock_ms);
        "done".to_owned()
    }

    fn swap(
        &mut self,
        space: usize,
        key: &[u8],
        expected: Option<Value>,
        new: Option<Value>,
    ) -> String {
        let found = self.contents.get(space, key, self.clock_ms);
        let found = found.map(|entry| entry.value.to_vec());
        if found != expected.map(|value| value.bytes()) {
            return found.map_or("differs".to_owned(), |found| show(key, &found));
        }
        let change = new.map_or(Change::Delete, Change::Put);
        self.write(&Write { space, key: key.to_vec(), change })
    }

    fn answer(&mut self, operation: &Operation) -> Option<String> {
        let answer = match operation {
            Operation::Write(write) => self.write(write),
            Operation::Batch { writes, .. } => {
                let answers: Vec<_> = writes.iter().map(|write| self.write(write)).collect();
                answers.join(" ")
            }
            Operation::Fill { space, first, count, value, ttl_ms } => {
                let put = |ttl_ms| Change::PutFor(*value, ttl_ms);
                let change = ttl_ms.map_or(Change::Put(*value), put);
                for n in 0..*count {
                    let (key, change) = (numbered(first + n), change.clone());
                    self.write(&Write { space: *space, key, change });
                }
                String::new()
            }
            Operation::Load { entries, meanwhile, end, .. } => {
                let answers = meanwhile.iter().map(|write| self.write(write)).collect::<Vec<_>>();
                if matches!(end, End::Rollback) {
                    return Some(answers.join(" ") + " dropped");
                }
                entries.iter().for_each(|write| self.contents.apply(write, self.clock_ms));
                format!("{} {}", answers.join(" "), entries.len())
            }
            Operation::Merges { space, key, count } => {
                for n in 0..*count {
                    let (space, key) = (*space, key.clone());
                    self.write(&Write { space, key, change: Change::Merge(operand(n)) });
                }
                String::new()
            }
            Operation::Swap { space, key, expected, new } => {
                self.swap(*space, key, *expected, *new)
            }
            Operation::Transact { isolation, steps, end } => self.transact(*isolation, steps, *end),
            Operation::Get(space, key) => {
                let found = self.contents.get(*space, key, self.clock_ms);
                found.map_or("nothing".to_owned(), |entry| {
                    let left = entry.expiry_ms.map(|expiry_ms| expiry_ms - self.clock_ms);
                    show(key, &entry.value) + &show_left(left)
                })
            }
            Operation::Scan { space, range, turns, of } => {
                let (contents, clock_ms) = self.of(*of);
                let entries = contents.within(*space, range, clock_ms);
                by_turns(entries.into_iter(), *turns, |(key, entry)| show(key, &entry.value))
            }
            Operation::Prefix { space, prefix } => {
                let mut entries = self.contents.living(*space, self.clock_ms);
                entries.retain(|(key, _)| key.starts_with(prefix));
                by_turns(entries.into_iter(), 0, |(key, entry)| show(key, &entry.value))
            }
            Operation::Walk { space, range, moves, of } => {
                let (contents, clock_ms) = self.of(*of);
                walk(&contents.within(*space, range, clock_ms), range, moves)
            }
            Operation::Snapshot => {
                if self.snapshots.len() == SNAPSHOTS_MAX {
                    self.snapshots.remove(0);
                }
                self.snapshots.push((self.contents.clone(), self.clock_ms));
                String::new()
            }
            Operation::ReadSnapshot(n) => {
                let (contents, clock_ms) = self.of(Some(*n));
                contents.all(clock_ms)
            }
            Operation::Forget(n) => {
                if !self.snapshots.is_empty() {
                    self.snapshots.remove(n % self.snapshots.len());
                }
                String::new()
            }
            Operation::ReadAll
            | Operation::Look
            | Operation::Checkpoint
            | Operation::Backup
            | Operation::Dump => self.contents.all(self.clock_ms),
            Operation::Pass(ms) => {
                self.clock_ms += ms;
                String::new()
            }
            Operation::Reopen => {
                self.snapshots.clear();
                self.contents.all(self.clock_ms)
            }
            Operation::Renew(space) => {
                self.contents.0[*space].clear();
                String::new()
            }
            Operation::Feed | Operation::Watch => return None,
            Operation::Flush
            | Operation::Compact
            | Operation::Settle
            | Operation::Sync
            | Operation::Work(_)
            | Operation::Rename(_)
            | Operation::StopFeed
            | Operation::Verify => String::new(),
        };
        // Looking at a database for reading closes it.
        if matches!(operation, Operation::Look) {
            self.snapshots.clear();
        }
        Some(answer)
    }
}

/// The operand of this number of [`Operation::Merges`].
pub fn operand(n: u16) -> Value {
    Value::Number(i64::from(n) - 7)
}

/// Entries by turns from both ends.
pub fn by_turns<I: DoubleEndedIterator>(
    mut entries: I,
    turns: u64,
    show: impl Fn(I::Item) -> String,
) -> String {
    let mut shown = Vec::new();
    for n in 0.. {
        let back = turns >> (n % 64) & 1 == 1;
        let Some(entry) = (if back { entries.next_back() } else { entries.next() }) else { break };
        shown.push(show(entry));
    }
    shown.join(" ")
}

/// Where a cursor is.
#[derive(Clone, Copy)]
enum Spot {
    Fresh,
    On(usize),
    Start,
    End,
}

fn walk(entries: &[(&Key, &Entry)], range: &Range, moves: &[Move]) -> String {
    let (count, mut spot, mut shown) = (entries.len(), Spot::Fresh, Vec::new());
    let first = if count > 0 { Spot::On(0) } else { Spot::End };
    let last = count.checked_sub(1).map_or(Spot::Start, Spot::On);
    for to in moves {
        spot = match (to, spot) {
            (Move::Next, Spot::Fresh | Spot::Start) => first,
            (Move::Next, Spot::On(at)) if at + 1 < count => Spot::On(at + 1),
            (Move::Next, Spot::On(_) | Spot::End) => Spot::End,
            (Move::Prev, Spot::Fresh | Spot::End) => last,
            (Move::Prev, Spot::On(at)) if at > 0 => Spot::On(at - 1),
            (Move::Prev, Spot::On(_) | Spot::Start) => Spot::Start,
            (Move::Seek(key), _) if range.as_ref().is_some_and(|(start, _)| key < start) => first,
            (Move::Seek(key), _) => {
                let at = entries.partition_point(|(entry, _)| *entry < key);
                if at < count { Spot::On(at) } else { Spot::End }
            }
            (Move::SeekBack(key), _) if range.as_ref().is_some_and(|(_, end)| key >= end) => last,
            (Move::SeekBack(key), _) => {
                let behind = entries.partition_point(|(entry, _)| *entry <= key);
                behind.checked_sub(1).map_or(Spot::Start, Spot::On)
            }
        };
        shown.push(match spot {
            Spot::On(at) => show(entries[at].0, &entries[at].1.value),
            _ => "nowhere".to_owned(),
        });
    }
    shown.join(" ")
}
