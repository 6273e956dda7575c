//! The log as a writer writes it: buffers, zeros, segments that grow, wait and come back.

use std::path::Path;

use super::*;
use crate::env::sim::{Crash, SimDisk, SimEnv};
use crate::error::ErrorKind;
use crate::log::scan;

const UUID: [u8; 16] = [9; 16];
const DIR: &str = "db";
const MARK: CloseMark = CloseMark { manifest: 2, manifest_len: 345 };

fn options() -> LogOptions {
    LogOptions { segment_bytes: 4096, zero_ahead_bytes: 256, spares: 2, buffer_bytes: 300 }
}

/// Sizes with which all of a small log lies in one segment.
fn in_one() -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, ..options() }
}

/// A log that is being written.
struct Log {
    env: Arc<SimEnv>,
    writer: LogWriter,
}

impl Log {
    fn new() -> Log {
        Log::with(options())
    }

    fn with(options: LogOptions) -> Log {
        let env = SimEnv::new(1);
        env.vfs().create_dir_all(Path::new(DIR)).unwrap();
        Log::resume(env, options, &Scan::default())
    }

    fn resume(env: Arc<SimEnv>, options: LogOptions, scan: &Scan) -> Log {
        let stats = Arc::new(Stats::default());
        let dir = DIR.into();
        let files = LogFiles::default();
        let setup = LogSetup { env: env.clone(), dir, uuid: UUID, options, stats, files };
        let writer = LogWriter::resume(setup, scan, LogNo(1), MARK).unwrap();
        Log { env, writer }
    }

    /// The log as another process finds it.
    fn reopen(&self) -> Log {
        let disk = self.env.disk().fork();
        let scan = scan_of(&disk).unwrap().0;
        let next = self.env.seed() + 1;
        Log::resume(SimEnv::on(disk, next), options(), &scan)
    }

    fn commit(&mut self, body: &[u8], how: Append) -> LogPos {
        let mut record = vec![0; RECORD_HEADER_BYTES];
        record.extend_from_slice(body);
        self.writer.reserve(record.len() as u64).unwrap();
        self.writer.tick(self.env.wall_ms());
        let seq = self.writer.last_seq().next();
        self.writer.append(Kind::Commit, seq, crc32(body), &mut record, how).unwrap()
    }

    fn sync(&mut self) {
        self.writer.write_out().unwrap();
        if let Some((target, end)) = self.writer.sync_target() {
            target.sync().unwrap();
            self.writer.note_synced(end);
        }
    }

    fn file(&self, number: u64) -> Vec<u8> {
        self.env.disk().read_file(path(number))
    }
}

fn path(number: u64) -> PathBuf {
    Path::new(DIR).join(name::log(LogNo(number)))
}

type Found = (Scan, Vec<(u64, Vec<u8>)>);

/// Scans the log on a disk from segment `start` on; bodies of all commits by number.
fn scan_from(disk: &SimDisk, start: u64) -> Result<Found> {
    let mut commits = Vec::new();
    let found = scan(disk, Path::new(DIR), &UUID, LogNo(start), &mut |_, record| {
        if record.kind()? == Kind::Commit {
            commits.push((record.header.seq.0, record.body.to_vec()));
        }
        Ok(())
    })?;
    Ok((found, commits))
}

fn scan_of(disk: &SimDisk) -> Result<Found> {
    scan_from(disk, 1)
}

fn bodies(count: u64) -> Vec<Vec<u8>> {
    (1..=count).map(|n| vec![n as u8; (n * 13 % 70) as usize]).collect()
}

#[test]
fn what_is_written_is_read_back() {
    for how in [Append::Lazily, Append::Written, Append::Synced] {
        let mut log = Log::new();
        let bodies = bodies(200);
        let ends: Vec<LogPos> = bodies.iter().map(|body| log.commit(body, how)).collect();
        assert!(ends.is_sorted() && log.writer.end() == *ends.last().unwrap());
        log.sync();
        let (found, commits) = scan_of(log.env.disk()).unwrap();
        assert!(commits.iter().map(|(_, body)| body).eq(&bodies), "{how:?}");
        assert!(commits.iter().map(|(seq, _)| *seq).eq(1..=200));
        assert_eq!((found.last_seq, found.torn, found.closed), (SeqNo(200), None, None));
        assert!(found.segments.len() > 3);
        assert_eq!(found.segments.last().unwrap().1, log.writer.end());
        assert_eq!(found.manifest, Some(MARK));
        log.writer.close().unwrap();
        let (found, again) = scan_of(log.env.disk()).unwrap();
        assert_eq!((found.closed, found.synced), (Some(MARK), *ends.last().unwrap()));
        assert_eq!(again, commits);
    }
}

#[test]
fn what_waits_in_the_buffer_is_not_in_the_file() {
    let mut log = Log::new();
    log.commit(b"one", Append::Lazily);
    assert_eq!((log.writer.written(), log.writer.end()), (LogPos(0), LogPos(43)));
    assert!(scan_of(log.env.disk()).unwrap().1.is_empty());
    // The next eager record takes it along, in one write.
    log.commit(b"two", Append::Written);
    assert_eq!(log.writer.written(), LogPos(86));
    assert_eq!(scan_of(log.env.disk()).unwrap().1.len(), 2);
    // And so does a full buffer.
    for _ in 0..7 {
        log.commit(b"more", Append::Lazily);
    }
    assert!(log.writer.written() > LogPos(300));
}

#[test]
fn small_synced_commits_overwrite_zeros() {
    let mut log = Log::with(LogOptions { segment_bytes: 1 << 20, ..options() });
    for n in 0..20 {
        log.commit(&[n; 10], Append::Synced);
        log.sync();
    }
    let trace = log.env.disk().trace();
    let writes = trace.iter().filter(|line| line.starts_with("write") && line.ends_with("+50"));
    assert_eq!(writes.count(), 20);
    let zeros = trace.iter().filter(|line| line.starts_with("write") && !line.ends_with("+50"));
    assert_eq!(zeros.count(), 1 + 4, "the header, and a window of zeros now and then");
    // Large records, and those that nobody syncs, are not written twice.
    let before = log.env.disk().op_count();
    log.commit(&[7; 1000], Append::Synced);
    log.commit(&[7; 10], Append::Written);
    assert_eq!(log.env.disk().op_count(), before + 2);
}

#[test]
fn what_a_recycled_file_held_before_never_comes_back() {
    let mut log = Log::new();
    let mut newest = LogNo(0);
    // The first segments are too small to be used again later.
    for _ in 0..2 {
        for body in bodies(400) {
            log.commit(&body, Append::Synced);
        }
        log.sync();
        newest = log.writer.newest().unwrap();
        log.writer.release(newest).unwrap();
        assert_eq!(log.writer.retained().count(), 0);
    }
    // Records of the same sizes as before, so that old and new ones lie at the same places.
    let mut commits = 0;
    while log.writer.newest().unwrap().0 < newest.0 + 2 {
        log.commit(&[1; 40], Append::Written);
        log.sync();
        commits += 1;
        let (found, bodies) = scan_from(log.env.disk(), newest.0).unwrap();
        assert_eq!((found.last_seq, found.torn), (SeqNo(800 + commits), None));
        assert!(bodies.iter().rev().take(commits as usize).all(|(_, body)| *body == [1; 40]));
    }
    let (found, _) = scan_from(log.env.disk(), newest.0).unwrap();
    assert!(found.segments.iter().filter(|(header, _)| header.recycled).count() >= 2);
    // A torn record of the present life is reported all the same.
    let end = log.commit(&[2; 40], Append::Written);
    let (header, _) = found.segments.last().copied().unwrap();
    let newest = log.writer.newest().unwrap();
    let disk = log.env.disk().fork();
    let mut bytes = log.file(newest.0);
    let last = (end.0 - header.base.0 + SEGMENT_HEADER_BYTES) as usize - 1;
    bytes[last] ^= 1;
    disk.write_file(path(newest.0), &bytes);
    let (found, _) = scan_from(&disk, newest.0).unwrap();
    assert_eq!(found.last_seq, SeqNo(800 + commits));
    assert!(found.torn.is_some());
}

#[test]
fn released_segments_are_kept_for_reuse_or_removed() {
    let mut log = Log::new();
    for body in bodies(500) {
        log.commit(&body, Append::Written);
    }
    log.sync();
    let newest = log.writer.newest().unwrap();
    assert_eq!(log.writer.oldest(), Some(LogNo(1)));
    let bytes = log.writer.retained_bytes();
    log.writer.release(newest).unwrap();
    assert_eq!((log.writer.oldest(), log.writer.newest()), (Some(newest), Some(newest)));
    assert!(log.writer.retained_bytes() < bytes);
    let files = log.env.disk().files();
    let names: Vec<_> =
        files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    let segment = name::log(newest);
    assert_eq!(names, [&*segment, "spare-0000000001.log", "spare-0000000002.log"]);
}

#[test]
fn the_space_of_a_segment_is_taken_in_steps() {
    let mut log = Log::with(LogOptions { segment_bytes: 64 << 20, ..options() });
    let mut sizes = Vec::new();
    for _ in 0..40 {
        log.commit(&[3; 1 << 20], Append::Lazily);
        let newest = log.writer.newest().unwrap();
        let len = log.file(newest.0).len() as u64;
        let used = SEGMENT_HEADER_BYTES + log.writer.active_bytes();
        assert!(len >= used && len <= used + (8 << 20) + (1 << 20), "{len} for {used}");
        sizes.push((newest, len));
    }
    assert!(sizes.windows(2).any(|pair| pair[0].0 == pair[1].0 && pair[0].1 < pair[1].1));
    log.sync();
    assert_eq!(scan_of(log.env.disk()).unwrap().0.last_seq, SeqNo(40));
}

#[test]
fn a_log_that_was_shrunk_has_no_spares_and_goes_on() {
    let mut log = Log::new();
    for body in bodies(500) {
        log.commit(&body, Append::Written);
    }
    log.sync();
    let newest = log.writer.newest().unwrap();
    log.writer.release(newest).unwrap();
    log.writer.shrink().unwrap();
    let used = SEGMENT_HEADER_BYTES + log.writer.active_bytes();
    assert_eq!(log.env.disk().files().len(), 1);
    assert_eq!(log.file(newest.0).len() as u64, used);
    for body in bodies(100) {
        log.commit(&body, Append::Synced);
    }
    log.sync();
    let (found, commits) = scan_from(log.env.disk(), newest.0).unwrap();
    assert_eq!((found.last_seq, found.torn.is_some()), (SeqNo(600), false));
    assert!(commits.len() > 100);
}

#[test]
fn segments_grow_to_their_full_size_and_hold_any_record() {
    let mut log = Log::with(LogOptions { segment_bytes: 64 << 10, ..options() });
    let mut sizes = Vec::new();
    for _ in 0..400 {
        log.commit(&[3; 500], Append::Lazily);
        sizes.push(log.file(log.writer.newest().unwrap().0).len());
    }
    assert!(sizes.is_sorted() && sizes[0] < 2048 && *sizes.last().unwrap() == 64 << 10);
    log.commit(&[4; 200_000], Append::Synced);
    log.sync();
    let (found, commits) = scan_of(log.env.disk()).unwrap();
    assert_eq!((found.last_seq, commits.last().unwrap().1.len()), (SeqNo(401), 200_000));
}

#[test]
fn a_cut_tail_is_never_appended_to() {
    let mut log = Log::with(in_one());
    log.commit(b"one", Append::Synced);
    log.sync();
    log.commit(b"torn", Append::Synced);
    log.commit(b"behind", Append::Synced);
    let disk = log.env.disk().fork();
    let mut bytes = log.file(1);
    bytes[SEGMENT_HEADER_BYTES as usize + 43] ^= 1;
    disk.write_file(path(1), &bytes);
    let (found, commits) = scan_of(&disk).unwrap();
    assert_eq!((commits.len(), found.torn.unwrap().offset), (1, 512 + 43));
    let mut log = Log::resume(SimEnv::on(disk, 2), options(), &found);
    assert_eq!(log.writer.end(), LogPos(43));
    log.commit(b"two", Append::Synced);
    log.sync();
    assert_eq!(log.file(1), bytes, "the segment with the cut tail stays as it is");
    let (found, commits) = scan_of(log.env.disk()).unwrap();
    assert_eq!(commits, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    assert_eq!((found.segments.len(), found.torn), (2, None));
    assert_eq!(found.segments[1].0.base, LogPos(43));
}

#[test]
fn any_crash_leaves_a_prefix_with_everything_synced() {
    let mut log = Log::new();
    let mut synced = vec![(log.env.disk().op_count(), 0u64)];
    for (n, body) in bodies(60).iter().enumerate() {
        log.commit(body, Append::Synced);
        if n % 3 == 0 {
            log.sync();
            synced.push((log.env.disk().op_count(), n as u64 + 1));
        }
    }
    let expected = scan_of(log.env.disk()).unwrap().1;
    for at in 3..=log.env.disk().op_count() {
        let durable = synced.iter().rev().find(|(op, _)| *op <= at).unwrap().1;
        for crash in Crash::all(at) {
            let disk = log.env.disk().crash_image(at, crash);
            let (found, commits) = scan_of(&disk).unwrap_or_else(|e| panic!("{crash:?} {at}: {e}"));
            assert!(
                found.last_seq.0 >= durable,
                "{crash:?} after {at}: {} of {durable}",
                found.last_seq
            );
            assert_eq!(commits, expected[..commits.len()]);
        }
    }
}

#[test]
fn a_log_that_is_closed_twice_has_one_mark() {
    let mut log = Log::new();
    log.commit(b"one", Append::Written);
    log.writer.close().unwrap();
    let closed = log.env.disk().content_hash();
    log.writer.close().unwrap();
    assert_eq!(log.env.disk().content_hash(), closed);
    let mut log = log.reopen();
    log.writer.close().unwrap();
    assert_eq!(log.env.disk().content_hash(), closed);
    log.commit(b"two", Append::Written);
    assert_eq!(scan_of(log.env.disk()).unwrap().0.closed, None);
    log.writer.close().unwrap();
    assert_eq!(scan_of(log.env.disk()).unwrap().0.closed, Some(MARK));
    assert_eq!(scan_of(log.reopen().env.disk()).unwrap().1.len(), 2);
}

#[test]
fn segments_are_those_of_this_log_in_their_order() {
    let mut log = Log::new();
    for body in bodies(150) {
        log.commit(&body, Append::Written);
    }
    log.sync();
    let sound = log.env.disk();
    let check = |change: &dyn Fn(&SimDisk), what: &str| {
        let disk = sound.fork();
        change(&disk);
        let error = scan_of(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.message().contains(what), "{error}");
    };
    check(&|disk| disk.remove_file(path(2)), "log segment 2 is missing");
    check(&|disk| disk.remove_file(path(1)), "log segment 1 is missing");
    check(&|disk| disk.write_file(path(2), &log.file(3)), "log segment 2: header");
    check(&|disk| disk.write_file(path(2), b""), "log segment header: ends early");
    check(&|disk| disk.write_file(path(2), &[0; 600]), "log segment 2: no log segment header");
    let other =
        SegmentHeader { uuid: [8; 16], ..SegmentHeader::decode(LogNo(1), &log.file(1)).unwrap() };
    check(
        &|disk| disk.write_file(path(1), &other.encode()),
        "log segment 1 belongs to another database",
    );
    // A later start does not look at what is before it.
    let disk = sound.fork();
    disk.remove_file(path(1));
    let (found, commits) = scan_from(&disk, 2).unwrap();
    assert_eq!(
        (found.segments.len() as u64 + 1, found.last_seq),
        (log.writer.newest().unwrap().0, SeqNo(150))
    );
    assert_eq!(commits[0].0, found.segments[0].0.last_seq.0 + 1);
}
