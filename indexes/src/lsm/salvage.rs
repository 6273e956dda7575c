//! Makes operations of what is intact in the segments of a damaged index, older ones first.
//!
//! **Order.** The manifest gives each segment its level: deeper is older, and in level 0 a lower
//! recency is. Labels of files give the level that a segment was written for; one that was moved
//! deeper since is known by what was written over it later (see [`oldest_first`]). What was loaded
//! counts as written for level 0, wherever it was put.
//!
//! Invariants:
//! 1. A block's entries are handed on whole or not at all.
//! 2. Range deletes of a segment come before its entries, and after all older segments.
//! 3. Where the value of a key is lost, makes no sense or is refused, the key is deleted: nothing
//!    older takes its place.
//!
//! Not for: where bytes lie in segments.

use std::collections::BTreeMap;
use std::mem;

use cuesta_engine::ensure_sound;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::Files;
use cuesta_engine::format::{crc32, name};
use cuesta_engine::index::{Holes, KnownBy, Lost, Remnant, Salvage, SegmentMeta, Taken};

use super::blob::Pointer;
use super::segment::{Detail, Part, Remains};
use crate::ordered::expiry;
use crate::ordered::kind::Kind;
use crate::ordered::op;
use crate::ordered::operand::{Rules, Saved, saved};
use crate::ordered::span::Span;

#[cfg(test)]
mod tests;

/// Bytes of operations that are handed on at once, about.
const PIECE_BYTES: usize = 256 << 10;

/// Hands on what is intact of `remnants`.
///
/// # Errors
/// What `found` fails with.
pub(super) fn salvage(
    remnants: &[Remnant],
    known: KnownBy,
    (files, rules): (&dyn Files, &Rules),
    found: &mut dyn Salvage,
) -> Result<()> {
    let mut segments = Vec::with_capacity(remnants.len());
    for remnant in remnants {
        match Detail::decode(&remnant.meta.detail) {
            Ok(detail) => segments.push((remnant.clone(), detail)),
            Err(error) => {
                found.lost(Lost::Keys { first: Vec::new(), last: None }, error.to_string());
            }
        }
    }
    match known {
        // Stable: those of one flush stay as they are.
        KnownBy::Manifest => segments.sort_by_key(|(_, detail)| {
            let recency = if detail.level == 0 { detail.recency } else { 0 };
            (std::cmp::Reverse(detail.level), recency)
        }),
        KnownBy::Labels => segments = oldest_first(segments),
    }
    let ties = ties(&segments);
    let (ops, later, holes) = (Vec::new(), BTreeMap::new(), Holes::default());
    let mut saving = Saving { files, rules, found, ops, later, later_bytes: 0, holes };
    for (first, last) in ties {
        saving.lose_keys(
            &first,
            &last,
            "two loads have them, and nothing tells which came last".to_owned(),
        );
    }
    for (remnant, detail) in &segments {
        saving.segment(&remnant.meta, detail)?;
    }
    Ok(())
}

type Described = (Remnant, Detail);

/// Orders segments by what their files say, which may be old: each was written for a level, and may
/// have been moved deeper since. `segments` come in the order in which they were written.
///
/// A segment is newer than those written before it for its own level or a deeper one. One that was
/// written before it for a level above is newer still, unless it was moved below meanwhile: then
/// the later one says that it lies over it. That is so for segments that meet; of others it does
/// not matter, but what lies between them may.
fn oldest_first(segments: Vec<Described>) -> Vec<Described> {
    let spans: Vec<Span> = segments.iter().map(|(_, detail)| detail.span()).collect();
    let is_above = |i: usize, j: usize| {
        let (Some(one), Some(other)) = (segments.get(i), segments.get(j)) else { return false };
        let meet = spans.get(i).zip(spans.get(j)).is_some_and(|(i, j)| i.meets(j));
        i != j && meet && if i < j { stays_above(one, other) } else { !stays_above(other, one) }
    };
    let all = 0..segments.len();
    // So many older ones each waits for.
    let count = |i| all.clone().filter(|j| is_above(i, *j)).count();
    let mut waits: BTreeMap<usize, usize> = all.clone().map(|i| (i, count(i))).collect();
    let mut order = Vec::with_capacity(segments.len());
    // In a circle, which only damage can make, the one that was written first comes first.
    while let Some(next) = waits
        .iter()
        .find(|(_, waits)| **waits == 0)
        .or_else(|| waits.first_key_value())
        .map(|(i, _)| *i)
    {
        waits.remove(&next);
        for (_, waits) in waits.iter_mut().filter(|(i, _)| is_above(**i, next)) {
            *waits = waits.saturating_sub(1);
        }
        order.extend(segments.get(next).cloned());
    }
    order
}

/// Whether a segment is newer than one that it meets and that was written later.
fn stays_above(one: &Described, other: &Described) -> bool {
    let ((remnant, earlier), (_, later)) = (one, other);
    let place = remnant.meta.extents.first().map(|extent| (extent.file, extent.offset));
    match (earlier.written(), later.written()) {
        (0, 0) => age(one) > age(other),
        (above, level) => above < level && !place.is_some_and(|place| later.over.contains(&place)),
    }
}

/// When a segment was written on top of others: the last commit that it may be of, whether it is
/// of that one, and else the one that it came after, which is but a guess (see [`ties`]).
fn age((remnant, detail): &Described) -> (u64, bool, u64) {
    match detail.recency {
        0 => (remnant.meta.newest.0, false, remnant.loaded_after.0),
        recency => (recency, true, recency),
    }
}

/// The commits that a load may be of: behind the first of these, up to the second.
#[derive(Clone, Copy)]
struct Commits(u64, u64);

impl Commits {
    fn is_known(self) -> bool {
        self.0.saturating_add(1) == self.1
    }

    /// Whether nothing tells which of two loads came last. Of those that are known by jobs alone,
    /// the one that an earlier job found is older, for that job did not find the other.
    fn may_cross(self, other: Commits) -> bool {
        match (self.is_known(), other.is_known()) {
            (false, false) => self.1 == other.1,
            (true, false) => other.0 < self.1 && self.1 < other.1,
            (false, true) => self.0 < other.1 && other.1 < self.1,
            (true, true) => false,
        }
    }
}

/// First and last keys of loads that meet, of which nothing tells which came last.
fn ties(segments: &[Described]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let is_load = |detail: &Detail| detail.recency == 0 && detail.written() == 0;
    let mut loads: Vec<(Span, Commits, &Detail)> = segments
        .iter()
        .filter(|(_, detail)| is_load(detail))
        .map(|(remnant, detail)| {
            let commits = Commits(remnant.loaded_after.0, remnant.meta.newest.0);
            (detail.span(), commits, detail)
        })
        .collect();
    // Those of one load do not meet, so that few follow before the next one begins behind.
    loads.sort_by(|(one, ..), (other, ..)| one.start.cmp(&other.start));
    let mut ties = Vec::new();
    for (i, (span, one, of_one)) in loads.iter().enumerate() {
        let rest = loads.iter().skip(i + 1);
        for (_, other, of_other) in rest.take_while(|(other, ..)| other.meets(span)) {
            if one.may_cross(*other) {
                let last = (&of_one.largest).min(&of_other.largest);
                ties.push((of_other.smallest.clone(), last.clone()));
            }
        }
    }
    ties
}

struct Saving<'s> {
    files: &'s dyn Files,
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

impl Saving<'_> {
    fn lose_keys(&mut self, first: &[u8], last: &[u8], why: String) {
        self.holes.add(first, Some(last));
        let what = Lost::Keys { first: first.to_vec(), last: Some(last.to_vec()) };
        self.found.lost(what, why);
    }

    fn lose_value(&mut self, key: &[u8], why: String) {
        self.holes.add(key, Some(key));
        self.found.lost(Lost::Value { key: key.to_vec() }, why);
    }

    fn segment(&mut self, meta: &SegmentMeta, detail: &Detail) -> Result<()> {
        let [extent] = meta.extents.as_slice() else {
            let count = meta.extents.len();
            self.lose_keys(&detail.smallest, &detail.largest, format!("{count} extents"));
            return Ok(());
        };
        let remains = Remains::find(extent, (detail.ranges.as_ref(), detail.sealed_as), self.files);
        let remains = match remains {
            Ok(remains) => remains,
            Err(error) => {
                self.lose_keys(&detail.smallest, &detail.largest, error.to_string());
                if let Some(ranges) = &detail.ranges {
                    let (first, end) = (ranges.span.start.clone(), ranges.span.end.clone());
                    self.found.lost(Lost::Deletes { first, end }, error.to_string());
                }
                return Ok(());
            }
        };
        match (&remains.ranges, &detail.ranges) {
            (Ok(spans), _) => {
                for span in spans {
                    op::delete_range(&mut self.ops, &span.start, span.end())?;
                }
                self.hand_on()?;
            }
            (Err(error), Some(ranges)) => {
                let (first, end) = (ranges.span.start.clone(), ranges.span.end.clone());
                self.found.lost(Lost::Deletes { first, end }, error.to_string());
            }
            (Err(error), None) => {
                let what = Lost::Deletes { first: detail.smallest.clone(), end: None };
                self.found.lost(what, error.to_string());
            }
        }
        let title = format!("{}, segment at {}", name::data(extent.file), extent.offset);
        self.parts(&remains, meta, detail, &title)?;
        self.hand_on()
    }

    fn parts(
        &mut self,
        remains: &Remains,
        meta: &SegmentMeta,
        detail: &Detail,
        title: &str,
    ) -> Result<()> {
        // From where on something is lost, and why.
        let mut lost: Option<(Vec<u8>, String)> = None;
        let (mut last, mut any) = (detail.smallest.clone(), false);
        for part in &remains.parts {
            let entries = match part {
                Part::Block(place) => {
                    let read = remains.entries(*place);
                    read.map_err(|e| format!("block at {}: {e}", place.offset))
                }
                Part::Lost(why) => Err(why.clone()),
            };
            match entries {
                Err(why) => {
                    lost.get_or_insert_with(|| (last.clone(), format!("{title}, {why}")));
                }
                Ok(entries) => {
                    if let Some((key, ..)) = entries.first()
                        && let Some((first, why)) = lost.take()
                    {
                        self.lose_keys(&first, key, why);
                    }
                    for (key, kind, stored) in entries {
                        self.entry_or_delete(meta, &key, kind, &stored);
                        if self.ops.len() + self.later_bytes >= PIECE_BYTES {
                            self.hand_on()?;
                        }
                        (last, any) = (key, true);
                    }
                }
            }
        }
        if let Some((first, why)) = lost
            && (last < detail.largest || !any)
        {
            self.lose_keys(&first, &detail.largest, why);
        }
        Ok(())
    }

    /// Takes in an entry; if it makes no sense, its key is deleted.
    fn entry_or_delete(&mut self, meta: &SegmentMeta, key: &[u8], kind: Kind, stored: &[u8]) {
        let ops = self.ops.len();
        if let Err(error) = self.entry(meta, key, kind, stored) {
            self.ops.truncate(ops);
            self.lose_value(key, error.to_string());
            // No key that could not be deleted has anything older.
            drop(op::delete(&mut self.ops, key));
        }
    }

    fn entry(&mut self, meta: &SegmentMeta, key: &[u8], kind: Kind, stored: &[u8]) -> Result<()> {
        match kind {
            Kind::Put => op::put(&mut self.ops, key, stored),
            Kind::Delete => op::delete(&mut self.ops, key),
            Kind::Expiring => {
                let (expiry_ms, value) = expiry::split(stored)?;
                op::put_expiring(&mut self.ops, key, value, expiry_ms)
            }
            Kind::Blob => match large(self.files, meta, stored) {
                Ok(value) => op::put(&mut self.ops, key, &value),
                Err(error) => {
                    self.lose_value(key, error.to_string());
                    op::delete(&mut self.ops, key)
                }
            },
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

    fn hand_on(&mut self) -> Result<()> {
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
            Some(Ok(op::Op::Delete { key })) => self.lose_keys(key, key, error.to_string()),
            Some(Ok(op)) => {
                let mut delete = Vec::new();
                op::delete(&mut delete, op.key())?;
                match self.found.operations(&delete)? {
                    Taken::All => self.lose_value(op.key(), error.to_string()),
                    Taken::Nothing(_) => self.lose_keys(op.key(), op.key(), error.to_string()),
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

/// The large value that an entry of a segment points to.
fn large(files: &dyn Files, meta: &SegmentMeta, pointer: &[u8]) -> Result<Vec<u8>> {
    let Pointer { file, offset, len, crc } = Pointer::decode(pointer)?;
    ensure_sound!(
        meta.blobs.iter().any(|blob| blob.file == file),
        "it lies in file {file}, which its segment does not list"
    );
    let region = files.whole(file)?;
    let value = region.load(offset, len as usize)?;
    ensure_sound!(
        crc32(&value) == crc,
        "file {file}, value at {offset}+{len} does not match its checksum"
    );
    Ok(value)
}

/// Tells the keys whose older values matter to operations, as far as these make sense.
pub(super) fn builds_on(ops: &[u8], tell: &mut dyn FnMut(&[u8])) {
    for op in op::Ops::new(ops) {
        match op {
            Ok(op::Op::Merge { key, .. }) => tell(key),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
