//! A disk in memory: what index types see of the engine's files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use cuesta_engine::env::{Map, SyncKind, VfsFile};
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::{DataFile, Extent, FileKind, Files, Output, Region};
use cuesta_engine::{EditNo, FileId, LogNo};

/// Whether files can be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maps {
    /// They can.
    Yes,
    /// They cannot.
    No,
}

/// Files in memory.
pub struct Disk {
    /// Whether files that are opened can be mapped.
    pub maps: Maps,
    /// Segments share a file up to this size.
    pub share_bytes: u64,
    /// The number of the first file.
    pub next_file: u64,
    files: Mutex<BTreeMap<FileId, Arc<Vec<u8>>>>,
    /// Files that are not shared.
    apart: BTreeSet<FileId>,
}

struct Bytes {
    bytes: Arc<Vec<u8>>,
    maps: Maps,
}

struct Mapped(Arc<Vec<u8>>);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in memory", self.bytes.len())
    }
}

impl VfsFile for Bytes {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn map(&self, _range: Range<u64>) -> io::Result<Option<Map>> {
        match self.maps {
            Maps::Yes => Ok(Some(Map::new(Mapped(self.bytes.clone())))),
            Maps::No => Ok(None),
        }
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn allocate(&self, _range: Range<u64>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self, _kind: SyncKind) -> io::Result<()> {
        Ok(())
    }
}

impl Disk {
    /// An empty disk.
    pub fn new(maps: Maps) -> Disk {
        let (files, apart) = (Mutex::new(BTreeMap::new()), BTreeSet::new());
        Disk { maps, share_bytes: 0, next_file: 1, files, apart }
    }

    /// Bytes of a file.
    pub fn len_of(&self, file: FileId) -> u64 {
        self.files.lock().unwrap().get(&file).map_or(0, |bytes| bytes.len() as u64)
    }

    /// All bytes of a file.
    pub fn region_bytes(&self, file: FileId) -> Vec<u8> {
        self.files.lock().unwrap().get(&file).map(|bytes| bytes.to_vec()).unwrap_or_default()
    }

    /// Changes the bytes of a file.
    pub fn edit(&self, file: FileId, change: impl FnOnce(&mut Vec<u8>)) {
        let mut files = self.files.lock().unwrap();
        change(Arc::make_mut(files.get_mut(&file).unwrap()));
    }
}

impl Files for Disk {
    fn region(&self, extent: &Extent) -> Result<Region> {
        let bytes = self.files.lock().unwrap().get(&extent.file).cloned();
        let bytes = bytes.ok_or_else(|| Error::corrupt("a file is missing"))?;
        let file = Arc::new(Bytes { bytes, maps: self.maps });
        let file = Arc::new(DataFile::new(extent.file, extent.kind, file)?);
        Region::new(file, extent, None)
    }

    fn whole(&self, file: FileId) -> Result<Region> {
        let len = self.len_of(file);
        self.region(&Extent { file, offset: 0, len, kind: FileKind::Sealed })
    }
}

impl Output for Disk {
    fn create(&mut self, _kind: FileKind) -> Result<FileId> {
        let mut files = self.files.lock().unwrap();
        if let Some((&id, last)) = files.iter().rfind(|(id, _)| !self.apart.contains(id))
            && (last.len() as u64) < self.share_bytes
        {
            return Ok(id);
        }
        let id = FileId(files.last_key_value().map_or(self.next_file, |(id, _)| id.0 + 1));
        files.insert(id, Arc::default());
        Ok(id)
    }

    fn create_apart(&mut self) -> Result<FileId> {
        let mut files = self.files.lock().unwrap();
        let id = FileId(files.last_key_value().map_or(self.next_file, |(id, _)| id.0 + 1));
        files.insert(id, Arc::default());
        self.apart.insert(id);
        Ok(id)
    }

    fn adopt(&mut self, _: LogNo, _: u64) -> Option<FileId> {
        None
    }

    fn append(&mut self, file: FileId, bytes: &[u8]) -> Result<u64> {
        let at = self.len(file)?;
        self.edit(file, |content| content.extend_from_slice(bytes));
        Ok(at)
    }

    fn len(&mut self, file: FileId) -> Result<u64> {
        Ok(self.files.lock().unwrap()[&file].len() as u64)
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        self.edit(file, |content| {
            let end = offset as usize + bytes.len();
            content.resize(content.len().max(end), 0);
            content[offset as usize..end].copy_from_slice(bytes);
        });
        Ok(())
    }

    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<()> {
        let bytes = self.region_bytes(file);
        let end = offset as usize + buf.len();
        let read = bytes.get(offset as usize..end);
        buf.copy_from_slice(read.ok_or_else(|| Error::corrupt("behind the end of a file"))?);
        Ok(())
    }

    fn may_reuse(&self, _edit: EditNo) -> bool {
        true
    }
}
