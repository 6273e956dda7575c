//! What is committed at once: operations of any number of indexes.
//!
//! ```text
//! body of a commit record | notes: byte string | part, part, ... to its end
//! part                    | index id varint | operations: byte string
//! ```
//!
//! The body of a record that ingests segments is the same, with what is known of segments, one
//! behind the other, in the place of operations.
//!
//! Notes belong to front-ends: the engine stores them and gives them to readers of the log.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::error::Result;
use crate::format::{Reader, put_bytes, put_varint, varint_len};
use crate::id::IndexId;
use crate::index::SegmentMeta;

/// Operations that become visible and durable together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    parts: Vec<(IndexId, Vec<u8>)>,
    notes: Vec<u8>,
}

impl Batch {
    /// A batch without operations.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Where operations of `index` are appended, in the encoding of its type.
    pub fn part(&mut self, index: IndexId) -> &mut Vec<u8> {
        let i = match self.parts.iter().position(|(id, _)| *id == index) {
            Some(i) => i,
            None => {
                self.parts.push((index, Vec::new()));
                self.parts.len() - 1
            }
        };
        &mut self.parts[i].1
    }

    /// Where a front-end appends its notes.
    pub fn notes(&mut self) -> &mut Vec<u8> {
        &mut self.notes
    }

    /// Bytes of notes.
    pub fn notes_len(&self) -> usize {
        self.notes.len()
    }

    /// Operations by index.
    pub fn parts(&self) -> &[(IndexId, Vec<u8>)] {
        &self.parts
    }

    pub(crate) fn parts_mut(&mut self) -> &mut Vec<(IndexId, Vec<u8>)> {
        &mut self.parts
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|(_, ops)| ops.is_empty()) && self.notes.is_empty()
    }

    /// Forgets everything, keeping memory for reuse.
    pub fn clear(&mut self) {
        self.parts.clear();
        self.notes.clear();
    }

    /// Bytes that [`Batch::encode`] appends, at least.
    pub fn encoded_len(&self) -> usize {
        let part = |(id, ops): &(IndexId, Vec<u8>)| {
            varint_len(u64::from(id.0)) + varint_len(ops.len() as u64) + ops.len()
        };
        let notes = varint_len(self.notes.len() as u64) + self.notes.len();
        notes + self.parts.iter().map(part).sum::<usize>()
    }

    /// Appends the body of the commit record; returns where in `out` the operations of each index
    /// lie.
    pub fn encode(&self, out: &mut Vec<u8>) -> Vec<(IndexId, Range<usize>)> {
        put_bytes(out, &self.notes);
        let mut places = Vec::with_capacity(self.parts.len());
        for (id, ops) in &self.parts {
            if !ops.is_empty() {
                put_varint(out, u64::from(id.0));
                put_bytes(out, ops);
                places.push((*id, out.len() - ops.len()..out.len()));
            }
        }
        places
    }
}

/// The body of a commit record, taken apart.
#[derive(Debug)]
pub struct Body<'a> {
    /// Notes of the front-end.
    pub notes: &'a [u8],
    /// Operations by index, in the order of the batch.
    pub parts: Vec<(IndexId, &'a [u8])>,
}

impl<'a> Body<'a> {
    /// Takes `body` apart.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn decode(body: &'a [u8]) -> Result<Body<'a>> {
        let mut reader = Reader::new(body, "commit record");
        let notes = reader.bytes()?;
        let mut parts = Vec::new();
        let mut known = BTreeSet::new();
        while !reader.is_empty() {
            let id = u32::try_from(reader.varint()?);
            let id = IndexId(id.map_err(|_| reader.corrupt("index number too large"))?);
            crate::ensure_sound!(known.insert(id), "commit record: two parts for index {id}");
            parts.push((id, reader.bytes()?));
        }
        Ok(Body { notes, parts })
    }

    /// What the parts say if the record ingests segments.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn segments(&self) -> impl Iterator<Item = (IndexId, Result<Vec<SegmentMeta>>)> {
        self.parts.iter().map(|(id, bytes)| (*id, SegmentMeta::decode_all(bytes)))
    }
}
