//! Walks over a tree in both directions.
//!
//! Not for: what entries mean.

use std::ops::Range;
use std::sync::Arc;

use cuesta_engine::ensure_sound;
use cuesta_engine::error::Result;

use super::node::{Frame, Pointer};
use super::tree::{Place, Tree};
use crate::ordered::kind::Kind;
use crate::ordered::value::Value;

/// How many entries before the end of a leaf the next one is fetched.
const FETCHED_AHEAD: usize = 12;

/// A node, held, and a place in it.
struct Step {
    place: Place,
    frame: Frame,
    at: usize,
}

/// A place in a tree: on an entry, or nowhere. Reads nothing until it is moved.
pub struct TreeCursor {
    tree: Arc<Tree>,
    /// Nodes from the root down to a leaf.
    path: Vec<Step>,
    valid: bool,
    kind: Kind,
    key: Range<usize>,
    stored: Range<usize>,
    /// The stored bytes, where they lie apart.
    apart: Option<Place>,
    /// On the way to which entry of the leaf the next leaf is fetched.
    fetch_at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    First,
    Last,
}

impl TreeCursor {
    /// A cursor that stands nowhere.
    pub(crate) fn new(tree: Arc<Tree>) -> TreeCursor {
        TreeCursor {
            tree,
            path: Vec::new(),
            valid: false,
            kind: Kind::Put,
            key: 0..0,
            stored: 0..0,
            apart: None,
            fetch_at: 0,
        }
    }

    /// Bytes of memory held besides what is mapped, about.
    pub(crate) fn memory(&self) -> usize {
        let apart = self.apart.as_ref().map_or(0, Place::memory);
        apart + self.path.iter().map(|step| step.place.memory()).sum::<usize>()
    }

    /// Whether it stands on an entry.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        self.valid
    }

    #[inline]
    fn leaf(&self) -> &[u8] {
        self.path.last().map_or(&[], |step| self.tree.at(&step.place))
    }

    /// The key that it stands on; empty when it stands nowhere.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        if self.valid { self.leaf().get(self.key.clone()).unwrap_or_default() } else { &[] }
    }

    /// What the entry says of its key.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The stored bytes.
    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        match &self.apart {
            Some(place) => self.tree.at(place),
            None => self.leaf().get(self.stored.clone()).unwrap_or_default(),
        }
    }

    /// The stored bytes, to be kept.
    pub(crate) fn value_owned(&self) -> Value {
        match (&self.apart, self.path.last()) {
            (Some(place), _) => self.tree.keep(place, 0..self.tree.at(place).len()),
            (None, Some(leaf)) => self.tree.keep(&leaf.place, self.stored.clone()),
            (None, None) => Value::from(&[][..]),
        }
    }

    /// Stands nowhere from now on.
    pub(crate) fn leave(&mut self) {
        self.valid = false;
        self.path.clear();
        self.apart = None;
    }

    /// Goes to the first entry.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io`; it then stands nowhere.
    pub(crate) fn first(&mut self) -> Result<()> {
        self.begin()?;
        self.descend(Edge::First)
    }

    /// Goes to the last entry.
    pub(crate) fn last(&mut self) -> Result<()> {
        self.begin()?;
        self.descend(Edge::Last)
    }

    /// Goes to the first entry at or after `key`, if there is one.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.begin()?;
        while let Some(step) = self.path.last_mut() {
            let node = self.tree.at(&step.place);
            if step.frame.level == 0 {
                step.at = step.frame.find(node, key)?.0;
                return if step.at < step.frame.count { self.stand() } else { self.climb_next() };
            }
            step.at = step.frame.child_for(node, key)?;
            self.push()?;
        }
        Ok(())
    }

    /// Goes to the last entry before `key`, if there is one.
    pub(crate) fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        self.seek(key)?;
        if self.valid { self.prev() } else { self.last() }
    }

    /// Goes to the next entry; past the last one it stands nowhere.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<()> {
        let Some(step) = self.path.last_mut() else { return Ok(()) };
        step.at += 1;
        if step.at >= self.fetch_at {
            return self.next_near_end();
        }
        self.stand()
    }

    /// On the way to the next leaf: has it fetched, or goes there.
    #[inline(never)]
    fn next_near_end(&mut self) -> Result<()> {
        let Some((leaf, above)) = self.path.split_last() else { return Ok(()) };
        if leaf.at >= leaf.frame.count {
            return self.climb(Edge::First);
        }
        self.fetch_at = leaf.frame.count;
        if let Some(step) = above.last()
            && step.at + 1 < step.frame.count
        {
            self.tree.prefetch(step.frame.child(self.tree.at(&step.place), step.at + 1)?);
        }
        self.stand()
    }

    /// Goes to the entry before; before the first one it stands nowhere.
    pub(crate) fn prev(&mut self) -> Result<()> {
        let Some(step) = self.path.last_mut() else { return Ok(()) };
        if let Some(at) = step.at.checked_sub(1) {
            step.at = at;
            return self.stand();
        }
        self.climb(Edge::Last)
    }

    #[inline(never)]
    fn climb_next(&mut self) -> Result<()> {
        self.climb(Edge::First)
    }

    fn begin(&mut self) -> Result<()> {
        self.valid = false;
        self.apart = None;
        if self.path.is_empty() {
            let root = self.tree.detail().root;
            if root != 0 {
                self.push_node(root, self.tree.detail().height)?;
            }
        }
        self.path.truncate(1);
        Ok(())
    }

    fn push_node(&mut self, page: u32, above: u8) -> Result<()> {
        let (body, frame) = self.tree.node(page)?;
        ensure_sound!(
            frame.level + 1 == above,
            "page {page} is of level {} below {above}",
            frame.level
        );
        let place = body.into_place();
        self.fetch_at = frame.count.saturating_sub(FETCHED_AHEAD);
        self.path.push(Step { place, frame, at: 0 });
        Ok(())
    }

    /// The child that the last node of the path stands on.
    fn push(&mut self) -> Result<()> {
        let Some(step) = self.path.last() else { return Ok(()) };
        let page = step.frame.child(self.tree.at(&step.place), step.at)?;
        let level = step.frame.level;
        if level == 1 {
            self.tree.prefetch(page);
        }
        self.push_node(page, level)
    }

    /// From the last node of the path down to a leaf, along an edge.
    fn descend(&mut self, edge: Edge) -> Result<()> {
        while let Some(step) = self.path.last_mut() {
            step.at = if edge == Edge::First { 0 } else { step.frame.count - 1 };
            if step.frame.level == 0 {
                return self.stand();
            }
            self.push()?;
        }
        Ok(())
    }

    /// To the next leaf, or the one before.
    fn climb(&mut self, edge: Edge) -> Result<()> {
        self.valid = false;
        self.apart = None;
        self.path.pop();
        while let Some(step) = self.path.last_mut() {
            let to = match edge {
                Edge::First => step.at.checked_add(1).filter(|at| *at < step.frame.count),
                Edge::Last => step.at.checked_sub(1),
            };
            if let Some(at) = to {
                step.at = at;
                self.push()?;
                return self.descend(edge);
            }
            self.path.pop();
        }
        Ok(())
    }

    /// Stands on the entry that the path leads to.
    #[inline]
    fn stand(&mut self) -> Result<()> {
        self.valid = false;
        let Some(step) = self.path.last() else { return Ok(()) };
        let node = self.tree.at(&step.place);
        let entry = step.frame.entry(node, step.at)?;
        if self.apart.is_some() {
            self.apart = None;
        }
        if entry.apart {
            let pointer = node.get(entry.stored.clone()).unwrap_or_default();
            let body = self.tree.apart(&Pointer::decode(pointer)?)?;
            self.apart = Some(body.into_place());
        }
        (self.kind, self.key, self.stored) = (entry.kind, entry.key, entry.stored);
        self.valid = true;
        Ok(())
    }
}
