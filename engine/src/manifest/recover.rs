//! Reads the manifest of a directory: the highest-numbered file counts, alone.
//!
//! A manifest file was synced, header and snapshot, before it got its name, and each record after
//! them before the next was written. So when no record can be read at some place:
//!
//! ```text
//! in the header or the snapshot            ► damage
//! a valid record lies somewhere behind     ► damage: what is before it was synced
//! the log knows that more was synced       ► damage (check_known, once the log has been read)
//! only zeros up to the end                 ► the end: space reserved ahead
//! else                                     ► a torn tail: cut, and reported
//! ```
//!
//! Everything here only reads; [`ManifestWriter::resume`](crate::manifest::ManifestWriter::resume)
//! goes on to write.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::env::{OpenMode, Unreadable, Vfs, VfsFile, read_in_pieces};
use crate::error::{Error, ErrorKind, Result};
use crate::format::name::{self, FileName};
use crate::identity::Uuid;
use crate::manifest::edit::{self, ManifestEdit};
use crate::manifest::record::{
    self, FILE_BYTES_MAX, FileTag, HEADER_BYTES, NoRecord, RECORD_BYTES, Record, RecordKind,
};
use crate::manifest::state::ManifestState;
use crate::staged;

/// How often a reader starts over when the file it chose is replaced meanwhile.
const RACES_MAX: usize = 100;

/// A place in the manifest: all before it is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestPosition {
    /// The number of the file.
    pub number: u64,
    /// Bytes of it.
    pub len: u64,
}

/// A tail that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl fmt::Display for TornTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}, cut with its {} bytes", self.problem, self.offset, self.bytes)
    }
}

/// What the manifest of a directory says.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The indexes, segments and watermarks.
    pub state: ManifestState,
    /// The database.
    pub uuid: Uuid,
    /// The number of the file.
    pub number: u64,
    /// Where its last record ends.
    pub len: u64,
    /// Where its snapshot ends.
    pub snapshot_len: u64,
    /// Bytes of it that are known to have been synced.
    pub synced: u64,
    /// What was cut off behind the last record.
    pub torn: Option<TornTail>,
    /// Names of manifest files that are needed no longer.
    pub leftovers: Vec<String>,
}

/// Reads the manifest of `dir`. Changes nothing.
///
/// Memory: the bytes of the file.
///
/// # Errors
/// `Corrupt` when there is none or it is damaged, naming file and offset; `Unsupported` when a
/// newer version wrote it; `Io`.
pub fn recover(vfs: &dyn Vfs, dir: &Path, uuid: Uuid) -> Result<Recovered> {
    for _ in 0..RACES_MAX {
        let (number, leftovers) = choose(vfs, dir)?;
        let tag = FileTag { uuid, number };
        if let Some(bytes) = load(vfs, dir, number)? {
            let mut recovered =
                replay(tag, &bytes).map_err(|e| e.context(name::manifest(number)))?;
            recovered.leftovers = leftovers;
            return Ok(recovered);
        }
    }
    Err(Error::busy(format!(
        "the manifest of {} was replaced {RACES_MAX} times while it was read",
        dir.display()
    )))
}

/// Reads what was appended since, or the file that has taken over, while another process writes.
/// What is being appended right now may or may not be seen.
///
/// # Errors
/// As [`recover`]; what `known` says is then as it was.
pub fn follow(vfs: &dyn Vfs, dir: &Path, known: &mut Recovered) -> Result<()> {
    if choose(vfs, dir)?.0 == known.number
        && let Some(bytes) = load(vfs, dir, known.number)?
        && let Ok(at) = usize::try_from(known.len)
    {
        let tag = FileTag { uuid: known.uuid, number: known.number };
        let mut next = Recovered { torn: None, ..known.clone() };
        if replay_edits(tag, &bytes, at, &mut next).is_ok() {
            *known = next;
            return Ok(());
        }
    }
    *known = recover(vfs, dir, known.uuid)?;
    Ok(())
}

/// As much of a damaged manifest as can be read.
#[derive(Debug)]
pub struct Salvaged {
    /// The database.
    pub uuid: Uuid,
    /// What the snapshot says, and the edits up to the first that cannot be read.
    pub state: ManifestState,
    /// Where the last record that was read ends.
    pub position: ManifestPosition,
    /// Why what lies behind cannot be read, if something does.
    pub problem: Option<Error>,
}

/// Reads manifest file `number` up to the first record that cannot be read. Changes nothing.
///
/// # Errors
/// `Corrupt` when not even the snapshot can be read; `Unsupported`, `Io`.
pub fn salvage(vfs: &dyn Vfs, dir: &Path, number: u64) -> Result<Salvaged> {
    let (bytes, unreadable) = load_readable(vfs, dir, number)?;
    let tag = record::decode_header(&bytes)?;
    crate::ensure_sound!(tag.number == number, "says that it is {}", name::manifest(tag.number));
    let first = read_record(tag, HEADER_BYTES, &bytes, RecordKind::Snapshot)
        .map_err(|e| e.into_error(HEADER_BYTES))?;
    let mut state = edit::decode(first.payload)
        .and_then(|changes| ManifestState::from_snapshot(first.no, &changes))?;
    let mut at = HEADER_BYTES + first.bytes();
    let problem = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.iter().all(|&byte| byte == 0) {
            break None;
        }
        let applied = read_record(tag, at, &bytes, RecordKind::Edit)
            .map_err(|e| e.into_error(at))
            .and_then(|record| apply(&record, &mut state).map(|()| record.bytes()));
        match applied {
            Ok(len) => at += len,
            Err(error) => break Some(error),
        }
    };
    // Where zeros stand for what cannot be read, they are not its end.
    let beyond = unreadable.iter().find(|unreadable| unreadable.range.end > at);
    let problem = beyond.map(|unreadable| Error::corrupt(unreadable.to_string())).or(problem);
    let position = ManifestPosition { number, len: at as u64 };
    Ok(Salvaged { uuid: tag.uuid, state, position, problem })
}

/// Checks a recovered manifest against a position that the log knows to have been synced, and
/// takes note of it.
///
/// # Errors
/// `Corrupt` when the manifest ends before, naming file and offset.
pub fn check_known(recovered: &mut Recovered, known: ManifestPosition) -> Result<()> {
    let number = recovered.number;
    crate::ensure_sound!(
        known.number <= number,
        "{} is missing: the log knows it, but the last manifest is {}",
        name::manifest(known.number),
        name::manifest(number)
    );
    if known.number == number {
        let problem = recovered.torn.as_ref().map_or("its end", |torn| torn.problem);
        crate::ensure_sound!(
            known.len <= recovered.len,
            "{}: {problem} at byte {}, but the log knows that {} bytes were synced",
            name::manifest(number),
            recovered.len,
            known.len
        );
        recovered.synced = recovered.synced.max(known.len);
    }
    Ok(())
}

/// The number of the manifest that counts, and the names of the others.
fn choose(vfs: &dyn Vfs, dir: &Path) -> Result<(u64, Vec<String>)> {
    let names =
        vfs.list(dir).map_err(|e| Error::io(format_args!("listing {}", dir.display()), e))?;
    let mut newest = None;
    let mut leftovers = Vec::new();
    for file in names {
        match FileName::parse(&file) {
            Some(FileName::Manifest(number)) if name::manifest(number) == file => {
                let older = match newest {
                    Some(newest_so_far) if newest_so_far > number => Some(number),
                    _ => newest.replace(number),
                };
                leftovers.extend(older.map(name::manifest));
            }
            Some(FileName::Temporary) if is_temporary_manifest(&file) => leftovers.push(file),
            _ => {}
        }
    }
    match newest {
        Some(number) => Ok((number, leftovers)),
        None => Err(Error::corrupt(format!("there is no manifest in {}", dir.display()))),
    }
}

fn is_temporary_manifest(file: &str) -> bool {
    let named = file.strip_suffix(staged::SUFFIX).and_then(FileName::parse);
    matches!(named, Some(FileName::Manifest(_)))
}

/// The bytes of a manifest file; `None` when it is gone.
fn load(vfs: &dyn Vfs, dir: &Path, number: u64) -> Result<Option<Vec<u8>>> {
    let name = name::manifest(number);
    let file = match vfs.open(&dir.join(&name), OpenMode::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(format_args!("opening {name}"), e)),
    };
    load_file(&file, &name).map(Some)
}

/// The bytes of a manifest file, with zeros for those that cannot be read, and where these lie.
fn load_readable(vfs: &dyn Vfs, dir: &Path, number: u64) -> Result<(Vec<u8>, Vec<Unreadable>)> {
    let error = match load(vfs, dir, number) {
        Ok(Some(bytes)) => return Ok((bytes, Vec::new())),
        Ok(None) => return Err(Error::corrupt("it is gone")),
        Err(error) if error.kind() == ErrorKind::Io => error,
        Err(error) => return Err(error),
    };
    let Ok(file) = vfs.open(&dir.join(name::manifest(number)), OpenMode::Read) else {
        return Err(error);
    };
    let Some(len) = file.len().ok().filter(|len| *len <= FILE_BYTES_MAX) else {
        return Err(error);
    };
    let mut bytes = vec![0; len as usize];
    let unreadable = read_in_pieces(&*file, &mut bytes);
    Ok((bytes, unreadable))
}

fn load_file(file: &Arc<dyn VfsFile>, name: &str) -> Result<Vec<u8>> {
    let reading = |e| Error::io(format_args!("reading {name}"), e);
    let len = file.len().map_err(reading)?;
    crate::ensure_sound!(
        len <= FILE_BYTES_MAX,
        "{name} is {len} bytes long, but no manifest exceeds {FILE_BYTES_MAX}"
    );
    let len = len as usize;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(len)
        .map_err(|_| Error::full(format!("no memory for the {len} bytes of {name}")))?;
    bytes.resize(len, 0);
    file.read_exact_at(0, &mut bytes).map_err(reading)?;
    Ok(bytes)
}

/// What the bytes of file `tag` say.
fn replay(tag: FileTag, bytes: &[u8]) -> Result<Recovered> {
    let found = record::decode_header(bytes)?;
    crate::ensure_sound!(
        found.uuid == tag.uuid,
        "belongs to database {}, not to {}",
        found.uuid,
        tag.uuid
    );
    crate::ensure_sound!(
        found.number == tag.number,
        "says that it is {}",
        name::manifest(found.number)
    );
    let first = read_record(tag, HEADER_BYTES, bytes, RecordKind::Snapshot)
        .map_err(|e| e.into_error(HEADER_BYTES))?;
    let snapshot_end = HEADER_BYTES + first.bytes();
    let state = edit::decode(first.payload)
        .and_then(|changes| ManifestState::from_snapshot(first.no, &changes))
        .map_err(|e| e.context(format_args!("record at byte {HEADER_BYTES}")))?;
    let mut recovered = Recovered {
        state,
        uuid: tag.uuid,
        number: tag.number,
        len: snapshot_end as u64,
        snapshot_len: snapshot_end as u64,
        synced: snapshot_end as u64,
        torn: None,
        leftovers: Vec::new(),
    };
    replay_edits(tag, bytes, snapshot_end, &mut recovered)?;
    Ok(recovered)
}

fn replay_edits(
    tag: FileTag,
    bytes: &[u8],
    mut at: usize,
    recovered: &mut Recovered,
) -> Result<()> {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let problem = match read_record(tag, at, bytes, RecordKind::Edit) {
            Ok(record) => {
                apply(&record, &mut recovered.state)
                    .map_err(|e| e.context(format_args!("record at byte {at}")))?;
                recovered.synced = at as u64;
                at += record.bytes();
                recovered.len = at as u64;
                continue;
            }
            Err(NoRecord::Broken(problem)) => problem,
            Err(refused @ NoRecord::Refused(_)) => return Err(refused.into_error(at)),
        };
        if let Some(later) = find_record_after(tag, at, bytes) {
            return Err(Error::corrupt(format!(
                "{problem} at byte {at}, which was synced before the record at byte {later} was \
                 written"
            )));
        }
        let torn = TornTail { offset: at as u64, bytes: rest.len() as u64, problem };
        recovered.torn = Some(torn);
        return Ok(());
    }
}

fn apply(record: &Record<'_>, state: &mut ManifestState) -> Result<()> {
    let changes = edit::decode(record.payload)?;
    state.apply(&ManifestEdit { no: record.no, changes })
}

fn read_record(
    tag: FileTag,
    at: usize,
    bytes: &[u8],
    kind: RecordKind,
) -> std::result::Result<Record<'_>, NoRecord> {
    let rest = bytes.get(at..).unwrap_or_default();
    let record = record::decode_record(tag, at as u64, rest)?;
    if record.kind != kind {
        return Err(NoRecord::Refused(Error::corrupt(match kind {
            RecordKind::Snapshot => "the first record is no snapshot",
            RecordKind::Edit => "a snapshot that is not the first record",
        })));
    }
    Ok(record)
}

/// Where a valid record begins behind byte `at`, if one does.
///
/// Bytes made up to look like the beginnings of many long records could make this slow; beyond a
/// few times the file's length it gives up and answers as if one had been found.
pub(super) fn find_record_after(tag: FileTag, at: usize, bytes: &[u8]) -> Option<usize> {
    let mut budget = bytes.len().saturating_mul(8);
    for start in at + 1..bytes.len().saturating_sub(RECORD_BYTES - 1) {
        let rest = bytes.get(start..).unwrap_or_default();
        if !record::looks_like_record(start as u64, rest) {
            continue;
        }
        if record::decode_record(tag, start as u64, rest).is_ok() {
            return Some(start);
        }
        budget = match budget.checked_sub(rest.len()) {
            Some(left) => left,
            None => return Some(start),
        };
    }
    None
}

impl NoRecord {
    pub(super) fn into_error(self, at: usize) -> Error {
        match self {
            NoRecord::Broken(problem) => Error::corrupt(format!("{problem} at byte {at}")),
            NoRecord::Refused(e) => e.context(format_args!("record at byte {at}")),
        }
    }
}
