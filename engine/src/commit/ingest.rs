//! Segments that a commit makes part of the database: they were written before, and the record
//! names them.
//!
//! ```text
//!  files: written, synced, named ► checked, opened ► record ► on top of frozen memtables ► flush
//!                                                             (readers find them there)    places
//!                                                                                          them
//! ```
//!
//! Invariants:
//! 1. The files and their names are durable before the record is written: whoever finds the record
//!    finds them.
//! 2. Until a flush has had the manifest name them, the record alone says that they are needed.
//! 3. From before the record is written, nobody removes the files: where writing it fails, it may
//!    be whole all the same.
//!
//! Not for: writing the segments.

use std::sync::Arc;

use crate::commit::append::rotate;
use crate::error::Result;
use crate::file::FileOutput;
use crate::id::{IndexId, LogPos, SeqNo};
use crate::index::ErasedIngested;
use crate::parts::Parts;
use crate::tail::{Content, Frozen, Tail};

/// Durable files, and the segments in them. Dropping this removes the files, unless a record may
/// name them.
pub(crate) struct Ingesting {
    parts: Arc<Parts>,
    given: Vec<(IndexId, ErasedIngested)>,
    out: Option<FileOutput>,
}

impl Ingesting {
    /// The files of `out`, with the segments `given`.
    pub(crate) fn new(
        parts: Arc<Parts>,
        out: FileOutput,
        given: Vec<(IndexId, ErasedIngested)>,
    ) -> Ingesting {
        Ingesting { parts, given, out: Some(out) }
    }

    /// The segments, by index.
    pub(crate) fn given(&self) -> &[(IndexId, ErasedIngested)] {
        &self.given
    }

    /// Leaves the files where they are: a record is about to name them.
    pub(super) fn leave(&mut self) {
        if let Some(mut out) = self.out.take() {
            out.leave();
        }
    }
}

impl Drop for Ingesting {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            self.given.clear();
            remove(&self.parts, out);
        }
    }
}

/// Removes the files of a load that was given up. Once the directory is not ours any more their
/// numbers may belong to another handle: then they are left to the next opening.
pub(crate) fn remove(parts: &Parts, mut out: FileOutput) {
    match parts.hold() {
        Ok(_ours) => out.abandon(|_| false),
        Err(_) => out.leave(),
    }
}

/// Puts segments that the commit `at` ingests on top of all that is `before` it. The versions so
/// far are good up to there.
///
/// # Errors
/// `Internal` for segments of other index types.
pub(crate) fn ingest(
    parts: &Parts,
    tail: &mut Tail,
    before: (SeqNo, LogPos),
    (at, end): (SeqNo, LogPos),
    given: &[(IndexId, ErasedIngested)],
) -> Result<()> {
    let ids: Vec<IndexId> = given.iter().map(|(id, _)| *id).collect();
    rotate(parts, tail, &ids, before);
    let current = parts.versions.current();
    let mut next = current.value.at(current.value.edit);
    for (id, given) in given {
        let Some(writer) = tail.writer(*id) else { continue };
        let state = current.value.state(*id)?.ingested(at, given)?;
        let content = Content::Segments;
        writer.frozen.push_back(Frozen { first: at, last: at, end, bytes: 0, content });
        next = next.with(*id, Some(state));
    }
    parts.versions.seal_and_replace(before.0.0, next);
    parts.work.notify();
    Ok(())
}
