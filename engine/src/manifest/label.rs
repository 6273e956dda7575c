//! What a data file says of itself: which indexes its segments belong to, and what the manifest
//! said of them when they were installed. Only repair reads it, when there is no manifest.
//!
//! ```text
//! data file | segment | segment | ... | payload | tail 28 |
//! tail      | payload bytes u32 | format u16 | reserved u16 | file u64 | magic 8 | crc 4 |
//! ```
//!
//! It lies behind everything else in a sealed file with segments, and in [front] of one that is
//! written in place. Blob files, and those that were prepared apart from any database have none.
//! The checksum covers the payload and the tail before it.
//!
//! [front]: front
//!
//! The payload begins with the database that wrote the file: numbers of files and indexes mean
//! nothing in others. Copies of it, which may share the file, have UUIDs of the same family.
//!
//! Then come the indexes that there were: what a label does not list, though its
//! number had been given, was dropped, for numbers are never used twice.
//!
//! Invariant: it says what was true when the job was installed that wrote the file. What happens to
//! a segment later without another file, such as a move to another level, is not in it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::env::{OpenMode, Vfs};
use crate::error::{Error, Result};
use crate::format::{Reader, crc32, name, put_bytes, put_varint};
use crate::id::{EditNo, FileId, IndexId, SeqNo};
use crate::identity::Uuid;
use crate::index::SegmentMeta;
use crate::manifest::NUMBER_MAX;
use crate::manifest::edit::index_id;

pub mod front;
#[cfg(test)]
mod tests;

const TAIL_BYTES: usize = 28;
const CRC_BYTES: usize = 4;
/// A label is looked for in so many last bytes of a file.
const SEARCH_BYTES: u64 = 4096;
const MAGIC: &[u8; 8] = b"CuestaLb";
const FORMAT: u16 = 2;

/// Where the extents of a segment begin: what it is known by, whatever becomes of it.
pub type Places = Vec<(FileId, u64)>;

/// Where the extents of `meta` begin.
pub fn places(meta: &SegmentMeta) -> Places {
    meta.extents.iter().map(|extent| (extent.file, extent.offset)).collect()
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The database that wrote it.
    pub database: Uuid,
    /// The indexes that there were.
    pub living: Living,
    /// What it says of each index with segments in it.
    pub owners: Vec<Owner>,
}

/// The indexes of a database at some time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Living {
    /// The first number that no index had been given; 0 where nothing was known of others.
    pub next: IndexId,
    /// In ascending order.
    pub ids: Vec<IndexId>,
}

impl Living {
    /// Whether an index had been dropped.
    pub fn lack(&self, id: IndexId) -> bool {
        id < self.next && self.ids.binary_search(&id).is_err()
    }

    /// Whether an index was there.
    fn list(&self, id: IndexId) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.next.0));
        put_varint(out, self.ids.len() as u64);
        let mut before = 0;
        for id in &self.ids {
            put_varint(out, u64::from(id.0 - before));
            before = id.0;
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Living> {
        let mut living = Living { next: index_id(reader)?, ids: Vec::new() };
        let mut before = IndexId(0);
        for _ in 0..reader.len()? {
            let id = index_id(reader)?.0.checked_add(before.0).map(IndexId);
            let id = id.filter(|id| *id > before && *id < living.next);
            before = id.ok_or_else(|| Error::corrupt("its label lists indexes in disorder"))?;
            living.ids.push(before);
        }
        Ok(living)
    }
}

/// What all files together say of the end of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// None says that it was dropped.
    Alive,
    /// It was dropped.
    Dropped,
    /// One says that it had been dropped, and a later one that it was there: not both are true.
    Disputed,
}

/// What became of an index. Of two files, the one that knows of later indexes is later; where they
/// know of the same ones, nothing tells.
pub fn fate(living: &BTreeSet<Living>, id: IndexId) -> Fate {
    let dropped = living.iter().filter(|living| living.lack(id)).map(|living| living.next).min();
    let alive = living.iter().filter(|living| living.list(id)).map(|living| living.next).max();
    match (dropped, alive) {
        (None, _) => Fate::Alive,
        (Some(dropped), Some(alive)) if alive > dropped => Fate::Disputed,
        (Some(_), _) => Fate::Dropped,
    }
}

/// What a file says of one index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The index.
    pub index: IndexId,
    /// Its name.
    pub name: String,
    /// Name of its type.
    pub kind: String,
    /// Its options, in its type's encoding.
    pub options: Vec<u8>,
    /// Everything of the index up to this commit was in segments before.
    pub before: SeqNo,
    /// Everything of it up to this commit is, with all segments of the job; 0 if that had nothing
    /// to do with it, such as a merge.
    pub flushed: SeqNo,
    /// The edit that was to install the job, or a later one: jobs of one index have ascending ones.
    pub edit: EditNo,
    /// For a bulk load, which is no such job: a commit before its own, the last that there was; 0
    /// for a job. Nothing here says whether it was committed, or where its segments went.
    pub loaded_after: SeqNo,
    /// Segments that the job has replaced.
    pub removed: Vec<Places>,
    /// All other segments that the index had.
    pub kept: Vec<Places>,
    /// Segments that the job has made, or given another meaning.
    pub made: Vec<Places>,
    /// Those of the job that lie in this file, wholly or in part, and those that it gave another
    /// meaning where they lay.
    pub segments: Vec<SegmentMeta>,
}

impl Owner {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.index.0));
        put_bytes(out, self.name.as_bytes());
        put_bytes(out, self.kind.as_bytes());
        put_bytes(out, &self.options);
        for number in [self.before.0, self.flushed.0, self.edit.0, self.loaded_after.0] {
            put_varint(out, number);
        }
        for list in [&self.removed, &self.kept, &self.made] {
            put_varint(out, list.len() as u64);
            for places in list {
                put_varint(out, places.len() as u64);
                for (file, offset) in places {
                    put_varint(out, file.0);
                    put_varint(out, *offset);
                }
            }
        }
        put_varint(out, self.segments.len() as u64);
        self.segments.iter().for_each(|meta| meta.encode(out));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Owner> {
        let mut owner = Owner {
            index: index_id(reader)?,
            name: reader.text()?.to_owned(),
            kind: reader.text()?.to_owned(),
            options: reader.bytes()?.to_vec(),
            before: SeqNo(reader.varint()?),
            flushed: SeqNo(reader.varint()?),
            edit: EditNo(reader.varint()?),
            loaded_after: SeqNo(reader.varint()?),
            removed: decode_list(reader)?,
            kept: decode_list(reader)?,
            made: decode_list(reader)?,
            segments: Vec::new(),
        };
        let latest = owner.before.0.max(owner.flushed.0);
        let latest = latest.max(owner.edit.0).max(owner.loaded_after.0);
        crate::ensure_sound!(
            latest <= NUMBER_MAX,
            "its label has numbers that no database reaches"
        );
        for _ in 0..reader.len()? {
            owner.segments.push(SegmentMeta::decode(reader)?);
        }
        Ok(owner)
    }
}

fn decode_list(reader: &mut Reader<'_>) -> Result<Vec<Places>> {
    let mut list = Vec::new();
    for _ in 0..reader.len()? {
        let mut places = Places::new();
        for _ in 0..reader.len()? {
            places.push((FileId(reader.varint()?), reader.varint()?));
        }
        list.push(places);
    }
    Ok(list)
}

/// The label of `file` of a `database`, which says this of the indexes that there are, and of those
/// with segments in it.
///
/// # Errors
/// `Full` when it would take 4 GiB.
pub fn encode(
    (file, database): (FileId, Uuid),
    living: &Living,
    owners: &[Owner],
) -> Result<Vec<u8>> {
    let mut out = database.0.to_vec();
    living.encode(&mut out);
    owners.iter().for_each(|owner| owner.encode(&mut out));
    let len = u32::try_from(out.len()).map_err(|_| Error::full("a label of 4 GiB"))?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&file.0.to_le_bytes());
    out.extend_from_slice(MAGIC);
    let crc = crc32(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    Ok(out)
}

/// Bytes of the label that ends with `tail`, the tail included.
///
/// # Errors
/// `Corrupt` when it is not the tail of the label of `file`; `Unsupported` for another format.
fn check_tail(file: FileId, tail: &[u8]) -> Result<u64> {
    let mut reader = Reader::new(tail, "label");
    let (len, format, _) = (reader.u32()?, reader.u16()?, reader.u16()?);
    let (number, magic) = (reader.u64()?, reader.array::<8>()?);
    crate::ensure_sound!(magic == *MAGIC, "it has no label");
    crate::ensure_sound!(number == file.0, "its label is that of file {number}");
    if format != FORMAT {
        return Err(Error::unsupported(format!(
            "its label has format {format}, and {FORMAT} is the only one known here"
        )));
    }
    Ok(u64::from(len) + TAIL_BYTES as u64)
}

/// Takes in the label of `file`: all of its bytes.
///
/// # Errors
/// `Corrupt`; `Unsupported` for another format.
pub fn decode(file: FileId, label: &[u8]) -> Result<Label> {
    let payload_len = label.len().checked_sub(TAIL_BYTES);
    let payload_len = payload_len.ok_or_else(|| Error::corrupt("it is too short for a label"))?;
    let (payload, tail) = label.split_at(payload_len);
    crate::ensure_sound!(
        check_tail(file, tail)? == label.len() as u64,
        "its label has another length"
    );
    let (covered, crc) = label.split_at(label.len() - 4);
    crate::ensure_sound!(
        crc32(covered).to_le_bytes() == *crc,
        "its label does not match its checksum"
    );
    let mut reader = Reader::new(payload, "label");
    let database = Uuid(reader.array()?);
    let living = Living::decode(&mut reader)?;
    let mut label = Label { database, living, owners: Vec::new() };
    while !reader.is_empty() {
        label.owners.push(Owner::decode(&mut reader)?);
    }
    Ok(label)
}

/// Where the label ends in the last bytes of a file, which zeros may follow.
fn end_of(last: &[u8]) -> Result<usize> {
    let magic = last.windows(MAGIC.len()).rposition(|bytes| bytes == MAGIC);
    let end = magic.map(|at| at + MAGIC.len() + CRC_BYTES);
    let zeros = |end: &usize| last.get(*end..).is_some_and(|rest| rest.iter().all(|b| *b == 0));
    end.filter(zeros).ok_or_else(|| Error::not_found("it has no label"))
}

/// Reads the label of `file` in `dir`.
///
/// # Errors
/// `NotFound` when it has none; `Corrupt` for a damaged one; `Unsupported`; `Io`.
pub fn read(vfs: &dyn Vfs, dir: &Path, file: FileId) -> Result<Label> {
    let file_name = name::data(file);
    let failed = |e| Error::io(format_args!("reading {file_name}"), e);
    let open = match vfs.open(&dir.join(&file_name), OpenMode::Read) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::corrupt(format!("{file_name} is missing")));
        }
        opened => opened.map_err(failed)?,
    };
    let len = open.len().map_err(failed)?;
    let load = |end: u64, bytes: u64| -> Result<Vec<u8>> {
        let at = end.checked_sub(bytes);
        let at = at.ok_or_else(|| Error::corrupt("it is too short for a label"))?;
        let mut label = vec![0; bytes as usize];
        open.read_exact_at(at, &mut label).map_err(failed)?;
        Ok(label)
    };
    let label = load(len, len.min(SEARCH_BYTES)).and_then(|last| {
        let end = len - (last.len() - end_of(&last)?) as u64;
        let bytes = check_tail(file, &load(end, TAIL_BYTES as u64)?)?;
        decode(file, &load(end, bytes)?)
    });
    label.map_err(|e| e.context(file_name.clone()))
}
