use proptest::prelude::*;

use super::generate::{document, filter};
use super::*;
use crate::document::value::Array;

proptest! {
    #[test]
    fn a_filter_written_and_parsed_again_is_the_same(filter in filter(), document in document()) {
        let Ok(parsed) = Filter::parse(&filter, &mut Scope::new()) else { return Ok(()) };
        let written = parsed.to_document();
        let again = super::parsed(&written);
        prop_assert_eq!(&again, &parsed, "{:?}", written);
        let bytes = again.to_document().to_bytes().unwrap();
        prop_assert_eq!(bytes, written.to_bytes().unwrap());
        prop_assert_eq!(
            again.matches(&document, &context()).unwrap(),
            matches(&filter, &document)
        );
    }

    #[test]
    fn nor_is_the_complement(filter in filter(), document in document()) {
        if Filter::parse(&filter, &mut Scope::new()).is_ok() {
            let nor = doc! { "$nor": [filter.clone()] };
            prop_assert_ne!(matches(&filter, &document), matches(&nor, &document));
        }
    }

    #[test]
    fn not_is_the_complement(filter in filter(), document in document()) {
        for (path, operators) in &filter {
            let Value::Document(operators) = operators else { continue };
            if path.starts_with('$') || !Condition::is_operators(&operators) {
                continue;
            }
            let plain = doc! { path: (operators.clone()) };
            let not = doc! { path: {"$not": operators} };
            if Filter::parse(&plain, &mut Scope::new()).is_ok() {
                prop_assert_ne!(matches(&plain, &document), matches(&not, &document));
            }
        }
    }

    #[test]
    fn connectives_are_those_of_logic(a in filter(), b in filter(), document in document()) {
        let good = |filter: &Document<'_>| Filter::parse(filter, &mut Scope::new()).is_ok();
        if good(&a) && good(&b) {
            let (one, other) = (matches(&a, &document), matches(&b, &document));
            let parts = || [a.clone(), b.clone()].into_iter().collect::<Array<'_>>();
            let both = |name: &'static str| matches(&doc! { name: (parts()) }, &document);
            prop_assert_eq!(both("$and"), one && other);
            prop_assert_eq!(both("$or"), one || other);
            prop_assert_eq!(both("$nor"), !(one || other));
        }
    }
}
