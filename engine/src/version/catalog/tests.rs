//! Changes of the catalog that make no sense.

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
