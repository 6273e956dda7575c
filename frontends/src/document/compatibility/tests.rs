use super::*;
use crate::Result;
use crate::doc;
use crate::document::expression::{Expression, Scope};
use crate::document::filter::Filter;
use crate::document::pipeline::Pipeline;
use crate::document::projection::Projection;
use crate::document::update::Update;
use crate::document::value::{Array, Document, Value};

/// The tests that the lists name.
const TESTS: &[&str] = &[
    include_str!("../expression/tests/arrays.rs"),
    include_str!("../expression/tests/dates.rs"),
    include_str!("../expression/tests/numbers.rs"),
    include_str!("../expression/tests/shape.rs"),
    include_str!("../expression/tests/texts.rs"),
    include_str!("../expression/tests/types.rs"),
    include_str!("../filter/tests/array.rs"),
    include_str!("../filter/tests/comparison.rs"),
    include_str!("../filter/tests/logic.rs"),
    include_str!("../filter/tests/operator.rs"),
    include_str!("../pipeline/tests/accumulators.rs"),
    include_str!("../pipeline/tests/collections.rs"),
    include_str!("../pipeline/tests/stages.rs"),
    include_str!("../projection/tests.rs"),
    include_str!("../update/tests/array.rs"),
    include_str!("../update/tests/field.rs"),
    include_str!("../update/tests/form.rs"),
    include_str!("../update/tests/position.rs"),
];

fn read(feature: &Feature) -> Result<()> {
    let example = Value::from_json(feature.example)?;
    let scope = &mut Scope::new();
    let document = || example.as_document().cloned().unwrap_or_default();
    match feature.part {
        Part::Filter => Filter::parse(&document(), scope).map(drop),
        Part::Projection => Projection::find(&document(), scope).map(drop),
        Part::Update => Update::parse(&example, &[], scope).map(drop),
        Part::Expression => Expression::parse(&example, scope).map(drop),
        Part::Accumulator => {
            let group = doc! { "$group": {"_id": null, "x": (document())} };
            Pipeline::parse(&[group], scope).map(drop)
        }
        Part::Stage => Pipeline::parse(&[document()], scope).map(drop),
        Part::FilteredUpdate => {
            let mut items = example.as_array().cloned().map(Array::into_items).unwrap_or_default();
            let update = items.remove(0);
            let filters = items.into_iter().filter_map(|item| item.as_document().cloned());
            let filters: Vec<Document<'_>> = filters.collect();
            Update::parse(&update, &filters, scope).map(drop)
        }
    }
}

#[test]
fn what_is_listed_is_read_or_refused_by_name() {
    for feature in ALL.iter().flat_map(|(_, features)| *features) {
        let found = read(feature);
        match feature.support {
            Support::Full | Support::Differs(_) => {
                assert!(found.is_ok(), "{}: {}", feature.name, found.unwrap_err());
            }
            Support::NotYet => {
                let message = found.expect_err(feature.name).to_string();
                assert!(message.contains(feature.name), "{}: {message}", feature.name);
            }
        }
    }
}

#[test]
fn every_feature_names_a_test_that_there_is() {
    for feature in ALL.iter().flat_map(|(_, features)| *features) {
        let name = format!("fn {}()", feature.test);
        let is_there = TESTS.iter().any(|text| text.contains(&name));
        assert_eq!(is_there, feature.support != Support::NotYet, "{}", feature.name);
    }
}

#[test]
fn no_feature_is_listed_twice() {
    for (_, features) in ALL {
        for (at, feature) in features.iter().enumerate() {
            assert!(features[..at].iter().all(|other| other.name != feature.name), "{feature:?}");
        }
    }
}

#[test]
fn every_operator_that_there_is_is_listed() {
    let listed = |list: &[Feature], name: &str| list.iter().any(|feature| feature.name == name);
    for name in Expression::operators() {
        // `$const` is an old name of `$literal`; MongoDB has `$sampleRate` in filters.
        let other = matches!(name, "$const" | "$sampleRate");
        assert!(other || listed(EXPRESSION, name), "{name}");
    }
    for name in Pipeline::accumulators() {
        assert!(listed(ACCUMULATOR, name), "{name}");
    }
    for name in Pipeline::all_stages() {
        assert!(listed(STAGE, name), "{name}");
    }
}
