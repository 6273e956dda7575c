//! What holds for all values: the order is total, hashes agree with it, bytes come back.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::generate::{document, number, same, value};
use super::hash;
use crate::document::value::*;

proptest! {
    #[test]
    fn the_order_is_total(a in value(), b in value(), c in value()) {
        prop_assert_eq!(a.compare(&a), Ordering::Equal);
        prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
        let mut all = [&a, &b, &c];
        all.sort();
        prop_assert!(all[0].compare(all[2]).is_le(), "{all:?}");
        if a.compare(&b).is_eq() {
            prop_assert_eq!(a.compare(&c), b.compare(&c));
        }
    }

    #[test]
    fn the_order_of_numbers_is_total(a in number(), b in number(), c in number()) {
        prop_assert_eq!(a.compare(b), b.compare(a).reverse());
        let mut all = [a, b, c];
        all.sort_by(|a, b| a.compare(*b));
        prop_assert!(all[0].compare(all[2]).is_le(), "{all:?}");
        if a.compare(b).is_eq() {
            prop_assert_eq!(a.compare(c), b.compare(c));
        }
    }

    #[test]
    fn equal_values_hash_alike(a in value(), b in value(), x in number(), y in number()) {
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b), "{:?} and {:?}", a, b);
        }
        let (x, y) = (Value::from(x), Value::from(y));
        if x == y {
            prop_assert_eq!(hash(&x), hash(&y), "{:?} and {:?}", x, y);
        }
    }

    #[test]
    fn bytes_compare_as_fields_do(a in document(), b in document(), tail in value()) {
        // Half of the time they begin alike.
        let mut b = if b.len() % 2 == 0 { b } else { a.clone() };
        b.push("tail", tail);
        let bytes = [a.to_bytes().unwrap(), b.to_bytes().unwrap()];
        let [raw_a, raw_b] =
            bytes.each_ref().map(|it| Document::from_raw(RawDocument::trusted(it)));
        let [array_a, array_b] =
            bytes.each_ref().map(|it| Array::from_raw(RawDocument::trusted(it)));
        prop_assert_eq!(raw_a.cmp(&raw_b), a.cmp(&b));
        prop_assert_eq!(raw_a.cmp(&b), a.cmp(&b));
        let items = |document: &Document<'static>| {
            Array::from_items(document.iter().map(|(_, value)| value.into_static()).collect())
        };
        prop_assert_eq!(array_a.cmp(&array_b), items(&a).cmp(&items(&b)));
    }

    #[test]
    fn documents_come_back_from_bytes(document in document()) {
        let bytes = document.to_bytes().unwrap();
        let raw = RawDocument::check(&bytes, &Limits::default()).unwrap();
        let (read, whole) = (Document::from_raw(raw), Value::Document(document.clone()));
        prop_assert!(same(&Value::Document(read.clone()), &whole), "{read:?}");
        prop_assert_eq!(&Value::Document(read.clone()), &whole);
        prop_assert_eq!(hash(&Value::Document(read.clone())), hash(&whole));
        for (name, value) in &document {
            prop_assert!(same(&raw.get(name).unwrap(), &value));
        }
        let fields = Document::from_fields(read.into_fields());
        prop_assert_eq!(fields.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn no_bytes_make_reading_panic(
        document in document(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = document.to_bytes().unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let trusted = Document::from_raw(RawDocument::trusted(&bytes));
        let _ = (format!("{trusted:?}"), trusted.len(), trusted.get("a"));
        let _ = trusted.compare_with(&document);
        if let Ok(raw) = RawDocument::check(&bytes, &Limits::default()) {
            let again = Document::from_fields(Document::from_raw(raw).into_fields());
            prop_assert!(again.to_bytes().is_ok());
        }
    }
}

impl Document<'_> {
    fn compare_with(&self, other: &Document<'_>) -> Ordering {
        self.borrow().cmp(&other.borrow())
    }
}
