//! Dumps: everything in a database as lines of JSON, which any version and any program can read.
//!
//! Normative layout: `docs/formats/dump.md`.
//!
//! ```text
//! {"cuesta_dump":1,"database":"..","commit":42,"time_ms":..}
//! {"keyspace":"users","options":{"block_bytes":8192,..}}
//! {"key":"ada","value":"Ada Lovelace"}
//! {"end":{"keyspaces":1,"entries":1,"crc32":"89abcdef"}}
//! ```
//!
//! Invariants:
//! 1. A dump is of one snapshot.
//! 2. What is cut off or changed is noticed: the last line counts and checks all before it.
//! 3. What this version does not know is refused by name, never left out.
//!
//! Not for: copies to open at once, which checkpoints and backups are.

mod json;
mod load;
mod settings;
mod write;

#[cfg(test)]
mod tests;

pub use load::Existing;
pub use write::Unmerged;

/// What a dump holds, or a load has put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dumped {
    /// Keyspaces.
    pub keyspaces: u64,
    /// Entries in them.
    pub entries: u64,
    /// Bytes of the dump.
    pub bytes: u64,
    /// The last commit of the database that was dumped.
    pub commit: u64,
    /// Keys that were left out: see [`Database::dump_passing`](crate::Database::dump_passing).
    pub passed_over: u64,
}

/// Version of the format written.
const VERSION: u64 = 1;
