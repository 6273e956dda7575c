//! The process that is killed: copies flights, and acknowledges each commit once it is durable.
//!
//! It copies the flights in the order of their ids, from behind the last one that is copied, into
//! two keyspaces in the same commits: the flight into one, its entry by route into the other.
//!
//! ```text
//! commit returned ──► "ROWS:CHECKSUM\n" on standard output, of all that is copied so far
//! ```
//!
//! Invariant: a line is written only after its commit has returned, with durability `Sync`.

use std::io::{self, Write};
use std::ops::Bound;
use std::path::Path;

use cuesta::{Database, Durability, Error, Result};

use super::load::route_key;
use super::{FLIGHTS, Ledger};

/// What the process is called by.
pub const COPY: &str = "demo-copy";

/// The copied flights.
pub const COPIES: &str = "copies";
/// The copied flights by route.
pub const COPIED_ROUTES: &str = "copies_by_route";

/// Little memory, so that it is killed during flushes and merges, too.
const MEMORY_BYTES: u64 = 8 << 20;

/// Copies what is not copied yet; `done` is what is.
///
/// # Errors
/// What the database fails with; `Io` when nobody reads the acknowledgements.
pub fn copy_until_killed(path: &Path, done: Ledger, rows_per_commit: u64) -> Result<()> {
    let db = Database::builder()
        .must_exist()
        .durability(Durability::Sync)
        .memory_budget(MEMORY_BYTES)
        .open(path)?;
    let (copies, routes) = (db.keyspace(COPIES)?, db.keyspace(COPIED_ROUTES)?);
    let flights = db.existing_keyspace(FLIGHTS)?;
    let mut copied = copies.cursor::<&[u8]>(..)?;
    let after =
        if copied.prev()? { Bound::Excluded(copied.key().to_vec()) } else { Bound::Unbounded };
    drop(copied);
    let mut ledger = done;
    let mut batch = db.batch();
    let mut source = flights.cursor((after, Bound::Unbounded))?;
    let mut out = io::stdout().lock();
    loop {
        let more = source.next()?;
        if more {
            let (id, flight) = (source.key(), source.value());
            batch.put(&copies, id, flight)?;
            batch.put(&routes, route_key(id, flight)?, "")?;
            ledger.add(id, flight);
        }
        let waiting = batch.len() as u64 / 2;
        if waiting >= rows_per_commit.max(1) || (!more && waiting > 0) {
            std::mem::replace(&mut batch, db.batch()).commit()?;
            writeln!(out, "{ledger}")
                .and_then(|()| out.flush())
                .map_err(|e| Error::io("acknowledging", e))?;
        }
        if !more {
            return Ok(());
        }
    }
}
