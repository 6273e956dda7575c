//! Ranges of keys, and which of them meet a given one: a treap by start that knows how far each
//! subtree reaches (an interval tree: Cormen et al., *Introduction to Algorithms*, section 14.3;
//! Seidel and Aragon 1996 for the treap).
//!
//! Not for: empty ranges, which nothing meets.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

/// The end of a range, exclusive; `None` is behind all keys.
type End = Option<Arc<[u8]>>;

#[derive(Debug)]
struct Node<V> {
    start: Vec<u8>,
    id: u64,
    end: End,
    value: V,
    priority: u64,
    /// The last end of all ranges in the subtree.
    reach: End,
    left: Tree<V>,
    right: Tree<V>,
}

type Tree<V> = Option<Box<Node<V>>>;

/// Ranges with values. Adding and removing take the logarithm of their number, a visit that and
/// the number of those that it visits.
#[derive(Debug)]
pub(super) struct Intervals<V> {
    root: Tree<V>,
}

impl<V> Default for Intervals<V> {
    fn default() -> Intervals<V> {
        Intervals { root: None }
    }
}

fn is_behind(end: &End, key: &[u8]) -> bool {
    end.as_deref().is_none_or(|end| end > key)
}

fn later(a: &End, b: &End) -> End {
    match (a, b) {
        (Some(x), Some(y)) => Some(if x >= y { x.clone() } else { y.clone() }),
        _ => None,
    }
}

/// Scatters numbers that follow one another (the finaliser of splitmix64, Steele et al. 2014).
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl<V> Node<V> {
    fn order(&self, start: &[u8], id: u64) -> Ordering {
        self.start.as_slice().cmp(start).then(self.id.cmp(&id))
    }

    fn updated(mut self: Box<Node<V>>) -> Box<Node<V>> {
        let mut reach = self.end.clone();
        for child in [&self.left, &self.right].into_iter().flatten() {
            reach = later(&reach, &child.reach);
        }
        self.reach = reach;
        self
    }
}

/// Those before a place, and those behind it.
fn split<V>(tree: Tree<V>, start: &[u8], id: u64) -> (Tree<V>, Tree<V>) {
    let Some(mut node) = tree else { return (None, None) };
    if node.order(start, id) == Ordering::Less {
        let (left, right) = split(node.right.take(), start, id);
        node.right = left;
        (Some(node.updated()), right)
    } else {
        let (left, right) = split(node.left.take(), start, id);
        node.left = right;
        (left, Some(node.updated()))
    }
}

fn join<V>(left: Tree<V>, right: Tree<V>) -> Tree<V> {
    match (left, right) {
        (None, tree) | (tree, None) => tree,
        (Some(mut left), Some(mut right)) => Some(if left.priority >= right.priority {
            left.right = join(left.right.take(), Some(right));
            left.updated()
        } else {
            right.left = join(Some(left), right.left.take());
            right.updated()
        }),
    }
}

fn without<V>(tree: Tree<V>, start: &[u8], id: u64) -> (Tree<V>, Option<V>) {
    let Some(mut node) = tree else { return (None, None) };
    let (taken, found);
    match node.order(start, id) {
        Ordering::Equal => {
            let Node { left, right, value, .. } = *node;
            return (join(left, right), Some(value));
        }
        Ordering::Less => {
            (taken, found) = without(node.right.take(), start, id);
            node.right = taken;
        }
        Ordering::Greater => {
            (taken, found) = without(node.left.take(), start, id);
            node.left = taken;
        }
    }
    (Some(node.updated()), found)
}

impl<V> Intervals<V> {
    /// Adds a range under a number that no other has.
    pub(super) fn insert(&mut self, id: u64, start: Vec<u8>, end: End, value: V) {
        let (left, right) = split(self.root.take(), &start, id);
        let (priority, reach) = (scattered(id), end.clone());
        let node = Node { start, id, end, value, priority, reach, left: None, right: None };
        self.root = join(join(left, Some(Box::new(node))), right);
    }

    /// Takes a range away.
    pub(super) fn remove(&mut self, id: u64, start: &[u8]) -> Option<V> {
        let (root, found) = without(self.root.take(), start, id);
        self.root = root;
        found
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Ranges on the longest way down.
    #[cfg(test)]
    pub(super) fn depth(&self) -> usize {
        fn depth<V>(tree: &Tree<V>) -> usize {
            tree.as_ref().map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
        }
        depth(&self.root)
    }

    /// Visits all ranges that meet the keys from `from` up to `to`.
    pub(super) fn visit(&self, from: &[u8], to: Bound<&[u8]>, visitor: &mut impl FnMut(&V)) {
        visit(&self.root, from, to, visitor);
    }
}

fn visit<V>(tree: &Tree<V>, from: &[u8], to: Bound<&[u8]>, visitor: &mut impl FnMut(&V)) {
    let Some(node) = tree else { return };
    if !is_behind(&node.reach, from) {
        return;
    }
    visit(&node.left, from, to, visitor);
    let begins = match to {
        Bound::Included(last) => node.start.as_slice() <= last,
        Bound::Excluded(end) => node.start.as_slice() < end,
        Bound::Unbounded => true,
    };
    if begins {
        if is_behind(&node.end, from) {
            visitor(&node.value);
        }
        visit(&node.right, from, to, visitor);
    }
}
