//! Brings the operations of a batch into the order and form in which they are logged.
//!
//! Not for: single operations (see [`op`](super::op)).
//!
//! Invariants
//! 1. Prepared operations begin with range deletes, which ascend and neither overlap nor touch.
//!    All others follow, strictly ascending by key: at most one per key. They are later than the
//!    range deletes.
//! 2. A prepared merge has operands of one batch alone, on whatever lies below.

use std::collections::BinaryHeap;
use std::iter::Peekable;
use std::vec::IntoIter;

use cuesta_engine::error::Result;
use cuesta_engine::format::{put_bytes, put_varint};
use cuesta_engine::index::Footprint;

use super::op::{self, Op, Ops};
use super::operand::{Pile, Rules};
use super::span::{self, Span};

#[cfg(test)]
mod tests;

/// Checks operations and brings them into order, with one for each key: the last one, merged with
/// those before if it is a merge, and without those that a later range delete takes back. Adds what
/// they write to the footprint. Operations in order stay as they are, and nothing allocates.
/// `now_ms` is asked where merging takes a clock.
///
/// # Errors
/// See [`Ops::next`]; `Invalid` and `Unsupported` where operands cannot be merged. `ops` are then
/// unchanged.
pub(crate) fn prepare(
    ops: &mut Vec<u8>,
    rules: &Rules,
    now_ms: &dyn Fn() -> u64,
    footprint: Option<&mut Footprint>,
) -> Result<()> {
    if !check(ops, rules)? {
        *ops = normalised(ops, rules, now_ms)?;
    }
    if let Some(footprint) = footprint {
        for op in Ops::new(ops) {
            match op? {
                Op::DeleteRange { start, end } => {
                    footprint.ranges.push((start.to_vec(), end.map(<[u8]>::to_vec)));
                }
                op => footprint.points.push(op.key().to_vec()),
            }
        }
    }
    Ok(())
}

/// Checks all operations and says whether they are in order.
fn check(ops: &[u8], rules: &Rules) -> Result<bool> {
    let (mut in_order, mut merges) = (true, false);
    let mut last: Option<Op<'_>> = None;
    for op in Ops::new(ops) {
        let op = op?;
        merges |= matches!(op, Op::Merge { .. });
        in_order &= match (&last, &op) {
            (None, _) => true,
            (Some(Op::DeleteRange { end, .. }), Op::DeleteRange { start, .. }) => {
                end.is_some_and(|end| end < *start)
            }
            (Some(Op::DeleteRange { .. }), _) => true,
            (Some(_), Op::DeleteRange { .. }) => false,
            (Some(last), op) => last.key() < op.key(),
        };
        last = Some(op);
    }
    if merges && !rules.can_merge() {
        rules.operator()?;
    }
    Ok(in_order)
}

/// Range deletes, joined, then one operation for each key, by key.
fn normalised(ops: &[u8], rules: &Rules, now_ms: &dyn Fn() -> u64) -> Result<Vec<u8>> {
    let mut sorted: Vec<Placed<'_>> = Vec::new();
    let mut erased = Erased::default();
    let mut rest = Ops::new(ops);
    loop {
        let start = rest.offset();
        let Some(op) = rest.next() else {
            break;
        };
        let op = op?;
        let key = op.key();
        if let Op::DeleteRange { end, .. } = op {
            erased.ranges.push(PlacedRange { start: key, end, at: start });
            continue;
        }
        sorted.push(Placed { first: first_eight(key), key, op, start, end: rest.offset() });
    }
    sorted.sort_unstable_by(|a, b| {
        // Of one key, later operations first: the first is the one that stays.
        a.first.cmp(&b.first).then_with(|| a.key.cmp(b.key)).then(b.start.cmp(&a.start))
    });
    let mut normalised = Vec::with_capacity(sorted.iter().map(|op| op.end - op.start).sum());
    erased.put_joined(&mut normalised)?;
    let mut later = erased.later();
    for of_key in sorted.chunk_by(|a, b| a.key == b.key) {
        let deleted = later.range_over(of_key[0].key);
        let left = of_key.partition_point(|op| deleted <= Some(op.start));
        let Some((newest, _)) = of_key.split_first().filter(|_| left > 0) else { continue };
        let of_key = &of_key[..left];
        if of_key.len() > 1 && matches!(newest.op, Op::Merge { .. }) {
            merged(of_key, rules, now_ms, &mut normalised)?;
        } else {
            normalised.extend_from_slice(&ops[newest.start..newest.end]);
        }
    }
    Ok(normalised)
}

/// Appends one operation that does what merges of one key, newest first, and what lies below them
/// do.
fn merged(
    of_key: &[Placed<'_>],
    rules: &Rules,
    now_ms: &dyn Fn() -> u64,
    out: &mut Vec<u8>,
) -> Result<()> {
    let key = of_key[0].key;
    let base = of_key.iter().find(|placed| !matches!(placed.op, Op::Merge { .. }));
    let merges = of_key.iter().take_while(|placed| matches!(placed.op, Op::Merge { .. }));
    // Oldest first, each of them whole byte strings: together they are a list again.
    let lists: Vec<&[u8]> = merges.map(|placed| placed.op.entry().1).collect();
    let operands = lists.into_iter().rev().collect::<Vec<_>>().concat();
    let Some(base) = base else {
        out.push(op::MERGE);
        put_bytes(out, key);
        // They are stored with their times, whatever these will be.
        let pile = Pile::of_logged(&operands, u64::MAX)?;
        let one = pile.combined(rules);
        if one.is_none() {
            pile.check_len().map_err(|e| e.context(format_args!("key {}", key.escape_ascii())))?;
        }
        let operands = one.as_deref().unwrap_or(&operands);
        put_varint(out, operands.len() as u64);
        out.extend_from_slice(operands);
        return Ok(());
    };
    let (kind, stored) = base.op.entry();
    let mut pile = Pile::of_logged(&operands, now_ms())?;
    pile.add(kind, stored)?;
    let outcome = pile.outcome(rules);
    match outcome.map_err(|e| e.context(format_args!("key {}", key.escape_ascii())))? {
        None => op::delete(out, key),
        Some((value, None)) => op::put(out, key, &value),
        Some((value, Some(expiry_ms))) => op::put_expiring(out, key, &value, expiry_ms),
    }
}

/// A range delete, and where it was among the operations.
struct PlacedRange<'a> {
    start: &'a [u8],
    end: Option<&'a [u8]>,
    at: usize,
}

/// Range deletes of a batch.
#[derive(Default)]
struct Erased<'a> {
    ranges: Vec<PlacedRange<'a>>,
}

impl<'a> Erased<'a> {
    /// Appends them, joined where they overlap or touch.
    fn put_joined(&self, ops: &mut Vec<u8>) -> Result<()> {
        let span = |range: &PlacedRange<'_>| Span {
            start: range.start.to_vec(),
            end: range.end.map(<[u8]>::to_vec),
        };
        let mut spans: Vec<Span> = self.ranges.iter().map(span).collect();
        span::join(&mut spans);
        spans.iter().try_for_each(|span| op::delete_range(ops, &span.start, span.end.as_deref()))
    }

    /// To be asked about ascending keys.
    fn later(mut self) -> Later<'a> {
        self.ranges.sort_unstable_by(|a, b| a.start.cmp(b.start));
        Later { ranges: self.ranges.into_iter().peekable(), open: BinaryHeap::new() }
    }
}

/// Says where among the operations the last range delete over a key is.
struct Later<'a> {
    /// Those that begin behind the last key.
    ranges: Peekable<IntoIter<PlacedRange<'a>>>,
    /// Those that begin at or before it, the last operation first. Some may have ended.
    open: BinaryHeap<(usize, Option<&'a [u8]>)>,
}

impl Later<'_> {
    /// Where the last range delete over `key` is, which is not before the key asked about last.
    fn range_over(&mut self, key: &[u8]) -> Option<usize> {
        while let Some(range) = self.ranges.next_if(|range| range.start <= key) {
            self.open.push((range.at, range.end));
        }
        while let Some((at, end)) = self.open.peek() {
            if span::is_before(key, *end) {
                return Some(*at);
            }
            self.open.pop();
        }
        None
    }
}

/// An operation's key and its place.
struct Placed<'a> {
    /// Orders as the key does, but for ties.
    first: u64,
    key: &'a [u8],
    op: Op<'a>,
    start: usize,
    end: usize,
}

/// The first eight bytes, big-endian, as if zeros followed the last one.
#[inline]
fn first_eight(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = key.len().min(8);
    first[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(first)
}
