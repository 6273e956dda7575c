//! What a command makes for its writes goes again if it fails before it has written.
//!
//! Invariant: a database or keyspace that was there before stays, and so does every commit.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use cuesta::{Builder, Database, Keyspace, KeyspaceOptions, Result};
use cuesta_engine::format::name::FileName;

use crate::place::Target;
use crate::writing::Writing;

impl Writing {
    /// Opens the database for writing, creates it when it is missing, lets `work` write, and closes
    /// it. If that fails and leaves no keyspace, a database that was created goes again.
    ///
    /// # Errors
    /// As [`Database::open`]; what `work` and closing fail with.
    pub fn creating<T>(
        &self,
        builder: Builder,
        work: impl FnOnce(&Database) -> Result<T>,
    ) -> Result<T> {
        let (was_there, folder, before) =
            (self.exists()?, self.path().exists(), names(self.path()).unwrap_or_default());
        let db = self.open(builder)?;
        let worked = work(&db);
        let is_empty = db.keyspaces().is_empty();
        let closed = db.close();
        match worked {
            Ok(done) => closed.map(|()| done),
            Err(error) => {
                if !was_there && is_empty {
                    remove(self.path(), &before);
                    if !folder {
                        // Unless somebody else has put something there.
                        let _ = fs::remove_dir(self.path());
                    }
                }
                Err(error)
            }
        }
    }
}

impl Target<Writing> {
    /// As [`Writing::creating`], with the keyspace, which goes again if it was created and `work`
    /// fails before its first commit.
    ///
    /// # Errors
    /// As there; `Invalid` for options out of range.
    pub fn creating<T>(
        &self,
        builder: Builder,
        options: &KeyspaceOptions,
        work: impl FnOnce(&Database, &Keyspace) -> Result<T>,
    ) -> Result<T> {
        self.place.creating(builder, |db| {
            let was_there = db.existing_keyspace(&self.keyspace).is_ok();
            let keyspace = db.keyspace_with(&self.keyspace, options)?;
            let commit = || db.stats().get("commit");
            let before = commit();
            work(db, &keyspace).inspect_err(|_| {
                if !was_there && commit() == before {
                    // That it stays is no worse than the error.
                    let _ = db.drop_keyspace(&self.keyspace);
                }
            })
        })
    }
}

fn names(path: &Path) -> std::io::Result<BTreeSet<OsString>> {
    fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Removes files of a database that were not there before. What cannot be removed is no worse than
/// the error that it is done for.
fn remove(path: &Path, before: &BTreeSet<OsString>) {
    for name in names(path).unwrap_or_default().difference(before) {
        if FileName::parse(&name.to_string_lossy()).is_some() {
            let _ = fs::remove_file(path.join(name));
        }
    }
}
