//! What an index makes entries of, parsed once; and entries read back.

use super::{ROW_BYTES, row_of};
use crate::document::catalog::IndexEntry;
use crate::document::expression::Scope;
use crate::document::filter::Filter;
use crate::document::value::key::{self, Direction, TypeBitsReader};
use crate::document::value::{Document, Path, Value};
use crate::{Error, Result};

/// Fields, and what is left out.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(super) name: Box<str>,
    pub(super) fields: Box<[(Path, Direction)]>,
    pub(super) unique: bool,
    pub(super) sparse: bool,
    /// What documents have to match that have entries.
    pub(super) partial: Option<Filter>,
}

impl Shape {
    /// What the catalog says.
    ///
    /// # Errors
    /// `Corrupt` for directions that are none.
    pub(crate) fn of(entry: &IndexEntry) -> Result<Shape> {
        let field = |(path, way): (&str, Value<'_>)| {
            let direction = match way {
                Value::Int32(1) => Direction::Ascending,
                Value::Int32(-1) => Direction::Descending,
                other => {
                    let message = format!("index {}: {path} is {other:?}", entry.name);
                    return Err(Error::corrupt(message));
                }
            };
            Ok((Path::parse(path)?, direction))
        };
        let parse = |filter: &Document<'_>| Filter::parse(filter, &mut Scope::new());
        Ok(Shape {
            partial: entry.partial.as_ref().map(parse).transpose()?,
            name: entry.name.as_str().into(),
            fields: entry.key.iter().map(field).collect::<Result<_>>()?,
            unique: entry.unique,
            sparse: entry.sparse,
        })
    }

    /// Paths and directions.
    pub(crate) fn fields(&self) -> &[(Path, Direction)] {
        &self.fields
    }

    /// What documents have to match that have entries, if not all do.
    pub(crate) fn partial(&self) -> Option<&Filter> {
        self.partial.as_ref()
    }

    /// Whether a key has one row.
    pub(crate) fn is_unique(&self) -> bool {
        self.unique
    }

    /// Appends the key of a value of the first field.
    pub(crate) fn encode_first(&self, key: &mut Vec<u8>, value: &Value<'_>) {
        let direction = self.fields.first().map_or(Direction::Ascending, |(_, way)| *way);
        key::encode(key, Some(value), direction);
    }

    /// The row of an entry.
    ///
    /// # Errors
    /// `Corrupt` when there is none.
    pub(crate) fn row(&self, key: &[u8], value: &[u8]) -> Result<u64> {
        let bytes = match self.unique {
            true => value.get(..ROW_BYTES),
            false => key.last_chunk::<ROW_BYTES>().map(|row| &row[..]),
        };
        bytes.and_then(row_of).ok_or_else(|| self.wrong("no row"))
    }

    /// The key of an entry without its row.
    pub(crate) fn fields_of<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        match self.unique {
            true => key,
            false => key.len().checked_sub(ROW_BYTES).map_or(&[], |end| &key[..end]),
        }
    }

    /// What is beside the row in an entry's value.
    pub(crate) fn types_of<'v>(&self, value: &'v [u8]) -> &'v [u8] {
        if self.unique { value.get(ROW_BYTES..).unwrap_or_default() } else { value }
    }

    /// The values of an entry's fields, as the document has them; `None` is missing. An array
    /// without values is undefined here.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(&self, key: &[u8], value: &[u8]) -> Result<Vec<Option<Value<'static>>>> {
        let (missing, types) =
            split_types(self.types_of(value)).ok_or_else(|| self.wrong("types"))?;
        let mut types = TypeBitsReader::new(types);
        let mut rest = self.fields_of(key);
        let mut values = Vec::with_capacity(self.fields.len());
        for (at, (_, direction)) in self.fields.iter().enumerate() {
            let value = key::decode(&mut rest, *direction, &mut types)?;
            values.push(value.filter(|_| missing >> at & 1 == 0));
        }
        if rest.is_empty() { Ok(values) } else { Err(self.wrong("bytes behind the fields")) }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::corrupt(format!("an entry of index {} with {what}", self.name))
    }
}

/// Appends which fields are missing, and type bits; nothing if all is as usual.
pub(super) fn put_types(value: &mut Vec<u8>, mut missing: u32, types: &[u8]) {
    if missing == 0 && types.is_empty() {
        return;
    }
    while missing >= 0x80 {
        value.push(missing as u8 | 0x80);
        missing >>= 7;
    }
    value.push(missing as u8);
    value.extend_from_slice(types);
}

fn split_types(mut types: &[u8]) -> Option<(u32, &[u8])> {
    let (mut missing, mut shift) = (0, 0);
    while let Some((byte, rest)) = types.split_first() {
        missing |= u32::from(byte & 0x7f).checked_shl(shift)?;
        types = rest;
        if byte & 0x80 == 0 {
            return Some((missing, types));
        }
        shift += 7;
    }
    (shift == 0).then_some((0, types))
}
