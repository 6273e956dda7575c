//! Brings the operations of a batch into the order and form in which they are logged.
//!
//! Not for: single operations (see [`op`](super::op)).
//!
//! Invariants
//! 1. Prepared operations are strictly ascending by key: at most one per key. (Range deletes will
//!    come before all others.)
//! 2. A prepared merge has operands of one batch alone, on whatever lies below.

use cuesta_engine::error::Result;
use cuesta_engine::format::{put_bytes, put_varint};
use cuesta_engine::index::Footprint;

use super::op::{self, Op, Ops};
use super::operand::{Pile, Rules};

#[cfg(test)]
mod tests;

/// Checks operations and brings them into order, with one for each key: the last one, merged with
/// those before if it is a merge. Adds the keys to the footprint. Operations in strictly ascending
/// order stay as they are, and nothing allocates. `now_ms` is asked where merging takes a clock.
///
/// # Errors
/// See [`Ops::next`]; `Invalid` and `Unsupported` where operands cannot be merged. `ops` are then
/// unchanged.
pub(super) fn prepare(
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
            footprint.points.push(op?.key().to_vec());
        }
    }
    Ok(())
}

/// Checks all operations and says whether they are strictly ascending by key.
fn check(ops: &[u8], rules: &Rules) -> Result<bool> {
    let (mut ascending, mut merges) = (true, false);
    let mut last: Option<&[u8]> = None;
    for op in Ops::new(ops) {
        let op = op?;
        merges |= matches!(op, Op::Merge { .. });
        let key = op.key();
        ascending &= last.is_none_or(|last| last < key);
        last = Some(key);
    }
    if merges && !rules.can_merge() {
        rules.operator()?;
    }
    Ok(ascending)
}

/// One operation for each key, by key.
fn normalised(ops: &[u8], rules: &Rules, now_ms: &dyn Fn() -> u64) -> Result<Vec<u8>> {
    let mut sorted: Vec<Placed<'_>> = Vec::new();
    let mut rest = Ops::new(ops);
    loop {
        let start = rest.offset();
        let Some(op) = rest.next() else {
            break;
        };
        let op = op?;
        let key = op.key();
        sorted.push(Placed { first: first_eight(key), key, op, start, end: rest.offset() });
    }
    sorted.sort_unstable_by(|a, b| {
        // Of one key, later operations first: the first is the one that stays.
        a.first.cmp(&b.first).then_with(|| a.key.cmp(b.key)).then(b.start.cmp(&a.start))
    });
    let mut normalised = Vec::with_capacity(sorted.iter().map(|op| op.end - op.start).sum());
    for of_key in sorted.chunk_by(|a, b| a.key == b.key) {
        let newest = &of_key[0];
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
        let one = Pile::of_logged(&operands, 0)?.combined(rules);
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
