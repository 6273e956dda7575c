use super::*;
use crate::document::value::{Regex, Value};

#[test]
fn an_array_matches_by_any_of_its_values_or_as_a_whole() {
    let all = [
        doc! { "a": [1, 2, 3] },
        doc! { "a": 2 },
        doc! { "a": [[1, 2], 9] },
        doc! { "a": [2, 1] },
        doc! { "a": [] },
        doc! { "a": [1, 2] },
    ];
    finds(doc! { "a": 2 }, &all, &[0, 1, 3, 5]);
    finds(doc! { "a": [1, 2] }, &all, &[2, 5]);
    finds(doc! { "a": {"$ne": 2} }, &all, &[2, 4]);
    finds(doc! { "a": [] }, &all, &[4]);
    finds(doc! { "a": {"$gt": 2} }, &all, &[0, 2]);
    finds(doc! { "a": {"$gt": 2, "$lt": 2} }, &all, &[0]);
    finds(doc! { "a": {"$in": [[1, 2], 3]} }, &all, &[0, 2, 5]);
    finds(doc! { "a": {"$gte": [1, 2]} }, &all, &[0, 2, 3, 5]);
    finds(doc! { "a": {"$lt": [1, 2]} }, &all, &[4]);
    finds(doc! { "a": {"$nin": [1, 9]} }, &all, &[1, 4]);
}

#[test]
fn paths_lead_through_arrays_and_by_index() {
    let all = [
        doc! { "a": [{"b": 1}, {"b": 2}] },
        doc! { "a": {"b": [1, 2]} },
        doc! { "a": [{"b": [2, 3]}, 7] },
        doc! { "a": [[{"b": 2}]] },
        doc! { "a": {"0": {"b": 2}} },
        doc! { "a": [{"0": {"b": 9}}, {"b": 1}] },
        doc! { "a": [5, [2, 4]] },
    ];
    finds(doc! { "a.b": 2 }, &all, &[0, 1, 2]);
    finds(doc! { "a.1.b": 2 }, &all, &[0]);
    finds(doc! { "a.0.b": 2 }, &all, &[2, 3, 4]);
    finds(doc! { "a.0.b": 9 }, &all, &[5]);
    finds(doc! { "a.b.0": 2 }, &all, &[2]);
    finds(doc! { "a.b.1": {"$gte": 2} }, &all, &[1, 2]);
    finds(doc! { "a.1": 7 }, &all, &[2]);
    finds(doc! { "a.1": [2, 4] }, &all, &[6]);
    finds(doc! { "a.1.1": 4 }, &all, &[6]);
    finds(doc! { "a.01": 7 }, &all, &[]);
    finds(doc! { "a.0": {"$exists": true} }, &all, &[0, 2, 3, 4, 5, 6]);
    finds(doc! { "a.2": {"$exists": true} }, &all, &[]);
    finds(doc! { "a.b": {"$size": 2} }, &all, &[1, 2]);
}

#[test]
fn an_element_matches_all_conditions_at_once() {
    let all = [
        doc! { "a": [{"x": 1, "y": 2}, {"x": 3, "y": 4}] },
        doc! { "a": [{"x": 1, "y": 4}] },
        doc! { "a": {"x": 1, "y": 4} },
        doc! { "a": [] },
        doc! { "a": [[{"x": 1}], 5] },
        doc! { "a": [[7]] },
    ];
    finds(doc! { "a.x": 1, "a.y": 4 }, &all, &[0, 1, 2]);
    finds(doc! { "a": {"$elemMatch": {"x": 1, "y": 4}} }, &all, &[1]);
    finds(doc! { "a": {"$elemMatch": {"x": {"$gt": 1}}} }, &all, &[0]);
    finds(doc! { "a": {"$elemMatch": {"$or": [{"x": 3}, {"y": 4}]}} }, &all, &[0, 1]);
    finds(doc! { "a": {"$elemMatch": {"$nor": [{"x": 3}, {"y": 4}]}} }, &all, &[0, 4, 5]);
    finds(doc! { "a": {"$elemMatch": {}} }, &all, &[0, 1, 4, 5]);
    finds(doc! { "a": {"$elemMatch": {"0": 7}} }, &all, &[5]);
    finds(doc! { "a": {"$elemMatch": {"0.x": 1}} }, &all, &[4]);
    finds(doc! { "a": {"$not": {"$elemMatch": {"x": 1}}} }, &all, &[2, 3, 4, 5]);
    let nested =
        [doc! { "a": [{"b": [{"c": 1, "d": 2}]}] }, doc! { "a": [{"b": [{"c": 1}, {"d": 2}]}] }];
    finds(doc! { "a": {"$elemMatch": {"b": {"$elemMatch": {"c": 1, "d": 2}}}} }, &nested, &[0]);
    finds(doc! { "a.b": {"$elemMatch": {"c": 1, "d": 2}} }, &nested, &[0]);
}

#[test]
fn an_element_that_is_a_value_matches_all_operators_at_once() {
    let all = [
        doc! { "a": [1, 9] },
        doc! { "a": [5] },
        doc! { "a": 5 },
        doc! { "a": [[5]] },
        doc! { "a": ["x", "yz"] },
        doc! { "a": [null] },
    ];
    finds(doc! { "a": {"$gt": 2, "$lt": 8} }, &all, &[0, 1, 2]);
    finds(doc! { "a": {"$elemMatch": {"$gt": 2, "$lt": 8}} }, &all, &[1]);
    finds(doc! { "a": {"$elemMatch": {"$elemMatch": {"$eq": 5}}} }, &all, &[3]);
    finds(doc! { "a": {"$elemMatch": {"$in": [1, 5]}} }, &all, &[0, 1]);
    finds(doc! { "a": {"$elemMatch": {"$not": {"$lt": 8}}} }, &all, &[0, 3, 4, 5]);
    finds(doc! { "a": {"$elemMatch": {"$ne": 1}} }, &all, &[0, 1, 3, 4, 5]);
    finds(doc! { "a": {"$elemMatch": {"$regex": "^Y", "$options": "i"}} }, &all, &[4]);
    finds(doc! { "a": {"$elemMatch": {"$type": "string"}} }, &all, &[4]);
    finds(doc! { "a": {"$elemMatch": {"$exists": true, "$eq": null}} }, &all, &[5]);
    finds(doc! { "a": {"$elemMatch": {"$nin": [1, 5, 9]}} }, &all, &[3, 4, 5]);
    finds(doc! { "a": {"$elemMatch": {"$size": 1}} }, &all, &[3]);
    finds(doc! { "a": {"$elemMatch": {"$mod": [4, 1]}} }, &all, &[0, 1]);
}

#[test]
fn all_of_a_list_are_there() {
    let regex = Regex::new("^y", "").unwrap();
    let all = [
        doc! { "a": [1, 2, 3] },
        doc! { "a": [2, 1] },
        doc! { "a": 1 },
        doc! { "a": [[1, 2]] },
        doc! { "a": ["x", "y1"] },
        doc! { "a": [{"b": 1, "c": 1}, {"b": 2, "c": 5}] },
        doc! { "a": [null] },
    ];
    finds(doc! { "a": {"$all": [1, 2]} }, &all, &[0, 1]);
    finds(doc! { "a": {"$all": [1]} }, &all, &[0, 1, 2]);
    finds(doc! { "a": {"$all": [[1, 2]]} }, &all, &[3]);
    finds(doc! { "a": {"$all": []} }, &all, &[]);
    finds(doc! { "a": {"$not": {"$all": []}} }, &all, &[0, 1, 2, 3, 4, 5, 6]);
    finds(doc! { "a": {"$all": [regex, "x"]} }, &all, &[4]);
    finds(doc! { "a": {"$all": [null]} }, &all, &[6]);
    finds(
        doc! { "a": {"$all": [{"$elemMatch": {"b": 1}}, {"$elemMatch": {"c": {"$gt": 4}}}]} },
        &all,
        &[5],
    );
    finds(doc! { "a": {"$all": [{"b": 1, "c": 1}]} }, &all, &[5]);
    finds(doc! { "a.b": {"$all": [1, 2]} }, &all, &[5]);
}

#[test]
fn sizes_are_those_of_arrays_alone() {
    let all = [
        doc! { "a": [] },
        doc! { "a": [1, [2, 3]] },
        doc! { "a": "xy" },
        doc! {},
        doc! { "a": [[]] },
    ];
    finds(doc! { "a": {"$size": 0} }, &all, &[0]);
    finds(doc! { "a": {"$size": 2} }, &all, &[1]);
    finds(doc! { "a": {"$size": 2.0} }, &all, &[1]);
    finds(doc! { "a": {"$size": 1_i64} }, &all, &[4]);
    finds(doc! { "a": {"$not": {"$size": 0}} }, &all, &[1, 2, 3, 4]);
}

#[test]
fn the_position_is_that_in_the_outermost_array() {
    let at = |filter: Document<'_>, document: Document<'_>| {
        parsed(&filter).matches_at(&document, &context()).unwrap()
    };
    let of = |filter, document| at(filter, document).expect("it matches");
    assert_eq!(of(doc! { "a": 2 }, doc! { "a": [1, 2] }), Some(1));
    assert_eq!(of(doc! { "a": 2 }, doc! { "a": 2 }), None);
    assert_eq!(of(doc! { "a": [1, 2] }, doc! { "a": [1, 2] }), None);
    assert_eq!(of(doc! { "a.b": 3 }, doc! { "a": [{"b": [1]}, {"b": [2, 4, 3]}] }), Some(1));
    assert_eq!(of(doc! { "a.b": 3 }, doc! { "a": {"b": [1, 3]} }), Some(1));
    assert_eq!(of(doc! { "a.1": 3 }, doc! { "a": [1, 3] }), Some(1));
    assert_eq!(of(doc! { "a.0.b": 3 }, doc! { "a": [{"b": [1, 3]}] }), Some(1));
    assert_eq!(of(doc! { "a": {"$elemMatch": {"b": 3}} }, doc! { "a": [{}, {"b": 3}] }), Some(1));
    assert_eq!(of(doc! { "a": {"$elemMatch": {"$gt": 3}} }, doc! { "a": [1, 2, 5] }), Some(2));
    assert_eq!(
        of(
            doc! { "a.b": {"$elemMatch": {"$gt": 3}} },
            doc! { "a": [{"b": [1]}, {"b": [1, 2, 5]}] }
        ),
        Some(1)
    );
    assert_eq!(of(doc! { "a": {"$in": [5, 6]} }, doc! { "a": [1, 6] }), Some(1));
    assert_eq!(of(doc! { "x": 1, "a": {"$gte": 5} }, doc! { "x": 1, "a": [1, 6] }), Some(1));
    assert_eq!(of(doc! { "a": 6, "x": 1 }, doc! { "x": 1, "a": [1, 6] }), Some(1));
    assert_eq!(of(doc! { "a": {"$ne": 5} }, doc! { "a": [1, 6] }), None);
    assert_eq!(of(doc! { "$or": [{"a": 9}, {"a": 6}] }, doc! { "a": [1, 6] }), Some(1));
    assert_eq!(of(doc! {}, doc! { "a": [1, 6] }), None);
    assert_eq!(at(doc! { "a": 9 }, doc! { "a": [1] }), None);
    assert_eq!(of(doc! { "a": (Value::Null) }, doc! { "a": [1, null] }), Some(1));
}
