//! The manifest keeps what it was told.
