use super::*;
use crate::file::{Extent, FileKind};
use crate::id::{FileId, SeqNo};
use crate::version::Entry;

const ID: IndexId = IndexId(3);

fn at(file: u64) -> Places {
    vec![(FileId(file), 0)]
}

fn segment(file: u64) -> SegmentMeta {
    let extent = Extent { file: FileId(file), offset: 0, len: 9, kind: FileKind::Sealed };
    SegmentMeta { extents: vec![extent], ..SegmentMeta::default() }
}

/// A job that kept some files, and made others, of which these are `here`.
fn job(edit: u64, (removed, kept): (&[u64], &[u64]), made: &[u64], here: &[u64]) -> Owner {
    let list = |files: &[u64]| files.iter().map(|file| at(*file)).collect();
    Owner {
        index: ID,
        edit: EditNo(edit),
        removed: list(removed),
        kept: list(kept),
        made: list(made),
        segments: here.iter().map(|file| segment(*file)).collect(),
        ..Owner::default()
    }
}

/// Files of the segments that an index has after `jobs`, beside those that were `loaded`.
fn followed(jobs: &[Owner], loaded: &[u64]) -> (Vec<u64>, u64) {
    let entry = Entry { name: "index".to_owned(), kind: String::new(), options: Vec::new() };
    let mut index = Index::new(entry, SeqNo(0));
    let loaded = loaded.iter().map(|file| (at(*file), Arc::new(segment(*file)))).collect();
    let mut by_edit: BTreeMap<EditNo, Vec<&Owner>> = BTreeMap::new();
    jobs.iter().for_each(|job| by_edit.entry(job.edit).or_default().push(job));
    let mut report = RepairReport::default();
    let known = Jobs::new(ID, loaded, jobs, (&index, &BTreeMap::new()));
    known.follow(&by_edit, &mut index, &Seen::default(), &mut report);
    let files = index.segments.iter().map(|meta| meta.extents[0].file.0);
    (files.collect(), report.loss_count)
}

#[test]
fn what_a_job_that_came_to_nothing_has_found_is_there() {
    let flush = job(1, (&[], &[]), &[1], &[1]);
    // A flush has put a load in its place since, which writes nothing.
    let found = |made| job(3, (&[1], &[2]), &[3, 4], made);
    assert_eq!(followed(&[flush.clone(), found(&[3])], &[2]), (vec![1, 2], 0));
    assert_eq!(followed(&[flush.clone(), found(&[3, 4])], &[2]), (vec![2, 3, 4], 0));
    // What the job replaced is gone: it was done.
    assert_eq!(followed(&[found(&[3])], &[2]), (vec![2, 3], 1));
    assert_eq!(followed(&[flush], &[2]), (vec![1], 0));
}

#[test]
fn of_jobs_with_one_number_none_hides_what_another_has_made() {
    let first = job(1, (&[], &[]), &[1, 2], &[1, 2]);
    // A merge failed when all was written, and then there was a flush; or the other way round.
    let merge = job(2, (&[1], &[2]), &[3], &[3]);
    let flush = job(2, (&[], &[1, 2]), &[4], &[4]);
    for jobs in [[&first, &merge, &flush], [&first, &flush, &merge]] {
        assert_eq!(followed(&jobs.map(Owner::clone), &[]), (vec![2, 3, 4], 0));
    }
}
