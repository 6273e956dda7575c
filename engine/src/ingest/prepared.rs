//! Files with segments that were prepared apart from any database.
//!
//! ```text
//! ┌──────────┬──────────┬─────┬─────────────┬─────────┐
//! │ segment  │ segment  │ ... │ description │ trailer │
//! └──────────┴──────────┴─────┴─────────────┴─────────┘
//! description   kind: byte string │ segments, as the manifest describes them
//! trailer       description len 4 │ its crc 4 │ version 2 │ reserved 2 │ crc 4 │ magic 8
//! ```
//!
//! The segments lie where and as they will in the database, so that the file needs no copy. The
//! file that the description names stands for this one: it gets its number when it is ingested.
//!
//! Not for: whether segments are sound, which their index type checks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{Env, OpenMode, SyncKind, Vfs, VfsFile};
use crate::error::{Error, Result};
use crate::file::{FileKind, Output};
use crate::format::{Reader, crc32, put_bytes, put_u16, put_u32};
use crate::id::{EditNo, FileId, LogNo};
use crate::index::{Load, SegmentMeta};

/// Bytes of the trailer.
pub const TRAILER_BYTES: usize = 24;
const MAGIC: [u8; 8] = *b"CuestaPr";
const FORMAT: u16 = 1;
/// The longest description that is read.
const DESCRIPTION_BYTES_MAX: u64 = 256 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// What a prepared file says of itself.
#[derive(Debug)]
pub struct Prepared {
    /// Name of the index type that it is for.
    pub kind: String,
    metas: Vec<SegmentMeta>,
}

impl Prepared {
    /// Reads the end of the file at `path`.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` for a file that is none, or damaged; `Unsupported` for one of a newer
    /// version; `Io`.
    pub fn read(vfs: &dyn Vfs, path: &Path) -> Result<Prepared> {
        let reading = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Error::not_found(format!("there is no file {}", path.display()))
            }
            _ => Error::io(format_args!("reading {}", path.display()), e),
        };
        let file = vfs.open(path, OpenMode::Read).map_err(reading)?;
        let len = file.len().map_err(reading)?;
        let named = |e: Error| e.context(path.display());
        let end = len.checked_sub(TRAILER_BYTES as u64).ok_or_else(no_trailer).map_err(named)?;
        let mut trailer = [0; TRAILER_BYTES];
        file.read_exact_at(end, &mut trailer).map_err(reading)?;
        let (bytes, crc) = read_trailer(&trailer).map_err(named)?;
        let begin = end.checked_sub(bytes).filter(|_| bytes <= DESCRIPTION_BYTES_MAX);
        let begin = begin.ok_or_else(no_trailer).map_err(named)?;
        let mut description = vec![0; bytes as usize];
        file.read_exact_at(begin, &mut description).map_err(reading)?;
        Prepared::decode(&description, crc, begin).map_err(named)
    }

    /// Takes in a description whose checksum should be `crc`, of segments before byte `end`.
    fn decode(description: &[u8], crc: u32, end: u64) -> Result<Prepared> {
        crate::ensure_sound!(
            crc32(description) == crc,
            "the description of a prepared file does not match its checksum"
        );
        let mut reader = Reader::new(description, "prepared file");
        let kind = reader.text()?.to_owned();
        let rest = description.get(reader.offset()..).unwrap_or_default();
        let metas = if rest.is_empty() { Vec::new() } else { SegmentMeta::decode_all(rest)? };
        let within = |meta: &SegmentMeta| {
            let sealed = meta.extents.iter().all(|extent| {
                let until = extent.offset.checked_add(extent.len);
                extent.kind == FileKind::Sealed && until.is_some_and(|until| until <= end)
            });
            sealed && meta.blobs.is_empty()
        };
        crate::ensure_sound!(metas.iter().all(within), "prepared segments beyond their file");
        Ok(Prepared { kind, metas })
    }

    /// Segments in it.
    pub fn segments(&self) -> &[SegmentMeta] {
        &self.metas
    }

    /// The segments, as they lie in data file `file`.
    pub(crate) fn of(&self, file: FileId) -> Vec<SegmentMeta> {
        let mut metas = self.metas.clone();
        for extent in metas.iter_mut().flat_map(|meta| &mut meta.extents) {
            extent.file = file;
        }
        metas
    }
}

fn no_trailer() -> Error {
    Error::corrupt("this is no prepared file, or only a part of one")
}

fn read_trailer(trailer: &[u8; TRAILER_BYTES]) -> Result<(u64, u32)> {
    let mut reader = Reader::new(trailer, "trailer of a prepared file");
    let (bytes, crc) = (reader.u32()?, reader.u32()?);
    let (version, _) = (reader.u16()?, reader.u16()?);
    let own = reader.u32()?;
    if reader.array()? != MAGIC {
        return Err(no_trailer());
    }
    crate::ensure_sound!(
        trailer.first_chunk::<12>().is_some_and(|covered| crc32(covered) == own),
        "the trailer of a prepared file does not match its checksum"
    );
    if version != FORMAT {
        return Err(Error::unsupported(format!(
            "a prepared file of version {version}, and {FORMAT} is the newest known here"
        )));
    }
    Ok((u64::from(bytes), crc))
}

/// Writes a prepared file; what index types write goes there. Dropping it unfinished removes it.
pub struct PreparedFile {
    env: Arc<dyn Env>,
    path: PathBuf,
    file: Option<Arc<dyn VfsFile>>,
    /// Stands for the file in what index types write.
    number: FileId,
    len: u64,
    buffer: Vec<u8>,
}

impl PreparedFile {
    /// A new file at `path`.
    ///
    /// # Errors
    /// `Exists` when there is a file; `Io`.
    pub fn create(env: Arc<dyn Env>, path: &Path) -> Result<PreparedFile> {
        let file = env.vfs().open(path, OpenMode::CreateNew).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::exists(format!("there is a file {} already", path.display()))
            }
            _ => Error::io(format_args!("creating {}", path.display()), e),
        })?;
        let number = FileId(env.rand64());
        let (path, buffer) = (path.to_path_buf(), Vec::new());
        Ok(PreparedFile { env, path, file: Some(file), number, len: 0, buffer })
    }

    /// What stands for the file.
    pub fn number(&self) -> FileId {
        self.number
    }

    /// Ends the file, of an index type named `kind`, with what `load` has left, and makes it
    /// durable; returns its bytes.
    ///
    /// # Errors
    /// `Full` or `Io`.
    pub fn finish(mut self, kind: &str, load: &mut dyn Load) -> Result<u64> {
        let metas = load.finish(&mut self)?;
        let mut description = Vec::new();
        put_bytes(&mut description, kind.as_bytes());
        SegmentMeta::encode_all(&metas, &mut description);
        let len = u32::try_from(description.len());
        let len = len.map_err(|_| Error::invalid("too many segments for one prepared file"))?;
        let mut trailer = Vec::with_capacity(TRAILER_BYTES);
        put_u32(&mut trailer, len);
        put_u32(&mut trailer, crc32(&description));
        put_u16(&mut trailer, FORMAT);
        put_u16(&mut trailer, 0);
        let crc = crc32(&trailer);
        put_u32(&mut trailer, crc);
        trailer.extend_from_slice(&MAGIC);
        self.put(&description)?;
        self.put(&trailer)?;
        self.flush()?;
        let failed = |e| Error::io(format_args!("syncing {}", self.path.display()), e);
        if let Some(file) = &self.file {
            file.sync(SyncKind::Full).map_err(failed)?;
        }
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        self.env.vfs().sync_dir(dir).map_err(failed)?;
        self.file = None;
        Ok(self.len)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.len + self.buffer.len() as u64
    }

    fn flush(&mut self) -> Result<()> {
        let Some(file) = &self.file else { return Err(Error::internal("a finished file")) };
        let wrote = file.write_all_at(self.len, &self.buffer);
        wrote.map_err(|e| Error::io(format_args!("writing {}", self.path.display()), e))?;
        self.len += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }
}

impl Drop for PreparedFile {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(error) = self.env.vfs().remove(&self.path)
        {
            tracing::warn!(file = %self.path.display(), %error, "left an unfinished file behind");
        }
    }
}

fn one_sealed_file() -> Error {
    Error::unsupported("a prepared file is one file, written from front to back")
}

impl Output for PreparedFile {
    fn create(&mut self, kind: FileKind) -> Result<FileId> {
        match kind {
            FileKind::Sealed => Ok(self.number),
            FileKind::InPlace => Err(one_sealed_file()),
        }
    }

    fn create_apart(&mut self) -> Result<FileId> {
        Err(one_sealed_file())
    }

    fn adopt(&mut self, _log: LogNo, _wanted: u64) -> Option<FileId> {
        None
    }

    fn append(&mut self, _file: FileId, bytes: &[u8]) -> Result<u64> {
        let offset = self.bytes();
        self.put(bytes)?;
        Ok(offset)
    }

    fn len(&mut self, _file: FileId) -> Result<u64> {
        Ok(self.bytes())
    }

    fn write_at(&mut self, _file: FileId, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Err(one_sealed_file())
    }

    fn read_at(&mut self, _file: FileId, _offset: u64, _buf: &mut [u8]) -> Result<()> {
        Err(one_sealed_file())
    }

    fn may_reuse(&self, _edit: EditNo) -> bool {
        false
    }
}
