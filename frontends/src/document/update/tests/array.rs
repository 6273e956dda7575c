use super::*;
use crate::document::value::Regex;

#[test]
fn push_adds_at_the_end_or_elsewhere() {
    let push = |argument: Value<'static>, from: Array<'static>, to: Array<'static>| {
        makes(doc! { "$push": {"a": argument} }, doc! { "a": from }, doc! { "a": to });
    };
    push(3.into(), array![1, 2], array![1, 2, 3]);
    push(array![3].into(), array![1], array![1, [3]]);
    push(doc! { "x": 1 }.into(), array![1], array![1, {"x": 1}]);
    push(doc! { "$each": [3, 4] }.into(), array![1], array![1, 3, 4]);
    push(doc! { "$each": [] }.into(), array![1], array![1]);
    push(doc! { "$each": [8, 9], "$position": 1 }.into(), array![1, 2], array![1, 8, 9, 2]);
    push(doc! { "$each": [9], "$position": 0 }.into(), array![1, 2], array![9, 1, 2]);
    push(doc! { "$each": [9], "$position": -1 }.into(), array![1, 2], array![1, 9, 2]);
    push(doc! { "$each": [9], "$position": -9 }.into(), array![1, 2], array![9, 1, 2]);
    push(doc! { "$each": [9], "$position": 9 }.into(), array![1, 2], array![1, 2, 9]);
    push(doc! { "$each": [3, 4], "$slice": 2 }.into(), array![1], array![1, 3]);
    push(doc! { "$each": [3, 4], "$slice": -2 }.into(), array![1], array![3, 4]);
    push(doc! { "$each": [3], "$slice": 0 }.into(), array![1], array![]);
    push(doc! { "$each": [], "$slice": -1 }.into(), array![1, 2], array![2]);
    push(doc! { "$each": [2], "$sort": 1 }.into(), array![3, 1], array![1, 2, 3]);
    push(doc! { "$each": [2], "$sort": -1, "$slice": 2 }.into(), array![3, 1], array![3, 2]);
    push(
        doc! { "$each": [{"s": 2}], "$sort": {"s": 1} }.into(),
        array![{"s": 3}, {"s": 1}],
        array![{"s": 1}, {"s": 2}, {"s": 3}],
    );
    push(
        doc! { "$each": [5, {"n": 1}], "$sort": {"s.t": -1, "n": 1} }.into(),
        array![{"s": {"t": 1}}, {"s": {"t": 2}}],
        array![{"s": {"t": 2}}, {"s": {"t": 1}}, 5, {"n": 1}],
    );
    makes(doc! { "$push": {"a.b": 1} }, doc! {}, doc! { "a": {"b": [1]} });
    makes(doc! { "$push": {"a.0": 1} }, doc! { "a": [[]] }, doc! { "a": [[1]] });
    makes(doc! { "$push": {"a": {"$each": []}} }, doc! {}, doc! { "a": [] });
    refuses(doc! { "$push": {"a": 1} }.into(), doc! { "_id": 1, "a": 5 }, 2, "must be an array");
    refuses(doc! { "$push": {"a": {"$each": 1}} }.into(), doc! {}, 2, "$each");
    refuses(doc! { "$push": {"a": {"$each": [], "$foo": 1}} }.into(), doc! {}, 2, "$foo");
    refuses(doc! { "$push": {"a": {"$each": [], "$slice": 1.5}} }.into(), doc! {}, 2, "$slice");
    refuses(
        doc! { "$push": {"a": {"$each": [], "$position": "x"}} }.into(),
        doc! {},
        2,
        "$position",
    );
    refuses(doc! { "$push": {"a": {"$each": [], "$sort": 2}} }.into(), doc! {}, 2, "$sort");
    refuses(doc! { "$push": {"a": {"$each": [], "$sort": {}}} }.into(), doc! {}, 2, "$sort");
}

#[test]
fn a_set_takes_what_it_does_not_hold() {
    let add = |argument: Value<'static>, from: Array<'static>, to: Array<'static>| {
        makes(doc! { "$addToSet": {"a": argument} }, doc! { "a": from }, doc! { "a": to });
    };
    add(3.into(), array![1], array![1, 3]);
    add(1.0.into(), array![1], array![1]);
    add(array![1].into(), array![1], array![1, [1]]);
    add(
        doc! { "x": 1, "y": 2 }.into(),
        array![{"y": 2, "x": 1}],
        array![{"y": 2, "x": 1}, {"x": 1, "y": 2}],
    );
    add(doc! { "$each": [1, 2, 2] }.into(), array![1, 1], array![1, 1, 2]);
    add(doc! { "$each": [] }.into(), array![1], array![1]);
    makes(doc! { "$addToSet": {"a": {"$each": [1, 1]}} }, doc! {}, doc! { "a": [1] });
    makes(doc! { "$addToSet": {"a": {"$each": []}} }, doc! {}, doc! { "a": [] });
    refuses(doc! { "$addToSet": {"a": 1} }.into(), doc! { "a": 1 }, 2, "non-array type int");
    refuses(doc! { "$addToSet": {"a": {"$each": [], "$slice": 1}} }.into(), doc! {}, 2, "$slice");
    refuses(doc! { "$addToSet": {"a": {"$each": 1}} }.into(), doc! {}, 2, "$each");
}

#[test]
fn pull_takes_out_what_meets_a_condition() {
    let pull = |condition: Value<'static>, from: Array<'static>, to: Array<'static>| {
        makes(doc! { "$pull": {"a": condition} }, doc! { "a": from }, doc! { "a": to });
    };
    pull(1.into(), array![1, 2, 1.0, [1]], array![2, [1]]);
    pull(array![1].into(), array![1, [1], [1, 2]], array![1, [1, 2]]);
    pull(null(), array![null, 1], array![1]);
    pull(doc! { "$gte": 3 }.into(), array![1, 3, 5, [9]], array![1, [9]]);
    pull(doc! { "$in": ["x", 5] }.into(), array![1, 5, "x"], array![1]);
    pull(doc! { "$ne": 1 }.into(), array![1, 2], array![1]);
    pull(doc! { "$gt": 1, "$lt": 4 }.into(), array![1, 2, 3, 4], array![1, 4]);
    pull(doc! { "x": 1 }.into(), array![{"x": 1, "y": 2}, {"x": 2}, 1], array![{"x": 2}, 1]);
    pull(
        doc! { "x": {"$gt": 1}, "y": 2 }.into(),
        array![{"x": 2, "y": 2}, {"x": 2}],
        array![{"x": 2}],
    );
    pull(doc! { "x.y": 1 }.into(), array![{"x": [{"y": 1}]}, {"x": 1}], array![{"x": 1}]);
    pull(doc! { "$or": [{"x": 1}, {"y": 1}] }.into(), array![{"x": 1}, {"y": 1}, {}], array![{}]);
    pull(
        doc! { "$elemMatch": {"z": 1} }.into(),
        array![[{"z": 1}], [{"z": 2}]],
        array![[{"z": 2}]],
    );
    pull(
        doc! { "r": {"$elemMatch": {"q": 2}} }.into(),
        array![{"r": [{"q": 2}]}, {"r": []}],
        array![{"r": []}],
    );
    pull(Regex::new("^a", "").unwrap().into(), array!["ab", "b"], array!["b"]);
    makes(doc! { "$pull": {"a": 1, "b.c": 2} }, doc! { "b": 5 }, doc! { "b": 5 });
    refuses(doc! { "$pull": {"a": 1} }.into(), doc! { "a": 1 }, 2, "non-array");
    refuses(doc! { "$pull": {"a": {"$foo": 1}} }.into(), doc! {}, 2, "$foo");
}

fn null() -> Value<'static> {
    Value::Null
}

#[test]
fn pull_all_takes_out_what_is_listed() {
    makes(doc! { "$pullAll": {"a": [1, "x"]} }, doc! { "a": [1, 2, "x", 1.0] }, doc! { "a": [2] });
    makes(doc! { "$pullAll": {"a": []} }, doc! { "a": [1] }, doc! { "a": [1] });
    makes(
        doc! { "$pullAll": {"a": [{"x": 1}]} },
        doc! { "a": [{"x": 1}, {"x": 1, "y": 1}] },
        doc! { "a": [{"x": 1, "y": 1}] },
    );
    makes(doc! { "$pullAll": {"x": [1]} }, doc! { "a": [1] }, doc! { "a": [1] });
    refuses(doc! { "$pullAll": {"a": 1} }.into(), doc! {}, 2, "$pullAll");
    refuses(doc! { "$pullAll": {"a": [1]} }.into(), doc! { "a": 1 }, 2, "non-array");
}

#[test]
fn pop_takes_one_end_off() {
    makes(doc! { "$pop": {"a": 1} }, doc! { "a": [1, 2, 3] }, doc! { "a": [1, 2] });
    makes(doc! { "$pop": {"a": -1} }, doc! { "a": [1, 2, 3] }, doc! { "a": [2, 3] });
    makes(doc! { "$pop": {"a": 1.0} }, doc! { "a": [1] }, doc! { "a": [] });
    makes(doc! { "$pop": {"a": 1} }, doc! { "a": [] }, doc! { "a": [] });
    makes(doc! { "$pop": {"x": 1} }, doc! { "a": 1 }, doc! { "a": 1 });
    refuses(doc! { "$pop": {"a": 2} }.into(), doc! {}, 9, "$pop");
    refuses(doc! { "$pop": {"a": "x"} }.into(), doc! {}, 9, "$pop");
    refuses(doc! { "$pop": {"a": 1} }.into(), doc! { "a": 5 }, 14, "non-array type 'int'");
    refuses(doc! { "$pop": {"a.b": 1} }.into(), doc! { "a": 5 }, 28, "b");
}
