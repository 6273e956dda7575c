//! A directory of backups: what lies in it and what it is called.
//!
//! ```text
//! DIR/lock                         held by whoever changes it
//! DIR/backup-00000001              one backup: see the catalog
//! DIR/files/0000000012.seg         a sealed data file, shared by all backups that need it
//! DIR/files/0000000007-00000001.seg    a file written in place, or one that differs, of a backup
//! DIR/tails/00000001/0000000005.log    the log that backup 1 needs
//! DIR/log/0000000005.log           the archive of the log
//! ```
//!
//! Invariants:
//! 1. A backup exists when its `backup-N` does, which is made last and removed first.
//! 2. A file gets its name in `files` or `log` when all of it is durable, and never changes.
//! 3. All of a directory is of one database.

use std::path::{Path, PathBuf};

use crate::env::{Env, Lock, OpenMode, Vfs};
use crate::error::{Error, Result};
use crate::file::FileKind;
use crate::format::{Crc, Reader, crc32, name, put_bytes, put_u16, put_u32, put_varint};
use crate::id::{EditNo, FileId, LogNo, SeqNo};
use crate::identity::{self, Identity};
use crate::manifest::{self, ManifestState};
use crate::staged::Staged;

const MAGIC: [u8; 8] = *b"CuestaBK";
const VERSION: u16 = 1;
const PREFIX: &str = "backup-";
const FILES: &str = "files";
const TAILS: &str = "tails";

/// A data file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Its number in the database.
    pub(super) id: FileId,
    /// Its name in the pool.
    pub(super) name: String,
    /// Its bytes.
    pub(super) len: u64,
    /// CRC-32 of all of it.
    pub(super) crc: u32,
}

/// One backup.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its number.
    pub(super) number: u64,
    /// The database that it is of.
    pub(super) identity: Identity,
    /// The last commit in it.
    pub(super) commit: SeqNo,
    /// The time of that commit.
    pub(super) clock_ms: u64,
    /// When it was made.
    pub(super) made_ms: u64,
    /// The number of the database's manifest then.
    pub(super) manifest: u64,
    /// What the manifest said.
    pub(super) state: ManifestState,
    /// Data files.
    pub(super) files: Vec<Stored>,
    /// Log segments, and the bytes of their records.
    pub(super) log: Vec<(LogNo, u64)>,
}

impl Entry {
    /// Bytes of all files that it needs.
    pub(super) fn bytes(&self) -> u64 {
        let files = self.files.iter().map(|file| file.len);
        let all = files.chain(self.log.iter().map(|(_, bytes)| *bytes));
        all.fold(0, u64::saturating_add)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_u16(&mut out, VERSION);
        put_varint(&mut out, self.number);
        put_bytes(&mut out, &self.identity.encode());
        let numbers =
            [self.commit.0, self.clock_ms, self.made_ms, self.manifest, self.state.edit().0];
        numbers.iter().for_each(|number| put_varint(&mut out, *number));
        let mut changes = Vec::new();
        manifest::encode_changes(&self.state.snapshot(), &mut changes);
        put_bytes(&mut out, &changes);
        put_varint(&mut out, self.files.len() as u64);
        for file in &self.files {
            put_varint(&mut out, file.id.0);
            put_bytes(&mut out, file.name.as_bytes());
            put_varint(&mut out, file.len);
            put_u32(&mut out, file.crc);
        }
        put_varint(&mut out, self.log.len() as u64);
        for (log, bytes) in &self.log {
            put_varint(&mut out, log.0);
            put_varint(&mut out, *bytes);
        }
        let crc = crc32(&out);
        put_u32(&mut out, crc);
        out
    }

    /// What the bytes of a backup's file say.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`.
    pub(super) fn decode(bytes: &[u8]) -> Result<Entry> {
        let Some((checked, crc)) = bytes.split_last_chunk::<4>() else {
            return Err(Error::corrupt(format!("{} bytes are no backup", bytes.len())));
        };
        let mut reader = Reader::new(checked, "backup");
        crate::ensure_sound!(reader.array()? == MAGIC, "this is no backup: wrong magic");
        crate::ensure_sound!(crc32(checked) == u32::from_le_bytes(*crc), "wrong checksum");
        let version = reader.u16()?;
        if version != VERSION {
            return Err(Error::unsupported(format!(
                "a backup of format {version}; this version reads format {VERSION}"
            )));
        }
        let number = reader.varint()?;
        let identity = Identity::decode(reader.bytes()?)?;
        let (commit, clock_ms) = (SeqNo(reader.varint()?), reader.varint()?);
        let (made_ms, manifest) = (reader.varint()?, reader.varint()?);
        let edit = EditNo(reader.varint()?);
        let state =
            ManifestState::from_snapshot(edit, &manifest::decode_changes(reader.bytes()?)?)?;
        let mut files = Vec::new();
        for _ in 0..reader.varint()? {
            let id = FileId(reader.varint()?);
            let name = reader.text()?.to_owned();
            // Names are never paths.
            crate::ensure_sound!(is_pool_name(&name), "a data file with the name {name:?}");
            let (len, crc) = (reader.varint()?, reader.u32()?);
            files.push(Stored { id, name, len, crc });
        }
        let mut log = Vec::new();
        for _ in 0..reader.varint()? {
            log.push((LogNo(reader.varint()?), reader.varint()?));
        }
        reader.finish()?;
        // What was loaded and not yet flushed, the log alone names.
        let ascend = files.windows(2).all(|two| two[0].id < two[1].id);
        let has = |id: &FileId| files.binary_search_by_key(id, |file: &Stored| file.id).is_ok();
        let is_whole = ascend && state.files().keys().all(has);
        crate::ensure_sound!(is_whole, "its files are not those of its manifest");
        Ok(Entry { number, identity, commit, clock_ms, made_ms, manifest, state, files, log })
    }
}

fn is_pool_name(name: &str) -> bool {
    let Some(digits) = name.strip_suffix(".seg") else { return false };
    digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// The name of a data file in the pool.
pub(super) fn pool_name(id: FileId, kind: FileKind, backup: u64) -> String {
    match kind {
        FileKind::Sealed => name::data(id),
        FileKind::InPlace => format!("{:010}-{backup:08}.seg", id.0),
    }
}

/// A directory of backups.
pub(super) struct Pool<'e> {
    pub(super) env: &'e dyn Env,
    pub(super) dir: PathBuf,
    _lock: Option<Box<dyn Lock>>,
}

impl<'e> Pool<'e> {
    /// Opens the directory to add or remove backups; it is created when missing.
    ///
    /// # Errors
    /// `Locked` when somebody else does so; `Exists` when there are no backups but something else;
    /// `Io`.
    pub(super) fn change(env: &'e dyn Env, dir: &Path) -> Result<Pool<'e>> {
        let vfs = env.vfs();
        let pool = Pool { env, dir: dir.to_path_buf(), _lock: None };
        if let identity::Found::Database(_) = identity::find(vfs, dir)? {
            return Err(Error::invalid(format!(
                "{} is a database: backups need a directory of their own",
                dir.display()
            )));
        }
        if pool.numbers()?.is_empty() {
            identity::refuse_others(vfs, dir, "backups need", is_ours)?;
        }
        for folder in [pool.files(), pool.archive(), dir.join(TAILS)] {
            make_dir(vfs, &folder)?;
        }
        let lock = vfs.lock(&dir.join(name::LOCK)).map_err(|e| locked(dir, e))?;
        Ok(Pool { _lock: Some(lock), ..pool })
    }

    /// Opens the directory to read backups.
    ///
    /// # Errors
    /// `NotFound` when there are none; `Locked` while somebody changes it; `Io`.
    pub(super) fn read(env: &'e dyn Env, dir: &Path) -> Result<Pool<'e>> {
        use std::io::ErrorKind::{NotFound, PermissionDenied};
        let lock = match env.vfs().lock_shared(&dir.join(name::LOCK)) {
            Ok(lock) => Some(lock),
            // A copy of backups, or one that must not be changed.
            Err(e) if matches!(e.kind(), NotFound | PermissionDenied) => None,
            Err(e) => return Err(locked(dir, e)),
        };
        Ok(Pool { env, dir: dir.to_path_buf(), _lock: lock })
    }

    /// Where data files are.
    pub(super) fn files(&self) -> PathBuf {
        self.dir.join(FILES)
    }

    /// Where the log is archived.
    pub(super) fn archive(&self) -> PathBuf {
        crate::jobs::archive_of(&self.dir)
    }

    /// Where the log of a backup is.
    pub(super) fn tail(&self, backup: u64) -> PathBuf {
        self.dir.join(TAILS).join(format!("{backup:08}"))
    }

    /// The names of files in a directory; none when there is no directory.
    pub(super) fn list(&self, dir: &Path) -> Result<Vec<String>> {
        match self.env.vfs().list(dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|e| Error::io(format_args!("listing {}", dir.display()), e)),
        }
    }

    /// Numbers of the backups, ascending.
    pub(super) fn numbers(&self) -> Result<Vec<u64>> {
        let names = self.list(&self.dir)?;
        let digits = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
        let mut numbers: Vec<u64> = digits.filter_map(|digits| digits.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// One backup.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Unsupported`, `Io`.
    pub(super) fn entry(&self, number: u64) -> Result<Entry> {
        let path = self.dir.join(entry_name(number));
        let reading = |e: std::io::Error| {
            if e.kind() == std::io::ErrorKind::NotFound {
                let dir = self.dir.display();
                return Error::not_found(format!("there is no backup {number} in {dir}"));
            }
            Error::io(format_args!("reading {}", path.display()), e)
        };
        let file = self.env.vfs().open(&path, OpenMode::Read).map_err(reading)?;
        let len = usize::try_from(file.len().map_err(reading)?)
            .map_err(|_| Error::corrupt(format!("{} is huge", path.display())))?;
        let mut bytes = vec![0; len];
        file.read_exact_at(0, &mut bytes).map_err(reading)?;
        let entry = Entry::decode(&bytes).map_err(|e| e.context(entry_name(number)))?;
        crate::ensure_sound!(entry.number == number, "{} has another number", entry_name(number));
        Ok(entry)
    }

    /// Adds a backup, all of whose files are durable.
    ///
    /// # Errors
    /// `Full`, `Io`.
    pub(super) fn add(&self, entry: &Entry) -> Result<()> {
        let vfs = self.env.vfs();
        let name = entry_name(entry.number);
        Staged::write(vfs, &self.dir, &name, &entry.encode())?.publish(vfs)?;
        Ok(())
    }

    /// Where a backup's file is.
    pub(super) fn entry_path(&self, number: u64) -> PathBuf {
        self.dir.join(entry_name(number))
    }
}

/// Whether a name in a directory of backups is one of theirs.
fn is_ours(name: &str) -> bool {
    let folders = [FILES, TAILS, crate::jobs::ARCHIVE];
    folders.contains(&name)
        || name == name::LOCK
        || name.ends_with(".tmp")
        || name.starts_with(PREFIX)
}

fn entry_name(number: u64) -> String {
    format!("{PREFIX}{number:08}")
}

fn locked(dir: &Path, e: std::io::Error) -> Error {
    if e.kind() == std::io::ErrorKind::WouldBlock {
        return Error::locked(format!("backups in {} are being made or removed", dir.display()));
    }
    Error::io(format_args!("locking {}", dir.display()), e)
}

/// Makes a directory.
///
/// # Errors
/// `Io`.
pub(crate) fn make_dir(vfs: &dyn Vfs, dir: &Path) -> Result<()> {
    vfs.create_dir_all(dir).map_err(|e| Error::io(format_args!("creating {}", dir.display()), e))
}

/// The length and CRC-32 of a file.
///
/// # Errors
/// `Corrupt` when there is none; `Io`.
pub(super) fn check_sum(vfs: &dyn Vfs, path: &Path) -> Result<(u64, u32)> {
    let mut crc = Crc::new();
    let len = super::new::read_all(vfs, path, &mut |piece| {
        crc = std::mem::take(&mut crc).update(piece);
        Ok(())
    })?;
    Ok((len, crc.finish()))
}
