//! What answering a query has looked at.

/// Counts for `explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Examined {
    /// Keys of indexes.
    pub(super) keys: u64,
    /// Documents.
    pub(super) documents: u64,
}
