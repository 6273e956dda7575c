//! Ordered keys as a log-structured merge tree.
