//! The write half: inserting versions, and letting go of those that no view needs.
//!
//! Not for: being shared. Its methods take `&mut self`, and there is one per tree.
//!
//! Invariants
//! 1. Between calls the tree is whole: a node's parent knows it, and its `next` starts where it
//!    ends.
//! 2. `last` is where the last insertion went, or came to lie by the splits that it made.

#![allow(unsafe_code, reason = "what is linked is reached through kept addresses")]

use std::array;
use std::cmp;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed as Counting;

use super::builder::Builder;
use super::entry::{EntryPtr, EntryRef};
use super::horizon::Horizon;
use super::node::{Found, Item, Node, NodePtr, SLOTS};
use super::sync::Ordering::{Relaxed, Release};
use super::tree::{Spot, Tree};
use super::version::VersionRef;
use super::wanted::{Edge, Wanted};
use crate::planted::{self, Bug};

/// Links of a chain that any insertion may look at to prune.
const PRUNE_STEPS: usize = 8;
/// One insertion in `2^n` may look at `2^n` times as many, up to this `n`.
const PRUNE_DOUBLINGS_MAX: u32 = 12;

/// The write half of a tree; dropping it freezes the tree.
pub struct Writer {
    /// Keeps what `last` points to.
    tree: Arc<Tree>,
    builder: Builder,
    last: Option<Last>,
    random: u64,
}

/// Where an insertion went.
struct Last {
    leaf: NodePtr,
    slot: usize,
    entry: EntryPtr,
    digest: u64,
    of: Insertion,
}

/// What an insertion was of.
#[derive(Clone, Copy)]
enum Insertion {
    NewKey,
    NewVersion,
}

/// How an item came to its place, which tells how to split a full node there.
#[derive(Clone, Copy)]
enum Arrival {
    /// Behind one that was new, too, with none between them: more will follow.
    InOrder,
    Scattered,
}

/// An empty tree, as its two halves.
pub fn create() -> (Writer, Arc<Tree>) {
    create_under(&[])
}

/// An empty tree, as its two halves, whose keys are expected to start with `prefix`. Others are
/// welcome too; the better the guess, the faster are searches.
pub fn create_under(prefix: &[u8]) -> (Writer, Arc<Tree>) {
    let (tree, builder) = Tree::new(prefix);
    let tree = Arc::new(tree);
    let writer = Writer { tree: tree.clone(), builder, last: None, random: 0x9e37_79b9_7f4a_7c15 };
    (writer, tree)
}

impl Writer {
    /// Adds a version of `key` committed at `at`, which is newer than all versions of that key in
    /// the tree, and returns the bytes of memory that it took. `kind` is the caller's.
    ///
    /// O(log n); O(1) where `key` follows the key of the last insertion with none between them, or
    /// is that key. With [`LEANS`](super::LEANS) in `kind`, the version before this one stays as
    /// long as this one does. Versions that `horizon` shows to be of no use leave the chain; their
    /// memory stays until the tree goes.
    ///
    /// # Panics
    /// If the key has a version at `at` or later, or a length is 4 GiB or more.
    pub fn insert(
        &mut self,
        key: &[u8],
        at: u64,
        kind: u8,
        value: &[u8],
        horizon: &Horizon<'_>,
    ) -> usize {
        let taken = self.builder.taken();
        let tree = &*self.tree;
        let wanted = Wanted::new(key, Edge::After, &tree.digests);
        let last = self.last.as_ref();
        let ((leaf, slot, found), arrival) = follow(tree, last, &wanted)
            .unwrap_or_else(|| (tree.locate(&wanted), Arrival::Scattered));
        let builder = &mut self.builder;
        let (Spot { leaf, slot, entry }, of) = match found {
            Found::Equal(entry) => {
                // SAFETY: `builder` was made for the arena of the tree.
                let version = unsafe { builder.version(&tree.arena, (at, kind, value)) };
                add_version(entry, version);
                prune(tree, version, horizon, prune_steps(&mut self.random));
                (Spot { leaf, slot, entry }, Insertion::NewVersion)
            }
            _ => {
                // SAFETY: as above.
                let entry = unsafe { builder.entry(&tree.arena, key, (at, kind, value)) };
                tree.keys.fetch_add(1, Counting);
                let (leaf, slot) = add_entry(tree, builder, (leaf, slot), entry, &wanted, arrival);
                (Spot { leaf, slot, entry }, Insertion::NewKey)
            }
        };
        let (leaf, entry, digest) = (leaf.ptr(), entry.ptr(), wanted.digest);
        self.last = Some(Last { leaf, slot, entry, digest, of });
        self.builder.taken() - taken
    }

    /// The read half.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("tree", &self.tree).finish_non_exhaustive()
    }
}

/// As [`Tree::locate`], if the wanted key is that of the last insertion, or no key lies between.
#[inline]
fn follow<'a>(
    _tree: &'a Tree,
    last: Option<&Last>,
    wanted: &Wanted<'_>,
) -> Option<((&'a Node, usize, Found<'a>), Arrival)> {
    let last = last?;
    // SAFETY: both lie in the arena of the writer's tree.
    let (leaf, entry): (&'a Node, EntryRef<'a>) = unsafe { (last.leaf.of(), last.entry.of()) };
    let arrival = match last.of {
        Insertion::NewKey => Arrival::InOrder,
        Insertion::NewVersion => Arrival::Scattered,
    };
    let order = last.digest.cmp(&wanted.digest).then_with(|| entry.key().cmp(wanted.key));
    match order {
        cmp::Ordering::Greater => return None,
        cmp::Ordering::Equal => return Some(((leaf, last.slot, Found::Equal(entry)), arrival)),
        cmp::Ordering::Less => {}
    }
    let slot = last.slot + 1;
    match leaf.look(slot, wanted) {
        Found::Smaller => None,
        Found::End if leaf.next().is_some_and(|right| wanted.is_behind_start(right)) => None,
        found => Some(((leaf, slot, found), arrival)),
    }
}

/// Puts an entry before a slot of a leaf, and says where it is then.
fn add_entry<'a>(
    tree: &'a Tree,
    builder: &mut Builder,
    (leaf, slot): (&'a Node, usize),
    entry: EntryRef<'a>,
    wanted: &Wanted<'_>,
    arrival: Arrival,
) -> (&'a Node, usize) {
    let item = Item::entry(entry, wanted.digest);
    // SAFETY: the entry lies in the arena of the tree, and the builder was made for it.
    let (place, mut split) = unsafe { put(tree, builder, (leaf, slot), item, arrival) };
    let mut left = leaf;
    while let Some(right) = split {
        let level = left.level() + 1;
        if std::ptr::eq(left, tree.root()) {
            let items = [Item::node(left), Item::node(right)];
            // SAFETY: both nodes are one level lower, in the arena of the tree.
            unsafe {
                tree.set_root(builder.node(&tree.arena, level, left.starts(), &items, None));
            }
            break;
        }
        let (low, digest) = right.starts();
        let wanted = Wanted { key: low.key(), digest, edge: Edge::After };
        let (above, slot, _) = tree.descend(&wanted, level);
        // SAFETY: the node is one level lower, in the arena of the tree.
        (_, split) = unsafe { put(tree, builder, (above, slot), Item::node(right), arrival) };
        left = above;
    }
    place
}

/// Puts an item before a slot of a node. If that is full, its upper part moves to a new node to the
/// right of it. Returns where the item is, and the new node, which its parent does not know yet.
///
/// # Safety
/// The builder was made for the arena of the tree, the item's target lies there, and is what the
/// level of the node asks for.
unsafe fn put<'a>(
    tree: &'a Tree,
    builder: &mut Builder,
    (node, slot): (&'a Node, usize),
    item: Item,
    arrival: Arrival,
) -> ((&'a Node, usize), Option<&'a Node>) {
    let used = node.used();
    if used < SLOTS {
        // SAFETY: by the caller's word.
        unsafe { node.insert(slot, item) };
        return ((node, slot), None);
    }
    let items: [Item; SLOTS + 1] = array::from_fn(|at| match at.cmp(&slot) {
        cmp::Ordering::Less => node.item(at),
        cmp::Ordering::Equal => item,
        cmp::Ordering::Greater => node.item(at - 1),
    });
    let is_end = slot == SLOTS && node.next().is_none();
    // How many of all items stay on the left.
    let kept = match arrival {
        Arrival::InOrder => (slot + 1).min(SLOTS),
        Arrival::Scattered if is_end => SLOTS,
        Arrival::Scattered => items.len() / 2,
    };
    // SAFETY: the items are those of the node, and one that is like them by the caller's word; the
    // new node has the node's level and `next`, as `cut` asks for.
    unsafe {
        let starts = items[kept].starts(node.level());
        let right = builder.node(&tree.arena, node.level(), starts, &items[kept..], node.next());
        if slot < kept {
            node.cut(kept - 1, right);
            node.insert(slot, item);
            ((node, slot), Some(right))
        } else {
            node.cut(kept, right);
            ((right, slot - kept), Some(right))
        }
    }
}

/// Puts a new version at the front of the entry's chain.
fn add_version(entry: EntryRef<'_>, version: VersionRef<'_>) {
    let newest = entry.newest();
    let newest_seq = newest.map(VersionRef::seq);
    assert!(newest_seq < Some(version.seq()), "versions of a key are inserted in commit order");
    // SAFETY: all lie in the arena of one tree.
    unsafe {
        version.set_older(newest);
        entry.set_newest(version);
    }
}

/// Takes versions that no view needs out of the chain behind `newest`, looking at `steps` links.
fn prune(tree: &Tree, newest: VersionRef<'_>, horizon: &Horizon<'_>, steps: usize) {
    let Some(mut kept) = newest.older() else {
        return;
    };
    for _ in 0..steps {
        let Some(older) = kept.older() else {
            return;
        };
        let needed = kept.leans() && !planted::is(Bug::OperandLost);
        if !needed && horizon.hides(older.seq(), kept.seq()) {
            // First the word to readers, then the act (invariant 5 of the tree).
            if tree.pruned_to.load(Relaxed) < kept.seq() {
                tree.pruned_to.store(kept.seq(), Release);
            }
            // SAFETY: both lie in the arena of `tree`.
            unsafe { kept.set_older(older.older()) };
        } else {
            kept = older;
        }
    }
}

/// How many links to look at: `PRUNE_STEPS` times `2^n` with probability `2^-(n+1)`, so that a
/// chain of any length is looked through at a constant cost per insertion and doubling.
fn prune_steps(random: &mut u64) -> usize {
    PRUNE_STEPS << next_random(random).leading_zeros().min(PRUNE_DOUBLINGS_MAX)
}

/// The next of a fixed sequence of numbers, of which the high bits are the best (xorshift64*,
/// S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
