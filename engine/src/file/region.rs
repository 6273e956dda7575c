//! Bytes of an open data file: mapped where maps are to be had, else read.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::env::{Map, VfsFile};
use crate::error::{Error, Result};
use crate::file::{Extent, FileKind};
use crate::format::name;
use crate::id::FileId;

/// Things that are checked at first touch begin at least so many bytes from one another.
pub const CHECKED_BYTES: u64 = 1024;

/// Who reuses pages of files that are written in place, once nobody may read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// This process, if any: what it still looks at stays.
    Here,
    /// Another process, which only knows what the versions of this one need.
    Elsewhere,
}

/// Opens a file again.
pub type Opener = Box<dyn Fn() -> io::Result<Arc<dyn VfsFile>> + Send + Sync>;

/// An open data file.
pub struct DataFile {
    id: FileId,
    /// Kept open unless everything is read through maps.
    file: OnceLock<Arc<dyn VfsFile>>,
    /// Of a file that is written in place: each extent gets a map of its own, and of the open files
    /// that a process may have, none is kept for the next.
    again: Option<Opener>,
    reuse: Reuse,
    len: u64,
    map: Option<MappedBytes>,
    /// A bit for each [`CHECKED_BYTES`]: whether what begins there was compared with its checksum.
    checked: OnceLock<Box<[AtomicU64]>>,
}

/// A map, which tells nothing of its bytes.
#[derive(Clone)]
struct MappedBytes(Map);

impl fmt::Debug for MappedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mapped")
    }
}

impl DataFile {
    /// Takes an open file; maps it whole if it is sealed and the system can.
    ///
    /// # Errors
    /// `Io` when its length cannot be read or the map fails.
    pub fn new(id: FileId, kind: FileKind, file: Arc<dyn VfsFile>) -> Result<DataFile> {
        let len = file.len().map_err(|e| Error::io(format_args!("{}", name::data(id)), e))?;
        let map = match kind {
            FileKind::Sealed => file
                .map(0..len)
                .map_err(|e| Error::io(format_args!("mapping {}", name::data(id)), e))?
                .map(MappedBytes),
            FileKind::InPlace => None,
        };
        let file = if map.is_none() { file.into() } else { OnceLock::new() };
        let (again, reuse) = (None, Reuse::Here);
        Ok(DataFile { id, file, again, reuse, len, map, checked: OnceLock::new() })
    }

    /// A file that is written in place: it is opened whenever an extent of it is asked for, and
    /// kept open only where it cannot be mapped.
    ///
    /// # Errors
    /// What `open` fails with.
    pub fn in_place(id: FileId, open: Opener, reuse: Reuse) -> io::Result<DataFile> {
        let len = open()?.len()?;
        let (file, checked) = (OnceLock::new(), OnceLock::new());
        Ok(DataFile { id, file, again: Some(open), reuse, len, map: None, checked })
    }

    /// A map of the first `len` bytes as they are now, of a file that is written in place: whether
    /// an older map shows what was written since, nobody knows.
    fn map_now(&self, len: u64) -> Result<Option<MappedBytes>> {
        // Nothing is to be read of it.
        if len == 0 {
            return Ok(None);
        }
        let name = name::data(self.id);
        let map_new = || -> io::Result<Option<Map>> {
            let file = match (self.file.get(), &self.again) {
                (Some(file), _) => file.clone(),
                (None, Some(open)) => open()?,
                (None, None) => return Ok(None),
            };
            let map = file.map(0..len)?;
            if map.is_none() {
                let _ = self.file.set(file);
            }
            Ok(map)
        };
        let map = map_new().map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::corrupt(format!("{name} ends before byte {len}"))
            }
            _ => Error::io(format_args!("mapping {name}"), e),
        })?;
        Ok(map.map(MappedBytes))
    }

    /// The file's number.
    pub fn id(&self) -> FileId {
        self.id
    }
}

impl fmt::Debug for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", name::data(self.id), self.len)
    }
}

/// The bytes of an extent. Cloning shares the file; the file stays readable as long as a region
/// of it lives, unlinked or not.
#[derive(Clone, Debug)]
pub struct Region {
    file: Arc<DataFile>,
    map: Option<MappedBytes>,
    offset: u64,
    len: u64,
    _keep: Option<Arc<dyn fmt::Debug + Send + Sync>>,
}

impl Region {
    /// The bytes of `extent` in `file`; `keep` lives as long as the region does. Of a file that is
    /// written in place they are those of now, if nobody writes them any more.
    ///
    /// # Errors
    /// `Corrupt` when the file is shorter than the extent says; `Io` when it cannot be mapped.
    pub fn new(
        file: Arc<DataFile>,
        extent: &Extent,
        keep: Option<Arc<dyn fmt::Debug + Send + Sync>>,
    ) -> Result<Region> {
        let end = extent.offset.checked_add(extent.len);
        let fits = extent.kind == FileKind::InPlace || end.is_some_and(|end| end <= file.len);
        crate::ensure_sound!(
            fits,
            "{} is {} bytes long, but a segment lies at {}+{}",
            name::data(extent.file),
            file.len,
            extent.offset,
            extent.len
        );
        let map = match extent.kind {
            FileKind::Sealed => file.map.clone(),
            FileKind::InPlace => file.map_now(extent.offset + extent.len)?,
        };
        Ok(Region { file, map, offset: extent.offset, len: extent.len, _keep: keep })
    }

    /// All bytes of a sealed file; `keep` lives as long as the region does.
    pub fn whole(file: Arc<DataFile>, keep: Option<Arc<dyn fmt::Debug + Send + Sync>>) -> Region {
        let (len, map) = (file.len, file.map.clone());
        Region { file, map, offset: 0, len, _keep: keep }
    }

    fn checked_bit(&self, offset: u64) -> (usize, u64) {
        let granule = (self.offset + offset) / CHECKED_BYTES;
        ((granule / 64) as usize, 1 << (granule % 64))
    }

    /// Whether what begins at `offset` of the extent was compared with its checksum, by this
    /// process since the file was opened.
    #[inline]
    pub fn is_checked(&self, offset: u64) -> bool {
        let (word, bit) = self.checked_bit(offset);
        let words = self.file.checked.get();
        words.and_then(|words| words.get(word)).is_some_and(|w| w.load(Ordering::Relaxed) & bit > 0)
    }

    /// Notes that what begins at `offset` of the extent was compared with its checksum.
    pub fn note_checked(&self, offset: u64) {
        let (word, bit) = self.checked_bit(offset);
        let words = self.file.checked.get_or_init(|| {
            let count = self.file.len / CHECKED_BYTES / 64 + 1;
            (0..count).map(|_| AtomicU64::new(0)).collect()
        });
        // Nothing but this bit depends on it: the bytes of the map do not change.
        if let Some(word) = words.get(word) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Bytes of the extent.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the extent is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file's number.
    pub fn file_id(&self) -> FileId {
        self.file.id
    }

    /// Where in the file the extent begins; with [`Region::file_id`] a key for the block cache.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// `len` bytes at `offset` of the extent, if it is mapped and they lie within it. No system
    /// call, no copy; unverified.
    #[inline]
    pub fn mapped(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let MappedBytes(map) = self.map.as_ref()?;
        if offset.checked_add(len as u64)? > self.len {
            return None;
        }
        let start = usize::try_from(self.offset + offset).ok()?;
        map.get(start..start + len)
    }

    /// Has the processor fetch bytes that [`Region::mapped`] will be asked for soon.
    #[inline]
    pub fn prefetch(&self, offset: u64, len: usize) {
        if let Some(MappedBytes(map)) = &self.map
            && let Ok(start) = usize::try_from(self.offset + offset)
        {
            map.prefetch(start, len);
        }
    }

    /// Who writes over pages of it that no version needs.
    pub fn reuse(&self) -> Reuse {
        self.file.reuse
    }

    /// Whether the extent is mapped.
    pub fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// The map of the whole file, to keep bytes of it alive, and where in it the extent begins.
    pub fn map(&self) -> Option<(&Map, u64)> {
        self.map.as_ref().map(|MappedBytes(map)| (map, self.offset))
    }

    /// Reads exactly `buf.len()` bytes at `offset` of the extent.
    ///
    /// # Errors
    /// `Corrupt` when they do not lie within the extent or the file; `Io`.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let name = name::data(self.file.id);
        let end = offset.checked_add(buf.len() as u64);
        crate::ensure_sound!(
            end.is_some_and(|end| end <= self.len),
            "{name}: {} bytes at {offset} of a segment of {} bytes",
            buf.len(),
            self.len
        );
        if let Some(bytes) = self.mapped(offset, buf.len()) {
            buf.copy_from_slice(bytes);
            return Ok(());
        }
        let at = self.offset + offset;
        let Some(file) = self.file.file.get() else {
            return Err(Error::internal(format!("{name} is mapped, but not here")));
        };
        file.read_exact_at(at, buf).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::corrupt(format!("{name} ends before byte {}", at + buf.len() as u64))
            }
            _ => Error::io(format_args!("reading {name} at {at}"), e),
        })
    }

    /// Copies `len` bytes at `offset` of the extent.
    ///
    /// # Errors
    /// As [`Region::read`].
    pub fn load(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        crate::ensure_sound!(
            offset.checked_add(len as u64).is_some_and(|end| end <= self.len),
            "{}: {len} bytes at {offset} of a segment of {} bytes",
            name::data(self.file.id),
            self.len
        );
        let mut bytes = vec![0; len];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }
}
