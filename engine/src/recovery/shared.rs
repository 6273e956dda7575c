//! The table that a writer shares with processes that read along.

use std::path::Path;

use crate::env::Env;
use crate::error::{Error, Result};
use crate::format::name;
use crate::options::Access;
use crate::readers::{LocalWords, Table, WORDS};

/// The table, if this process writes and the table is there already: from here on nobody believes
/// what a writer before has shown.
pub(super) fn table_there(env: &dyn Env, dir: &Path, access: Access) -> Result<Option<Table>> {
    let is_there = env.vfs().exists(&dir.join(name::READERS)).unwrap_or(false);
    match access.is_writable() && is_there {
        true => table_of(env, dir, access).map(Some),
        false => Ok(None),
    }
}

/// Whether processes read along that are there already.
pub(super) fn has_readers(table: &Option<Table>) -> bool {
    table.as_ref().is_some_and(|table| table.slots().next().is_some())
}

/// The table that this process shares with others: those who write tell there what they do.
pub(super) fn table_of(env: &dyn Env, dir: &Path, access: Access) -> Result<Table> {
    if !access.is_writable() {
        return Ok(Table::new(LocalWords::new()));
    }
    let path = dir.join(name::READERS);
    let words = env.shared_words(&path, WORDS).map_err(|e| Error::io(path.display(), e))?;
    let mut table = Table::new(words);
    table.begin();
    table.reclaim(env.vfs(), dir);
    Ok(table)
}
