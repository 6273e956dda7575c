//! Documents as BSON.
//!
//! ```text
//! input | switches | the bytes of a document
//! ```
//!
//! Switches: 0 the document's length is made right before it is read.

use cuesta::document::value::{Array, Document, Limits, RawDocument, Value};
use cuesta::{array, doc};

use crate::document_key::some_values;
use crate::input::{put_u32_at, switches};

/// Reads the input as a document, checked and trusted.
///
/// Asserts that what passes the check is equal to what its fields make, one by one, when they are
/// written anew; that writing that again changes nothing; that each name finds its first field.
pub fn bytes_bson(bytes: &[u8]) {
    let (switches, rest) = switches(bytes);
    let mut bytes = rest.to_vec();
    if switches.on(0) {
        set_length(&mut bytes);
    }
    check(&bytes);
}

/// Makes the length in front of a document that of the bytes.
pub(crate) fn set_length(bytes: &mut [u8]) {
    let len = bytes.len() as u32;
    put_u32_at(bytes, 0, len);
}

fn check(bytes: &[u8]) {
    let trusted = Document::from_raw(RawDocument::trusted(bytes));
    let _ = format!("{trusted:?}");
    assert_eq!(trusted, trusted.clone().into_static());
    let Ok(raw) = RawDocument::check(bytes, &Limits::default()) else { return };
    let read = Document::from_raw(raw);
    let fields = rebuilt(&read);
    assert_eq!(fields, read, "fields are not what the bytes say");
    assert_eq!(format!("{fields:?}"), format!("{read:?}"));
    let written = fields.to_bytes().expect("what was read can be written");
    let again = RawDocument::check(&written, &Limits::default()).expect("what was written");
    assert_eq!(Document::from_raw(again), read, "writing changed the document");
    let twice = rebuilt(&Document::from_raw(again)).to_bytes().expect("what was written");
    assert_eq!(twice, written, "writing again changed bytes");
    for (index, (name, _)) in read.iter().enumerate() {
        let first = read.iter().position(|(other, _)| other == name);
        let found = raw.get(name).expect("a name that is there");
        let expected = read.iter().nth(first.unwrap_or(index)).expect("a field").1;
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "looking for {name:?}");
    }
}

/// The same document, made of fields in all depths.
fn rebuilt(document: &Document<'_>) -> Document<'static> {
    document.iter().map(|(name, value)| (name.to_owned(), rebuilt_value(value))).collect()
}

fn rebuilt_value(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Document(document) => Value::Document(rebuilt(&document)),
        Value::Array(array) => {
            Value::Array(Array::from_items(array.iter().map(rebuilt_value).collect()))
        }
        Value::JavaScriptWithScope(both) => {
            let (code, scope) = *both;
            let code = code.into_owned().into();
            Value::JavaScriptWithScope(Box::new((code, rebuilt(&scope))))
        }
        other => other.into_static(),
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let deep = (0..97).fold(doc! {}, |inner, _| doc! { "a": (inner) });
    let documents = [
        doc! {},
        doc! { "a": 1, "b": "text", "c": [1, [2.5, {}], null], "a": 2 },
        doc! { "all": (Value::Array(Array::from_items(some_values()))) },
        doc! { "nested": { "deep": (deep.into_fields().remove(0).1) }, "x": (array![[[[]]]]) },
    ];
    let bytes = documents.iter().map(|document| document.to_bytes().expect("a document"));
    bytes.map(|bytes| [&[1], &bytes[..]].concat()).collect()
}
