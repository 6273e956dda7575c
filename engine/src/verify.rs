//! Checks everything that is stored against everything else that is stored.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::file::FileKind;
use crate::format::name;
use crate::id::{FileId, LogNo, SeqNo};
use crate::ingest::Prepared;
use crate::log::{Cursor, scan};
use crate::manifest::label::front::{Front, has_front};
use crate::manifest::{self, ManifestState, ManifestWriter, label};
use crate::options::Access;
use crate::parts::Parts;

/// How often a manifest is looked at again that is written meanwhile.
const LOOKS: usize = 5;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Indexes checked.
    pub indexes: usize,
    /// Segments checked, every byte of them.
    pub segments: usize,
    /// Bytes of these segments.
    pub bytes: u64,
    /// Things in these segments, tombstones included.
    pub entries: u64,
    /// Log segments checked.
    pub log_segments: usize,
    /// Commits in them.
    pub log_commits: u64,
    /// What is wrong, one line each; empty when all is well.
    pub problems: Vec<String>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads every segment, the manifest and the log, and checks every checksum and invariant. Reads
/// all of the database; commits wait while the log is checked.
///
/// # Errors
/// Only what prevents checking, such as `Io`: damage is in the report.
pub(crate) fn verify(parts: &Parts, uuid: crate::identity::Uuid) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    verify_segments(parts, &mut report)?;
    verify_manifest(parts, uuid, &mut report)?;
    verify_log(parts, uuid, &mut report)?;
    Ok(report)
}

fn verify_segments(parts: &Parts, report: &mut VerifyReport) -> Result<()> {
    let current = parts.versions.current();
    current.value.check()?;
    for (id, state) in current.value.states() {
        let entry = current.value.catalog.get(id);
        let title = entry.map_or_else(|| id.to_string(), |entry| entry.name.clone());
        let mut problems = Vec::new();
        let note = &mut |problem| problems.push(format!("index {title:?}, {problem}"));
        state.verify(&*parts.files, note)?;
        report.problems.append(&mut problems);
        report.indexes += 1;
        for listed in state.listed() {
            report.segments += 1;
            report.bytes += listed.meta.bytes();
            report.entries += listed.meta.entries;
        }
    }
    Ok(())
}

/// Damage is reported; what prevents checking is returned.
fn damage<T>(found: Result<T>, what: &str, report: &mut VerifyReport) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            report.problems.push(format!("{what}: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn verify_manifest(
    parts: &Parts,
    uuid: crate::identity::Uuid,
    report: &mut VerifyReport,
) -> Result<()> {
    let guard = parts.manifest();
    let recover = || manifest::recover(parts.env.vfs(), &parts.dir, uuid);
    let mut recovered = recover();
    // Another process may be writing it.
    for _ in 0..LOOKS {
        if parts.options.access != Access::Follow || recovered.is_ok() {
            break;
        }
        recovered = recover();
    }
    let Some(found) = damage(recovered, "manifest", report)? else { return Ok(()) };
    let other = |writer: &ManifestWriter| !writer.is_poisoned() && found.state != *writer.state();
    if guard.as_ref().is_some_and(other) {
        report.problems.push("manifest: the file says something else than memory".to_owned());
        return Ok(());
    }
    for file in found.state.files().keys() {
        let path = parts.dir.join(name::data(*file));
        let there = parts.env.vfs().exists(&path);
        if !there.map_err(|e| Error::io(path.display(), e))? {
            report.problems.push(format!("{} is missing", name::data(*file)));
        }
    }
    verify_labels(parts, &found.state, report)
}

/// Reads the log from a segment on up to the commit `last`, while another process writes it;
/// segments and commits in it.
fn read_along(
    parts: &Parts,
    uuid: crate::identity::Uuid,
    start: LogNo,
    last: SeqNo,
) -> Result<(usize, u64)> {
    let vfs = parts.env.vfs();
    let mut log = Cursor::open(vfs, &parts.dir, &uuid.0, start)?;
    let mut commits = 0;
    while log.next(vfs, last)?.is_some() {
        commits += 1;
    }
    let done = log.done();
    crate::ensure_sound!(done >= last, "it ends with commit {done}, but commit {last} was read");
    Ok(((log.segment().number.0 - start.0 + 1) as usize, commits))
}

/// Whether files say of themselves what repair would need to know, whyever they do not.
fn verify_labels(parts: &Parts, state: &ManifestState, report: &mut VerifyReport) -> Result<()> {
    let segments = state.indexes().values().flat_map(|record| record.segments.values());
    let numbered = state.indexes().values().flat_map(|record| record.segments.iter());
    for (id, segment) in numbered {
        let in_place = segment.meta.extents.iter().filter(|extent| has_front(extent));
        for file in in_place.map(|extent| extent.file) {
            let front = Front::read(parts.env.vfs(), &parts.dir, file);
            let front = damage(front, "label", report)?;
            // Of a database that another process writes, they may tell of a later one by now.
            let tells = |front: Front| match parts.options.access {
                Access::Read | Access::Follow => front.newest().is_ok(),
                Access::Create | Access::Write => front.slot_of(&segment.meta).is_some(),
            };
            if front.is_some_and(|front| !tells(front)) {
                let name = name::data(file);
                report.problems.push(format!("label: {name}: none tells of segment {id}"));
            }
        }
    }
    let extents = segments.flat_map(|segment| segment.meta.extents.iter());
    let sealed = extents.filter(|extent| extent.kind == FileKind::Sealed);
    let files: BTreeSet<FileId> = sealed.map(|extent| extent.file).collect();
    for file in files {
        // A file that is gone was told of.
        let path = parts.dir.join(name::data(file));
        if !parts.env.vfs().exists(&path).unwrap_or(false) {
            continue;
        }
        match label::read(parts.env.vfs(), &parts.dir, file) {
            // Files that were prepared elsewhere say by themselves what they are.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if Prepared::read(parts.env.vfs(), &path).is_err() {
                    report.problems.push(format!("label: {error}"));
                }
            }
            read => drop(damage(read, "label", report)?),
        }
    }
    Ok(())
}

fn verify_log(parts: &Parts, uuid: crate::identity::Uuid, report: &mut VerifyReport) -> Result<()> {
    let mut tail = parts.tail();
    if parts.options.access.is_writable() {
        tail.log.write_out().inspect_err(|error| parts.poison(&mut tail, error))?;
    }
    let start: LogNo = match tail.log.oldest_kept() {
        Some(oldest) => oldest,
        None => return Ok(()),
    };
    if parts.options.access == Access::Follow {
        let last = parts.published();
        drop(tail);
        if let Some(read) = damage(read_along(parts, uuid, start, last), "log", report)? {
            (report.log_segments, report.log_commits) = read;
        }
        return Ok(());
    }
    let mut commits = 0;
    let count = &mut |_: LogNo, _: crate::log::Record<'_>| {
        commits += 1;
        Ok(())
    };
    let scanned = scan(parts.env.vfs(), &parts.dir, &uuid.0, start, count);
    if let Some(found) = damage(scanned, "log", report)? {
        let last = tail.log.last_seq();
        // After a failed sync nobody knows where the log ends.
        if found.last_seq != last && !tail.is_poisoned() {
            report.problems.push(format!(
                "log: it ends with commit {}, but commit {last} was written",
                found.last_seq
            ));
        }
        report.log_segments = found.segments.len();
    }
    report.log_commits = commits;
    Ok(())
}
