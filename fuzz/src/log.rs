//! Log segments and their records.
//!
//! ```text
//! input    | switches u8 | segment file: length u16, bytes | segment file | ...
//! switch 0 | checksums of headers and records are made right
//!        1 | segments follow each other: numbers, positions and commits are made to fit
//! ```

use cuesta_engine::batch::Body;
use cuesta_engine::env::sim::SimDisk;
use cuesta_engine::error::ErrorKind;
use cuesta_engine::format::{crc32, crc32_seeded, name};
use cuesta_engine::id::{LogNo, LogPos, SeqNo};
use cuesta_engine::log::{
    self, CloseMark, Kind, RECORD_HEADER_BYTES, Record, RecordHeader, SEGMENT_HEADER_BYTES,
    SegmentHeader,
};

use crate::input::{self, put_u32_at, put_u64_at, u32_at, u64_at};

const FIRST: LogNo = LogNo(3);
const UUID: [u8; 16] = *b"fuzzed database!";
const FILES_MAX: usize = 4;

const CHECKSUMS: u32 = 0;
const LINKS: u32 = 1;

/// Offsets in the header of a segment.
const NUMBER_AT: usize = 32;
const BASE_AT: usize = 40;
const LAST_SEQ_AT: usize = 48;
const HEADER_CRC_AT: usize = 92;

/// Reads the input as segment files: each as text for people, its header and its records, and then
/// all of them as the log of one database.
///
/// Asserts that headers and records come back as the same bytes, that what is described and what
/// is scanned agree, and that a scan gives commits one after the other, each in its place.
pub fn bytes_log_record(bytes: &[u8]) {
    let (switches, rest) = input::switches(bytes);
    let mut files = input::parts(rest);
    files.truncate(FILES_MAX);
    let mut end = None;
    for (i, file) in files.iter_mut().enumerate() {
        let number = LogNo(FIRST.0 + i as u64);
        if switches.on(LINKS) {
            link(number, end, file);
        }
        if switches.on(CHECKSUMS) {
            seal(number, file);
        }
        end = check_file(number, file);
    }
    scan(&files);
}

/// Reads one file; gives position and commit where it ends.
fn check_file(number: LogNo, file: &[u8]) -> Option<(LogPos, SeqNo)> {
    let lines = log::describe(number, file);
    assert!(!lines.is_empty(), "no text for a segment");
    let header = SegmentHeader::decode(number, file).ok()?;
    let encoded = header.encode();
    // What lies behind the checksum is not read.
    assert_eq!(encoded[..96], file[..96], "a segment header was read as other bytes");
    let mut at = header.base;
    let mut last = header.last_seq;
    loop {
        let offset = at.0.checked_sub(header.base.0)?.checked_add(SEGMENT_HEADER_BYTES)?;
        let rest = file.get(usize::try_from(offset).ok()?..)?;
        let Some(record) = Record::decode(number, at, rest) else { break };
        check_record(number, &record, rest);
        last = record.header.seq;
        at = LogPos(at.0.checked_add(record.header.record_len())?);
    }
    Some((at, last))
}

fn check_record(number: LogNo, record: &Record<'_>, bytes: &[u8]) {
    assert_eq!(record.body.len(), record.header.body_len as usize);
    let mut encoded = [0; RECORD_HEADER_BYTES];
    record.header.encode(number, record.at, &mut encoded);
    assert_eq!(encoded, bytes[..RECORD_HEADER_BYTES], "a record header was read as other bytes");
    match record.kind() {
        Ok(Kind::Commit) => drop(Body::decode(record.body)),
        Ok(Kind::Ingest) => {
            if let Ok(body) = Body::decode(record.body) {
                body.segments().for_each(drop);
            }
        }
        Ok(Kind::Close) => {
            if let Ok(mark) = CloseMark::decode(record.body) {
                let mut encoded = Vec::new();
                mark.encode(&mut encoded);
                assert_eq!(encoded, record.body, "a close mark was read as other bytes");
            }
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
}

fn scan(files: &[Vec<u8>]) {
    let disk = SimDisk::new();
    for (i, file) in files.iter().enumerate() {
        disk.write_file(input::dir().join(name::log(LogNo(FIRST.0 + i as u64))), file);
    }
    let mut seen: Vec<(LogNo, Kind, SeqNo, LogPos)> = Vec::new();
    let scanned = log::scan(&*disk, input::dir(), &UUID, FIRST, &mut |number, record| {
        seen.push((number, record.kind()?, record.header.seq, record.at));
        Ok(())
    });
    assert!(seen.is_sorted_by_key(|(number, _, seq, at)| (*number, *seq, *at)));
    let commits = seen.iter().filter(|(_, kind, ..)| kind.is_commit()).map(|seen| seen.2.0);
    let commits: Vec<u64> = commits.collect();
    assert!(commits.windows(2).all(|pair| pair[0] + 1 == pair[1]), "commits are missing");
    salvage(&disk, scanned.as_ref().ok().filter(|found| found.torn.is_none()).map(|_| commits));
    let Ok(found) = scanned else { return };
    assert_eq!(found.segments.len(), files.len());
    if let Some((_, _, seq, at)) = seen.last() {
        let (_, end) = found.segments.last().expect("records lie in segments");
        assert_eq!((found.last_seq, true), (*seq, at < end));
    }
    let torn = found.torn.is_none_or(|torn| torn.bytes > 0 && torn.log.0 >= FIRST.0);
    assert!(torn, "a torn tail of nothing, or nowhere");
}

/// Reads what repair would read: each commit once, in order; all of them where nothing is wrong.
fn salvage(disk: &SimDisk, sound: Option<Vec<u64>>) {
    let names: Vec<String> = disk
        .files()
        .iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    let lines = log::find_lines(disk, input::dir(), &names);
    let mut commits = Vec::new();
    let done =
        log::salvage(disk, input::dir(), &lines, (Some(UUID), FIRST), &mut |_| {}, &mut |record| {
            if let Ok(Kind::Commit | Kind::Ingest) = record.kind() {
                commits.push(record.header.seq.0);
            }
            Ok(())
        });
    let done = done.expect("damage is no error");
    assert!(commits.windows(2).all(|pair| pair[0] < pair[1]), "commits are out of order");
    assert!(commits.len() as u64 <= done.commits);
    if let Some(sound) = sound {
        assert_eq!(commits, sound, "not all of a sound log was saved");
    }
}

/// Makes the header of a segment follow the end of the one before.
fn link(number: LogNo, end: Option<(LogPos, SeqNo)>, file: &mut [u8]) {
    put_u64_at(file, NUMBER_AT, number.0);
    if let Some((at, seq)) = end {
        put_u64_at(file, BASE_AT, at.0);
        put_u64_at(file, LAST_SEQ_AT, seq.0);
    }
}

/// Makes the checksums of a segment file right, of its header and of record after record.
pub(crate) fn seal(number: LogNo, file: &mut [u8]) {
    if let Some(covered) = file.get(..HEADER_CRC_AT) {
        let crc = crc32_seeded(number.0, covered);
        put_u32_at(file, HEADER_CRC_AT, crc);
    }
    let Some(base) = u64_at(file, BASE_AT) else { return };
    let mut offset = SEGMENT_HEADER_BYTES as usize;
    while let Some(record) = file.get(offset..).filter(|rest| rest.len() >= RECORD_HEADER_BYTES) {
        let len = u32_at(record, 8).map_or(0, |len| len as usize);
        let Some(body) = record[RECORD_HEADER_BYTES..].get(..len) else { return };
        if record[12] == 0 {
            return;
        }
        let (body_crc, at) = (crc32(body), base.wrapping_add(offset as u64 - 512));
        put_u32_at(file, offset + 4, body_crc);
        let mut covered = at.to_le_bytes().to_vec();
        covered.extend_from_slice(&file[offset + 4..offset + RECORD_HEADER_BYTES]);
        put_u32_at(file, offset, crc32_seeded(number.0, &covered));
        offset += RECORD_HEADER_BYTES + len;
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let commit = |seq: u64, body: &[u8]| (Kind::Commit, seq, body.to_vec());
    let mut mark = Vec::new();
    CloseMark { manifest: 1, manifest_len: 160 }.encode(&mut mark);
    let put = b"\x00\x01\x06\x01\x01k\x02v1";
    let first = segment(FIRST, 0, 0, &[commit(1, put), commit(2, b"\x02no")]);
    let end = first.len() as u64 - SEGMENT_HEADER_BYTES;
    let second = segment(LogNo(FIRST.0 + 1), end, 2, &[commit(3, put), (Kind::Close, 3, mark)]);
    let mut torn = second.clone();
    torn.truncate(torn.len() - 10);
    torn.resize(torn.len() + 200, 0);
    let mut zeros = first.clone();
    zeros.resize(first.len() + 300, 0);
    let all = 1 << CHECKSUMS | 1 << LINKS;
    vec![
        input::joined(0, &[first.clone(), second.clone()]),
        input::joined(all, &[first.clone(), second.clone()]),
        input::joined(all, std::slice::from_ref(&first)),
        input::joined(1 << CHECKSUMS, &[zeros]),
        input::joined(1 << CHECKSUMS, &[first, torn]),
    ]
}

fn segment(number: LogNo, base: u64, last: u64, records: &[(Kind, u64, Vec<u8>)]) -> Vec<u8> {
    let header = SegmentHeader {
        uuid: UUID,
        number,
        base: LogPos(base),
        last_seq: SeqNo(last),
        manifest: CloseMark { manifest: 1, manifest_len: 160 },
        clock_ms: 1_767_225_600_000,
        recycled: base > 0,
    };
    let mut file = header.encode();
    for (kind, seq, body) in records {
        let at = LogPos(base + file.len() as u64 - SEGMENT_HEADER_BYTES);
        let header = RecordHeader {
            body_crc: crc32(body),
            body_len: body.len() as u32,
            kind: *kind as u8,
            flags: 0,
            key_id: 0,
            seq: SeqNo(*seq),
            synced: at,
            clock_ms: 1_767_225_600_000 + seq,
        };
        let mut record = vec![0; RECORD_HEADER_BYTES];
        header.encode(number, at, &mut record);
        file.extend_from_slice(&record);
        file.extend_from_slice(body);
    }
    file
}
