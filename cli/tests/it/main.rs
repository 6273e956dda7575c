//! Tests of the command, run as people run it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod program;

mod changes;
mod entries;
mod failures;
mod files;
mod keeping;
mod kill;
mod manual;
mod upkeep;
