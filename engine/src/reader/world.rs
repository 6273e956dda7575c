//! Indexes that are made from what the manifest lists and what the log has behind it, before
//! anybody reads them.
//!
//! Not for: memtables that are being read (see `reader`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::Body;
use crate::error::{Error, Result};
use crate::file::Files;
use crate::id::{IndexId, LogPos, SegmentId, SeqNo};
use crate::index::{ErasedState, Horizon, Listed, MemtableWriter, SegmentMeta};
use crate::log::{Kind, Record};
use crate::manifest::{IndexRecord, ManifestState};
use crate::recovery::{Tools, open_indexes};
use crate::tail::{Content, Frozen, IndexWriter};
use crate::version::{Catalog, CatalogOp, Entry, Version};

/// An index that is being made.
pub(super) struct Making {
    pub(super) writer: IndexWriter,
    pub(super) state: Arc<dyn ErasedState>,
    /// Operations up to this commit are in its segments.
    flushed: SeqNo,
    /// Why it could not be made. Of an index that is dropped later, files may be gone.
    failure: Option<Error>,
}

impl dyn ErasedState {
    /// Segments that come and go when `listed` are the current ones.
    pub(super) fn changed(&self, listed: &[Listed]) -> (Vec<Listed>, Vec<SegmentId>) {
        let had = self.listed();
        let has = |those: &[Listed], one: &Listed| those.iter().any(|that| that.id == one.id);
        let come = listed.iter().filter(|one| !has(&had, one)).cloned();
        let gone = had.iter().filter(|one| !has(listed, one)).map(|one| one.id);
        (come.collect(), gone.collect())
    }

    /// This index with an empty memtable and the segments `listed`, of which those that are open
    /// stay open.
    ///
    /// # Errors
    /// What opening the others fails with.
    pub(super) fn with_segments(
        &self,
        listed: &[Listed],
        files: &dyn Files,
    ) -> Result<(Box<dyn MemtableWriter>, Arc<dyn ErasedState>)> {
        let (come, gone) = self.changed(listed);
        let opened = self.open(&come, files)?;
        let (writer, rotated) = self.rotated();
        let memtables = rotated.frozen_bytes().len();
        Ok((writer, rotated.installed(memtables, &gone, &opened)?))
    }
}

/// Which commits matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// All: indexes come and go.
    All,
    /// Those to the indexes that are there.
    These,
}

/// Indexes that are being made.
pub(super) struct World<'g> {
    tools: Tools<'g>,
    extent: Extent,
    indexes: BTreeMap<IndexId, Making>,
    catalog: Catalog,
    catalog_flushed: SeqNo,
    next_index: IndexId,
    unlisted: Vec<SeqNo>,
}

impl Making {
    /// An index whose segments are `state`'s, which has no memtables.
    pub(super) fn new(writer: IndexWriter, state: Arc<dyn ErasedState>, flushed: SeqNo) -> Making {
        Making { writer, state, flushed, failure: None }
    }

    fn write(&mut self, (seq, clock_ms): (SeqNo, u64), ops: &[u8]) -> Result<()> {
        let mut checked = ops.to_vec();
        self.state.prepare(&mut checked, None)?;
        // Nobody reads it yet.
        let horizon = Horizon { published: seq.0 - 1, pins: &[] };
        self.writer.writer.apply(seq, clock_ms, &checked, &horizon);
        self.writer.first.get_or_insert(seq);
        Ok(())
    }

    fn ingest(&mut self, (seq, at): (SeqNo, LogPos), tools: Tools<'_>, metas: &[u8]) -> Result<()> {
        let metas = SegmentMeta::decode_all(metas)?;
        let given = self.state.accept(&metas, tools.files, None)?;
        if let Some(first) = self.writer.first.take() {
            let (bytes, content) = (self.state.active_bytes() as u64, Content::Memtable);
            let last = SeqNo(seq.0 - 1);
            self.writer.frozen.push_back(Frozen { first, last, end: at, bytes, content });
            (self.writer.writer, self.state) = self.state.rotated();
        }
        let frozen =
            Frozen { first: seq, last: seq, end: at, bytes: 0, content: Content::Segments };
        self.writer.frozen.push_back(frozen);
        self.state = self.state.ingested(seq, &given)?;
        Ok(())
    }
}

impl<'g> World<'g> {
    /// Everything that the manifest lists.
    pub(super) fn of_manifest(tools: Tools<'g>, state: &ManifestState) -> Result<World<'g>> {
        let empty = Version::empty(state.edit(), Arc::default());
        let (version, writers) = open_indexes(tools, state, empty)?;
        let mut indexes = BTreeMap::new();
        for writer in writers {
            let flushed = state.index(writer.id).map(|record| record.flushed).unwrap_or_default();
            let opened = version.state(writer.id)?.clone();
            indexes.insert(writer.id, Making::new(writer, opened, flushed));
        }
        let catalog = (*version.catalog).clone();
        Ok(World::of_all(tools, state, indexes, catalog))
    }

    /// Everything that the manifest lists; segments that `version` has open stay open.
    pub(super) fn beside(
        tools: Tools<'g>,
        state: &ManifestState,
        version: &Version,
    ) -> Result<World<'g>> {
        let (mut indexes, mut catalog) = (BTreeMap::new(), Catalog::default());
        for (id, record) in state.indexes() {
            let IndexRecord { name, kind, options, flushed, .. } = record;
            let (name, kind, options) = (name.clone(), kind.clone(), options.clone());
            let (writer, listed) = match version.state(*id) {
                Ok(old) => old.with_segments(&record.listed(), tools.files)?,
                Err(_) => {
                    let (writer, empty) =
                        tools.registry.get(&kind)?.make(&options, tools.services)?;
                    let opened = empty.open(&record.listed(), tools.files)?;
                    (writer, empty.installed(0, &[], &opened)?)
                }
            };
            let entry = Entry { name, kind, options };
            catalog.apply(&CatalogOp::Create { id: *id, entry })?;
            indexes.insert(*id, Making::new(IndexWriter::new(*id, writer), listed, *flushed));
        }
        Ok(World::of_all(tools, state, indexes, catalog))
    }

    fn of_all(
        tools: Tools<'g>,
        state: &ManifestState,
        indexes: BTreeMap<IndexId, Making>,
        catalog: Catalog,
    ) -> World<'g> {
        World {
            tools,
            extent: Extent::All,
            indexes,
            catalog,
            catalog_flushed: state.catalog_flushed(),
            next_index: state.counters().next_index,
            unlisted: Vec::new(),
        }
    }

    /// These indexes alone.
    pub(super) fn of_indexes(tools: Tools<'g>, indexes: BTreeMap<IndexId, Making>) -> World<'g> {
        World {
            tools,
            extent: Extent::These,
            indexes,
            catalog: Catalog::default(),
            catalog_flushed: SeqNo::MAX,
            next_index: IndexId(u32::MAX),
            unlisted: Vec::new(),
        }
    }

    /// Applies what of a commit is in no segment.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported`.
    pub(super) fn apply(&mut self, record: &Record<'_>) -> Result<()> {
        let seq = record.header.seq;
        let kind = record.kind()?;
        for (id, ops) in Body::decode(record.body)?.parts {
            if id == IndexId::CATALOG {
                if seq > self.catalog_flushed {
                    self.change_catalog(seq, &CatalogOp::decode(ops)?)?;
                }
                continue;
            }
            let Some(making) = self.indexes.get_mut(&id) else {
                let known = self.extent == Extent::These || id < self.next_index;
                crate::ensure_sound!(known, "commit {seq} writes to index {id}, which never was");
                continue;
            };
            if seq <= making.flushed || making.failure.is_some() {
                continue;
            }
            let done = match kind {
                Kind::Ingest => making.ingest((seq, record.at), self.tools, ops),
                Kind::Commit | Kind::Close => making.write((seq, record.header.clock_ms), ops),
            };
            making.failure =
                done.err().map(|e| e.context(format_args!("commit {seq}, index {id}")));
        }
        Ok(())
    }

    fn change_catalog(&mut self, seq: SeqNo, op: &CatalogOp) -> Result<()> {
        self.catalog.apply(op)?;
        self.unlisted.push(seq);
        match op {
            CatalogOp::Create { id, entry: Entry { kind, options, .. } } => {
                let Tools { registry, services, .. } = self.tools;
                let (writer, state) = registry.get(kind)?.make(options, services)?;
                let mut writer = IndexWriter::new(*id, writer);
                writer.unlisted = Some(seq);
                self.indexes.insert(*id, Making::new(writer, state, SeqNo(0)));
                self.next_index = self.next_index.max(id.next());
            }
            CatalogOp::Rename { .. } => {}
            CatalogOp::Drop { id } => drop(self.indexes.remove(id)),
        }
        Ok(())
    }

    /// The indexes.
    ///
    /// # Errors
    /// Why one of them could not be made.
    pub(super) fn finish(self) -> Result<Made> {
        let mut indexes = BTreeMap::new();
        for (id, mut making) in self.indexes {
            if let Some(failure) = making.failure.take() {
                return Err(failure);
            }
            indexes.insert(id, making);
        }
        let World { catalog, next_index, unlisted, .. } = self;
        Ok(Made { indexes, catalog, next_index, unlisted })
    }
}

/// Indexes that were made.
pub(super) struct Made {
    pub(super) indexes: BTreeMap<IndexId, Making>,
    pub(super) next_index: IndexId,
    /// Changes of the catalog that the manifest does not list.
    pub(super) unlisted: Vec<SeqNo>,
    catalog: Catalog,
}

impl Made {
    /// As a version, in the place of `before`, and the writers of its memtables.
    pub(super) fn into_version(self, mut empty: Version) -> (Version, Vec<IndexWriter>) {
        let mut writers = Vec::new();
        for (id, making) in self.indexes {
            empty = empty.with(id, Some(making.state));
            writers.push(making.writer);
        }
        (empty.with_catalog(self.catalog), writers)
    }
}
