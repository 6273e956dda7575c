//! Whole trees: nodes, values that lie apart, and what says which pages are free.
//!
//! ```text
//! input    | switches u8 | entries u32 | detail: length u16, bytes | the pages of the tree
//! switch 0 | checksums are made right: of all nodes below the root, and of the space
//! ```

use cuesta_engine::env::sim::SimDisk;
use cuesta_engine::env::{OpenMode, Vfs};
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::{DataFile, Extent, FRONT_BYTES, FileKind, Files, Output, Region};
use cuesta_engine::format::{Reader, crc32, crc32_seeded};
use cuesta_engine::id::{EditNo, FileId, LogNo, SegmentId, SeqNo};
use cuesta_engine::index::{Edit, IndexType, Live, SegmentMeta, Work};
use cuesta_indexes::btree::{Btree, Options};
use cuesta_indexes::ordered::op;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::input::{self, put_u32_at, u32_at};
use crate::options::services;
use crate::questions::{self, Answers, Trust};

const CHECKSUMS: u32 = 0;

/// The file in which trees lie.
const FILE: FileId = FileId(7);
/// Bytes of a node's header.
const HEADER_BYTES: usize = 48;
/// Nodes that are sealed at most.
const SEALED_MAX: usize = 4096;

/// Opens the input as a tree and asks it everything: all keys in both directions, single keys,
/// seeks; once with the file mapped and once without; has it checked, and what is intact saved.
///
/// Asserts that a tree in which the check finds nothing answers all questions alike; and that both
/// ways give the same answers and the same kinds of errors.
pub fn bytes_tree(bytes: &[u8]) {
    answers_of(bytes);
}

/// What the input answers, if it can be opened.
pub(crate) fn answers_of(bytes: &[u8]) -> Option<Answers> {
    let (switches, rest) = input::switches(bytes);
    let (entries, rest) = rest.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (mut detail, mut pages) = (rest[..len].to_vec(), rest[len..].to_vec());
    if switches.on(CHECKSUMS)
        && let Ok(top) = Top::read(&detail)
    {
        top.seal(&mut pages, &mut detail);
    }
    let entries = u64::from(u32::from_le_bytes(*entries));
    let options = Options { merge_operator: "append".into(), ..Options::default() };
    // A node that two others lead to is compared with its checksum once where it is mapped.
    let trust = if switches.on(CHECKSUMS) { Trust::IfSound } else { Trust::Always };
    let meta = meta_of(entries, detail, pages.len() as u64);
    pages.splice(..0, [0; FRONT_BYTES as usize]);
    questions::check::<Btree>(&pages, &meta, &options.encode(), trust)
}

fn meta_of(entries: u64, detail: Vec<u8>, len: u64) -> SegmentMeta {
    SegmentMeta {
        format: Btree::FORMAT,
        extents: vec![Extent { file: FILE, offset: FRONT_BYTES, len, kind: FileKind::InPlace }],
        entries,
        newest: SeqNo(7),
        detail,
        ..SegmentMeta::default()
    }
}

/// What a description says of where things are, read after `docs/formats/btree.md` alone.
struct Top {
    page_bytes: usize,
    root: u32,
    /// First page and bytes.
    space: (u32, u32),
    /// Where its checksum is.
    crc_at: usize,
}

impl Top {
    fn read(detail: &[u8]) -> Result<Top> {
        let mut reader = Reader::new(detail, "description of a tree");
        reader.u8()?;
        let page_bytes = reader.varint()?;
        let mut number = || Ok::<u32, Error>(u32::try_from(reader.varint()?).unwrap_or(u32::MAX));
        let [_, _, root, _, page, bytes, _, _] = [(); 8].map(|()| number());
        let (root, space) = (root?, (page?, bytes?));
        let page_bytes = usize::try_from(page_bytes).unwrap_or(usize::MAX);
        Ok(Top { page_bytes: page_bytes.clamp(1, 1 << 16), root, space, crc_at: reader.offset() })
    }

    fn seal(&self, pages: &mut [u8], detail: &mut [u8]) {
        let (mut waiting, mut sealed) = (vec![self.root], BTreeSet::new());
        while let Some(page) = waiting.pop() {
            if page != 0 && sealed.len() < SEALED_MAX && sealed.insert(page) {
                self.seal_node(pages, page, &mut waiting);
            }
        }
        let (page, len) = self.space;
        let at = (page as usize).saturating_mul(self.page_bytes);
        if let Some(space) = pages.get(at..at.saturating_add(len as usize)) {
            put_u32_at(detail, self.crc_at, crc32(space));
        }
    }

    /// Seals a node, and adds what it leads to.
    fn seal_node(&self, pages: &mut [u8], page: u32, children: &mut Vec<u32>) {
        let at = (page as usize).saturating_mul(self.page_bytes);
        let Some(&[_, _, _, _, level, _, a, b, c, d, e, f]) =
            pages.get(at..).and_then(<[u8]>::first_chunk)
        else {
            return;
        };
        let [taken, count, prefix] =
            [[a, b], [c, d], [e, f]].map(|bytes| usize::from(u16::from_le_bytes(bytes)));
        let size = taken.max(1) * self.page_bytes;
        let Some(node) = pages.get_mut(at..at.saturating_add(size)) else { return };
        let seed = FILE.0.rotate_left(40) ^ u64::from(page);
        let crc = crc32_seeded(seed, node.get(4..).unwrap_or_default());
        put_u32_at(node, 0, crc);
        let slot_bytes = if size <= 1 << 16 { 2 } else { 4 };
        let at = HEADER_BYTES + prefix + (4 + slot_bytes) * count;
        if level > 0 {
            children.extend((0..count).filter_map(|i| u32_at(node, at + 4 * i)));
        }
    }
}

/// What an index writes, in memory: one file.
#[derive(Default)]
struct Memory(Vec<u8>);

impl Output for Memory {
    fn create(&mut self, _: FileKind) -> Result<FileId> {
        Ok(FILE)
    }

    fn create_apart(&mut self) -> Result<FileId> {
        Ok(FILE)
    }

    fn adopt(&mut self, _: LogNo, _: u64) -> Option<FileId> {
        None
    }

    fn append(&mut self, _: FileId, bytes: &[u8]) -> Result<u64> {
        let at = self.0.len();
        self.0.extend_from_slice(bytes);
        Ok(at as u64)
    }

    fn len(&mut self, _: FileId) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn write_at(&mut self, _: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        let at = offset as usize;
        self.0.resize(self.0.len().max(at + bytes.len()), 0);
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read_at(&mut self, _: FileId, offset: u64, buf: &mut [u8]) -> Result<()> {
        let at = offset as usize;
        let found = self.0.get(at..at + buf.len()).ok_or_else(|| Error::corrupt("too short"))?;
        buf.copy_from_slice(found);
        Ok(())
    }

    fn may_reuse(&self, _: EditNo) -> bool {
        true
    }
}

impl Files for Memory {
    fn region(&self, extent: &Extent) -> Result<Region> {
        let (disk, path) = (SimDisk::new(), input::dir().join("sample"));
        disk.write_file(&path, &self.0);
        let file = disk.open(&path, OpenMode::Read).expect("a file that was just written");
        Region::new(Arc::new(DataFile::new(FILE, FileKind::InPlace, file)?), extent, None)
    }

    fn whole(&self, _: FileId) -> Result<Region> {
        Err(Error::internal("a tree lies in an extent"))
    }
}

/// What a load of these keys writes.
fn load(index: &Btree, keys: impl Iterator<Item = u32>, out: &mut Memory) -> SegmentMeta {
    let mut load = index.load(&[]).expect("a load");
    for n in keys {
        let (mut ops, key) = (Vec::new(), format!("fruit/{n:04}"));
        let value = vec![n as u8; if n % 50 == 17 { 1500 } else { 10 + n as usize % 30 }];
        match n % 9 {
            4 => op::put_expiring(&mut ops, key.as_bytes(), &value, 1 << 40),
            _ => op::put(&mut ops, key.as_bytes(), &value),
        }
        .expect("short keys");
        load.add(&ops, out).expect("keys in order");
    }
    load.finish(out).expect("a tree").remove(0)
}

fn live(index: &Btree, meta: SegmentMeta, id: u64, out: &Memory) -> Live<Btree> {
    let meta = Arc::new(meta);
    let segment = Arc::new(index.open(&meta, out).expect("a sound tree"));
    Live { id: SegmentId(id), meta, segment, installed: EditNo(id) }
}

fn done(mut work: Box<dyn Work>, out: &mut Memory) -> SegmentMeta {
    loop {
        if let Some(Edit { mut add, .. }) = work.step(out).expect("a flush in memory") {
            return add.remove(0);
        }
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    for (page_bytes, count) in [(1024, 20), (1024, 600), (4096, 400)] {
        let options = Options { page_bytes, ..Options::default() };
        let index = Btree::configure(&options.encode(), &services(64 << 10)).expect("options");
        let mut first = Memory::default();
        let meta = load(&index, (0..count).map(|n| n * 3), &mut first);
        samples.push(joined(&meta, &first.0));
        // Some of it anew, so that some of the pages are free.
        let mut given = Memory::default();
        let other = load(&index, (count..count + 30).map(|n| n * 2), &mut given);
        let other = live(&index, other, 0, &given);
        let current = live(&index, meta, 1, &first);
        let work = index.place(SeqNo(5), &[other], &[current]).expect("a flush");
        let meta = done(work, &mut first);
        samples.push(joined(&meta, &first.0));
    }
    let with = |sample: &Vec<u8>| [&[1 << CHECKSUMS], &sample[1..]].concat();
    let sealed: Vec<Vec<u8>> = samples.iter().map(with).collect();
    samples.extend(sealed);
    samples
}

fn joined(meta: &SegmentMeta, pages: &[u8]) -> Vec<u8> {
    let mut input = vec![0];
    input.extend_from_slice(&(meta.entries as u32).to_le_bytes());
    input.extend_from_slice(&(meta.detail.len() as u16).to_le_bytes());
    input.extend_from_slice(&meta.detail);
    input.extend_from_slice(&pages[FRONT_BYTES as usize..]);
    input
}
