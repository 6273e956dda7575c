//! Bulk loads that neither the manifest nor a job tells of.
//!
//! A load writes no job's label when a flush puts it in its place, for no file is written then.
//! What can be known, of segments that are in no list of current ones:
//!
//! ```text
//! its record is in the log ─────────────► it is a commit like others
//! a job knew of it ─────────────────────► replaced
//! the log goes on from its label to the
//! end, and has no record of it ─────────► it was never committed
//! commits after it are in segments ─────► replaced, or nobody knows how old it is: left out, told
//! nothing of these ─────────────────────► taken as committed, told
//! ```
//!
//! Not for: loads whose records are in the log, which are read with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RepairReport;
use super::survey::{Index, Seen};
use crate::format::name;
use crate::id::{FileId, IndexId, SeqNo};
use crate::index::{Lost, SegmentMeta};
use crate::ingest::Prepared;
use crate::manifest::NUMBER_MAX;
use crate::manifest::label::{Owner, Places, places};

#[cfg(test)]
mod tests;

/// Segments that the log says were loaded, by index and by commit.
pub(super) type Logged = BTreeMap<IndexId, Vec<(SeqNo, Vec<SegmentMeta>)>>;

/// Data files that were prepared apart, and have no label.
pub(super) type PreparedFiles = BTreeMap<FileId, Prepared>;

/// Segments of index `id` that were loaded, where nothing newer is said of them: those that
/// prepared files, labels and the log tell of. Each knows a commit that it is no newer than: its
/// own, if the log has that; else the latest that every job which found it there was behind; or
/// what the log begins behind, if it has all others up to that one.
pub(super) fn known(
    id: IndexId,
    kind: &str,
    labels: &[Owner],
    prepared: &PreparedFiles,
    seen: &Seen,
) -> BTreeMap<Places, Arc<SegmentMeta>> {
    let mut segments = BTreeMap::new();
    let found = found_by_jobs(id, labels);
    let least = |meta: &SegmentMeta| {
        let least = found.get(&places(meta)).copied().unwrap_or_default();
        seen.begins_behind(least).unwrap_or(least)
    };
    let mut add = |meta: &SegmentMeta, newest: SeqNo| {
        let meta = SegmentMeta { newest, ..meta.clone() };
        segments.insert(places(&meta), Arc::new(meta));
    };
    for (file, prepared) in prepared.iter().filter(|(_, prepared)| prepared.kind == kind) {
        prepared.of(*file).iter().for_each(|meta| add(meta, least(meta)));
    }
    for owner in labels.iter().filter(|owner| owner.index == id && is_load(owner)) {
        owner
            .segments
            .iter()
            .for_each(|meta| add(meta, least(meta).max(owner.loaded_after.next())));
    }
    // These are known exactly, whatever was said above.
    for (seq, metas) in seen.loads.get(&id).into_iter().flatten() {
        metas.iter().for_each(|meta| add(meta, *seq));
    }
    segments
}

/// The commits that loaded segments of an index came after: right behind them, if the log knows.
pub(super) fn loaded_after(
    id: IndexId,
    labels: &[Owner],
    logged: &Logged,
) -> BTreeMap<Places, SeqNo> {
    let told = labels
        .iter()
        .filter(|owner| owner.index == id && is_load(owner))
        .flat_map(|owner| owner.segments.iter().map(|meta| (places(meta), owner.loaded_after)));
    let logged = logged.get(&id).into_iter().flatten().flat_map(|(seq, metas)| {
        metas.iter().map(|meta| (places(meta), SeqNo(seq.0.saturating_sub(1))))
    });
    told.chain(logged).collect()
}

/// Whether a label is that of a bulk load.
pub(super) fn is_load(owner: &Owner) -> bool {
    owner.loaded_after > SeqNo(0)
}

/// Segments that jobs of an index found there: all of its commits up to this one were in segments
/// before the first of these jobs, and the last of them may be theirs.
fn found_by_jobs(id: IndexId, labels: &[Owner]) -> BTreeMap<&Places, SeqNo> {
    let mut found = BTreeMap::new();
    for job in labels.iter().filter(|owner| owner.index == id && !is_load(owner)) {
        for places in job.removed.iter().chain(&job.kept) {
            let before: &mut SeqNo = found.entry(places).or_insert(job.before);
            *before = (*before).min(job.before);
        }
    }
    found
}

/// Gives `index` the loads that labels alone tell of, beside those that are current in it.
pub(super) fn settle(
    (id, index): (IndexId, &mut Index),
    labels: &[Owner],
    seen: &Seen,
    report: &mut RepairReport,
) {
    let jobs = labels.iter().filter(|owner| owner.index == id && !is_load(owner));
    let known = jobs.flat_map(|job| job.removed.iter().chain(&job.kept).chain(&job.made));
    let known: BTreeSet<&Places> = known.collect();
    let current: BTreeSet<Places> = index.segments.iter().map(|meta| places(meta)).collect();
    let logged = seen.loads.get(&id).into_iter().flatten().flat_map(|(_, metas)| metas);
    let logged: BTreeSet<Places> = logged.map(places).collect();
    for load in labels.iter().filter(|owner| owner.index == id && is_load(owner)) {
        let after = load.loaded_after;
        let (mut taken, mut untold) = (Vec::new(), None);
        for meta in &load.segments {
            let at = places(meta);
            // What a job knew of, and is not current, was replaced.
            if current.contains(&at) || logged.contains(&at) || known.contains(&at) {
                continue;
            }
            if seen.goes_on_from(after) {
                untold = Some("it was loaded, and no commit in the log names it");
                continue;
            }
            if index.flushed > after {
                untold = Some("it was loaded, and nothing tells whether it was replaced since");
                continue;
            }
            untold = Some("it is here, and nothing tells whether it was committed");
            // Whatever it came before, it is not known.
            taken.push(Arc::new(SegmentMeta { newest: SeqNo(NUMBER_MAX), ..meta.clone() }));
        }
        let file = load.segments.iter().flat_map(|meta| &meta.extents).map(|extent| extent.file);
        if let (Some(why), Some(file)) = (untold, file.min()) {
            let what = Lost::File { name: name::data(file) };
            report.lose(Some(&index.entry.name), what, why);
        }
        if !taken.is_empty() {
            index.loads.entry(after).or_default().append(&mut taken);
        }
    }
}

/// Tells of prepared files that are in no index, and were not replaced.
pub(super) fn tell_of_prepared(
    prepared: &PreparedFiles,
    indexes: &BTreeMap<IndexId, Index>,
    labels: &[Owner],
    seen: &Seen,
    report: &mut RepairReport,
) {
    let logged = seen.loads.values().flatten().flat_map(|(_, metas)| metas).map(places);
    let current = indexes.values().flat_map(|index| &index.segments).map(|meta| places(meta));
    let jobs = labels.iter().filter(|owner| !is_load(owner));
    let listed = jobs.flat_map(|job| job.removed.iter().chain(&job.kept).chain(&job.made));
    let known: BTreeSet<Places> = logged.chain(current).chain(listed.cloned()).collect();
    for (file, prepared) in prepared {
        let metas = prepared.of(*file);
        if !metas.iter().any(|meta| known.contains(&places(meta))) {
            let why = "it was prepared for a load, and nothing tells into what it was loaded: load \
                       it again";
            report.lose(None, Lost::File { name: name::data(*file) }, why);
        }
    }
}
