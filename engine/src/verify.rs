//! Checks everything that is stored against everything else that is stored.

use crate::error::Result;
use crate::format::name;
use crate::id::LogNo;
use crate::log::scan;
use crate::manifest;
use crate::options::Access;
use crate::parts::Parts;

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
    verify_manifest(parts, uuid, &mut report);
    verify_log(parts, uuid, &mut report)?;
    Ok(report)
}

fn verify_segments(parts: &Parts, report: &mut VerifyReport) -> Result<()> {
    let current = parts.versions.current();
    for (id, state) in current.value.states() {
        let entry = current.value.catalog.get(id);
        let title = entry.map_or_else(|| id.to_string(), |entry| entry.name.clone());
        let mut problems = Vec::new();
        state.verify(&mut |problem| problems.push(format!("index {title:?}, {problem}")))?;
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

fn verify_manifest(parts: &Parts, uuid: crate::identity::Uuid, report: &mut VerifyReport) {
    let guard = parts.manifest();
    let recovered = manifest::recover(parts.env.vfs(), &parts.dir, uuid);
    match (recovered, guard.as_ref()) {
        (Err(error), _) => report.problems.push(format!("manifest: {error}")),
        (Ok(found), Some(writer)) if found.state != *writer.state() => {
            report.problems.push("manifest: the file says something else than memory".to_owned());
        }
        (Ok(found), _) => {
            for file in found.state.files().keys() {
                let path = parts.dir.join(name::data(*file));
                if !parts.env.vfs().exists(&path).unwrap_or(false) {
                    report.problems.push(format!("{} is missing", name::data(*file)));
                }
            }
        }
    }
}

fn verify_log(parts: &Parts, uuid: crate::identity::Uuid, report: &mut VerifyReport) -> Result<()> {
    let mut tail = parts.tail();
    if parts.options.access != Access::Read {
        tail.log.write_out().inspect_err(|error| parts.poison(&mut tail, error))?;
    }
    let start: LogNo = match tail.log.oldest() {
        Some(oldest) => oldest,
        None => return Ok(()),
    };
    let mut commits = 0;
    let count = &mut |_: LogNo, _: crate::log::Record<'_>| {
        commits += 1;
        Ok(())
    };
    match scan(parts.env.vfs(), &parts.dir, &uuid.0, start, count) {
        Err(error) => report.problems.push(format!("log: {error}")),
        Ok(found) if found.last_seq != tail.log.last_seq() => report.problems.push(format!(
            "log: it ends with commit {}, but commit {} was written",
            found.last_seq,
            tail.log.last_seq()
        )),
        Ok(found) => report.log_segments = found.segments.len(),
    }
    report.log_commits = commits;
    Ok(())
}
