//! Walks over a segment in both directions.
//!
//! Not for: several segments, or what deleting means.

use std::sync::Arc;

use cuesta_engine::error::Result;

use super::format::Place;
use super::index::IndexFrame;
use super::reader::{Fill, Held, Segment};
use crate::lsm::block::{Frame, Interval};
use crate::ordered::kind::Kind;
use crate::ordered::value::Value;

/// A block, held, with where its parts lie.
struct Leaf {
    held: Held,
    frame: IndexFrame,
    /// Which entry of it the next level was reached through.
    at: usize,
}

/// A place in a segment: on an entry, or nowhere. Knows nothing of the segment until it is moved.
pub(in crate::lsm) struct SegmentCursor {
    segment: Arc<Segment>,
    fill: Fill,
    /// Index blocks from the root down.
    path: Vec<Leaf>,
    data: Option<(Held, Frame)>,
    place: Place,
    interval: Interval,
    valid: bool,
}

impl SegmentCursor {
    /// A cursor that stands nowhere. Reads nothing.
    pub(in crate::lsm) fn new(segment: Arc<Segment>, fill: Fill) -> SegmentCursor {
        SegmentCursor {
            segment,
            fill,
            path: Vec::new(),
            data: None,
            place: Place::default(),
            interval: Interval::default(),
            valid: false,
        }
    }

    /// Bytes of memory held besides what is mapped, about.
    pub(in crate::lsm) fn memory(&self) -> usize {
        let data = self.data.as_ref().map_or(0, |(held, _)| held.memory());
        data + self.path.iter().map(|leaf| leaf.held.memory()).sum::<usize>()
    }

    /// Turns to another segment, keeping memory.
    pub(in crate::lsm) fn reset(&mut self, segment: Arc<Segment>) {
        self.segment = segment;
        self.path.clear();
        self.data = None;
        self.valid = false;
    }

    /// Whether it stands on an entry.
    #[inline]
    pub(in crate::lsm) fn valid(&self) -> bool {
        self.valid
    }

    /// The key that it stands on.
    #[inline]
    pub(in crate::lsm) fn key(&self) -> &[u8] {
        self.interval.key()
    }

    /// What the entry says of its key.
    #[inline]
    pub(in crate::lsm) fn kind(&self) -> Kind {
        self.interval.kind()
    }

    /// The large value that the entry points to.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    pub(in crate::lsm) fn large(&self) -> Result<Value> {
        self.segment.large(self.value(), self.fill)
    }

    /// The bytes of the value, or of the pointer to it.
    #[inline]
    pub(in crate::lsm) fn value(&self) -> &[u8] {
        match &self.data {
            Some((held, _)) => held.bytes().get(self.interval.value()).unwrap_or_default(),
            None => &[],
        }
    }

    /// The value, to be kept.
    pub(in crate::lsm) fn value_owned(&self) -> Value {
        match &self.data {
            Some((held, _)) => held.value(self.interval.value()),
            None => Value::from(&[][..]),
        }
    }

    /// Goes to the first entry.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`; the cursor then stands nowhere.
    pub(in crate::lsm) fn first(&mut self) -> Result<()> {
        self.valid = false;
        self.descend(|_, _| Ok(0))?;
        self.enter(Edge::First)
    }

    /// Goes to the last entry.
    ///
    /// # Errors
    /// As [`SegmentCursor::first`].
    pub(in crate::lsm) fn last(&mut self) -> Result<()> {
        self.valid = false;
        self.descend(|frame, _| Ok(frame.count - 1))?;
        self.enter(Edge::Last)
    }

    /// Goes to the first entry at or after `key`, if there is one.
    ///
    /// # Errors
    /// As [`SegmentCursor::first`].
    pub(in crate::lsm) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.valid = false;
        if !self.descend(|frame, body| frame.find(body, key))? {
            return Ok(());
        }
        self.load_data()?;
        let Some((held, frame)) = &self.data else { return Ok(()) };
        let found = self.interval.seek(frame, held.bytes(), key);
        self.valid = true;
        if found.map_err(|e| self.failed(e))? { Ok(()) } else { self.next_block() }
    }

    /// Goes to the last entry before `key`, if there is one.
    ///
    /// # Errors
    /// As [`SegmentCursor::first`].
    pub(in crate::lsm) fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        self.seek(key)?;
        if self.valid { self.prev() } else { self.last() }
    }

    /// Goes to the next entry; past the last one it stands nowhere.
    ///
    /// # Errors
    /// As [`SegmentCursor::first`].
    #[inline]
    pub(in crate::lsm) fn next(&mut self) -> Result<()> {
        if self.interval.step() {
            return Ok(());
        }
        self.next_slow()
    }

    #[inline(never)]
    fn next_slow(&mut self) -> Result<()> {
        let Some((held, frame)) = &self.data else { return Ok(()) };
        let moved = self.interval.next(frame, held.bytes());
        if moved.map_err(|e| self.failed(e))? { Ok(()) } else { self.next_block() }
    }

    /// Goes to the entry before; before the first one it stands nowhere.
    ///
    /// # Errors
    /// As [`SegmentCursor::first`].
    pub(in crate::lsm) fn prev(&mut self) -> Result<()> {
        let Some((held, frame)) = &self.data else { return Ok(()) };
        let moved = self.interval.prev(frame, held.bytes());
        if moved.map_err(|e| self.failed(e))? {
            return Ok(());
        }
        self.valid = false;
        if self.climb(Edge::Last)? { self.enter(Edge::Last) } else { Ok(()) }
    }

    fn next_block(&mut self) -> Result<()> {
        self.valid = false;
        if self.climb(Edge::First)? { self.enter(Edge::First) } else { Ok(()) }
    }

    /// Fills the path from the root down, choosing an entry of each block; says whether each had
    /// one.
    fn descend(&mut self, choose: impl Fn(&IndexFrame, &[u8]) -> Result<usize>) -> Result<bool> {
        self.data = None;
        if self.path.is_empty() {
            let (body, frame) = self.segment.root(self.fill)?;
            let held = self.segment.hold(body)?;
            self.path.push(Leaf { held, frame, at: 0 });
        }
        self.path.truncate(1);
        let mut depth = 0;
        while let Some(leaf) = self.path.get_mut(depth) {
            leaf.at = choose(&leaf.frame, leaf.held.bytes())?;
            if leaf.at >= leaf.frame.count {
                return Ok(false);
            }
            if leaf.frame.level == 0 {
                break;
            }
            let leaf = self.load_leaf(depth)?;
            self.path.push(leaf);
            depth += 1;
        }
        Ok(true)
    }

    fn load_leaf(&self, depth: usize) -> Result<Leaf> {
        let above = &self.path[depth];
        let place = above.frame.place(above.held.bytes(), above.at)?;
        let (body, frame) = self.segment.index_body(place, above.frame.level - 1, self.fill)?;
        Ok(Leaf { held: self.segment.hold(body)?, frame, at: 0 })
    }

    /// Moves the path to the next block, or the one before; says whether there is one.
    fn climb(&mut self, edge: Edge) -> Result<bool> {
        while let Some(leaf) = self.path.last_mut() {
            let to = match edge {
                Edge::First => leaf.at.checked_add(1).filter(|&at| at < leaf.frame.count),
                Edge::Last => leaf.at.checked_sub(1),
            };
            if let Some(at) = to {
                leaf.at = at;
                break;
            }
            if self.path.len() == 1 {
                self.data = None;
                return Ok(false);
            }
            self.path.pop();
        }
        while let Some(last) = self.path.last()
            && last.frame.level > 0
        {
            let mut leaf = self.load_leaf(self.path.len() - 1)?;
            leaf.at = match edge {
                Edge::First => 0,
                Edge::Last => leaf.frame.count - 1,
            };
            self.path.push(leaf);
        }
        Ok(true)
    }

    /// Loads the data block that the path leads to.
    fn load_data(&mut self) -> Result<()> {
        let Some(leaf) = self.path.last() else { return Ok(()) };
        self.place = leaf.frame.place(leaf.held.bytes(), leaf.at)?;
        let body = self.segment.data_body(self.place, self.fill)?;
        let frame = Frame::parse(body.bytes()).map_err(|e| self.segment.located(self.place, e))?;
        self.data = Some((self.segment.hold(body)?, frame));
        Ok(())
    }

    fn enter(&mut self, edge: Edge) -> Result<()> {
        self.load_data()?;
        let Some((held, frame)) = &self.data else { return Ok(()) };
        let entered = match edge {
            Edge::First => self.interval.first(frame, held.bytes()),
            Edge::Last => self.interval.last(frame, held.bytes()),
        };
        entered.map_err(|e| self.failed(e))?;
        self.valid = true;
        Ok(())
    }

    #[cold]
    fn failed(&mut self, e: cuesta_engine::Error) -> cuesta_engine::Error {
        self.valid = false;
        self.data = None;
        self.segment.located(self.place, e)
    }
}

#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}
