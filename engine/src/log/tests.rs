//! Every bit of a log counts: a reader finds what was written, a part of it whose end was not
//! proved to be durable, or damage.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::batch::{Batch, Body};
use crate::env::Env;
use crate::env::sim::{Fault, FaultRule, OpKind, Random, SimDisk, SimEnv};
use crate::error::{ErrorKind, Result};
use crate::file::LogFiles;
use crate::format::{crc32, name};
use crate::id::{IndexId, LogNo, LogPos, SeqNo};
use crate::identity::tests::sample;
use crate::version::{CatalogOp, Entry};

const UUID: [u8; 16] = [
    0x3b, 0x24, 0x1f, 0x10, 0x9a, 0x77, 0x4c, 0x3e, 0x8d, 0x51, 0x60, 0x0e, 0x5a, 0xc2, 0x99, 0x07,
];
const MARK: CloseMark = CloseMark { manifest: 1, manifest_len: 160 };
const HEADER: usize = SEGMENT_HEADER_BYTES as usize;
/// The first segment of [`Log::build`]; the one after it lies in a recycled file.
const START: LogNo = LogNo(2);

fn dir() -> &'static Path {
    Path::new("db")
}

fn writer(env: &Arc<SimEnv>) -> LogWriter {
    env.vfs().create_dir_all(dir()).unwrap();
    let options =
        LogOptions { segment_bytes: 64 << 10, zero_ahead_bytes: 64, ..LogOptions::default() };
    let setup = LogSetup {
        files: LogFiles::default(),
        env: env.clone(),
        dir: dir().to_owned(),
        uuid: UUID,
        options,
        stats: Arc::default(),
    };
    LogWriter::resume(setup, &Scan::default(), LogNo(1), MARK).unwrap()
}

fn commit(env: &SimEnv, writer: &mut LogWriter, body: &[u8], how: Append) {
    let mut record = vec![0; RECORD_HEADER_BYTES];
    record.extend_from_slice(body);
    writer.reserve(record.len() as u64).unwrap();
    writer.tick(env.wall_ms());
    let seq = writer.last_seq().next();
    writer.append(Kind::Commit, seq, crc32(body), &mut record, how).unwrap();
    if how == Append::Synced {
        writer.sync_all().unwrap();
    }
}

/// A record as a scan gave it.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    log: LogNo,
    at: LogPos,
    header: RecordHeader,
    body: Vec<u8>,
}

fn scan_disk(disk: &SimDisk, start: LogNo) -> (Vec<Found>, Result<Scan>) {
    let mut found = Vec::new();
    let scanned = scan(disk, dir(), &UUID, start, &mut |log, record| {
        let Record { header, at, body } = record;
        found.push(Found { log, at, header, body: body.to_vec() });
        Ok(())
    });
    (found, scanned)
}

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Closed,
    Crashed,
}

/// The segments 2, 3 and 4 of a log, the middle one in the file that was segment 1, and what was
/// committed in them.
#[derive(Clone)]
struct Log {
    files: Vec<(LogNo, Vec<u8>)>,
    first: SeqNo,
    bodies: Vec<Vec<u8>>,
}

impl Log {
    fn build(ending: Ending) -> Log {
        let env = SimEnv::new(1);
        let mut writer = writer(&env);
        let mut bodies = Vec::new();
        let mut first = SeqNo(0);
        while writer.newest() < Some(LogNo(4)) || bodies.len() % 5 != 0 {
            let before = writer.newest();
            let n = writer.last_seq().0;
            let body = vec![n as u8 + 1; 60 + (n as usize * 7) % 20];
            let how = if n.is_multiple_of(3) { Append::Synced } else { Append::Written };
            commit(&env, &mut writer, &body, how);
            env.advance(Duration::from_millis(7));
            if before < Some(START) && writer.newest() == Some(START) {
                writer.release(START).unwrap();
                first = writer.last_seq();
                bodies.clear();
            }
            bodies.push(body);
        }
        if ending == Ending::Closed {
            writer.close().unwrap();
        }
        let logs = find_logs(env.vfs(), dir()).unwrap();
        assert_eq!(logs, [START, LogNo(3), LogNo(4)]);
        let read = |number| (number, env.disk().read_file(dir().join(name::log(number))));
        Log { files: logs.into_iter().map(read).collect(), first, bodies }
    }

    fn disk(&self) -> Arc<SimDisk> {
        let disk = SimDisk::new();
        for (number, bytes) in &self.files {
            disk.write_file(dir().join(name::log(*number)), bytes);
        }
        disk
    }

    fn scan(&self) -> (Vec<Found>, Result<Scan>) {
        scan_disk(&self.disk(), START)
    }

    /// Scans with another content of the segment at `i`.
    fn scan_with(&self, i: usize, bytes: &[u8]) -> (Vec<Found>, Result<Scan>) {
        let disk = self.disk();
        disk.write_file(dir().join(name::log(self.files[i].0)), bytes);
        scan_disk(&disk, START)
    }

    /// Offset in its file of a record.
    fn offset(&self, found: &Found) -> usize {
        let bytes = &self.files[(found.log.0 - START.0) as usize].1;
        let header = SegmentHeader::decode(found.log, bytes).unwrap();
        header.offset_of(found.at) as usize
    }
}

fn assert_corrupt(scanned: Result<Scan>) {
    assert_eq!(scanned.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_scan_gives_back_every_record() {
    for ending in [Ending::Crashed, Ending::Closed] {
        let log = Log::build(ending);
        let (found, scanned) = log.scan();
        let scanned = scanned.unwrap();
        let commits = found.iter().filter(|found| found.header.kind == Kind::Commit as u8);
        assert!(commits.clone().map(|found| &found.body).eq(&log.bodies));
        let seqs = commits.map(|found| found.header.seq);
        assert!(seqs.eq((log.first.0..).map(SeqNo).take(log.bodies.len())));
        assert!(found.windows(2).all(|pair| pair[0].header.clock_ms <= pair[1].header.clock_ms));
        assert_eq!(scanned.last_seq.0, log.first.0 + log.bodies.len() as u64 - 1);
        assert_eq!(scanned.torn, None);
        assert_eq!(scanned.manifest, Some(MARK));
        assert_eq!(scanned.closed, (ending == Ending::Closed).then_some(MARK));
        let recycled: Vec<bool> = scanned.segments.iter().map(|(h, _)| h.recycled).collect();
        assert_eq!(recycled, [false, true, false]);
    }
}

fn sample_bodies() -> Vec<Vec<u8>> {
    let mut create = Batch::new();
    let entry = Entry { name: "towns".into(), kind: "lsm".into(), options: Vec::new() };
    let op = CatalogOp::Create { id: IndexId(1), entry };
    create.part(IndexId::CATALOG).extend_from_slice(&op.encode());
    let mut put = Batch::new();
    put.part(IndexId(1)).extend_from_slice(b"\x01\x05Ronda\x02MA");
    put.notes().extend_from_slice(b"note");
    let mut rename = Batch::new();
    let op = CatalogOp::Rename { id: IndexId(1), name: "places".into() };
    rename.part(IndexId::CATALOG).extend_from_slice(&op.encode());
    let encoded = [create, put, rename].map(|batch| {
        let mut body = Vec::new();
        batch.encode(&mut body);
        body
    });
    encoded.into()
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    let env = SimEnv::new(1);
    let mut writer = writer(&env);
    for body in sample_bodies() {
        commit(&env, &mut writer, &body, Append::Synced);
        env.advance(Duration::from_millis(250));
    }
    writer.close().unwrap();
    let written = env.disk().read_file(dir().join(name::log(LogNo(1))));
    let stored = sample("log-v1", &written);
    assert_eq!(stored, written, "the bytes that are written have changed");

    let disk = SimDisk::new();
    disk.write_file(dir().join(name::log(LogNo(1))), &stored);
    let (found, scanned) = scan_disk(&disk, LogNo(1));
    assert_eq!(scanned.unwrap().closed, Some(MARK));
    let bodies: Vec<_> = found.iter().map(|found| found.body.clone()).collect();
    assert_eq!(bodies[..3], sample_bodies());
    let body = Body::decode(&bodies[0]).unwrap();
    assert!(matches!(
        CatalogOp::decode(body.parts[0].1).unwrap(),
        CatalogOp::Create { entry, .. } if entry.name == "towns"
    ));
    assert_eq!(Body::decode(&bodies[1]).unwrap().notes, b"note");
    assert_eq!(describe(LogNo(1), &stored).len(), 6);
}

/// Whether a record after the one at `i`, in the same segment, shows that `i` had been synced.
fn is_proved(found: &[Found], i: usize) -> bool {
    let later = found[i + 1..].iter().filter(|later| later.log == found[i].log);
    later.map(|later| later.header.synced).any(|synced| synced > found[i].at)
}

#[test]
fn a_flipped_bit_in_the_last_segment_costs_only_what_was_not_proved() {
    for ending in [Ending::Crashed, Ending::Closed] {
        let log = Log::build(ending);
        let (all, _) = log.scan();
        let last = &log.files[2].1;
        let (mut proved, mut torn) = (0, 0);
        for bit in 0..last.len() * 8 {
            let byte = bit / 8;
            let mut bytes = last.clone();
            bytes[byte] ^= 1 << (bit % 8);
            let (found, scanned) = log.scan_with(2, &bytes);
            if byte < 96 {
                assert_corrupt(scanned);
                continue;
            }
            let hit = all.iter().position(|record| {
                let from = log.offset(record);
                let len = record.header.record_len() as usize;
                record.log == LogNo(4) && (from..from + len).contains(&byte)
            });
            match hit {
                Some(i) if is_proved(&all, i) => {
                    proved += 1;
                    assert_corrupt(scanned);
                }
                Some(i) => {
                    torn += 1;
                    assert_eq!(found, all[..i]);
                    let cut = scanned.unwrap().torn.unwrap();
                    assert_eq!((cut.log, cut.offset), (LogNo(4), log.offset(&all[i]) as u64));
                }
                None => {
                    assert_eq!(found, all);
                    assert_eq!(scanned.unwrap().torn.is_some(), byte >= HEADER);
                }
            }
        }
        assert!(proved > 0 && torn > 0);
    }
}

#[test]
fn every_truncation_of_the_last_segment_leaves_whole_records_in_order() {
    for ending in [Ending::Crashed, Ending::Closed] {
        let log = Log::build(ending);
        let (all, _) = log.scan();
        let last = &log.files[2].1;
        for len in 0..last.len() {
            let (found, scanned) = log.scan_with(2, &last[..len]);
            if len < 96 {
                assert_corrupt(scanned);
                continue;
            }
            let scanned = scanned.unwrap();
            let fits = |record: &&Found| {
                let end = log.offset(record) + record.header.record_len() as usize;
                record.log < LogNo(4) || end <= len
            };
            let whole = all.iter().filter(fits).count();
            assert_eq!(found, all[..whole], "cut to {len} bytes");
            let end = all.get(whole).map(|record| log.offset(record));
            let is_cut = end.is_some_and(|end| end < len && last[end..len].iter().any(|b| *b != 0));
            assert_eq!(scanned.torn.is_some(), is_cut, "cut to {len} bytes");
            assert_eq!(scanned.closed, None);
        }
    }
}

#[test]
fn nothing_that_a_successor_proves_may_be_damaged() {
    let log = Log::build(Ending::Crashed);
    let (all, scanned) = log.scan();
    let segments = scanned.unwrap().segments;
    for (i, (header, end)) in segments[..2].iter().enumerate() {
        let end = header.offset_of(*end) as usize;
        let whole = &log.files[i].1;
        for byte in (0..96).chain(HEADER..whole.len()) {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << (byte % 8);
            let (found, scanned) = log.scan_with(i, &bytes);
            if byte < end {
                assert_corrupt(scanned);
            } else {
                assert_eq!((found, scanned.unwrap().torn), (all.clone(), None));
            }
        }
        for len in (0..96).chain(96..end) {
            assert_corrupt(log.scan_with(i, &whole[..len]).1);
        }
    }
}

/// A segment 3 of four commits, of which the third says that the log was durable up to `synced`
/// bytes behind the beginning of the second.
fn four_commits(synced: i64) -> Vec<u8> {
    let header = SegmentHeader {
        uuid: UUID,
        number: LogNo(3),
        base: LogPos(1000),
        last_seq: SeqNo(7),
        manifest: MARK,
        clock_ms: 9,
        recycled: false,
    };
    let mut file = header.encode();
    for i in 0..4 {
        let body = [i as u8 + 1; 10];
        let at = LogPos(1000 + i * 50);
        let synced = if i < 2 { 1000 } else { (1050 + synced) as u64 };
        let record = RecordHeader {
            body_crc: crc32(&body),
            body_len: 10,
            kind: Kind::Commit as u8,
            flags: 0,
            key_id: 0,
            seq: SeqNo(8 + i),
            synced: LogPos(synced),
            clock_ms: 9,
        };
        let mut bytes = vec![0; RECORD_HEADER_BYTES];
        record.encode(LogNo(3), at, &mut bytes);
        file.extend_from_slice(&bytes);
        file.extend_from_slice(&body);
    }
    file
}

#[test]
fn a_bad_record_is_damage_exactly_when_a_later_one_proves_that_it_was_synced() {
    for (synced, is_damage) in [(-50, false), (0, false), (1, true), (50, true)] {
        for byte in 50..100 {
            let mut file = four_commits(synced);
            file[HEADER + byte] ^= 0x10;
            let disk = SimDisk::new();
            disk.write_file(dir().join(name::log(LogNo(3))), &file);
            let (found, scanned) = scan_disk(&disk, LogNo(3));
            if is_damage {
                assert_corrupt(scanned);
            } else {
                assert_eq!(found.len(), 1);
                let torn = Torn { log: LogNo(3), offset: HEADER as u64 + 50, bytes: 150 };
                assert_eq!(scanned.unwrap().torn, Some(torn));
            }
        }
    }
}

#[test]
fn remains_of_an_earlier_life_never_validate() {
    let env = SimEnv::new(1);
    let mut writer = writer(&env);
    while writer.newest() < Some(START) {
        commit(&env, &mut writer, &[7; 60], Append::Synced);
    }
    writer.release(START).unwrap();
    while writer.newest() < Some(LogNo(3)) {
        commit(&env, &mut writer, &[7; 60], Append::Synced);
    }
    let bytes = env.disk().read_file(dir().join(name::log(LogNo(3))));
    let header = SegmentHeader::decode(LogNo(3), &bytes).unwrap();
    assert!(header.recycled);
    let end = header.offset_of(writer.end()) as usize;
    // Records of both lives are of one length, so a whole old one lies where the next is due.
    let remains = LogPos((end - HEADER) as u64);
    assert!(Record::decode(LogNo(1), remains, &bytes[end..]).is_some());
    for offset in end..bytes.len() {
        for base in [LogPos(0), header.base] {
            let at = LogPos(base.0 + (offset - HEADER) as u64);
            assert!(RecordHeader::decode(LogNo(3), at, &bytes[offset..]).is_none());
        }
    }
    let (found, scanned) = scan_disk(env.disk(), START);
    let scanned = scanned.unwrap();
    assert_eq!((scanned.last_seq, scanned.torn), (writer.last_seq(), None));
    assert_eq!(found.last().unwrap().log, LogNo(3));
}

#[test]
fn a_missing_segment_is_damage() {
    let log = Log::build(Ending::Closed);
    for missing in [START, LogNo(3)] {
        let disk = log.disk();
        disk.remove_file(dir().join(name::log(missing)));
        assert_corrupt(scan_disk(&disk, START).1);
    }
}

#[test]
fn a_segment_of_another_place_or_database_is_damage() {
    let log = Log::build(Ending::Crashed);
    assert_corrupt(log.scan_with(1, &log.files[2].1).1);
    let mut header = SegmentHeader::decode(LogNo(4), &log.files[2].1).unwrap();
    header.uuid = [1; 16];
    let mut bytes = log.files[2].1.clone();
    bytes[..HEADER].copy_from_slice(&header.encode());
    assert_corrupt(log.scan_with(2, &bytes).1);
}

#[test]
fn any_bytes_are_described_and_scanned_without_a_panic() {
    let mut random = Random::new(11);
    let log = Log::build(Ending::Closed);
    for round in 0..3000 {
        let mut bytes = log.files[random.index(3)].1.clone();
        let from = if round % 2 == 0 { 0 } else { random.index(bytes.len()) };
        let to = from + random.index(bytes.len() - from) + 1;
        bytes[from..to].fill_with(|| random.next_u64() as u8);
        bytes.truncate(random.index(bytes.len() * 2));
        for number in [START, LogNo(4)] {
            assert!(!describe(number, &bytes).is_empty());
        }
        let disk = SimDisk::new();
        disk.write_file(dir().join(name::log(START)), &bytes);
        let (found, _) = scan_disk(&disk, START);
        assert!(found.iter().all(|record| record.log == START));
    }
}

/// A segment 3 of a commit, and behind it many headers that hold, each of a record that would reach
/// to the end of the file, and would prove that the first of them was durable.
fn headers_of_long_records() -> Vec<u8> {
    let mut file = four_commits(0);
    file.truncate(HEADER + 50);
    let end = 1 << 20;
    while file.len() + RECORD_HEADER_BYTES <= end {
        let at = LogPos(1000 + (file.len() - HEADER) as u64);
        let record = RecordHeader {
            body_crc: 1,
            body_len: (end - file.len() - RECORD_HEADER_BYTES) as u32,
            kind: Kind::Commit as u8,
            flags: 0,
            key_id: 0,
            seq: SeqNo(9),
            synced: LogPos(at.0.min(1051)),
            clock_ms: 9,
        };
        let mut bytes = [0; RECORD_HEADER_BYTES];
        record.encode(LogNo(3), at, &mut bytes);
        file.extend_from_slice(&bytes);
    }
    file.resize(end, 7);
    file
}

/// What `read` returns, and how many bytes were summed in looking for records.
fn summing<T>(read: impl FnOnce() -> T) -> (T, u64) {
    let before = search::SUMMED.get();
    (read(), search::SUMMED.get() - before)
}

#[test]
fn bytes_made_to_be_summed_again_and_again_are_damage_within_bounds() {
    let file = headers_of_long_records();
    let most = 8 * file.len() as u64;
    let mut search = search::Search::new(LogNo(3), LogPos(1000), &file);
    assert!(search.record(LogPos(1000)).is_some());
    let (next, summed) = summing(|| search.next(LogPos(1050), SeqNo(8)));
    assert_eq!(next, None);
    assert!(search.is_spent());
    // All of it is used, and no more.
    assert!((most / 2..=most).contains(&summed), "{summed} of {most}");
    let disk = SimDisk::new();
    disk.write_file(dir().join(name::log(LogNo(3))), &file);
    let ((found, scanned), summed) = summing(|| scan_disk(&disk, LogNo(3)));
    assert_eq!(found.len(), 1);
    assert_corrupt(scanned);
    assert!(summed <= most, "{summed} of {most}");
    let ((saved, told), summed) = summing(|| saved_of(&disk));
    assert_eq!(saved, [1]);
    assert!(matches!(told[..], [Trouble::File(..)]), "{told:?}");
    assert!(summed <= most, "{summed} of {most}");
}

#[test]
fn what_was_written_and_is_damaged_all_over_is_searched_within_the_same_bounds() {
    for (count, body_len) in [(3000, 40), (300, 1500), (12, 50_000)] {
        let len = RECORD_HEADER_BYTES + body_len;
        // In the header, which hides how long the record is, or in the body.
        for within in [20, RECORD_HEADER_BYTES + 5] {
            for step in [2, 3, 7] {
                let mut file = commits(count, body_len as u32, |_| 9);
                let bad = |nth: &u64| nth % step == 1;
                for nth in (1..=count).filter(bad) {
                    file[HEADER + (nth as usize - 1) * len + within] ^= 4;
                }
                let disk = SimDisk::new();
                disk.write_file(dir().join(name::log(LogNo(3))), &file);
                let ((saved, _), summed) = summing(|| saved_of(&disk));
                // Behind the last that is whole nothing proves anything.
                let good: Vec<u64> = (1..=count).filter(|nth| !bad(nth)).collect();
                let what = format!("{count} of {body_len}, every {step}. at {within}");
                assert_eq!(saved, good, "{what}");
                let most = 8 * file.len() as u64;
                assert!(summed <= most / 2, "{what}: {summed} of {most}");
            }
        }
    }
}

/// A log file of commits 8 and on, with bodies of so many bytes, at times that follow from how many
/// commits come before.
fn commits(count: u64, body_len: u32, clock_of: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut file = four_commits(0);
    file.truncate(HEADER);
    let body = vec![7; body_len as usize];
    for i in 0..count {
        let at = LogPos(1000 + i * (RECORD_HEADER_BYTES as u64 + u64::from(body_len)));
        let record = RecordHeader {
            body_crc: crc32(&body),
            body_len,
            kind: Kind::Commit as u8,
            flags: 0,
            key_id: 0,
            seq: SeqNo(8 + i),
            synced: at,
            clock_ms: clock_of(i),
        };
        let mut bytes = [0; RECORD_HEADER_BYTES];
        record.encode(LogNo(3), at, &mut bytes);
        file.extend_from_slice(&bytes);
        file.extend_from_slice(&body);
    }
    file
}

/// Which of [`commits`] are saved, from 1 on, and what is told.
fn saved_of(disk: &SimDisk) -> (Vec<u64>, Vec<Trouble>) {
    let lines = Lines::from([(LogNo(3), name::log(LogNo(3)))]);
    let (mut told, mut saved) = (Vec::new(), Vec::new());
    let tell = &mut |trouble| told.push(trouble);
    let done = salvage(disk, dir(), &lines, (None, LogNo(0)), tell, &mut |record| {
        saved.push(record.header.seq.0 - 7);
        Ok(())
    });
    done.unwrap();
    (saved, told)
}

#[test]
fn a_sector_that_cannot_be_read_costs_what_lies_in_it() {
    let (disk, file_name) = (SimDisk::new(), name::log(LogNo(3)));
    disk.write_file(dir().join(&file_name), &commits(30, 500, |_| 9));
    disk.disable_maps();
    // The file at once, and then the third of its pieces.
    for nth in [1, 4] {
        disk.inject(FaultRule::nth(nth, OpKind::Read, Fault::Eio).on(&file_name));
    }
    let (saved, told) = saved_of(&disk);
    // A record takes 540 bytes, the header of the file 512.
    assert_eq!(saved, (1..=14).chain(23..=30).collect::<Vec<_>>(), "{told:?}");
    let files = told.iter().filter(|trouble| matches!(trouble, Trouble::File(..))).count();
    assert_eq!((files, told.len()), (2, 3), "{told:?}");
}

#[test]
fn a_commit_beyond_all_time_is_told_and_left_out() {
    let beyond = |i| if i == 1 { crate::manifest::NUMBER_MAX + 1 } else { 9 };
    let disk = SimDisk::new();
    disk.write_file(dir().join(name::log(LogNo(3))), &commits(3, 20, beyond));
    let (saved, told) = saved_of(&disk);
    assert_eq!(saved, [1, 3]);
    assert!(!told.is_empty());
}
