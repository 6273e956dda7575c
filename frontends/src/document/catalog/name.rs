//! Names of databases and collections: which are allowed, and where they lie in the catalog.

use std::fmt;

use crate::Result;
use crate::document::failure;

/// Most bytes of a database's name, as in MongoDB.
const DATABASE_MAX: usize = 63;
/// Most bytes of both names and the dot between them, as in MongoDB.
const BOTH_MAX: usize = 255;

/// A collection's name with that of its database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Namespace {
    database: Box<str>,
    collection: Box<str>,
}

impl Namespace {
    /// The names, checked.
    ///
    /// # Errors
    /// Code 73, naming what is wrong.
    pub(crate) fn new(database: &str, collection: &str) -> Result<Namespace> {
        Namespace::check_database(database)?;
        let wrong = |why: &str| {
            Err(failure::invalid_namespace(format!(
                "{collection:?} is no name of a collection: {why}"
            )))
        };
        if collection.is_empty() {
            return wrong("it is empty");
        }
        if collection.starts_with("system.") {
            return wrong("names that begin with \"system.\" are reserved");
        }
        if let Some(bad) = collection.chars().find(|letter| matches!(letter, '$' | '\0')) {
            return wrong(&format!("it contains {bad:?}"));
        }
        if collection.starts_with('.') || collection.ends_with('.') || collection.contains("..") {
            return wrong("a part between dots is empty");
        }
        if database.len() + 1 + collection.len() > BOTH_MAX {
            let most = BOTH_MAX;
            return wrong(&format!("with its database it has more than {most} bytes"));
        }
        Ok(Namespace { database: database.into(), collection: collection.into() })
    }

    /// Fails for what is no name of a database.
    ///
    /// # Errors
    /// Code 73.
    pub(crate) fn check_database(database: &str) -> Result<()> {
        let wrong = |why: String| {
            Err(failure::invalid_namespace(format!("{database:?} is no name of a database: {why}")))
        };
        if database.is_empty() || database.len() > DATABASE_MAX {
            return wrong(format!(
                "it has {} bytes; 1 to {DATABASE_MAX} are allowed",
                database.len()
            ));
        }
        match database.chars().find(|letter| "/\\. \"$*<>:|?\0".contains(*letter)) {
            Some(bad) => wrong(format!("it contains {bad:?}")),
            None => Ok(()),
        }
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn collection(&self) -> &str {
        &self.collection
    }

    /// Its key in the catalog.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = Namespace::prefix(Some(&self.database));
        key.extend_from_slice(self.collection.as_bytes());
        key
    }

    /// What the keys of all collections begin with, or of those of one database.
    pub(crate) fn prefix(database: Option<&str>) -> Vec<u8> {
        let mut key = b"n".to_vec();
        if let Some(database) = database {
            key.extend_from_slice(database.as_bytes());
            key.push(0);
        }
        key
    }

    /// The names of a key in the catalog; `None` if it is not one of a collection.
    pub(crate) fn of_key(key: &[u8]) -> Option<Namespace> {
        let both = std::str::from_utf8(key.strip_prefix(b"n")?).ok()?;
        let (database, collection) = both.split_once('\0')?;
        Some(Namespace { database: database.into(), collection: collection.into() })
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
