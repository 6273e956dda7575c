//! Reads a prepared file of another type of index, whose operations are the same, to load them.
//!
//! ```text
//! file ► checked as its own type would ► its content as operations, segment by segment ► load
//! ```
//!
//! The file stays where it is, and is not needed afterwards.
//!
//! Not for: files of the index's own type, which are taken over as they are.

use std::path::Path;
use std::sync::Arc;

use super::{Prepared, sound};
use crate::env::{OpenMode, Vfs};
use crate::error::{Error, Result};
use crate::file::{DataFile, Extent, FileKind, Files, Output, Region};
use crate::id::FileId;
use crate::index::{
    ErasedState, KnownBy, Load, Lost, Registry, Remnant, Salvage, SegmentMeta, Services, Taken,
};

/// Bytes of blocks that are in memory while a file is read.
const CACHE_BYTES: u64 = 1 << 20;

/// Reads a prepared file.
pub(super) struct Adopting {
    metas: Vec<SegmentMeta>,
    file: OneFile,
    /// An index of the file's type, outside of the database.
    reader: Arc<dyn ErasedState>,
}

impl Adopting {
    /// Opens the file at `path` and checks all of it, for an index whose operations are
    /// `operations`.
    ///
    /// # Errors
    /// `Invalid` when its operations are others; `Unsupported` when its type is not known here;
    /// `Corrupt` when it is damaged; `Io`.
    pub(super) fn open(
        (vfs, path): (&dyn Vfs, &Path),
        registry: &Registry,
        prepared: &Prepared,
        (kind, operations): (&str, &str),
    ) -> Result<Adopting> {
        let (_, reader) =
            registry.get(&prepared.kind)?.make(&[], &Services::alone(CACHE_BYTES, CACHE_BYTES))?;
        if reader.operations() != operations {
            return Err(Error::invalid(format!(
                "it was prepared for an index of type {}, not {kind}",
                prepared.kind
            )));
        }
        let reading = |e| Error::io("reading", e);
        let id = prepared.segments().iter().flat_map(SegmentMeta::files).next();
        let file = vfs.open(path, OpenMode::Read).map_err(reading)?;
        let file = DataFile::new(id.unwrap_or(FileId(0)), FileKind::Sealed, file)?;
        let file = OneFile(Arc::new(file));
        let metas = prepared.segments().to_vec();
        if !metas.is_empty() {
            sound(&*reader, &metas, &file)?;
        }
        Ok(Adopting { metas, file, reader })
    }

    /// Hands all of it on to `load`; how many entries that is.
    ///
    /// # Errors
    /// `Corrupt` when something cannot be read after all; what loading fails with.
    pub(super) fn load(&self, load: &mut dyn Load, out: &mut dyn Output) -> Result<u64> {
        let mut loading = Loading { load, out, lost: None };
        for meta in &self.metas {
            let remnants = [Remnant::from(Arc::new(meta.clone()))];
            self.reader.salvage(&remnants, KnownBy::Manifest, &self.file, &mut loading)?;
        }
        match loading.lost {
            Some(why) => Err(Error::corrupt(why)),
            None => Ok(self.metas.iter().fold(0, |all, meta| all.saturating_add(meta.entries))),
        }
    }
}

struct Loading<'l> {
    load: &'l mut dyn Load,
    out: &'l mut dyn Output,
    lost: Option<String>,
}

impl Salvage for Loading<'_> {
    fn operations(&mut self, ops: &[u8]) -> Result<Taken> {
        self.load.add(ops, self.out).map(|()| Taken::All)
    }

    fn lost(&mut self, what: Lost, why: String) {
        self.lost.get_or_insert_with(|| format!("{what}: {why}"));
    }
}

/// The file, under whatever number its segments name.
struct OneFile(Arc<DataFile>);

impl Files for OneFile {
    fn region(&self, extent: &Extent) -> Result<Region> {
        crate::ensure_sound!(
            extent.file == self.0.id() && extent.kind == FileKind::Sealed,
            "a prepared file is one file"
        );
        Region::new(self.0.clone(), extent, None)
    }

    fn whole(&self, file: FileId) -> Result<Region> {
        crate::ensure_sound!(file == self.0.id(), "a prepared file is one file");
        Ok(Region::whole(self.0.clone(), None))
    }
}
