//! `Rows`: sealed rows, sorted by row id, and beside them a bitmap of those that live.
//!
//! ```text
//! data   | count u32 | checksum of the list u32 | list: count entries | bodies |
//! entry  | row id u64 | offset in the bodies u32 | bytes u32 | checksum of the body u32 |
//! body   | key: byte string | value |
//! bitmap | checksum of the rest u32 | roaring bitmap of ordinals |
//! ```
//!
//! A flush writes new rows as a segment; where it replaces or removes rows of current segments it
//! gives these a new bitmap, so that one flush edits several segments. A merge writes the living
//! rows of its inputs, and catches up with rows that flushes have killed meanwhile.
//!
//! Invariants:
//! 1. A row id lives in at most one segment.
//! 2. A segment without living rows is not current.
//! 3. The list ascends by row id; a row's place in it is its ordinal.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cuesta_engine::file::{Extent, FileKind, Files, Output, Region};
use cuesta_engine::format::{Reader, crc32, put_bytes, put_u32, put_u64};
use cuesta_engine::index::{
    Aim, Debt, Edit, Footprint, Heirs, IndexType, KnownBy, Live, Load, MergePlan, Remnant, Salvage,
    SegmentMeta, Services, State, Work,
};
use cuesta_engine::{Error, ErrorKind, FileId, Result, SegmentId, SeqNo, ensure_sound};
use roaring::RoaringBitmap;

use super::{Keep, Kind, Table, TableWriter};
use super::{changes_at, changes_of, delete_op, not_loaded, prepare_ops, put_op};

const HEADER_BYTES: u64 = 8;
const ENTRY_BYTES: u64 = 20;
/// Bytes appended in one step of work.
const STEP_BYTES: usize = 256;
/// Segments that are merged when there are as many.
const MERGE_SEGMENTS: usize = 4;

/// Rows by id, written once and deleted by bitmap.
pub struct Rows {
    keep: Keep,
}

/// The open rows of a segment. Bodies are read when they are asked for.
pub struct Sealed {
    bodies: Region,
    list: List,
    live: RoaringBitmap,
}

/// Row id, place of the body, checksum of the body; by ordinal.
type List = Vec<(u64, u32, u32, u32)>;

thread_local! {
    /// Segments that were looked at ahead of planning merges, on this thread.
    pub static LOOKED: RefCell<Vec<BTreeSet<SegmentId>>> = const { RefCell::new(Vec::new()) };
}

impl Rows {
    /// Options of an index.
    pub fn with(keep: Keep) -> Vec<u8> {
        vec![u8::from(keep == Keep::Needed)]
    }

    /// The row id of a key: the key itself if it has eight bytes, else a hash of it.
    pub fn row_id(key: &[u8]) -> u64 {
        match <[u8; 8]>::try_from(key) {
            Ok(bytes) => u64::from_be_bytes(bytes),
            Err(_) => {
                let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0193);
                let hash = key.iter().fold(0xcbf2_9ce4_8422_2325 ^ key.len() as u64, mix);
                hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63
            }
        }
    }
}

impl Kind for Rows {
    fn put(ops: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        let mut row = Vec::new();
        put_bytes(&mut row, key);
        row.extend_from_slice(value);
        put_op(ops, &Rows::row_id(key).to_be_bytes(), &row);
    }

    fn delete(ops: &mut Vec<u8>, key: &[u8]) {
        delete_op(ops, &Rows::row_id(key).to_be_bytes());
    }

    fn dump(state: &State<Rows>, at: SeqNo) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for live in state.live.iter() {
            for ordinal in &live.segment.live {
                let id = live.segment.id(ordinal)?;
                let twice = rows.insert(id.to_be_bytes().to_vec(), live.segment.body(ordinal)?);
                ensure_sound!(twice.is_none(), "row {id} lives twice");
            }
        }
        for (id, row) in changes_at(state, at) {
            match row {
                Some(row) => _ = rows.insert(id, row),
                None => _ = rows.remove(&id),
            }
        }
        rows.values().map(|row| content(row)).collect()
    }

    fn options() -> Vec<u8> {
        Rows::with(Keep::All)
    }
}

/// Key and value of a row.
fn content(row: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut reader = Reader::new(row, "row");
    let key = reader.bytes()?.to_vec();
    Ok((key, reader.rest().to_vec()))
}

fn id_of(key: &[u8]) -> Result<u64> {
    let bytes = key.try_into().map_err(|_| Error::invalid("a row id has eight bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

impl IndexType for Rows {
    const NAME: &'static str = "test-rows";
    const FORMAT: u16 = 1;

    type Writer = TableWriter;
    type Memtable = Table;
    type Segment = Sealed;
    type Layout = ();

    fn configure(options: &[u8], _services: &Services) -> Result<Rows> {
        match options {
            [0] => Ok(Rows { keep: Keep::All }),
            [1] => Ok(Rows { keep: Keep::Needed }),
            _ => Err(Error::invalid("options of test-rows are one byte, 0 or 1")),
        }
    }

    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
        prepare_ops(ops, footprint, |key, row| {
            id_of(key)?;
            match row {
                Some(row) => content(row).map(|_| ()),
                None => Ok(()),
            }
        })
    }

    fn create(&self) -> (TableWriter, Arc<Table>) {
        Table::new(self.keep)
    }

    fn open(&self, meta: &Arc<SegmentMeta>, files: &dyn Files) -> Result<Sealed> {
        let [data, bitmap] = meta.extents[..] else {
            return Err(Error::corrupt("a segment of rows has two extents"));
        };
        ensure_sound!(meta.format == 1, "a segment of rows of format {}", meta.format);
        let sealed = data.kind == FileKind::Sealed && bitmap.kind == FileKind::Sealed;
        ensure_sound!(sealed, "a segment of rows in a file written in place");
        let (bodies, list) = open_list(&data, files)?;
        let live = open_bitmap(&files.region(&bitmap)?)?;
        let beyond = live.max().is_some_and(|last| last as usize >= list.len());
        ensure_sound!(!beyond, "a bitmap names a row beyond {}", list.len());
        ensure_sound!(!live.is_empty(), "a segment without living rows");
        Ok(Sealed { bodies, list, live })
    }

    fn arrange(&self, current: &[Live<Rows>]) -> Result<()> {
        let mut ids = BTreeSet::new();
        for live in current {
            for ordinal in &live.segment.live {
                let id = live.segment.id(ordinal)?;
                ensure_sound!(ids.insert(id), "row {id} lives in two segments");
            }
        }
        Ok(())
    }

    fn load(&self, _current: &[Live<Rows>]) -> Result<Box<dyn Load>> {
        Err(not_loaded::<Rows>())
    }

    fn accept(&self, _given: &[Live<Rows>], _footprint: &mut Footprint) -> Result<()> {
        Err(not_loaded::<Rows>())
    }

    fn note_ingested(&self, _at: SeqNo) {}

    fn place(
        &self,
        _at: SeqNo,
        _given: &[Live<Rows>],
        _current: &[Live<Rows>],
    ) -> Result<Box<dyn Work>> {
        Err(not_loaded::<Rows>())
    }

    fn flush(&self, frozen: &[Arc<Table>], current: &[Live<Rows>]) -> Result<Box<dyn Work>> {
        let (changes, newest) = changes_of::<Rows>(frozen, &[]);
        let mut dead = BTreeSet::new();
        let mut rows = Vec::new();
        for (key, row) in changes {
            let id = id_of(&key)?;
            dead.insert(id);
            rows.extend(row.map(|row| (id, row)));
        }
        Ok(Box::new(Flush { dead, current: current.to_vec(), writing: Writing::new(rows, newest) }))
    }

    fn look_ahead(&self, current: &[Live<Rows>]) {
        LOOKED.with_borrow_mut(|looked| looked.push(current.iter().map(|live| live.id).collect()));
    }

    fn plan(
        &self,
        current: &[Live<Rows>],
        busy: &BTreeSet<SegmentId>,
        aim: Aim<'_>,
    ) -> Option<MergePlan> {
        let idle: Vec<&Live<Rows>> =
            current.iter().filter(|live| !busy.contains(&live.id)).collect();
        let sparse =
            |live: &&&Live<Rows>| live.segment.live.len() * 2 < live.segment.list.len() as u64;
        let whole = |live: &Live<Rows>| live.segment.live.len() == live.segment.list.len() as u64;
        let inputs: Vec<&Live<Rows>> = match aim {
            Aim::Steady if idle.len() >= MERGE_SEGMENTS => idle,
            Aim::Steady => idle.iter().filter(sparse).copied().take(1).collect(),
            Aim::Compact(wanted) => {
                let some = idle.into_iter().filter(|live| wanted.contains(&live.id));
                let some: Vec<&Live<Rows>> = some.collect();
                let gains = some.len() > 1 || !some.iter().all(|live| whole(live));
                if gains { some } else { Vec::new() }
            }
        };
        let bytes = inputs.iter().map(|live| live.meta.bytes()).sum();
        let pressure = current.len() as f64 / 16.0;
        let inputs: Vec<SegmentId> = inputs.iter().map(|live| live.id).collect();
        (!inputs.is_empty()).then_some(MergePlan {
            inputs,
            pressure,
            bytes,
            detail: 0,
            heirs: Heirs::None,
        })
    }

    fn debt(&self, current: &[Live<Rows>]) -> Debt {
        let bytes = current.iter().map(|live| live.meta.bytes()).sum();
        Debt { bytes, pressure: current.len() as f64 / 16.0 }
    }

    fn merge(&self, plan: &MergePlan, current: &[Live<Rows>]) -> Result<Box<dyn Work>> {
        let inputs = current.iter().filter(|live| plan.inputs.contains(&live.id));
        let inputs: Vec<Live<Rows>> = inputs.cloned().collect();
        let newest = inputs.iter().map(|live| live.meta.newest).max().unwrap_or_default();
        let mut rows = BTreeMap::new();
        for live in &inputs {
            for ordinal in &live.segment.live {
                let id = live.segment.id(ordinal)?;
                let twice = rows.insert(id, live.segment.body(ordinal)?);
                ensure_sound!(twice.is_none(), "row {id} lives in two inputs of a merge");
            }
        }
        let writing = Writing::new(rows.into_iter().collect(), newest);
        Ok(Box::new(Merge { remove: plan.inputs.clone(), writing }))
    }

    /// An input lives on under another number when a flush gave it a new bitmap: it is known by
    /// its data.
    fn catch_up(
        &self,
        merged: Edit,
        inputs: &[Live<Rows>],
        current: &[Live<Rows>],
        out: &mut dyn Output,
    ) -> Result<Edit> {
        let mut edit = Edit { remove: Vec::new(), add: merged.add };
        let mut dead = BTreeSet::new();
        let mut newest = SeqNo(0);
        for then in inputs {
            let data = then.meta.extents.first();
            let now = current.iter().find(|live| live.meta.extents.first() == data);
            let killed = match now {
                Some(now) => &then.segment.live - &now.segment.live,
                None => then.segment.live.clone(),
            };
            for ordinal in killed {
                dead.insert(then.segment.id(ordinal)?);
            }
            edit.remove.extend(now.map(|now| now.id));
            newest = newest.max(now.map_or(SeqNo(0), |now| now.meta.newest));
        }
        let Some(meta) = edit.add.pop() else { return Ok(edit) };
        let written = Written::decode(&meta.detail)?;
        let living = written.ids.iter().map(|id| !dead.contains(id));
        let living: RoaringBitmap =
            (0u32..).zip(living).filter_map(|(i, l)| l.then_some(i)).collect();
        if living.is_empty() {
            return Ok(edit);
        }
        let file = meta.extents[0].file;
        let bitmap = append_bitmap(&living, file, out)?;
        edit.add.push(SegmentMeta {
            extents: vec![meta.extents[0], bitmap],
            entries: living.len(),
            newest: newest.max(meta.newest),
            detail: Vec::new(),
            ..meta
        });
        Ok(edit)
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

    fn verify(&self, live: &Live<Rows>, report: &mut dyn FnMut(String)) -> Result<()> {
        let segment = &live.segment;
        if segment.live.len() != live.meta.entries {
            report(format!("{} rows live, not {}", segment.live.len(), live.meta.entries));
        }
        for ordinal in 0..segment.list.len() as u32 {
            match segment.body(ordinal).and_then(|row| content(&row)) {
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    report(error.message().to_owned());
                }
                checked => {
                    let (key, _) = checked?;
                    let id = segment.id(ordinal)?;
                    if Rows::row_id(&key) != id {
                        report(format!("row {id} has a key that is not its own"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// The list of a segment, and the region of its bodies.
fn open_list(data: &Extent, files: &dyn Files) -> Result<(Region, List)> {
    let region = files.region(data)?;
    let header = region.load(0, HEADER_BYTES as usize)?;
    let mut reader = Reader::new(&header, "rows");
    let (count, crc) = (reader.u32()?, reader.u32()?);
    let list_bytes = u64::from(count) * ENTRY_BYTES;
    ensure_sound!(
        list_bytes <= region.len().saturating_sub(HEADER_BYTES),
        "{count} rows in {} bytes",
        region.len()
    );
    let bytes = region.load(HEADER_BYTES, list_bytes as usize)?;
    ensure_sound!(crc32(&bytes) == crc, "checksum of the list of rows does not match");
    let begin = HEADER_BYTES + list_bytes;
    let bodies = Extent { offset: data.offset + begin, len: data.len - begin, ..*data };
    let mut reader = Reader::new(&bytes, "list of rows");
    let mut list: List = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let entry = (reader.u64()?, reader.u32()?, reader.u32()?, reader.u32()?);
        let ascends = list.last().is_none_or(|last| last.0 < entry.0);
        ensure_sound!(ascends, "row ids do not ascend");
        list.push(entry);
    }
    Ok((files.region(&bodies)?, list))
}

fn open_bitmap(region: &Region) -> Result<RoaringBitmap> {
    let len = usize::try_from(region.len()).map_err(|_| Error::corrupt("a huge bitmap"))?;
    let bytes = region.load(0, len)?;
    let mut reader = Reader::new(&bytes, "bitmap of rows");
    let crc = reader.u32()?;
    ensure_sound!(crc32(reader.rest()) == crc, "checksum of a bitmap of rows does not match");
    let bitmap = RoaringBitmap::deserialize_from(reader.rest());
    bitmap.map_err(|e| Error::corrupt(format!("bitmap of rows: {e}")))
}

fn append_bitmap(live: &RoaringBitmap, file: FileId, out: &mut dyn Output) -> Result<Extent> {
    let mut bytes = vec![0; 4];
    let written = live.serialize_into(&mut bytes);
    written.map_err(|e| Error::io("writing a bitmap", e))?;
    let crc = crc32(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    let (offset, len) = (out.append(file, &bytes)?, bytes.len() as u64);
    Ok(Extent { file, offset, len, kind: FileKind::Sealed })
}

impl Sealed {
    fn entry(&self, ordinal: u32) -> Result<(u64, u32, u32, u32)> {
        let entry = self.list.get(ordinal as usize);
        entry.copied().ok_or_else(|| Error::corrupt(format!("no row {ordinal} in the list")))
    }

    /// Every row that lives, as operations.
    fn saved(&self) -> Result<Vec<u8>> {
        let mut ops = Vec::new();
        for ordinal in &self.live {
            put_op(&mut ops, &self.id(ordinal)?.to_be_bytes(), &self.body(ordinal)?);
        }
        Ok(ops)
    }

    fn id(&self, ordinal: u32) -> Result<u64> {
        Ok(self.entry(ordinal)?.0)
    }

    fn body(&self, ordinal: u32) -> Result<Vec<u8>> {
        let (id, offset, len, crc) = self.entry(ordinal)?;
        let body = self.bodies.load(u64::from(offset), len as usize)?;
        ensure_sound!(crc32(&body) == crc, "row {id}: checksum does not match");
        Ok(body)
    }
}

/// Rows on their way to disk. What a finished merge wants to know of them lies in the detail of
/// its meta until it has caught up.
struct Writing {
    rows: Vec<(u64, Vec<u8>)>,
    newest: SeqNo,
    begun: Option<(FileId, Vec<u8>, usize, u64)>,
}

impl Writing {
    fn new(rows: Vec<(u64, Vec<u8>)>, newest: SeqNo) -> Writing {
        Writing { rows, newest, begun: None }
    }

    /// The data as bytes.
    fn encode(&self) -> Vec<u8> {
        let mut list = Vec::new();
        let mut bodies = Vec::new();
        for (id, row) in &self.rows {
            put_u64(&mut list, *id);
            put_u32(&mut list, bodies.len() as u32);
            put_u32(&mut list, row.len() as u32);
            put_u32(&mut list, crc32(row));
            bodies.extend_from_slice(row);
        }
        let mut data = Vec::new();
        put_u32(&mut data, self.rows.len() as u32);
        put_u32(&mut data, crc32(&list));
        data.append(&mut list);
        data.append(&mut bodies);
        data
    }

    /// Writes a piece; where the data lies when all is written.
    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Extent>> {
        let Some((file, data, done, offset)) = &mut self.begun else {
            let file = out.create(FileKind::Sealed)?;
            let offset = out.len(file)?;
            self.begun = Some((file, self.encode(), 0, offset));
            return Ok(None);
        };
        let piece = &data[*done..(*done + STEP_BYTES).min(data.len())];
        let at = out.append(*file, piece)?;
        assert!(at == *offset + *done as u64, "an extent lies in one piece");
        *done += piece.len();
        let extent =
            Extent { file: *file, offset: *offset, len: data.len() as u64, kind: FileKind::Sealed };
        Ok((*done == data.len()).then_some(extent))
    }
}

/// New rows of a flush, and new bitmaps for the segments that it changes.
struct Flush {
    dead: BTreeSet<u64>,
    current: Vec<Live<Rows>>,
    writing: Writing,
}

impl Work for Flush {
    fn memory(&self) -> usize {
        self.writing.rows.len() * size_of::<(u64, Vec<u8>)>()
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        let mut edit = Edit::default();
        if !self.writing.rows.is_empty() {
            let Some(data) = self.writing.step(out)? else { return Ok(None) };
            let count = self.writing.rows.len() as u32;
            let live: RoaringBitmap = (0..count).collect();
            let bitmap = append_bitmap(&live, data.file, out)?;
            edit.add.push(SegmentMeta {
                format: Rows::FORMAT,
                extents: vec![data, bitmap],
                entries: u64::from(count),
                newest: self.writing.newest,
                ..SegmentMeta::default()
            });
        }
        for live in &self.current {
            self.kill(live, &mut edit, out)?;
        }
        Ok(Some(edit))
    }
}

impl Flush {
    fn kill(&self, live: &Live<Rows>, edit: &mut Edit, out: &mut dyn Output) -> Result<()> {
        let segment = &live.segment;
        let mut living = segment.live.clone();
        for ordinal in &segment.live {
            if self.dead.contains(&segment.id(ordinal)?) {
                living.remove(ordinal);
            }
        }
        if living == segment.live {
            return Ok(());
        }
        edit.remove.push(live.id);
        if living.is_empty() {
            return Ok(());
        }
        let file = match edit.add.first() {
            Some(meta) => meta.extents[1].file,
            None => out.create(FileKind::Sealed)?,
        };
        let bitmap = append_bitmap(&living, file, out)?;
        edit.add.push(SegmentMeta {
            extents: vec![live.meta.extents[0], bitmap],
            entries: living.len(),
            newest: live.meta.newest.max(self.writing.newest),
            ..(*live.meta).clone()
        });
        Ok(())
    }
}

/// The living rows of several segments in one.
struct Merge {
    remove: Vec<SegmentId>,
    writing: Writing,
}

impl Work for Merge {
    fn memory(&self) -> usize {
        self.writing.rows.len() * size_of::<(u64, Vec<u8>)>()
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        let Some(data) = self.writing.step(out)? else { return Ok(None) };
        let count = self.writing.rows.len() as u32;
        let live: RoaringBitmap = (0..count).collect();
        let bitmap = append_bitmap(&live, data.file, out)?;
        let ids = self.writing.rows.iter().map(|(id, _)| *id).collect();
        let meta = SegmentMeta {
            format: Rows::FORMAT,
            extents: vec![data, bitmap],
            entries: u64::from(count),
            newest: self.writing.newest,
            detail: Written { ids }.encode(),
            ..SegmentMeta::default()
        };
        Ok(Some(Edit { remove: self.remove.clone(), add: vec![meta] }))
    }
}

/// Row ids of a finished merge, by ordinal.
struct Written {
    ids: Vec<u64>,
}

impl Written {
    fn encode(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| id.to_le_bytes()).collect()
    }

    fn decode(bytes: &[u8]) -> Result<Written> {
        let mut reader = Reader::new(bytes, "rows of a merge");
        let mut ids = Vec::new();
        while !reader.is_empty() {
            ids.push(reader.u64()?);
        }
        Ok(Written { ids })
    }
}
