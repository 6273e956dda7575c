use std::sync::Arc;

use super::*;
use crate::file::{Extent, FileKind};
use crate::id::{SegmentId, SeqNo};
use crate::index::SegmentMeta;
use crate::manifest::{Change, Counters};

const INDEX: IndexId = IndexId(1);

fn place(file: u64) -> Places {
    vec![(FileId(file), 0)]
}

/// What edit 50 left: segments in the files 1 and 2, commits up to 10.
fn state() -> ManifestState {
    let add = |file: u64| {
        let extent = Extent { file: FileId(file), offset: 0, len: 1, kind: FileKind::Sealed };
        let meta = Arc::new(SegmentMeta { extents: vec![extent], ..SegmentMeta::default() });
        let (segment, installed) = (SegmentId(file), EditNo(file));
        Change::AddSegment { index: INDEX, segment, installed, meta }
    };
    let counters = Counters {
        next_index: IndexId(9),
        next_segment: SegmentId(9),
        next_file: FileId(9),
        next_log: LogNo(9),
    };
    let create = Change::CreateIndex {
        id: INDEX,
        name: "index".to_owned(),
        kind: "lsm".to_owned(),
        options: Vec::new(),
        created: SeqNo(1),
    };
    let watermark = Change::Watermark { index: INDEX, flushed: SeqNo(10) };
    let clock = Change::Clock { seq: SeqNo(10), wall_ms: 1 };
    let changes = [Change::Counters(counters), clock, create, watermark, add(1), add(2)];
    ManifestState::from_snapshot(EditNo(50), &changes).unwrap()
}

/// A job that got its label when the next edit was number 50, and has made file 5.
fn job(flushed: u64, removed: &[u64], kept: &[u64]) -> Owner {
    let list = |files: &[u64]| files.iter().map(|file| place(*file)).collect();
    Owner {
        index: INDEX,
        edit: EditNo(50),
        flushed: SeqNo(flushed),
        removed: list(removed),
        kept: list(kept),
        made: vec![place(5)],
        ..Owner::default()
    }
}

#[test]
fn a_job_may_come_later_than_its_label_says() {
    let (state, listed) = (state(), listed(&state()));
    let later = |job: Owner| came_later(&job, &state, &listed);
    // An edit of another index was number 50 after all.
    assert!(later(job(0, &[1], &[2])));
    assert!(later(job(11, &[], &[1, 2])));
    // It was in the manifest, or is older than that.
    assert!(!later(job(0, &[3], &[2])));
    assert!(!later(job(0, &[1], &[])));
    assert!(!later(job(10, &[], &[1])));
    assert!(!later(Owner { index: IndexId(2), ..job(11, &[], &[]) }));
    assert!(later(Owner { edit: EditNo(51), ..job(0, &[], &[]) }));
}

/// Why [`state`] is not the last word, where these files are there, and one of them tells in front
/// of an edit.
fn why(files: &[u64], front: Option<(u64, u64)>) -> Option<String> {
    let files = files.iter().copied().map(FileId).collect();
    let front = front.map(|(file, edit)| (FileId(file), EditNo(edit)));
    let fronts = front.into_iter().collect();
    let position = ManifestPosition { number: 1, len: 1000 };
    contradiction(&state(), position, &Seen::default(), (&files, &fronts))
}

#[test]
fn a_label_in_front_tells_that_a_manifest_ends_too_early() {
    // A job may have come to nothing behind the last edit; something else may be missing.
    for front in [None, Some((3, 50)), Some((3, 51))] {
        assert_eq!(why(&[1, 2, 3], front), None);
    }
    assert_eq!(why(&[1, 3], Some((3, 50))), None);
    let told = why(&[1, 3], Some((3, 51))).unwrap();
    assert_eq!(
        told,
        "0000000002.seg is missing, and 0000000003.seg tells of edit 51, and it ends with edit 50"
    );
    // Edit 51 was durable before the next one was number 52.
    let told = why(&[1, 2, 3], Some((3, 52))).unwrap();
    assert_eq!(told, "0000000003.seg tells of edit 52, and it ends with edit 50");
    let told = why(&[1, 9], None).unwrap();
    assert_eq!(told, "0000000002.seg is missing, and 0000000009.seg is newer than it knows");
}
