//! Whole directories: the files of a database with some damage.
//!
//! ```text
//! input    | switches u8 | damage, damage, ... to the end, 6 bytes each
//! damage   | file u8 | kind u8 | place u16 | value u16
//! switch 0 | checksums are made right after the damage, so that all of it is believed
//!        1 | the database is opened for reading
//!   2 to 3 | which database: closed, killed, compressed, large
//!        4 | it is repaired before it is opened
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cuesta::{Compression, Database, Durability, ErrorKind, KeyspaceOptions, Result};
use cuesta_engine::Options;
use cuesta_engine::env::sim::{Crash, SimDisk, SimEnv};
use cuesta_engine::file::Extent;
use cuesta_engine::format::name::FileName;
use cuesta_engine::format::{crc32, name};
use cuesta_engine::identity::{BYTES, Identity};
use cuesta_engine::manifest;

use crate::input::{self, put_u32_at, switches};
use crate::{log, segment_file};

const CHECKSUMS: u32 = 0;
const READ_ONLY: u32 = 1;
const REPAIR: u32 = 4;
const DAMAGES_MAX: usize = 8;

/// Keyspaces by name.
type Contents = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A database as it lies on a disk.
struct Template {
    files: Vec<(PathBuf, Vec<u8>)>,
    /// What it held after each commit: one of this is found, or damage.
    states: Vec<Contents>,
    /// Where segments lie.
    extents: Vec<Extent>,
}

/// Opens a database some bytes of whose files were changed, files cut, removed or exchanged; reads
/// all of it and checks it; writes to it, has it flush and merge, and opens it again.
///
/// Asserts that errors are of kinds that say so, and that reading changes nothing. Where checksums
/// were not made right: that what is read is what the database held after some commit, and what is
/// written to it comes on top of that.
pub fn bytes_database(bytes: &[u8]) {
    reached(bytes);
}

/// How far a damaged database can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// It was not opened.
    Nothing,
    /// Not all of it could be read.
    Opened,
    /// All of it was read.
    Read,
}

pub(crate) fn reached(bytes: &[u8]) -> Reached {
    let (switches, rest) = switches(bytes);
    let which = bytes.first().map_or(0, |switches| switches >> 2 & 3);
    let template = &templates()[usize::from(which)];
    let mut files = template.files.clone();
    let (damages, _) = rest.as_chunks::<6>();
    for damage in damages.iter().take(DAMAGES_MAX) {
        apply(*damage, &mut files);
    }
    if switches.on(CHECKSUMS) {
        seal(&mut files, &template.extents);
    }
    let disk = SimDisk::new();
    files.iter().for_each(|(path, bytes)| disk.write_file(path, bytes));
    let states = (!switches.on(CHECKSUMS)).then_some(&template.states[..]);
    if switches.on(REPAIR) {
        repair(&disk, states);
    }
    if switches.on(READ_ONLY) {
        let before = disk.content_hash();
        let db = opened(builder(&disk).read_only().open(input::dir()));
        let found = db.as_ref().map(|db| look(db, states));
        if let Some(db) = db {
            db.put_one().expect_err("writing to a database that is open for reading");
        }
        assert_eq!(before, disk.content_hash(), "reading changed something");
        return far(found.as_ref());
    }
    let db = opened(builder(&disk).must_exist().open(input::dir()));
    let found = db.as_ref().map(|db| look(db, states));
    let reached = far(found.as_ref());
    if let Some(db) = db {
        write(db, found.flatten().filter(|_| states.is_some()), &disk);
    }
    reached
}

/// Makes a new database of what is intact.
///
/// Asserts that the damaged one stays as it is, that the new one is sound, and that, where
/// checksums were not made right, all that is in it once was in the other.
fn repair(disk: &Arc<SimDisk>, states: Option<&[Contents]>) {
    let target = Path::new("repaired");
    let others = |disk: &SimDisk| -> Vec<(PathBuf, Vec<u8>)> {
        let paths = disk.files().into_iter().filter(|path| !path.starts_with(target));
        paths.map(|path| (path.clone(), disk.read_file(&path))).collect()
    };
    let before = others(disk);
    let report = match builder(disk).repair(input::dir(), target) {
        Ok(report) => report,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
    };
    assert_eq!(before, others(disk), "repairing changed something");
    assert!(report.losses.iter().all(|loss| !loss.to_string().is_empty()));
    let db = builder(disk).must_exist().open(target).expect("a repaired database");
    assert!(db.verify().expect("checking what was repaired").is_sound());
    let found = read(&db).expect("reading what was repaired");
    let Some(states) = states else { return };
    for (name, entries) in &found {
        for (key, value) in entries {
            let was = |state: &Contents| {
                let held = state.get(name).and_then(|entries| entries.get(key));
                held == Some(value)
            };
            // An index whose name is lost has a new one.
            let renamed = !states.iter().any(|state| state.contains_key(name));
            assert!(
                renamed || states.iter().any(was),
                "{name}: {} is invented",
                key.escape_ascii()
            );
        }
    }
}

fn far(found: Option<&Option<Contents>>) -> Reached {
    match found {
        None => Reached::Nothing,
        Some(None) => Reached::Opened,
        Some(Some(_)) => Reached::Read,
    }
}

/// Writes on, whether or not everything could be read.
fn write(db: Database, held: Option<Contents>, disk: &Arc<SimDisk>) {
    let written = db.put_one().and_then(|()| db.flush()).and_then(|()| db.compact());
    permit(written.err(), "writing on");
    permit(db.close().err(), "closing");
    let Some(db) = opened(builder(disk).must_exist().open(input::dir())) else { return };
    let Some(mut expected) = held else { return };
    match read(&db) {
        Ok(found) => {
            let space = expected.entry("new".to_owned()).or_default();
            if found.contains_key("new") {
                space.insert(b"key".to_vec(), b"value".to_vec());
                assert!(found == expected, "what was written is not what is found");
            }
        }
        Err(error) => permit(Some(error), "reading again"),
    }
}

/// Reads everything in every way; gives what is there if all of it could be read.
fn look(db: &Database, states: Option<&[Contents]>) -> Option<Contents> {
    permit(db.verify().err(), "checking");
    let found = match read(db) {
        Ok(found) => found,
        Err(error) => {
            permit(Some(error), "reading");
            return None;
        }
    };
    // What is believed may be anything.
    let known = states.is_none_or(|states| states.contains(&found));
    assert!(known, "what is read never was: {:?}", summary(&found));
    Some(found)
}

fn read(db: &Database) -> Result<Contents> {
    let mut contents = Contents::new();
    for name in db.keyspaces() {
        let space = db.existing_keyspace(&name)?;
        let mut entries = BTreeMap::new();
        for entry in space.iter()? {
            let (key, value) = entry?;
            entries.insert(key, value.to_vec());
        }
        for entry in space.iter()?.rev() {
            let (key, _) = entry?;
            space.get(&key)?;
        }
        contents.insert(name, entries);
    }
    Ok(contents)
}

fn summary(contents: &Contents) -> Vec<(&str, usize)> {
    contents.iter().map(|(name, entries)| (name.as_str(), entries.len())).collect()
}

fn opened(outcome: Result<Database>) -> Option<Database> {
    match outcome {
        Ok(db) => Some(db),
        Err(error) => {
            permit(Some(error), "opening");
            None
        }
    }
}

/// Fails unless an error is one that damage leads to.
fn permit(error: Option<cuesta::Error>, doing: &str) {
    use ErrorKind::{Corrupt, NotFound, Unsupported};
    if let Some(error) = error {
        let expected = matches!(error.kind(), Corrupt | Unsupported | NotFound);
        assert!(expected, "{doing}: {error:?}");
    }
}

trait PutOne {
    fn put_one(&self) -> Result<()>;
}

impl PutOne for Database {
    fn put_one(&self) -> Result<()> {
        self.keyspace("new")?.put("key", "value")
    }
}

fn apply(damage: [u8; 6], files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let [file, kind, place @ .., low, high] = damage;
    let count = files.len().max(1);
    let other = usize::from(high) % count;
    let Some((_, bytes)) = files.get_mut(usize::from(file) % count) else { return };
    let at = usize::from(u16::from_le_bytes(place)) % (bytes.len() + 1);
    let value = u16::from_le_bytes([low, high]);
    let end = (at + usize::from(value % 600)).min(bytes.len());
    match kind % 12 {
        0..=2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (low % 8);
            }
        }
        3 | 4 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = low;
            }
        }
        5 => {
            let number = value.to_le_bytes();
            bytes.iter_mut().skip(at).zip(number).for_each(|(byte, new)| *byte = new);
        }
        6 => bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte = low),
        7 => bytes[at..end].fill(0),
        8 => bytes.truncate(at),
        9 => bytes.extend(std::iter::repeat_n(low, usize::from(high) * 16)),
        10 => drop(files.remove(usize::from(file) % count)),
        _ => {
            let (here, there) = (usize::from(file) % count, other);
            let bytes = files[there].1.clone();
            files[there].1 = std::mem::replace(&mut files[here].1, bytes);
        }
    }
}

/// Makes all checksums right, as far as what they cover is still where it was.
fn seal(files: &mut [(PathBuf, Vec<u8>)], extents: &[Extent]) {
    for (path, bytes) in files {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match FileName::parse(file) {
            Some(FileName::Identity) => {
                if let Some(covered) = bytes.get(..BYTES - 4) {
                    let crc = crc32(covered);
                    put_u32_at(bytes, BYTES - 4, crc);
                }
            }
            Some(FileName::Manifest(_)) => crate::manifest::seal(bytes, false, true),
            Some(FileName::Log(number)) => log::seal(number, bytes),
            Some(FileName::Data(id)) => {
                for extent in extents.iter().filter(|extent| extent.file == id) {
                    let (from, len) = (extent.offset as usize, extent.len as usize);
                    if let Some(segment) = bytes.get_mut(from..from + len) {
                        segment_file::seal(segment, id, extent.offset);
                    }
                }
            }
            _ => {}
        }
    }
}

fn builder(disk: &Arc<SimDisk>) -> cuesta::Builder {
    Database::builder()
        .environment(SimEnv::on(disk.clone(), 1))
        .memory_budget(1 << 20)
        .background_threads(1)
        .engine_options(|options: &mut Options| {
            options.memtable_limit = Some(2 << 10);
            options.close_flush_bytes = 4 << 10;
            options.log.segment_bytes = 8 << 10;
            options.log.zero_ahead_bytes = 1 << 10;
        })
}

fn templates() -> &'static [Template; 4] {
    static TEMPLATES: OnceLock<[Template; 4]> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        [
            template(Compression::None, 12, End::Closed),
            template(Compression::None, 12, End::Killed),
            template(Compression::Zstd, 30, End::Killed),
            template(Compression::Lz4, 120, End::Closed),
        ]
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Killed,
}

/// A database after so many commits, with segments of several levels and a log.
fn template(compression: Compression, commits: usize, end: End) -> Template {
    let disk = SimDisk::new();
    let db = builder(&disk).open(input::dir()).expect("a new database");
    let mut states = vec![Contents::new()];
    let mut state = Contents::new();
    let options = KeyspaceOptions::new().compression(compression).block_bytes(512);
    for name in ["first", "second"] {
        db.keyspace_with(name, &options).expect("a new keyspace");
        state.insert(name.to_owned(), BTreeMap::new());
        states.push(state.clone());
    }
    let spaces = ["first", "second"].map(|name| db.keyspace(name).expect("a keyspace"));
    for n in 0..commits {
        let mut batch = db.batch();
        batch.durability([Durability::Sync, Durability::Buffered][n % 2]);
        for i in 0..10 {
            let space = &spaces[(n + i) % 2];
            let key = format!("key/{:03}", (n * 7 + i * 3) % 90).into_bytes();
            let entries = state.get_mut(space.name()).expect("a keyspace that is there");
            if (n + i) % 5 == 4 {
                batch.delete(space, &key).expect("a delete");
                entries.remove(&key);
            } else {
                let value = format!("value {n} of {i} {}", "x".repeat(n % 40)).into_bytes();
                batch.put(space, &key, &value).expect("a put");
                entries.insert(key, value);
            }
        }
        batch.commit().expect("a commit");
        states.push(state.clone());
        if n % 4 == 1 {
            db.flush().expect("a flush");
        }
        if n == commits / 2 {
            db.compact().expect("a merge");
        }
    }
    let disk = match end {
        End::Closed => {
            db.close().expect("closing");
            disk
        }
        End::Killed => disk.crash_image(disk.op_count(), Crash::KeepAll),
    };
    let files = disk.files().into_iter().filter(|path| !path.ends_with(name::LOCK));
    let files: Vec<_> = files.map(|path| (path.clone(), disk.read_file(&path))).collect();
    Template { extents: extents(&disk, input::dir()), files, states }
}

fn extents(disk: &Arc<SimDisk>, dir: &Path) -> Vec<Extent> {
    let identity = Identity::read(&**disk, dir).expect("an identity");
    let recovered = manifest::recover(&**disk, dir, identity.uuid).expect("a manifest");
    let indexes = recovered.state.indexes().values();
    let segments = indexes.flat_map(|index| index.segments.values());
    segments.flat_map(|segment| segment.meta.extents.clone()).collect()
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    for which in 0..4 {
        for switches in [0, 1 << CHECKSUMS, 1 << READ_ONLY, 1 << CHECKSUMS | 1 << READ_ONLY] {
            let mut input = vec![switches | which << 2];
            samples.push(input.clone());
            for file in 0..6 {
                input.extend_from_slice(&[file, 0, 17 * file, file, 3, 1]);
                samples.push([&input[..1], &input[input.len() - 6..]].concat());
            }
        }
    }
    samples
}
