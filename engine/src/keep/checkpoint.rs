//! A copy of an open database that shares the bytes of its sealed files.

use std::path::Path;
use std::time::Duration;

use super::moment::Moment;
use super::new::{NewDatabase, Taken};
use crate::error::Result;
use crate::id::SeqNo;
use crate::identity::{Identity, Uuid};
use crate::parts::Parts;

/// What a checkpoint is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointReport {
    /// The database that it is: another one than the source.
    pub uuid: Uuid,
    /// The last commit in it.
    pub commit: SeqNo,
    /// Data files that both databases share.
    pub linked_files: u64,
    /// Bytes of them.
    pub linked_bytes: u64,
    /// Data files that were copied.
    pub copied_files: u64,
    /// Bytes of them.
    pub copied_bytes: u64,
    /// Bytes of log copied.
    pub log_bytes: u64,
    /// Time it took.
    pub took: Duration,
}

/// Makes the present of a database one of its own in the directory `target`.
///
/// # Errors
/// `Exists` when there are files in `target`; `Poisoned`, `Corrupt`, `Full`, `Io`.
pub(crate) fn checkpoint(
    parts: &Parts,
    identity: &Identity,
    target: &Path,
) -> Result<CheckpointReport> {
    let began = parts.env.now();
    parts.tail().check()?;
    let mut new = NewDatabase::begin(&*parts.env, target, identity)?;
    let moment = Moment::take(parts, identity)?;
    let mut report =
        CheckpointReport { uuid: new.uuid(), commit: moment.seq, ..CheckpointReport::default() };
    for source in moment.files() {
        match new.take(&source)? {
            Taken::Linked(bytes) => {
                report.linked_files += 1;
                report.linked_bytes += bytes;
            }
            Taken::Copied(bytes) => {
                report.copied_files += 1;
                report.copied_bytes += bytes;
            }
        }
    }
    new.describe(&moment.state, moment.manifest);
    for segment in &moment.log {
        let path = moment.log_path(segment.number);
        report.log_bytes += new.log(&path, segment.number, Some(segment.bytes))?;
    }
    new.finish(moment.seq)?;
    report.took = parts.env.now().saturating_sub(began);
    tracing::debug!(target = %target.display(), ?report, "made a checkpoint");
    Ok(report)
}
