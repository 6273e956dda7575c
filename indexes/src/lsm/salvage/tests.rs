use cuesta_engine::FileId;
use cuesta_engine::file::{Extent, FileKind};

use super::*;

/// A segment of file `file` that was written for `level`, from one key to another.
fn segment(file: u64, level: u8, keys: (&str, &str), over: &[u64]) -> Described {
    let detail = Detail {
        level,
        recency: file,
        smallest: keys.0.into(),
        largest: keys.1.into(),
        over: over.iter().map(|file| (FileId(*file), 0)).collect(),
        ..Detail::default()
    };
    let extent = Extent { file: FileId(file), offset: 0, len: 1, kind: FileKind::Sealed };
    (Arc::new(SegmentMeta { extents: vec![extent], ..SegmentMeta::default() }), detail)
}

fn ordered(segments: Vec<Described>) -> Vec<u64> {
    oldest_first(segments).iter().map(|(meta, _)| meta.extents[0].file.0).collect()
}

#[test]
fn a_deeper_segment_is_older_unless_it_was_moved_there() {
    // Flushed, then merged into something deeper that was written later.
    let (shallow, deep) = (segment(1, 1, ("a", "m"), &[]), segment(2, 2, ("c", "z"), &[]));
    assert_eq!(ordered(vec![shallow.clone(), deep]), [2, 1]);
    // The first one was moved below level 2 before the second was written.
    let over = segment(2, 2, ("c", "z"), &[1]);
    assert_eq!(ordered(vec![shallow, over]), [1, 2]);
}

#[test]
fn what_was_written_later_for_its_level_or_a_higher_one_is_newer() {
    let same = vec![segment(1, 3, ("a", "m"), &[]), segment(2, 3, ("a", "m"), &[])];
    assert_eq!(ordered(same), [1, 2]);
    let higher = vec![segment(1, 3, ("a", "m"), &[]), segment(2, 1, ("a", "m"), &[])];
    assert_eq!(ordered(higher), [1, 2]);
    let flushes = (1..5).map(|file| segment(file, 0, ("a", "m"), &[])).collect();
    assert_eq!(ordered(flushes), [1, 2, 3, 4]);
}

#[test]
fn operations_tell_which_keys_they_build_on() {
    let mut ops = Vec::new();
    op::put(&mut ops, b"a", b"1").unwrap();
    op::merge(&mut ops, b"b", b"2").unwrap();
    op::delete(&mut ops, b"c").unwrap();
    ops.push(99);
    let mut keys = Vec::new();
    builds_on(&ops, &mut |key| keys.push(key.to_vec()));
    assert_eq!(keys, [b"b"]);
}
