//! Walks over a tree in both directions.
//!
//! Not for: what entries mean.

use std::ops::Range;
use std::sync::Arc;

use cuesta_engine::ensure_sound;
use cuesta_engine::error::Result;

use super::node::{Frame, Pointer};
use super::tree::{Held, Tree};
use crate::ordered::kind::Kind;
use crate::ordered::value::Value;

/// A node, held, and a place in it.
struct Step {
    held: Held,
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
    apart: Option<Held>,
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
        }
    }

    /// Bytes of memory held besides what is mapped, about.
    pub(crate) fn memory(&self) -> usize {
        let apart = self.apart.as_ref().map_or(0, Held::memory);
        apart + self.path.iter().map(|step| step.held.memory()).sum::<usize>()
    }

    /// Whether it stands on an entry.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        self.valid
    }

    #[inline]
    fn leaf(&self) -> &[u8] {
        self.path.last().map_or(&[], |step| step.held.bytes())
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
            Some(held) => held.bytes(),
            None => self.leaf().get(self.stored.clone()).unwrap_or_default(),
        }
    }

    /// The stored bytes, to be kept.
    pub(crate) fn value_owned(&self) -> Value {
        match (&self.apart, self.path.last()) {
            (Some(held), _) => held.value(0..held.bytes().len()),
            (None, Some(leaf)) => leaf.held.value(self.stored.clone()),
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
            if step.frame.level == 0 {
                step.at = step.frame.find(step.held.bytes(), key)?.0;
                return if step.at < step.frame.count { self.stand() } else { self.climb_next() };
            }
            step.at = step.frame.child_for(step.held.bytes(), key)?;
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
        if step.at < step.frame.count { self.stand() } else { self.climb_next() }
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
        let held = self.tree.hold(body);
        self.path.push(Step { held, frame, at: 0 });
        Ok(())
    }

    /// The child that the last node of the path stands on.
    fn push(&mut self) -> Result<()> {
        let Some(step) = self.path.last() else { return Ok(()) };
        let (page, level) = (step.frame.child(step.held.bytes(), step.at)?, step.frame.level);
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
        let entry = step.frame.entry(step.held.bytes(), step.at)?;
        self.apart = None;
        if entry.apart {
            let pointer = step.held.bytes().get(entry.stored.clone()).unwrap_or_default();
            let body = self.tree.apart(&Pointer::decode(pointer)?)?;
            self.apart = Some(self.tree.hold(body));
        }
        (self.kind, self.key, self.stored) = (entry.kind, entry.key, entry.stored);
        self.valid = true;
        Ok(())
    }
}
