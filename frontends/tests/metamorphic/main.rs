//! One list of operations, many ways to set up a database: every answer must be the same.
//!
//! ```text
//! seed ──► operations ──► model (a map that knows time and operators) ──► expected answers
//!               │                                                              ▲
//!               └──► database under each of the option sets ──► answers ───────┘ equal?
//! ```
//!
//! What an option is for is how fast, how large or how durable something is; none may change what
//! is there. A list that goes wrong is made as short as still goes wrong.
//!
//! Not for: crashes, failing disks and threads that race; see `indexes/tests/crash`, `it/threads`.
//!
//! `CUESTA_LISTS=500` takes so many lists, `CUESTA_SEED=N` begins with one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod operation;
mod generate;
mod model;
mod transact;
mod sets;
mod world;
mod load;
mod compare;
mod shrink;

use generate::list;
use sets::SETS;

/// How many lists, and from which seed on.
fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("CUESTA_SEED").unwrap_or(0);
    let default = if first > 0 { 1 } else { default };
    first..first + number("CUESTA_LISTS").unwrap_or(default)
}

/// Runs lists under all option sets.
///
/// # Panics
/// When answers differ.
fn check(seeds: std::ops::Range<u64>) {
    let (mut operations, mut answers) = (0, 0);
    for seed in seeds {
        let list = list(seed, generate::LEN);
        match compare::all(&list) {
            Ok(count) => answers += count,
            Err(mismatch) => {
                let (list, mismatch) = shrink::shrink(list, mismatch);
                panic!("CUESTA_SEED={seed}: {mismatch}\n{list}");
            }
        }
        operations += list.operations.len();
    }
    println!("{operations} operations, {answers} answers under {} option sets", SETS.len());
}

#[test]
fn options_change_no_answer() {
    check(seeds(24));
}

#[test]
fn there_are_enough_option_sets_of_different_names() {
    let names: std::collections::BTreeSet<_> = SETS.iter().map(|set| set.name).collect();
    assert!(names.len() == SETS.len() && SETS.len() >= 24);
}

#[test]
fn a_list_follows_from_its_seed() {
    assert_eq!(format!("{:?}", list(3, 50)), format!("{:?}", list(3, 50)));
    assert_ne!(format!("{:?}", list(3, 50)), format!("{:?}", list(4, 50)));
}

/// The comparison would find what it looks for.
#[cfg(feature = "planted-bugs")]
mod planted {
    use cuesta_engine::planted::{Bug, plant};

    use super::*;

    /// Lists within which a bug must be found.
    const LISTS_MAX: u64 = 100;

    fn find(bug: Bug) {
        struct Planted;
        impl Drop for Planted {
            fn drop(&mut self) {
                plant(None);
            }
        }
        let planted = Planted;
        for seed in 0..LISTS_MAX {
            let list = list(seed, generate::LEN);
            plant(None);
            let expected = compare::expected(&list);
            plant(Some(bug));
            // Simulated worlds alone: a bug is planted on one thread.
            let found = SETS
                .iter()
                .filter(|set| !set.is_real())
                .find_map(|set| compare::one(&list, set, &expected).err());
            let Some(mismatch) = found else { continue };
            let (before, name) = (list.size(), mismatch.set.name);
            let (list, mismatch) = shrink::shrink(list, mismatch);
            drop(planted);
            println!("{bug:?}: found by list {seed} under {name}, {before} to {}", list.size());
            println!("{mismatch}\n{list}");
            return;
        }
        panic!("{bug:?} was not found by {LISTS_MAX} lists");
    }

    #[test]
    fn lost_operands_are_found() {
        find(Bug::OperandLost);
    }

    #[test]
    fn a_range_delete_dropped_too_high_is_found() {
        find(Bug::RangeDeleteDroppedTooHigh);
    }

    #[test]
    fn expired_values_that_resurface_are_found() {
        find(Bug::ExpiredResurfaces);
    }

    #[test]
    fn a_tombstone_dropped_too_high_is_found() {
        find(Bug::TombstoneDroppedTooHigh);
    }

    #[test]
    fn validation_that_is_blind_for_ranges_is_found() {
        find(Bug::BlindRangeValidation);
    }
}
