//! One moment of an open database, held still so that its files can be copied.
//!
//! Commits, flushes and merges go on: files that they let go of stay until the moment ends.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::{Extent, FileKind, Files, Region};
use crate::format::name;
use crate::id::{FileId, LogNo, SeqNo};
use crate::identity::Identity;
use crate::index::SegmentMeta;
use crate::log::Retained;
use crate::manifest::label::front::{self, Front, has_front};
use crate::manifest::{self, ManifestState};
use crate::options::Access;
use crate::parts::Parts;
use crate::version::{LogHold, Sealed, Version};

/// A data file as it is at a moment.
#[derive(Clone, Debug)]
pub(super) struct Source<'m> {
    /// Its number.
    pub(super) id: FileId,
    /// How it is written.
    pub(super) kind: FileKind,
    /// Where it is.
    pub(super) path: PathBuf,
    /// What a copy begins with, instead of as many bytes of the file.
    pub(super) front: &'m [u8],
}

/// A moment of a database.
pub(super) struct Moment {
    /// What the manifest says, and what time it is.
    pub(super) state: ManifestState,
    /// The number of the manifest file.
    pub(super) manifest: u64,
    /// The last commit; the log ends with it.
    pub(super) seq: SeqNo,
    /// The commit clock.
    pub(super) clock_ms: u64,
    /// Log segments that recovery needs, oldest first.
    pub(super) log: Vec<Retained>,
    dir: PathBuf,
    files: BTreeMap<FileId, FileKind>,
    /// The first bytes of files written in place, which say what is there now: a later job writes
    /// over them, and no pin keeps it from that.
    fronts: BTreeMap<FileId, Vec<u8>>,
    /// Keeps pages of files written in place from being reused.
    version: Arc<Sealed<Version>>,
    /// Keeps data files from being removed.
    _files: Vec<Region>,
    _log: LogHold,
}

impl Moment {
    /// Takes the present.
    ///
    /// # Errors
    /// `Poisoned` when a write failed earlier, `Invalid` when the database is closed; `Corrupt`
    /// when a data file is missing; `Io`.
    pub(super) fn take(parts: &Parts, identity: &Identity) -> Result<Moment> {
        if parts.options.access == Access::Follow {
            return Err(Error::unsupported(
                "a process that reads along makes no copies: ask the one that writes, or open the \
                 database for reading while nobody does",
            ));
        }
        let guard = parts.manifest();
        let (mut state, manifest) = match guard.as_ref() {
            Some(manifest) => (manifest.state().clone(), manifest.position().number),
            None => {
                let found = manifest::recover(parts.env.vfs(), &parts.dir, identity.uuid)?;
                (found.state, found.number)
            }
        };
        let start = state.log_start();
        let hold = parts.pins.hold_log(start);
        let mut tail = parts.tail();
        tail.check()?;
        if parts.options.access.is_writable() {
            tail.log.write_out().inspect_err(|error| parts.poison(&mut tail, error))?;
        }
        let (seq, clock_ms) = (tail.log.last_seq(), tail.log.clock_ms());
        // What was seen to have expired is gone from the copy, too.
        state.note_clock(parts.services.clock.now_ms());
        let mut log = tail.log.segments();
        log.retain(|segment| segment.number >= start);
        let version = parts.versions.current();
        drop(tail);
        let mut files: BTreeMap<FileId, FileKind> =
            state.files().iter().map(|(id, used)| (*id, used.kind)).collect();
        // The log names them, and the manifest does not yet.
        let waiting = version.value.states().flat_map(|(_, state)| state.waiting_files());
        files.extend(waiting);
        let held = hold_files(parts, &files)?;
        // No job is installed while the manifest is held, so of the two labels one stays.
        let fronts = read_fronts(parts, &state, &files)?;
        drop(guard);
        let dir = parts.dir.clone();
        let (_files, _log) = (held, hold);
        Ok(Moment {
            state,
            manifest,
            seq,
            clock_ms,
            log,
            dir,
            files,
            fronts,
            version,
            _files,
            _log,
        })
    }

    /// Its data files.
    pub(super) fn files(&self) -> impl Iterator<Item = Source<'_>> {
        self.files.iter().map(|(id, kind)| Source {
            id: *id,
            kind: *kind,
            path: self.dir.join(name::data(*id)),
            front: self.fronts.get(id).map_or(&[], Vec::as_slice),
        })
    }

    /// Its segments, open. Memtables in it, and what waits beside them, may be later.
    pub(super) fn version(&self) -> &Version {
        &self.version.value
    }

    /// Where a log segment is.
    pub(super) fn log_path(&self, number: LogNo) -> PathBuf {
        self.dir.join(name::log(number))
    }
}

/// Opens every data file, and so keeps it from being removed.
fn hold_files(parts: &Parts, files: &BTreeMap<FileId, FileKind>) -> Result<Vec<Region>> {
    let hold = |(id, kind): (&FileId, &FileKind)| {
        parts.files.region(&Extent { file: *id, offset: 0, len: 0, kind: *kind })
    };
    files.iter().map(hold).collect()
}

/// Reads the first bytes of every file that is written in place.
fn read_fronts(
    parts: &Parts,
    state: &ManifestState,
    files: &BTreeMap<FileId, FileKind>,
) -> Result<BTreeMap<FileId, Vec<u8>>> {
    let mut current: BTreeMap<FileId, Vec<&SegmentMeta>> = BTreeMap::new();
    for segment in state.indexes().values().flat_map(|record| record.segments.values()) {
        for extent in segment.meta.extents.iter().filter(|extent| has_front(extent)) {
            current.entry(extent.file).or_default().push(&segment.meta);
        }
    }
    let in_place = files.iter().filter(|(_, kind)| **kind == FileKind::InPlace);
    let read = |(id, _): (&FileId, &FileKind)| {
        let bytes = front::read_bytes(parts.env.vfs(), &parts.dir, *id)?;
        let current = current.get(id).map_or(&[][..], Vec::as_slice);
        Ok((*id, Front::of_copy(*id, &bytes, current)))
    };
    in_place.map(read).collect()
}
