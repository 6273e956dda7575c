//! Runs a list under option sets and compares answers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::model::Model;
use crate::operation::List;
use crate::sets::{SETS, Set};
use crate::world::World;

/// An answer that is not what it should be.
pub struct Mismatch {
    pub set: &'static Set,
    /// Place of the operation in the list.
    at: usize,
    expected: String,
    found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { set, at, expected, found } = self;
        writeln!(f, "under {:?}, operation {at}:", set.name)?;
        write!(f, "expected: {expected}\nfound:    {found}")
    }
}

fn answers(list: &List, set: &'static Set) -> Result<Vec<String>, Mismatch> {
    catch_unwind(AssertUnwindSafe(|| World::answers(list, set))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        let (at, expected) = (list.operations.len(), "no panic".to_owned());
        Mismatch { set, at, expected, found: text.to_owned() }
    })
}

/// The answers to a list: those of the model, and of the first option set where it knows none.
///
/// # Panics
/// When the first option set fails.
pub fn expected(list: &List) -> Vec<String> {
    let found = answers(list, &SETS[0]).unwrap_or_else(|mismatch| panic!("{mismatch}"));
    let known = Model::answers(list).into_iter();
    known.zip(found).map(|(known, found)| known.unwrap_or(found)).collect()
}

/// Compares the answers under one option set with those expected.
///
/// # Errors
/// The first that differs.
pub fn one(list: &List, set: &'static Set, expected: &[String]) -> Result<(), Mismatch> {
    let found = answers(list, set)?;
    let differs = expected.iter().zip(&found).position(|(expected, found)| expected != found);
    match differs {
        None => Ok(()),
        Some(at) => {
            let (expected, found) = (expected[at].clone(), found[at].clone());
            Err(Mismatch { set, at, expected, found })
        }
    }
}

/// Compares the answers under all option sets; returns how many there were. Real disks, which are
/// slow, take one list in four.
///
/// # Errors
/// The first that differs.
pub fn all(list: &List) -> Result<usize, Mismatch> {
    let expected = expected(list);
    let mut sets = SETS.iter().filter(|set| !set.is_real() || list.seed.is_multiple_of(4));
    sets.try_fold(0, |count, set| one(list, set, &expected).map(|()| count + expected.len()))
}
