//! Where a cursor should stand.

use std::ops::Bound;

use crate::model::choice::{Move, Range};
use crate::model::contents::Entries;

/// The entries of a map that lie in a range; none when it is upside down.
pub fn within(entries: &Entries, range: &Range) -> Vec<(Vec<u8>, Vec<u8>)> {
    let inside = |key: &[u8]| above(key, &range.0) && below(key, &range.1);
    let inside = entries.iter().filter(|(key, _)| inside(key));
    inside.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn above(key: &[u8], lower: &Bound<Vec<u8>>) -> bool {
    match lower {
        Bound::Unbounded => true,
        Bound::Included(bound) => key >= &bound[..],
        Bound::Excluded(bound) => key > &bound[..],
    }
}

fn below(key: &[u8], upper: &Bound<Vec<u8>>) -> bool {
    match upper {
        Bound::Unbounded => true,
        Bound::Included(bound) => key <= &bound[..],
        Bound::Excluded(bound) => key < &bound[..],
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    Fresh,
    On(usize),
    Start,
    End,
}

/// A cursor over a copy of a map.
#[derive(Clone, Debug)]
pub struct Walk {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    range: Range,
    spot: Spot,
}

impl Walk {
    /// A cursor that has not moved.
    pub fn new(entries: &Entries, range: Range) -> Walk {
        Walk { entries: within(entries, &range), range, spot: Spot::Fresh }
    }

    /// Where it goes.
    pub fn go(&mut self, to: &Move) -> Option<&(Vec<u8>, Vec<u8>)> {
        let count = self.entries.len();
        let first = if count > 0 { Spot::On(0) } else { Spot::End };
        let last = if count > 0 { Spot::On(count - 1) } else { Spot::Start };
        self.spot = match (to, self.spot) {
            (Move::Next, Spot::Fresh | Spot::Start) => first,
            (Move::Next, Spot::On(at)) if at + 1 < count => Spot::On(at + 1),
            (Move::Next, Spot::On(_) | Spot::End) => Spot::End,
            (Move::Prev, Spot::Fresh | Spot::End) => last,
            (Move::Prev, Spot::On(at)) if at > 0 => Spot::On(at - 1),
            (Move::Prev, Spot::On(_) | Spot::Start) => Spot::Start,
            (Move::Seek(key), _) if !above(key, &self.range.0) => first,
            (Move::Seek(key), _) => {
                let at = self.entries.partition_point(|(entry, _)| entry < key);
                if at < count { Spot::On(at) } else { Spot::End }
            }
            (Move::SeekBack(key), _) if !below(key, &self.range.1) => last,
            (Move::SeekBack(key), _) => {
                let after = self.entries.partition_point(|(entry, _)| entry <= key);
                after.checked_sub(1).map_or(Spot::Start, Spot::On)
            }
        };
        match self.spot {
            Spot::On(at) => self.entries.get(at),
            _ => None,
        }
    }

    /// After an error it is as if it had not moved.
    pub fn reset(&mut self) {
        self.spot = Spot::Fresh;
    }
}
