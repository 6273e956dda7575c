//! Bounds against all documents: nothing that passes is missed, and what is said to be decided is.

use super::access::{self, Access};
use super::cut::{Cut, Interval, Set};
use super::order;
use super::ranges::Ranges;
use super::shape::{Shape, ShapeField};
use crate::doc;
use crate::document::expression::{Context, Scope};
use crate::document::filter::Filter;
use crate::document::value::key::{self, Direction};
use crate::document::value::{Array, DateTime, Document, Path, Value};

/// Numbers that look random, always the same.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % below as u64) as usize
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.next(of.len())].clone()
    }
}

fn scalars() -> Vec<Value<'static>> {
    let text = |text: &'static str| Value::String(text.into());
    vec![
        Value::Null,
        Value::Int32(1),
        Value::Int64(2),
        Value::Double(2.5),
        Value::Double(-1.0),
        Value::Double(f64::NAN),
        Value::Double(f64::INFINITY),
        Value::Int32(5),
        text(""),
        text("ab"),
        text("abc"),
        text("b"),
        Value::Bool(true),
        Value::Bool(false),
        Value::MinKey,
        Value::MaxKey,
        Value::DateTime(DateTime::from_millis(7)),
        Value::Document(doc! {"x": 1}),
    ]
}

fn value(dice: &mut Dice, arrays: bool) -> Value<'static> {
    let pool = scalars();
    match dice.next(if arrays { 4 } else { 3 }) {
        0..3 => dice.one(&pool),
        _ => {
            let items = (0..dice.next(4)).map(|_| dice.one(&pool)).collect();
            Value::Array(Array::from_items(items))
        }
    }
}

/// A document with some of the fields `a`, `b` and `c`; arrays, if any, in one of them.
fn document(dice: &mut Dice, arrays: bool) -> Document<'static> {
    let mut document = Document::new();
    let with_array = dice.next(3);
    for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
        if dice.next(5) > 0 {
            document.push(name, value(dice, arrays && at == with_array));
        }
    }
    document
}

fn test_of(dice: &mut Dice) -> Document<'static> {
    let pool = scalars();
    let operand = dice.one(&pool);
    match dice.next(14) {
        0..3 => doc! {"$eq": (operand)},
        3 => doc! {"$lt": (operand)},
        4 => doc! {"$lte": (operand)},
        5 => doc! {"$gt": (operand)},
        6 => doc! {"$gte": (operand)},
        7 => doc! {"$in": [(operand), (dice.one(&pool)), (dice.one(&pool))]},
        8 => doc! {"$ne": (operand)},
        9 => doc! {"$nin": [(operand), (dice.one(&pool))]},
        10 => doc! {"$type": [(dice.one(&["int", "string", "number", "null", "bool", "double"]))]},
        11 => doc! {"$regex": (dice.one(&["^ab", "^abc$", "b", "^a.*c"]))},
        12 => doc! {"$gte": (operand), "$lt": (dice.one(&pool))},
        _ => doc! {"$elemMatch": {"$gte": (operand), "$lte": (dice.one(&pool))}},
    }
}

fn filter(dice: &mut Dice) -> Document<'static> {
    let mut filter = Document::new();
    for name in ["a", "b", "c"] {
        match dice.next(6) {
            0..3 => filter.push(name, Value::Document(test_of(dice))),
            3 => filter.push(name, Value::Document(doc! {"$exists": (dice.next(2) == 0)})),
            _ => {}
        }
    }
    filter
}

fn shape(names: &[(&str, Direction)], multikey: bool, is_sparse: bool) -> Shape {
    let field = |(name, direction): &(&str, Direction)| ShapeField {
        path: Path::parse(name).unwrap(),
        direction: *direction,
        is_multikey: multikey,
    };
    Shape { fields: names.iter().map(field).collect(), is_sparse, partial: None }
}

/// The keys of a document, as plainly as can be: of fields that are arrays, every element.
fn keys(shape: &Shape, document: &Document<'_>) -> Vec<Vec<u8>> {
    let mut keys = vec![Vec::new()];
    let mut is_there = false;
    for field in &shape.fields {
        let value = document.get(field.path.as_str());
        is_there |= value.is_some();
        let values: Vec<Value<'_>> = match value.as_ref() {
            Some(Value::Array(array)) if array.is_empty() => vec![Value::Undefined],
            Some(Value::Array(array)) => array.iter().collect(),
            Some(other) => vec![other.borrow()],
            None => vec![Value::Null],
        };
        let mut longer = Vec::new();
        for key in &keys {
            for value in &values {
                let mut with: Vec<u8> = key.clone();
                key::encode(&mut with, Some(value), field.direction);
                longer.push(with);
            }
        }
        keys = longer;
    }
    if shape.is_sparse && !is_there { Vec::new() } else { keys }
}

fn is_within(ranges: &Ranges, shape: &Shape, access: &Access, key: &[u8]) -> bool {
    if !ranges.spans.iter().any(|span| span.start.as_slice() <= key && key < span.end.as_slice()) {
        return false;
    }
    // What is looked at key by key: decoded here, to have it from elsewhere.
    let mut rest = key;
    let zeros = [0; 8];
    for (at, field) in shape.fields.iter().enumerate() {
        let types = &mut key::TypeBitsReader::new(&zeros);
        let value = key::decode(&mut rest, field.direction, types).unwrap();
        let value = value.unwrap_or(Value::Undefined);
        if at >= ranges.decided && !access.fields[at].set.contains(&value) {
            return false;
        }
    }
    true
}

#[test]
fn bounds_miss_nothing_and_decide_what_they_say() {
    use Direction::{Ascending, Descending};
    let indexes: [&[(&str, Direction)]; 6] = [
        &[("a", Ascending)],
        &[("a", Descending)],
        &[("a", Ascending), ("b", Ascending)],
        &[("b", Descending), ("a", Ascending)],
        &[("a", Ascending), ("b", Descending), ("c", Ascending)],
        &[("c", Descending), ("b", Descending), ("a", Descending)],
    ];
    let context = Context::new(DateTime::from_millis(0), 1);
    let mut dice = Dice(7);
    let (mut asked, mut decided, mut found) = (0, 0, 0);
    for _ in 0..3000 {
        let arrays = dice.next(2) == 0;
        let documents: Vec<_> = (0..24).map(|_| document(&mut dice, arrays)).collect();
        let source = filter(&mut dice);
        let Ok(filter) = Filter::parse(&source, &mut Scope::new()) else { continue };
        let shape = shape(indexes[dice.next(indexes.len())], arrays, dice.next(4) == 0);
        let parts = access::parts(filter.root());
        let Some(access) = access::of(&shape, parts) else { continue };
        let ranges = Ranges::of(&shape, &access.fields);
        let left = Filter::of(access::remainder(parts, &access.left));
        asked += 1;
        decided += usize::from(access.left.is_empty());
        for document in &documents {
            let keys = keys(&shape, document);
            let leads = keys.iter().any(|key| is_within(&ranges, &shape, &access, key));
            let passes = filter.matches(document, &context).unwrap();
            let kept = leads && left.matches(document, &context).unwrap();
            let told = || format!("{source:?} of {document:?} over {shape:?}: {access:?}");
            assert!(!passes || leads, "missed: {}", told());
            assert_eq!(passes, kept, "wrong: {}", told());
            found += usize::from(passes);
        }
    }
    assert!(asked > 1000 && decided > 100 && found > 1000, "{asked} {decided} {found}");
}

#[test]
fn sets_are_what_they_say_of_every_value() {
    let values = scalars();
    let mut dice = Dice(3);
    let cut = |dice: &mut Dice| match dice.next(4) {
        0 => Cut::Start(dice.one(&values).kind().rank()),
        1 => Cut::End(dice.one(&values).kind().rank()),
        2 => Cut::Before(dice.one(&values)),
        _ => Cut::After(dice.one(&values)),
    };
    for _ in 0..3000 {
        let mut set = || {
            let interval = |dice: &mut Dice| Interval { from: cut(dice), to: cut(dice) };
            Set::of((0..dice.next(4)).map(|_| interval(&mut dice)).collect())
        };
        let (a, b) = (set(), set());
        for value in &values {
            let (in_a, in_b) = (a.contains(value), b.contains(value));
            assert_eq!(a.and(&b).contains(value), in_a && in_b, "{a:?} and {b:?}: {value:?}");
            assert_eq!(a.or(&b).contains(value), in_a || in_b, "{a:?} or {b:?}: {value:?}");
            assert_eq!(a.not().contains(value), !in_a, "not {a:?}: {value:?}");
        }
        // Every value, though what is behind the last one of a class may be counted apart.
        assert!(values.iter().all(|value| a.or(&a.not()).contains(value)), "{a:?}");
        assert!(a.and(&a.not()).is_none(), "{a:?}");
    }
}

#[test]
fn bounds_are_shown_as_in_explain() {
    let shown = |filter: Document<'_>| {
        let filter = Filter::parse(&filter, &mut Scope::new()).unwrap();
        let shape = shape(&[("a", Direction::Ascending)], false, false);
        let access = access::of(&shape, access::parts(filter.root())).unwrap();
        let shown = access.fields[0].set.intervals().iter().map(ToString::to_string);
        shown.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(doc! {"a": 5}), "[5, 5]");
    assert_eq!(shown(doc! {"a": {"$gt": 5, "$lte": 7}}), "(5, 7]");
    assert_eq!(shown(doc! {"a": {"$in": [1, 3]}}), "[1, 1] [3, 3]");
    assert_eq!(shown(doc! {"a": {"$gte": "x"}}), "[\"x\", any string]");
    assert_eq!(shown(doc! {"a": {"$ne": 1}}), "[MinKey, 1) (1, MaxKey]");
    assert_eq!(shown(doc! {"a": {"$regex": "^ab"}}), "[\"ab\", \"ac\") [/^ab/, /^ab/]");
}

#[test]
fn an_index_gives_an_order_where_it_has_it() {
    use Direction::{Ascending, Descending};
    let shape = shape(&[("a", Ascending), ("b", Descending), ("c", Ascending)], false, false);
    let asked = |filter: Document<'_>, sort: &[(&str, Direction)]| {
        let filter = Filter::parse(&filter, &mut Scope::new()).unwrap();
        let parts = access::parts(filter.root());
        let fields = match access::of(&shape, parts) {
            Some(access) => access.fields,
            None => vec![super::bounds::Bounds::all(); 3],
        };
        let field = |(name, direction): &(&str, Direction)| order::SortField {
            path: Path::parse(name).unwrap(),
            direction: *direction,
        };
        let sort: Vec<_> = sort.iter().map(field).collect();
        order::of(&shape, &fields, &sort).map(|order| (order.is_backward, order.same))
    };
    assert_eq!(asked(doc! {}, &[("a", Ascending)]), Some((false, 1)));
    assert_eq!(asked(doc! {}, &[("a", Descending)]), Some((true, 1)));
    assert_eq!(asked(doc! {}, &[("a", Ascending), ("b", Descending)]), Some((false, 2)));
    assert_eq!(asked(doc! {}, &[("a", Descending), ("b", Ascending)]), Some((true, 2)));
    assert_eq!(asked(doc! {}, &[("a", Ascending), ("b", Ascending)]), None);
    assert_eq!(asked(doc! {}, &[("b", Ascending)]), None);
    assert_eq!(asked(doc! {"a": 5}, &[("b", Ascending)]), Some((true, 2)));
    assert_eq!(asked(doc! {"a": 5}, &[("a", Ascending), ("b", Descending)]), Some((false, 2)));
    assert_eq!(asked(doc! {"a": {"$in": [1, 2]}}, &[("b", Ascending)]), None);
    assert_eq!(asked(doc! {"a": 1, "b": 2}, &[("c", Descending)]), Some((true, 3)));
}

#[test]
fn a_partial_index_is_used_where_the_filter_is_narrower() {
    let parse = |filter: Document<'_>| Filter::parse(&filter, &mut Scope::new()).unwrap();
    let implied = |filter: Document<'_>, partial: Document<'_>| {
        access::implies(&parse(filter), &parse(partial))
    };
    assert!(implied(doc! {"a": 6, "b": 1}, doc! {"a": {"$gt": 5}}));
    assert!(implied(doc! {"a": {"$gte": 7, "$lt": 9}}, doc! {"a": {"$gt": 5}}));
    assert!(!implied(doc! {"a": {"$gte": 5}}, doc! {"a": {"$gt": 5}}));
    assert!(implied(doc! {"a": {"$gt": 5}}, doc! {"a": {"$exists": true}}));
    assert!(!implied(doc! {"a": (Value::Null)}, doc! {"a": {"$exists": true}}));
    assert!(!implied(doc! {"b": 1}, doc! {"a": {"$exists": true}}));
    assert!(implied(doc! {"a": true}, doc! {"$or": [{"a": {"$type": "bool"}}, {"b": 1}]}));
    assert!(implied(doc! {"a": 1}, doc! {}));
}
