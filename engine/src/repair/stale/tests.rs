use std::sync::Arc;

use super::*;
use crate::file::{Extent, FileKind};
use crate::id::{EditNo, SegmentId, SeqNo};
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
