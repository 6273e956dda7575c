//! Entries of a document, sorted, in one piece of memory; and how those of two documents differ.

use std::cmp::Ordering;
use std::ops::Range;

/// Keys and values, in order of keys once they are settled.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    bytes: Vec<u8>,
    places: Vec<(Range<usize>, Range<usize>)>,
}

/// What has to be done to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference<'e> {
    Remove(&'e [u8]),
    Put(&'e [u8], &'e [u8]),
}

impl Entries {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// Appends an entry: `write` appends its key and value to the bytes, and says where the value
    /// begins.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> usize) {
        let start = self.bytes.len();
        let middle = write(&mut self.bytes);
        self.places.push((start..middle, middle..self.bytes.len()));
    }

    /// Brings them in order; of several with one key the first stays.
    pub(super) fn settle(&mut self) {
        if self.places.len() > 1 {
            let bytes = &self.bytes;
            self.places.sort_by(|a, b| of(bytes, &a.0).cmp(of(bytes, &b.0)));
            self.places.dedup_by(|a, b| of(bytes, &a.0) == of(bytes, &b.0));
        }
    }

    /// Keys and values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|(key, value)| (of(&self.bytes, key), of(&self.bytes, value)))
    }

    /// What makes `self` out of `old`.
    pub(crate) fn differences<'e>(&'e self, old: &'e Entries) -> Vec<Difference<'e>> {
        let (mut new, mut old) = (self.iter().peekable(), old.iter().peekable());
        let mut found = Vec::new();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return found,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.0.cmp(new.0),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            match (before, after) {
                (Some((key, _)), None) => found.push(Difference::Remove(key)),
                (before, Some((key, value))) => {
                    if before.is_none_or(|(_, before)| before != value) {
                        found.push(Difference::Put(key, value));
                    }
                }
                (None, None) => return found,
            }
        }
    }
}

fn of<'b>(bytes: &'b [u8], place: &Range<usize>) -> &'b [u8] {
    bytes.get(place.clone()).unwrap_or_default()
}
