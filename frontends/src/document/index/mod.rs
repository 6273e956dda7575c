//! The entries of one document in one index: which there are, how they lie, what can be read back.
//!
//! ```text
//!             key                                         value
//! unique      ┌─────────┬─────────┬───┐                   ┌──────────┬───────┐
//!             │ field 1 │ field 2 │ … │                   │ row be64 │ types │
//!             └─────────┴─────────┴───┘                   └──────────┴───────┘
//! others      ┌─────────┬─────────┬───┬──────────┐        ┌───────┐
//!             │ field 1 │ field 2 │ … │ row be64 │        │ types │
//!             └─────────┴─────────┴───┴──────────┘        └───────┘
//! types       nothing if no field is missing and all are of their usual types, else
//!             ┌───────────────────────┬───────────┐
//!             │ missing fields: LEB128│ type bits │    bit n: the n-th field is missing
//!             └───────────────────────┴───────────┘
//! ```
//!
//! Fields are encoded by [`key`](crate::document::value::key). A missing field has the key of null,
//! as sorting takes it for null; an array without values has that of undefined.
//!
//! Not for: where the entries are kept, and when they are written.
//!
//! # Invariants
//!
//! 1. The entries of a document depend on nothing but the document, its row and the index.
//! 2. No two of them have the same key.

mod derive;
mod entries;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use entries::{Difference, Entries};
pub(crate) use shape::Shape;

/// Bytes of a row id in keys and values.
pub(crate) const ROW_BYTES: usize = 8;

/// The row id that bytes are.
pub(crate) fn row_of(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
