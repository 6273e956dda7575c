//! What is known of collections: their names, their indexes, and where these lie.
//!
//! ```text
//! keyspace                              key                        value
//! cuesta:documents                      'n' database 0 collection  the collection, as BSON
//!                                       'c'                        mark of collections' ids
//!                                       'r' id be64                mark of a collection's row ids
//!                                       'p' id be64 index be32     row be64 that a build reached
//! cuesta:documents/counts               id be64 'n'                documents, a sum
//!                                       id be64 'b'                their bytes, a sum
//! cuesta:documents/<id>/rows            row id be64                the document, as BSON
//! cuesta:documents/<id>/<index>         see `index`                see `index`
//! ```
//!
//! The page is `docs/formats/documents.md`.
//!
//! # Invariants
//!
//! 1. Ids of collections, and of indexes within one, are never used again.
//! 2. A keyspace is there before the catalog tells of it, and goes when that has stopped to.
//!
//! Not for: documents, and their entries in indexes.

mod entry;
mod model;
mod name;
#[cfg(test)]
mod tests;

pub(crate) use entry::{CollectionEntry, IndexEntry, Progress};
pub use model::{Access, IndexModel};
pub(crate) use name::Namespace;

/// The keyspace that tells of all others.
pub(crate) const CATALOG: &str = "cuesta:documents";
/// The keyspace of sums.
pub(crate) const COUNTS: &str = "cuesta:documents/counts";
/// Id of the index of `_id`.
pub(crate) const ID_INDEX: u32 = 1;
/// Name of the index of `_id`.
pub(crate) const ID_NAME: &str = "_id_";
/// Most indexes of a collection, as in MongoDB.
pub(crate) const INDEXES_MAX: usize = 64;
/// Most fields of an index, as in MongoDB.
pub(crate) const FIELDS_MAX: usize = 32;
/// Key of the mark of collections' ids.
pub(crate) const IDS: &[u8] = b"c";

/// The keyspace of a collection's rows.
pub(crate) fn rows_name(collection: u64) -> String {
    format!("{CATALOG}/{collection}/rows")
}

/// The keyspace of an index.
pub(crate) fn index_name(collection: u64, index: u32) -> String {
    format!("{CATALOG}/{collection}/{index}")
}

/// The collection, and the index unless it is of rows, whose keyspace has this name.
pub(crate) fn owner_of(name: &str) -> Option<(u64, Option<u32>)> {
    let (collection, rest) = name.strip_prefix(CATALOG)?.strip_prefix('/')?.split_once('/')?;
    let index = if rest == "rows" { None } else { Some(rest.parse().ok()?) };
    Some((collection.parse().ok()?, index))
}

/// Key of the mark of a collection's row ids.
pub(crate) fn rows_key(collection: u64) -> Vec<u8> {
    [&b"r"[..], &collection.to_be_bytes()].concat()
}

/// Key of the row that the build of an index has reached.
pub(crate) fn progress_key(collection: u64, index: u32) -> Vec<u8> {
    [&b"p"[..], &collection.to_be_bytes(), &index.to_be_bytes()].concat()
}

/// What is summed up for each collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    Documents,
    Bytes,
}

impl Sum {
    /// The key of a collection's sum.
    pub(crate) fn key(self, collection: u64) -> [u8; 9] {
        let mut key = [0; 9];
        key[..8].copy_from_slice(&collection.to_be_bytes());
        key[8] = match self {
            Sum::Documents => b'n',
            Sum::Bytes => b'b',
        };
        key
    }
}
