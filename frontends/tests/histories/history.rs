//! What happened: transactions that append to lists and read them.

use std::collections::BTreeMap;

use cuesta::Isolation;

/// A list, by number.
pub type Key = u32;

/// What is appended; nothing is appended twice.
pub type Element = u64;

/// One thing that a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Put an element at the end of a list.
    Append(Key, Element),
    /// Found a list so.
    Read(Key, Vec<Element>),
    /// Read all lists whose keys are given; those not found were not there.
    Scan(Vec<Key>, BTreeMap<Key, Vec<Element>>),
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    /// Nothing of it may be seen.
    Aborted,
}

/// A transaction as its client saw it.
#[derive(Clone, Debug)]
pub struct Record {
    pub isolation: Isolation,
    pub acts: Vec<Act>,
    /// Appends that it took back before it ended.
    pub taken_back: Vec<(Key, Element)>,
    pub outcome: Outcome,
    /// When it began and when its end was known, by a clock that all clients share.
    pub began: u64,
    pub ended: u64,
}

/// What all clients saw.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub records: Vec<Record>,
}

impl Record {
    pub fn is_committed(&self) -> bool {
        self.outcome == Outcome::Committed
    }

    /// Its appends, in order.
    pub fn appends(&self) -> impl Iterator<Item = (Key, Element)> {
        self.acts.iter().filter_map(|act| match act {
            Act::Append(key, element) => Some((*key, *element)),
            Act::Read(..) | Act::Scan(..) => None,
        })
    }

    /// Everything it read, with the place of the act and whether the key was found absent by a
    /// scan: what others then insert there is a phantom.
    pub fn reads(&self) -> Vec<Read<'_>> {
        let mut reads = Vec::new();
        for (place, act) in self.acts.iter().enumerate() {
            match act {
                Act::Append(..) => {}
                Act::Read(key, list) => {
                    reads.push(Read { place, key: *key, list, is_absence: false });
                }
                Act::Scan(keys, found) => {
                    for key in keys {
                        let list = found.get(key);
                        let is_absence = list.is_none();
                        let list = list.map_or(&[][..], Vec::as_slice);
                        reads.push(Read { place, key: *key, list, is_absence });
                    }
                }
            }
        }
        reads
    }

    /// What it had appended to a list before an act.
    pub fn own(&self, key: Key, place: usize) -> Vec<Element> {
        let before = self.acts.iter().take(place);
        before
            .filter_map(|act| match act {
                Act::Append(to, element) if *to == key => Some(*element),
                _ => None,
            })
            .collect()
    }
}

/// One list as a transaction read it.
#[derive(Clone, Copy, Debug)]
pub struct Read<'h> {
    pub place: usize,
    pub key: Key,
    pub list: &'h [Element],
    pub is_absence: bool,
}

impl<'h> Read<'h> {
    /// The list without what the reader had appended itself; `None` when that is not at its end.
    pub fn of_others(&self, record: &Record) -> Option<&'h [Element]> {
        self.list.strip_suffix(record.own(self.key, self.place).as_slice())
    }
}
