//! The identity file: who a database is, and which features its files use.
//!
//! It is written once, when the database is created, and is the last file of the creation to get
//! its name: *a directory holds a database exactly when it holds an identity*.
//!
//! ```text
//! make directory ► take lock ► manifest-00000001 (empty, durable) ► identity (durable) ► log, data
//! ```
//!
//! ```text
//!   0  magic "CuestaID"        8      40  compatible features            u64
//!   8  format version        u16      48  read-only compatible features  u64
//!  10  checksum id            u8      56  incompatible features          u64
//!  11  cipher id              u8      64  reserved, zero                  60
//!  12  page bytes            u32     124  CRC-32 of bytes 0..124         u32
//!  16  UUID                   16
//!  32  created, wall ms      u64
//! ```
//!
//! Invariants:
//! 1. Log and data files, and manifests after the first, are made only when the identity is
//!    durable. So these without an identity are a damaged database, never a new one.
//! 2. The identity was synced before it was named: damage in it is never a torn write.
//!
//! Not for: what changes during the life of a database, which is in the manifest.

use std::fmt;
use std::io;
use std::path::Path;

use crate::env::{Env, OpenMode, Vfs};
use crate::error::{Error, Result};
use crate::format::name::{self, FileName};
use crate::format::{Reader, crc32, put_u16, put_u32, put_u64};
use crate::staged::Staged;

/// First bytes of the file.
pub const MAGIC: [u8; 8] = *b"CuestaID";
/// Newest format written and read.
pub const VERSION: u16 = 1;
/// Bytes of the file.
pub const BYTES: usize = 128;
/// Bytes of a page of files that are written in place.
pub const PAGE_BYTES: u32 = 4096;
/// Checksum id of CRC-32 (IEEE 802.3).
pub const CHECKSUM_CRC32: u8 = 1;
/// Cipher id of bytes that are not encrypted.
pub const CIPHER_NONE: u8 = 0;

/// Compatible features that this version knows.
const COMPATIBLE: u64 = 0;
/// Read-only compatible features that this version knows.
const READ_ONLY_COMPATIBLE: u64 = 0;
/// Incompatible features that this version knows.
const INCOMPATIBLE: u64 = 0;

/// First bytes of a UUID that copies of a database have in common.
const FAMILY_BYTES: usize = 6;

/// The name of one database among all: a random (version 4) UUID as of RFC 9562.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// A new one, of 122 random bits.
    pub fn random(env: &dyn Env) -> Uuid {
        let mut bytes = [0; 16];
        let (high, low) = bytes.split_at_mut(8);
        high.copy_from_slice(&env.rand64().to_le_bytes());
        low.copy_from_slice(&env.rand64().to_le_bytes());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Uuid(bytes)
    }

    /// A new one for a copy of this database: the first bytes tell the family.
    pub fn of_copy(self, env: &dyn Env) -> Uuid {
        let Uuid(mut bytes) = Uuid::random(env);
        bytes[..FAMILY_BYTES].copy_from_slice(&self.0[..FAMILY_BYTES]);
        Uuid(bytes)
    }

    /// What a database, its copies, and theirs have in common, and hardly any others: 48 random
    /// bits. They may share files.
    pub fn family(self) -> [u8; FAMILY_BYTES] {
        let [a, b, c, d, e, f, ..] = self.0;
        [a, b, c, d, e, f]
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// What the identity file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The database.
    pub uuid: Uuid,
    /// When it was created: milliseconds since 1970-01-01 UTC.
    pub created_ms: u64,
    /// Features whose files any version may read and write.
    pub compatible: u64,
    /// Features whose files any version may read, but only one that knows them may write.
    pub read_only_compatible: u64,
    /// Features whose files only a version that knows them may touch.
    pub incompatible: u64,
    /// Bytes of a page of files that are written in place.
    pub page_bytes: u32,
    /// How bytes are checked.
    pub checksum: u8,
    /// How bytes are encrypted.
    pub cipher: u8,
}

/// What is in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing of Cuesta's, or no directory.
    Nothing,
    /// What a crash during the creation of a database may leave; a new creation replaces it.
    Leftovers,
    /// A database.
    Database(Identity),
}

impl Identity {
    /// An identity of its own, of this version.
    pub fn new(env: &dyn Env) -> Identity {
        Identity {
            uuid: Uuid::random(env),
            created_ms: env.wall_ms(),
            compatible: COMPATIBLE,
            read_only_compatible: READ_ONLY_COMPATIBLE,
            incompatible: INCOMPATIBLE,
            page_bytes: PAGE_BYTES,
            checksum: CHECKSUM_CRC32,
            cipher: CIPHER_NONE,
        }
    }

    /// Writes the file in `dir`, durably: from here on there is a database. The first manifest
    /// must be durable already.
    ///
    /// # Errors
    /// `Exists` when there is a database already; `Full` or `Io`.
    pub fn create(&self, vfs: &dyn Vfs, dir: &Path) -> Result<()> {
        refuse_database(vfs, dir)?;
        Staged::write(vfs, dir, name::IDENTITY, &self.encode())?.publish(vfs)?;
        Ok(())
    }

    /// Reads the file in `dir`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Corrupt` when it is damaged, `Unsupported` when it is of a
    /// newer format or uses features that this version does not know; `Io`.
    pub fn read(vfs: &dyn Vfs, dir: &Path) -> Result<Identity> {
        let path = dir.join(name::IDENTITY);
        let reading = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => {
                Error::not_found(format!("there is no database in {}", dir.display()))
            }
            _ => Error::io(format_args!("reading {}", path.display()), e),
        };
        let file = vfs.open(&path, OpenMode::Read).map_err(reading)?;
        let len = file.len().map_err(reading)?;
        // One byte more than expected is enough to see that the file is too long.
        let mut bytes = vec![0; len.min(BYTES as u64 + 1) as usize];
        file.read_exact_at(0, &mut bytes).map_err(reading)?;
        Identity::decode(&bytes).map_err(|e| e.context(path.display()))
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BYTES);
        out.extend_from_slice(&MAGIC);
        put_u16(&mut out, VERSION);
        out.push(self.checksum);
        out.push(self.cipher);
        put_u32(&mut out, self.page_bytes);
        out.extend_from_slice(&self.uuid.0);
        put_u64(&mut out, self.created_ms);
        put_u64(&mut out, self.compatible);
        put_u64(&mut out, self.read_only_compatible);
        put_u64(&mut out, self.incompatible);
        out.resize(BYTES - 4, 0);
        let crc = crc32(&out);
        put_u32(&mut out, crc);
        assert_eq!(out.len(), BYTES);
        out
    }

    /// What the bytes of the file say.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`, as [`Identity::read`].
    pub fn decode(bytes: &[u8]) -> Result<Identity> {
        let mut reader = Reader::new(bytes, "identity");
        let (checked, stored) = match bytes.get(..BYTES).and_then(|all| all.split_last_chunk::<4>())
        {
            Some((checked, stored)) => (checked, u32::from_le_bytes(*stored)),
            None => return Err(Error::corrupt(format!("{} bytes instead of 128", bytes.len()))),
        };
        crate::ensure_sound!(reader.array()? == MAGIC, "not an identity file: wrong magic");
        crate::ensure_sound!(crc32(checked) == stored, "wrong checksum at byte {}", BYTES - 4);
        let version = reader.u16()?;
        if version != VERSION {
            return Err(Error::unsupported(format!(
                "identity format {version}; this version reads format {VERSION}"
            )));
        }
        crate::ensure_sound!(bytes.len() == BYTES, "more than {BYTES} bytes");
        let checksum = reader.u8()?;
        let cipher = reader.u8()?;
        let page_bytes = reader.u32()?;
        let identity = Identity {
            uuid: Uuid(reader.array()?),
            created_ms: reader.u64()?,
            compatible: reader.u64()?,
            read_only_compatible: reader.u64()?,
            incompatible: reader.u64()?,
            page_bytes,
            checksum,
            cipher,
        };
        let reserved = reader.take(BYTES - 4 - reader.offset())?;
        identity.check_readable(reserved)?;
        Ok(identity)
    }

    fn check_readable(&self, reserved: &[u8]) -> Result<()> {
        refuse_features("incompatible", self.incompatible & !INCOMPATIBLE)?;
        let unsupported = |what: String| Err(Error::unsupported(what));
        if self.checksum != CHECKSUM_CRC32 {
            return unsupported(format!("checksums of kind {}", self.checksum));
        }
        if self.cipher != CIPHER_NONE {
            return unsupported(format!("encryption with cipher {}", self.cipher));
        }
        if self.page_bytes != PAGE_BYTES {
            return unsupported(format!("pages of {} bytes", self.page_bytes));
        }
        // An unknown feature may use the reserved bytes; without one they are zero.
        let unknown =
            self.compatible & !COMPATIBLE | self.read_only_compatible & !READ_ONLY_COMPATIBLE;
        crate::ensure_sound!(
            unknown != 0 || reserved.iter().all(|&byte| byte == 0),
            "reserved bytes that are not zero"
        );
        Ok(())
    }

    /// Checks that this version may write to the database.
    ///
    /// # Errors
    /// `Unsupported` names the features that forbid it; reading is possible.
    pub fn check_writable(&self) -> Result<()> {
        refuse_features("read-only compatible", self.read_only_compatible & !READ_ONLY_COMPATIBLE)
    }
}

fn refuse_features(class: &str, unknown: u64) -> Result<()> {
    if unknown == 0 {
        return Ok(());
    }
    let bits: Vec<String> =
        (0..64).filter(|bit| unknown >> bit & 1 == 1).map(|bit| bit.to_string()).collect();
    Err(Error::unsupported(format!(
        "the database uses {class} features that this version does not know: {}",
        bits.join(", ")
    )))
}

/// Checks that there is no identity in `dir`, before files of a new database are written.
///
/// # Errors
/// `Exists` or `Io`.
pub fn refuse_database(vfs: &dyn Vfs, dir: &Path) -> Result<()> {
    let path = dir.join(name::IDENTITY);
    match vfs.exists(&path) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::exists(format!("there is a database in {} already", dir.display()))),
        Err(e) => Err(Error::io(format_args!("looking for {}", path.display()), e)),
    }
}

/// Refuses to begin something in a directory with things of others: with anything whose name is
/// none of `is_ours`. `what` says who needs a directory of its own. What begins with a dot, and
/// `lost+found` at the root of a file system, is in nobody's way.
///
/// # Errors
/// `Exists` names what is there; `Io`.
pub fn refuse_others(
    vfs: &dyn Vfs,
    dir: &Path,
    what: &str,
    is_ours: impl Fn(&str) -> bool,
) -> Result<()> {
    let listing = |e| Error::io(format_args!("listing {}", dir.display()), e);
    let names = match vfs.list(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names.map_err(listing)?,
    };
    let folders = vfs.folders(dir).map_err(listing)?;
    let is_other = |name: &&String| {
        !name.starts_with('.') && name.as_str() != "lost+found" && !is_ours(name.as_str())
    };
    let Some(other) = names.iter().chain(&folders).find(is_other) else { return Ok(()) };
    Err(Error::exists(format!(
        "{} holds {other:?}: {what} a directory that is empty or not there yet",
        dir.display()
    )))
}

/// What is said where a file lies at the path of a database.
#[cold]
pub(crate) fn no_directory(path: &Path) -> Error {
    let path = path.display();
    Error::exists(format!("there is a file at {path} or above it, where a directory should be"))
}

/// Looks what `dir` holds, judged by the names of its files and by the identity.
///
/// # Errors
/// `Corrupt` when files are there that only a database has, but no identity; what
/// [`Identity::read`] fails with.
pub fn find(vfs: &dyn Vfs, dir: &Path) -> Result<Found> {
    let names = match vfs.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            return Err(no_directory(dir));
        }
        Err(e) => return Err(Error::io(format_args!("listing {}", dir.display()), e)),
    };
    let mut found = Found::Nothing;
    let mut orphan = None;
    for file in &names {
        match FileName::parse(file) {
            Some(FileName::Identity) => return Identity::read(vfs, dir).map(Found::Database),
            Some(
                FileName::Manifest(1)
                | FileName::Temporary
                | FileName::Lock
                | FileName::Readers
                | FileName::Reader(_),
            ) => found = Found::Leftovers,
            Some(
                FileName::Manifest(_) | FileName::Log(_) | FileName::Spare(_) | FileName::Data(_),
            ) => orphan = orphan.or(Some(file)),
            None => {}
        }
    }
    if let Some(file) = orphan {
        return Err(Error::corrupt(format!(
            "the identity file of {} is missing, but {file} is there",
            dir.display()
        )));
    }
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests;
