//! Names of indexes, and the logged operations that change them.
//!
//! ```text
//! operation | tag u8 | index id varint | tag 1 (create): name, type, options as byte strings
//!                                      | tag 2 (rename): name
//!                                      | tag 3 (drop):   nothing
//! ```

use std::collections::{BTreeMap, VecDeque};

use crate::error::{Error, Result};
use crate::format::{Reader, put_bytes, put_varint};
use crate::id::IndexId;

/// Longest name of an index in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Dropped indexes whose names errors still tell.
const GONE_MAX: usize = 32;

/// Indexes are numbered from 1 up to this.
const INDEX_MAX: u32 = 1 << 31;

/// What the catalog knows of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, which no other index has.
    pub name: String,
    /// Name of its type.
    pub kind: String,
    /// Its options, in its type's encoding.
    pub options: Vec<u8>,
}

/// All indexes by number.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<IndexId, Entry>,
    /// Names of those that were dropped last, for errors alone.
    gone: VecDeque<(IndexId, String)>,
}

impl PartialEq for Catalog {
    fn eq(&self, other: &Catalog) -> bool {
        self.entries == other.entries
    }
}

impl Eq for Catalog {}

impl Catalog {
    /// An index by number.
    pub fn get(&self, id: IndexId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// An index by name.
    pub fn find(&self, name: &str) -> Option<(IndexId, &Entry)> {
        self.entries.iter().find(|(_, entry)| entry.name == name).map(|(id, entry)| (*id, entry))
    }

    /// An index as errors name it: by its name in quotes, if it has one or had until lately.
    pub fn title(&self, id: IndexId) -> String {
        let had = || self.gone.iter().find(|(gone, _)| *gone == id).map(|(_, name)| name);
        let name = self.get(id).map(|entry| &entry.name).or_else(had);
        name.map_or_else(|| format!("index {id}"), |name| format!("{name:?}"))
    }

    /// All indexes, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (IndexId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// Changes the catalog.
    ///
    /// # Errors
    /// `Exists` when the name is taken, `NotFound` when there is no such index.
    pub fn apply(&mut self, op: &CatalogOp) -> Result<()> {
        match op {
            CatalogOp::Create { id, entry } => {
                self.check_free(&entry.name)?;
                if self.entries.contains_key(id) {
                    return Err(Error::exists(format!("there is an index {id} already")));
                }
                self.entries.insert(*id, entry.clone());
            }
            CatalogOp::Rename { id, name } => {
                self.check_free(name)?;
                let entry = self.entries.get_mut(id);
                let entry = entry.ok_or_else(|| Error::not_found(format!("no index {id}")))?;
                entry.name.clone_from(name);
            }
            CatalogOp::Drop { id } => {
                let Some(entry) = self.entries.remove(id) else {
                    return Err(Error::not_found(format!("no index {id}")));
                };
                if self.gone.len() == GONE_MAX {
                    self.gone.pop_front();
                }
                self.gone.push_back((*id, entry.name));
            }
        }
        Ok(())
    }

    /// Changes the catalog as far as the operation makes sense: for who follows the log from a
    /// place where the catalog was not quite known.
    pub fn learn(&mut self, op: &CatalogOp) {
        match op {
            CatalogOp::Create { id, entry } => {
                self.entries.insert(*id, entry.clone());
            }
            CatalogOp::Rename { id, name } => {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.name.clone_from(name);
                }
            }
            CatalogOp::Drop { id } => {
                self.entries.remove(id);
            }
        }
    }

    fn check_free(&self, name: &str) -> Result<()> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(Error::invalid(format!(
                "a name has 1 to {NAME_BYTES_MAX} bytes, not {}",
                name.len()
            )));
        }
        match self.find(name) {
            Some(_) => Err(Error::exists(format!("the name {name:?} is taken"))),
            None => Ok(()),
        }
    }
}

/// A logged change of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogOp {
    /// A new index.
    Create {
        /// Its number, never used before.
        id: IndexId,
        /// What is known of it.
        entry: Entry,
    },
    /// A new name.
    Rename {
        /// The index.
        id: IndexId,
        /// The name.
        name: String,
    },
    /// The end of an index.
    Drop {
        /// The index.
        id: IndexId,
    },
}

impl CatalogOp {
    /// The operation as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            CatalogOp::Create { id, entry } => {
                out.push(1);
                put_varint(&mut out, u64::from(id.0));
                put_bytes(&mut out, entry.name.as_bytes());
                put_bytes(&mut out, entry.kind.as_bytes());
                put_bytes(&mut out, &entry.options);
            }
            CatalogOp::Rename { id, name } => {
                out.push(2);
                put_varint(&mut out, u64::from(id.0));
                put_bytes(&mut out, name.as_bytes());
            }
            CatalogOp::Drop { id } => {
                out.push(3);
                put_varint(&mut out, u64::from(id.0));
            }
        }
        out
    }

    /// Reads an operation.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` for an unknown tag.
    pub fn decode(bytes: &[u8]) -> Result<CatalogOp> {
        let mut reader = Reader::new(bytes, "catalog operation");
        let tag = reader.u8()?;
        let id = u32::try_from(reader.varint()?);
        let id = id.ok().filter(|id| (1..=INDEX_MAX).contains(id));
        let id = IndexId(id.ok_or_else(|| reader.corrupt("no number of an index"))?);
        let op = match tag {
            1 => {
                let (name, kind) = (reader.text()?.to_owned(), reader.text()?.to_owned());
                let options = reader.bytes()?.to_vec();
                CatalogOp::Create { id, entry: Entry { name, kind, options } }
            }
            2 => CatalogOp::Rename { id, name: reader.text()?.to_owned() },
            3 => CatalogOp::Drop { id },
            _ => {
                return Err(Error::unsupported(format!(
                    "catalog operation {tag} is unknown to this version"
                )));
            }
        };
        reader.finish()?;
        Ok(op)
    }

    /// The name in an operation that [`CatalogOp::decode`] reads: of the new index, or the new one.
    ///
    /// # Errors
    /// As there.
    pub fn name_in(bytes: &[u8]) -> Result<Option<&str>> {
        let mut reader = Reader::new(bytes, "catalog operation");
        let tag = reader.u8()?;
        reader.varint()?;
        if tag == 3 { Ok(None) } else { reader.text().map(Some) }
    }

    /// The index it is about.
    pub fn id(&self) -> IndexId {
        match self {
            CatalogOp::Create { id, .. }
            | CatalogOp::Rename { id, .. }
            | CatalogOp::Drop { id } => *id,
        }
    }
}

#[cfg(test)]
mod tests;
