//! The write half: inserting versions, and letting go of those that no view needs.
//!
//! Not for: being shared. Its methods take `&mut self`, and there is one per list.
//!
//! Invariants
//! 1. `splice` has, per level, the last node at that level whose key is not greater than that of
//!    the last insertion; so `splice[0]` is where that one went, or the head at first.

#![allow(unsafe_code, reason = "nodes are linked through kept addresses")]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed as Counting;

use super::builder::Builder;
use super::horizon::Horizon;
use super::list::List;
use super::node::{HEIGHT_MAX, NodePtr, NodeRef, Rung, Step, Wanted};
use super::sync::Ordering::{Relaxed, Release};
use super::version::VersionRef;

/// Links of a chain that any insertion may look at to prune.
const PRUNE_STEPS: usize = 8;
/// One insertion in `2^n` may look at `2^n` times as many, up to this `n`.
const PRUNE_DOUBLINGS_MAX: u32 = 12;

/// The write half of a list; dropping it freezes the list.
pub struct Writer {
    /// Keeps what `splice` points to.
    list: Arc<List>,
    builder: Builder,
    splice: [NodePtr; HEIGHT_MAX],
    random: u64,
}

/// An empty list, as its two halves.
pub fn create() -> (Writer, Arc<List>) {
    create_under(&[])
}

/// An empty list, as its two halves, whose keys are expected to start with `prefix`. Others are
/// welcome too; the better the guess, the faster are searches.
pub fn create_under(prefix: &[u8]) -> (Writer, Arc<List>) {
    let (list, builder) = List::new(prefix);
    let list = Arc::new(list);
    let splice = [list.head; HEIGHT_MAX];
    let writer = Writer { list: Arc::clone(&list), builder, splice, random: 0x9e37_79b9_7f4a_7c15 };
    (writer, list)
}

impl Writer {
    /// Adds a version of `key` committed at `at`, which is newer than all versions of that key in
    /// the list, and returns the bytes of memory that it took. `kind` is the caller's.
    ///
    /// Expected O(log n); O(1) where `key` follows the key of the last insertion with none between
    /// them, or is that key; and cheap where it is not far behind it, as in a sorted batch.
    /// Versions that `horizon` shows to be of no use leave the chain; their memory stays until
    /// the list goes.
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
        let mut wanted = Wanted::new(key, &self.list.digests);
        match locate(&mut self.splice, &self.list, &mut wanted) {
            Some(node) => {
                // SAFETY: `builder` was made for the arena of `self.list`.
                let version = unsafe { self.builder.version(&self.list.arena, at, kind, value) };
                add_version(node, version);
                let steps = prune_steps(&mut self.random);
                prune(&self.list, version, horizon, steps);
            }
            None => {
                let height = random_height(&mut self.random);
                let list = &*self.list;
                add_node(
                    list,
                    &mut self.builder,
                    &mut self.splice[..height],
                    &wanted,
                    (at, kind, value),
                );
            }
        }
        self.builder.taken() - taken
    }

    /// The read half.
    pub fn list(&self) -> &Arc<List> {
        &self.list
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("list", &self.list).finish_non_exhaustive()
    }
}

/// Moves the splice to the wanted key and returns its node, if there is one.
#[inline]
fn locate<'a>(
    splice: &mut [NodePtr; HEIGHT_MAX],
    list: &'a List,
    wanted: &mut Wanted<'_>,
) -> Option<NodeRef<'a>> {
    // SAFETY: the splice's nodes lie in the arena of `list` and are as high as their level.
    let kept = |splice: &[NodePtr], level: usize| unsafe { splice[level].of().rung(level) };
    let last: Rung<'a> = kept(splice, 0);
    // Whether the splice is of use: its nodes come before the wanted key.
    let mut ahead = true;
    if last.node() != list.head() {
        match last.node().key().cmp(wanted.key) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Some(last.node()),
            std::cmp::Ordering::Greater => ahead = false,
        }
    }
    if ahead {
        match last.step(wanted) {
            // No key lies between the last one and the wanted one, at any level.
            Step::Down => return None,
            Step::Found(node) => return Some(found(splice, node)),
            Step::Forward(_) => {}
        }
    }
    let mut rung = list.top();
    loop {
        let level = rung.level();
        if ahead {
            rung = kept(splice, level);
        }
        loop {
            match rung.step(wanted) {
                Step::Forward(next) => {
                    // From here on the search is past the splice of all lower levels.
                    ahead = false;
                    rung = next;
                }
                Step::Found(node) => return Some(found(splice, node)),
                Step::Down => break,
            }
        }
        splice[level] = rung.node().ptr();
        rung = rung.below()?;
    }
}

/// Links a new node behind the splice, of the height of the part of it that is given.
fn add_node(
    list: &List,
    builder: &mut Builder,
    splice: &mut [NodePtr],
    wanted: &Wanted<'_>,
    version: (u64, u8, &[u8]),
) {
    // SAFETY: `builder` was made for `list.arena`. The nodes of the splice lie in it, and are as
    // high as their level (invariant 1).
    let node = unsafe { builder.link(&list.arena, splice, wanted, version) }.ptr();
    splice.fill(node);
    list.keys.fetch_add(1, Counting);
    if splice.len() > list.height.load(Counting) {
        list.height.store(splice.len(), Counting);
    }
}

/// Moves the splice, which is right above the node's height, to the node.
fn found<'a>(splice: &mut [NodePtr; HEIGHT_MAX], node: NodeRef<'a>) -> NodeRef<'a> {
    splice[..node.height()].fill(node.ptr());
    node
}

/// Puts a new version at the front of the node's chain.
fn add_version(node: NodeRef<'_>, version: VersionRef<'_>) {
    let newest = node.newest();
    let newest_seq = newest.map(VersionRef::seq);
    assert!(newest_seq < Some(version.seq()), "versions of a key are inserted in commit order");
    // SAFETY: all lie in the arena of one list.
    unsafe {
        version.set_older(newest);
        node.set_newest(version);
    }
}

/// Takes versions that no view needs out of the chain behind `newest`, looking at `steps` links.
fn prune(list: &List, newest: VersionRef<'_>, horizon: &Horizon<'_>, steps: usize) {
    let Some(mut kept) = newest.older() else {
        return;
    };
    for _ in 0..steps {
        let Some(older) = kept.older() else {
            return;
        };
        if horizon.hides(older.seq(), kept.seq()) {
            // First the word to readers, then the act (invariant 4 of the list).
            if list.pruned_to.load(Relaxed) < kept.seq() {
                list.pruned_to.store(kept.seq(), Release);
            }
            // SAFETY: both lie in the arena of `list`.
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

/// A height of at least 1; half of the nodes that reach a level reach the next. (As the digest of
/// the next node lies in the link, steps down are free and steps forward cost a cache miss: one in
/// two makes gets a third faster than one in four, for 11 bytes more per key.)
fn random_height(random: &mut u64) -> usize {
    (1 + next_random(random).leading_zeros() as usize).min(HEIGHT_MAX)
}

/// The next of a fixed sequence of numbers, of which the high bits are the best (xorshift64*,
/// S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
