//! Checks a whole segment: every checksum, every order, every count, every promise of the index,
//! the filter and the manifest.

use std::collections::BTreeMap;
use std::fmt;

use cuesta_engine::FileId;
use cuesta_engine::error::{ErrorKind, Result};

use super::facts::Facts;
use super::format::{Place, Ranges};
use super::reader::{Fill, Segment};
use crate::lsm::blob::Pointer;
use crate::lsm::block::{Frame, Interval, KEY_BYTES_MAX};
use crate::lsm::filter;
use crate::ordered::kind::Kind;
use crate::ordered::span::Span;

/// Blocks with their separators, in order.
type Listing = Vec<(Place, Vec<u8>)>;

/// What was counted on the way.
#[derive(Default)]
struct Seen {
    blocks: u32,
    leaves: u32,
    entries: u64,
    tombstones: u64,
    key_bytes: u64,
    value_bytes: u64,
    /// Bytes pointed to, by file.
    blobs: BTreeMap<FileId, u64>,
    facts: Facts,
    /// Where the block before ends, and so this one must begin.
    end: u64,
    last: Option<Vec<u8>>,
}

/// Reports every problem of `segment`, and goes on where it can. Reads all of it, past the cache.
///
/// # Errors
/// Only what prevents checking, such as `Io`.
pub(in crate::lsm) fn verify(segment: &Segment, report: &mut dyn FnMut(String)) -> Result<()> {
    let mut check = Check { segment, report, seen: Seen::default() };
    if let Some(places) = check.index()? {
        for (place, separator) in places {
            check.data(place, &separator)?;
        }
        check.counts();
    }
    check.filter()?;
    check.ranges()?;
    check.properties()
}

struct Check<'c> {
    segment: &'c Segment,
    report: &'c mut dyn FnMut(String),
    seen: Seen,
}

impl Check<'_> {
    fn problem(&mut self, problem: impl fmt::Display) {
        (self.report)(problem.to_string());
    }

    /// The result, or `None` after reporting damage; other errors end the check.
    fn sound<R>(&mut self, result: Result<R>) -> Result<Option<R>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e) if matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
                self.problem(e);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Every data block with its separator, in order.
    fn index(&mut self) -> Result<Option<Listing>> {
        let footer = &self.segment.footer;
        let Some(root) = self.sound(self.listed(footer.root_place(), footer.depth - 1))? else {
            return Ok(None);
        };
        if footer.depth == 1 {
            return Ok(Some(root));
        }
        let mut places = Vec::new();
        let mut ordinal = footer.blocks;
        for (place, separator) in root {
            if place.ordinal != ordinal {
                self.problem(format!(
                    "index block {} stands where {ordinal} should",
                    place.ordinal
                ));
            }
            ordinal = ordinal.wrapping_add(1);
            self.seen.leaves += 1;
            let Some(listed) = self.sound(self.listed(place, 0))? else { continue };
            if listed.last().is_some_and(|(_, last)| *last != separator) {
                self.problem(format!("the root gives block {} a wrong separator", place.ordinal));
            }
            places.extend(listed);
        }
        Ok(Some(places))
    }

    fn listed(&self, place: Place, level: u8) -> Result<Listing> {
        let (body, frame) = self.segment.index_body(place, level, Fill::Pass)?;
        let entry = |i| Ok((frame.place(body.bytes(), i)?, frame.separator(body.bytes(), i)?));
        (0..frame.count).map(entry).collect()
    }

    fn data(&mut self, place: Place, separator: &[u8]) -> Result<()> {
        if place.ordinal != self.seen.blocks || place.offset != self.seen.end {
            let (ordinal, offset) = (place.ordinal, place.offset);
            self.problem(format!("block {ordinal} at {offset} does not follow the one before"));
        }
        self.seen.blocks = place.ordinal.wrapping_add(1);
        self.seen.end = place.offset + place.len;
        let walked = self.walk(place);
        self.sound(walked)?;
        if self.seen.last.as_deref().is_some_and(|last| last > separator) {
            self.problem(format!("block {} holds keys after its separator", place.ordinal));
        }
        // The next block's keys must come after the separator, not only after the last key.
        self.seen.last = Some(separator.to_vec());
        Ok(())
    }

    fn walk(&mut self, place: Place) -> Result<()> {
        let body = self.segment.data_body(place, Fill::Pass)?;
        let bytes = body.bytes();
        let frame = Frame::parse(bytes).map_err(|e| self.segment.located(place, e))?;
        let mut interval = Interval::default();
        interval.first(&frame, bytes).map_err(|e| self.segment.located(place, e))?;
        let (mut count, mut value_end) = (0u32, interval.value().start);
        loop {
            let key = interval.key().to_vec();
            if self.seen.last.as_ref().is_some_and(|last| *last >= key) {
                let key = key.escape_ascii();
                self.problem(format!("block {}: key {key} is out of order", place.ordinal));
            }
            if interval.value().start != value_end {
                self.problem(format!("block {}: a gap between values", place.ordinal));
            }
            let found = frame.find(bytes, &key);
            let found = found.map_err(|e| self.segment.located(place, e))?;
            if found.is_none_or(|found| found.value != interval.value()) {
                let key = key.escape_ascii();
                self.problem(format!("block {}: key {key} cannot be found", place.ordinal));
            }
            if !self.segment.may_hold(filter::hash(&key))? {
                self.problem(format!("the filter denies key {}", key.escape_ascii()));
            }
            let detail = self.segment.detail();
            if key < detail.smallest || key > detail.largest {
                self.problem(format!("key {} is outside the range", key.escape_ascii()));
            }
            if interval.kind() == Kind::Blob {
                let pointer = bytes.get(interval.value()).unwrap_or_default();
                self.large(place, &key, pointer)?;
            }
            value_end = interval.value().end;
            count = count.saturating_add(1);
            self.seen.entries += 1;
            self.seen.tombstones += u64::from(interval.kind() == Kind::Delete);
            let stored = bytes.get(interval.value()).unwrap_or_default();
            self.seen.facts.add(interval.kind(), stored)?;
            self.seen.key_bytes += key.len() as u64;
            self.seen.value_bytes += interval.value().len() as u64;
            self.seen.last = Some(key);
            if !interval.next(&frame, bytes).map_err(|e| self.segment.located(place, e))? {
                break;
            }
        }
        if count != frame.count() || value_end != bytes.len() {
            self.problem(format!("block {}: {count} entries do not fill it", place.ordinal));
        }
        Ok(())
    }

    /// Checks a large value.
    fn large(&mut self, place: Place, key: &[u8], pointer: &[u8]) -> Result<()> {
        let checked = Pointer::decode(pointer).and_then(|pointer| {
            *self.seen.blobs.entry(pointer.file).or_default() += u64::from(pointer.len);
            self.segment.check_large(&pointer)
        });
        let key = key.escape_ascii();
        let named = checked.map_err(|e| e.context(format_args!("value of key {key}")));
        self.sound(named.map_err(|e| self.segment.located(place, e)))?;
        Ok(())
    }

    fn counts(&mut self) {
        let footer = self.segment.footer;
        let counted = [
            ("data blocks", u64::from(self.seen.blocks), u64::from(footer.blocks)),
            ("index blocks", u64::from(self.seen.leaves), u64::from(footer.leaves)),
            ("entries", self.seen.entries, footer.entries),
            ("deletes", self.seen.tombstones, footer.tombstones),
        ];
        for (what, seen, said) in counted {
            if seen != said {
                self.problem(format!("{seen} {what}, and the footer says {said}"));
            }
        }
        let said = self.segment.blob_files().map(|(file, live_bytes, _)| (file, live_bytes));
        if !said.eq(std::mem::take(&mut self.seen.blobs)) {
            self.problem("the manifest states wrong sizes of large values");
        }
    }

    /// Filter blocks that no key of the segment led to.
    fn filter(&mut self) -> Result<()> {
        for chunk in 0..self.segment.footer.chunks() {
            let checked = self.segment.body(self.segment.footer.chunk_place(chunk), Fill::Pass);
            let checked = checked.map(drop);
            self.sound(checked)?;
        }
        Ok(())
    }

    /// The range block: its order, its count, and that the manifest's range holds it.
    fn ranges(&mut self) -> Result<()> {
        let spans = self.segment.spans(Fill::Pass);
        let Some(spans) = self.sound(spans)? else { return Ok(()) };
        let seen = spans.first().zip(spans.last()).map(|(first, last)| Ranges {
            count: spans.len() as u64,
            span: Span { start: first.start.clone(), end: last.end.clone() },
        });
        if seen != self.segment.detail().ranges {
            self.problem("the manifest and the segment disagree on its range deletes");
        }
        let long = |border: &[u8]| border.len() > KEY_BYTES_MAX;
        let too_long = |s: &Span| long(&s.start) || long(s.end.as_deref().unwrap_or_default());
        if spans.iter().any(too_long) {
            self.problem("a range delete has a border that is longer than any key");
        }
        Ok(())
    }

    fn properties(&mut self) -> Result<()> {
        let properties = self.segment.properties(Fill::Pass);
        let Some(properties) = self.sound(properties)? else { return Ok(()) };
        let detail = self.segment.detail();
        let same = properties.smallest == detail.smallest && properties.largest == detail.largest;
        if !same {
            self.problem("the manifest and the segment disagree on its range");
        }
        let sizes = (properties.key_bytes, properties.value_bytes);
        if sizes != (self.seen.key_bytes, self.seen.value_bytes) {
            self.problem("the properties state wrong sizes");
        }
        if properties.facts != self.seen.facts || detail.facts != self.seen.facts {
            self.problem("the properties or the manifest are wrong on what expires or merges");
        }
        Ok(())
    }
}
