//! Tests of the command, run as people run it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod program;

mod changes;
mod completion;
mod entries;
mod failures;
mod files;
mod help;
mod id;
mod keeping;
mod kill;
mod lifetime;
mod made;
mod manual;
mod merge;
mod upkeep;
mod watch;
