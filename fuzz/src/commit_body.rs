//! Bodies of commit records, and the operations on the catalog that they may hold.
//!
//! ```text
//! input    | switches u8 | bytes
//! switch 0 | the bytes are one operation on the catalog
//! ```

use std::collections::BTreeSet;

use cuesta_engine::batch::{Batch, Body};
use cuesta_engine::id::IndexId;
use cuesta_engine::version::{Catalog, CatalogOp, Entry};

use crate::input;

const CATALOG: u32 = 0;

/// Reads the input as a commit's body or as an operation on the catalog, which is then applied.
///
/// Asserts that both come back as the same bytes; of bodies those that a batch would write, with
/// one part for each index and none that is empty. A refused operation changes nothing.
pub fn bytes_commit_body(bytes: &[u8]) {
    let (switches, rest) = input::switches(bytes);
    if switches.on(CATALOG) {
        return check_catalog(rest);
    }
    let Ok(body) = Body::decode(rest) else { return };
    let mut batch = Batch::new();
    batch.notes().extend_from_slice(body.notes);
    for (index, ops) in &body.parts {
        batch.part(*index).extend_from_slice(ops);
        if *index == IndexId::CATALOG {
            check_catalog(ops);
        }
    }
    let mut encoded = Vec::new();
    let places = batch.encode(&mut encoded);
    assert_eq!(encoded.len().max(batch.encoded_len()), batch.encoded_len());
    for (index, place) in &places {
        assert_eq!(*batch.part(*index), encoded[place.clone()], "a part is not in its place");
    }
    let indexes: BTreeSet<IndexId> = body.parts.iter().map(|(index, _)| *index).collect();
    let plain = indexes.len() == body.parts.len();
    if plain && body.parts.iter().all(|(_, ops)| !ops.is_empty()) {
        assert_eq!(encoded, rest, "a commit was read as other bytes");
    }
}

fn check_catalog(bytes: &[u8]) {
    let Ok(op) = CatalogOp::decode(bytes) else { return };
    assert_eq!(op.encode(), bytes, "an operation on the catalog was read as other bytes");
    let mut catalog = Catalog::default();
    let entry = Entry { name: "taken".into(), kind: "lsm".into(), options: Vec::new() };
    let first = CatalogOp::Create { id: IndexId(1), entry };
    catalog.apply(&first).expect("a first index");
    let before = catalog.clone();
    if catalog.apply(&op).is_err() {
        assert_eq!(catalog, before, "a refused operation changed the catalog");
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let mut batch = Batch::new();
    batch.notes().extend_from_slice(b"notes");
    batch.part(IndexId(1)).extend_from_slice(b"\x01\x03key\x05value\x02\x04gone");
    batch.part(IndexId(300)).extend_from_slice(b"\x02\x04gone");
    let mut body = vec![0];
    batch.encode(&mut body);
    let entry = Entry { name: "people".into(), kind: "lsm".into(), options: vec![1, 2, 3] };
    let ops = [
        CatalogOp::Create { id: IndexId(2), entry },
        CatalogOp::Rename { id: IndexId(1), name: "renamed".into() },
        CatalogOp::Drop { id: IndexId(1) },
    ];
    let mut samples = vec![body];
    for op in ops {
        let mut batch = Batch::new();
        batch.part(IndexId::CATALOG).extend_from_slice(&op.encode());
        let mut body = vec![0];
        batch.encode(&mut body);
        samples.push(body);
        samples.push([&[1 << CATALOG][..], &op.encode()].concat());
    }
    samples
}
