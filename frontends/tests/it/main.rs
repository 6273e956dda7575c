//! Tests of the Rust front-end from the outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use cuesta::{KeyspaceEngine, KeyspaceOptions};

mod api;
mod between;
mod budget;
mod caches;
mod closing;
mod erase;
mod feed;
mod dump;
mod dump_harm;
mod handles;
mod hooked;
mod lively;
mod ids;
mod large;
mod load;
mod locks;
mod model;
mod operators;
mod pages;
mod point_in_time;
mod reader_processes;
mod readers;
mod refusals;
mod repair;
mod set_back;
mod threads;
mod transactions;
mod trees;
mod watch;

/// Options of an LSM tree, where that is what is tested: other keyspaces are of the engine that the
/// tests are run on.
fn lsm() -> KeyspaceOptions {
    KeyspaceOptions::new().engine(KeyspaceEngine::Lsm)
}
