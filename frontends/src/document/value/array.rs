//! Arrays: values in order, as BSON bytes or one by one.

use std::sync::Arc;

use super::Value;
use super::raw::{RawDocument, RawElements};

/// Values in order. Copies are cheap; the first change of a copy makes it one of its own.
///
/// As bytes an array is a document whose fields are named `0`, `1` and so on. The names are
/// written and never read.
#[derive(Clone)]
pub struct Array<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    /// Bytes of somebody else.
    Raw(RawDocument<'a>),
    /// Bytes of its own.
    Bytes(Arc<[u8]>),
    /// Values of another array.
    Slice(&'a [Value<'a>]),
    /// Values of its own.
    Items(Arc<Vec<Value<'a>>>),
}

impl<'a> Array<'a> {
    /// An array without values.
    pub fn new() -> Array<'a> {
        Array(Repr::Slice(&[]))
    }

    /// The array of the values of these bytes.
    pub fn from_raw(raw: RawDocument<'a>) -> Array<'a> {
        Array(Repr::Raw(raw))
    }

    /// The array of these values.
    pub fn from_items(items: Vec<Value<'a>>) -> Array<'a> {
        Array(Repr::Items(Arc::new(items)))
    }

    /// Its bytes, where it is made of bytes.
    pub fn as_raw(&self) -> Option<RawDocument<'_>> {
        match &self.0 {
            Repr::Raw(raw) => Some(*raw),
            Repr::Bytes(bytes) => Some(RawDocument::trusted(bytes)),
            Repr::Slice(_) | Repr::Items(_) => None,
        }
    }

    /// The same array, borrowed. Allocates nothing.
    pub fn borrow(&self) -> Array<'_> {
        Array(match &self.0 {
            Repr::Raw(raw) => Repr::Raw(*raw),
            Repr::Bytes(bytes) => Repr::Raw(RawDocument::trusted(bytes)),
            Repr::Slice(items) => Repr::Slice(items),
            Repr::Items(items) => Repr::Slice(items),
        })
    }

    /// The same array, borrowing nothing. Bytes are copied as they are.
    pub fn into_static(self) -> Array<'static> {
        Array(match self.0 {
            Repr::Raw(raw) => Repr::Bytes(raw.as_bytes().into()),
            Repr::Bytes(bytes) => Repr::Bytes(bytes),
            Repr::Slice(items) => {
                let items = items.iter().map(|value| value.borrow().into_static());
                Repr::Items(Arc::new(items.collect()))
            }
            Repr::Items(items) => {
                let items = Arc::try_unwrap(items).unwrap_or_else(|items| (*items).clone());
                Repr::Items(Arc::new(items.into_iter().map(Value::into_static).collect()))
            }
        })
    }

    /// The value at this index. Costs a step for each before it where the array is bytes.
    pub fn get(&self, index: usize) -> Option<Value<'_>> {
        match &self.0 {
            Repr::Slice(items) => items.get(index).map(Value::borrow),
            Repr::Items(items) => items.get(index).map(Value::borrow),
            Repr::Raw(_) | Repr::Bytes(_) => self.as_raw()?.elements().nth(index)?.value(),
        }
    }

    /// As [`get`](Array::get), but what it gives outlives the array. Copies the value where the
    /// array owns it; a [borrowed](Array::borrow) array never does.
    pub fn into_item(self, index: usize) -> Option<Value<'a>> {
        match self.0 {
            Repr::Raw(raw) => raw.elements().nth(index)?.value(),
            Repr::Bytes(bytes) => {
                let element = RawDocument::trusted(&bytes).elements().nth(index)?;
                element.value().map(Value::into_static)
            }
            Repr::Slice(items) => items.get(index).map(Value::borrow),
            Repr::Items(items) => items.get(index).cloned(),
        }
    }

    /// All values in order.
    pub fn iter(&self) -> Items<'_> {
        Items(match &self.0 {
            Repr::Raw(raw) => Walk::Raw(raw.elements()),
            Repr::Bytes(bytes) => Walk::Raw(RawDocument::trusted(bytes).elements()),
            Repr::Slice(items) => Walk::Slice(items.iter()),
            Repr::Items(items) => Walk::Slice(items.iter()),
        })
    }

    /// How many values there are; costs a step for each where the array is bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Slice(items) => items.len(),
            Repr::Items(items) => items.len(),
            Repr::Raw(_) | Repr::Bytes(_) => self.as_raw().map_or(0, RawDocument::len),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Its values, to be changed. Bytes become values, one level deep; values that other copies
    /// share are copied.
    #[expect(clippy::unreachable, reason = "the lines before make it one of values")]
    pub fn items_mut(&mut self) -> &mut Vec<Value<'a>> {
        if !matches!(self.0, Repr::Items(_)) {
            let items = std::mem::take(self).into_items();
            self.0 = Repr::Items(Arc::new(items));
        }
        let Repr::Items(items) = &mut self.0 else { unreachable!("it is one of values by now") };
        Arc::make_mut(items)
    }

    /// Its values.
    pub fn into_items(self) -> Vec<Value<'a>> {
        match self.0 {
            Repr::Raw(raw) => Items(Walk::Raw(raw.elements())).collect(),
            Repr::Bytes(bytes) => {
                let items = Items(Walk::Raw(RawDocument::trusted(&bytes).elements()));
                items.map(Value::into_static).collect()
            }
            Repr::Slice(items) => items.iter().map(Value::borrow).collect(),
            Repr::Items(items) => Arc::try_unwrap(items).unwrap_or_else(|it| (*it).clone()),
        }
    }

    /// Adds a value at the end.
    pub fn push(&mut self, value: impl Into<Value<'a>>) {
        self.items_mut().push(value.into());
    }
}

impl Default for Array<'_> {
    fn default() -> Self {
        Array::new()
    }
}

impl<'a, V: Into<Value<'a>>> From<Vec<V>> for Array<'a> {
    fn from(items: Vec<V>) -> Self {
        items.into_iter().collect()
    }
}

impl<'a, V: Into<Value<'a>>> FromIterator<V> for Array<'a> {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        Array::from_items(items.into_iter().map(Into::into).collect())
    }
}

/// Allocates nothing where the array is [borrowed](Array::borrow).
impl<'a> IntoIterator for Array<'a> {
    type Item = Value<'a>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        Items(match self.0 {
            Repr::Raw(raw) => Walk::Raw(raw.elements()),
            Repr::Slice(items) => Walk::Slice(items.iter()),
            Repr::Bytes(_) | Repr::Items(_) => Walk::Owned(self.into_items().into_iter()),
        })
    }
}

impl<'s> IntoIterator for &'s Array<'_> {
    type Item = Value<'s>;
    type IntoIter = Items<'s>;

    fn into_iter(self) -> Items<'s> {
        self.iter()
    }
}

/// Values of an array in order.
#[derive(Clone)]
pub struct Items<'s>(Walk<'s>);

#[derive(Clone)]
enum Walk<'s> {
    Raw(RawElements<'s>),
    Slice(std::slice::Iter<'s, Value<'s>>),
    Owned(std::vec::IntoIter<Value<'s>>),
}

impl<'s> Iterator for Items<'s> {
    type Item = Value<'s>;

    fn next(&mut self) -> Option<Value<'s>> {
        match &mut self.0 {
            Walk::Raw(elements) => elements.next()?.value(),
            Walk::Slice(items) => items.next().map(Value::borrow),
            Walk::Owned(items) => items.next(),
        }
    }
}
