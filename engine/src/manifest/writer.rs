//! Writes the manifest: one edit, one record, one sync.
//!
//! Invariants:
//! 1. A record is synced before the next is written, so there is at most one record whose fate a
//!    crash decides, and it is the last.
//! 2. Records follow only what is known to be durable: after a torn tail, or one that no sync of
//!    which we know has covered, a new file is begun. (A sync that succeeds after one that failed
//!    proves nothing about what the failed one covered: Rebello et al., ATC '20.)
//! 3. An older file is removed only when the newer one is durable under its name; a file that is
//!    alone in its directory is therefore durable under its name.
//! 4. After a write or sync whose outcome is unknown nothing more is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{OpenMode, SyncKind, Vfs, VfsFile};
use crate::error::{Error, ErrorKind, Result};
use crate::format::name;
use crate::id::EditNo;
use crate::identity::{self, Uuid};
use crate::manifest::edit::ManifestEdit;
use crate::manifest::record::{self, FILE_BYTES_MAX, FileTag, RecordKind};
use crate::manifest::recover::{ManifestPosition, Recovered};
use crate::manifest::state::ManifestState;
use crate::staged::{self, Staged};

/// Space is reserved in steps of this many bytes.
const RESERVE_BYTES: u64 = 64 << 10;

/// When a new manifest file is begun: when the present one is longer than both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotateAt {
    /// Bytes of the file.
    pub bytes_min: u64,
    /// Multiples of its header and snapshot.
    pub snapshots: u64,
}

impl Default for RotateAt {
    /// A quarter megabyte, and four times the snapshot.
    fn default() -> RotateAt {
        RotateAt { bytes_min: 256 << 10, snapshots: 4 }
    }
}

/// The one that writes the manifest of a database.
#[derive(Debug)]
pub struct ManifestWriter {
    dir: PathBuf,
    uuid: Uuid,
    rotate_at: RotateAt,
    state: ManifestState,
    open: OpenManifest,
    /// Why nothing more can be written.
    poison: Option<String>,
}

/// The file that edits go to.
#[derive(Debug)]
struct OpenManifest {
    file: Arc<dyn VfsFile>,
    number: u64,
    /// Where the next record goes.
    len: u64,
    /// Length that space is reserved for.
    reserved: u64,
    /// Length beyond which a new file is begun.
    full_at: u64,
}

impl ManifestWriter {
    /// Begins the manifest of a new database in `dir`, durably. What a crashed creation left is
    /// replaced. The identity file comes after.
    ///
    /// # Errors
    /// `Exists` when there is a database already; `Full` or `Io`.
    pub fn create(
        vfs: &dyn Vfs,
        dir: &Path,
        uuid: Uuid,
        rotate_at: RotateAt,
    ) -> Result<ManifestWriter> {
        let tag = FileTag { uuid, number: 1 };
        ManifestWriter::create_from(vfs, dir, tag, rotate_at, ManifestState::default())
    }

    /// As [`ManifestWriter::create`], for a database that begins with `state`: a copy of another.
    /// The number of its file must be higher than any that the copied log knows of.
    ///
    /// # Errors
    /// As there.
    pub fn create_from(
        vfs: &dyn Vfs,
        dir: &Path,
        tag: FileTag,
        rotate_at: RotateAt,
        state: ManifestState,
    ) -> Result<ManifestWriter> {
        let uuid = tag.uuid;
        identity::refuse_database(vfs, dir)?;
        let new = NewManifest::write(vfs, dir, tag, &state)?;
        let open = new.publish(vfs, rotate_at)?;
        Ok(ManifestWriter { dir: dir.to_path_buf(), uuid, rotate_at, state, open, poison: None })
    }

    /// Goes on after recovery: begins a new file unless all of the present one is known to be
    /// durable, and removes the files that are needed no longer. Until this returns nothing may be
    /// done that relies on the recovered state, such as removing files that it does not name.
    ///
    /// # Errors
    /// `Full` or `Io`.
    pub fn resume(
        vfs: &dyn Vfs,
        dir: &Path,
        recovered: Recovered,
        rotate_at: RotateAt,
    ) -> Result<ManifestWriter> {
        let Recovered { state, uuid, number, len, snapshot_len, synced, torn, mut leftovers } =
            recovered;
        let durable = synced == len && torn.is_none();
        // A file with a number beside it may not be durable under its name.
        let alone = leftovers.iter().all(|name| name.ends_with(staged::SUFFIX));
        let open = if durable && alone {
            let path = dir.join(name::manifest(number));
            let opening = |e| Error::io(format_args!("opening {}", name::manifest(number)), e);
            let file = vfs.open(&path, OpenMode::Write).map_err(opening)?;
            let reserved = file.len().map_err(opening)?;
            let full_at = rotate_at.full_at(snapshot_len);
            OpenManifest { file, number, len, reserved, full_at }
        } else {
            let tag = FileTag { uuid, number: next_number(number)? };
            leftovers.push(name::manifest(number));
            NewManifest::write(vfs, dir, tag, &state)?.publish(vfs, rotate_at)?
        };
        remove_all(vfs, dir, &leftovers)?;
        Ok(ManifestWriter { dir: dir.to_path_buf(), uuid, rotate_at, state, open, poison: None })
    }

    /// The database.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The number that the next edit must have.
    pub fn next_edit(&self) -> EditNo {
        self.state.edit().next()
    }

    /// What all durable edits add up to.
    pub fn state(&self) -> &ManifestState {
        &self.state
    }

    /// How far the manifest is known to be durable; for the log to remember.
    pub fn position(&self) -> ManifestPosition {
        ManifestPosition { number: self.open.number, len: self.open.len }
    }

    /// Whether an earlier write failed, so that nothing more can be written.
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }

    /// Makes an edit durable and applies it. `vfs` is the one that the writer was made with. One
    /// write and one sync; now and then, a new file with a snapshot before that.
    ///
    /// # Errors
    /// `Internal` for an edit that makes no sense, `Full` when there is no space for it: nothing
    /// has changed then, and other edits may follow. `Poisoned` when writing failed: whether the
    /// edit is there is unknown until the manifest is recovered, and every later call fails
    /// likewise.
    pub fn append(&mut self, vfs: &dyn Vfs, edit: &ManifestEdit) -> Result<()> {
        if let Some(why) = &self.poison {
            return Err(Error::poisoned(format!(
                "{} was not written to since it failed: {why}",
                name::manifest(self.open.number)
            )));
        }
        if self.open.len > self.open.full_at {
            self.rotate(vfs).map_err(|e| self.poisoned_by(e))?;
        }
        let undo = self
            .state
            .apply_undoable(edit)
            .map_err(|e| e.into_kind(ErrorKind::Internal).context("refused to write"))?;
        let written = match self.prepare_record(edit) {
            Ok(bytes) => self.open.write(&bytes).map_err(|e| self.poisoned_by(e)),
            Err(e) if e.kind() == ErrorKind::Full => Err(e),
            Err(e) => Err(self.poisoned_by(e)),
        };
        if written.is_err() {
            self.state.revert(undo);
        }
        written
    }

    fn poisoned_by(&mut self, e: Error) -> Error {
        self.poison = Some(e.to_string());
        e.into_kind(ErrorKind::Poisoned)
    }

    /// The bytes of a record, with space reserved for them. A failure leaves nothing but zeros
    /// behind the last record.
    fn prepare_record(&mut self, edit: &ManifestEdit) -> Result<Vec<u8>> {
        let tag = FileTag { uuid: self.uuid, number: self.open.number };
        let mut bytes = Vec::new();
        let at = self.open.len;
        record::encode_record(tag, at, RecordKind::Edit, edit.no, &edit.changes, &mut bytes)?;
        self.open.reserve(bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Begins a new file, unless there is no space for it.
    fn rotate(&mut self, vfs: &dyn Vfs) -> Result<()> {
        let old = self.open.number;
        let tag = FileTag { uuid: self.uuid, number: next_number(old)? };
        let new = match NewManifest::write(vfs, &self.dir, tag, &self.state) {
            Ok(new) => new,
            Err(e) if e.kind() == ErrorKind::Full => {
                // Nothing of the present file has changed; it serves on.
                self.open.full_at = self.open.len.saturating_mul(2);
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        self.open = new.publish(vfs, self.rotate_at)?;
        remove_all(vfs, &self.dir, &[name::manifest(old)])
    }
}

impl OpenManifest {
    fn reserve(&mut self, bytes: u64) -> Result<()> {
        let end = self.len + bytes;
        if end > FILE_BYTES_MAX {
            return Err(Error::full(format!(
                "{} would exceed {FILE_BYTES_MAX} bytes",
                name::manifest(self.number)
            )));
        }
        if end > self.reserved {
            let to = end.next_multiple_of(RESERVE_BYTES);
            self.file.allocate(self.reserved..to).map_err(|e| {
                Error::io(format_args!("growing {}", name::manifest(self.number)), e)
            })?;
            self.reserved = to;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(self.len, bytes)
            .and_then(|()| self.file.sync(SyncKind::Data))
            .map_err(|e| Error::io(format_args!("writing {}", name::manifest(self.number)), e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

/// A file with a snapshot that has not got its name.
struct NewManifest {
    staged: Staged,
    number: u64,
    len: u64,
}

impl NewManifest {
    fn write(
        vfs: &dyn Vfs,
        dir: &Path,
        tag: FileTag,
        state: &ManifestState,
    ) -> Result<NewManifest> {
        let changes = state.snapshot();
        assert!(
            ManifestState::from_snapshot(state.edit(), &changes).is_ok_and(|again| again == *state),
            "a snapshot that is about to be written does not give its state"
        );
        let mut bytes = Vec::new();
        record::encode_header(tag, &mut bytes);
        let at = bytes.len() as u64;
        record::encode_record(tag, at, RecordKind::Snapshot, state.edit(), &changes, &mut bytes)?;
        let staged = Staged::write(vfs, dir, &name::manifest(tag.number), &bytes)?;
        Ok(NewManifest { staged, number: tag.number, len: bytes.len() as u64 })
    }

    fn publish(self, vfs: &dyn Vfs, rotate_at: RotateAt) -> Result<OpenManifest> {
        let NewManifest { staged, number, len } = self;
        let file = staged.publish(vfs)?;
        Ok(OpenManifest { file, number, len, reserved: len, full_at: rotate_at.full_at(len) })
    }
}

impl RotateAt {
    fn full_at(self, snapshot_len: u64) -> u64 {
        self.bytes_min.max(snapshot_len.saturating_mul(self.snapshots))
    }
}

fn next_number(number: u64) -> Result<u64> {
    number.checked_add(1).ok_or_else(|| {
        Error::corrupt(format!("{} leaves no number for another", name::manifest(number)))
    })
}

fn remove_all(vfs: &dyn Vfs, dir: &Path, names: &[String]) -> Result<()> {
    for name in names {
        staged::remove_if_there(vfs, &dir.join(name))?;
    }
    if names.is_empty() {
        return Ok(());
    }
    vfs.sync_dir(dir).map_err(|e| Error::io(format_args!("syncing {}", dir.display()), e))
}
