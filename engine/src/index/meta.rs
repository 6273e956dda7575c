//! What the manifest says of segments, and how what is current changes.

use crate::error::Result;
use crate::file::{Extent, FileKind};
use crate::format::{Reader, put_bytes, put_varint};
use crate::id::{FileId, SegmentId, SeqNo};

/// Large values of a segment in a file of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The file.
    pub file: FileId,
    /// Bytes in it that the segment points to.
    pub live_bytes: u64,
}

/// A segment, as the manifest lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentMeta {
    /// Format of its bytes, of its index type.
    pub format: u16,
    /// Where it lies.
    pub extents: Vec<Extent>,
    /// Files with its large values.
    pub blobs: Vec<Blob>,
    /// Things in it, tombstones included.
    pub entries: u64,
    /// Everything in it was committed at or before this.
    pub newest: SeqNo,
    /// Key that its bytes are encrypted with; 0 is none.
    pub key_id: u32,
    /// What the index type wants to know before it opens the segment, such as level and key
    /// range; its own encoding.
    pub detail: Vec<u8>,
}

impl SegmentMeta {
    /// Bytes of its extents.
    pub fn bytes(&self) -> u64 {
        self.extents.iter().map(|extent| extent.len).sum()
    }

    /// Its files, each at least once.
    pub fn files(&self) -> impl Iterator<Item = FileId> {
        let extents = self.extents.iter().map(|extent| extent.file);
        extents.chain(self.blobs.iter().map(|blob| blob.file))
    }

    /// Appends its bytes.
    ///
    /// ```text
    /// format varint | extents | blobs | entries varint | newest varint | key id varint | detail
    /// extents: count varint, then file, offset, length (varints) and kind (u8) of each
    /// blobs:   count varint, then file and live bytes (varints) of each
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.format));
        put_varint(out, self.extents.len() as u64);
        for extent in &self.extents {
            put_varint(out, extent.file.0);
            put_varint(out, extent.offset);
            put_varint(out, extent.len);
            out.push(match extent.kind {
                FileKind::Sealed => 0,
                FileKind::InPlace => 1,
            });
        }
        put_varint(out, self.blobs.len() as u64);
        for blob in &self.blobs {
            put_varint(out, blob.file.0);
            put_varint(out, blob.live_bytes);
        }
        put_varint(out, self.entries);
        put_varint(out, self.newest.0);
        put_varint(out, u64::from(self.key_id));
        put_bytes(out, &self.detail);
    }

    /// Reads one.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn decode(reader: &mut Reader<'_>) -> Result<SegmentMeta> {
        let (meta, detail) = SegmentMeta::decode_apart(reader)?;
        Ok(SegmentMeta { detail: detail.to_vec(), ..meta })
    }

    /// Reads one, with the detail apart.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn decode_apart<'a>(reader: &mut Reader<'a>) -> Result<(SegmentMeta, &'a [u8])> {
        let format = reader.varint()?;
        let format = u16::try_from(format).map_err(|_| reader.corrupt("format too large"))?;
        let mut extents = Vec::new();
        let mut total = 0u64;
        for _ in 0..reader.len()? {
            let extent = decode_extent(reader)?;
            total = total
                .checked_add(extent.len)
                .ok_or_else(|| reader.corrupt("extents of more bytes than can be counted"))?;
            extents.push(extent);
        }
        let mut blobs = Vec::new();
        for _ in 0..reader.len()? {
            blobs.push(Blob { file: FileId(reader.varint()?), live_bytes: reader.varint()? });
        }
        let entries = reader.varint()?;
        let newest = SeqNo(reader.varint()?);
        let key_id = reader.varint()?;
        let key_id = u32::try_from(key_id).map_err(|_| reader.corrupt("key id too large"))?;
        let detail = Vec::new();
        let meta = SegmentMeta { format, extents, blobs, entries, newest, key_id, detail };
        Ok((meta, reader.bytes()?))
    }

    /// Appends a list of them, which ends where the bytes do.
    pub fn encode_all(all: &[SegmentMeta], out: &mut Vec<u8>) {
        all.iter().for_each(|meta| meta.encode(out));
    }

    /// Reads such a list, which has at least one.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<SegmentMeta>> {
        let mut reader = Reader::new(bytes, "list of segments");
        let mut all = vec![SegmentMeta::decode(&mut reader)?];
        while !reader.is_empty() {
            all.push(SegmentMeta::decode(&mut reader)?);
        }
        Ok(all)
    }
}

/// The only result of background work: remove these, add those, at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Segments that are current no longer.
    pub remove: Vec<SegmentId>,
    /// New segments; a new one may use the files of a removed one.
    pub add: Vec<SegmentMeta>,
}

/// What to merge.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePlan {
    /// Segments that the merge reads and removes.
    pub inputs: Vec<SegmentId>,
    /// How urgent: the plan with the highest pressure of all indexes runs first.
    pub pressure: f64,
    /// Bytes of the inputs.
    pub bytes: u64,
    /// What the index type has decided, such as the target level; its own meaning.
    pub detail: u64,
    /// What a compaction goes on with that wants one of the inputs.
    pub heirs: Heirs,
}

/// Which of the segments that an edit adds are wanted by a compaction that wants one of those that
/// it removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heirs {
    /// All of them.
    All,
    /// Those that begin where one of the removed ones began: they are the same data.
    Same,
    /// None: there is nothing more to gain, but for what changes from now on.
    None,
}

fn decode_extent(reader: &mut Reader<'_>) -> Result<Extent> {
    let file = FileId(reader.varint()?);
    let offset = reader.varint()?;
    let len = reader.varint()?;
    if offset.checked_add(len).is_none() {
        return Err(reader.corrupt("extent that ends beyond any file"));
    }
    let kind = match reader.u8()? {
        0 => FileKind::Sealed,
        1 => FileKind::InPlace,
        _ => return Err(reader.corrupt("extent in a file of unknown kind")),
    };
    Ok(Extent { file, offset, len, kind })
}
