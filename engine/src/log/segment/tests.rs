//! Headers that no writer wrote.

use std::path::Path;

use super::*;
use crate::env::sim::SimDisk;
use crate::error::ErrorKind;
use crate::format::{crc32, name};
use crate::log::{Kind, RECORD_HEADER_BYTES, RecordHeader, describe, scan};

const NUMBER: LogNo = LogNo(3);

fn header() -> SegmentHeader {
    SegmentHeader {
        uuid: [7; 16],
        number: NUMBER,
        base: LogPos(0),
        last_seq: SeqNo(0),
        manifest: CloseMark { manifest: 1, manifest_len: 160 },
        clock_ms: 1_767_225_600_000,
        recycled: false,
    }
}

/// A segment of two commits.
fn segment(header: SegmentHeader, clock_ms: u64) -> Vec<u8> {
    let mut file = header.encode();
    for i in 1..3 {
        let at = LogPos(header.base.0.wrapping_add(file.len() as u64 - SEGMENT_HEADER_BYTES));
        let body = [0; 8];
        let record = RecordHeader {
            body_crc: crc32(&body),
            body_len: body.len() as u32,
            kind: Kind::Commit as u8,
            flags: 0,
            key_id: 0,
            seq: SeqNo(header.last_seq.0.wrapping_add(i)),
            synced: LogPos(0),
            clock_ms,
        };
        let mut bytes = vec![0; RECORD_HEADER_BYTES];
        record.encode(header.number, at, &mut bytes);
        file.extend_from_slice(&bytes);
        file.extend_from_slice(&body);
    }
    file
}

fn scanned(file: &[u8]) -> Result<SeqNo> {
    assert!(!describe(NUMBER, file).is_empty());
    let (disk, dir) = (SimDisk::new(), Path::new("db"));
    disk.write_file(dir.join(name::log(NUMBER)), file);
    scan(&*disk, dir, &[7; 16], NUMBER, &mut |_, _| Ok(())).map(|found| found.last_seq)
}

#[test]
fn numbers_near_the_end_of_counting_are_refused_and_not_counted_on_from() {
    assert_eq!(scanned(&segment(header(), 9)).unwrap(), SeqNo(2));
    let far = [u64::MAX, u64::MAX - 40, NUMBER_MAX + 1];
    for number in far {
        let bases = SegmentHeader { base: LogPos(number), ..header() };
        let commits = SegmentHeader { last_seq: SeqNo(number), ..header() };
        let clocks = SegmentHeader { clock_ms: number, ..header() };
        let files = [bases, commits, clocks].map(|header| segment(header, 9));
        for file in files.into_iter().chain([segment(header(), number)]) {
            assert_eq!(scanned(&file).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}

#[test]
fn a_header_says_nothing_in_its_reserved_bytes() {
    for at in 80..USED_BYTES - 4 {
        let mut file = segment(header(), 9);
        file[at] = 1;
        let crc = crc32_seeded(NUMBER.0, &file[..USED_BYTES - 4]);
        file[USED_BYTES - 4..USED_BYTES].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(scanned(&file).unwrap_err().kind(), ErrorKind::Corrupt, "byte {at}");
    }
}
