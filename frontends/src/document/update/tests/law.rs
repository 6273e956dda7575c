use proptest::prelude::*;

use super::*;
use crate::document::filter::tests::generate::{document, path, scalar, value};

fn operators() -> impl Strategy<Value = Document<'static>> {
    let any = prop_oneof![
        Just("$set"),
        Just("$unset"),
        Just("$min"),
        Just("$max"),
        Just("$push"),
        Just("$addToSet"),
        Just("$pull"),
    ];
    let operator = prop_oneof![
        4 => (any, path(), value())
            .prop_map(|(name, path, value)| doc! { (name): {(path): value} }),
        1 => (path(), scalar()).prop_map(|(path, by)| doc! { "$inc": {(path): by} }),
        1 => (path(), -2..3_i32).prop_map(|(path, end)| doc! { "$pop": {(path): end} }),
        1 => (path(), path()).prop_map(|(from, to)| doc! { "$rename": {(from): to} }),
        1 => (path(), prop::collection::vec(value(), 0..3))
            .prop_map(|(path, values)| doc! { "$pullAll": {(path): values} }),
        1 => (path(), prop::collection::vec(value(), 0..3), -2..3_i32).prop_map(
            |(path, values, end)| doc! { "$push": {
                (path): {"$each": values, "$slice": end, "$position": end, "$sort": 1}
            } }
        ),
        1 => (path(), value())
            .prop_map(|(path, value)| doc! { "$set": {(format!("{path}.$[]")): value} }),
    ];
    prop::collection::vec(operator, 1..4).prop_map(|all| all.into_iter().flatten().collect())
}

/// The old version with the changes written in, by a way of its own.
fn rebuilt(old: &Document<'_>, changes: &Changes) -> Value<'static> {
    let mut made = Value::Document(old.clone().into_static());
    for (path, len) in &changes.truncated {
        if let Some(Value::Array(array)) = place(&mut made, path) {
            array.items_mut().truncate(*len);
        }
    }
    for path in &changes.removed {
        let (outer, name) = path.rsplit_once('.').unwrap_or(("", path));
        if let Some(Value::Document(document)) = place(&mut made, outer) {
            document.remove(name);
        }
    }
    for (path, value) in &changes.updated {
        let (outer, name) = path.rsplit_once('.').unwrap_or(("", path));
        match place(&mut made, outer) {
            Some(Value::Document(document)) => {
                document.insert(name.to_owned(), value.clone());
            }
            Some(Value::Array(array)) => {
                let index: usize = name.parse().expect("an index");
                let items = array.items_mut();
                if index == items.len() {
                    items.push(value.clone());
                } else {
                    items[index] = value.clone();
                }
            }
            other => panic!("{path} leads to {other:?}"),
        }
    }
    sorted(made)
}

fn place<'v>(value: &'v mut Value<'static>, path: &str) -> Option<&'v mut Value<'static>> {
    if path.is_empty() {
        return Some(value);
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let inner = match value {
        Value::Document(document) => {
            let mut fields = document.fields_mut().iter_mut();
            &mut fields.find(|(name, _)| name == first)?.1
        }
        Value::Array(array) => array.items_mut().get_mut(first.parse::<usize>().ok()?)?,
        _ => return None,
    };
    place(inner, rest)
}

/// A value whose documents have their fields by name.
fn sorted(value: Value<'static>) -> Value<'static> {
    match value {
        Value::Document(document) => {
            let mut fields = document.into_fields();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            fields
                .iter_mut()
                .for_each(|(_, value)| *value = sorted(std::mem::replace(value, Value::Null)));
            Document::from_fields(fields).into()
        }
        Value::Array(array) => Value::Array(array.into_items().into_iter().map(sorted).collect()),
        other => other,
    }
}

proptest! {
    #[test]
    fn changes_are_exactly_the_difference(update in operators(), document in document()) {
        let Ok(parsed) = parsed(&update.clone().into(), &[]) else { return Ok(()) };
        let context = context();
        let Ok(outcome) = parsed.apply(&document, None, Mode::Update, &context) else {
            return Ok(());
        };
        let new = outcome.document().clone().into_static();
        let changes = outcome.changes(&document);
        let expected = format!("{:?}", sorted(new.clone().into()));
        prop_assert_eq!(format!("{:?}", rebuilt(&document, &changes)), expected);
        let before = |path: &str| Value::Document(document.clone().into_static()).at(path);
        for (path, value) in &changes.updated {
            prop_assert!(outcome.touches(path), "{} of {:?}", path, update);
            prop_assert_ne!(format!("{:?}", before(path)), format!("{:?}", Some(value)));
        }
        for path in changes.removed.iter().chain(changes.truncated.iter().map(|it| &it.0)) {
            prop_assert!(outcome.touches(path), "{} of {:?}", path, update);
        }
        prop_assert_eq!(changes.is_empty(), !outcome.is_changed());
    }

    #[test]
    fn bytes_and_fields_come_to_the_same(update in operators(), document in document()) {
        // The comparison is within.
        let _ = attempt(update.into(), &[], &document, None, Mode::Update);
    }

    #[test]
    fn a_set_done_twice_changes_nothing_more(
        path in path(),
        value in value(),
        document in document(),
    ) {
        let set = doc! { "$set": {(path): value} };
        if let Ok(once) = attempt(set.clone().into(), &[], &document, None, Mode::Update) {
            let update = parsed(&set.into(), &[]).unwrap();
            let context = context();
            let outcome = update.apply(&once, None, Mode::Update, &context).unwrap();
            prop_assert!(!outcome.is_changed());
        }
    }
}

/// What is at a path.
trait At {
    fn at(self, path: &str) -> Option<Value<'static>>;
}

impl At for Value<'static> {
    fn at(mut self, path: &str) -> Option<Value<'static>> {
        place(&mut self, path).cloned()
    }
}
