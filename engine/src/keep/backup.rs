//! Makes, lists, checks and removes backups.
//!
//! ```text
//! new data files: checked, copied, named ► log: copied, read back ► backup-N
//! ```
//!
//! Invariant: what a backup names is never replaced, unless by the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::moment::{Moment, Source};
use super::new::{copy_and, sync_dir};
use super::pool::{Entry, Pool, Stored, check_sum, make_dir, pool_name};
use crate::env::{Env, OpenMode};
use crate::error::{Error, ErrorKind, Result};
use crate::file::FileKind;
use crate::format::Crc;
use crate::format::name;
use crate::id::{FileId, LogNo, SeqNo};
use crate::identity::{Identity, Uuid};
use crate::log::{copy_segment, find_logs, scan};
use crate::manifest::label;
use crate::parts::Parts;
use crate::staged::{remove_if_there, temporary};

/// Bytes at the end of a file that are compared before its copy is used again.
const END_BYTES: u64 = 4 << 10;
/// How many numbers back from the newest backup are looked through for what was left behind.
const TAILS_MAX: u64 = 10_000;

/// What a backup has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Its number.
    pub number: u64,
    /// The last commit in it.
    pub commit: SeqNo,
    /// Data files copied.
    pub copied_files: u64,
    /// Bytes of them.
    pub copied_bytes: u64,
    /// Data files that earlier backups had.
    pub kept_files: u64,
    /// Bytes of them.
    pub kept_bytes: u64,
    /// Bytes of log copied.
    pub log_bytes: u64,
    /// Time it took.
    pub took: Duration,
}

/// A backup that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// Its number.
    pub number: u64,
    /// The database that it is of.
    pub uuid: Uuid,
    /// The last commit in it.
    pub commit: SeqNo,
    /// The time of that commit, milliseconds since 1970 UTC.
    pub clock_ms: u64,
    /// When it was made, milliseconds since 1970 UTC.
    pub made_ms: u64,
    /// Data files.
    pub files: u64,
    /// Bytes of data files and log.
    pub bytes: u64,
}

/// Makes a backup of the present in the directory `dir`.
///
/// # Errors
/// `Invalid` when `dir` has backups of another database; `Locked`; `Corrupt` when what is to be
/// copied is damaged; `Poisoned`, `Full`, `Io`. Earlier backups are as they were.
pub(crate) fn backup(parts: &Parts, identity: &Identity, dir: &Path) -> Result<BackupReport> {
    let env = &*parts.env;
    let began = env.now();
    parts.tail().check()?;
    let pool = Pool::change(env, dir)?;
    let numbers = pool.numbers()?;
    let number = numbers.last().copied().unwrap_or(0).checked_add(1);
    let number = number.ok_or_else(|| Error::full("backups have all numbers that there are"))?;
    let known = stored(&pool, &numbers, identity)?;
    let moment = Moment::take(parts, identity)?;
    let mut maker = Maker { parts, pool: &pool, known, number, report: BackupReport::default() };
    let files = maker.files(&moment)?;
    sync_dir(env.vfs(), &pool.files())?;
    let log = maker.log(&moment, identity)?;
    let mut report = maker.report;
    pool.add(&Entry {
        number,
        identity: *identity,
        commit: moment.seq,
        clock_ms: moment.clock_ms,
        made_ms: env.wall_ms(),
        manifest: moment.manifest,
        state: moment.state.clone(),
        files,
        log,
    })?;
    report.number = number;
    report.commit = moment.seq;
    report.took = env.now().saturating_sub(began);
    tracing::debug!(dir = %dir.display(), ?report, "made a backup");
    Ok(report)
}

/// Files that backups hold, by their number in the database: more than one where they differ.
type Known = BTreeMap<FileId, Vec<Stored>>;

/// What the backups hold.
fn stored(pool: &Pool<'_>, numbers: &[u64], identity: &Identity) -> Result<Known> {
    let mut known = Known::new();
    for number in numbers {
        let entry = match pool.entry(*number) {
            Ok(entry) => entry,
            // A damaged backup has nothing to share.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::warn!(%error, "a backup is damaged");
                continue;
            }
            Err(error) => return Err(error),
        };
        if entry.identity.uuid != identity.uuid {
            return Err(Error::invalid(format!(
                "{} has backups of the database {}, and this one is {}",
                pool.dir.display(),
                entry.identity.uuid,
                identity.uuid
            )));
        }
        for file in entry.files {
            let others = known.entry(file.id).or_default();
            if !others.contains(&file) {
                others.push(file);
            }
        }
    }
    Ok(known)
}

struct Maker<'p> {
    parts: &'p Parts,
    pool: &'p Pool<'p>,
    known: Known,
    number: u64,
    report: BackupReport,
}

impl Maker<'_> {
    /// Takes all data files: those that no backup has are checked first.
    fn files(&mut self, moment: &Moment) -> Result<Vec<Stored>> {
        let mut files = BTreeMap::new();
        let mut new = BTreeMap::new();
        for source in moment.files() {
            match self.kept(&source)? {
                Some(stored) => _ = files.insert(source.id, stored),
                None => _ = new.insert(source.id, source),
            }
        }
        self.check(moment, &|file| new.contains_key(&file))?;
        for (id, source) in new {
            files.insert(id, self.copy(&source)?);
        }
        Ok(files.into_values().collect())
    }

    /// Checks every segment with bytes in files that are `new`.
    fn check(&self, moment: &Moment, new: &dyn Fn(FileId) -> bool) -> Result<()> {
        let current = moment.version();
        for (id, state) in current.states() {
            if state.waiting_files().into_iter().any(|(file, _)| new(file)) {
                let mut first = None;
                let note = &mut |problem| _ = first.get_or_insert(problem);
                state.verify_waiting(&*self.parts.files, note)?;
                if let Some(problem) = first {
                    return Err(Error::corrupt(format!(
                        "{} is damaged and was not backed up: {problem}",
                        self.parts.title(id)
                    )));
                }
            }
            for listed in state.listed() {
                let extents = listed.meta.extents.iter().map(|extent| extent.file);
                let mut files = extents.chain(listed.meta.blobs.iter().map(|blob| blob.file));
                if !files.any(new) {
                    continue;
                }
                let mut first = None;
                let files = &*self.parts.files;
                let note = &mut |problem| _ = first.get_or_insert(problem);
                state.verify_segment(listed.id, files, note)?;
                if let Some(problem) = first {
                    return Err(Error::corrupt(format!(
                        "segment {} of {} is damaged and was not backed up: {problem}",
                        listed.id,
                        self.parts.title(id)
                    )));
                }
                let (vfs, dir) = (self.parts.env.vfs(), &self.parts.dir);
                let sealed = listed.meta.extents.iter().filter(|e| e.kind == FileKind::Sealed);
                for file in sealed.map(|extent| extent.file).filter(|file| new(*file)) {
                    match label::read(vfs, dir, file) {
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        read => drop(read?),
                    }
                }
            }
        }
        Ok(())
    }

    /// The copy that earlier backups have of a file, if it is one of these bytes.
    fn kept(&mut self, source: &Source<'_>) -> Result<Option<Stored>> {
        if source.kind == FileKind::InPlace {
            return Ok(None);
        }
        for stored in self.known.get(&source.id).into_iter().flatten() {
            let copy = self.pool.files().join(&stored.name);
            if self.ends_alike(&source.path, &copy, stored.len)? {
                self.report.kept_files += 1;
                self.report.kept_bytes += stored.len;
                return Ok(Some(stored.clone()));
            }
        }
        Ok(None)
    }

    /// Copies a file. Of a number that a backup has already, it gets a name of its own: that copy
    /// may be the good one, even if this file seems sound.
    fn copy(&mut self, source: &Source<'_>) -> Result<Stored> {
        let Source { id, kind, ref path, front } = *source;
        let vfs = self.parts.env.vfs();
        let files = self.pool.files();
        let unnamed = files.join(temporary(&pool_name(id, kind, self.number)));
        remove_if_there(vfs, &unnamed)?;
        let mut crc = Crc::new();
        let len = copy_and(vfs, (path, front), &unnamed, &mut |piece| {
            crc = std::mem::take(&mut crc).update(piece);
        })?;
        let crc = crc.finish();
        let others = self.known.get(&id).map_or(&[][..], Vec::as_slice);
        // What was lost or damaged in the pool is whole again.
        let same = others.iter().find(|stored| (stored.len, stored.crc) == (len, crc));
        let name = match same {
            Some(stored) if kind == FileKind::Sealed => stored.name.clone(),
            _ if others.is_empty() => pool_name(id, kind, self.number),
            _ => pool_name(id, FileKind::InPlace, self.number),
        };
        let to = files.join(&name);
        vfs.rename(&unnamed, &to)
            .map_err(|e| Error::io(format_args!("naming {}", to.display()), e))?;
        self.report.copied_files += 1;
        self.report.copied_bytes += len;
        Ok(Stored { id, name, len, crc })
    }

    /// Whether two files are `len` bytes long and end alike: a guard against directories that were
    /// copied and went on with the same identity.
    fn ends_alike(&self, one: &Path, other: &Path, len: u64) -> Result<bool> {
        let vfs = self.parts.env.vfs();
        let end = |path: &Path| -> Result<Option<Vec<u8>>> {
            let reading = |e| Error::io(format_args!("reading {}", path.display()), e);
            let file = match vfs.open(path, OpenMode::Read) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                opened => opened.map_err(reading)?,
            };
            if file.len().map_err(reading)? != len {
                return Ok(None);
            }
            let mut bytes = vec![0; len.min(END_BYTES) as usize];
            file.read_exact_at(len - bytes.len() as u64, &mut bytes).map_err(reading)?;
            Ok(Some(bytes))
        };
        let one = end(one)?;
        Ok(one.is_some() && one == end(other)?)
    }

    fn log(&mut self, moment: &Moment, identity: &Identity) -> Result<Vec<(LogNo, u64)>> {
        let vfs = self.parts.env.vfs();
        let dir = self.pool.tail(self.number);
        make_dir(vfs, &dir)?;
        for leftover in self.pool.list(&dir)? {
            remove_if_there(vfs, &dir.join(leftover))?;
        }
        let mut log = Vec::new();
        for segment in &moment.log {
            let (from, to) = (moment.log_path(segment.number), dir.join(name::log(segment.number)));
            let copied =
                copy_segment(vfs, (&from, &to), segment.number, Some(segment.bytes), None)?;
            self.report.log_bytes += copied;
            log.push((segment.number, copied));
        }
        sync_dir(vfs, &dir)?;
        let start = moment.state.log_start().max(LogNo(1));
        let found = scan(vfs, &dir, &identity.uuid.0, start, &mut |_, _| Ok(()))?;
        crate::ensure_sound!(
            found.last_seq == moment.seq && found.torn.is_none(),
            "the log ends with commit {}, and {} should be the last",
            found.last_seq,
            moment.seq
        );
        Ok(log)
    }
}

/// The backups in a directory, oldest first; a damaged one is an error in its place.
///
/// # Errors
/// `NotFound` when there are none; `Locked`, `Io`.
pub fn backups(env: &dyn Env, dir: &Path) -> Result<Vec<Result<BackupInfo>>> {
    let pool = Pool::read(env, dir)?;
    let numbers = pool.numbers()?;
    if numbers.is_empty() {
        return Err(Error::not_found(format!("there are no backups in {}", dir.display())));
    }
    let info = |entry: Entry| BackupInfo {
        number: entry.number,
        uuid: entry.identity.uuid,
        commit: entry.commit,
        clock_ms: entry.clock_ms,
        made_ms: entry.made_ms,
        files: entry.files.len() as u64,
        bytes: entry.bytes(),
    };
    Ok(numbers.iter().map(|number| pool.entry(*number).map(info)).collect())
}

/// Reads every file of every backup, and the archive of the log; what is wrong, one line each.
///
/// # Errors
/// `NotFound` when there are no backups; `Locked`; `Io`.
pub fn check_backups(env: &dyn Env, dir: &Path) -> Result<Vec<String>> {
    let pool = Pool::read(env, dir)?;
    let (mut problems, mut uuid_of_all) = (Vec::new(), None);
    let mut seen = BTreeSet::new();
    for number in pool.numbers()? {
        let entry = match pool.entry(number) {
            Ok(entry) => entry,
            Err(error) => {
                problems.push(error.to_string());
                continue;
            }
        };
        for file in &entry.files {
            if !seen.insert(file.name.clone()) {
                continue;
            }
            match check_sum(env.vfs(), &pool.files().join(&file.name)) {
                Ok(found) if found == (file.len, file.crc) => {}
                Ok(_) => problems.push(format!("{} has changed", file.name)),
                Err(error) => problems.push(error.to_string()),
            }
        }
        let start = entry.state.log_start().max(LogNo(1));
        let uuid = entry.identity.uuid.0;
        match scan(env.vfs(), &pool.tail(number), &uuid, start, &mut |_, _| Ok(())) {
            Ok(found) if found.last_seq == entry.commit => {}
            Ok(found) => problems.push(format!(
                "the log of backup {number} ends with commit {}, not {}",
                found.last_seq, entry.commit
            )),
            Err(error) => problems.push(format!("the log of backup {number}: {error}")),
        }
        uuid_of_all = Some(uuid);
    }
    if let Some(uuid) = uuid_of_all
        && let Err(error) = check_archive(&pool, &uuid)
    {
        problems.push(format!("the archive of the log: {error}"));
    }
    Ok(problems)
}

/// Reads all of the archive: every checksum, and that none is missing between others.
fn check_archive(pool: &Pool<'_>, uuid: &[u8; 16]) -> Result<()> {
    let (vfs, archive) = (pool.env.vfs(), pool.archive());
    if !vfs.exists(&archive).unwrap_or(true) {
        return Ok(());
    }
    let Some(first) = find_logs(vfs, &archive)?.first().copied() else { return Ok(()) };
    let found = scan(vfs, &archive, uuid, first, &mut |_, _| Ok(()))?;
    let last = found.segments.last().map_or(first, |(header, _)| header.number);
    crate::ensure_sound!(found.torn.is_none(), "log segment {last} is cut short or damaged");
    Ok(())
}

/// What removing backups has given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Backups removed.
    pub backups: u64,
    /// Files removed.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Removes all but the newest `keep` backups, and the files and archived log segments that none of
/// these needs. Leftovers of crashed backups go too.
///
/// # Errors
/// `Invalid` when none would be kept; `Corrupt` when a backup to keep is damaged: then nothing is
/// removed; `Locked`, `Io`.
pub fn purge(env: &dyn Env, dir: &Path, keep: usize) -> Result<PurgeReport> {
    if keep == 0 {
        return Err(Error::invalid("at least one backup is kept"));
    }
    if !env.vfs().exists(dir).unwrap_or(true) {
        return Err(Error::not_found(format!("there is no directory {}", dir.display())));
    }
    let pool = Pool::change(env, dir)?;
    let numbers = pool.numbers()?;
    let (old, kept) = numbers.split_at(numbers.len().saturating_sub(keep));
    let mut needed = BTreeSet::new();
    let mut log_from = LogNo(u64::MAX);
    for number in kept {
        let entry = pool.entry(*number)?;
        needed.extend(entry.files.into_iter().map(|file| file.name));
        log_from = log_from.min(entry.log.last().map_or(LogNo(0), |(log, _)| *log));
    }
    let mut report = PurgeReport { backups: old.len() as u64, ..PurgeReport::default() };
    let vfs = env.vfs();
    for number in old {
        remove_if_there(vfs, &pool.entry_path(*number))?;
    }
    sync_dir(vfs, &pool.dir)?;
    let mut remove = |path: &Path| -> Result<()> {
        let len = vfs.open(path, OpenMode::Read).and_then(|file| file.len()).unwrap_or(0);
        remove_if_there(vfs, path)?;
        report.files += 1;
        report.bytes += len;
        Ok(())
    };
    let files = pool.files();
    for file in pool.list(&files)?.iter().filter(|name| !needed.contains(*name)) {
        remove(&files.join(file))?;
    }
    // Those of backups that a crash has kept from being made, or removed, are there without them.
    let newest = numbers.last().copied().unwrap_or(0);
    let unnamed = newest.saturating_sub(TAILS_MAX).max(1)..=newest.saturating_add(1);
    for number in unnamed.filter(|number| !kept.contains(number)) {
        let tail = pool.tail(number);
        for file in pool.list(&tail)? {
            remove(&tail.join(file))?;
        }
    }
    let archive = pool.archive();
    for log in find_logs(vfs, &archive)?.into_iter().filter(|log| *log < log_from) {
        remove(&archive.join(name::log(log)))?;
    }
    Ok(report)
}
