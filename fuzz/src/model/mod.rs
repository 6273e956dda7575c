//! The whole interface against a sorted map.
//!
//! ```text
//! input | settings 4 bytes | operation, operation, ... to the end
//! ```
//!
//! What an operation's bytes mean is said in [`choice`], where they are read.
//!
//! | file | answers |
//! | --- | --- |
//! | `choice` | which operation, key, value, range do these bytes stand for? |
//! | `contents` | what should be in the database? what may be, after a crash? |
//! | `clock` | what time is it? |
//! | `walk` | where should a cursor stand? |
//! | `world` | how is a database opened, closed, crashed, made to fail? |
//! | `read`, `write` | what does one operation do, and what should it have done? |

mod choice;
mod contents;
mod walk;
mod world;
mod load;
mod read;
mod write;

use arbitrary::Unstructured;

use crate::random::Random;
use choice::{Operation, Settings};
use world::World;

/// Operations of one run at most: longer ones find nothing more, and take long.
const OPERATIONS_MAX: usize = 250;

/// Takes the input as settings and operations on a simulated world: writes and batches of every
/// durability, values that expire while a clock goes on, operands, range deletes, reads of every
/// kind, snapshots and cursors that are kept, flushes and merges, steps of background work,
/// keyspaces that come, go and get other names, closing, crashes in and after any operation, and
/// disks that fail.
///
/// Asserts that every read gives what a map gives, snapshots what a copy of the map gave; that an
/// operation which is refused changes nothing; that errors are of kinds that there is a reason for;
/// that after a crash the database holds a state that it had since the last one that had to
/// survive; and that its own check finds nothing wrong.
///
/// With `CUESTA_FUZZ_TRACE` set it prints what it does.
pub fn model_api(bytes: &[u8]) {
    let trace = std::env::var_os("CUESTA_FUZZ_TRACE").is_some();
    let mut input = Unstructured::new(bytes);
    let settings = Settings::choose(&mut input);
    if trace {
        eprintln!("{settings:?}");
    }
    let mut world = World::open(settings);
    for _ in 0..OPERATIONS_MAX {
        if input.is_empty() {
            break;
        }
        let operation = Operation::choose(&mut input);
        if trace {
            eprintln!("{operation:?}");
        }
        world.run(operation);
    }
    world.finish();
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    // Any bytes are operations.
    let random = |seed| Random::new(seed).bytes(100 + (seed as usize % 7) * 200);
    (1..40).map(random).collect()
}
