//! A flush: what memtables, or a bulk load, say is put into a new tree.

use std::sync::Arc;

use cuesta_engine::cache::BlockCache;
use cuesta_engine::clock::Clock;
use cuesta_engine::error::Result;
use cuesta_engine::file::{Extent, FRONT_BYTES, FileKind, Output};
use cuesta_engine::id::SegmentId;
use cuesta_engine::index::{Edit, SegmentMeta, Work};
use cuesta_engine::{EditNo, SeqNo};

use super::STEP_BYTES;
use super::paper::Paper;
use super::rebuild::{Keep, Rebuild};
use crate::btree::segment::cursor::TreeCursor;
use crate::btree::segment::detail::{Detail, Facts};
use crate::btree::segment::living::Living;
use crate::btree::segment::tree::{FORMAT, Tree};
use crate::ordered::expiry;
use crate::ordered::kind::Kind;
use crate::ordered::merging::Merging;
use crate::ordered::operand::{Below, Pile, Rules};
use crate::ordered::source::{Deletes, Source};
use crate::ordered::span::Span;

/// The tree that is current.
#[derive(Clone)]
pub(in crate::btree) struct Before {
    /// Its number.
    pub id: SegmentId,
    /// The edit that made it current.
    pub installed: EditNo,
    /// What the manifest says of it.
    pub meta: Arc<SegmentMeta>,
    /// It.
    pub tree: Arc<Tree>,
}

/// What a flush needs to know.
pub(in crate::btree) struct Job {
    /// What is flushed, newest first, each with its range deletes.
    pub sources: Vec<(Source<TreeCursor>, Option<Deletes<TreeCursor>>)>,
    /// What the range deletes of all of them cover: ascending, neither overlapping nor touching.
    pub gone: Vec<Span>,
    /// The newest commit in them, if that is known before they are gone through.
    pub newest: u64,
    /// The current tree.
    pub before: Option<Before>,
    /// Bytes of a page.
    pub page_bytes: usize,
    /// How full nodes are written.
    pub fill_percent: usize,
    /// Where the new tree goes.
    pub place: Place,
    /// How values change by themselves.
    pub rules: Arc<Rules>,
    /// What expires.
    pub expiry: Expiry,
    /// Which trees are looked at.
    pub living: Arc<Living>,
    /// Where nodes are in memory.
    pub cache: Arc<BlockCache>,
}

/// Where a new tree is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::btree) enum Place {
    /// Beside the old one; both share what did not change.
    Beside,
    /// In a file of its own, unless there is nothing to be gained: the old one goes.
    Apart,
}

/// What counts as gone because it has expired.
pub(in crate::btree) struct Expiry {
    /// What expires by this time.
    pub by_ms: u64,
    /// What is told of it.
    pub clock: Arc<Clock>,
}

/// Files of fewer bytes are not worth writing anew to give space back.
const SPARSE_BYTES_MIN: u64 = 4 << 20;

/// Whether so much of a tree's file is unused that it is to be written anew: more than the new tree
/// and the old one would take, each whole.
pub(in crate::btree) fn is_sparse(unused: u64, detail: &Detail) -> bool {
    let pages = u64::from(detail.pages);
    pages * u64::from(detail.page_bytes) >= SPARSE_BYTES_MIN && unused * 5 > pages * 3
}

impl Keep for Expiry {
    fn stays(&mut self, _key: &[u8], kind: Kind, stored: &[u8]) -> Result<bool> {
        if kind != Kind::Expiring || expiry::split(stored)?.0 > self.by_ms {
            return Ok(true);
        }
        self.clock.rely_on(self.by_ms);
        Ok(false)
    }
}

/// Puts the newest version of every key of some memtables into a new tree.
pub(in crate::btree) struct FlushWork {
    merging: Merging<TreeCursor>,
    gone: Vec<Span>,
    rebuild: Option<Rebuild>,
    before: Option<Before>,
    page_bytes: usize,
    fill_percent: usize,
    place: Place,
    rules: Arc<Rules>,
    expiry: Expiry,
    living: Arc<Living>,
    cache: Arc<BlockCache>,
    newest: u64,
}

impl FlushWork {
    /// Starts a flush; reads nothing yet.
    pub(in crate::btree) fn new(job: Job) -> FlushWork {
        FlushWork {
            merging: Merging::new(job.sources),
            gone: job.gone,
            rebuild: None,
            before: job.before,
            page_bytes: job.page_bytes,
            fill_percent: job.fill_percent,
            place: job.place,
            rules: job.rules,
            expiry: job.expiry,
            living: job.living,
            cache: job.cache,
            newest: job.newest,
        }
    }

    /// Begins the new tree; `None` when it would be the old one.
    fn begin(&mut self, out: &mut dyn Output) -> Result<Option<Rebuild>> {
        self.merging.first()?;
        let gone = std::mem::take(&mut self.gone);
        let Some(before) = &self.before else {
            if self.merging.current().is_none() {
                return Ok(None);
            }
            let paper = Paper::create(out, self.page_bytes)?;
            let nothing = (0, Facts::default());
            return Ok(Some(Rebuild::new(None, nothing, paper, self.fill_percent, gone)));
        };
        let same = self.merging.current().is_none() && gone.is_empty();
        if same && self.place == Place::Beside {
            return Ok(None);
        }
        let tree = &before.tree;
        let known = (before.meta.entries, *tree.facts());
        let mut space = tree.space()?;
        if self.place == Place::Apart || is_sparse(space.unused(), tree.detail()) {
            let paper = Paper::create(out, self.page_bytes)?;
            return Ok(Some(Rebuild::apart(tree.clone(), known.0, paper, self.fill_percent, gone)));
        }
        let living = &self.living;
        space.advance(before.installed, tree.generation(), |edit, generation| {
            out.may_reuse(edit) && living.is_over(tree.file(), generation)
        });
        let paper = Paper::after(tree, space);
        Ok(Some(Rebuild::new(Some(tree.clone()), known, paper, self.fill_percent, gone)))
    }

    /// Puts what is said of the current key into the new tree.
    fn change(&mut self, rebuild: &mut Rebuild, out: &mut dyn Output) -> Result<()> {
        let Some(source) = self.merging.current() else { return Ok(()) };
        self.newest = self.newest.max(source.committed());
        let (key, kind, stored) = (source.key(), source.kind(), source.value());
        match kind {
            Kind::Put | Kind::Expiring => rebuild.set(key, Some((kind, stored)), out)?,
            Kind::Blob => rebuild.set(key, Some((Kind::Put, &source.large()?)), out)?,
            Kind::Delete => rebuild.set(key, None, out)?,
            Kind::Merge => {
                let (kind, value) = self.merged(rebuild, key)?;
                let entry = (kind != Kind::Delete).then_some((kind, &*value));
                rebuild.set(key, entry, out)?;
            }
        }
        Ok(())
    }

    /// What comes of operands, and of what the tree has of their key.
    fn merged(&self, rebuild: &mut Rebuild, key: &[u8]) -> Result<(Kind, Vec<u8>)> {
        let mut pile: Pile<'_> = self.merging.pile()?;
        let old = match pile.is_open() {
            true => rebuild.old(key)?,
            false => None,
        };
        if let Some((kind, held)) = &old {
            pile.add(*kind, held.bytes())?;
            return Ok(pile.into_entry(&self.rules, Below::Nothing));
        }
        Ok(pile.into_entry(&self.rules, Below::Nothing))
    }
}

impl Work for FlushWork {
    fn memory(&self) -> usize {
        self.merging.memory() + self.rebuild.as_ref().map_or(0, Rebuild::memory)
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        let mut rebuild = match self.rebuild.take() {
            Some(rebuild) => rebuild,
            None => match self.begin(out)? {
                Some(rebuild) => rebuild,
                None => return Ok(Some(Edit::default())),
            },
        };
        rebuild.take_bytes();
        while let Some(source) = self.merging.current() {
            if !rebuild.seek(Some(source.key()), &mut self.expiry, out, STEP_BYTES)? {
                self.rebuild = Some(rebuild);
                return Ok(None);
            }
            self.change(&mut rebuild, out)?;
            self.merging.next()?;
        }
        if !rebuild.seek(None, &mut self.expiry, out, STEP_BYTES)? {
            self.rebuild = Some(rebuild);
            return Ok(None);
        }
        let meta = meta_of(&mut rebuild, out)?;
        let paper = rebuild.paper();
        paper.forget_before(&self.cache);
        if let Some(checked) = paper.checked() {
            self.living.hand_on(paper.file, paper.generation, checked);
        }
        let older = self.before.as_ref().map_or(0, |before| before.meta.newest.0);
        let meta = SegmentMeta { newest: SeqNo(self.newest.max(older)), ..meta };
        let remove = self.before.iter().map(|before| before.id).collect();
        Ok(Some(Edit { remove, add: vec![meta] }))
    }
}

/// Ends a tree; what the manifest is to say of it, but for when it was committed.
///
/// # Errors
/// What writing fails with.
pub(super) fn meta_of(rebuild: &mut Rebuild, out: &mut dyn Output) -> Result<SegmentMeta> {
    let (detail, facts, entries) = rebuild.finish(out)?;
    let len = u64::from(detail.pages) * u64::from(detail.page_bytes);
    let file = rebuild.paper().file;
    Ok(SegmentMeta {
        format: FORMAT,
        extents: vec![Extent { file, offset: FRONT_BYTES, len, kind: FileKind::InPlace }],
        entries,
        detail: detail.encode(&facts),
        ..SegmentMeta::default()
    })
}
