//! Walks over a tree in both directions.
//!
//! Not for: what entries mean.

use std::ops::Range;
use std::sync::Arc;

use cuesta_engine::ensure_sound;
use cuesta_engine::env::Map;
use cuesta_engine::error::Result;

use super::detail::Detail;
use super::node::{Entry, Frame, Pointer};
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

impl Step {
    /// In no node.
    fn nowhere() -> Step {
        Step { place: Place::Mapped(0..0), frame: Frame::default(), at: 0 }
    }
}

/// A place in a tree: on an entry, or nowhere. Reads nothing until it is moved.
pub struct TreeCursor {
    tree: Arc<Tree>,
    /// What mapped places lie in.
    map: Option<Map>,
    /// Nodes from the root down to above the leaf.
    above: Vec<Step>,
    leaf: Step,
    valid: bool,
    kind: Kind,
    /// From where it lies in the map, or in the loaded leaf, on.
    key: Range<usize>,
    /// As the key.
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
            map: tree.map().cloned(),
            above: Vec::with_capacity(usize::from(tree.detail().height)),
            tree,
            leaf: Step::nowhere(),
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
        let above: usize = self.above.iter().map(|step| step.place.memory()).sum();
        apart + above + self.leaf.place.memory()
    }

    /// Whether it stands on an entry.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        self.valid
    }

    /// Bytes of what the leaf lies in.
    #[inline]
    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        let all = match &self.leaf.place {
            Place::Mapped(_) => self.map.as_deref(),
            Place::Loaded(block) => Some(&**block),
        };
        all.and_then(|all| all.get(range.clone())).unwrap_or_default()
    }

    /// The key that it stands on; empty when it stands nowhere.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        if self.valid { self.bytes(&self.key) } else { &[] }
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
            None => self.bytes(&self.stored),
        }
    }

    /// The stored bytes, to be kept.
    pub(crate) fn value_owned(&self) -> Value {
        match &self.apart {
            Some(place) => self.tree.keep(place, 0..self.tree.at(place).len()),
            None => {
                let start = self.leaf.place.start();
                self.tree.keep(&self.leaf.place, self.stored.start - start..self.stored.end - start)
            }
        }
    }

    /// Stands nowhere from now on.
    pub(crate) fn leave(&mut self) {
        self.valid = false;
        self.apart = None;
        self.above.clear();
        self.leave_leaf();
    }

    /// Stands in no leaf.
    fn leave_leaf(&mut self) {
        self.leaf = Step::nowhere();
        self.fetch_at = 0;
    }

    /// Goes to the first entry.
    ///
    /// # Errors
    /// Here and below: `Corrupt`, `Unsupported` or `Io`; it then stands nowhere.
    pub(crate) fn first(&mut self) -> Result<()> {
        self.enter(|_, _| Ok(0))?;
        self.stand_or_climb()
    }

    /// Goes to the last entry.
    pub(crate) fn last(&mut self) -> Result<()> {
        self.enter(|frame, _| Ok(frame.count - 1))?;
        self.stand_or_climb()
    }

    /// Goes to the first entry at or after `key`, if there is one.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.enter(|frame, node| match frame.level {
            0 => Ok(frame.find(node, key)?.0),
            _ => frame.child_for(node, key),
        })?;
        self.stand_or_climb()
    }

    /// Goes to the last entry before `key`, if there is one.
    pub(crate) fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        self.seek(key)?;
        if self.valid { self.prev() } else { self.last() }
    }

    /// Goes to the next entry; past the last one it stands nowhere.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<()> {
        self.leaf.at += 1;
        if self.leaf.at >= self.fetch_at {
            return self.next_near_end();
        }
        self.stand()
    }

    /// On the way to the next leaf: has it fetched, or goes there.
    #[inline(never)]
    fn next_near_end(&mut self) -> Result<()> {
        if self.leaf.at >= self.leaf.frame.count {
            return self.climb(Edge::First);
        }
        self.fetch_at = self.leaf.frame.count;
        if let Some(step) = self.above.last()
            && step.at + 1 < step.frame.count
        {
            self.tree.prefetch(step.frame.child(self.tree.at(&step.place), step.at + 1)?);
        }
        self.stand()
    }

    /// Goes to the entry before; before the first one it stands nowhere.
    pub(crate) fn prev(&mut self) -> Result<()> {
        if self.leaf.frame.count == 0 {
            return Ok(());
        }
        if let Some(at) = self.leaf.at.checked_sub(1) {
            self.leaf.at = at;
            return self.stand();
        }
        self.climb(Edge::Last)
    }

    /// From the root down to a leaf: `choose` says where to, in each node.
    fn enter(&mut self, choose: impl Fn(&Frame, &[u8]) -> Result<usize>) -> Result<()> {
        let Detail { root, height, .. } = *self.tree.detail();
        self.valid = false;
        self.apart = None;
        self.above.truncate(1);
        self.leave_leaf();
        if let Some(step) = self.above.last_mut() {
            step.at = choose(&step.frame, self.tree.at(&step.place))?;
            return self.go_down(choose);
        }
        if root == 0 { Ok(()) } else { self.go_down_to(root, height, choose) }
    }

    /// From the lowest node above down to a leaf.
    fn go_down(&mut self, choose: impl Fn(&Frame, &[u8]) -> Result<usize>) -> Result<()> {
        let Some(step) = self.above.last() else { return Ok(()) };
        let page = step.frame.child(self.tree.at(&step.place), step.at)?;
        let above = step.frame.level;
        self.go_down_to(page, above, choose)
    }

    /// To the node at `page`, which is below level `above`, and down to a leaf.
    fn go_down_to(
        &mut self,
        mut page: u32,
        mut above: u8,
        choose: impl Fn(&Frame, &[u8]) -> Result<usize>,
    ) -> Result<()> {
        loop {
            if above == 1 {
                self.tree.prefetch(page);
            }
            let (body, frame) = self.tree.node(page)?;
            ensure_sound!(
                frame.level + 1 == above,
                "page {page} is of level {} below {above}",
                frame.level
            );
            let at = choose(&frame, body.bytes())?;
            if frame.level == 0 {
                self.leaf = Step { place: body.into_place(), frame, at };
                self.fetch_at = frame.count.saturating_sub(FETCHED_AHEAD);
                return Ok(());
            }
            (page, above) = (frame.child(body.bytes(), at)?, frame.level);
            self.above.push(Step { place: body.into_place(), frame, at });
        }
    }

    /// To the next leaf, or the one before.
    fn climb(&mut self, edge: Edge) -> Result<()> {
        self.valid = false;
        self.apart = None;
        self.leave_leaf();
        while let Some(step) = self.above.last_mut() {
            let to = match edge {
                Edge::First => step.at.checked_add(1).filter(|at| *at < step.frame.count),
                Edge::Last => step.at.checked_sub(1),
            };
            if let Some(at) = to {
                step.at = at;
                self.go_down(|frame, _| match edge {
                    Edge::First => Ok(0),
                    Edge::Last => Ok(frame.count - 1),
                })?;
                return self.stand();
            }
            self.above.pop();
        }
        Ok(())
    }

    fn stand_or_climb(&mut self) -> Result<()> {
        if self.leaf.at < self.leaf.frame.count { self.stand() } else { self.climb(Edge::First) }
    }

    /// Stands on the entry of the leaf that is next in line.
    #[inline]
    fn stand(&mut self) -> Result<()> {
        self.valid = false;
        let node = match &self.leaf.place {
            Place::Mapped(range) => self.map.as_deref().and_then(|map| map.get(range.clone())),
            Place::Loaded(block) => Some(&**block),
        };
        let entry = self.leaf.frame.entry(node.unwrap_or_default(), self.leaf.at)?;
        if entry.apart || self.apart.is_some() {
            self.stand_apart(&entry)?;
        }
        let start = self.leaf.place.start();
        self.kind = entry.kind;
        self.key = start + entry.key.start..start + entry.key.end;
        self.stored = start + entry.stored.start..start + entry.stored.end;
        self.valid = true;
        Ok(())
    }

    #[cold]
    fn stand_apart(&mut self, entry: &Entry) -> Result<()> {
        self.apart = None;
        if entry.apart {
            let node = self.tree.at(&self.leaf.place);
            let pointer = node.get(entry.stored.clone()).unwrap_or_default();
            let body = self.tree.apart(&Pointer::decode(pointer)?)?;
            self.apart = Some(body.into_place());
        }
        Ok(())
    }
}
