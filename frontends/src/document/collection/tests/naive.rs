//! The keys of an index by rules written down as plainly as can be, which share no code with those
//! that are tested.

use crate::document::value::{Document, Value};

type Key = Vec<Option<Value<'static>>>;

/// All values of a field that it is indexed by; with how many arrays it passed through.
fn values(value: Option<Value<'static>>, path: &[&str]) -> (Vec<Option<Value<'static>>>, usize) {
    match (value, path) {
        (Some(Value::Array(array)), []) if array.is_empty() => (vec![Some(Value::Undefined)], 1),
        (Some(Value::Array(array)), []) => (array.into_items().into_iter().map(Some).collect(), 1),
        (value, []) => (vec![value], 0),
        (Some(Value::Document(document)), [first, rest @ ..]) => {
            values(document.get(first).map(Value::into_static), rest)
        }
        (Some(Value::Array(array)), _) if array.is_empty() => (vec![None], 1),
        (Some(Value::Array(array)), path) => {
            let mut all = Vec::new();
            for item in array.into_items() {
                match item {
                    Value::Document(_) => all.extend(values(Some(item), path).0),
                    _ => all.push(None),
                }
            }
            (all, 1)
        }
        (_, _) => (vec![None], 0),
    }
}

/// The keys of a document in an index of these paths, in order, each once; `None` when two fields
/// have arrays.
pub fn keys(document: &Document<'_>, paths: &[&str], sparse: bool) -> Option<Vec<Key>> {
    let mut keys: Vec<Key> = vec![Vec::new()];
    let mut arrays = 0;
    for path in paths {
        let parts: Vec<&str> = path.split('.').collect();
        let whole = Value::Document(document.clone().into_static());
        let (found, passed) = values(Some(whole), &parts);
        arrays += passed.min(1);
        let add = |key: &Key, value: &Option<Value<'static>>| {
            let mut key = key.clone();
            key.push(value.clone());
            key
        };
        keys = keys.iter().flat_map(|key| found.iter().map(move |value| add(key, value))).collect();
    }
    if sparse {
        keys.retain(|key| key.iter().any(Option::is_some));
    }
    keys.sort_by(order);
    keys.dedup_by(|a, b| order(a, b).is_eq());
    (arrays <= 1).then_some(keys)
}

/// Missing sorts as null.
pub fn order(a: &Key, b: &Key) -> std::cmp::Ordering {
    let value = |value: &Option<Value<'static>>| value.clone().unwrap_or(Value::Null);
    let mut pairs = a.iter().zip(b).map(|(a, b)| value(a).compare(&value(b)));
    pairs.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}
