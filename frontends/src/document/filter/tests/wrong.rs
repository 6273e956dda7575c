use super::*;
use crate::document::value::{Regex, Value};

#[test]
fn what_is_wrong_is_an_error_that_names_it() {
    let regex = || Regex::new("x", "").unwrap();
    let cases: Vec<(Document<'_>, i32, &str)> = vec![
        (doc! { "a": {"$foo": 1} }, 2, "unknown operator: $foo"),
        (doc! { "$foo": 1 }, 2, "unknown operator: $foo"),
        (doc! { "a": {"$gt": 1, "b": 1} }, 2, "unknown operator: b"),
        (doc! { "$not": {"a": 1} }, 2, "$not"),
        (doc! { "$and": [] }, 2, "$and must be a nonempty array"),
        (doc! { "$or": {} }, 2, "$or must be an array"),
        (doc! { "$nor": [1] }, 2, "$nor"),
        (doc! { "a": {"$in": 1} }, 2, "$in needs an array"),
        (doc! { "a": {"$nin": {}} }, 2, "$nin needs an array"),
        (doc! { "a": {"$in": [{"$gt": 1}]} }, 2, "cannot nest $ under $in"),
        (doc! { "a": {"$not": 1} }, 2, "$not needs a regex or a document"),
        (doc! { "a": {"$not": {}} }, 2, "$not cannot be empty"),
        (doc! { "a": {"$not": {"b": 1}} }, 2, "unknown operator: b"),
        (doc! { "a": {"$ne": (regex())} }, 2, "$ne"),
        (doc! { "a": {"$gt": (regex())} }, 2, "$gt"),
        (doc! { "a": (Value::Undefined) }, 2, "undefined"),
        (doc! { "a": {"$lt": (Value::Undefined)} }, 2, "undefined"),
        (doc! { "a": {"$type": "foo"} }, 2, "foo"),
        (doc! { "a": {"$type": 0} }, 2, "0"),
        (doc! { "a": {"$type": 255} }, 2, "255"),
        (doc! { "a": {"$type": []} }, 9, "$type"),
        (doc! { "a": {"$type": {}} }, 14, "$type"),
        (doc! { "a": {"$regex": 1} }, 2, "$regex has to be a string"),
        (doc! { "a": {"$regex": "("} }, 51091, "("),
        (doc! { "a": {"$regex": "a", "$options": "q"} }, 51108, "q"),
        (doc! { "a": {"$regex": "a", "$options": 1} }, 2, "$options has to be a string"),
        (doc! { "a": {"$options": "i"} }, 2, "$options needs a $regex"),
        (doc! { "a": {"$regex": (Regex::new("x", "i").unwrap()), "$options": "m"} }, 51075, "both"),
        (doc! { "a": {"$mod": 4} }, 2, "malformed mod"),
        (doc! { "a": {"$mod": [4]} }, 2, "not enough elements"),
        (doc! { "a": {"$mod": [4, 1, 1]} }, 2, "too many elements"),
        (doc! { "a": {"$mod": [0, 1]} }, 2, "divisor cannot be 0"),
        (doc! { "a": {"$mod": [0.5, 1]} }, 2, "divisor cannot be 0"),
        (doc! { "a": {"$mod": ["4", 1]} }, 2, "divisor not a number"),
        (doc! { "a": {"$mod": [4, "1"]} }, 2, "remainder not a number"),
        (doc! { "a": {"$mod": [(f64::NAN), 1]} }, 2, "malformed mod"),
        (doc! { "a": {"$size": "2"} }, 2, "$size"),
        (doc! { "a": {"$size": 2.5} }, 2, "$size"),
        (doc! { "a": {"$size": -1} }, 2, "$size"),
        (doc! { "a": {"$all": 1} }, 2, "$all needs an array"),
        (doc! { "a": {"$all": [{"$gt": 1}]} }, 2, "$all"),
        (doc! { "a": {"$all": [1, {"$elemMatch": {}}]} }, 2, "$all"),
        (doc! { "a": {"$elemMatch": 1} }, 2, "$elemMatch needs an object"),
        (doc! { "a": {"$elemMatch": {"$expr": true}} }, 2, "$expr"),
        (doc! { "a": {"$bitsAllSet": "x"} }, 2, "$bitsAllSet"),
        (doc! { "a": {"$bitsAnySet": -1} }, 9, "$bitsAnySet"),
        (doc! { "a": {"$bitsAllClear": 1.5} }, 9, "$bitsAllClear"),
        (doc! { "a": {"$bitsAnyClear": [-1]} }, 2, "$bitsAnyClear"),
        (doc! { "a": {"$bitsAnyClear": ["x"]} }, 2, "$bitsAnyClear"),
        (doc! { "$alwaysTrue": 2 }, 9, "$alwaysTrue"),
        (doc! { "$where": "1" }, 238, "$where"),
        (doc! { "$text": {"$search": "x"} }, 238, "$text"),
        (doc! { "$jsonSchema": {} }, 238, "$jsonSchema"),
        (doc! { "a": {"$near": [0, 0]} }, 238, "$near"),
        (doc! { "a": {"$nearSphere": [0, 0]} }, 238, "$nearSphere"),
        (doc! { "a": {"$geoWithin": {}} }, 238, "$geoWithin"),
        (doc! { "a": {"$geoIntersects": {}} }, 238, "$geoIntersects"),
    ];
    for (filter, code, part) in cases {
        let (found, message) = refused(&filter);
        assert_eq!(found, code, "{filter:?}: {message}");
        assert!(message.contains(part), "{filter:?}: {message}");
    }
}

#[test]
fn filters_nested_too_deeply_are_refused() {
    let nest = |depth: usize, wrap: fn(Document<'static>) -> Document<'static>| {
        (0..depth).fold(doc! { "a": 1 }, |inner, _| wrap(inner))
    };
    let and = |inner: Document<'static>| doc! { "$and": [inner, {"b": 1}] };
    let element = |inner: Document<'static>| doc! { "a": {"$elemMatch": inner} };
    parsed(&nest(99, and));
    parsed(&nest(99, element));
    assert_eq!(refused(&nest(101, and)).0, 15);
    assert_eq!(refused(&nest(101, element)).0, 15);
    let not = (0..150).fold(doc! { "$gt": 1 }, |inner, _| doc! { "$not": inner });
    assert_eq!(refused(&doc! { "a": not }).0, 15);
}
