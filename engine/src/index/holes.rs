//! Ranges of keys of which something is lost, so that a key is looked up in few steps.
//!
//! Invariant: no two ranges share a key.
//!
//! Not for: why, or what, which reports tell.

use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};

#[cfg(test)]
mod tests;

/// Ranges of keys, joined where they meet.
#[derive(Clone, Debug, Default)]
pub struct Holes {
    /// Last keys by first keys; `None` is the end of all keys.
    ranges: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Holes {
    /// Adds the keys from `first` to `last`, these included; `None` is the end of all keys.
    ///
    /// Cost: the logarithm of the number of ranges, and what is joined.
    pub fn add(&mut self, first: &[u8], last: Option<&[u8]>) {
        if last.is_some_and(|last| last < first) {
            return;
        }
        let (mut first, mut last) = (first.to_vec(), last.map(<[u8]>::to_vec));
        while let Some((start, end)) = self.up_to(last.as_deref())
            && end.is_none_or(|end| end >= first.as_slice())
        {
            let start = start.to_vec();
            let end = self.ranges.remove(&start).flatten();
            last = last.zip(end).map(|(last, end)| last.max(end));
            first = first.min(start);
        }
        self.ranges.insert(first, last);
    }

    /// Whether `key` lies in one.
    ///
    /// Cost: the logarithm of the number of ranges.
    pub fn hold(&self, key: &[u8]) -> bool {
        self.up_to(Some(key)).is_some_and(|(_, end)| end.is_none_or(|end| end >= key))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The last range that begins at or before `key`; `None` is the end of all keys.
    fn up_to(&self, key: Option<&[u8]>) -> Option<(&[u8], Option<&[u8]>)> {
        let until = key.map_or(Unbounded, Included);
        let found = self.ranges.range::<[u8], _>((Unbounded, until)).next_back();
        found.map(|(start, end)| (start.as_slice(), end.as_deref()))
    }
}
