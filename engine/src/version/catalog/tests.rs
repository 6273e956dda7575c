//! Changes of the catalog, those that make no sense among them, and how they are logged.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

fn create(id: u32, name: &str) -> CatalogOp {
    let entry = Entry { name: name.to_owned(), kind: "lsm".to_owned(), options: Vec::new() };
    CatalogOp::Create { id: IndexId(id), entry }
}

#[test]
fn a_refused_operation_changes_nothing() {
    let mut catalog = Catalog::default();
    catalog.apply(&create(1, "first")).unwrap();
    catalog.apply(&create(2, "second")).unwrap();
    let before = catalog.clone();
    let refused = [
        (create(1, "third"), ErrorKind::Exists),
        (create(3, "first"), ErrorKind::Exists),
        (create(3, ""), ErrorKind::Invalid),
        (CatalogOp::Rename { id: IndexId(1), name: "second".to_owned() }, ErrorKind::Exists),
        (CatalogOp::Rename { id: IndexId(3), name: "third".to_owned() }, ErrorKind::NotFound),
        (CatalogOp::Drop { id: IndexId(3) }, ErrorKind::NotFound),
    ];
    for (op, kind) in refused {
        assert_eq!(catalog.apply(&op).unwrap_err().kind(), kind, "{op:?}");
        assert_eq!(catalog, before, "{op:?}");
    }
}

#[test]
fn names_and_numbers_lead_to_the_same_entry() {
    let mut catalog = Catalog::default();
    catalog.apply(&create(2, "first")).unwrap();
    catalog.apply(&create(1, "second")).unwrap();
    catalog.apply(&CatalogOp::Rename { id: IndexId(2), name: "third".to_owned() }).unwrap();
    assert!(catalog.find("first").is_none());
    assert_eq!(catalog.find("third").map(|(id, _)| id), Some(IndexId(2)));
    assert_eq!(catalog.get(IndexId(2)).unwrap().name, "third");
    assert_eq!(catalog.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [1, 2]);
    // A name that was left is free, and so is that of a dropped index.
    catalog.apply(&create(3, "first")).unwrap();
    catalog.apply(&CatalogOp::Drop { id: IndexId(2) }).unwrap();
    assert!(catalog.get(IndexId(2)).is_none());
    catalog.apply(&create(4, "third")).unwrap();
}

#[test]
fn a_name_has_at_most_so_many_bytes() {
    let mut catalog = Catalog::default();
    catalog.apply(&create(1, &"n".repeat(NAME_BYTES_MAX))).unwrap();
    // Bytes count, not letters.
    for name in ["n".repeat(NAME_BYTES_MAX + 1), "\u{df}".repeat(NAME_BYTES_MAX / 2 + 1)] {
        assert_eq!(catalog.apply(&create(2, &name)).unwrap_err().kind(), ErrorKind::Invalid);
        let rename = CatalogOp::Rename { id: IndexId(1), name };
        assert_eq!(catalog.apply(&rename).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn an_unknown_or_cut_or_lengthened_operation_is_an_error() {
    assert_eq!(CatalogOp::decode(&[9, 1]).unwrap_err().kind(), ErrorKind::Unsupported);
    let mut bytes = create(300, "first").encode();
    for len in 0..bytes.len() {
        assert_eq!(CatalogOp::decode(&bytes[..len]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    bytes.push(0);
    assert_eq!(CatalogOp::decode(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    for id in [0, INDEX_MAX + 1, u32::MAX] {
        let bytes = create(id, "first").encode();
        assert_eq!(CatalogOp::decode(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

fn any_op() -> impl Strategy<Value = CatalogOp> {
    (0..3, 1..=INDEX_MAX, ".{0,40}", ".{0,9}", vec(any::<u8>(), 0..40)).prop_map(
        |(tag, id, name, kind, options)| match (tag, IndexId(id)) {
            (0, id) => CatalogOp::Create { id, entry: Entry { name, kind, options } },
            (1, id) => CatalogOp::Rename { id, name },
            (_, id) => CatalogOp::Drop { id },
        },
    )
}

proptest! {
    #[test]
    fn an_operation_reads_as_it_was_written(op in any_op()) {
        prop_assert_eq!(CatalogOp::decode(&op.encode()).unwrap(), op);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        op in any_op(),
        bytes in vec(any::<u8>(), 0..64),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let _ = CatalogOp::decode(&bytes);
        let mut damaged = op.encode();
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        let _ = CatalogOp::decode(&damaged);
    }
}
