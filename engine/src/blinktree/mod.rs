//! An ordered map of versioned keys in memory: one writer, any number of lock-free readers.
//!
//! Memtables stand on it. Each key has a chain of versions, newest first; a reader sees, per key,
//! the newest version committed at or before the sequence number that it reads as of. Keys are
//! never removed (deleting is a kind of version), and all memory is freed with the tree, so readers
//! need no protection beyond an `Arc`.
//!
//! ```text
//! root ──> [ "" | "k" ]                                          level 1
//!             │     └───────────────────┐
//!             v                         v
//! first ──> [ "c" | "h" ] ── next ──> [ "k" | "m" | "q" ]        level 0, the leaves
//!              │     │                   │     │     │
//!              9     4 ──> 3             7     5     8 ──> 2     versions, by sequence number
//! ```
//!
//! A node that is full is split in place: its upper part goes to a new node on its right, which
//! `next` leads to before the parent learns of it. No node is ever replaced, so there is no garbage
//! but versions that nobody needs. Nodes have digests of keys beside the addresses of entries and
//! are searched by them; a look-up touches one entry at most, unless digests tie.
//!
//! Sources: P. Lehman and S. B. Yao, "Efficient locking for concurrent operations on B-trees", ACM
//! TODS 6(4), 1981, for the links to the right; D. Hwang et al., "Endurable transient inconsistency
//! in byte-addressable persistent B+-tree", FAST 2018, for slots that are read while they shift.
//!
//! Not for: several writers, removal of single keys, knowing what is published or pinned.
//!
//! Invariants
//! 1. *One writer.* Everything shared is changed by [`Writer`] alone, through `&mut self`.
//! 2. *What a reader reaches is complete.* An entry, version or node is filled in before its
//!    address is stored with `Release`; addresses are loaded with `Acquire`. So a reader that
//!    learnt of a sequence number after it was published sees all that was inserted under it.
//! 3. *A reader sees the writer's stores in order.* All stores to what is shared release, all loads
//!    by readers acquire, and one thread stores: after a load that saw some store, no load sees
//!    less than what that one followed. So a reader's loads are as good as made one after the other
//!    while the writer works, each between two of its stores; what is said below of a moment means
//!    that.
//! 4. *What a reader reaches stays.* Entries are never removed, and memory is freed when the last
//!    of `Writer`, `Tree` and `Cursor`s is gone; a reader on a version that left its chain goes on.
//! 5. *A reader knows when pruning went past it.* Before a version that is hidden by the one
//!    committed at `s` leaves the chain, `pruned_to` is raised to at least `s`; after that, the
//!    link that skips it is stored with `Release`. A reader that followed this link (`Acquire`) and
//!    then loads `pruned_to` gets `s` or more. It missed something only if it reads as of less than
//!    `s`, and then sees that it may have.
//! 6. *A pinned view never misses anything.* A version leaves only if the next newer one is
//!    published, does not lean on it, and no pin lies between the two; see [`Horizon`] for why no
//!    pin is overlooked.
//! 7. *The newest two versions of a key stay*: the newest is not published when it is inserted.
//! 8. *Entries only move to the right*: to a greater slot of their leaf, or to a new leaf right of
//!    it, and are there before they leave where they were. Between two leaves linked by `next`,
//!    no entry is missing at any moment.
//! 9. *A search never passes an old key.* A reader only goes past slots and starts of nodes that it
//!    saw to be smaller than the wanted key. Those stay smaller, so it stays left of the key; where
//!    a leaf ends before the key, it goes on to the right.
//! 10. *A step never passes an old key.* The neighbour of an entry counts only if the entry is
//!     still in its slot after the neighbour was loaded: then they were neighbours at that moment
//!     (8 and invariant 1 of the nodes). At the end of a leaf the next one's start, which never
//!     changes, is the neighbour if it is greater.
//! 11. *Nobody waits for the writer.* Every state between two of its stores can be searched; a
//!     reader starts over only after the writer has got on.

mod sync;
mod arena;
mod digest;
mod version;
mod entry;
mod wanted;
mod node;
mod builder;
mod horizon;
mod tree;
mod cursor;
mod writer;

pub use cursor::Cursor;
pub use horizon::Horizon;
pub use tree::{Chain, Tree, Version};
pub use version::LEANS;
pub use writer::{Writer, create, create_under};

#[cfg(all(test, loom))]
mod blinktree_loom;
#[cfg(all(test, not(loom)))]
mod tests;
