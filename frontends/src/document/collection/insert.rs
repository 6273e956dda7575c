//! New documents.

use std::borrow::Cow;

use super::Collection;
use super::run::is_passing;
use super::write::{Change, Writer};
use crate::document::failure::{self, Failure};
use crate::document::value::{Document, Limits, RawDocument, Value};
use crate::{Error, Result};

/// Documents that are put in by one commit, at most,
const DOCUMENTS_MAX: usize = 1000;
/// and their bytes.
const BYTES_MAX: usize = 8 << 20;

/// What [`Collection::insert_many`] does behind a document that cannot be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordering {
    /// It stops.
    Ordered,
    /// It goes on with the next one.
    Unordered,
}

/// What was inserted.
#[derive(Debug, Default)]
pub struct Inserted {
    /// The `_id` of each document that was inserted, with its place among those given.
    pub ids: Vec<(usize, Value<'static>)>,
    /// Why others were not.
    pub errors: Vec<WriteError>,
}

/// Why one of many documents was not written.
#[derive(Debug)]
pub struct WriteError {
    /// Its place among those given.
    pub index: usize,
    /// What was wrong; carries a [`Failure`].
    pub error: Error,
}

/// A document that is to be inserted.
struct Prepared {
    index: usize,
    bytes: Vec<u8>,
    id: Value<'static>,
}

impl Collection<'_> {
    /// Inserts a document and gives its `_id`, which is made if it has none. In what is stored
    /// `_id` is the first field.
    ///
    /// # Errors
    /// `Exists`, code 11000, when a unique index has its key already, with `keyPattern` and
    /// `keyValue` in the details; code 53 for an `_id` that is an array, a regular expression or
    /// undefined, 10334 when it is larger than 16 MiB, 171 when an index would have two arrays; as
    /// [`Transaction::commit`](crate::Transaction::commit).
    pub fn insert_one(&self, document: Document<'_>) -> Result<Value<'static>> {
        let one = self.prepare(0, document)?;
        self.run_in_created(|tx, state| {
            let row = self.shared.take_rows(state, 1)?.start;
            let mut writer = Writer::new(tx, state);
            let new = Some(RawDocument::trusted(&one.bytes));
            writer.stage(Change { row, old: None, new })?;
            writer.flush()
        })?;
        Ok(one.id)
    }

    /// Inserts documents, a thousand in a commit. With [`Ordering::Ordered`] those before the first
    /// error are inserted, else all that can be.
    ///
    /// # Errors
    /// What has nothing to do with single documents, such as `Full` or `Io`; those before the
    /// commit that failed are inserted then. What is wrong with a document is in the result.
    pub fn insert_many<'d>(
        &self,
        documents: impl IntoIterator<Item = Document<'d>>,
        ordering: Ordering,
    ) -> Result<Inserted> {
        let mut done = Inserted::default();
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        for (index, document) in documents.into_iter().enumerate() {
            match self.prepare(index, document) {
                Ok(one) => {
                    bytes += one.bytes.len();
                    chunk.push(one);
                }
                Err(error) => {
                    done.errors.push(WriteError { index, error });
                    if ordering == Ordering::Ordered {
                        break;
                    }
                }
            }
            if chunk.len() >= DOCUMENTS_MAX || bytes >= BYTES_MAX {
                let stopped = self.insert_chunk(std::mem::take(&mut chunk), ordering, &mut done)?;
                bytes = 0;
                if stopped {
                    return Ok(done);
                }
            }
        }
        if !chunk.is_empty() {
            self.insert_chunk(chunk, ordering, &mut done)?;
        }
        done.errors.sort_by_key(|error| error.index);
        Ok(done)
    }

    /// Inserts documents by one commit; whether an error ends it all.
    fn insert_chunk(
        &self,
        chunk: Vec<Prepared>,
        ordering: Ordering,
        done: &mut Inserted,
    ) -> Result<bool> {
        let errors = self.run_in_created(|tx, state| {
            let rows = self.shared.take_rows(state, chunk.len() as u64)?;
            let mut writer = Writer::new(tx, state);
            let mut errors: Vec<(usize, Error)> = Vec::new();
            for (at, (one, row)) in chunk.iter().zip(rows).enumerate() {
                let new = Some(RawDocument::trusted(&one.bytes));
                match writer.stage(Change { row, old: None, new }) {
                    Err(error) if Failure::of(&error).is_some() && !is_passing(&error) => {
                        errors.push((at, error));
                        if ordering == Ordering::Ordered {
                            break;
                        }
                    }
                    staged => staged?,
                }
            }
            writer.flush()?;
            Ok(errors)
        })?;
        let stopped = ordering == Ordering::Ordered && !errors.is_empty();
        let end = if stopped { errors[0].0 } else { chunk.len() };
        let mut errors = errors.into_iter().peekable();
        for (at, one) in chunk.into_iter().enumerate() {
            match errors.next_if(|(wrong, _)| *wrong == at) {
                Some((_, error)) => done.errors.push(WriteError { index: one.index, error }),
                None if at < end => done.ids.push((one.index, one.id)),
                None => {}
            }
        }
        Ok(stopped)
    }

    /// The bytes to be stored, and the `_id`.
    fn prepare(&self, index: usize, document: Document<'_>) -> Result<Prepared> {
        let id = match document.get("_id") {
            Some(id) => id.into_static(),
            None => Value::ObjectId(self.shared.memory.object_id(&self.shared.db)),
        };
        Ok(Prepared { index, bytes: with_id(document, &id)?, id })
    }
}

/// The bytes of a document with this `_id` in front.
///
/// # Errors
/// Code 66 when it has another one, 53 or 52 when it is none that documents may have; as
/// [`Document::to_bytes`].
pub(crate) fn with_id(document: Document<'_>, id: &Value<'_>) -> Result<Vec<u8>> {
    check_id(id)?;
    let mut fields = document.iter();
    let first = fields.next();
    if let Some(found) = document.get("_id")
        && found != *id
    {
        return Err(failure::immutable_field(format!(
            "the document has the _id {found:?}, and not {id:?}"
        )));
    }
    if let Some(("_id", _)) = first {
        return match document.as_raw() {
            // It came from elsewhere; a document of its own bytes is checked, too.
            Some(raw) => RawDocument::check(raw.as_bytes(), &Limits::default())
                .map(|raw| raw.as_bytes().to_vec()),
            None => document.to_bytes(),
        };
    }
    let own = document.get("_id").unwrap_or_else(|| id.borrow());
    let mut ordered: Vec<(Cow<'_, str>, Value<'_>)> = vec![(Cow::Borrowed("_id"), own)];
    let others = document.iter().filter(|(name, _)| *name != "_id");
    ordered.extend(others.map(|(name, value)| (Cow::Borrowed(name), value)));
    Document::from_fields(ordered).to_bytes()
}

fn check_id(id: &Value<'_>) -> Result<()> {
    match id {
        Value::Array(_) | Value::Regex(_) | Value::Undefined => Err(failure::invalid_id_field(
            format!("the '_id' value cannot be of type {}", id.kind().name()),
        )),
        Value::Document(document) => {
            match document.iter().find(|(name, _)| name.starts_with('$')) {
                Some((name, _)) => Err(failure::dollar_prefixed_field_name(format!(
                    "the field {name:?} of '_id' begins with $"
                ))),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
