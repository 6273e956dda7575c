//! What an index was when the last job was done of which a file tells.
//!
//! ```text
//! a job was done ──────────► what it kept, and what it made
//! it came to nothing ──────► what it found: what it kept, and what it would have replaced
//! ```
//!
//! Not for: what was loaded and no job has found, which [`loads`] knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RepairReport;
use super::loads;
use super::survey::{Index, Seen};
use crate::format::name;
use crate::id::{EditNo, IndexId};
use crate::index::{Lost, SegmentMeta};
use crate::manifest::label::front::has_front;
use crate::manifest::label::{Owner, Places, places};

#[cfg(test)]
mod tests;

/// Segments of an index by where they lie.
pub(super) struct Jobs(BTreeMap<Places, Arc<SegmentMeta>>);

impl Jobs {
    /// Those that the manifest or some file tells of, beside those that were `loaded`.
    pub(super) fn new(
        id: IndexId,
        loaded: BTreeMap<Places, Arc<SegmentMeta>>,
        labels: &[Owner],
        (index, later): (&Index, &BTreeMap<EditNo, Vec<&Owner>>),
    ) -> Jobs {
        let mut segments = loaded;
        let jobs = |owner: &&Owner| owner.index == id && !loads::is_load(owner);
        for owner in labels.iter().filter(jobs) {
            let told = owner.segments.iter().map(|meta| (places(meta), Arc::new(meta.clone())));
            segments.extend(told);
        }
        // The manifest knows of moves, too.
        segments.extend(index.segments.iter().map(|meta| (places(meta), meta.clone())));
        // What is written in place is another segment where the one before lay.
        let later = later.values().flatten().flat_map(|job| &job.segments);
        let again = later.filter(|meta| meta.extents.iter().any(has_front));
        segments.extend(again.map(|meta| (places(meta), Arc::new(meta.clone()))));
        Jobs(segments)
    }

    fn has(&self, all: &[Places]) -> bool {
        all.iter().all(|places| self.0.contains_key(places))
    }

    /// Brings an index to what it was when the last of `jobs` had been installed, or had come to
    /// nothing.
    pub(super) fn follow(
        &self,
        jobs: &BTreeMap<EditNo, Vec<&Owner>>,
        index: &mut Index,
        seen: &Seen,
        report: &mut RepairReport,
    ) {
        let mut current: Option<BTreeSet<&Places>> = None;
        for owners in jobs.values() {
            // What there was before, whatever the manifest would say by now. Where a job has
            // failed, the next one has the same number and found the same.
            let Some(first) = owners.first() else { continue };
            let found = current.insert(first.removed.iter().chain(&first.kept).collect());
            let mut known: BTreeSet<&[Places]> = BTreeSet::new();
            for job in owners.iter().filter(|job| known.insert(&job.made)) {
                if self.is_done(job, index, seen, report) {
                    found.retain(|at| !job.removed.contains(at));
                    found.extend(&job.made);
                }
            }
        }
        let Some(current) = current else { return };
        index.segments = current.iter().filter_map(|at| self.0.get(*at).cloned()).collect();
        let missing = current.iter().filter(|at| !self.0.contains_key(**at));
        for (file, offset) in missing.filter_map(|at| at.first()) {
            let what = Lost::File { name: name::data(*file) };
            let why = format!("the segment at {offset} is missing, or was let go of");
            report.lose(Some(&index.entry.name), what, why);
        }
    }

    /// Whether a job was installed, or may be taken as if it had been; notes how far it went.
    fn is_done(
        &self,
        job: &Owner,
        index: &mut Index,
        seen: &Seen,
        report: &mut RepairReport,
    ) -> bool {
        index.flushed = index.flushed.max(job.before);
        if self.has(&job.made) || !self.has(&job.removed) {
            // Its inputs may be gone because it was installed, and then its outputs count.
            index.flushed = index.flushed.max(job.flushed);
            return true;
        }
        if job.flushed > index.flushed && !seen.has(index.flushed, job.flushed) {
            let what = Lost::Commits { first: index.flushed.next().0, last: Some(job.flushed.0) };
            let why = "segments that have them are missing";
            report.lose(Some(&index.entry.name), what, why);
            index.flushed = job.flushed;
            return true;
        }
        // Else it came to nothing, or what it was made of is still there.
        job.flushed <= index.flushed && job.removed.is_empty()
    }
}
