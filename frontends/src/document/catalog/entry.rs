//! A collection in the catalog, as BSON.
//!
//! Fields of an index that are not known are refused: whoever maintains an index has to know all
//! that it is.

use crate::document::value::{DateTime, Document, Limits, RawDocument, Value};
use crate::document::{catalog, failure};
use crate::{Error, Result};

/// A collection.
#[derive(Clone, Debug)]
pub(crate) struct CollectionEntry {
    /// Never used again.
    pub(crate) id: u64,
    /// When it was created.
    pub(crate) created: DateTime,
    /// What it was created with; empty so far.
    pub(crate) options: Document<'static>,
    /// Id of the next index.
    pub(crate) next_index: u32,
    /// That of `_id` first, the others in the order in which they were created.
    pub(crate) indexes: Vec<IndexEntry>,
}

/// An index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexEntry {
    /// Never used again in the collection.
    pub(crate) id: u32,
    pub(crate) name: String,
    /// Paths with 1 or -1.
    pub(crate) key: Document<'static>,
    pub(crate) unique: bool,
    pub(crate) sparse: bool,
    /// Of no use to queries, by the user's wish.
    pub(crate) hidden: bool,
    /// Documents that do not match are left out.
    pub(crate) partial: Option<Document<'static>>,
    /// Documents go so long after the moment that they have here.
    pub(crate) expire_after_seconds: Option<i64>,
    pub(crate) progress: Progress,
    /// For each field, whether a document had an array on the way.
    pub(crate) multikey: Vec<bool>,
}

/// Whether an index has all its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Ready,
    /// It has those of rows before the one that was reached, and of all that were written since.
    Building,
}

/// Version of the entries of an index: bytes of keys, type bits and what is beside them.
const VERSION: i32 = 1;

impl CollectionEntry {
    /// Its bytes.
    ///
    /// # Errors
    /// Code 10334 when it is too large.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let indexes: Vec<Value<'_>> =
            self.indexes.iter().map(|index| Value::Document(index.to_document())).collect();
        crate::doc! {
            "id": self.id as i64,
            "created": self.created,
            "options": self.options.borrow(),
            "nextIndex": i64::from(self.next_index),
            "indexes": indexes,
        }
        .to_bytes()
    }

    /// The entry of these bytes.
    ///
    /// # Errors
    /// `Corrupt` when they are none; `Unsupported` when a newer version wrote them.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Result<CollectionEntry> {
        let wrong = |what: &str| Error::corrupt(format!("{what} of a collection in the catalog"));
        let raw = RawDocument::check(bytes, &Limits::default())
            .map_err(|error| error.into_kind(crate::ErrorKind::Corrupt).context("the catalog"))?;
        let id = number(raw.get("id")).and_then(|id| u64::try_from(id).ok());
        let Some(Value::DateTime(created)) = raw.get("created") else {
            return Err(wrong("the time"));
        };
        let Some(Value::Document(options)) = raw.get("options") else {
            return Err(wrong("the options"));
        };
        let next = number(raw.get("nextIndex")).and_then(|id| u32::try_from(id).ok());
        let Some(Value::Array(listed)) = raw.get("indexes") else {
            return Err(wrong("the indexes"));
        };
        let mut indexes = Vec::new();
        for index in listed.iter() {
            let Value::Document(index) = index else { return Err(wrong("an index")) };
            indexes.push(IndexEntry::of_document(&index)?);
        }
        if indexes.first().is_none_or(|index| index.id != catalog::ID_INDEX) {
            return Err(wrong("the index of _id"));
        }
        Ok(CollectionEntry {
            id: id.ok_or_else(|| wrong("the id"))?,
            created,
            options: options.into_static(),
            next_index: next.ok_or_else(|| wrong("the next id of an index"))?,
            indexes,
        })
    }
}

impl IndexEntry {
    /// The index of `_id`.
    pub(crate) fn of_id() -> IndexEntry {
        IndexEntry {
            id: catalog::ID_INDEX,
            name: catalog::ID_NAME.to_owned(),
            key: crate::doc! { "_id": 1 },
            unique: true,
            sparse: false,
            hidden: false,
            partial: None,
            expire_after_seconds: None,
            progress: Progress::Ready,
            multikey: vec![false],
        }
    }

    /// As users see it.
    pub(crate) fn listed(&self) -> Document<'static> {
        let inner = ["id", "multikey", "building"];
        let fields = self.to_document().into_fields().into_iter();
        let fields = fields.filter(|(name, _)| !inner.contains(&&**name));
        let mut listed = Document::from_fields(fields.collect()).into_static();
        // The number that MongoDB's indexes of today have.
        listed.insert("v", 2);
        if self.id == catalog::ID_INDEX {
            listed.remove("unique");
        }
        listed
    }

    /// Whether fields that met arrays, a bit each, are known to have.
    pub(crate) fn knows(&self, multikey: u32) -> bool {
        let mut flags = self.multikey.iter().enumerate();
        flags.all(|(field, known)| *known || multikey >> field & 1 == 0)
    }

    /// Notes which fields met arrays.
    pub(crate) fn note(&mut self, multikey: u32) {
        for (field, known) in self.multikey.iter_mut().enumerate() {
            *known |= multikey >> field & 1 == 1;
        }
    }

    fn to_document(&self) -> Document<'_> {
        let mut document = crate::doc! {
            "id": i64::from(self.id),
            "v": VERSION,
            "name": self.name.as_str(),
            "key": self.key.borrow(),
            "multikey": self.multikey.clone(),
        };
        let flags = [("unique", self.unique), ("sparse", self.sparse), ("hidden", self.hidden)];
        for (name, _) in flags.iter().filter(|(_, set)| *set) {
            document.push(*name, true);
        }
        if let Some(partial) = &self.partial {
            document.push("partialFilterExpression", partial.borrow());
        }
        if let Some(seconds) = self.expire_after_seconds {
            document.push("expireAfterSeconds", seconds);
        }
        if self.progress == Progress::Building {
            document.push("building", true);
        }
        document
    }

    fn of_document(document: &Document<'_>) -> Result<IndexEntry> {
        let wrong = |what: &str| Error::corrupt(format!("{what} of an index in the catalog"));
        let mut index = IndexEntry { id: 0, name: String::new(), ..IndexEntry::of_id() };
        index.unique = false;
        let mut version = 0;
        for (name, value) in document {
            match (name, value) {
                ("id", Value::Int64(id)) => {
                    index.id = u32::try_from(id).map_err(|_| wrong("the id"))?;
                }
                ("v", Value::Int32(found)) => version = found,
                ("name", Value::String(name)) => index.name = name.into_owned(),
                ("key", Value::Document(key)) => index.key = key.into_static(),
                ("multikey", Value::Array(flags)) => {
                    index.multikey = flags.iter().map(|flag| flag.is_true()).collect();
                }
                ("unique", Value::Bool(set)) => index.unique = set,
                ("sparse", Value::Bool(set)) => index.sparse = set,
                ("hidden", Value::Bool(set)) => index.hidden = set,
                ("partialFilterExpression", Value::Document(partial)) => {
                    index.partial = Some(partial.into_static());
                }
                ("expireAfterSeconds", Value::Int64(seconds)) => {
                    index.expire_after_seconds = Some(seconds);
                }
                ("building", Value::Bool(true)) => index.progress = Progress::Building,
                (name, value) => {
                    let message = format!("an index with {name}: {value:?} in the catalog");
                    return Err(failure::unsupported(message));
                }
            }
        }
        if version != VERSION {
            return Err(failure::unsupported(format!("version {version} of an index")));
        }
        if index.id == 0 || index.multikey.len() != index.key.len() {
            return Err(wrong("the fields"));
        }
        Ok(index)
    }
}

fn number(value: Option<Value<'_>>) -> Option<i64> {
    if let Some(Value::Int64(number)) = value { Some(number) } else { None }
}
