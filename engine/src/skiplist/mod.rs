//! An ordered map of versioned keys in memory: one writer, any number of lock-free readers.
//!
//! Memtables stand on it. Each key has a chain of versions, newest first; a reader sees, per key,
//! the newest version committed at or before the sequence number that it reads as of. Keys are
//! never removed (deleting is a kind of version), and all memory is freed with the list, so readers
//! need no protection beyond an `Arc`.
//!
//! ```text
//! head ───────────────────> "m" ─────────────────> end     level 1
//! head ──────> "c" ───────> "m" ──────> "q" ─────> end     level 0
//!               │ newest     │           │
//!               9 ──> 4      7           5        versions, by sequence number
//! ```
//!
//! Source: W. Pugh, "Skip lists: a probabilistic alternative to balanced trees", CACM 33(6), 1990.
//!
//! Not for: several writers, removal of single keys, knowing what is published or pinned.
//!
//! Invariants
//! 1. *One writer.* Everything shared is changed by [`Writer`] alone, through `&mut self`.
//! 2. *What a reader reaches is complete.* A node or version is filled in before its address is
//!    stored with `Release`; addresses are loaded with `Acquire`. So a reader that learnt of a
//!    sequence number after it was published sees all that was inserted under it.
//! 3. *What a reader reaches stays.* Nodes are never unlinked, and memory is freed when the last of
//!    `Writer`, `List` and `Cursor`s is gone; a reader on a version that left its chain goes on.
//! 4. *A reader knows when pruning went past it.* Before a version that is hidden by the one
//!    committed at `s` leaves the chain, `pruned_to` is raised to at least `s`; after that, the
//!    link that skips it is stored with `Release`. A reader that followed this link (`Acquire`) and
//!    then loads `pruned_to` gets `s` or more. It missed something only if it reads as of less than
//!    `s`, and then sees that it may have.
//! 5. *A pinned view never misses anything.* A version leaves only if the one that hides it is
//!    published and no pin lies between the two; see [`Horizon`] for why no pin is overlooked.
//! 6. *The newest two versions of a key stay*: the newest is not published when it is inserted.

mod sync;
mod arena;
mod digest;
mod version;
mod node;
mod builder;
mod horizon;
mod list;
mod cursor;
mod writer;

pub use cursor::Cursor;
pub use horizon::Horizon;
pub use list::{List, Version};
pub use writer::{Writer, create, create_under};

#[cfg(all(test, loom))]
mod skiplist_loom;
#[cfg(all(test, not(loom)))]
mod tests;
