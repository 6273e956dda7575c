//! `Pages`: one file whose pages are reused in place, and a tree in it that is never overwritten.
//!
//! ```text
//! page | checksum u32, tied to the page's number | level u8 | zero u8 | entries u16 | entry ...
//! entry of level 0 | key: byte string | value: byte string
//! entry above      | least key below: byte string | page varint
//! ```
//!
//! Page 0 holds nothing: 0 is the root of an empty tree. A flush writes new leaves for those that
//! change, a new directory above all leaves, and the number of the new root in the segment's
//! detail. There is one segment or none.
//!
//! Invariants:
//! 1. A page that a tree names is not written before the edit that let go of it is durable and no
//!    view reaches an older one.
//! 2. Every page but 0 is either in the tree or in one list of free pages, never in two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use cuesta_engine::file::{Extent, FileKind, Files, Output, Region};
use cuesta_engine::format::{Reader, crc32_seeded, put_bytes, put_varint};
use cuesta_engine::index::{
    Aim, Debt, Edit, Footprint, Heirs, IndexType, KnownBy, Live, Load, MergePlan, Remnant, Salvage,
    SegmentMeta, Services, State, Work,
};
use cuesta_engine::{EditNo, Error, FileId, Result, SegmentId, SeqNo, ensure_sound};

use super::{Changes, Keep, Kind, Table, TableWriter};
use super::{changes_at, changes_of, delete_op, not_loaded, prepare_ops, put_op};

const HEADER_BYTES: usize = 8;
/// Pages written in one step of work.
const STEP_PAGES: usize = 2;
/// A file is rewritten when it has this many pages, and half of them are free.
const REWRITE_PAGES: u64 = 32;
const LEVELS_MAX: u8 = 16;

/// An index of small keys and values in the pages of one file.
pub struct Pages {
    page_bytes: usize,
    keep: Keep,
    /// Whether it panics when it is asked when something is due.
    panics: bool,
}

/// An open tree. Pages are read when they are asked for.
pub struct Tree {
    region: Region,
    detail: Detail,
}

/// What the manifest keeps of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Detail {
    page_bytes: u64,
    /// Pages of the file, used or free.
    pages: u64,
    /// The page at the top; 0 when the tree is empty.
    root: u64,
    /// Pages that may be written.
    free: BTreeSet<u64>,
    /// Pages that the edit that installs this tree frees.
    freed: BTreeSet<u64>,
    /// Pages that earlier edits freed.
    waiting: BTreeMap<EditNo, BTreeSet<u64>>,
}

impl Pages {
    /// Options of an index.
    pub fn with(page_bytes: u16, keep: Keep) -> Vec<u8> {
        let mut options = page_bytes.to_le_bytes().to_vec();
        options.push(u8::from(keep == Keep::Needed));
        options
    }

    /// Options of an index that panics when it is asked when something is due.
    pub fn panicking() -> Vec<u8> {
        let mut options = Pages::with(512, Keep::All);
        options[2] = 2;
        options
    }

    /// Bytes of key and value together, at most.
    fn entry_bytes_max(&self) -> usize {
        (self.page_bytes - HEADER_BYTES) / 4 - 8
    }
}

impl Kind for Pages {
    fn put(ops: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        put_op(ops, key, value);
    }

    fn delete(ops: &mut Vec<u8>, key: &[u8]) {
        delete_op(ops, key);
    }

    fn dump(state: &State<Pages>, at: SeqNo) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut content = BTreeMap::new();
        for live in state.live.iter() {
            content.extend(live.segment.entries()?);
        }
        for (key, value) in changes_at(state, at) {
            match value {
                Some(value) => _ = content.insert(key, value),
                None => _ = content.remove(&key),
            }
        }
        Ok(content)
    }

    fn options() -> Vec<u8> {
        Pages::with(512, Keep::All)
    }
}

impl IndexType for Pages {
    const NAME: &'static str = "test-pages";
    const FORMAT: u16 = 1;

    type Writer = TableWriter;
    type Memtable = Table;
    type Segment = Tree;
    type Layout = ();

    fn configure(options: &[u8], _services: &Services) -> Result<Pages> {
        let mut reader = Reader::new(options, "options of test-pages");
        let invalid = |e: Error| Error::invalid(e.message().to_owned());
        let page_bytes = usize::from(reader.u16().map_err(invalid)?);
        let (keep, panics) = match reader.u8().map_err(invalid)? {
            0 => (Keep::All, false),
            1 => (Keep::Needed, false),
            2 => (Keep::All, true),
            other => return Err(Error::unsupported(format!("pruning of kind {other}"))),
        };
        reader.finish().map_err(invalid)?;
        if !page_bytes.is_power_of_two() || !(128..=32768).contains(&page_bytes) {
            return Err(Error::invalid(format!("a page of {page_bytes} bytes")));
        }
        Ok(Pages { page_bytes, keep, panics })
    }

    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
        let limit = self.entry_bytes_max();
        prepare_ops(ops, footprint, |key, value| {
            let size = key.len() + value.map_or(0, <[u8]>::len);
            if size > limit {
                return Err(Error::invalid(format!("an entry of {size} bytes exceeds {limit}")));
            }
            Ok(())
        })
    }

    fn create(&self) -> (TableWriter, Arc<Table>) {
        Table::new(self.keep)
    }

    fn open(&self, meta: &Arc<SegmentMeta>, files: &dyn Files) -> Result<Tree> {
        let detail = Detail::decode(&meta.detail)?;
        let [extent] = meta.extents[..] else {
            return Err(Error::corrupt("a tree of pages lies in one extent"));
        };
        ensure_sound!(meta.format == 1, "a tree of pages of format {}", meta.format);
        let len = detail.pages.checked_mul(detail.page_bytes);
        ensure_sound!(
            extent.kind == FileKind::InPlace && extent.offset == 0 && len == Some(extent.len),
            "an extent at {}+{} is not that of {} pages",
            extent.offset,
            extent.len,
            detail.pages
        );
        ensure_sound!(
            detail.page_bytes == self.page_bytes as u64,
            "pages of {} bytes in an index of {}",
            detail.page_bytes,
            self.page_bytes
        );
        let tree = Tree { region: files.region(&extent)?, detail };
        if tree.detail.root != 0 {
            tree.page(tree.detail.root)?;
        }
        Ok(tree)
    }

    fn arrange(&self, current: &[Live<Pages>]) -> Result<()> {
        ensure_sound!(current.len() <= 1, "an index of pages with {} trees", current.len());
        Ok(())
    }

    fn load(&self, _current: &[Live<Pages>]) -> Result<Box<dyn Load>> {
        Err(not_loaded::<Pages>())
    }

    fn accept(&self, _given: &[Live<Pages>], _footprint: &mut Footprint) -> Result<()> {
        Err(not_loaded::<Pages>())
    }

    fn due_ms(&self, _current: &[Live<Pages>], _after_ms: u64) -> Option<u64> {
        assert!(!self.panics, "nobody may ask this index what is due");
        None
    }

    fn note_ingested(&self, _at: SeqNo) {}

    fn place(
        &self,
        _at: SeqNo,
        _given: &[Live<Pages>],
        _current: &[Live<Pages>],
    ) -> Result<Box<dyn Work>> {
        Err(not_loaded::<Pages>())
    }

    fn flush(&self, frozen: &[Arc<Table>], current: &[Live<Pages>]) -> Result<Box<dyn Work>> {
        let (changes, newest) = changes_of(frozen, current);
        let then = current.first().cloned();
        Ok(Box::new(Writing { page_bytes: self.page_bytes, changes, newest, then, plan: None }))
    }

    fn plan(
        &self,
        current: &[Live<Pages>],
        busy: &BTreeSet<SegmentId>,
        aim: Aim<'_>,
    ) -> Option<MergePlan> {
        let live = current.first().filter(|live| !busy.contains(&live.id))?;
        let detail = &live.segment.detail;
        let free = detail.unused().count() as u64;
        let sparse = detail.pages >= REWRITE_PAGES && free > detail.pages / 2;
        let worth = match aim {
            Aim::Steady => sparse,
            Aim::Compact(wanted) => free > 0 && wanted.contains(&live.id),
        };
        worth.then(|| MergePlan {
            inputs: vec![live.id],
            pressure: 0.1,
            bytes: live.meta.bytes(),
            detail: 0,
            heirs: Heirs::None,
        })
    }

    fn debt(&self, _current: &[Live<Pages>]) -> Debt {
        Debt::default()
    }

    fn merge(&self, plan: &MergePlan, current: &[Live<Pages>]) -> Result<Box<dyn Work>> {
        let Some(live) = current.iter().find(|live| plan.inputs.contains(&live.id)) else {
            return Err(Error::internal("a rewrite of a tree that is not there"));
        };
        let entries = live.segment.entries()?;
        let changes = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        Ok(Box::new(Rewriting {
            replaced: live.id,
            writing: Writing {
                page_bytes: self.page_bytes,
                changes,
                newest: live.meta.newest,
                then: None,
                plan: None,
            },
        }))
    }

    /// A tree that a flush has changed meanwhile is not replaced: the rewrite is for nothing.
    fn catch_up(
        &self,
        merged: Edit,
        inputs: &[Live<Pages>],
        current: &[Live<Pages>],
        _out: &mut dyn Output,
    ) -> Result<Edit> {
        let same = inputs.iter().map(|live| live.id).eq(current.iter().map(|live| live.id));
        Ok(if same { merged } else { Edit::default() })
    }

    fn salvage(
        &self,
        segments: &[Remnant],
        _known: KnownBy,
        files: &dyn Files,
        found: &mut dyn Salvage,
    ) -> Result<()> {
        let saved =
            |meta: &Arc<SegmentMeta>| self.open(meta, files).and_then(|segment| segment.saved());
        super::salvage(segments, saved, found)
    }

    fn builds_on(&self, _ops: &[u8], _tell: &mut dyn FnMut(&[u8])) {}

    fn verify(&self, live: &Live<Pages>, report: &mut dyn FnMut(String)) -> Result<()> {
        let tree = &live.segment;
        match tree.walk() {
            Ok((entries, mut pages)) => {
                if entries.len() as u64 != live.meta.entries {
                    report(format!("{} entries, not {}", entries.len(), live.meta.entries));
                }
                for page in tree.detail.unused() {
                    if !pages.insert(page) {
                        report(format!("page {page} is in use and free, or free twice"));
                    }
                }
                let all = 1..tree.detail.pages;
                if !pages.iter().copied().eq(all) {
                    report(format!("{} pages of {} are known", pages.len(), tree.detail.pages));
                }
            }
            Err(error) if error.kind() == cuesta_engine::ErrorKind::Corrupt => {
                report(error.message().to_owned());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Detail {
    /// Pages that are not in the tree.
    fn unused(&self) -> impl Iterator<Item = u64> {
        let waiting = self.waiting.values().flatten();
        self.free.iter().chain(&self.freed).chain(waiting).copied()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for field in [self.page_bytes, self.pages, self.root] {
            put_varint(&mut out, field);
        }
        put_pages(&mut out, &self.free);
        put_pages(&mut out, &self.freed);
        put_varint(&mut out, self.waiting.len() as u64);
        for (edit, pages) in &self.waiting {
            put_varint(&mut out, edit.0);
            put_pages(&mut out, pages);
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Detail> {
        let mut reader = Reader::new(bytes, "tree of pages");
        let mut detail = Detail {
            page_bytes: reader.varint()?,
            pages: reader.varint()?,
            root: reader.varint()?,
            ..Detail::default()
        };
        detail.free = read_pages(&mut reader)?;
        detail.freed = read_pages(&mut reader)?;
        for _ in 0..reader.varint()? {
            let edit = EditNo(reader.varint()?);
            detail.waiting.insert(edit, read_pages(&mut reader)?);
        }
        reader.finish()?;
        ensure_sound!(
            detail.root < detail.pages && detail.unused().all(|page| page < detail.pages),
            "a tree of {} pages names one beyond them",
            detail.pages
        );
        Ok(detail)
    }
}

fn put_pages(out: &mut Vec<u8>, pages: &BTreeSet<u64>) {
    put_varint(out, pages.len() as u64);
    let mut last = 0;
    for page in pages {
        put_varint(out, page - last);
        last = *page;
    }
}

fn read_pages(reader: &mut Reader<'_>) -> Result<BTreeSet<u64>> {
    let mut pages = BTreeSet::new();
    let mut last = 0u64;
    for _ in 0..reader.varint()? {
        let step = reader.varint()?;
        let page = last.checked_add(step).filter(|_| step > 0);
        last = page.ok_or_else(|| reader.corrupt("pages that do not ascend"))?;
        pages.insert(last);
    }
    Ok(pages)
}

/// A page taken apart.
struct Page {
    level: u8,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Page {
    fn encode(&self, number: u64, page_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&[self.level, 0]);
        bytes.extend_from_slice(&(self.entries.len() as u16).to_le_bytes());
        for (key, value) in &self.entries {
            put_bytes(&mut bytes, key);
            put_bytes(&mut bytes, value);
        }
        assert!(bytes.len() <= page_bytes, "a page of {} bytes", bytes.len());
        bytes.resize(page_bytes, 0);
        let crc = crc32_seeded(number, &bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(number: u64, bytes: &[u8]) -> Result<Page> {
        let mut reader = Reader::new(bytes, "page");
        let crc = reader.u32()?;
        ensure_sound!(
            crc == crc32_seeded(number, reader.rest()),
            "page {number}: checksum does not match"
        );
        let (level, _) = (reader.u8()?, reader.u8()?);
        let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for _ in 0..reader.u16()? {
            let entry = (reader.bytes()?.to_vec(), reader.bytes()?.to_vec());
            ensure_sound!(
                entries.last().is_none_or(|(last, _)| *last < entry.0),
                "page {number}: keys do not ascend"
            );
            entries.push(entry);
        }
        Ok(Page { level, entries })
    }

    /// The pages below, with their least keys.
    fn children(&self) -> Result<Level> {
        let child = |(key, page): &(Vec<u8>, Vec<u8>)| {
            let mut reader = Reader::new(page, "page number");
            Ok((key.clone(), reader.varint()?))
        };
        self.entries.iter().map(child).collect()
    }
}

/// Bytes of an entry in a page, at most.
fn entry_bytes(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + 6
}

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Pages of a level with their least keys, in order.
type Level = Vec<(Vec<u8>, u64)>;

impl Tree {
    fn page(&self, number: u64) -> Result<Page> {
        ensure_sound!(
            number > 0 && number < self.detail.pages,
            "page {number} of {} pages",
            self.detail.pages
        );
        let size = self.detail.page_bytes;
        let bytes = self.region.load(number * size, size as usize)?;
        Page::decode(number, &bytes)
    }

    /// The leaves in order, with their least keys, and the pages above them.
    fn leaves(&self) -> Result<(Level, BTreeSet<u64>)> {
        let mut above = BTreeSet::new();
        if self.detail.root == 0 {
            return Ok((Vec::new(), above));
        }
        let mut level = vec![(Vec::new(), self.detail.root)];
        let mut height = self.page(self.detail.root)?.level;
        ensure_sound!(height <= LEVELS_MAX, "a tree of {height} levels");
        while height > 0 {
            let mut next = Vec::new();
            for (_, number) in &level {
                let page = self.page(*number)?;
                ensure_sound!(page.level == height, "page {number} is of level {}", page.level);
                ensure_sound!(above.insert(*number), "page {number} is named twice");
                next.append(&mut page.children()?);
            }
            level = next;
            height -= 1;
        }
        Ok((level, above))
    }

    /// All entries, and all pages of the tree.
    fn walk(&self) -> Result<(Entries, BTreeSet<u64>)> {
        let (leaves, mut pages) = self.leaves()?;
        let mut entries = BTreeMap::new();
        for (least, number) in leaves {
            let page = self.page(number)?;
            ensure_sound!(page.level == 0, "page {number} is of level {}", page.level);
            ensure_sound!(pages.insert(number), "page {number} is named twice");
            for (key, value) in page.entries {
                ensure_sound!(
                    key >= least && entries.last_key_value().is_none_or(|(last, _)| *last < key),
                    "page {number}: keys out of place"
                );
                entries.insert(key, value);
            }
        }
        Ok((entries, pages))
    }

    /// Everything, as operations.
    fn saved(&self) -> Result<Vec<u8>> {
        let mut ops = Vec::new();
        for (key, value) in self.entries()? {
            put_op(&mut ops, &key, &value);
        }
        Ok(ops)
    }

    fn entries(&self) -> Result<Entries> {
        Ok(self.walk()?.0)
    }
}

/// A new tree on its way to disk.
struct Writing {
    page_bytes: usize,
    changes: Changes,
    newest: SeqNo,
    /// The tree that is changed.
    then: Option<Live<Pages>>,
    plan: Option<Plan>,
}

/// What is to be written.
struct Plan {
    file: FileId,
    detail: Detail,
    entries: u64,
    pages: VecDeque<(u64, Vec<u8>)>,
}

impl Work for Writing {
    fn memory(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| plan.pages.len() * self.page_bytes)
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        let Some(plan) = &mut self.plan else {
            if self.then.is_none() && self.changes.values().all(Option::is_none) {
                return Ok(Some(Edit::default()));
            }
            self.plan = Some(self.plan(out)?);
            return Ok(None);
        };
        for _ in 0..STEP_PAGES {
            let Some((number, bytes)) = plan.pages.pop_front() else { break };
            assert!(number > 0 && number < plan.detail.pages, "page {number} has a place");
            out.write_at(plan.file, number * plan.detail.page_bytes, &bytes)?;
        }
        if !plan.pages.is_empty() {
            return Ok(None);
        }
        let len = plan.detail.pages * plan.detail.page_bytes;
        let meta = SegmentMeta {
            format: Pages::FORMAT,
            extents: vec![Extent { file: plan.file, offset: 0, len, kind: FileKind::InPlace }],
            entries: plan.entries,
            newest: self.newest,
            detail: plan.detail.encode(),
            ..SegmentMeta::default()
        };
        let remove = self.then.iter().map(|live| live.id).collect();
        Ok(Some(Edit { remove, add: vec![meta] }))
    }
}

impl Writing {
    fn plan(&mut self, out: &mut dyn Output) -> Result<Plan> {
        let file = match &self.then {
            Some(live) => live.meta.extents[0].file,
            None => out.create(FileKind::InPlace)?,
        };
        let detail = self.begin(out);
        let entries = self.then.as_ref().map_or(0, |live| live.meta.entries);
        let mut plan = Plan { file, detail, entries, pages: VecDeque::new() };
        let changes = std::mem::take(&mut self.changes);
        let leaves = self.change_leaves(changes, &mut plan)?;
        self.build(leaves, &mut plan);
        Ok(plan)
    }

    /// The lists of free pages before anything is written.
    fn begin(&self, out: &dyn Output) -> Detail {
        let Some(live) = &self.then else {
            let page_bytes = self.page_bytes as u64;
            return Detail { page_bytes, pages: 1, ..Detail::default() };
        };
        let mut detail = live.segment.detail.clone();
        let freed = std::mem::take(&mut detail.freed);
        detail.waiting.entry(live.installed).or_default().extend(freed);
        let (ready, waiting) =
            detail.waiting.into_iter().partition(|(edit, _)| out.may_reuse(*edit));
        detail.waiting = waiting;
        detail.waiting.retain(|_, pages| !pages.is_empty());
        let ready: BTreeMap<EditNo, BTreeSet<u64>> = ready;
        detail.free.extend(ready.into_values().flatten());
        detail
    }

    /// New leaves for those that change; returns all leaves, in order.
    fn change_leaves(&self, mut changes: Changes, plan: &mut Plan) -> Result<Level> {
        let Some(live) = &self.then else {
            return Ok(self.write_leaves(BTreeMap::new(), changes, plan));
        };
        let (old, above) = live.segment.leaves()?;
        plan.detail.freed.extend(above);
        let mut leaves = Vec::new();
        for i in 0..old.len() {
            let rest = match old.get(i + 1) {
                Some((next, _)) => changes.split_off(next),
                None => Changes::new(),
            };
            let here = std::mem::replace(&mut changes, rest);
            let number = old[i].1;
            if here.is_empty() {
                leaves.push(old[i].clone());
                continue;
            }
            let entries: BTreeMap<_, _> = live.segment.page(number)?.entries.into_iter().collect();
            plan.detail.freed.insert(number);
            leaves.append(&mut self.write_leaves(entries, here, plan));
        }
        if old.is_empty() {
            leaves = self.write_leaves(BTreeMap::new(), changes, plan);
        }
        Ok(leaves)
    }

    fn write_leaves(&self, mut entries: Entries, changes: Changes, plan: &mut Plan) -> Level {
        let before = entries.len() as u64;
        for (key, value) in changes {
            match value {
                Some(value) => _ = entries.insert(key, value),
                None => _ = entries.remove(&key),
            }
        }
        plan.entries = plan.entries + entries.len() as u64 - before;
        self.write_level(0, entries.into_iter().collect(), plan)
    }

    /// Fills pages with entries, in order; returns their least keys and numbers.
    fn write_level(&self, level: u8, entries: Vec<(Vec<u8>, Vec<u8>)>, plan: &mut Plan) -> Level {
        let mut written = Vec::new();
        for range in split(&entries, self.page_bytes - HEADER_BYTES) {
            let number = plan.detail.free.pop_first().unwrap_or_else(|| {
                plan.detail.pages += 1;
                plan.detail.pages - 1
            });
            let page = Page { level, entries: entries[range].to_vec() };
            written.push((page.entries[0].0.clone(), number));
            plan.pages.push_back((number, page.encode(number, self.page_bytes)));
        }
        written
    }

    /// The directory above the leaves.
    fn build(&self, mut pages: Level, plan: &mut Plan) {
        let mut level = 0;
        while pages.len() > 1 {
            level += 1;
            assert!(level <= LEVELS_MAX, "a tree of too many levels");
            let entry = |(key, number): (Vec<u8>, u64)| {
                let mut value = Vec::new();
                put_varint(&mut value, number);
                (key, value)
            };
            pages = self.write_level(level, pages.into_iter().map(entry).collect(), plan);
        }
        plan.detail.root = pages.first().map_or(0, |(_, number)| *number);
    }
}

/// Cuts entries into pieces that fit a page each.
fn split(entries: &[(Vec<u8>, Vec<u8>)], room: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (at, (key, value)) in entries.iter().enumerate() {
        let more = entry_bytes(key, value);
        if size + more > room {
            pieces.push(start..at);
            (start, size) = (at, 0);
        }
        size += more;
    }
    if start < entries.len() {
        pieces.push(start..entries.len());
    }
    pieces
}

/// A tree written anew into a file of its own.
struct Rewriting {
    replaced: SegmentId,
    writing: Writing,
}

impl Work for Rewriting {
    fn memory(&self) -> usize {
        self.writing.memory()
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        let edit = self.writing.step(out)?;
        Ok(edit.map(|edit| Edit { remove: vec![self.replaced], ..edit }))
    }
}
