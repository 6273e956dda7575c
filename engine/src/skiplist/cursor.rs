//! Walking the keys of a list in both directions, as of one sequence number.
//!
//! Not for: seeing several versions of a key.

#![allow(unsafe_code, reason = "kept addresses are turned into references")]

use std::fmt;
use std::sync::Arc;

use super::list::{List, Version};
use super::node::{NodePtr, NodeRef};
use super::version::VersionPtr;

/// A place among the keys that have a version committed at or before [`Cursor::at`].
///
/// It stands on such a key (it is *valid*), or nowhere: at first, and after moving off either end.
/// It keeps the list's memory. Seeking costs expected O(log n), a step O(1) plus the keys skipped;
/// nothing allocates.
#[derive(Clone)]
pub struct Cursor {
    /// Keeps what `place` points to.
    list: Arc<List>,
    at: u64,
    /// A node of `list`, not the head, and its version as of `at`.
    place: Option<(NodePtr, VersionPtr)>,
}

impl List {
    /// A cursor over the keys that have a version committed at or before `at`; it stands nowhere
    /// yet.
    pub fn cursor(self: &Arc<Self>, at: u64) -> Cursor {
        Cursor { list: Arc::clone(self), at, place: None }
    }
}

impl Cursor {
    /// The list that it walks.
    pub fn list(&self) -> &Arc<List> {
        &self.list
    }

    /// The sequence number that it reads as of.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether it stands on a key.
    #[inline]
    pub fn valid(&self) -> bool {
        self.place.is_some()
    }

    /// The key that it stands on; empty if it is not valid.
    #[inline]
    pub fn key(&self) -> &[u8] {
        debug_assert!(self.valid(), "a cursor that stands nowhere has no key");
        self.node().map_or(&[], NodeRef::key)
    }

    /// The newest version of its key committed at or before [`Cursor::at`], if it is valid. A newer
    /// one that is committed under that number after the cursor came here is not seen.
    #[inline]
    pub fn version(&self) -> Option<Version<'_>> {
        let (_, version) = self.place?;
        // SAFETY: the version lies in the arena of `self.list`, which `self` keeps.
        Some(unsafe { version.of() }.into())
    }

    /// Goes to the first key.
    pub fn seek_first(&mut self) {
        self.place = settle_forward(self.list.head().next(), self.at);
    }

    /// Goes to the last key.
    pub fn seek_last(&mut self) {
        self.place = settle_back(self.list.last(), self.at);
    }

    /// Goes to the first key that is not less than `key`.
    pub fn seek(&mut self, key: &[u8]) {
        let mut node = self.list.before(key).next();
        // The writer may have linked more keys here since.
        while let Some(found) = node
            && found.key() < key
        {
            node = found.next();
        }
        self.place = settle_forward(node, self.at);
    }

    /// Goes to the last key that is less than `key`.
    pub fn seek_back(&mut self, key: &[u8]) {
        self.place = settle_back(self.list.before(key), self.at);
    }

    /// Goes to the last key that is not greater than `key`.
    pub fn seek_back_to(&mut self, key: &[u8]) {
        let mut node = self.list.before(key);
        while let Some(next) = node.next()
            && next.key() <= key
        {
            node = next;
        }
        self.place = settle_back(node, self.at);
    }

    /// Goes to the next key. A cursor that stands nowhere stays there.
    #[inline]
    pub fn next(&mut self) {
        self.place = self.node().and_then(|node| settle_forward(node.next(), self.at));
    }

    /// Goes to the key before. A cursor that stands nowhere stays there.
    #[inline]
    pub fn prev(&mut self) {
        self.place = self.node().and_then(|node| settle_back(walk_to(node.back()?, node), self.at));
    }

    #[inline]
    fn node(&self) -> Option<NodeRef<'_>> {
        let (node, _) = self.place?;
        // SAFETY: the node lies in the arena of `self.list`, which `self` keeps.
        Some(unsafe { node.of() })
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.node().map(NodeRef::key);
        f.debug_struct("Cursor").field("at", &self.at).field("key", &key).finish_non_exhaustive()
    }
}

/// The first visible place at `node` or after it.
#[inline]
fn settle_forward(mut node: Option<NodeRef<'_>>, at: u64) -> Option<(NodePtr, VersionPtr)> {
    while let Some(found) = node {
        if let Some(version) = found.visible(at) {
            return Some((found.ptr(), version.ptr()));
        }
        node = found.next();
    }
    None
}

/// The last visible place at `node` or before it; the head, which alone has no back link, is none.
#[inline]
fn settle_back(mut node: NodeRef<'_>, at: u64) -> Option<(NodePtr, VersionPtr)> {
    loop {
        let back = node.back()?;
        if let Some(version) = node.visible(at) {
            return Some((node.ptr(), version.ptr()));
        }
        node = walk_to(back, node);
    }
}

/// The node before `node`, starting from its back link's target: nodes that were linked between
/// the two since that was set are walked over.
#[inline]
fn walk_to<'a>(back: NodeRef<'a>, node: NodeRef<'a>) -> NodeRef<'a> {
    let mut before = back;
    while let Some(next) = before.next()
        && next != node
    {
        before = next;
    }
    before
}
