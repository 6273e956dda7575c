//! Operations made of entries that are intact in a damaged index, handed on piece by piece.
//!
//! Invariant: where the value of a key is lost, makes no sense or is refused, the key is deleted:
//! nothing older takes its place.
//!
//! Not for: finding entries, and the order of segments.

use std::collections::BTreeMap;
use std::mem;

use cuesta_engine::error::{Error, Result};
use cuesta_engine::index::{Holes, Lost, Salvage, Taken};

use super::expiry;
use super::kind::Kind;
use super::op;
use super::operand::{Rules, Saved, saved};
use super::span::Span;

/// Bytes of operations that are handed on at once, about.
const PIECE_BYTES: usize = 256 << 10;

/// What was saved so far.
pub(crate) struct Saving<'s> {
    rules: &'s Rules,
    found: &'s mut dyn Salvage,
    /// Operations that wait to be handed on: at most one for a key.
    ops: Vec<u8>,
    /// Merges by the times of their commits. They come behind `ops`, which may have what they
    /// build on.
    later: BTreeMap<u64, Vec<u8>>,
    later_bytes: usize,
    /// Keys of which something is lost so far.
    holes: Holes,
}

impl<'s> Saving<'s> {
    /// Hands on to `found` what makes sense by `rules`.
    pub(crate) fn new(rules: &'s Rules, found: &'s mut dyn Salvage) -> Saving<'s> {
        let (ops, later, holes) = (Vec::new(), BTreeMap::new(), Holes::default());
        Saving { rules, found, ops, later, later_bytes: 0, holes }
    }

    /// Tells that what was newest of keys from `first` to `last` is lost; `None` is the end of all.
    pub(crate) fn lose_keys(&mut self, first: &[u8], last: Option<&[u8]>, why: String) {
        self.holes.add(first, last);
        let what = Lost::Keys { first: first.to_vec(), last: last.map(<[u8]>::to_vec) };
        self.found.lost(what, why);
    }

    /// Tells that range deletes within `span` are lost.
    pub(crate) fn lose_deletes(&mut self, span: Span, why: String) {
        self.found.lost(Lost::Deletes { first: span.start, end: span.end }, why);
    }

    /// Deletes a range of keys in all that is older.
    ///
    /// # Errors
    /// `Invalid` for keys that are too long.
    pub(crate) fn delete_range(&mut self, span: &Span) -> Result<()> {
        op::delete_range(&mut self.ops, &span.start, span.end())
    }

    /// Tells that the value of a key is lost.
    fn lose_value(&mut self, key: &[u8], why: String) {
        self.holes.add(key, Some(key));
        self.found.lost(Lost::Value { key: key.to_vec() }, why);
    }

    /// Takes in an entry; if it makes no sense, its key is deleted.
    ///
    /// # Errors
    /// What handing on fails with.
    pub(crate) fn entry_or_delete(&mut self, key: &[u8], kind: Kind, stored: &[u8]) -> Result<()> {
        let ops = self.ops.len();
        if let Err(error) = self.entry(key, kind, stored) {
            self.ops.truncate(ops);
            self.lose_value(key, error.to_string());
            // No key that could not be deleted has anything older.
            drop(op::delete(&mut self.ops, key));
        }
        if self.ops.len() + self.later_bytes >= PIECE_BYTES { self.hand_on() } else { Ok(()) }
    }

    /// As [`Saving::entry_or_delete`], of an entry whose stored bytes lie elsewhere, if they are
    /// there.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn found_apart(
        &mut self,
        key: &[u8],
        kind: Kind,
        stored: Result<impl AsRef<[u8]>>,
    ) -> Result<()> {
        match stored {
            Ok(stored) => self.entry_or_delete(key, kind, stored.as_ref()),
            Err(error) => {
                self.lose_value(key, error.to_string());
                self.entry_or_delete(key, Kind::Delete, &[])
            }
        }
    }

    fn entry(&mut self, key: &[u8], kind: Kind, stored: &[u8]) -> Result<()> {
        match kind {
            Kind::Put => op::put(&mut self.ops, key, stored),
            Kind::Delete => op::delete(&mut self.ops, key),
            Kind::Expiring => {
                let (expiry_ms, value) = expiry::split(stored)?;
                op::put_expiring(&mut self.ops, key, value, expiry_ms)
            }
            Kind::Blob => Err(Error::corrupt("an entry that points to nothing")),
            Kind::Merge => self.merge(key, stored),
        }
    }

    fn merge(&mut self, key: &[u8], stored: &[u8]) -> Result<()> {
        let Saved { base, operands } = saved(stored, self.rules)?;
        let later = operands.iter().map(|operand| {
            let mut ops = Vec::new();
            op::merge(&mut ops, key, &operand.bytes).map(|()| (operand.clock_ms, ops))
        });
        let later = later.collect::<Result<Vec<_>>>()?;
        match base {
            None => {
                if self.holes.hold(key) {
                    let why = "it may lie in what is lost".to_owned();
                    self.found.lost(Lost::Base { key: key.to_vec() }, why);
                } else if operands.iter().any(|operand| operand.has_doubt) {
                    let why = "it may have expired between operands that are one now".to_owned();
                    self.found.lost(Lost::Base { key: key.to_vec() }, why);
                }
            }
            Some(None) => op::delete(&mut self.ops, key)?,
            Some(Some((value, None))) => op::put(&mut self.ops, key, &value)?,
            Some(Some((value, Some(at)))) => op::put_expiring(&mut self.ops, key, &value, at)?,
        }
        for (clock_ms, ops) in later {
            self.later_bytes += ops.len();
            self.later.entry(clock_ms).or_default().extend_from_slice(&ops);
        }
        Ok(())
    }

    /// Hands on what waits.
    ///
    /// # Errors
    /// What `found` fails with.
    pub(crate) fn hand_on(&mut self) -> Result<()> {
        let ops = mem::take(&mut self.ops);
        if !ops.is_empty() {
            self.hand_over(0, &ops)?;
        }
        self.later_bytes = 0;
        for (clock_ms, ops) in mem::take(&mut self.later) {
            self.hand_over(clock_ms, &ops)?;
        }
        Ok(())
    }

    /// Hands on operations; of those that are refused, only what cannot be taken by itself is lost.
    fn hand_over(&mut self, clock_ms: u64, ops: &[u8]) -> Result<()> {
        let taken = self.found.operations_at(clock_ms, ops)?;
        let Taken::Nothing(error) = taken else { return Ok(()) };
        match middle(ops) {
            Some(middle) => {
                let (front, back) = ops.split_at(middle);
                self.hand_over(clock_ms, front)?;
                self.hand_over(clock_ms, back)
            }
            None => self.refused(ops, &error),
        }
    }

    /// Tells of an operation that is refused, and deletes its key.
    fn refused(&mut self, op: &[u8], error: &Error) -> Result<()> {
        match op::Ops::new(op).next() {
            Some(Ok(op::Op::DeleteRange { start, end })) => {
                let (first, end) = (start.to_vec(), end.map(<[u8]>::to_vec));
                self.found.lost(Lost::Deletes { first, end }, error.to_string());
            }
            Some(Ok(op::Op::Delete { key })) => self.lose_keys(key, Some(key), error.to_string()),
            Some(Ok(op)) => {
                let mut delete = Vec::new();
                op::delete(&mut delete, op.key())?;
                match self.found.operations(&delete)? {
                    Taken::All => self.lose_value(op.key(), error.to_string()),
                    Taken::Nothing(_) => {
                        self.lose_keys(op.key(), Some(op.key()), error.to_string())
                    }
                }
            }
            Some(Err(_)) | None => {
                let why = format!("{} bytes of operations: {error}", op.len());
                self.found.lost(Lost::Other, why);
            }
        }
        Ok(())
    }
}

/// Where about half of operations end, if there is more than one.
fn middle(ops: &[u8]) -> Option<usize> {
    let (mut walk, mut middle) = (op::Ops::new(ops), 0);
    while middle < ops.len() / 2
        && let Some(Ok(_)) = walk.next()
        && walk.offset() < ops.len()
    {
        middle = walk.offset();
    }
    Some(middle).filter(|middle| *middle > 0)
}

/// Tells the keys whose older values matter to operations, as far as these make sense.
pub(crate) fn builds_on(ops: &[u8], tell: &mut dyn FnMut(&[u8])) {
    for op in op::Ops::new(ops) {
        match op {
            Ok(op::Op::Merge { key, .. }) => tell(key),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
