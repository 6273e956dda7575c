//! Crashes at every disk operation, with all index types: what is there afterwards is exactly a
//! prefix of the commits that holds everything promised. See `docs/testing.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod harness;
#[path = "../../../engine/tests/kinds/mod.rs"]
mod kinds;
mod large;
mod lively;
mod loads;
mod lsm;

mod copies;
mod failing;
#[cfg(feature = "planted-bugs")]
mod planted;
mod readers;
mod regressions;
mod space;
mod trees;
