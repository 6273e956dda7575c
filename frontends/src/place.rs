//! Paths as callers give them: what is refused before anything is opened or made there.

use std::path::{self, Path};
use std::sync::Arc;

use cuesta_engine::env::Env;
use cuesta_engine::identity::{self, Found};

use crate::{Error, Result};

/// A path that names something; `what` says what it is the path of.
///
/// # Errors
/// `Invalid` for an empty one, which would mean the current directory.
pub(crate) fn given<'p>(path: &'p Path, what: &str) -> Result<&'p Path> {
    if path.as_os_str().is_empty() {
        let message = format!("the path of {what} is empty: \".\" is the current directory");
        return Err(Error::invalid(message));
    }
    Ok(path)
}

/// Refuses a directory to archive the log of the database `path` in that is one for databases.
///
/// # Errors
/// `Invalid` when it is the database, or another one.
pub(crate) fn check_archive(env: &Arc<dyn Env>, archive: &Path, path: &Path) -> Result<()> {
    given(archive, "the archive of the log")?;
    let is_same = match (path::absolute(archive), path::absolute(path)) {
        (Ok(archive), Ok(path)) => archive == path,
        _ => archive == path,
    };
    if is_same || matches!(identity::find(env.vfs(), archive), Ok(Found::Database(_))) {
        return Err(Error::invalid(format!(
            "the log cannot be archived in {}, which is a database: backups need a directory of \
             their own",
            archive.display()
        )));
    }
    Ok(())
}
