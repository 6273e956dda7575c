//! An open tree: finding a key, and the bytes of its nodes.
//!
//! Nodes are read in place where the file is mapped. Each is checked when it is first looked at;
//! which were is known per tree, and handed on to the next one but for the pages that it has
//! written.
//!
//! Not for: walking, and changing anything.
//!
//! Invariants:
//! 1. No page of a tree is written again as long as the tree, or bytes of it, are held: whoever
//!    holds bytes of a page holds the tree's [`Token`]. Where another process writes, which knows
//!    of versions alone, whoever uses a tree holds a version with it, and what outlives that is
//!    copied.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cuesta_engine::FileId;
use cuesta_engine::cache::{Block, BlockCache};
use cuesta_engine::ensure_sound;
use cuesta_engine::env::Map;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::{FRONT_BYTES, FileKind, Files, Region, Reuse};
use cuesta_engine::format::{crc32, name};
use cuesta_engine::index::SegmentMeta;
use cuesta_engine::planted::{self, Bug};

use super::detail::{Detail, Facts};
use super::living::{Checked, Living, Token};
use super::node::{self, Entry, Frame, Pointer};
use super::space::Space;
use crate::ordered::expiry;
use crate::ordered::kind::Kind;
use crate::ordered::value::Value;

/// Newest format of trees.
pub(in crate::btree) const FORMAT: u16 = 1;

/// Trees whose pages another process reuses have numbers of their own in the cache, counted down
/// from the last: files have the first.
static CACHED: AtomicU64 = AtomicU64::new(u64::MAX);

/// Header, heads and slots of most leaves.
const SEARCHED_BYTES: usize = 320;

/// What a checksum of the node that begins at `page` is tied to.
pub(in crate::btree) fn seed(file: FileId, page: u32) -> u64 {
    file.0.rotate_left(40) ^ u64::from(page)
}

/// A mapped file that keeps the pages of a tree from being reused.
struct Pinned {
    map: Map,
    _token: Arc<Token>,
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

/// Where bytes of a node or value lie, for whoever has the tree.
#[derive(Clone)]
pub(in crate::btree) enum Place {
    /// In the map.
    Mapped(Range<usize>),
    /// In memory.
    Loaded(Block),
}

impl Place {
    /// Where it begins in the map, or in itself.
    #[inline]
    pub(in crate::btree) fn start(&self) -> usize {
        match self {
            Place::Mapped(range) => range.start,
            Place::Loaded(_) => 0,
        }
    }

    /// Bytes of memory held.
    pub(in crate::btree) fn memory(&self) -> usize {
        match self {
            Place::Mapped(_) => 0,
            Place::Loaded(block) => block.len(),
        }
    }
}

/// Bytes of a node or value.
pub(in crate::btree) enum Body<'t> {
    /// In the map, from this byte of the file on.
    Mapped(&'t [u8], usize),
    /// In memory.
    Loaded(Block),
}

impl Body<'_> {
    /// Where they lie.
    #[inline]
    pub(in crate::btree) fn into_place(self) -> Place {
        match self {
            Body::Mapped(bytes, start) => Place::Mapped(start..start + bytes.len()),
            Body::Loaded(block) => Place::Loaded(block),
        }
    }

    #[inline]
    pub(in crate::btree) fn bytes(&self) -> &[u8] {
        match self {
            Body::Mapped(bytes, _) => bytes,
            Body::Loaded(block) => block,
        }
    }
}

/// An open tree.
pub struct Tree {
    region: Region,
    detail: Detail,
    facts: Facts,
    checked: Arc<Checked>,
    cache: Arc<BlockCache>,
    /// The file as which nodes and values are cached. Where another process writes over pages,
    /// which tells nobody, what is cached is only good for this tree.
    cached_as: FileId,
    /// The map, which pins: there is none where another process reuses pages, which does not know
    /// of pins. What is kept there is copied.
    map: Option<Map>,
    token: Arc<Token>,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { generation, root, height, .. } = self.detail;
        write!(f, "tree {generation} of {}: {height} below page {root}", self.region.file_id())
    }
}

impl Tree {
    /// Opens the tree that `meta` names. Reads its root.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    pub(in crate::btree) fn open(
        meta: &SegmentMeta,
        files: &dyn Files,
        cache: &Arc<BlockCache>,
        living: &Arc<Living>,
    ) -> Result<Tree> {
        let tree = Tree::unread(meta, files, cache, living)?;
        let Detail { root, height, .. } = tree.detail;
        if root != 0 {
            let level = tree.node(root)?.1.level;
            ensure_sound!(
                level + 1 == height,
                "page {root} is of level {level} in a tree of {height} levels"
            );
        }
        Ok(tree)
    }

    /// The tree that `meta` names, of which nothing needs to be sound.
    ///
    /// # Errors
    /// As [`Tree::open`].
    pub(in crate::btree) fn unchecked(
        meta: &SegmentMeta,
        files: &dyn Files,
        living: &Arc<Living>,
    ) -> Result<Tree> {
        let cache = Arc::new(BlockCache::new(0, Arc::default()));
        Tree::unread(meta, files, &cache, living)
    }

    fn unread(
        meta: &SegmentMeta,
        files: &dyn Files,
        cache: &Arc<BlockCache>,
        living: &Arc<Living>,
    ) -> Result<Tree> {
        let (detail, facts) = Detail::decode(&meta.detail)?;
        let [extent] = meta.extents[..] else {
            return Err(Error::corrupt("a tree lies in one extent"));
        };
        let len = u64::from(detail.pages) * u64::from(detail.page_bytes);
        ensure_sound!(
            extent.kind == FileKind::InPlace && extent.offset == FRONT_BYTES && extent.len == len,
            "an extent at {}+{} is not that of a tree of {} pages of {} bytes",
            extent.offset,
            extent.len,
            detail.pages,
            detail.page_bytes
        );
        // Before anything is read: no page is reused from here on.
        let token = Arc::new(living.enter(extent.file, detail.generation));
        let region = files.region(&extent)?;
        let known = living.checked(extent.file, detail.generation);
        let checked = known.unwrap_or_else(|| Arc::new(Checked::new(detail.pages)));
        let cached_as = match region.reuse() {
            Reuse::Here => extent.file,
            Reuse::Elsewhere => FileId(CACHED.fetch_sub(1, Ordering::Relaxed)),
        };
        let mapped = region.map().filter(|_| region.reuse() == Reuse::Here);
        let map =
            mapped.map(|(map, _)| Map::new(Pinned { map: map.clone(), _token: token.clone() }));
        let cache = cache.clone();
        Ok(Tree { region, detail, facts, checked, cache, cached_as, map, token })
    }

    /// What the manifest keeps of it.
    pub(in crate::btree) fn detail(&self) -> &Detail {
        &self.detail
    }

    /// What is special about its entries.
    pub(in crate::btree) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The file it lies in.
    pub(in crate::btree) fn file(&self) -> FileId {
        self.region.file_id()
    }

    /// What is known of its nodes.
    pub(in crate::btree) fn checked(&self) -> &Checked {
        &self.checked
    }

    #[inline]
    fn page_bytes(&self) -> usize {
        self.detail.page_bytes as usize
    }

    /// What mapped places lie in. It keeps no page from being reused: the tree does.
    pub(in crate::btree) fn map(&self) -> Option<&Map> {
        self.region.map().map(|(map, _)| map)
    }

    /// The bytes at a place in this tree.
    #[inline]
    pub(in crate::btree) fn at<'t>(&'t self, place: &'t Place) -> &'t [u8] {
        match place {
            Place::Mapped(range) => {
                self.map().and_then(|map| map.get(range.clone())).unwrap_or_default()
            }
            Place::Loaded(block) => block,
        }
    }

    /// Bytes at a place, to be kept.
    pub(in crate::btree) fn keep(&self, place: &Place, range: Range<usize>) -> Value {
        let len = range.len();
        match (place, &self.map) {
            (Place::Loaded(block), _) => Value::in_block(block.clone(), range.start, len),
            (Place::Mapped(place), Some(map)) => {
                Value::mapped(map.clone(), place.start + range.start, len)
            }
            (Place::Mapped(_), None) => Value::from(self.at(place).get(range).unwrap_or_default()),
        }
    }

    /// Has the processor fetch what a search looks at in the leaf that begins at `page`.
    #[inline]
    pub(in crate::btree) fn prefetch(&self, page: u32) {
        self.region.prefetch(u64::from(page) * u64::from(self.detail.page_bytes), SEARCHED_BYTES);
    }

    #[cold]
    fn at_page(&self, page: u32, error: Error) -> Error {
        error.context(format_args!("{}, page {page}", name::data(self.file())))
    }

    /// Bytes of `pages` pages from `page` on, `len` of them, checked by `check` if they were not
    /// before.
    #[inline]
    fn body(&self, page: u32, len: usize, check: impl Fn(&[u8]) -> Result<()>) -> Result<Body<'_>> {
        let offset = u64::from(page) * u64::from(self.detail.page_bytes);
        if let Some(bytes) = self.region.mapped(offset, len) {
            if !self.checked.is(page) {
                check(bytes).map_err(|e| self.at_page(page, e))?;
                self.checked.note(page);
            }
            return Ok(Body::Mapped(bytes, (self.region.offset() + offset) as usize));
        }
        let load = || {
            let bytes = self.region.load(offset, len)?;
            check(&bytes).map_err(|e| self.at_page(page, e))?;
            Ok(Block::from(bytes))
        };
        self.cache.get_or_load(self.cached_as, offset, load).map(Body::Loaded)
    }

    /// The node that begins at `page`.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    #[inline]
    pub(in crate::btree) fn node(&self, page: u32) -> Result<(Body<'_>, Frame)> {
        let body = self.node_body(page)?;
        let frame = Frame::parse(body.bytes()).map_err(|e| self.at_page(page, e))?;
        Ok((body, frame))
    }

    /// The node that begins at `page`, whose checksum was not compared, as it is in the file.
    ///
    /// # Errors
    /// As [`Tree::node`].
    pub(in crate::btree) fn node_unchecked(&self, page: u32) -> Result<(Body<'_>, Frame)> {
        let (size, pages) = (self.page_bytes(), self.pages_in_file(page)?);
        self.check_place(page, pages)?;
        let (offset, len) = (u64::from(page) * size as u64, pages as usize * size);
        // It is not to pass for one that was checked.
        let body = match self.region.mapped(offset, len) {
            Some(bytes) => Body::Mapped(bytes, (self.region.offset() + offset) as usize),
            None => Body::Loaded(self.region.load(offset, len)?.into()),
        };
        let frame = Frame::parse(body.bytes()).map_err(|e| self.at_page(page, e))?;
        Ok((body, frame))
    }

    fn check_place(&self, page: u32, pages: u32) -> Result<()> {
        if page == 0 || page.checked_add(pages).is_none_or(|end| end > self.detail.pages) {
            let e = Error::corrupt(format!("{pages} pages of {}", self.detail.pages));
            return Err(self.at_page(page, e));
        }
        Ok(())
    }

    #[inline]
    fn node_body(&self, page: u32) -> Result<Body<'_>> {
        let size = self.page_bytes();
        let offset = u64::from(page) * size as u64;
        let pages = match self.region.mapped(offset, size) {
            // What was found sound lies where a node may.
            Some(first) if node::pages_of(first) == 1 && self.checked.is(page) => {
                return Ok(Body::Mapped(first, (self.region.offset() + offset) as usize));
            }
            Some(first) => node::pages_of(first),
            None => self.pages_of(page)?,
        };
        self.node_body_checked(page, pages)
    }

    #[inline(never)]
    fn node_body_checked(&self, page: u32, pages: u32) -> Result<Body<'_>> {
        self.check_place(page, pages)?;
        let seed = seed(self.file(), page);
        self.body(page, pages as usize * self.page_bytes(), |bytes: &[u8]| {
            match planted::is(Bug::MissingChecksum) {
                true => Ok(()),
                false => node::check(bytes, seed),
            }
        })
    }

    /// Pages of the node that begins at `page`, where nothing is mapped.
    fn pages_of(&self, page: u32) -> Result<u32> {
        let offset = u64::from(page) * u64::from(self.detail.page_bytes);
        if let Some(block) = self.cache.peek(self.cached_as, offset) {
            return Ok(node::pages_of(&block));
        }
        self.pages_in_file(page)
    }

    fn pages_in_file(&self, page: u32) -> Result<u32> {
        let offset = u64::from(page) * u64::from(self.detail.page_bytes);
        Ok(node::pages_of(&self.region.load(offset, 8)?))
    }

    /// The bytes of a value that lies apart, as they are in the file.
    ///
    /// # Errors
    /// As [`Tree::apart`].
    pub(in crate::btree) fn apart_unchecked(&self, pointer: &Pointer) -> Result<Body<'_>> {
        self.check_place(pointer.page, pointer.pages(self.page_bytes()))?;
        let offset = u64::from(pointer.page) * u64::from(self.detail.page_bytes);
        let bytes = self.region.load(offset, pointer.len as usize)?;
        if crc32(&bytes) != pointer.crc {
            let e = Error::corrupt("a value does not match its checksum");
            return Err(self.at_page(pointer.page, e));
        }
        Ok(Body::Loaded(bytes.into()))
    }

    /// The bytes of a value that lies apart.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    pub(in crate::btree) fn apart(&self, pointer: &Pointer) -> Result<Body<'_>> {
        let pages = pointer.pages(self.page_bytes());
        let end = pointer.page.checked_add(pages);
        if pointer.page == 0 || end.is_none_or(|end| end > self.detail.pages) {
            let e = Error::corrupt(format!("a value of {} bytes", pointer.len));
            return Err(self.at_page(pointer.page, e));
        }
        let check = |bytes: &[u8]| {
            let sound = crc32(bytes) == pointer.crc || planted::is(Bug::MissingChecksum);
            ensure_sound!(sound, "a value does not match its checksum");
            Ok(())
        };
        self.body(pointer.page, pointer.len as usize, check)
    }

    /// Whether what is left of the last of `pages` pages, the first `len` bytes of which are used,
    /// is zero.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    pub(in crate::btree) fn ends_in_zeros(&self, page: u32, len: u32, pages: u32) -> Result<bool> {
        let offset = u64::from(page) * u64::from(self.detail.page_bytes) + u64::from(len);
        let rest = u64::from(pages) * u64::from(self.detail.page_bytes) - u64::from(len);
        Ok(self.region.load(offset, rest as usize)?.iter().all(|byte| *byte == 0))
    }

    /// What the tree says of `key`. Allocates nothing where mapped.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    #[inline]
    pub(in crate::btree) fn find(&self, key: &[u8]) -> Result<Option<Hit<'_>>> {
        let mut page = self.detail.root;
        if page == 0 {
            return Ok(None);
        }
        let mut above = self.detail.height;
        loop {
            let (body, frame) = self.node(page)?;
            // Down to a leaf by steps of one: no circle is gone.
            ensure_sound!(
                frame.level + 1 == above,
                "{}, page {page} is of level {} below {above}",
                name::data(self.file()),
                frame.level
            );
            above = frame.level;
            let bytes = body.bytes();
            if frame.level > 0 {
                let down = |i| frame.child(bytes, i);
                let next = frame.child_for(bytes, key).and_then(down);
                page = next.map_err(|e| self.at_page(page, e))?;
                if frame.level == 1 {
                    self.prefetch(page);
                }
                continue;
            }
            let found = frame.find(bytes, key);
            let (i, is_there) = found.map_err(|e| self.at_page(page, e))?;
            if !is_there {
                return Ok(None);
            }
            let entry = frame.entry(bytes, i).map_err(|e| self.at_page(page, e))?;
            return Ok(Some(self.hit(body, entry)?));
        }
    }

    #[inline]
    fn hit<'t>(&'t self, body: Body<'t>, entry: Entry) -> Result<Hit<'t>> {
        let Entry { kind, apart, stored, .. } = entry;
        if !apart {
            return Ok(Hit { tree: self, body, kind, stored });
        }
        let pointer = Pointer::decode(body.bytes().get(stored).unwrap_or_default())?;
        let body = self.apart(&pointer)?;
        let stored = 0..body.bytes().len();
        Ok(Hit { tree: self, body, kind, stored })
    }

    /// Bytes of a body, kept alive; nothing of it is reused meanwhile.
    pub(in crate::btree) fn hold(&self, body: Body<'_>) -> Held {
        match body {
            Body::Loaded(block) => Held::Block(block),
            Body::Mapped(bytes, start) => match &self.map {
                Some(map) => Held::Map { map: map.clone(), start, len: bytes.len() },
                None => Held::Block(Block::from(bytes)),
            },
        }
    }

    /// Which pages are not in the tree.
    ///
    /// # Errors
    /// `Corrupt` or `Io`.
    pub(in crate::btree) fn space(&self) -> Result<Space> {
        let Detail { pages, space: (page, len, _), space_crc, .. } = self.detail;
        if len == 0 {
            return Ok(Space::default());
        }
        let offset = u64::from(page) * u64::from(self.detail.page_bytes);
        let bytes = self.region.load(offset, len as usize)?;
        ensure_sound!(
            crc32(&bytes) == space_crc,
            "{}, page {page}: free pages do not match their checksum",
            name::data(self.file())
        );
        Space::decode(&bytes, pages).map_err(|e| self.at_page(page, e))
    }

    /// Which tree of its file it is.
    pub(in crate::btree) fn generation(&self) -> u64 {
        self.token.generation()
    }
}

/// Bytes with what keeps them alive.
#[derive(Clone)]
pub(in crate::btree) enum Held {
    /// In a mapped file.
    Map { map: Map, start: usize, len: usize },
    /// In memory.
    Block(Block),
}

impl Held {
    /// Bytes of memory held.
    pub(in crate::btree) fn memory(&self) -> usize {
        match self {
            Held::Map { .. } => 0,
            Held::Block(block) => block.len(),
        }
    }

    #[inline]
    pub(in crate::btree) fn bytes(&self) -> &[u8] {
        match self {
            Held::Map { map, start, len } => map.get(*start..*start + *len).unwrap_or_default(),
            Held::Block(block) => block,
        }
    }

    /// A value in the bytes.
    pub(in crate::btree) fn value(&self, range: Range<usize>) -> Value {
        let len = range.len();
        match self {
            Held::Map { map, start, .. } => Value::mapped(map.clone(), start + range.start, len),
            Held::Block(block) => Value::in_block(block.clone(), range.start, len),
        }
    }
}

/// An entry found in a tree.
pub struct Hit<'t> {
    tree: &'t Tree,
    body: Body<'t>,
    kind: Kind,
    stored: Range<usize>,
}

impl Hit<'_> {
    /// What it says of the key.
    #[inline]
    pub(in crate::btree) fn kind(&self) -> Kind {
        self.kind
    }

    /// The stored bytes.
    #[inline]
    pub(in crate::btree) fn bytes(&self) -> &[u8] {
        self.body.bytes().get(self.stored.clone()).unwrap_or_default()
    }

    /// Takes the expiry off the front.
    ///
    /// # Errors
    /// `Corrupt` when there is none.
    pub(in crate::btree) fn take_expiry(&mut self) -> Result<u64> {
        let (expiry_ms, _) = expiry::split(self.bytes())?;
        self.stored.start += expiry::EXPIRY_BYTES;
        Ok(expiry_ms)
    }

    /// The value, to be kept.
    pub(in crate::btree) fn into_value(self) -> Value {
        let stored = self.stored.clone();
        self.tree.hold(self.body).value(stored)
    }
}
