//! The list of indexes and segments.
