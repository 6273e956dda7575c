//! What the engine says of a tree in front of its file.

use cuesta_engine::file::{Extent, FRONT_BYTES, FileKind};
use cuesta_engine::index::{IndexType, SegmentMeta};
use cuesta_engine::manifest::NUMBER_MAX;
use cuesta_engine::manifest::label::front::encode_slot;
use cuesta_engine::manifest::label::{Label, Owner, encode, places};
use cuesta_engine::{EditNo, FileId, IndexId, SeqNo};

use crate::btree::segment::detail::{Detail, Facts};
use crate::btree::segment::node::LEVELS_MAX;
use crate::btree::{Btree, Options};

/// So that a slot in front of the file has room for it, whatever the index and its options are
/// called, and whatever is in the tree.
#[test]
fn the_longest_label_of_a_tree_has_room() {
    let operator = "o".repeat(255);
    let options = Options { ttl_ms: u64::MAX, merge_operator: operator, ..Options::default() };
    assert_eq!(Options::decode(&options.encode()).unwrap(), options);
    let (max, most) = (u32::MAX, NUMBER_MAX);
    let detail = Detail {
        page_bytes: 1 << 16,
        pages: max,
        generation: u64::MAX,
        root: max - 1,
        height: LEVELS_MAX + 1,
        space: (max - 9, max, 9),
        unused: max,
        space_crc: max,
    };
    let (expiry_first, expiry_last) = (u64::MAX, u64::MAX);
    let facts = Facts { expiring: u64::MAX, expiry_first, expiry_last, merges: u64::MAX };
    let file = FileId(most);
    let extent = Extent { file, offset: FRONT_BYTES, len: most, kind: FileKind::InPlace };
    let meta = SegmentMeta {
        format: u16::MAX,
        extents: vec![extent],
        entries: u64::MAX,
        newest: SeqNo(most),
        key_id: max,
        detail: detail.encode(&facts),
        ..SegmentMeta::default()
    };
    let owner = Owner {
        index: IndexId(max),
        name: "n".repeat(255),
        kind: Btree::NAME.to_owned(),
        options: options.encode(),
        before: SeqNo(most),
        flushed: SeqNo(most),
        edit: EditNo(most),
        loaded_after: SeqNo(most),
        removed: vec![places(&meta)],
        kept: Vec::new(),
        made: vec![places(&meta)],
        segments: vec![meta],
    };
    let label = Label { owners: vec![owner], ..Label::default() };
    let bytes = encode((file, label.database), &label.living, &label.owners).unwrap();
    assert!(bytes.len() < 1024, "{} bytes", bytes.len());
    assert!(encode_slot(file, &label).unwrap().is_some());
}
