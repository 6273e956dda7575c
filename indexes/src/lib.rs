//! Cuesta's index types: how data lies in memory and in files, and how files merge.
//!
//! The order of the modules is the order of the layers: a module uses only earlier ones.

pub mod ordered;
pub mod lsm;
pub mod btree;
