//! Records on disk for stages that hold more than fits: sorted runs that are merged, and lists.
//!
//! ```text
//! run    ┌────────┬────────┬───┐
//!        │ record │ record │ … │                 in order, or in the order they came
//!        └────────┴────────┴───┘
//! record ┌───────────────┬──────────────────┐
//!        │ key: document │ payload: document │    as BSON; a key is {"k": [values]}
//!        └───────────────┴──────────────────┘
//! ```
//!
//! Not for: anything that outlives the query. Files have no checksum, and are removed when they
//! are dropped.

use std::path::PathBuf;
use std::sync::Arc;

use super::settings::Disk;
use crate::document::value::{Array, Document, Limits, RawDocument, Value};
use crate::env::{OpenMode, VfsFile};
use crate::{Error, ErrorKind, Result};

/// Bytes that are written and read at once.
const CHUNK: usize = 64 << 10;
/// Runs that are merged at once.
const RUNS_MAX: usize = 64;
/// Records may be larger and deeper than documents of collections: a key and states besides.
const LIMITS: Limits = Limits { size_max: 1 << 30, depth_max: 240 };

/// A record: what it is ordered by, and the rest.
pub(super) type Record = (Vec<Value<'static>>, Document<'static>);

/// A file that is removed when it is dropped.
struct Temporary {
    file: Arc<dyn VfsFile>,
    path: PathBuf,
    disk: Disk,
}

impl Temporary {
    fn create(disk: &Disk) -> Result<Temporary> {
        let vfs = disk.env.vfs();
        let failed = |error| io_error("making", &disk.folder, error);
        vfs.create_dir_all(&disk.folder).map_err(failed)?;
        let name = format!("{:016x}{}", disk.env.rand64(), Disk::SUFFIX);
        let path = disk.folder.join(name);
        let file = vfs.open(&path, OpenMode::CreateNew);
        let file = file.map_err(|error| io_error("making", &path, error))?;
        Ok(Temporary { file, path, disk: disk.clone() })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What stays behind is known by its name.
        let _ = self.disk.env.vfs().remove(&self.path);
    }
}

fn io_error(doing: &str, path: &std::path::Path, error: std::io::Error) -> Error {
    let message = format!("{doing} the temporary file {}: {error}", path.display());
    Error::new(ErrorKind::Io, message)
}

/// Writes records to a file.
pub(super) struct Writer {
    file: Temporary,
    buffer: Vec<u8>,
    written: u64,
}

impl Writer {
    pub fn new(disk: &Disk) -> Result<Writer> {
        Ok(Writer { file: Temporary::create(disk)?, buffer: Vec::new(), written: 0 })
    }

    pub fn push(&mut self, key: Vec<Value<'_>>, payload: &Document<'_>) -> Result<()> {
        let key = Document::from_fields(vec![("k".into(), Value::Array(Array::from(key)))]);
        key.write_to(&mut self.buffer, &LIMITS)?;
        payload.write_to(&mut self.buffer, &LIMITS)?;
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let written = self.file.file.write_all_at(self.written, &self.buffer);
        written.map_err(|error| io_error("writing", &self.file.path, error))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// The records, to be read from the first one on.
    pub fn finish(mut self) -> Result<Reader> {
        self.flush()?;
        Ok(Reader {
            file: Arc::new(self.file),
            len: self.written,
            at: 0,
            buffer: Vec::new(),
            used: 0,
        })
    }
}

/// Reads records in the order in which they were written. A copy reads on from the same place.
#[derive(Clone)]
pub(super) struct Reader {
    file: Arc<Temporary>,
    len: u64,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Reader {
    /// Reads the next record.
    pub fn next(&mut self) -> Result<Option<Record>> {
        if self.used == self.buffer.len() && self.at == self.len {
            return Ok(None);
        }
        let key = self.document()?;
        let payload = self.document()?;
        let key = match key.into_field("k") {
            Some(Value::Array(key)) => key.into_items(),
            _ => return Err(self.damaged()),
        };
        Ok(Some((key, payload)))
    }

    fn damaged(&self) -> Error {
        let path = self.file.path.display();
        Error::new(
            ErrorKind::Corrupt,
            format!("the temporary file {path} is damaged before byte {}", self.at),
        )
    }

    fn document(&mut self) -> Result<Document<'static>> {
        let head = self.fill(4)?;
        let len = head.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
        let bytes = self.fill(len)?;
        if bytes.len() < 5 {
            return Err(self.damaged());
        }
        let document = Document::from_raw(RawDocument::trusted(bytes)).into_static();
        self.used += len;
        Ok(document)
    }

    /// At least `len` bytes from the place on.
    fn fill(&mut self, len: usize) -> Result<&[u8]> {
        if self.buffer.len() - self.used < len {
            self.buffer.drain(..self.used);
            self.used = 0;
            let missing = (len - self.buffer.len()).max(CHUNK) as u64;
            let more = missing.min(self.len - self.at) as usize;
            let start = self.buffer.len();
            if start + more < len {
                return Err(self.damaged());
            }
            self.buffer.resize(start + more, 0);
            let place = self.buffer.get_mut(start..).unwrap_or_default();
            let read = self.file.file.read_exact_at(self.at, place);
            read.map_err(|error| io_error("reading", &self.file.path, error))?;
            self.at += more as u64;
        }
        Ok(self.buffer.get(self.used..).unwrap_or_default())
    }
}

fn written(disk: &Disk, records: impl Iterator<Item = Result<Record>>) -> Result<Reader> {
    let mut writer = Writer::new(disk)?;
    for record in records {
        let (key, payload) = record?;
        writer.push(key, &payload)?;
    }
    writer.finish()
}

/// What records of several runs are ordered by.
pub(super) type Compare =
    Arc<dyn Fn(&[Value<'static>], &[Value<'static>]) -> std::cmp::Ordering + Send + Sync>;

/// Runs of records, each in order, that are read as one.
pub(super) struct Runs {
    compare: Compare,
    runs: Vec<Reader>,
}

impl Runs {
    pub fn new(compare: Compare) -> Runs {
        Runs { compare, runs: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Writes a run. Of records of equal keys those of earlier runs come first.
    pub fn push(
        &mut self,
        disk: &Disk,
        records: impl Iterator<Item = Result<Record>>,
    ) -> Result<()> {
        self.runs.push(written(disk, records)?);
        if self.runs.len() < RUNS_MAX {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.runs);
        let mut all = Runs { compare: Arc::clone(&self.compare), runs }.merge()?;
        self.runs.push(written(disk, std::iter::from_fn(move || all.next().transpose()))?);
        Ok(())
    }

    /// All records in order.
    pub fn merge(self) -> Result<Merged> {
        let mut heads = Vec::with_capacity(self.runs.len());
        for mut run in self.runs {
            if let Some(head) = run.next()? {
                heads.push((head, run));
            }
        }
        Ok(Merged { compare: self.compare, heads })
    }
}

/// Records of several runs in order. There are few runs, so the least head is looked for in all.
pub(super) struct Merged {
    compare: Compare,
    heads: Vec<(Record, Reader)>,
}

impl Merged {
    pub fn next(&mut self) -> Result<Option<Record>> {
        let mut least: Option<(usize, &[Value<'static>])> = None;
        for (at, ((key, _), _)) in self.heads.iter().enumerate() {
            let less = least.is_none_or(|(_, other)| (self.compare)(key, other).is_lt());
            if less {
                least = Some((at, key));
            }
        }
        let Some((at, _)) = least else { return Ok(None) };
        let Some((head, run)) = self.heads.get_mut(at) else { return Ok(None) };
        match run.next()? {
            Some(next) => Ok(Some(std::mem::replace(head, next))),
            None => Ok(Some(self.heads.remove(at).0)),
        }
    }
}
