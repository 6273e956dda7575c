use super::*;
use crate::file::{Extent, FileKind};
use crate::log::Trouble;

fn segment(file: u64) -> SegmentMeta {
    let extent = Extent { file: FileId(file), offset: 0, len: 1, kind: FileKind::Sealed };
    SegmentMeta { extents: vec![extent], ..SegmentMeta::default() }
}

/// The label of a load of one file behind a commit.
fn load(file: u64, loaded_after: u64) -> Owner {
    let loaded_after = SeqNo(loaded_after);
    Owner { index: IndexId(1), loaded_after, segments: vec![segment(file)], ..Owner::default() }
}

#[test]
fn a_load_that_the_log_begins_behind_is_older_than_one_that_it_has() {
    // The first was committed and put in its place before the log begins; the log has the other
    // two. The job that found all of them was behind the last.
    let job = Owner {
        index: IndexId(1),
        before: SeqNo(15),
        kept: [1, 2, 3].map(|file| places(&segment(file))).into(),
        ..Owner::default()
    };
    let labels = [load(1, 7), load(2, 11), load(3, 14), job];
    let logged = vec![(SeqNo(12), vec![segment(2)]), (SeqNo(15), vec![segment(3)])];
    let newest = |before, last_seq, gap: Option<(u64, u64)>| {
        let mut seen = Seen { loads: [(IndexId(1), logged.clone())].into(), ..Seen::default() };
        (seen.done.before, seen.done.last_seq) = (SeqNo(before), SeqNo(last_seq));
        seen.troubles.extend(gap.map(|(a, b)| Trouble::Commits(SeqNo(a), SeqNo(b))));
        let known = known(IndexId(1), "", &labels, &PreparedFiles::new(), &seen);
        [1, 2, 3].map(|file| known[&places(&segment(file))].newest.0)
    };
    assert_eq!(newest(9, 16, None), [9, 12, 15]);
    // What is known of the log does not reach.
    assert_eq!(newest(9, 16, Some((13, 13))), [15, 12, 15]);
    assert_eq!(newest(9, 14, None), [15, 12, 15]);
    assert_eq!(newest(15, 16, None), [15, 12, 15]);
    assert_eq!(newest(0, 16, None), [15, 12, 15]);
}
