//! Every question to what one segment holds, of any type of ordered keys.
//!
//! Not for: making segments.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use cuesta_engine::env::sim::SimDisk;
use cuesta_engine::env::{OpenMode, Vfs};
use cuesta_engine::error::{ErrorKind, Result};
use cuesta_engine::file::{DataFile, Extent, Files, Region};
use cuesta_engine::id::{EditNo, FileId, SegmentId, SeqNo};
use cuesta_engine::index::{KnownBy, Live, Lost, Salvage, SegmentMeta, State, Taken};
use cuesta_indexes::ordered::{Cursor, Ordered, Reader};

use crate::options::services;

/// Steps of a cursor after which a walk ends: an index may list one block many times.
const STEPS_MAX: usize = 20_000;
/// Keys that are looked up one by one.
const PROBES_MAX: usize = 64;

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

/// Opens the segment of `meta`, in a file of these `bytes`, mapped and not mapped, and compares
/// what it answers; `None` when it could not be opened.
pub fn check<T: Ordered>(
    bytes: &[u8],
    meta: &SegmentMeta,
    options: &[u8],
    trust: Trust,
) -> Option<Answers> {
    let (disk, path) = (SimDisk::new(), crate::input::dir().join("file"));
    disk.write_file(&path, bytes);
    let open = || state::<T>(meta.clone(), &file_of(&disk, &path, meta)?, options);
    salvage::<T>(&disk, &path, meta);
    let mapped = open();
    disk.disable_maps();
    let (mapped, read) = match (mapped, open()) {
        (Ok(mapped), Ok(read)) => (answers(&mapped), answers(&read)),
        (Err(mapped), Err(read)) => {
            assert_eq!(refused(&mapped), refused(&read));
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

fn file_of(disk: &Arc<SimDisk>, path: &Path, meta: &SegmentMeta) -> Result<OneFile> {
    let file = disk.open(path, OpenMode::Read).expect("a file that was just written");
    let extent = meta.extents.first().expect("a segment with an extent");
    Ok(OneFile(Arc::new(DataFile::new(extent.file, extent.kind, file)?)))
}

/// Has what is intact saved: operations that the type itself takes.
fn salvage<T: Ordered>(disk: &Arc<SimDisk>, path: &Path, meta: &SegmentMeta) {
    let index = T::configure(&[], &services(64 << 10)).expect("the default options");
    let files = file_of(disk, path, meta).expect("a simulated file");
    for known in [KnownBy::Manifest, KnownBy::Labels] {
        let mut saving = Saving { index: &index };
        let saved = index.salvage(&[Arc::new(meta.clone()).into()], known, &files, &mut saving);
        saved.expect("damage is no error");
    }
}

struct Saving<'i, T> {
    index: &'i T,
}

impl<T: Ordered> Salvage for Saving<'_, T> {
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
fn state<T: Ordered>(meta: SegmentMeta, files: &dyn Files, options: &[u8]) -> Result<State<T>> {
    let meta = Arc::new(meta);
    let (_, empty) = State::empty(T::configure(options, &services(64 << 10))?)?;
    let segment = Arc::new(empty.index.open(&meta, files)?);
    let live = [Live { id: SegmentId(1), meta, segment, installed: EditNo(1) }];
    let layout = Arc::new(empty.index.arrange(&live)?);
    Ok(State { live: Arc::new(live), layout, ..empty })
}

fn answers<T: Ordered>(state: &State<T>) -> Answers {
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

fn walk<T: Ordered>(
    reader: &Reader<'_, T>,
    step: fn(&mut Cursor<T::Walk>) -> Result<bool>,
) -> Walked {
    let mut cursor = reader.cursor(Bound::Unbounded, Bound::Unbounded);
    let mut entries = Vec::new();
    while entries.len() < STEPS_MAX && step(&mut cursor).map_err(|e| refused(&e))? {
        assert_eq!(&cursor.value_owned()[..], cursor.value());
        entries.push((cursor.key().to_vec(), cursor.value().to_vec()));
    }
    Ok(entries)
}

fn probe<T: Ordered>(reader: &Reader<'_, T>, key: &[u8]) -> std::result::Result<Probe, ErrorKind> {
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
