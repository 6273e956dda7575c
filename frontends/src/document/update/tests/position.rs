use super::*;

#[track_caller]
fn at(update: Document<'_>, position: usize, document: Document<'_>, expected: Document<'_>) {
    let made = attempt(update.clone().into(), &[], &document, Some(position), Mode::Update);
    let made = made.unwrap_or_else(|error| panic!("{update:?}: {error}"));
    assert_eq!(format!("{made:?}"), format!("{expected:?}"), "{update:?}");
}

#[track_caller]
fn filtered(
    update: Document<'_>,
    filters: &[Document<'_>],
    document: Document<'_>,
    expected: Document<'_>,
) {
    let made = attempt(update.clone().into(), filters, &document, None, Mode::Update);
    let made = made.unwrap_or_else(|error| panic!("{update:?}: {error}"));
    assert_eq!(format!("{made:?}"), format!("{expected:?}"), "{update:?}");
}

#[test]
fn the_position_is_that_of_the_query() {
    at(doc! { "$set": {"a.$": 9} }, 1, doc! { "a": [1, 2, 3] }, doc! { "a": [1, 9, 3] });
    at(doc! { "$inc": {"a.$.b": 1} }, 0, doc! { "a": [{"b": 1}] }, doc! { "a": [{"b": 2}] });
    at(doc! { "$unset": {"a.$": 1} }, 0, doc! { "a": [1, 2] }, doc! { "a": [null, 2] });
    at(
        doc! { "$set": {"a.$.x": 1, "a.0.y": 2} },
        0,
        doc! { "a": [{}] },
        doc! { "a": [{"x": 1, "y": 2}] },
    );
    at(doc! { "$push": {"a.$.b": 1} }, 0, doc! { "a": [{}] }, doc! { "a": [{"b": [1]}] });
    refuses(doc! { "$set": {"a.$": 9} }.into(), doc! { "a": [1] }, 2, "positional");
    refuses(doc! { "$set": {"a.$.b.$": 9} }.into(), doc! { "a": [1] }, 2, "positional");
    refuses(doc! { "$set": {"$.a": 9} }.into(), doc! {}, 2, "beginning");
    let both = doc! { "$set": {"a.$": 9, "a.0": 8} };
    let error = attempt(both.into(), &[], &doc! { "a": [1] }, Some(0), Mode::Update).unwrap_err();
    assert_eq!(Failure::of(&error).map(Failure::code), Some(40));
}

#[test]
fn every_element_is_written_to() {
    makes(doc! { "$inc": {"a.$[]": 10} }, doc! { "a": [1, 2] }, doc! { "a": [11, 12] });
    makes(
        doc! { "$set": {"a.$[].b": 1} },
        doc! { "a": [{}, {"b": 0}] },
        doc! { "a": [{"b": 1}, {"b": 1}] },
    );
    makes(
        doc! { "$mul": {"a.$[].b.$[]": 2} },
        doc! { "a": [{"b": [1]}, {"b": [2, 3]}] },
        doc! { "a": [{"b": [2]}, {"b": [4, 6]}] },
    );
    makes(doc! { "$set": {"a.$[]": 1} }, doc! { "a": [] }, doc! { "a": [] });
    refuses(doc! { "$set": {"a.$[]": 1} }.into(), doc! {}, 2, "must exist");
    refuses(doc! { "$set": {"a.$[]": 1} }.into(), doc! { "a": 1 }, 2, "non-array");
    refuses(doc! { "$set": {"a.$[].b": 1} }.into(), doc! { "a": [1] }, 28, "b");
    refuses(doc! { "$set": {"a.$[]": 1, "a.0": 2} }.into(), doc! { "a": [1] }, 40, "'a'");
    refuses(doc! { "$set": {"a.$[].b": 1, "a.x": 2} }.into(), doc! { "a": [1] }, 40, "'a'");
}

#[test]
fn array_filters_say_which_elements() {
    filtered(
        doc! { "$set": {"a.$[big]": 0} },
        &[doc! { "big": {"$gte": 5} }],
        doc! { "a": [1, 5, 9] },
        doc! { "a": [1, 0, 0] },
    );
    filtered(
        doc! { "$inc": {"g.$[e].n": 1} },
        &[doc! { "e.kind": "x", "e.n": {"$lt": 3} }],
        doc! { "g": [{"kind": "x", "n": 1}, {"kind": "x", "n": 5}, {"kind": "y", "n": 1}] },
        doc! { "g": [{"kind": "x", "n": 2}, {"kind": "x", "n": 5}, {"kind": "y", "n": 1}] },
    );
    filtered(
        doc! { "$set": {"g.$[g].q.$[q]": 0} },
        &[doc! { "g.t": 1 }, doc! { "q": {"$gt": 1} }],
        doc! { "g": [{"t": 1, "q": [1, 2]}, {"t": 2, "q": [3]}] },
        doc! { "g": [{"t": 1, "q": [1, 0]}, {"t": 2, "q": [3]}] },
    );
    filtered(
        doc! { "$set": {"a.$[x].p": 1, "a.$[y].q": 2} },
        &[doc! { "x.n": 1 }, doc! { "$or": [{"y.n": 1}, {"y.n": 2}] }],
        doc! { "a": [{"n": 1}, {"n": 2}] },
        doc! { "a": [{"n": 1, "p": 1, "q": 2}, {"n": 2, "q": 2}] },
    );
    filtered(
        doc! { "$set": {"a.$[x]": 1} },
        &[doc! { "x": 7 }],
        doc! { "a": [2] },
        doc! { "a": [2] },
    );
    let code = |update: Document<'_>, filters: &[Document<'_>]| {
        let document = doc! { "a": [{"n": 1}, {"n": 2}] };
        let error = attempt(update.into(), filters, &document, None, Mode::Update);
        Failure::of(&error.expect_err("it is wrong")).map(Failure::code)
    };
    let set = || doc! { "$set": {"a.$[x]": 1} };
    assert_eq!(code(set(), &[]), Some(2));
    assert_eq!(code(set(), &[doc! { "y": 1 }]), Some(2));
    assert_eq!(code(set(), &[doc! { "x": 1 }, doc! { "y": 1 }]), Some(9));
    assert_eq!(code(set(), &[doc! { "x": 1 }, doc! { "x": 1 }]), Some(9));
    assert_eq!(code(set(), &[doc! { "x.a": 1, "y.a": 1 }]), Some(9));
    assert_eq!(code(set(), &[doc! {}]), Some(9));
    assert_eq!(code(set(), &[doc! { "X": 1 }]), Some(2));
    assert_eq!(code(doc! { "b": 1 }, &[doc! { "x": 1 }]), Some(9));
    let twice = doc! { "$set": {"a.$[x]": 1, "a.$[y]": 2} };
    assert_eq!(code(twice, &[doc! { "x.n": 1 }, doc! { "y.n": 1 }]), Some(40));
}
