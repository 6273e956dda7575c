//! The one order of all values. Source: the comparison order of BSON types in MongoDB's manual.
//!
//! MinKey < undefined, missing < null < numbers < strings, symbols < documents < arrays <
//! binary (length, subtype, bytes) < ObjectId < bool < date < timestamp < regular expression <
//! pointer < code < code with scope < MaxKey.
//!
//! Documents compare field by field: the value's place among types, then the name, then the value;
//! who ends first is less. Arrays compare value by value.
//!
//! Not for: `$eq` and `$lt` of queries, which look into arrays and tell missing from undefined.

use std::cmp::Ordering;

use super::{Array, DEPTH_MAX, Document, Kind, RawDocument, Value};

impl Value<'_> {
    /// The order of two values, whatever their types. Allocates nothing.
    pub fn compare(&self, other: &Value<'_>) -> Ordering {
        compare(self, other, 0)
    }

    /// The order of two values of which either may be missing: missing is as undefined.
    pub fn compare_optional(a: Option<&Value<'_>>, b: Option<&Value<'_>>) -> Ordering {
        a.unwrap_or(&Value::Undefined).compare(b.unwrap_or(&Value::Undefined))
    }
}

fn compare(a: &Value<'_>, b: &Value<'_>, depth: usize) -> Ordering {
    if let (Some(a), Some(b)) = (a.number(), b.number()) {
        return a.compare(b);
    }
    match (a, b) {
        (Value::String(a) | Value::Symbol(a), Value::String(b) | Value::Symbol(b)) => a.cmp(b),
        (Value::Document(a), Value::Document(b)) => compare_documents(a, b, depth + 1),
        (Value::Array(a), Value::Array(b)) => compare_arrays(a, b, depth + 1),
        (Value::Binary(a), Value::Binary(b)) => {
            let key = |len: usize, subtype: u8| (len, subtype);
            key(a.bytes.len(), a.subtype)
                .cmp(&key(b.bytes.len(), b.subtype))
                .then_with(|| a.bytes.cmp(&b.bytes))
        }
        (Value::ObjectId(a), Value::ObjectId(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::Regex(a), Value::Regex(b)) => {
            a.pattern().cmp(b.pattern()).then_with(|| a.options().cmp(b.options()))
        }
        (Value::DbPointer(a), Value::DbPointer(b)) => {
            let lengths = a.namespace().len().cmp(&b.namespace().len());
            lengths.then_with(|| (a.namespace(), a.id()).cmp(&(b.namespace(), b.id())))
        }
        (Value::JavaScript(a), Value::JavaScript(b)) => a.cmp(b),
        (Value::JavaScriptWithScope(a), Value::JavaScriptWithScope(b)) => {
            a.0.cmp(&b.0).then_with(|| compare_documents(&a.1, &b.1, depth + 1))
        }
        _ => a.kind().rank().cmp(&b.kind().rank()),
    }
}

fn compare_documents(a: &Document<'_>, b: &Document<'_>, depth: usize) -> Ordering {
    if depth > DEPTH_MAX {
        return Ordering::Equal;
    }
    if let (Some(a), Some(b)) = (a.as_raw(), b.as_raw()) {
        return compare_raw(a, b, Names::Compared, depth);
    }
    let rank = |value: &Value<'_>| Kind::rank(value.kind());
    let (mut a, mut b) = (a.iter(), b.iter());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((a_name, a)), Some((b_name, b))) => {
                let order = rank(&a)
                    .cmp(&rank(&b))
                    .then_with(|| a_name.cmp(b_name))
                    .then_with(|| compare(&a, &b, depth));
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

fn compare_arrays(a: &Array<'_>, b: &Array<'_>, depth: usize) -> Ordering {
    if depth > DEPTH_MAX {
        return Ordering::Equal;
    }
    if let (Some(a), Some(b)) = (a.as_raw(), b.as_raw()) {
        return compare_raw(a, b, Names::Indices, depth);
    }
    let (mut a, mut b) = (a.iter(), b.iter());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let order = compare(&a, &b, depth);
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

/// What the names of elements are.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    /// Part of the comparison.
    Compared,
    /// Indices of an array, which do not count.
    Indices,
}

/// Compares bytes with bytes: values are looked at only where their bytes differ.
fn compare_raw(a: RawDocument<'_>, b: RawDocument<'_>, names: Names, depth: usize) -> Ordering {
    let (mut a, mut b) = (a.elements(), b.elements());
    loop {
        let (a, b) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => (a, b),
        };
        let compared = names == Names::Compared;
        let names = if compared { a.name().cmp(b.name()) } else { Ordering::Equal };
        if names.is_eq() && a.is_same_value(b) {
            continue;
        }
        let ranks = a.kind().rank().cmp(&b.kind().rank());
        let order = ranks.then(names).then_with(|| match (a.value(), b.value()) {
            (Some(a), Some(b)) => compare(&a, &b, depth),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        if order.is_ne() {
            return order;
        }
    }
}

macro_rules! ordered {
    ($($type:ident by $compare:expr;)*) => {
        $(
            impl<'b> PartialEq<$type<'b>> for $type<'_> {
                fn eq(&self, other: &$type<'b>) -> bool {
                    $compare(self, other, 0).is_eq()
                }
            }

            impl Eq for $type<'_> {}

            impl<'b> PartialOrd<$type<'b>> for $type<'_> {
                fn partial_cmp(&self, other: &$type<'b>) -> Option<Ordering> {
                    Some($compare(self, other, 0))
                }
            }

            impl Ord for $type<'_> {
                fn cmp(&self, other: &Self) -> Ordering {
                    $compare(self, other, 0)
                }
            }
        )*
    };
}

ordered! {
    Value by compare;
    Document by compare_documents;
    Array by compare_arrays;
}
