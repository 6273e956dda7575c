//! What recovery must know of bulk loads before it clears anything away.
//!
//! Not for: making them part of the database again (see `replay.rs`).

use std::collections::BTreeSet;

use crate::batch::Body;
use crate::error::Result;
use crate::id::{FileId, IndexId};
use crate::index::SegmentMeta;
use crate::log::{Kind, Record};
use crate::manifest::ManifestState;
use crate::version::CatalogOp;

/// What the log says of segments that were ingested and that the manifest does not name yet.
#[derive(Debug, Default)]
pub(super) struct Loads {
    /// Their files.
    pub(super) files: BTreeSet<FileId>,
    /// Indexes that were dropped after something was ingested: their files may be gone.
    pub(super) dropped: BTreeSet<IndexId>,
}

impl Loads {
    /// Takes in a record.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn see(&mut self, state: &ManifestState, record: &Record<'_>) -> Result<()> {
        let seq = record.header.seq;
        match record.kind()? {
            Kind::Ingest => {
                for (id, metas) in Body::decode(record.body)?.segments() {
                    let flushed = state.index(id).map(|index| index.flushed).unwrap_or_default();
                    if seq > flushed {
                        let metas = metas.map_err(|e| e.context(format_args!("commit {seq}")))?;
                        self.files.extend(metas.iter().flat_map(SegmentMeta::files));
                    }
                }
            }
            Kind::Commit if !self.files.is_empty() => {
                let body = Body::decode(record.body)?;
                for (_, op) in body.parts.iter().filter(|(id, _)| *id == IndexId::CATALOG) {
                    if let CatalogOp::Drop { id } = CatalogOp::decode(op)? {
                        self.dropped.insert(id);
                    }
                }
            }
            Kind::Commit | Kind::Close => {}
        }
        Ok(())
    }
}
