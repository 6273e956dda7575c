//! What there is of a damaged database: indexes, segments, how far they go, and the log.
//!
//! ```text
//! manifest whole ──────────────────────────────────────► as it says
//! manifest torn, damaged, missing, ─► labels of files ─► without what others have replaced,
//! or older than files and log know    and its rest       without a flush that was not finished
//! ```
//!
//! Not for: the content of segments and commits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::RepairReport;
use super::jobs::Jobs;
use super::loads::{self, Logged, PreparedFiles};
use super::said::{Said, edits_in_front, read_labels};
use super::stale::{came_later, contradiction, listed};
use crate::batch::Body;
use crate::env::Vfs;
use crate::error::Result;
use crate::file::Files;
use crate::format::name::{self, FileName};
use crate::id::{EditNo, FileId, IndexId, LogNo, SegmentId, SeqNo};
use crate::identity::{Identity, Uuid};
use crate::index::{KnownBy, Listed, Lost, Registry, Remnant, SegmentMeta, Services};
use crate::log::{self, Kind, Lines, Record, Salvaged, Trouble};
use crate::manifest::label::{self, Fate, Label, Living, Owner, Places, places};
use crate::manifest::{self, ManifestState};
use crate::version::{CatalogOp, Entry};

/// Memory for opening segments once.
const OPEN_BYTES: u64 = 1 << 20;

/// An index of the damaged database.
pub(super) struct Index {
    /// Its name in the new database, its type, and its options.
    pub entry: Entry,
    /// Commits up to this one are in its segments.
    pub flushed: SeqNo,
    /// In the order of their files and offsets.
    pub segments: Vec<Arc<SegmentMeta>>,
    /// Segments of bulk loads that are in no list of segments and not in the log, by the commits
    /// that they came after.
    pub loads: BTreeMap<SeqNo, Vec<Arc<SegmentMeta>>>,
    /// The commits that loaded segments came after, where that is all that is known of theirs.
    pub loaded_after: BTreeMap<Places, SeqNo>,
}

impl Index {
    /// What is known of these segments of its.
    pub(super) fn remnants(&self, metas: &[Arc<SegmentMeta>]) -> Vec<Remnant> {
        let after = |meta: &SegmentMeta| self.loaded_after.get(&places(meta)).copied();
        let of = |meta: &Arc<SegmentMeta>| Remnant {
            meta: meta.clone(),
            loaded_after: after(meta).unwrap_or_default(),
        };
        metas.iter().map(of).collect()
    }

    pub(super) fn new(entry: Entry, flushed: SeqNo) -> Index {
        let (loads, loaded_after) = (BTreeMap::new(), BTreeMap::new());
        Index { entry, flushed, segments: Vec::new(), loads, loaded_after }
    }
}

/// What there is.
pub(super) struct Survey {
    /// What segments are known by.
    pub known: KnownBy,
    pub indexes: BTreeMap<IndexId, Index>,
    pub lines: Lines,
    /// The database, if that is known, and the first segment of the log that may be of use.
    pub log: (Option<[u8; 16]>, LogNo),
    /// Commits that are missing in the log, from the first to the last.
    pub gaps: Vec<(SeqNo, SeqNo)>,
    /// The latest time by which something may have been found expired, as the manifest knows it.
    pub wall_ms: u64,
}

/// The manifest, as far as it goes.
#[derive(Default)]
struct Manifest {
    state: ManifestState,
    uuid: Option<[u8; 16]>,
    /// Up to where it is known, if it can be trusted to be the last word.
    whole: Option<manifest::ManifestPosition>,
}

/// Looks at everything in `dir`, which has the files `names`. An index of which nothing is known
/// but its number is of the type that `registry` assumes.
///
/// # Errors
/// Only what prevents looking.
pub(super) fn survey(
    (vfs, dir): (&dyn Vfs, &Path),
    names: &[String],
    (registry, opener): (&Registry, &dyn Files),
    report: &mut RepairReport,
) -> Result<Survey> {
    let mut listed = read_manifest(vfs, dir, names, report);
    let lines = log::find_lines(vfs, dir, names);
    let log = (listed.uuid, listed.state.log_start());
    let seen = look_at_log(vfs, dir, &lines, log)?;
    let files = data_files(names);
    if let (Some(position), Some(uuid)) = (listed.whole, listed.uuid)
        && let fronts = edits_in_front((vfs, dir), &files, Uuid(uuid))
        && let Some(why) = contradiction(&listed.state, position, &seen, (&files, &fronts))
    {
        report.lose(None, Lost::File { name: name::manifest(position.number) }, why);
        listed.whole = None;
    }
    let known = if listed.whole.is_some() { KnownBy::Manifest } else { KnownBy::Labels };
    let Said { labels, prepared, living } = match known {
        KnownBy::Manifest => Said::default(),
        KnownBy::Labels => {
            let database = listed.uuid.or(seen.done.uuid).map(Uuid);
            let known = (database, &listed.state);
            let opens = &|label: &Label| {
                label.owners.iter().try_for_each(|one| open(one, registry, opener))
            };
            read_labels((vfs, dir), &files, &lines, known, opens, report)
        }
    };
    let mut found = Found::new(&listed.state, known, &living);
    found.labels((&labels, &prepared), &seen, report);
    found.catalog(&seen, &listed.state, registry.assumed(), report);
    let indexes = found.finish(report);
    loads::tell_of_prepared(&prepared, &indexes, &labels, &seen, report);
    tell_of_log(&seen, &listed.state, known, &indexes, report);
    report.log_commits = seen.done.commits;
    report.last_commit = seen.done.last_seq;
    let gaps = seen.gaps().collect();
    Ok(Survey { known, indexes, lines, log, gaps, wall_ms: listed.state.wall_ms() })
}

/// Opens the segments that a label tells of. Those of types that are not known here are taken to be
/// as they should.
fn open(owner: &Owner, registry: &Registry, files: &dyn Files) -> Result<()> {
    let Ok(factory) = registry.get(&owner.kind) else { return Ok(()) };
    let (_, state) = factory.make(&owner.options, &Services::alone(OPEN_BYTES, OPEN_BYTES))?;
    let listed = |meta: &SegmentMeta| {
        let meta = Arc::new(meta.clone());
        Listed { id: SegmentId(0), meta, installed: owner.edit }
    };
    let listed: Vec<Listed> = owner.segments.iter().map(listed).collect();
    state.open(&listed, files).map(drop)
}

fn data_files(names: &[String]) -> BTreeSet<FileId> {
    let id = |name: &String| match FileName::parse(name) {
        Some(FileName::Data(id)) => Some(id),
        _ => None,
    };
    names.iter().filter_map(id).collect()
}

/// The newest manifest that can be read, as far as it can.
fn read_manifest(
    vfs: &dyn Vfs,
    dir: &Path,
    names: &[String],
    report: &mut RepairReport,
) -> Manifest {
    let identity = Identity::read(vfs, dir);
    if let Err(error) = &identity {
        let what = Lost::File { name: name::IDENTITY.to_owned() };
        report.lose(None, what, format!("{error}; the new database has one of its own"));
    }
    let uuid = identity.ok().map(|identity| identity.uuid);
    let number = |name: &String| match FileName::parse(name) {
        Some(FileName::Manifest(number)) => Some(number),
        _ => None,
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    for number in numbers.iter().rev() {
        let what = Lost::File { name: name::manifest(*number) };
        let salvaged = match manifest::salvage(vfs, dir, *number) {
            Ok(salvaged) => salvaged,
            Err(error) => {
                report.lose(None, what, error.to_string());
                continue;
            }
        };
        if uuid.is_some_and(|uuid| uuid != salvaged.uuid) {
            report.lose(None, what, "it is of another database");
            continue;
        }
        let last = Some(number) == numbers.last();
        let whole = last && salvaged.problem.is_none();
        if let Some(problem) = salvaged.problem {
            report.lose(None, what, format!("{problem}; data files tell of what came later"));
        }
        return Manifest {
            state: salvaged.state,
            uuid: Some(salvaged.uuid.0),
            whole: whole.then_some(salvaged.position),
        };
    }
    if numbers.is_empty() {
        let what = Lost::File { name: name::manifest(1) };
        report.lose(None, what, "there is no manifest; data files tell what they are");
    }
    Manifest { uuid: uuid.map(|uuid| uuid.0), ..Manifest::default() }
}

/// What the first reading of the log has found.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) done: Salvaged,
    pub(super) troubles: Vec<Trouble>,
    pub(super) catalog: Vec<(SeqNo, CatalogOp)>,
    /// The first and the last commit that write to an index.
    pub(super) writes: BTreeMap<IndexId, (SeqNo, SeqNo)>,
    /// Segments that were loaded.
    pub(super) loads: Logged,
    /// Commits that make no sense.
    pub(super) senseless: Vec<(SeqNo, String)>,
}

impl Seen {
    fn gaps(&self) -> impl Iterator<Item = (SeqNo, SeqNo)> {
        self.troubles.iter().filter_map(|trouble| match trouble {
            Trouble::Commits(first, last) => Some((*first, *last)),
            Trouble::File(..) | Trouble::Missing(..) => None,
        })
    }

    /// Whether the log has all commits behind `after`, up to `last`.
    pub(super) fn has(&self, after: SeqNo, last: SeqNo) -> bool {
        let gap = self.gaps().any(|(first, end)| first <= last && end > after);
        self.done.before <= after && self.done.last_seq >= last && !gap
    }

    /// Whether the log has all commits behind `after`, which it has or begins with.
    pub(super) fn goes_on_from(&self, after: SeqNo) -> bool {
        after <= self.done.last_seq && self.has(after, self.done.last_seq)
    }

    /// The commit that the log begins behind, if it has all from there to `last`: what came up to
    /// that one and is not in the log came before it.
    pub(super) fn begins_behind(&self, last: SeqNo) -> Option<SeqNo> {
        let before = self.done.before;
        let makes_sense = |(seq, _): &(SeqNo, String)| *seq > last || *seq <= before;
        let has_all = before < last && self.has(before, last);
        let all_known = has_all && self.senseless.iter().all(makes_sense);
        (all_known && before > SeqNo(0)).then_some(before)
    }

    fn record(&mut self, record: Record<'_>) {
        let seq = record.header.seq;
        let kind = record.kind();
        let is_load = matches!(kind, Ok(Kind::Ingest));
        let body = match kind {
            Ok(Kind::Close) => return,
            Ok(Kind::Commit | Kind::Ingest) => Body::decode(record.body),
            Err(error) => Err(error),
        };
        let body = match body {
            Ok(body) => body,
            Err(error) => return self.senseless.push((seq, error.to_string())),
        };
        if is_load {
            // What makes no sense is told of where it would be put in.
            for (id, metas) in body.segments() {
                self.loads.entry(id).or_default().extend(metas.map(|metas| (seq, metas)));
            }
        }
        for (id, ops) in body.parts {
            if id != IndexId::CATALOG {
                self.writes.entry(id).or_insert((seq, seq)).1 = seq;
                continue;
            }
            match CatalogOp::decode(ops) {
                Ok(op) => self.catalog.push((seq, op)),
                Err(error) => self.senseless.push((seq, error.to_string())),
            }
        }
    }
}

fn look_at_log(
    vfs: &dyn Vfs,
    dir: &Path,
    lines: &Lines,
    log: (Option<[u8; 16]>, LogNo),
) -> Result<Seen> {
    let (mut seen, mut troubles) = (Seen::default(), Vec::new());
    seen.done =
        log::salvage(vfs, dir, lines, log, &mut |trouble| troubles.push(trouble), &mut |record| {
            seen.record(record);
            Ok(())
        })?;
    seen.troubles = troubles;
    Ok(seen)
}

/// Indexes as they are found.
struct Found<'s> {
    state: &'s ManifestState,
    known: KnownBy,
    indexes: BTreeMap<IndexId, Index>,
    dropped: BTreeSet<IndexId>,
    /// What files say of all indexes.
    living: &'s BTreeSet<Living>,
}

impl<'s> Found<'s> {
    /// What the manifest says.
    fn new(state: &'s ManifestState, known: KnownBy, living: &'s BTreeSet<Living>) -> Found<'s> {
        let index = |record: &manifest::IndexRecord| Index {
            entry: Entry {
                name: record.name.clone(),
                kind: record.kind.clone(),
                options: record.options.clone(),
            },
            flushed: record.flushed,
            segments: record.listed().into_iter().map(|listed| listed.meta).collect(),
            loads: BTreeMap::new(),
            loaded_after: BTreeMap::new(),
        };
        let indexes = state.indexes().iter().map(|(id, record)| (*id, index(record))).collect();
        Found { state, known, indexes, dropped: BTreeSet::new(), living }
    }

    /// Whether files say that an index had been dropped, and none contradicts.
    fn was_dropped(&self, id: IndexId) -> bool {
        label::fate(self.living, id) == Fate::Dropped
    }

    /// What files say of what came after the manifest, or of everything where there is none.
    fn labels(
        &mut self,
        (labels, prepared): (&[Owner], &PreparedFiles),
        seen: &Seen,
        report: &mut RepairReport,
    ) {
        let mut by_index: BTreeMap<IndexId, BTreeMap<EditNo, Vec<&Owner>>> = BTreeMap::new();
        // Loads may have waited for their commits, however old their labels are.
        let listed = listed(self.state);
        let is_later = |owner: &Owner| came_later(owner, self.state, &listed);
        let later = |owner: &&Owner| loads::is_load(owner) || is_later(owner);
        for owner in labels.iter().filter(later) {
            by_index.entry(owner.index).or_default().entry(owner.edit).or_default().push(owner);
        }
        by_index.retain(|id, _| !self.was_dropped(*id));
        for (id, mut jobs) in by_index {
            let Some(newest) = jobs.values().next_back().and_then(|owners| owners.first()) else {
                continue;
            };
            let entry = Entry {
                name: newest.name.clone(),
                kind: newest.kind.clone(),
                options: newest.options.clone(),
            };
            let is_newer = is_later(newest);
            if !is_newer && !self.indexes.contains_key(&id) {
                // The manifest knew of its end.
                continue;
            }
            let new = || Index::new(entry.clone(), SeqNo(0));
            let index = self.indexes.entry(id).or_insert_with(new);
            if is_newer {
                index.entry = entry;
            }
            jobs.values_mut().for_each(|owners| owners.retain(|owner| !loads::is_load(owner)));
            let known = loads::known(id, &index.entry.kind, labels, prepared, seen);
            Jobs::new(id, known, labels, (index, &jobs)).follow(&jobs, index, seen, report);
            loads::settle((id, index), labels, seen, report);
            index.loaded_after = loads::loaded_after(id, labels, &seen.loads);
        }
    }

    /// What the log says of names, and indexes that it alone knows of.
    fn catalog(
        &mut self,
        seen: &Seen,
        state: &ManifestState,
        assumed: Option<&str>,
        report: &mut RepairReport,
    ) {
        for (seq, op) in seen.catalog.iter().filter(|(seq, _)| *seq > state.catalog_flushed()) {
            match op {
                CatalogOp::Create { id, entry } => {
                    let new = || Index::new(entry.clone(), *seq);
                    let index = self.indexes.entry(*id).or_insert_with(new);
                    index.flushed = index.flushed.max(*seq);
                }
                CatalogOp::Rename { id, name } => {
                    if let Some(index) = self.indexes.get_mut(id) {
                        index.entry.name.clone_from(name);
                    }
                }
                CatalogOp::Drop { id } => {
                    self.indexes.remove(id);
                    self.dropped.insert(*id);
                }
            }
        }
        let dropped = self.indexes.keys().chain(seen.writes.keys()).copied();
        self.dropped.extend(dropped.filter(|id| self.was_dropped(*id)).collect::<Vec<_>>());
        self.indexes.retain(|id, _| !self.dropped.contains(id));
        for (id, (first, last)) in &seen.writes {
            let was_known = self.known == KnownBy::Manifest && *id < state.counters().next_index;
            if self.indexes.contains_key(id) || self.dropped.contains(id) || was_known {
                continue;
            }
            let name = format!("index {id}");
            let what = Lost::Commits { first: first.0, last: Some(last.0) };
            match assumed {
                Some(kind) => {
                    let why = "the name and the options of the index are lost; commits to it are \
                               here, if it was not dropped";
                    report.lose(Some(&name), what, why);
                    let entry = Entry { name, kind: kind.to_owned(), options: Vec::new() };
                    self.indexes.insert(*id, Index::new(entry, SeqNo(0)));
                }
                None => report.lose(Some(&name), what, "the name and type of the index are lost"),
            }
        }
        for (seq, why) in &seen.senseless {
            let what = Lost::Commits { first: seq.0, last: Some(seq.0) };
            report.lose(None, what, why.clone());
        }
    }

    /// Gives every index a name of its own, and brings segments in order.
    fn finish(mut self, report: &mut RepairReport) -> BTreeMap<IndexId, Index> {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        // Of two with one name the later one has it: the other was dropped or renamed.
        for (id, index) in self.indexes.iter_mut().rev() {
            let name = &mut index.entry.name;
            if label::fate(self.living, *id) == Fate::Disputed {
                let why = "files say that it was dropped, and later ones that it was there";
                report.lose(Some(name), Lost::Other, why);
            }
            if !taken.insert(name.clone()) {
                let mut cut = name.len().min(200);
                while !name.is_char_boundary(cut) {
                    cut -= 1;
                }
                let new = format!("{} (index {id})", &name[..cut]);
                let why = format!("its name was {name:?}, as that of a later one is");
                report.lose(Some(&new), Lost::Other, why);
                taken.insert(new.clone());
                *name = new;
            }
            index.segments.sort_by_cached_key(|meta| places(meta));
        }
        self.indexes
    }
}

/// Tells what is missing in the log and may matter.
fn tell_of_log(
    seen: &Seen,
    state: &ManifestState,
    known: KnownBy,
    indexes: &BTreeMap<IndexId, Index>,
    report: &mut RepairReport,
) {
    let flushed = indexes.values().map(|index| index.flushed);
    let catalog = (known == KnownBy::Manifest).then(|| state.catalog_flushed());
    let needed_after = flushed.chain(catalog).min().unwrap_or_default();
    let mut lose = |first: SeqNo, last: SeqNo, why: &str| {
        if last > needed_after {
            let first = first.max(needed_after.next());
            report.lose(None, Lost::Commits { first: first.0, last: Some(last.0) }, why);
        }
    };
    for trouble in &seen.troubles {
        if let Trouble::Commits(first, last) = trouble {
            lose(*first, *last, "they are missing in the log");
        }
    }
    let done = &seen.done;
    let reached = indexes.values().map(|index| index.flushed).chain([state.published()]).max();
    if let Some(reached) = reached.filter(|reached| *reached > done.last_seq) {
        // Others may have come after the last that anything knows of.
        let first = done.last_seq.max(needed_after).next();
        if reached >= first {
            let what = Lost::Commits { first: first.0, last: None };
            report.lose(None, what, "the log ends before them");
        }
    }
    let before = seen.done.before;
    for index in indexes.values().filter(|index| before > index.flushed) {
        if known == KnownBy::Labels {
            let what = Lost::Commits { first: index.flushed.next().0, last: Some(before.0) };
            let why = "the log begins behind them; nothing tells whether any were to it, or \
                       whether it was dropped";
            report.lose(Some(&index.entry.name), what, why);
        }
    }
    let mut begins_late = known == KnownBy::Manifest && done.begins_late;
    for trouble in &seen.troubles {
        match trouble {
            Trouble::File(name, why) => {
                report.lose(None, Lost::File { name: name.clone() }, why.clone());
            }
            Trouble::Missing(first, last) if known == KnownBy::Manifest => {
                begins_late |= *first == state.log_start();
                for number in first.0..=last.0.min(first.0 + 100) {
                    let name = name::log(LogNo(number));
                    report.lose(None, Lost::File { name }, "it is missing");
                }
            }
            Trouble::Missing(..) | Trouble::Commits(..) => {}
        }
    }
    if begins_late && done.before > needed_after {
        let what = Lost::Commits { first: needed_after.next().0, last: Some(done.before.0) };
        report.lose(None, what, "they are missing in the log");
    }
    if seen.done.commits == 0 && !seen.done.closed && done.last_seq == SeqNo(0) {
        let name = name::log(state.log_start().max(LogNo(1)));
        if state.log_start() > LogNo(0) || known == KnownBy::Labels {
            report.lose(None, Lost::File { name }, "there is no log that can be read");
        }
    }
}
