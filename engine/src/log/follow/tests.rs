//! Reading behind a writer.

use super::*;
use crate::env::Env;
use crate::env::sim::SimEnv;
use crate::error::ErrorKind;
use crate::file::LogFiles;
use crate::format::crc32;
use crate::log::Kind;
use crate::log::{Append, CloseMark, LogOptions, LogSetup, LogWriter, Scan};
use crate::stats::Stats;

const UUID: [u8; 16] = [5; 16];

fn writer(env: &Arc<SimEnv>, segment_bytes: u64) -> LogWriter {
    env.vfs().create_dir_all(Path::new("db")).unwrap();
    let options = LogOptions { segment_bytes, zero_ahead_bytes: 256, spares: 2, buffer_bytes: 300 };
    let stats = Arc::new(Stats::default());
    let files = LogFiles::default();
    let setup = LogSetup { env: env.clone(), dir: "db".into(), uuid: UUID, options, stats, files };
    let mark = CloseMark { manifest: 1, manifest_len: 1 };
    LogWriter::resume(setup, &Scan::default(), LogNo(1), mark).unwrap()
}

fn commit(writer: &mut LogWriter, len: usize) -> SeqNo {
    let seq = writer.last_seq().next();
    let mut record = vec![0; RECORD_HEADER_BYTES];
    record.resize(RECORD_HEADER_BYTES + len, seq.0 as u8);
    writer.reserve(record.len() as u64).unwrap();
    let crc = crc32(&record[RECORD_HEADER_BYTES..]);
    writer.append(Kind::Commit, seq, crc, &mut record, Append::Synced).unwrap();
    seq
}

fn follow(env: &SimEnv, number: LogNo) -> Follow {
    Follow::open(env.vfs(), Path::new("db"), &UUID, number).unwrap()
}

fn check(follow: &mut Follow, seq: SeqNo) {
    let record = follow.commit(seq).unwrap();
    assert_eq!(record.header.seq, seq);
    assert!(record.body.iter().all(|byte| *byte == seq.0 as u8));
}

#[test]
fn what_is_appended_behind_the_window_is_found() {
    let env = SimEnv::new(1);
    // So that all of it lies in one segment.
    let mut writer = writer(&env, 1 << 20);
    commit(&mut writer, 100);
    let mut reader = follow(&env, LogNo(1));
    check(&mut reader, SeqNo(1));
    let error = reader.commit(SeqNo(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    for len in [0, 1, 500, 3, 700] {
        let seq = commit(&mut writer, len);
        check(&mut reader, seq);
    }
}

#[test]
fn commits_are_passed_over_whatever_their_length() {
    let env = SimEnv::new(2);
    let mut writer = writer(&env, 4096);
    let lens = [10, 200_000, 0, 70_000, 30, 65_500, 65_536];
    let mut places = Vec::new();
    for len in lens {
        commit(&mut writer, len);
        places.push(writer.newest().unwrap());
    }
    for (i, number) in places.iter().enumerate() {
        let mut reader = follow(&env, *number);
        check(&mut reader, SeqNo(i as u64 + 1));
        let error = reader.commit(SeqNo(1)).map(|record| record.header.seq);
        assert!(i == 0 || error.is_err(), "it does not go back");
    }
}

#[test]
fn every_commit_has_a_place_until_it_is_let_go() {
    let env = SimEnv::new(3);
    let mut writer = writer(&env, 4096);
    assert_eq!((writer.first_commit(), writer.place_of(SeqNo(1))), (SeqNo(1), None));
    while writer.newest() < Some(LogNo(6)) {
        commit(&mut writer, 900);
    }
    let last = writer.last_seq();
    for seq in 1..=last.0 {
        let place = writer.place_of(SeqNo(seq)).unwrap();
        check(&mut follow(&env, place.number), SeqNo(seq));
        assert!(place.last_seq >= SeqNo(seq));
    }
    assert_eq!(writer.place_of(last.next()).unwrap().number, LogNo(6));
    let retained = writer.retained_bytes();
    writer.set_aside(LogNo(4));
    assert_eq!(writer.first_commit(), SeqNo(1));
    assert_eq!(writer.kept_bytes() + writer.retained_bytes(), retained);
    assert_eq!(writer.oldest(), Some(LogNo(4)), "recovery needs less");
    writer.release(LogNo(3)).unwrap();
    let first = writer.first_commit();
    assert!(first > SeqNo(1));
    assert_eq!(writer.place_of(SeqNo(first.0 - 1)), None);
    assert_eq!(writer.place_of(first).unwrap().number, LogNo(3));
}

#[test]
fn a_reused_file_gives_nothing_of_its_new_life() {
    let env = SimEnv::new(4);
    let mut writer = writer(&env, 4096);
    while writer.newest() < Some(LogNo(2)) {
        commit(&mut writer, 900);
    }
    let mut reader = follow(&env, LogNo(1));
    check(&mut reader, SeqNo(1));
    reader.window.clear();
    reader.taken = 0;
    writer.release(LogNo(2)).unwrap();
    while writer.newest() < Some(LogNo(3)) {
        commit(&mut writer, 900);
    }
    commit(&mut writer, 900);
    assert_eq!(reader.commit(SeqNo(2)).unwrap_err().kind(), ErrorKind::Corrupt);
}
