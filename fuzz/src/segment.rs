//! Whole segments of ordered keys.
//!
//! ```text
//! input    | switches u8 | detail: length u16, bytes | the segment's bytes
//! switch 0 | checksums are made right
//!        1 | the manifest is made to say what the footer says, of any keys; detail is not used
//!        2 | the segment does not begin at the first byte of its file
//! ```

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use cuesta_engine::env::sim::SimDisk;
use cuesta_engine::env::{OpenMode, Vfs};
use cuesta_engine::error::{ErrorKind, Result};
use cuesta_engine::file::{DataFile, Extent, FileKind, Files, Region};
use cuesta_engine::id::{EditNo, FileId, SegmentId, SeqNo};
use cuesta_engine::index::{IndexType, KnownBy, Live, Lost, Salvage, SegmentMeta, State, Taken};
use cuesta_indexes::lsm::{Lsm, Options};
use cuesta_indexes::ordered::{Cursor, Ordered, Reader};

use crate::input::{self, u64_at};
use crate::options::services;
use crate::segment_file::{self, Entry, FOOTER_BYTES, Summary};

const CHECKSUMS: u32 = 0;
const DETAIL: u32 = 1;
const ELSEWHERE: u32 = 2;

/// The file in which segments lie.
const FILE: FileId = FileId(7);
/// Bytes before a segment that does not begin at the first one.
const BEFORE: u64 = 96;
/// Steps of a cursor after which a walk ends: an index may list one block many times.
const STEPS_MAX: usize = 20_000;
/// Keys that are looked up one by one.
const PROBES_MAX: usize = 64;

/// Opens the input as a segment and asks it everything: all keys in both directions, single keys,
/// seeks; once with the file mapped and once without; and has it checked.
///
/// Asserts that a segment in which the check finds nothing answers all questions alike; and that
/// both ways give the same answers and the same kinds of errors. (Not where checksums were made
/// right and the check finds something: whether a mapped block was compared with its checksum is
/// remembered by its number, and of two blocks with one number one passes for the other.)
pub fn bytes_segment(bytes: &[u8]) {
    answers_of(bytes);
}

/// What the input answers, if it can be opened.
pub(crate) fn answers_of(bytes: &[u8]) -> Option<Answers> {
    let (switches, rest) = input::switches(bytes);
    let (detail, segment) = match rest.split_first_chunk::<2>() {
        Some((len, rest)) => rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len())),
        None => (rest, &[][..]),
    };
    let at = if switches.on(ELSEWHERE) { BEFORE } else { 0 };
    let mut segment = segment.to_vec();
    if switches.on(CHECKSUMS) {
        segment_file::seal(&mut segment, FILE, at);
    }
    let footer = segment.len().checked_sub(FOOTER_BYTES)?;
    let count = |offset| u64_at(&segment, footer + offset).unwrap_or_default();
    let summary = Summary::of_anything(count(72), count(80));
    let detail = if switches.on(DETAIL) { summary.detail() } else { detail.to_vec() };
    let trust = if switches.on(CHECKSUMS) { Trust::IfSound } else { Trust::Always };
    check(&segment, at, summary.entries, detail, trust)
}

/// When a map and reads must give the same answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    Always,
    /// When the check finds nothing.
    IfSound,
}

/// What a segment answered.
#[derive(Debug, PartialEq)]
pub struct Answers {
    /// What the check reported.
    pub problems: Vec<String>,
    /// Entries in their order.
    pub forward: Walked,
    backward: Walked,
    probes: Vec<(Vec<u8>, std::result::Result<Probe, ErrorKind>)>,
}

/// Keys and values in the order in which they were met.
type Walked = std::result::Result<Vec<(Vec<u8>, Vec<u8>)>, ErrorKind>;

/// What was found of a key, at or after it, and at or before it.
#[derive(Debug, PartialEq)]
struct Probe {
    value: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
    before: Option<Vec<u8>>,
}

/// Opens a segment mapped and not mapped and compares what it answers; `None` when it could not be
/// opened.
pub fn check(
    segment: &[u8],
    at: u64,
    entries: u64,
    detail: Vec<u8>,
    trust: Trust,
) -> Option<Answers> {
    let (disk, path) = (SimDisk::new(), input::dir().join("file"));
    let before = vec![0xaa; at as usize];
    disk.write_file(&path, &[&before, segment].concat());
    let meta = SegmentMeta {
        format: Lsm::FORMAT,
        extents: vec![Extent {
            file: FILE,
            offset: at,
            len: segment.len() as u64,
            kind: FileKind::Sealed,
        }],
        entries,
        newest: SeqNo(7),
        detail,
        ..SegmentMeta::default()
    };
    let open = || {
        let file = disk.open(&path, OpenMode::Read).expect("a file that was just written");
        let file = DataFile::new(FILE, FileKind::Sealed, file)?;
        state(meta.clone(), &OneFile(Arc::new(file)))
    };
    salvage(&disk, &path, &meta);
    let mapped = open();
    disk.disable_maps();
    let (mapped, read) = match (mapped, open()) {
        (Ok(mapped), Ok(read)) => (answers(&mapped), answers(&read)),
        (Err(mapped), Err(read)) => {
            assert_eq!(mapped.kind(), read.kind());
            return None;
        }
        (mapped, read) => panic!("mapped {:?}, read {:?}", mapped.err(), read.err()),
    };
    if trust == Trust::Always || mapped.problems.is_empty() || read.problems.is_empty() {
        assert_eq!(mapped, read, "a map gives other answers than reads");
    }
    if mapped.problems.is_empty() {
        check_sound(&mapped);
    }
    Some(mapped)
}

/// Has what is intact saved: operations that the type itself takes.
fn salvage(disk: &Arc<SimDisk>, path: &Path, meta: &SegmentMeta) {
    let file = disk.open(path, OpenMode::Read).expect("a file that was just written");
    let file = DataFile::new(FILE, FileKind::Sealed, file).expect("a simulated file");
    let index = Lsm::configure(&[], &services(64 << 10)).expect("the default options");
    let files = OneFile(Arc::new(file));
    for known in [KnownBy::Manifest, KnownBy::Labels] {
        let mut saving = Saving { index: &index };
        let saved = index.salvage(&[Arc::new(meta.clone()).into()], known, &files, &mut saving);
        saved.expect("damage is no error");
    }
}

struct Saving<'i> {
    index: &'i Lsm,
}

impl Salvage for Saving<'_> {
    fn operations(&mut self, ops: &[u8]) -> Result<Taken> {
        let mut prepared = ops.to_vec();
        self.index.builds_on(ops, &mut |_| {});
        // An index without an operator takes no operands.
        if let Err(error) = self.index.prepare(&mut prepared, None) {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            return Ok(Taken::Nothing(error));
        }
        Ok(Taken::All)
    }

    fn lost(&mut self, what: Lost, why: String) {
        assert!(!what.to_string().is_empty() && !why.is_empty());
    }
}

/// A data file under the name of any.
struct OneFile(Arc<DataFile>);

impl Files for OneFile {
    fn region(&self, extent: &Extent) -> Result<Region> {
        Region::new(self.0.clone(), extent, None)
    }

    fn whole(&self, _: FileId) -> Result<Region> {
        Ok(Region::whole(self.0.clone(), None))
    }
}

/// An index with one segment and empty memtables.
fn state(meta: SegmentMeta, files: &dyn Files) -> Result<State<Lsm>> {
    let meta = Arc::new(meta);
    // Operands are merged as well.
    let options = Options { merge_operator: "append".into(), ..Options::default() };
    let (_, empty) = State::empty(Lsm::configure(&options.encode(), &services(64 << 10))?)?;
    let segment = Arc::new(empty.index.open(&meta, files)?);
    let live = [Live { id: SegmentId(1), meta, segment, installed: EditNo(1) }];
    let layout = Arc::new(empty.index.arrange(&live)?);
    Ok(State { live: Arc::new(live), layout, ..empty })
}

fn answers(state: &State<Lsm>) -> Answers {
    let mut problems = Vec::new();
    for live in state.live.iter() {
        let checked = state.index.verify(live, &mut |problem| problems.push(problem));
        problems.extend(checked.err().map(|e| e.to_string()));
    }
    let reader = Reader::new(state, SeqNo(7), 0);
    let forward = walk(&reader, Cursor::next);
    let backward = walk(&reader, Cursor::prev);
    let mut keys: Vec<Vec<u8>> = vec![Vec::new(), vec![0], vec![0x80], vec![0xff; 9]];
    if let Ok(forward) = &forward {
        let apart = forward.len() / PROBES_MAX + 1;
        for (key, _) in forward.iter().step_by(apart) {
            keys.extend([key.clone(), [key, &[0][..]].concat()]);
            keys.extend(key.split_last().map(|(_, before)| before.to_vec()));
        }
    }
    let probed = |key: Vec<u8>| {
        let probe = probe(&reader, &key);
        (key, probe)
    };
    let probes = keys.into_iter().map(probed).collect();
    Answers { problems, forward, backward, probes }
}

fn walk(
    reader: &Reader<'_, Lsm>,
    step: fn(&mut Cursor<<Lsm as Ordered>::Walk>) -> Result<bool>,
) -> Walked {
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let mut entries = Vec::new();
    while entries.len() < STEPS_MAX && step(&mut cursor).map_err(|e| refused(&e))? {
        assert_eq!(&cursor.value_owned()[..], cursor.value());
        entries.push((cursor.key().to_vec(), cursor.value().to_vec()));
    }
    Ok(entries)
}

fn probe(reader: &Reader<'_, Lsm>, key: &[u8]) -> std::result::Result<Probe, ErrorKind> {
    let value = reader.get(key).map_err(|e| refused(&e))?;
    let value = value.map(|value| value.to_vec());
    assert_eq!(reader.contains(key).map_err(|e| refused(&e))?, value.is_some());
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let found = cursor.seek(key).map_err(|e| refused(&e))?;
    let after = found.then(|| cursor.key().to_vec());
    let found = cursor.seek_back(key).map_err(|e| refused(&e))?;
    let before = found.then(|| cursor.key().to_vec());
    Ok(Probe { value, after, before })
}

/// The kind of an error that bytes may lead to.
fn refused(error: &cuesta_engine::Error) -> ErrorKind {
    let expected = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
    assert!(expected, "{error:?} is no word for damaged bytes");
    error.kind()
}

/// A segment in which the check finds nothing is in order.
fn check_sound(answers: &Answers) {
    let Answers { forward, backward, probes, .. } = answers;
    let forward = forward.as_ref().expect("walking a segment in which the check finds nothing");
    let backward = backward.as_ref().expect("walking it back");
    if forward.len() == STEPS_MAX {
        return;
    }
    assert!(forward.iter().eq(backward.iter().rev()), "two ways through a segment");
    assert!(forward.windows(2).all(|pair| pair[0].0 < pair[1].0), "keys out of order");
    let model: BTreeMap<Vec<u8>, Vec<u8>> = forward.iter().cloned().collect();
    for (key, probe) in probes {
        let after = model.range(key.clone()..).next();
        let before = model.range(..=key.clone()).next_back();
        let expected = Probe {
            value: model.get(key).cloned(),
            after: after.map(|(key, _)| key.clone()),
            before: before.map(|(key, _)| key.clone()),
        };
        assert_eq!(probe.as_ref().expect("looking for a key"), &expected, "looking for {key:?}");
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let keys: Vec<Vec<u8>> = (0..120).map(|i| format!("fruit/{:03}", i * 7).into_bytes()).collect();
    let entry = |(i, key)| -> Entry<'_> {
        if i % 9 == 4 { (key, 2, b"") } else { (key, 1, b"some value") }
    };
    let entries: Vec<Entry<'_>> = keys.iter().map(Vec::as_slice).enumerate().map(entry).collect();
    let block = |entries: &[Entry<'_>]| {
        let last = entries[entries.len() - 1].0.to_vec();
        (segment_file::data_block(entries, 4), 0, last)
    };
    let blocks: Vec<_> = entries.chunks(10).map(block).collect();
    let summary = Summary::of(&entries);
    let flat = segment_file::segment(&blocks, None, &summary);
    let deep = segment_file::segment(&blocks, Some(5), &summary);
    let mut samples = Vec::new();
    for segment in [flat, deep] {
        samples.push(joined(1 << CHECKSUMS, &summary.detail(), &segment));
        samples.push(joined(1 << CHECKSUMS | 1 << DETAIL | 1 << ELSEWHERE, &[], &segment));
    }
    for segment in [
        &include_bytes!("../../indexes/tests/formats/lsm-segment-v1")[..],
        &include_bytes!("../../indexes/tests/formats/lsm-segment-v1-lz4")[..],
        &include_bytes!("../../indexes/tests/formats/lsm-segment-v1-lively")[..],
    ] {
        samples.push(joined(1 << DETAIL, &[], segment));
        samples.push(joined(1 << CHECKSUMS | 1 << DETAIL, &[], segment));
    }
    samples
}

fn joined(switches: u8, detail: &[u8], segment: &[u8]) -> Vec<u8> {
    let mut input = input::joined(switches, &[detail.to_vec()]);
    input.extend_from_slice(segment);
    input
}

/// Whether a sample is one in which the check is to find nothing.
#[cfg(test)]
pub(crate) fn is_sound(sample: &[u8]) -> bool {
    sample[0] == 1 << CHECKSUMS
}
