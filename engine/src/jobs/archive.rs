//! Copies finished log segments to an archive before they are let go of.
//!
//! ```text
//! segment is full ► synced ► copied under a temporary name, synced ► named ► may be let go of
//! ```
//!
//! A log segment that has a successor never changes again, nor does one that was found when the
//! database was opened. The archive holds on to all that it has not copied, so that a log which
//! cannot be archived is kept, and grows.
//!
//! Not for: reading the archive, which restoring does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::env::{Event, Job, JobState, OpenMode};
use crate::error::{Error, Result};
use crate::format::name;
use crate::id::LogNo;
use crate::identity::Identity;
use crate::log::{Retained, SEGMENT_HEADER_BYTES, SegmentHeader, copy_segment, find_logs};
use crate::parts::{Archive, Parts};
use crate::staged::{remove_if_there, temporary};
use crate::stats::Stats;

/// How often to look for finished segments, and to try again after a failure.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The folder of the archived log in a directory of backups.
pub const ARCHIVE: &str = "log";

/// Where the log is archived in a directory of backups.
pub fn archive_of(backups: &Path) -> PathBuf {
    backups.join(ARCHIVE)
}

/// Begins to archive the log in the directory of backups `backups`; before background work begins.
///
/// # Errors
/// `Invalid` when the log of another database is archived there, or a later one of this database
/// than it has itself: it was put back to an earlier state; `Corrupt`, `Io`.
pub(crate) fn begin_archive(parts: &Parts, identity: &Identity, backups: &Path) -> Result<()> {
    let vfs = parts.env.vfs();
    let dir = archive_of(backups);
    vfs.create_dir_all(&dir)
        .map_err(|e| Error::io(format_args!("creating {}", dir.display()), e))?;
    let newest = find_logs(vfs, &dir)?.pop();
    let guard = parts.manifest();
    let tail = parts.tail();
    let oldest = tail.log.oldest().unwrap_or_default();
    let own = tail.log.newest();
    drop(tail);
    if let Some(newest) = newest {
        check_newest(parts, identity, &dir, newest)?;
        if own.is_none_or(|own| own < newest) {
            return Err(Error::invalid(format!(
                "{} has log segment {newest}, and this database none as late: it was put back to \
                 an earlier state; archive in another directory",
                dir.display()
            )));
        }
        if oldest > newest.next() {
            let missing = newest.next();
            tracing::warn!(%missing, first = %oldest, "the archive of the log has a gap");
        }
    }
    let next = newest.map_or(oldest, |newest| newest.next().max(oldest));
    let hold = parts.pins.hold_log(next);
    drop(guard);
    *parts.archive.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(Archive { dir, next, hold });
    Ok(())
}

/// Whether the newest segment of an archive is of this database.
fn check_newest(parts: &Parts, identity: &Identity, dir: &Path, newest: LogNo) -> Result<()> {
    let path = dir.join(name::log(newest));
    let reading = |e| Error::io(format_args!("reading {}", path.display()), e);
    let file = parts.env.vfs().open(&path, OpenMode::Read).map_err(reading)?;
    let mut header = vec![0; SEGMENT_HEADER_BYTES as usize];
    file.read_exact_at(0, &mut header).map_err(reading)?;
    let header = SegmentHeader::decode(newest, &header)?;
    if header.uuid != identity.uuid.0 {
        return Err(Error::invalid(format!(
            "{} is the archive of another database",
            dir.display()
        )));
    }
    Ok(())
}

/// Which segments are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Final {
    /// Those that have a successor.
    Older,
    /// All: the log is closed.
    All,
}

/// Archives what is left of a log that is closed.
///
/// # Errors
/// `Corrupt`, `Full`, `Io`.
pub(crate) fn archive_all(parts: &Parts) -> Result<()> {
    while archive_next(parts, Final::All)? {}
    Ok(())
}

/// Archives the oldest segment that is not; whether there was one.
fn archive_next(parts: &Parts, what: Final) -> Result<bool> {
    let mut archive = parts.archive.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(archive) = archive.as_mut() else { return Ok(false) };
    let tail = parts.tail();
    let is_next = |segment: &Retained| segment.number >= archive.next;
    let next = match what {
        Final::Older => tail.log.retained().find(|segment| is_next(segment)).copied(),
        Final::All => tail.log.segments().into_iter().find(is_next),
    };
    drop(tail);
    let Some(Retained { number, bytes, .. }) = next else { return Ok(false) };
    let vfs = parts.env.vfs();
    let file_name = name::log(number);
    let unnamed = archive.dir.join(temporary(&file_name));
    remove_if_there(vfs, &unnamed)?;
    let from = parts.dir.join(&file_name);
    copy_segment(vfs, (&from, &unnamed), number, Some(bytes), None)?;
    vfs.rename(&unnamed, &archive.dir.join(&file_name))
        .and_then(|()| vfs.sync_dir(&archive.dir))
        .map_err(|e| Error::io(format_args!("archiving {file_name}"), e))?;
    archive.next = number.next();
    archive.hold.advance(archive.next);
    Stats::add(&parts.stats.archived_bytes, bytes);
    Ok(true)
}

/// The job.
pub struct Archiver {
    parts: Arc<Parts>,
    rests_until: Duration,
}

impl Archiver {
    /// A job for a database that archives its log.
    pub fn new(parts: Arc<Parts>) -> Archiver {
        Archiver { parts, rests_until: Duration::ZERO }
    }
}

impl Job for Archiver {
    fn step(&mut self) -> JobState {
        let seen = self.parts.work.epoch();
        if self.parts.control().closing {
            return JobState::Done;
        }
        let now = self.parts.env.now();
        if now < self.rests_until {
            return JobState::WaitUntil(seen, self.rests_until);
        }
        match archive_next(&self.parts, Final::Older) {
            Ok(true) => return JobState::Again,
            Ok(false) => {}
            Err(error) => {
                // A copy that fails may have moved many bytes: not whenever there may be work.
                self.rests_until = now + LOOK_INTERVAL;
                Stats::add(&self.parts.stats.archive_failures, 1);
                tracing::warn!(%error, "the log could not be archived; it is kept until it is");
            }
        }
        JobState::WaitUntil(seen, now + LOOK_INTERVAL)
    }

    fn event(&self) -> Arc<Event> {
        self.parts.work.clone()
    }

    fn panicked(&mut self, message: &str) -> JobState {
        self.rests_until = self.parts.env.now() + LOOK_INTERVAL;
        Stats::add(&self.parts.stats.archive_failures, 1);
        Stats::add(&self.parts.stats.job_failures, 1);
        tracing::warn!(message, "archiving the log panicked; it is kept until it is archived");
        JobState::Again
    }
}
