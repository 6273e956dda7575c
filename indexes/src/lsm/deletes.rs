//! The range deletes of one source, for merging: what they cover, and how far.
//!
//! Not for: which sources are older than this one (see [`merging`](super::merging)).

use std::sync::Arc;

use cuesta_engine::error::Result;

use super::cover::CoverCursor;
use super::layout::Run;
use super::segment::{Fill, Held, RangeFrame};
use super::source::{RunCursor, Source};
use super::span;

/// A run as a source, with its range deletes.
pub(super) fn of_run(run: &Arc<Run>, fill: Fill) -> (Source, Option<Deletes>) {
    let deletes = run.is_ranged().then(|| Deletes::Run(RunDeletes::new(run.clone(), fill)));
    (Source::Run(RunCursor::new(run.clone(), fill)), deletes)
}

/// Range deletes of a memtable or of a run, and a place in them.
pub(super) enum Deletes {
    /// Of a memtable: they delete older versions in it, too.
    Memtable(CoverCursor),
    /// Of segments: they delete in older sources alone.
    Run(RunDeletes),
}

impl Deletes {
    /// Whether `key` is deleted in older sources. Cheap for a key near the one asked about before.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io` from the segments.
    #[inline]
    pub(super) fn cover(&mut self, key: &[u8]) -> Result<bool> {
        match self {
            Deletes::Memtable(cover) => Ok(cover.newest(key) > 0),
            Deletes::Run(run) => run.cover(key),
        }
    }

    /// Whether the source's own version of `key`, committed at `seq`, is deleted.
    #[inline]
    pub(super) fn cover_own(&mut self, key: &[u8], seq: u64) -> bool {
        match self {
            Deletes::Memtable(cover) => cover.newest(key) > seq,
            Deletes::Run(_) => false,
        }
    }

    /// Where what is covered around the key asked about last, which is covered, ends; `None` is
    /// behind all keys.
    pub(super) fn end(&mut self) -> Option<Vec<u8>> {
        match self {
            Deletes::Memtable(cover) => cover.end(),
            Deletes::Run(run) => run.end.clone(),
        }
    }

    /// Where it begins.
    pub(super) fn start(&mut self) -> Vec<u8> {
        match self {
            Deletes::Memtable(cover) => cover.start(),
            Deletes::Run(run) => run.start.clone(),
        }
    }
}

/// Range deletes of a run: where the key asked about last lies among them.
pub(super) struct RunDeletes {
    run: Arc<Run>,
    fill: Fill,
    /// The range block of one segment.
    held: Option<(usize, Held, RangeFrame)>,
    /// From `start` to `end` everything is covered, or nothing.
    start: Vec<u8>,
    end: Option<Vec<u8>>,
    covered: bool,
    known: bool,
}

impl RunDeletes {
    /// Reads nothing.
    fn new(run: Arc<Run>, fill: Fill) -> RunDeletes {
        let (start, end) = (Vec::new(), None);
        RunDeletes { run, fill, held: None, start, end, covered: false, known: false }
    }

    #[inline]
    fn cover(&mut self, key: &[u8]) -> Result<bool> {
        if !self.known || key < self.start.as_slice() || !span::is_before(key, self.end.as_deref())
        {
            self.known = false;
            self.locate(key)?;
            self.known = true;
        }
        Ok(self.covered)
    }

    /// Finds the covered range around `key`, or the gap.
    fn locate(&mut self, key: &[u8]) -> Result<()> {
        let at = self.run.find(key);
        self.covered = false;
        self.start.clear();
        if let Some(before) = at.checked_sub(1) {
            let before = self.run.segments()[before].span();
            self.start.extend_from_slice(before.end().unwrap_or_default());
        }
        let Some(segment) = self.run.segments().get(at) else {
            self.end = None;
            return Ok(());
        };
        let span = segment.span();
        if key < span.start.as_slice() {
            self.end = Some(span.start.clone());
            return Ok(());
        }
        self.end.clone_from(&span.end);
        if !segment.has_ranges() {
            return Ok(());
        }
        if self.held.as_ref().is_none_or(|(of, ..)| *of != at) {
            let (held, frame) = segment.held_ranges(self.fill)?;
            self.held = Some((at, held, frame));
        }
        let Some((_, held, frame)) = &self.held else { return Ok(()) };
        let body = held.bytes();
        let behind = frame.find(body, key)?;
        if behind < frame.count() {
            self.end = Some(frame.start(body, behind)?.to_vec());
        }
        let Some(within) = behind.checked_sub(1) else { return Ok(()) };
        let end = frame.end(body, within)?;
        self.start.clear();
        self.covered = span::is_before(key, end);
        if self.covered {
            self.start.extend_from_slice(frame.start(body, within)?);
            self.end = end.map(<[u8]>::to_vec);
        } else {
            self.start.extend_from_slice(end.unwrap_or_default());
        }
        Ok(())
    }
}
