//! Makes a list as short as still goes wrong under one option set.

use crate::compare::{Mismatch, one};
use crate::model::Model;
use crate::operation::List;
use crate::sets::{SETS, Set};
use crate::world::World;

/// Runs that a list is worth.
const RUNS_MAX: usize = 600;

/// Whether a list goes wrong under `set`; the model's answers count, and those of the first option
/// set where they were what failed.
fn wrong(list: &List, set: &'static Set) -> Option<Mismatch> {
    let known = Model::answers(list);
    let first = || World::answers(list, &SETS[0]).into_iter();
    let expected: Vec<String> = match known.iter().all(Option::is_some) {
        true => known.into_iter().flatten().collect(),
        false => known.into_iter().zip(first()).map(|(k, f)| k.unwrap_or(f)).collect(),
    };
    one(list, set, &expected).err()
}

/// The shortest list that was found to go wrong, and how.
pub fn shrink(mut list: List, mut mismatch: Mismatch) -> (List, Mismatch) {
    let set = mismatch.set;
    let mut runs = 0;
    let mut try_it = |operations, list: &mut List, mismatch: &mut Mismatch| -> bool {
        runs += 1;
        let shorter = List { seed: list.seed, operations };
        let found = if runs > RUNS_MAX { None } else { wrong(&shorter, set) };
        let Some(found) = found else { return false };
        (*list, *mismatch) = (shorter, found);
        true
    };
    let mut part = list.operations.len();
    while part > 0 {
        let mut at = 0;
        while at < list.operations.len() {
            let end = (at + part).min(list.operations.len());
            let rest = [&list.operations[..at], &list.operations[end..]].concat();
            if !try_it(rest, &mut list, &mut mismatch) {
                at = end;
            }
        }
        part /= 2;
    }
    let mut at = 0;
    while at < list.operations.len() {
        let smaller = list.operations[at].smaller();
        let shrunk = smaller.into_iter().any(|operation| {
            let mut operations = list.operations.clone();
            operations[at] = operation;
            try_it(operations, &mut list, &mut mismatch)
        });
        at += usize::from(!shrunk);
    }
    (list, mismatch)
}
