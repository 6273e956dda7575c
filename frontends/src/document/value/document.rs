//! Documents: fields in order, as BSON bytes or one by one.

use std::borrow::Cow;
use std::sync::Arc;

use super::Value;
use super::check::Limits;
use super::raw::{RawDocument, RawFields};
use crate::Result;

/// A field of its own: name and value.
pub type Field<'a> = (Cow<'a, str>, Value<'a>);

/// Fields in order. Copies are cheap; the first change of a copy makes it one of its own.
///
/// It is either bytes, read where they lie, or fields, of which there may be several of one name
/// in bytes that come from elsewhere; the first one counts.
#[derive(Clone)]
pub struct Document<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    /// Bytes of somebody else.
    Raw(RawDocument<'a>),
    /// Bytes of its own.
    Bytes(Arc<[u8]>),
    /// Fields of another document.
    Slice(&'a [Field<'a>]),
    /// Fields of its own.
    Fields(Arc<Vec<Field<'a>>>),
}

impl<'a> Document<'a> {
    /// A document without fields.
    pub fn new() -> Document<'a> {
        Document(Repr::Slice(&[]))
    }

    /// The document of these bytes, which are not looked at before fields are asked for.
    pub fn from_raw(raw: RawDocument<'a>) -> Document<'a> {
        Document(Repr::Raw(raw))
    }

    /// The document that `bytes` are, which it keeps.
    ///
    /// # Errors
    /// As [`RawDocument::check`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, limits: &Limits) -> Result<Document<'static>> {
        let bytes = bytes.into();
        RawDocument::check(&bytes, limits)?;
        Ok(Document(Repr::Bytes(bytes)))
    }

    /// A document of these fields; of several of one name the first one counts.
    pub fn from_fields(fields: Vec<Field<'a>>) -> Document<'a> {
        Document(Repr::Fields(Arc::new(fields)))
    }

    /// Its bytes, where it is made of bytes.
    pub fn as_raw(&self) -> Option<RawDocument<'_>> {
        match &self.0 {
            Repr::Raw(raw) => Some(*raw),
            Repr::Bytes(bytes) => Some(RawDocument::trusted(bytes)),
            Repr::Slice(_) | Repr::Fields(_) => None,
        }
    }

    /// The same document, borrowed. Allocates nothing.
    pub fn borrow(&self) -> Document<'_> {
        Document(match &self.0 {
            Repr::Raw(raw) => Repr::Raw(*raw),
            Repr::Bytes(bytes) => Repr::Raw(RawDocument::trusted(bytes)),
            Repr::Slice(fields) => Repr::Slice(fields),
            Repr::Fields(fields) => Repr::Slice(fields),
        })
    }

    /// The same document, borrowing nothing. Bytes are copied as they are.
    pub fn into_static(self) -> Document<'static> {
        let owned = |(name, value): Field<'_>| (Cow::Owned(name.into_owned()), value.into_static());
        Document(match self.0 {
            Repr::Raw(raw) => Repr::Bytes(raw.as_bytes().into()),
            Repr::Bytes(bytes) => Repr::Bytes(bytes),
            Repr::Slice(fields) => {
                Repr::Fields(Arc::new(fields.iter().map(lend).map(owned).collect()))
            }
            Repr::Fields(fields) => {
                let fields = Arc::try_unwrap(fields).unwrap_or_else(|fields| (*fields).clone());
                Repr::Fields(Arc::new(fields.into_iter().map(owned).collect()))
            }
        })
    }

    /// The field of this name. Costs a step for each field before it; allocates nothing, but for
    /// the deprecated types that lie in boxes.
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        match &self.0 {
            Repr::Raw(raw) => raw.get(name),
            Repr::Bytes(bytes) => RawDocument::trusted(bytes).get(name),
            Repr::Slice(fields) => find(fields, name).map(Value::borrow),
            Repr::Fields(fields) => find(fields, name).map(Value::borrow),
        }
    }

    /// As [`get`](Document::get), but what it gives outlives the document. Copies the value where
    /// the document owns it; a [borrowed](Document::borrow) document never does.
    pub fn into_field(self, name: &str) -> Option<Value<'a>> {
        match self.0 {
            Repr::Raw(raw) => raw.get(name),
            Repr::Bytes(bytes) => RawDocument::trusted(&bytes).get(name).map(Value::into_static),
            Repr::Slice(fields) => find(fields, name).map(Value::borrow),
            Repr::Fields(fields) => find(&fields, name).cloned(),
        }
    }

    /// Whether there is a field of this name.
    pub fn contains(&self, name: &str) -> bool {
        match (self.as_raw(), &self.0) {
            (Some(raw), _) => raw.find(name.as_bytes()).is_some(),
            (None, Repr::Slice(fields)) => find(fields, name).is_some(),
            (None, Repr::Fields(fields)) => find(fields, name).is_some(),
            (None, _) => false,
        }
    }

    /// All fields in order.
    pub fn iter(&self) -> Fields<'_> {
        Fields(match &self.0 {
            Repr::Raw(raw) => Walk::Raw(raw.iter()),
            Repr::Bytes(bytes) => Walk::Raw(RawDocument::trusted(bytes).iter()),
            Repr::Slice(fields) => Walk::Slice(fields.iter()),
            Repr::Fields(fields) => Walk::Slice(fields.iter()),
        })
    }

    /// How many fields there are; costs a step for each where the document is bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Slice(fields) => fields.len(),
            Repr::Fields(fields) => fields.len(),
            Repr::Raw(_) | Repr::Bytes(_) => self.as_raw().map_or(0, RawDocument::len),
        }
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Its fields, to be changed. Bytes become fields, one level deep; fields that other copies
    /// share are copied.
    #[expect(clippy::unreachable, reason = "the lines before make it one of fields")]
    pub fn fields_mut(&mut self) -> &mut Vec<Field<'a>> {
        if !matches!(self.0, Repr::Fields(_)) {
            let fields = std::mem::take(self).into_fields();
            self.0 = Repr::Fields(Arc::new(fields));
        }
        let Repr::Fields(fields) = &mut self.0 else { unreachable!("it is one of fields by now") };
        Arc::make_mut(fields)
    }

    /// Its fields.
    pub fn into_fields(self) -> Vec<Field<'a>> {
        match self.0 {
            Repr::Raw(raw) => {
                raw.iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect()
            }
            Repr::Bytes(bytes) => {
                let fields = RawDocument::trusted(&bytes).iter();
                fields.map(|(name, value)| (name.to_owned().into(), value.into_static())).collect()
            }
            Repr::Slice(fields) => fields.iter().map(lend).collect(),
            Repr::Fields(fields) => Arc::try_unwrap(fields).unwrap_or_else(|it| (*it).clone()),
        }
    }

    /// Sets the field of this name, in its place if there is one, else at the end. Gives the value
    /// that it had.
    pub fn insert(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<Value<'a>>,
    ) -> Option<Value<'a>> {
        let (name, value) = (name.into(), value.into());
        let fields = self.fields_mut();
        match fields.iter_mut().find(|(other, _)| *other == name) {
            Some((_, place)) => Some(std::mem::replace(place, value)),
            None => {
                fields.push((name, value));
                None
            }
        }
    }

    /// Adds a field at the end, without a look at the others.
    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) {
        self.fields_mut().push((name.into(), value.into()));
    }

    /// Takes the field of this name out.
    pub fn remove(&mut self, name: &str) -> Option<Value<'a>> {
        if !self.contains(name) {
            return None;
        }
        let fields = self.fields_mut();
        let at = fields.iter().position(|(other, _)| other == name)?;
        Some(fields.remove(at).1)
    }
}

fn find<'s, 'a>(fields: &'s [Field<'a>], name: &str) -> Option<&'s Value<'a>> {
    fields.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

fn lend<'s>((name, value): &'s Field<'_>) -> Field<'s> {
    (Cow::Borrowed(name), value.borrow())
}

impl Default for Document<'_> {
    fn default() -> Self {
        Document::new()
    }
}

impl<'a, N: Into<Cow<'a, str>>, V: Into<Value<'a>>> FromIterator<(N, V)> for Document<'a> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value.into()));
        Document::from_fields(fields.collect())
    }
}

impl<'a> IntoIterator for Document<'a> {
    type Item = Field<'a>;
    type IntoIter = std::vec::IntoIter<Field<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_fields().into_iter()
    }
}

impl<'s> IntoIterator for &'s Document<'_> {
    type Item = (&'s str, Value<'s>);
    type IntoIter = Fields<'s>;

    fn into_iter(self) -> Fields<'s> {
        self.iter()
    }
}

/// Fields of a document in order, borrowed.
#[derive(Clone)]
pub struct Fields<'s>(Walk<'s>);

#[derive(Clone)]
enum Walk<'s> {
    Raw(RawFields<'s>),
    Slice(std::slice::Iter<'s, Field<'s>>),
}

impl<'s> Iterator for Fields<'s> {
    type Item = (&'s str, Value<'s>);

    fn next(&mut self) -> Option<(&'s str, Value<'s>)> {
        match &mut self.0 {
            Walk::Raw(fields) => fields.next(),
            Walk::Slice(fields) => fields.next().map(|(name, value)| (&**name, value.borrow())),
        }
    }
}
