//! Walks over a run of segments, and over its range deletes.
//!
//! Not for: several runs at once (see [`merging`](crate::ordered::merging)).

use std::sync::Arc;

use cuesta_engine::error::{Error, Result};

use super::layout::Run;
use super::segment::{Fill, Held, RangeFrame, SegmentCursor};
use crate::ordered::kind::Kind;
use crate::ordered::source::{Deletes, Source};
use crate::ordered::value::Value;
use crate::ordered::{Covering, Walk, span};

/// A run as a source, with its range deletes.
pub(super) fn of_run(
    run: &Arc<Run>,
    fill: Fill,
) -> (Source<RunCursor>, Option<Deletes<RunCursor>>) {
    let (walk, deletes) = walk_over(run, fill);
    (Source::Stored(walk), deletes.map(Deletes::Stored))
}

/// A walk over a run, and over its range deletes.
pub(super) fn walk_over(run: &Arc<Run>, fill: Fill) -> (RunCursor, Option<RunDeletes>) {
    let deletes = run.is_ranged().then(|| RunDeletes::new(run.clone(), fill));
    (RunCursor::new(run.clone(), fill), deletes)
}

/// Walks over a run, opening one segment at a time.
pub struct RunCursor {
    run: Arc<Run>,
    fill: Fill,
    /// Which segment `inner` is about.
    at: usize,
    inner: Option<SegmentCursor>,
}

impl RunCursor {
    /// A cursor that stands nowhere. Reads nothing.
    fn new(run: Arc<Run>, fill: Fill) -> RunCursor {
        RunCursor { run, fill, at: usize::MAX, inner: None }
    }

    /// The cursor of segment `at`; `None` when there is no such segment.
    fn open(&mut self, at: usize) -> Option<&mut SegmentCursor> {
        let segment = self.run.segments().get(at)?;
        let same = self.at == at;
        self.at = at;
        match &mut self.inner {
            Some(inner) => {
                if !same {
                    inner.reset(segment.clone());
                }
            }
            none => *none = Some(SegmentCursor::new(segment.clone(), self.fill)),
        }
        self.inner.as_mut()
    }

    fn first_from(&mut self, mut at: usize) -> Result<()> {
        loop {
            let Some(inner) = self.open(at) else {
                self.leave();
                return Ok(());
            };
            inner.first()?;
            if inner.valid() {
                return Ok(());
            }
            at += 1;
        }
    }

    fn last_before(&mut self, mut at: usize) -> Result<()> {
        while let Some(before) = at.checked_sub(1) {
            at = before;
            let Some(inner) = self.open(at) else { break };
            inner.last()?;
            if inner.valid() {
                return Ok(());
            }
        }
        self.leave();
        Ok(())
    }
}

impl Walk for RunCursor {
    type Deletes = RunDeletes;

    fn memory(&self) -> usize {
        self.inner.as_ref().map_or(0, SegmentCursor::memory)
    }

    #[inline]
    fn valid(&self) -> bool {
        self.inner.as_ref().is_some_and(SegmentCursor::valid)
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.inner.as_ref().map_or(&[], SegmentCursor::key)
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.inner.as_ref().map_or(Kind::Put, SegmentCursor::kind)
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.inner.as_ref().map_or(&[], SegmentCursor::value)
    }

    fn value_owned(&self) -> Value {
        self.inner.as_ref().map_or_else(|| Value::from(&[][..]), SegmentCursor::value_owned)
    }

    fn large(&self) -> Result<Value> {
        match &self.inner {
            Some(inner) => inner.large(),
            None => Err(Error::internal("an entry that points to nothing")),
        }
    }

    fn leave(&mut self) {
        self.at = usize::MAX;
        self.inner = None;
    }

    fn first(&mut self) -> Result<()> {
        self.first_from(0)
    }

    fn last(&mut self) -> Result<()> {
        self.last_before(self.run.segments().len())
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        let at = self.run.find(key);
        let Some(inner) = self.open(at) else {
            self.leave();
            return Ok(());
        };
        inner.seek(key)?;
        if inner.valid() { Ok(()) } else { self.first_from(at + 1) }
    }

    fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        let at = self.run.find(key);
        if let Some(inner) = self.open(at) {
            inner.seek_before(key)?;
            if inner.valid() {
                return Ok(());
            }
        }
        self.last_before(at)
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        inner.next()?;
        if inner.valid() { Ok(()) } else { self.first_from(self.at + 1) }
    }

    fn prev(&mut self) -> Result<()> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        inner.prev()?;
        if inner.valid() { Ok(()) } else { self.last_before(self.at) }
    }
}

/// Range deletes of a run: where the key asked about last lies among them.
pub struct RunDeletes {
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

impl Covering for RunDeletes {
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

    fn start(&self) -> Vec<u8> {
        self.start.clone()
    }

    fn end(&self) -> Option<Vec<u8>> {
        self.end.clone()
    }
}
