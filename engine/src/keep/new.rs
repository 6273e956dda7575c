//! The directory of a database that is being made out of copies.
//!
//! ```text
//! data files ► log (durable) ► log is read ► manifest (durable) ► log is closed ► identity
//! ```
//!
//! Until the last step there is no database in the directory, whatever happens.

use std::path::{Path, PathBuf};

use super::moment::Source;
use crate::env::{Env, OpenMode, SyncKind, Vfs};
use crate::error::{Error, ErrorKind, Result};
use crate::file::FileKind;
use crate::format::{Crc, name};
use crate::id::{FileId, LogNo, LogPos, SeqNo};
use crate::identity::{self, Identity, Uuid};
use crate::log::{CloseMark, Record, Scan, close_copy, copy_segment, cut_copy, scan};
use crate::manifest::record::FileTag;
use crate::manifest::{ManifestState, ManifestWriter, RotateAt};

const PIECE_BYTES: u64 = 256 << 10;

/// How a file came to be in the new directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It has a second name.
    Linked(u64),
    /// Its bytes were copied.
    Copied(u64),
}

/// A database in the making. Dropping it unfinished removes what it has made.
pub(super) struct NewDatabase<'e> {
    env: &'e dyn Env,
    dir: PathBuf,
    identity: Identity,
    made: Vec<PathBuf>,
    /// Whether the directory was not there, and goes again if there will be no database in it.
    is_new: bool,
    state: ManifestState,
    /// A number that the manifest is above.
    known: u64,
}

impl<'e> NewDatabase<'e> {
    /// Begins a database in `dir` with an identity of its own and the features of `model`.
    ///
    /// # Errors
    /// `Exists` when there are files in `dir`; `Io`.
    pub(super) fn begin(env: &'e dyn Env, dir: &Path, model: &Identity) -> Result<Self> {
        let vfs = env.vfs();
        let is_new = !vfs.exists(dir).unwrap_or(true);
        if !is_new {
            identity::refuse_others(vfs, dir, "a copy needs", |_| false)?;
        }
        vfs.create_dir_all(dir)
            .map_err(|e| Error::io(format_args!("creating {}", dir.display()), e))?;
        let (uuid, created_ms) = (model.uuid.of_copy(env), env.wall_ms());
        let identity = Identity { uuid, created_ms, ..*model };
        let (dir, made, state) = (dir.to_path_buf(), Vec::new(), ManifestState::default());
        Ok(NewDatabase { env, dir, identity, made, is_new, state, known: 0 })
    }

    /// The identity that it will have.
    pub(super) fn uuid(&self) -> Uuid {
        self.identity.uuid
    }

    fn make(&mut self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        self.made.push(path.clone());
        path
    }

    /// Takes over a data file: sealed ones by a link where the system can, others by a copy.
    ///
    /// # Errors
    /// `Full`, `Io`.
    pub(super) fn take(&mut self, source: &Source<'_>) -> Result<Taken> {
        let vfs = self.env.vfs();
        let to = self.make(&name::data(source.id));
        // Another file system, no links, or too many of them: whatever it is, a copy will do.
        if source.kind == FileKind::Sealed && vfs.link(&source.path, &to).is_ok() {
            let file = vfs.open(&to, OpenMode::Read).and_then(|file| file.len());
            return file.map(Taken::Linked).map_err(|e| Error::io(to.display(), e));
        }
        copy_and(vfs, (&source.path, source.front), &to, &mut |_| {}).map(Taken::Copied)
    }

    /// Takes over a data file by a copy, whose length and CRC-32 must be these.
    ///
    /// # Errors
    /// `Corrupt` when they are not; `Full`, `Io`.
    pub(super) fn copy(&mut self, from: &Path, name: &str, sum: (u64, u32)) -> Result<()> {
        let to = self.make(name);
        let mut crc = Crc::new();
        let len = copy_and(self.env.vfs(), (from, &[]), &to, &mut |piece| {
            crc = std::mem::take(&mut crc).update(piece);
        })?;
        crate::ensure_sound!((len, crc.finish()) == sum, "{} has changed", from.display());
        Ok(())
    }

    /// Whether it has a data file.
    pub(super) fn has(&self, file: FileId) -> bool {
        let path = self.dir.join(name::data(file));
        self.made.contains(&path)
    }

    /// Notes what the manifest is to say. It was in manifest `known` of the other database.
    pub(super) fn describe(&mut self, state: &ManifestState, known: u64) {
        self.state = state.clone();
        self.known = known;
    }

    /// Writes the manifest, durably, with a number above any that the log which was read as `found`
    /// knows of: segments may be later than the manifest that the state was in.
    fn write_manifest(&mut self, found: &Scan) -> Result<CloseMark> {
        let known = found.manifest.map_or(self.known, |mark| mark.manifest.max(self.known));
        let number = known.checked_add(1).filter(|number| *number < u64::from(u32::MAX));
        let number = number.ok_or_else(|| Error::corrupt(format!("a manifest {known}")))?;
        self.make(&crate::staged::temporary(&name::manifest(number)));
        self.make(&name::manifest(number));
        let tag = FileTag { uuid: self.identity.uuid, number };
        let (vfs, rotate_at) = (self.env.vfs(), RotateAt::default());
        let state = self.state.clone();
        let writer = ManifestWriter::create_from(vfs, &self.dir, tag, rotate_at, state)?;
        let position = writer.position();
        Ok(CloseMark { manifest: position.number, manifest_len: position.len })
    }

    /// Takes over a log segment with the first `bytes` of its records, or with all of the file.
    ///
    /// # Errors
    /// `Corrupt` when it is none; `Full`, `Io`.
    pub(super) fn log(&mut self, from: &Path, number: LogNo, bytes: Option<u64>) -> Result<u64> {
        let to = self.make(&name::log(number));
        let uuid = Some(self.identity.uuid.0);
        copy_segment(self.env.vfs(), (from, &to), number, bytes, uuid)
    }

    /// Reads the log that was taken over.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, or has a gap.
    pub(super) fn read_log(
        &self,
        visit: &mut dyn FnMut(LogNo, Record<'_>) -> Result<()>,
    ) -> Result<Scan> {
        let start = self.state.log_start().max(LogNo(1));
        scan(self.env.vfs(), &self.dir, &self.identity.uuid.0, start, visit)
    }

    /// Cuts the log, which was read as `found`, at position `end` in segment `last`.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn cut_log(&self, found: &Scan, last: LogNo, end: LogPos) -> Result<()> {
        let vfs = self.env.vfs();
        for (segment, _) in &found.segments {
            let path = self.dir.join(name::log(segment.number));
            if segment.number > last {
                crate::staged::remove_if_there(vfs, &path)?;
            } else if segment.number == last {
                cut_copy(vfs, &self.dir, segment, end)?;
            }
        }
        Ok(())
    }

    /// Leaves everything where it is.
    fn keep(&mut self) {
        self.made.clear();
        self.is_new = false;
    }

    /// Makes it a database, whose last commit is `last`.
    ///
    /// # Errors
    /// `Corrupt` when the log is damaged or ends otherwise; `Full`, `Io`.
    pub(super) fn finish(mut self, last: SeqNo) -> Result<Identity> {
        let found = self.read_log(&mut |_, _| Ok(()))?;
        crate::ensure_sound!(
            found.last_seq == last && found.torn.is_none(),
            "the copied log ends with commit {}, and {last} should be the last",
            found.last_seq
        );
        let mark = self.write_manifest(&found)?;
        let vfs = self.env.vfs();
        close_copy(vfs, &self.dir, &found, mark)?;
        sync_dir(vfs, &self.dir)?;
        match self.identity.create(vfs, &self.dir) {
            // Without its name there is no database.
            Err(error) if vfs.exists(&self.dir.join(name::IDENTITY)).unwrap_or(true) => {
                self.keep();
                Err(error)
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.keep();
                Ok(self.identity)
            }
        }
    }
}

impl Drop for NewDatabase<'_> {
    fn drop(&mut self) {
        for path in &self.made {
            // What was not made is not there; what stays is no database.
            let _ = self.env.vfs().remove(path);
        }
        if self.is_new {
            let _ = self.env.vfs().remove_dir(&self.dir);
        }
    }
}

/// Makes the names in a directory durable.
///
/// # Errors
/// `Io`.
pub(super) fn sync_dir(vfs: &dyn Vfs, dir: &Path) -> Result<()> {
    vfs.sync_dir(dir).map_err(|e| Error::io(format_args!("syncing {}", dir.display()), e))
}

/// Copies a file to a new one, durably but for its name; returns its length. The copy begins with
/// `front` instead of as many bytes of the file. `see` sees its bytes in order.
///
/// # Errors
/// `Corrupt` when there is no such file, `Full`, `Io`.
pub(super) fn copy_and(
    vfs: &dyn Vfs,
    (from, front): (&Path, &[u8]),
    to: &Path,
    see: &mut dyn FnMut(&[u8]),
) -> Result<u64> {
    let writing = |e| Error::io(format_args!("writing {}", to.display()), e);
    let copy = vfs.open(to, OpenMode::CreateNew).map_err(writing)?;
    let (mut at, mut front) = (0, front);
    let len = read_all(vfs, from, &mut |piece| {
        let instead = front.split_off(..front.len().min(piece.len())).unwrap_or_default();
        piece[..instead.len()].copy_from_slice(instead);
        see(piece);
        copy.write_all_at(at, piece).map_err(writing)?;
        at += piece.len() as u64;
        Ok(())
    })?;
    copy.sync(SyncKind::Full).map_err(writing)?;
    Ok(len)
}

/// Reads a file piece by piece; returns its length.
///
/// # Errors
/// `Corrupt` when there is no such file; `Io`; what `take` fails with.
pub(super) fn read_all(
    vfs: &dyn Vfs,
    path: &Path,
    take: &mut dyn FnMut(&mut [u8]) -> Result<()>,
) -> Result<u64> {
    let reading = |e: std::io::Error| {
        let missing = e.kind() == std::io::ErrorKind::NotFound;
        let error = Error::io(format_args!("reading {}", path.display()), e);
        if missing { error.into_kind(ErrorKind::Corrupt) } else { error }
    };
    let file = vfs.open(path, OpenMode::Read).map_err(reading)?;
    let len = file.len().map_err(reading)?;
    let mut piece = vec![0; len.min(PIECE_BYTES) as usize];
    let mut at = 0;
    while at < len {
        piece.truncate((len - at).min(PIECE_BYTES) as usize);
        file.read_exact_at(at, &mut piece).map_err(reading)?;
        take(&mut piece)?;
        at += piece.len() as u64;
    }
    Ok(len)
}
