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

use cuesta_engine::ensure_sound;
use cuesta_engine::error::Result;
use cuesta_engine::file::Files;
use cuesta_engine::format::{crc32, name};
use cuesta_engine::index::{KnownBy, Lost, Remnant, Salvage, SegmentMeta};

use super::blob::Pointer;
use super::segment::{Detail, Part, Remains};
use crate::ordered::kind::Kind;
use crate::ordered::operand::Rules;
use crate::ordered::saving::Saving;
use crate::ordered::span::Span;

#[cfg(test)]
mod tests;

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
    let mut saving = Saving::new(rules, found);
    for (first, last) in ties {
        let why = "two loads have them, and nothing tells which came last";
        saving.lose_keys(&first, Some(&last), why.to_owned());
    }
    for (remnant, detail) in &segments {
        save_segment(&mut saving, files, &remnant.meta, detail)?;
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

fn save_segment(
    saving: &mut Saving<'_>,
    files: &dyn Files,
    meta: &SegmentMeta,
    detail: &Detail,
) -> Result<()> {
    let [extent] = meta.extents.as_slice() else {
        let count = meta.extents.len();
        saving.lose_keys(&detail.smallest, Some(&detail.largest), format!("{count} extents"));
        return Ok(());
    };
    let remains = Remains::find(extent, (detail.ranges.as_ref(), detail.sealed_as), files);
    let remains = match remains {
        Ok(remains) => remains,
        Err(error) => {
            saving.lose_keys(&detail.smallest, Some(&detail.largest), error.to_string());
            if let Some(ranges) = &detail.ranges {
                saving.lose_deletes(ranges.span.clone(), error.to_string());
            }
            return Ok(());
        }
    };
    match (&remains.ranges, &detail.ranges) {
        (Ok(spans), _) => {
            for span in spans {
                saving.delete_range(span)?;
            }
            saving.hand_on()?;
        }
        (Err(error), Some(ranges)) => {
            saving.lose_deletes(ranges.span.clone(), error.to_string());
        }
        (Err(error), None) => {
            let span = Span { start: detail.smallest.clone(), end: None };
            saving.lose_deletes(span, error.to_string());
        }
    }
    let title = format!("{}, segment at {}", name::data(extent.file), extent.offset);
    save_parts(saving, (files, meta), &remains, detail, &title)?;
    saving.hand_on()
}

fn save_parts(
    saving: &mut Saving<'_>,
    (files, meta): (&dyn Files, &SegmentMeta),
    remains: &Remains,
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
                    saving.lose_keys(&first, Some(key), why);
                }
                for (key, kind, stored) in entries {
                    if kind == Kind::Blob {
                        saving.found_apart(&key, Kind::Put, large(files, meta, &stored))?;
                    } else {
                        saving.entry_or_delete(&key, kind, &stored)?;
                    }
                    (last, any) = (key, true);
                }
            }
        }
    }
    if let Some((first, why)) = lost
        && (last < detail.largest || !any)
    {
        saving.lose_keys(&first, Some(&detail.largest), why);
    }
    Ok(())
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
