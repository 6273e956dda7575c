use super::*;

#[test]
fn what_is_wrong_is_an_error_that_names_it() {
    let cases: Vec<(Value<'_>, i32, &str)> = vec![
        (doc! { "$foo": {"a": 1} }.into(), 9, "$foo"),
        (doc! { "$set": {"a": 1}, "b": 1 }.into(), 9, "b"),
        (doc! { "$set": 1 }.into(), 9, "$set"),
        (doc! { "$set": {"": 1} }.into(), 56, "empty"),
        (doc! { "$set": {"a..b": 1} }.into(), 56, "a..b"),
        (doc! { "$set": {"a.": 1} }.into(), 56, "a."),
        (doc! { "$set": {"$a": 1} }.into(), 52, "$a"),
        (doc! { "$set": {"a.$b": 1} }.into(), 52, "$b"),
        (doc! { "$set": {"a": 1, "a.b": 2} }.into(), 40, "'a'"),
        (doc! { "$set": {"a.b": 1}, "$inc": {"a.b": 2} }.into(), 40, "'a.b'"),
        (doc! { "$set": {"a.b": 1}, "$unset": {"a": 2} }.into(), 40, "'a'"),
        (Value::Int32(5), 9, "5"),
    ];
    for (update, code, part) in cases {
        refuses(update, doc! { "_id": 1 }, code, part);
    }
}

#[test]
fn paths_lead_through_documents_and_indices_only() {
    let cases: Vec<(Document<'_>, Document<'_>, i32)> = vec![
        (doc! { "$set": {"a.b": 1} }, doc! { "a": 5 }, 28),
        (doc! { "$set": {"a.b": 1} }, doc! { "a": null }, 28),
        (doc! { "$set": {"a.b": 1} }, doc! { "a": [1] }, 28),
        (doc! { "$set": {"a.0.b": 1} }, doc! { "a": [1] }, 28),
        (doc! { "$inc": {"a.b": 1} }, doc! { "a": "x" }, 28),
        (doc! { "$push": {"a.b": 1} }, doc! { "a": [] }, 28),
        (doc! { "$rename": {"a.b": "c"} }, doc! { "a": 5 }, 28),
        (doc! { "$set": {"a.2000000": 1} }, doc! { "a": [] }, 34),
        (doc! { "$set": {"_id": 2} }, doc! { "_id": 1 }, 66),
        (doc! { "$unset": {"_id": 1} }, doc! { "_id": 1 }, 66),
        (doc! { "$set": {"_id.x": 2} }, doc! { "_id": {"x": 1} }, 66),
        (doc! { "$set": {"_id": 2} }, doc! { "a": 1 }, 66),
    ];
    for (update, document, code) in cases {
        refuses(update.into(), document, code, "");
    }
}
