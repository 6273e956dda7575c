//! The commands, one file each: its arguments, and what it does with them.
//!
//! Every command but `completion` is `cuesta COMMAND PATH [KEYSPACE] ..`, and all run against an
//! [`Output`] that knows whether text or JSON is asked for.

mod import;
mod export;
mod get;
mod put;
mod delete;
mod delete_range;
mod ttl;
mod merge;
mod id;
mod cas;
mod batch;
mod scan;
mod keyspaces;
mod changes;
mod watch;
mod stats;
mod verify;
mod compact;
mod checkpoint;
mod backup;
mod backups;
mod restore;
mod repair;
mod dump;
mod load;
mod inspect;
mod bench;
mod demo;
mod completion;

pub use demo::DemoCopy;

use clap::Subcommand;
use cuesta::Result;

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put the rows of files into a keyspace: NDJSON, CSV, or what export wrote
    Import(import::Import),
    /// Write a keyspace as NDJSON, as CSV, or as its values alone
    Export(export::Export),
    /// Print the value of a key
    Get(get::Get),
    /// Set the value of a key
    Put(put::Put),
    /// Remove keys
    Delete(delete::Delete),
    /// Remove all keys of a range
    DeleteRange(delete_range::DeleteRange),
    /// Print how long the value of a key has to live
    Ttl(ttl::Ttl),
    /// Merge what a key has with an operand, without reading it
    Merge(merge::Merge),
    /// Give out identifiers: numbers, snowflakes, UUIDs, ULIDs
    Id(id::Id),
    /// Change a key if it has the expected value
    Cas(cas::Cas),
    /// Do several writes at once, on conditions, from a file
    Batch(batch::Batch),
    /// Print a range of keys and values in order
    Scan(scan::Scan),
    /// List, create, rename and drop keyspaces
    Keyspaces(keyspaces::Keyspaces),
    /// Print what was committed, in order
    Changes(changes::Changes),
    /// Wait for what is committed, and print it
    Watch(watch::Watch),
    /// Print sizes, gauges, counters and what opening found
    Stats(stats::Stats),
    /// Check every checksum and invariant of everything stored
    Verify(verify::Verify),
    /// Merge everything down as far as it goes
    Compact(compact::Compact),
    /// Copy a database, sharing the files that never change
    Checkpoint(checkpoint::Checkpoint),
    /// Copy a database to a directory of backups
    Backup(backup::Backup),
    /// List, check and remove backups
    Backups(backups::Backups),
    /// Make a database out of a backup
    Restore(restore::Restore),
    /// Make a new database out of what is intact in a damaged one
    Repair(repair::Repair),
    /// Write everything as text that every version reads
    Dump(dump::Dump),
    /// Take in what dump wrote
    Load(load::Load),
    /// Print what is in a log, manifest, segment or identity file, or in a directory
    Inspect(inspect::Inspect),
    /// Measure standard workloads on the disk of a directory
    Bench(bench::Bench),
    /// Show what Cuesta does with real data, killed processes included
    Demo(demo::Demo),
    /// Print what a shell needs to complete commands and options
    Completion(completion::Completion),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// What the command fails with.
    pub fn run(self, output: &mut Output) -> Result<()> {
        match self {
            Command::Import(import) => import.run(output),
            Command::Export(export) => export.run(output),
            Command::Get(get) => get.run(output),
            Command::Put(put) => put.run(output),
            Command::Delete(delete) => delete.run(output),
            Command::DeleteRange(range) => range.run(output),
            Command::Ttl(ttl) => ttl.run(output),
            Command::Merge(merge) => merge.run(output),
            Command::Id(id) => id.run(output),
            Command::Cas(cas) => cas.run(output),
            Command::Batch(batch) => batch.run(output),
            Command::Scan(scan) => scan.run(output),
            Command::Keyspaces(keyspaces) => keyspaces.run(output),
            Command::Changes(changes) => changes.run(output),
            Command::Watch(watch) => watch.run(output),
            Command::Stats(stats) => stats.run(output),
            Command::Verify(verify) => verify.run(output),
            Command::Compact(compact) => compact.run(output),
            Command::Checkpoint(checkpoint) => checkpoint.run(output),
            Command::Backup(backup) => backup.run(output),
            Command::Backups(backups) => backups.run(output),
            Command::Restore(restore) => restore.run(output),
            Command::Repair(repair) => repair.run(output),
            Command::Dump(dump) => dump.run(output),
            Command::Load(load) => load.run(output),
            Command::Inspect(inspect) => inspect.run(output),
            Command::Bench(bench) => bench.run(output),
            Command::Demo(demo) => demo.run(output),
            Command::Completion(completion) => completion.run(output),
        }
    }
}
