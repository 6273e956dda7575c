//! What a manifest does not know any more: whether it is the last word, and jobs that came later.
//!
//! Not for: manifests that are torn or damaged, which say so themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::survey::Seen;
use crate::format::name;
use crate::id::{EditNo, FileId, IndexId, LogNo};
use crate::log::Trouble;
use crate::manifest::label::{Owner, Places, places};
use crate::manifest::{IndexRecord, ManifestPosition, ManifestState};

#[cfg(test)]
mod tests;

/// Why a manifest that ends in order cannot be the last word, if it cannot. `fronts` are the edits
/// that were next when labels were written in front of files: the first that the manifest does not
/// know may be that of a job that came to nothing, as may be a file that it does not know.
pub(super) fn contradiction(
    state: &ManifestState,
    position: ManifestPosition,
    seen: &Seen,
    (files, fronts): (&BTreeSet<FileId>, &BTreeMap<FileId, EditNo>),
) -> Option<String> {
    if let Some(mark) = seen.done.manifest
        && (mark.manifest, mark.manifest_len) > (position.number, position.len)
    {
        return Some(format!(
            "it ends at byte {}, but the log knows of byte {} of {}",
            position.len,
            mark.manifest_len,
            name::manifest(mark.manifest)
        ));
    }
    let latest = fronts.iter().max_by_key(|(_, edit)| **edit);
    let latest = latest.filter(|(_, edit)| **edit > state.edit());
    let told = latest.map(|(file, edit)| {
        let (file, last) = (name::data(*file), state.edit());
        format!("{file} tells of edit {edit}, and it ends with edit {last}")
    });
    // That one was next when those between were durable.
    if latest.is_some_and(|(_, edit)| *edit > state.edit().next()) {
        return told;
    }
    let newer = files.iter().find(|file| **file >= state.counters().next_file);
    let newer = newer.map(|file| format!("{} is newer than it knows", name::data(*file)));
    let newer = newer.or(told)?;
    let start = state.log_start();
    let begins_late =
        |trouble: &Trouble| matches!(trouble, Trouble::Missing(first, _) if *first == start);
    let missing = if start > LogNo(0) && seen.troubles.iter().any(begins_late) {
        name::log(start)
    } else {
        name::data(*state.files().keys().find(|file| !files.contains(file))?)
    };
    Some(format!("{missing} is missing, and {newer}"))
}

/// Segments that a manifest lists, by index.
pub(super) fn listed(state: &ManifestState) -> BTreeMap<IndexId, BTreeSet<Places>> {
    let of =
        |record: &IndexRecord| record.listed().iter().map(|listed| places(&listed.meta)).collect();
    state.indexes().iter().map(|(id, record)| (*id, of(record))).collect()
}

/// Whether a job was installed after the last edit of `state`, which lists these segments. Its
/// label may be older: jobs of other indexes may have been faster.
pub(super) fn came_later(
    job: &Owner,
    state: &ManifestState,
    listed: &BTreeMap<IndexId, BTreeSet<Places>>,
) -> bool {
    if job.edit > state.edit() {
        return true;
    }
    let Some((record, listed)) = state.index(job.index).zip(listed.get(&job.index)) else {
        return false;
    };
    let had = job.removed.len() + job.kept.len();
    let has_all = || job.removed.iter().chain(&job.kept).all(|places| listed.contains(places));
    // Where a job has written in place, what it made lies where what it found did.
    let is_listed = || job.made.iter().any(|places| listed.contains(places));
    let found = !job.removed.is_empty() && had == listed.len() && has_all() && !is_listed();
    job.flushed > record.flushed || found
}
