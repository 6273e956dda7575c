//! A new tree out of an old one and changes in the order of their keys.
//!
//! The old tree is gone through from left to right. What no change touches is passed on as it is,
//! whole branches at once; what one does is taken apart, and put together anew:
//!
//! ```text
//! old      [ a b c │ d e f │ g h i │ j k l ]     changes: e gone, h new
//!             pass    open    open    pass
//! new      [ a b c │ d f g │ h h' i │ j k l ]
//! ```
//!
//! Each level gathers what its next nodes are made of. A node of the old tree can only be passed on
//! while its level has gathered nothing; else it is opened, too. So nodes that have become small
//! are filled from those behind them, and a row of changed nodes stays as full as it was. Memory is
//! bounded by the height of the tree. After the bottom-up loading of B-trees, and Rodeh, *B-trees,
//! Shadowing, and Clones* (ACM TOS 2008).
//!
//! Not for: what the changes are.

mod write;

use std::collections::VecDeque;
use std::sync::Arc;

use cuesta_engine::ensure_sound;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::Output;

use super::paper::Paper;
use crate::btree::segment::detail::Facts;
use crate::btree::segment::node::{Entry, Frame, HEADER_BYTES, Leaf, Pointer};
use crate::btree::segment::tree::{Held, Tree};
use crate::ordered::kind::Kind;
use crate::ordered::span::{Span, is_before};

/// Nodes with less than this part of their room in use are joined with others, as far as any are
/// near.
const SMALL: usize = 4;

/// A branch of the old tree that is being taken apart.
struct Branch {
    held: Held,
    frame: Frame,
    /// The child that comes next.
    at: usize,
    low: Vec<u8>,
    high: Option<Vec<u8>>,
}

/// A leaf of the old tree that is being taken apart.
struct Open {
    held: Held,
    frame: Frame,
    /// The entry that comes next.
    at: usize,
    high: Option<Vec<u8>>,
}

/// What a level above the leaves gathers: children, with their separators.
#[derive(Default)]
struct Children {
    nodes: VecDeque<(Vec<u8>, u32)>,
    room: usize,
}

impl Children {
    fn push(&mut self, separator: Vec<u8>, page: u32) {
        self.room += separator.len() + 14;
        self.nodes.push_back((separator, page));
    }
}

/// What an old entry is looked at for.
pub(in crate::btree) trait Keep {
    /// Whether an entry of the old tree stays that no change speaks of.
    ///
    /// # Errors
    /// `Corrupt` for an entry that makes no sense.
    fn stays(&mut self, key: &[u8], kind: Kind, stored: &[u8]) -> Result<bool>;
}

/// A new tree on its way.
pub(in crate::btree) struct Rebuild {
    old: Option<Arc<Tree>>,
    paper: Paper,
    /// The root of the old tree, until it is opened.
    root: Option<(u32, u8)>,
    branches: Vec<Branch>,
    open: Option<Open>,
    leaf: Leaf,
    /// The separator of the next leaf.
    leaf_low: Vec<u8>,
    /// Levels above the leaves, from below.
    levels: Vec<Children>,
    /// Ranges that are deleted in the old tree, ascending.
    gone: VecDeque<Span>,
    entries: u64,
    facts: Facts,
    fill: usize,
    bytes: usize,
    /// Whether the new tree lies in another file than the old one, and shares nothing with it.
    apart: bool,
}

impl Rebuild {
    /// Changes `old`, or begins with nothing. Nodes are filled to `fill_percent`. `gone` are ranges
    /// of keys that the old tree has no longer: ascending, disjoint.
    pub(in crate::btree) fn new(
        old: Option<Arc<Tree>>,
        (entries, facts): (u64, Facts),
        paper: Paper,
        fill_percent: usize,
        gone: Vec<Span>,
    ) -> Rebuild {
        let top = |tree: &Arc<Tree>| (tree.detail().root, tree.detail().height);
        let root = old.as_ref().map(top).filter(|(root, _)| *root != 0);
        let fill = (paper.page_bytes() - HEADER_BYTES) * fill_percent / 100;
        Rebuild {
            old,
            paper,
            root: root.map(|(root, height)| (root, height - 1)),
            branches: Vec::new(),
            open: None,
            leaf: Leaf::default(),
            leaf_low: Vec::new(),
            levels: Vec::new(),
            gone: gone.into(),
            entries,
            facts,
            fill,
            bytes: 0,
            apart: false,
        }
    }

    /// As [`Rebuild::new`], all of it in another file.
    pub(in crate::btree) fn apart(
        old: Arc<Tree>,
        known: u64,
        paper: Paper,
        fill_percent: usize,
        gone: Vec<Span>,
    ) -> Rebuild {
        // What is special about the entries is found out anew, exactly.
        let known = (known, Facts::default());
        Rebuild { apart: true, ..Rebuild::new(Some(old), known, paper, fill_percent, gone) }
    }

    /// Lets go of pages of the old tree.
    fn free(&mut self, page: u32, pages: u32) -> Result<()> {
        if self.apart { Ok(()) } else { self.paper.free(page, pages) }
    }

    /// Bytes of memory held, about.
    pub(in crate::btree) fn memory(&self) -> usize {
        let held: usize = self.branches.iter().map(|branch| branch.held.memory()).sum();
        let levels: usize = self.levels.iter().map(|level| level.room * 2).sum();
        self.leaf.memory() + self.paper.memory() + held + levels
    }

    /// Bytes gone through since this was asked last.
    pub(in crate::btree) fn take_bytes(&mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }

    fn room(&self) -> usize {
        self.paper.page_bytes() - HEADER_BYTES
    }

    fn page_bytes_old(&self) -> usize {
        self.old.as_ref().map_or(self.paper.page_bytes(), |old| old.detail().page_bytes as usize)
    }

    fn tree(&self) -> Result<&Arc<Tree>> {
        self.old.as_ref().ok_or_else(|| Error::internal("no tree to go through"))
    }

    /// Goes to where `key` is, or belongs: to the end with `None`. Everything before it is in the
    /// new tree, but for what is gone or does not stay. Whether it came there: it stops after some
    /// work, and goes on when it is called again.
    ///
    /// # Errors
    /// `Corrupt`, `Full`, `Io`.
    pub(in crate::btree) fn seek(
        &mut self,
        key: Option<&[u8]>,
        keep: &mut dyn Keep,
        out: &mut dyn Output,
        bytes_max: usize,
    ) -> Result<bool> {
        while self.bytes < bytes_max {
            if let Some(open) = &self.open {
                let here = key.is_some_and(|key| is_before(key, open.high.as_deref()));
                self.copy_before(if here { key } else { None }, keep, out)?;
                if here {
                    return Ok(true);
                }
                self.leave_leaf(key, out)?;
                continue;
            }
            let Some(branch) = self.branches.last() else {
                let Some((page, level)) = self.root.take() else { return Ok(true) };
                self.child((page, level), (Vec::new(), None), key)?;
                continue;
            };
            if branch.at == branch.frame.count {
                self.leave_branch(key, out)?;
                continue;
            }
            let (held, frame, at) = (branch.held.bytes(), &branch.frame, branch.at);
            let low = if at == 0 { branch.low.clone() } else { frame.separator(held, at)? };
            let high = match at + 1 < frame.count {
                true => Some(frame.separator(held, at + 1)?),
                false => branch.high.clone(),
            };
            let page = frame.child(held, at)?;
            let level = frame.level - 1;
            if let Some(branch) = self.branches.last_mut() {
                branch.at += 1;
            }
            self.child((page, level), (low, high), key)?;
        }
        Ok(false)
    }

    /// Passes a node of the old tree on, lets go of it, or opens it.
    fn child(
        &mut self,
        (page, level): (u32, u8),
        (low, high): (Vec<u8>, Option<Vec<u8>>),
        key: Option<&[u8]>,
    ) -> Result<()> {
        while self.gone.front().is_some_and(|span| span.ends_by(&low)) {
            self.gone.pop_front();
        }
        let holds_key = key.is_some_and(|key| is_before(key, high.as_deref()));
        let (mut meets, mut covers) = (false, false);
        if let Some(span) = self.gone.front() {
            meets = is_before(&span.start, high.as_deref());
            let whole = match (&span.end, &high) {
                (None, _) => true,
                (Some(end), Some(high)) => end >= high,
                (Some(_), None) => false,
            };
            covers = span.start <= low && whole;
        }
        if covers && !holds_key {
            return self.free_all(page, level);
        }
        if !holds_key && !meets && !self.apart && self.is_empty(level) {
            self.bytes += 64;
            self.push_child(level + 1, low, page)?;
            return Ok(());
        }
        let tree = self.tree()?;
        let (body, frame) = tree.node(page)?;
        ensure_sound!(frame.level == level, "page {page} is of level {}, not {level}", frame.level);
        let held = tree.hold(body);
        self.bytes += held.bytes().len();
        self.free(page, frame.pages)?;
        if level > 0 {
            self.branches.push(Branch { held, frame, at: 0, low, high });
            return Ok(());
        }
        if self.leaf.is_empty() {
            self.leaf_low = low;
        }
        self.open = Some(Open { held, frame, at: 0, high });
        Ok(())
    }

    /// Whether a level has gathered nothing, nor any below it.
    fn is_empty(&self, level: u8) -> bool {
        let mut below = self.levels.iter().take(usize::from(level));
        self.leaf.is_empty() && below.all(|level| level.nodes.is_empty())
    }

    /// Lets go of a node and all below it.
    fn free_all(&mut self, page: u32, level: u8) -> Result<()> {
        let tree = self.tree()?.clone();
        let (body, frame) = tree.node(page)?;
        ensure_sound!(frame.level == level, "page {page} is of level {}, not {level}", frame.level);
        self.bytes += 1024;
        self.free(page, frame.pages)?;
        for i in 0..frame.count {
            if level > 0 {
                self.free_all(frame.child(body.bytes(), i)?, level - 1)?;
            } else {
                let entry = frame.entry(body.bytes(), i)?;
                self.let_go(body.bytes(), &entry)?;
            }
        }
        Ok(())
    }

    /// An entry of the old tree is none of the new one.
    fn let_go(&mut self, node: &[u8], entry: &Entry) -> Result<()> {
        if entry.apart {
            let pointer = Pointer::decode(node.get(entry.stored.clone()).unwrap_or_default())?;
            self.free(pointer.page, pointer.pages(self.page_bytes_old()))?;
        }
        self.entries = self.entries.saturating_sub(1);
        if !self.apart {
            self.facts.remove(entry.kind);
        }
        Ok(())
    }

    /// Copies what comes before `key`, or all, of the open leaf.
    fn copy_before(
        &mut self,
        key: Option<&[u8]>,
        keep: &mut dyn Keep,
        out: &mut dyn Output,
    ) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let end = match key {
            None => open.frame.count,
            Some(key) => open.frame.find(open.held.bytes(), key)?.0,
        };
        while open.at < end {
            let node = open.held.bytes();
            let entry = open.frame.entry(node, open.at)?;
            open.at += 1;
            let key = node.get(entry.key.clone()).unwrap_or_default();
            if self.is_gone(key) || !self.stays(node, key, &entry, keep)? {
                self.let_go(node, &entry)?;
                continue;
            }
            if self.apart && entry.apart {
                let pointer = Pointer::decode(node.get(entry.stored).unwrap_or_default())?;
                let tree = self.tree()?.clone();
                let mut moved = Vec::new();
                let value = tree.apart(&pointer)?;
                self.bytes += value.bytes().len();
                self.paper.write_apart(out, value.bytes())?.encode(&mut moved);
                self.leaf.add(key, entry.kind, true, &moved);
            } else {
                self.leaf.add_encoded(node, entry.all, entry.key);
            }
            self.write_full(out)?;
        }
        self.open = Some(open);
        Ok(())
    }

    fn stays(
        &mut self,
        node: &[u8],
        key: &[u8],
        entry: &Entry,
        keep: &mut dyn Keep,
    ) -> Result<bool> {
        if matches!(entry.kind, Kind::Put) {
            return Ok(true);
        }
        let stored = node.get(entry.stored.clone()).unwrap_or_default();
        let Some(tree) = self.old.clone().filter(|_| entry.apart) else {
            return self.stays_with(key, entry.kind, stored, keep);
        };
        let apart = tree.apart(&Pointer::decode(stored)?)?;
        self.stays_with(key, entry.kind, apart.bytes(), keep)
    }

    fn stays_with(
        &mut self,
        key: &[u8],
        kind: Kind,
        stored: &[u8],
        keep: &mut dyn Keep,
    ) -> Result<bool> {
        let stays = keep.stays(key, kind, stored)?;
        if stays && self.apart {
            self.facts.add(kind, stored)?;
        }
        Ok(stays)
    }

    /// Whether a key of the old tree, at or after all before, was deleted with a range.
    fn is_gone(&mut self, key: &[u8]) -> bool {
        while self.gone.front().is_some_and(|span| span.ends_by(key)) {
            self.gone.pop_front();
        }
        self.gone.front().is_some_and(|span| span.holds(key))
    }

    /// What the old tree has of `key`, which was sought, if that is there still.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(in crate::btree) fn old(&mut self, key: &[u8]) -> Result<Option<(Kind, Held)>> {
        if self.is_gone(key) {
            return Ok(None);
        }
        let (Some(open), Some(tree)) = (&self.open, &self.old) else { return Ok(None) };
        if open.at >= open.frame.count {
            return Ok(None);
        }
        let node = open.held.bytes();
        let entry = open.frame.entry(node, open.at)?;
        if node.get(entry.key.clone()) != Some(key) {
            return Ok(None);
        }
        let stored = node.get(entry.stored.clone()).unwrap_or_default();
        if entry.apart {
            let apart = tree.apart(&Pointer::decode(stored)?)?;
            return Ok(Some((entry.kind, tree.hold(apart))));
        }
        Ok(Some((entry.kind, Held::Block(stored.into()))))
    }

    /// Gives `key`, which was sought, this entry, or none, in place of what the old tree has.
    ///
    /// # Errors
    /// `Corrupt`, `Full`, `Io`; `Invalid` for what is too long.
    pub(in crate::btree) fn set(
        &mut self,
        key: &[u8],
        entry: Option<(Kind, &[u8])>,
        out: &mut dyn Output,
    ) -> Result<()> {
        if let Some(mut open) = self.open.take() {
            if open.at < open.frame.count {
                let node = open.held.bytes();
                let old = open.frame.entry(node, open.at)?;
                if node.get(old.key.clone()) == Some(key) {
                    self.let_go(node, &old)?;
                    open.at += 1;
                }
            }
            self.open = Some(open);
        }
        let Some((kind, stored)) = entry else { return Ok(()) };
        self.bytes += key.len() + stored.len() + 16;
        self.entries += 1;
        self.facts.add(kind, stored)?;
        if key.len() + stored.len() > self.room() / 2 && stored.len() > self.room() / 4 {
            let mut pointer = Vec::new();
            self.paper.write_apart(out, stored)?.encode(&mut pointer);
            self.leaf.add(key, kind, true, &pointer);
        } else {
            self.leaf.add(key, kind, false, stored);
        }
        self.write_full(out)
    }

    /// The open leaf has been gone through.
    fn leave_leaf(&mut self, key: Option<&[u8]>, out: &mut dyn Output) -> Result<()> {
        self.open = None;
        if !self.next_is_opened(key) && self.leaf.room() >= self.room() / SMALL {
            self.write_leaves(out)?;
        }
        Ok(())
    }

    /// Whether the next child of the last branch will be opened whatever has been gathered.
    fn next_is_opened(&self, key: Option<&[u8]>) -> bool {
        if self.apart {
            return self.branches.iter().any(|branch| branch.at < branch.frame.count);
        }
        let Some(branch) = self.branches.last().filter(|branch| branch.at < branch.frame.count)
        else {
            return false;
        };
        let high = match branch.frame.separator(branch.held.bytes(), branch.at + 1) {
            Ok(separator) => Some(separator),
            Err(_) => branch.high.clone(),
        };
        key.is_some_and(|key| is_before(key, high.as_deref()))
    }

    /// The last branch has been gone through.
    fn leave_branch(&mut self, key: Option<&[u8]>, out: &mut dyn Output) -> Result<()> {
        let Some(branch) = self.branches.pop() else { return Ok(()) };
        let level = branch.frame.level;
        self.write_full_branches(out)?;
        let gathered = self.levels.get(usize::from(level) - 1).map_or(0, |level| level.room);
        // What lies below is not written yet: it belongs to this level, too.
        if self.is_empty(level - 1) && !self.next_is_opened(key) && gathered >= self.room() / SMALL
        {
            self.write_branches(level, out)?;
        }
        Ok(())
    }

    /// The pages that were written.
    pub(in crate::btree) fn paper(&self) -> &Paper {
        &self.paper
    }
}
