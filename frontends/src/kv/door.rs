//! What a database does with keyspaces.

use crate::database::Database;
use crate::kv::{Batch, Keyspace, KeyspaceOptions, Snapshot};
use crate::{Error, Result};

/// What the names of keyspaces begin with that hold what front-ends keep, and not what programs do.
const RESERVED: &str = "cuesta:";

/// Whether a keyspace of this name is one that a front-end keeps for itself.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED)
}

/// Fails for such a name.
fn check_given(name: &str) -> Result<()> {
    if !is_reserved(name) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{name:?}: names that begin with {RESERVED:?} are of keyspaces in which documents and such \
         are kept, which are to be used as those"
    )))
}

impl Database {
    /// The keyspace `name`, created with default options when missing. Creating one is durable.
    ///
    /// # Errors
    /// `Invalid` for an empty name, one of more than 255 bytes or one that begins with `cuesta:`;
    /// `NotFound` when there is none and the database is open for reading; as [`Batch::commit`]
    /// when it is created.
    pub fn keyspace(&self, name: &str) -> Result<Keyspace> {
        self.keyspace_with(name, &KeyspaceOptions::default())
    }

    /// The keyspace `name`, created with `options` when missing. A keyspace that is there must have
    /// what the options ask for; what they do not mention is as it was created.
    ///
    /// # Errors
    /// As [`Database::keyspace`]; `Invalid` for options out of range, or when the keyspace was
    /// created with others.
    pub fn keyspace_with(&self, name: &str, options: &KeyspaceOptions) -> Result<Keyspace> {
        check_given(name)?;
        Keyspace::open_or_create(self, name, options)
    }

    /// The keyspace `name`, if there is one.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Invalid` for a name that begins with `cuesta:`.
    pub fn existing_keyspace(&self, name: &str) -> Result<Keyspace> {
        check_given(name)?;
        Keyspace::find(self, name, &KeyspaceOptions::default())?
            .ok_or_else(|| self.no_keyspace(name))
    }

    /// What is said where there is no keyspace of a name.
    #[cold]
    pub(crate) fn no_keyspace(&self, name: &str) -> Error {
        let place = self.engine.dir().display();
        let error = Error::not_found(format!("there is no keyspace {name:?} in {place}"));
        match self.is_reader() {
            true => error.advice("one that the writer has just created is seen after refresh"),
            false => error,
        }
    }

    /// Names of all keyspaces, sorted, but for those in which documents and such are kept.
    pub fn keyspaces(&self) -> Vec<String> {
        let mut names = self.all_keyspaces();
        names.retain(|name| !is_reserved(name));
        names
    }

    /// Names of all keyspaces, sorted, those that front-ends keep included.
    pub(crate) fn all_keyspaces(&self) -> Vec<String> {
        let catalog = self.engine.catalog();
        let mut names: Vec<String> = catalog.iter().map(|(_, entry)| entry.name.clone()).collect();
        names.sort();
        names
    }

    /// Renames a keyspace, durably. Handles stay good.
    ///
    /// # Errors
    /// `NotFound`, or `Exists` when the new name is taken; `Invalid` when either begins with
    /// `cuesta:`.
    pub fn rename_keyspace(&self, from: &str, to: &str) -> Result<()> {
        check_given(to)?;
        let id = self.existing_keyspace(from)?.id();
        self.engine.rename_index(id, to)
    }

    /// Drops a keyspace and everything in it, durably. Snapshots taken before still read it; its
    /// space is given back when they are gone. Its handles fail with `NotFound` from then on.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a name that begins with `cuesta:`.
    pub fn drop_keyspace(&self, name: &str) -> Result<()> {
        let id = self.existing_keyspace(name)?.id();
        self.engine.drop_index(id)
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch {
        Batch::new(self)
    }

    /// Everything committed so far, as it stays while the snapshot lives.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(self)
    }
}
