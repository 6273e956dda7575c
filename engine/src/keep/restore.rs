//! Makes a database out of a backup, and of the archived log behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::new::NewDatabase;
use super::pool::{Entry, Pool};
use crate::batch::Body;
use crate::env::{Env, OpenMode};
use crate::error::{Error, ErrorKind, Result};
use crate::format::name;
use crate::id::{FileId, IndexId, LogNo, LogPos, SeqNo};
use crate::identity::Uuid;
use crate::index::SegmentMeta;
use crate::log::{Kind, Record, SEGMENT_HEADER_BYTES, SegmentHeader, find_logs};
use crate::moment;
use crate::version::CatalogOp;

/// Up to where to restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoreTo {
    /// The newest backup, and all commits in the archive of the log behind it.
    #[default]
    Latest,
    /// This backup, and nothing behind it.
    Backup(u64),
    /// This commit, and nothing behind it.
    Commit(SeqNo),
    /// The last commit at or before this time, in milliseconds since 1970 UTC.
    Time(u64),
}

impl RestoreTo {
    fn includes(self, seq: SeqNo, clock_ms: u64) -> bool {
        match self {
            RestoreTo::Latest | RestoreTo::Backup(_) => true,
            RestoreTo::Commit(last) => seq <= last,
            RestoreTo::Time(last_ms) => clock_ms <= last_ms,
        }
    }
}

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// The backup that it began with.
    pub backup: u64,
    /// The last commit.
    pub commit: SeqNo,
    /// Commits that came from the archive of the log.
    pub from_archive: u64,
    /// The database that it is: another one than was backed up.
    pub uuid: Uuid,
    /// Time it took.
    pub took: Duration,
}

/// Makes `target` a database out of the backups in `dir`.
///
/// # Errors
/// `NotFound` when no backup and no archived log reaches what is asked for, naming what there is:
/// for a time, and for the latest commit, when the archive has later segments but not all before;
/// `Exists` when there are files in `target`; `Corrupt` when files of the backup are damaged;
/// `Locked` while backups are made; `Full`, `Io`. There is no database in `target` then.
pub fn restore(env: &dyn Env, dir: &Path, target: &Path, to: RestoreTo) -> Result<RestoreReport> {
    let began = env.now();
    let pool = Pool::read(env, dir)?;
    let entry = choose(&pool, to)?;
    let mut new = NewDatabase::begin(env, target, &entry.identity)?;
    for file in &entry.files {
        let from = pool.files().join(&file.name);
        new.copy(&from, &name::data(file.id), (file.len, file.crc))?;
    }
    new.describe(&entry.state, entry.manifest);
    let log_end = take_log(&pool, &mut new, &entry, to)?;
    let commit = cut(&new, &entry, to, log_end)?;
    let identity = new.finish(commit)?;
    Ok(RestoreReport {
        backup: entry.number,
        commit,
        from_archive: commit.0 - entry.commit.0,
        uuid: identity.uuid,
        took: env.now().saturating_sub(began),
    })
}

/// The newest backup that holds nothing behind what is asked for.
fn choose(pool: &Pool<'_>, to: RestoreTo) -> Result<Entry> {
    let numbers = pool.numbers()?;
    if let RestoreTo::Backup(number) = to {
        return pool.entry(number);
    }
    let mut oldest = None;
    let mut damaged = None;
    for number in numbers.iter().rev() {
        match pool.entry(*number) {
            Ok(entry) if to.includes(entry.commit, entry.clock_ms) => return Ok(entry),
            Ok(entry) => oldest = Some(entry),
            // An older one will do, with more of the log.
            Err(error) if error.kind() == ErrorKind::Corrupt => damaged = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (damaged, oldest) {
        (Some(error), _) => Err(error),
        (None, Some(oldest)) => Err(Error::not_found(format!(
            "the oldest backup, {}, is of commit {} at {} ({} ms), later than what is asked for",
            oldest.number,
            oldest.commit,
            moment::text(oldest.clock_ms),
            oldest.clock_ms
        ))),
        (None, None) => {
            Err(Error::not_found(format!("there are no backups in {}", pool.dir.display())))
        }
    }
}

/// Where the archive ends behind a backup.
#[derive(Clone, Copy, Debug)]
struct End {
    /// The first segment that is not there.
    missing: LogNo,
    /// Whether later ones are.
    is_gap: bool,
}

/// Takes over the log: of each segment what the archive has, or else the backup. Returns where it
/// ends, unless that is behind what is asked for.
fn take_log(
    pool: &Pool<'_>,
    new: &mut NewDatabase<'_>,
    entry: &Entry,
    to: RestoreTo,
) -> Result<Option<End>> {
    let archived: BTreeSet<LogNo> = match to {
        RestoreTo::Backup(_) => BTreeSet::new(),
        _ => match find_logs(pool.env.vfs(), &pool.archive()) {
            Err(_) if !pool.env.vfs().exists(&pool.archive()).unwrap_or(true) => BTreeSet::new(),
            found => found?.into_iter().collect(),
        },
    };
    let end = |missing: LogNo| {
        let is_gap = archived.last().is_some_and(|last| *last > missing);
        Ok(Some(End { missing, is_gap }))
    };
    let mut next = LogNo(0);
    for (number, bytes) in &entry.log {
        let own = pool.tail(entry.number).join(name::log(*number));
        let longer = match archived.contains(number) {
            true => archived_header(pool, *number, entry)?.1 >= *bytes,
            false => false,
        };
        match longer {
            true => new.log(&pool.archive().join(name::log(*number)), *number, None)?,
            false => new.log(&own, *number, Some(*bytes))?,
        };
        next = number.next();
        let is_last = entry.log.last().is_some_and(|(last, _)| last == number);
        if is_last && !longer {
            // What follows in this segment is not archived yet.
            return end(*number);
        }
    }
    while archived.contains(&next) {
        let (header, _) = archived_header(pool, next, entry)?;
        // All of it is behind what is asked for.
        if !to.includes(header.last_seq.next(), header.clock_ms) {
            return Ok(None);
        }
        new.log(&pool.archive().join(name::log(next)), next, None)?;
        next = next.next();
    }
    end(next)
}

/// The header of an archived segment, and the bytes of its records.
fn archived_header(pool: &Pool<'_>, number: LogNo, entry: &Entry) -> Result<(SegmentHeader, u64)> {
    let path = pool.archive().join(name::log(number));
    let reading = |e| Error::io(format_args!("reading {}", path.display()), e);
    let file = pool.env.vfs().open(&path, OpenMode::Read).map_err(reading)?;
    let len = file.len().map_err(reading)?;
    let Some(bytes) = len.checked_sub(SEGMENT_HEADER_BYTES) else {
        return Err(Error::corrupt(format!("{} has only {len} bytes", path.display())));
    };
    let mut header = vec![0; SEGMENT_HEADER_BYTES as usize];
    file.read_exact_at(0, &mut header).map_err(reading)?;
    let header = SegmentHeader::decode(number, &header)?;
    crate::ensure_sound!(
        header.uuid == entry.identity.uuid.0,
        "{} belongs to another database",
        path.display()
    );
    Ok((header, bytes))
}

/// What bulk loads behind the backup have ingested and no backup has: of each index the first.
#[derive(Default)]
struct Missing(BTreeMap<IndexId, (SeqNo, FileId)>);

impl Missing {
    /// Takes in a record. Whatever was loaded into an index that is dropped is not needed.
    fn see(&mut self, new: &NewDatabase<'_>, entry: &Entry, record: &Record<'_>) -> Result<()> {
        let seq = record.header.seq;
        if seq <= entry.commit {
            return Ok(());
        }
        match record.kind()? {
            Kind::Ingest => {
                for (id, metas) in Body::decode(record.body)?.segments() {
                    let metas = metas?;
                    let mut files = metas.iter().flat_map(SegmentMeta::files);
                    if let Some(file) = files.find(|file| !new.has(*file)) {
                        self.0.entry(id).or_insert((seq, file));
                    }
                }
            }
            Kind::Commit if !self.0.is_empty() => {
                let body = Body::decode(record.body)?;
                for (_, op) in body.parts.iter().filter(|(id, _)| *id == IndexId::CATALOG) {
                    if let CatalogOp::Drop { id } = CatalogOp::decode(op)? {
                        self.0.remove(&id);
                    }
                }
            }
            Kind::Commit | Kind::Close => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let Some((seq, file)) = self.0.values().min() else { return Ok(()) };
        Err(Error::not_found(format!(
            "commit {seq} is a bulk load, whose file {} is in no backup at or before it: \
             restore to commit {} or earlier, or from a backup made after it",
            name::data(*file),
            seq.0 - 1
        )))
    }
}

/// Cuts the log behind what is asked for; the last commit.
fn cut(new: &NewDatabase<'_>, entry: &Entry, to: RestoreTo, log_end: Option<End>) -> Result<SeqNo> {
    let mut kept = entry.commit;
    let mut end: Option<(LogNo, LogPos)> = None;
    let mut is_over = false;
    let mut missing = Missing::default();
    let found = new.read_log(&mut |number, record: Record<'_>| {
        let header = record.header;
        is_over |= record.kind()?.is_commit() && !to.includes(header.seq, header.clock_ms);
        if !is_over {
            missing.see(new, entry, &record)?;
            kept = kept.max(header.seq);
            end = Some((number, LogPos(record.at.0 + header.record_len())));
        }
        Ok(())
    })?;
    crate::ensure_sound!(
        found.torn.is_none() && found.last_seq >= entry.commit,
        "the log ends with commit {}, before the last of the backup",
        found.last_seq
    );
    missing.check()?;
    let missing = log_end.map(|end| format!("; log segment {} is not archived", end.missing));
    let missing = missing.unwrap_or_default();
    match to {
        RestoreTo::Commit(wanted) if wanted <= kept => {}
        RestoreTo::Commit(wanted) => {
            return Err(Error::not_found(format!(
                "backup and archive reach commit {kept}, not {wanted}{missing}"
            )));
        }
        RestoreTo::Latest | RestoreTo::Time(_)
            if !is_over && log_end.is_some_and(|end| end.is_gap) =>
        {
            return Err(Error::not_found(format!(
                "backup and archive reach commit {kept}{missing}, but later ones are: ask for \
                 that commit, or for an earlier one"
            )));
        }
        RestoreTo::Latest | RestoreTo::Backup(_) | RestoreTo::Time(_) => {}
    }
    if is_over {
        let first = found.segments.first().map(|(header, _)| (header.number, header.base));
        if let Some((last, end)) = end.or(first) {
            new.cut_log(&found, last, end)?;
        }
    }
    Ok(kept)
}
