//! What becomes of the files: rotation, resumption, leftovers, failures.

use super::*;
use crate::env::Env;
use crate::env::os::OsEnv;
use crate::env::sim::{Fault, FaultRule, OpKind};
use crate::error::ErrorKind;
use crate::format::name;
use crate::manifest::record::FileTag;
use crate::manifest::recover::{ManifestPosition, check_known, salvage};

/// An edit that takes some hundred bytes.
fn large(no: u64) -> ManifestEdit {
    let create = Change::CreateIndex {
        id: IndexId(no as u32),
        name: format!("index {no}"),
        kind: "lsm".to_owned(),
        options: vec![1; 300],
        created: SeqNo(no),
    };
    if no == 1 {
        return edit(no, vec![create]);
    }
    edit(no, vec![create, Change::DropIndex { id: IndexId(no as u32 - 1), dropped: SeqNo(no) }])
}

fn resume(disk: &SimDisk) -> ManifestWriter {
    ManifestWriter::resume(disk, dir(), read(disk), OFTEN).unwrap()
}

#[test]
fn a_new_manifest_is_empty() {
    let disk = disk();
    let writer = ManifestWriter::create(&*disk, dir(), UUID, RotateAt::default()).unwrap();
    assert_eq!(writer.next_edit(), EditNo(1));
    let recovered = read(&disk);
    assert_eq!(recovered.state, ManifestState::default());
    assert_eq!(recovered.number, 1);
    assert_eq!((recovered.synced, recovered.torn), (recovered.len, None));
    assert_eq!(writer.position(), ManifestPosition { number: 1, len: recovered.len });
}

#[test]
fn creation_syncs_before_it_names() {
    let disk = disk();
    let from = disk.trace().len();
    ManifestWriter::create(&*disk, dir(), UUID, RotateAt::default()).unwrap();
    assert_eq!(
        disk.trace()[from..],
        [
            "create db/manifest-00000001.tmp",
            "write db/manifest-00000001.tmp 0+177",
            "sync db/manifest-00000001.tmp",
            "rename db/manifest-00000001.tmp db/manifest-00000001",
            "sync-dir db",
        ]
    );
}

#[test]
fn rotation_removes_the_old_file_when_the_new_one_is_durable() {
    let disk = disk();
    let mut writer = ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap();
    let mut no = 0;
    while writer.position().number == 1 {
        no += 1;
        writer.append(&*disk, &large(no)).unwrap();
    }
    let trace = disk.trace();
    let steps: Vec<String> = trace[trace.len() - 10..]
        .iter()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        steps,
        [
            "create db/manifest-00000002.tmp",
            "write db/manifest-00000002.tmp",
            "sync db/manifest-00000002.tmp",
            "rename db/manifest-00000002.tmp",
            "sync-dir db",
            "remove db/manifest-00000001",
            "sync-dir db",
            "allocate db/manifest-00000002.tmp",
            "write db/manifest-00000002.tmp",
            "sync-data db/manifest-00000002.tmp",
        ]
    );
    assert_eq!(names(&disk), ["manifest-00000002"]);
    assert_eq!(read(&disk).state, *writer.state());
}

#[test]
fn files_stay_in_proportion_to_their_snapshots() {
    let disk = disk();
    let mut writer = ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap();
    for no in 1..200 {
        writer.append(&*disk, &large(no)).unwrap();
        assert!(writer.position().len < 2500);
        assert_eq!(names(&disk).len(), 1);
    }
    assert!(writer.position().number > 20);
    assert_eq!(read(&disk).state, *writer.state());
    let disk = disk_with(&(1..200).map(large).collect::<Vec<_>>());
    assert_eq!(names(&disk), ["manifest-00000001"]);
}

#[test]
fn a_manifest_known_to_be_durable_is_continued() {
    let edits = every_change();
    let disk = disk_with(&edits);
    let mut recovered = read(&disk);
    assert!(recovered.synced < recovered.len);
    let known = ManifestPosition { number: 1, len: recovered.len };
    check_known(&mut recovered, known).unwrap();
    let ops = disk.op_count();
    let mut writer = ManifestWriter::resume(&*disk, dir(), recovered, OFTEN).unwrap();
    assert_eq!(disk.op_count(), ops);
    assert_eq!(writer.position(), known);
    writer.append(&*disk, &edit(4, vec![])).unwrap();
    assert_eq!(read(&disk).state, *writer.state());
}

#[test]
fn a_manifest_not_known_to_be_durable_is_replaced() {
    let disk = disk_with(&every_change());
    let writer = resume(&disk);
    assert_eq!(writer.position().number, 2);
    assert_eq!(names(&disk), ["manifest-00000002"]);
    assert_eq!(read(&disk).state, states(&every_change())[3]);
    assert_eq!(resume(&disk).position().number, 2, "nothing has been written since");
}

#[test]
fn nothing_is_written_behind_a_torn_tail() {
    let disk = disk_with(&every_change());
    let len = read(&disk).len as usize;
    let path = "db/manifest-00000001";
    disk.write_file(path, &disk.read_file(path)[..len - 1]);
    let recovered = read(&disk);
    let torn = recovered.torn.clone().unwrap();
    assert_eq!(torn.problem, "a record that ends early");
    assert_eq!(recovered.state, states(&every_change())[2]);
    let mut writer = ManifestWriter::resume(&*disk, dir(), recovered, OFTEN).unwrap();
    assert_eq!(writer.position().number, 2);
    writer.append(&*disk, &edit(3, vec![])).unwrap();
    let recovered = read(&disk);
    assert_eq!((recovered.state.edit(), recovered.torn), (EditNo(3), None));
}

#[test]
fn nothing_is_written_behind_a_torn_first_edit() {
    let disk = disk_with(&[]);
    let path = "db/manifest-00000001";
    disk.write_file(path, &[disk.read_file(path), vec![7; 30]].concat());
    let recovered = read(&disk);
    assert_eq!(recovered.synced, recovered.len);
    assert_eq!(recovered.torn.clone().unwrap().bytes, 30);
    let writer = ManifestWriter::resume(&*disk, dir(), recovered, OFTEN).unwrap();
    assert_eq!(writer.position().number, 2);
    assert_eq!(read(&disk).torn, None);
}

#[test]
fn what_the_log_knows_to_be_synced_is_damaged_not_torn() {
    let disk = disk_with(&every_change());
    let whole = read(&disk).len;
    let path = "db/manifest-00000001";
    disk.write_file(path, &disk.read_file(path)[..whole as usize - 1]);
    let mut recovered = read(&disk);
    let end = recovered.len;
    for fine in [(0, 0), (0, 1 << 40), (1, 100), (1, end)] {
        let known = ManifestPosition { number: fine.0, len: fine.1 };
        check_known(&mut recovered, known).unwrap();
    }
    let known = ManifestPosition { number: 1, len: whole };
    let error = check_known(&mut recovered, known).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(
        error.to_string(),
        format!(
            "manifest-00000001: a record that ends early at byte {end}, but the log knows that \
             {whole} bytes were synced"
        )
    );
    let error = check_known(&mut recovered, ManifestPosition { number: 2, len: 0 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().starts_with("manifest-00000002 is missing"), "{error}");
}

#[test]
fn leftovers_are_removed_by_writers_alone() {
    let disk = disk_with(&every_change());
    let bytes = disk.read_file("db/manifest-00000001");
    resume(&disk);
    for leftover in ["manifest-00000001", "manifest-00000003.tmp", "manifest-00000002.tmp"] {
        put(&disk, leftover, &bytes);
    }
    for other in ["identity.tmp", "manifest.tmp", "manifest-x.tmp", "manifest-1", "0000000001.log"]
    {
        put(&disk, other, b"");
    }
    let before = names(&disk);
    assert_eq!(read(&disk).state, states(&every_change())[3]);
    assert_eq!(names(&disk), before);
    resume(&disk);
    let mut expected =
        vec!["0000000001.log", "identity.tmp", "manifest-00000003", "manifest-1", "manifest-x.tmp"];
    expected.push("manifest.tmp");
    assert_eq!(names(&disk), expected);
}

#[test]
fn the_highest_number_counts_even_when_it_is_damaged() {
    let disk = disk_with(&every_change());
    put(&disk, "manifest-00000002", b"");
    let error = recover(&*disk, dir(), UUID).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().starts_with("manifest-00000002: "), "{error}");
}

#[test]
fn a_database_without_a_manifest_is_damaged() {
    let error = recover(&*disk(), dir(), UUID).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.to_string(), "there is no manifest in db");
}

#[test]
fn creation_replaces_what_a_crashed_one_left_but_no_database() {
    let disk = disk();
    ManifestWriter::create(&*disk, dir(), Uuid([1; 16]), OFTEN).unwrap();
    put(&disk, "manifest-00000001.tmp", b"half");
    ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap();
    assert_eq!(names(&disk), ["manifest-00000001"]);
    read(&disk);
    put(&disk, "identity", b"");
    let error = ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
}

#[test]
fn a_copy_begins_with_the_state_it_is_given() {
    let state = states(&every_change())[3].clone();
    let disk = disk();
    let tag = FileTag { uuid: UUID, number: 1 };
    let writer = ManifestWriter::create_from(&*disk, dir(), tag, OFTEN, state.clone()).unwrap();
    assert_eq!(writer.next_edit(), EditNo(4));
    assert_eq!(read(&disk).state, state);
}

#[test]
fn an_edit_that_makes_no_sense_is_not_written() {
    let disk = disk_with(&[]);
    let mut writer = resume(&disk);
    let ops = disk.op_count();
    let error = writer.append(&*disk, &edit(1, vec![remove_segment(1, 1)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert_eq!(writer.append(&*disk, &edit(2, vec![])).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(disk.op_count(), ops);
    writer.append(&*disk, &edit(1, vec![])).unwrap();
}

#[test]
fn a_failed_write_or_sync_poisons_the_writer() {
    for (op, fault) in [
        (OpKind::Write, Fault::Eio),
        (OpKind::Write, Fault::Enospc),
        (OpKind::Sync, Fault::SyncFailPagesDropped),
        (OpKind::Sync, Fault::SyncFailPagesKept),
        (OpKind::Allocate, Fault::Eio),
    ] {
        let disk = disk_with(&every_change());
        let mut writer = resume(&disk);
        let before = writer.state().clone();
        disk.inject(FaultRule::nth(1, op, fault));
        let error = writer.append(&*disk, &edit(4, vec![])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
        assert_eq!(*writer.state(), before);
        assert!(writer.is_poisoned());
        let ops = disk.op_count();
        let error = writer.append(&*disk, &edit(4, vec![])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert_eq!(disk.op_count(), ops);
        let again = resume(&disk);
        assert!(matches!(again.state().edit(), EditNo(3 | 4)));
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    let disk = disk_with(&every_change());
    let mut writer = resume(&disk);
    disk.inject(FaultRule::nth(1, OpKind::Allocate, Fault::Enospc));
    let error = writer.append(&*disk, &edit(4, vec![])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert_eq!(writer.next_edit(), EditNo(4));
    writer.append(&*disk, &edit(4, vec![])).unwrap();
    assert_eq!(read(&disk).state.edit(), EditNo(4));
}

#[test]
fn rotation_waits_for_space() {
    let disk = disk();
    let mut writer = ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap();
    writer.append(&*disk, &large(1)).unwrap();
    disk.inject(FaultRule::nth(1, OpKind::Create, Fault::Enospc));
    writer.append(&*disk, &large(2)).unwrap();
    assert_eq!(writer.position().number, 1);
    assert_eq!(disk.faults_fired(), 1);
    for no in 3..10 {
        writer.append(&*disk, &large(no)).unwrap();
    }
    assert!(writer.position().number > 1);
    assert_eq!(read(&disk).state, *writer.state());
    assert_eq!(names(&disk).len(), 1);
}

#[test]
fn a_failed_rotation_poisons_the_writer_and_loses_nothing() {
    for (op, nth) in [
        (OpKind::Write, 1),
        (OpKind::Sync, 1),
        (OpKind::Rename, 1),
        (OpKind::SyncDir, 1),
        (OpKind::SyncDir, 2),
    ] {
        let disk = disk();
        let mut writer = ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap();
        writer.append(&*disk, &large(1)).unwrap();
        disk.inject(FaultRule::nth(nth, op, Fault::Eio));
        let error = writer.append(&*disk, &large(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
        let writer = resume(&disk);
        assert_eq!(writer.state().edit(), EditNo(1));
        assert_eq!(names(&disk).len(), 1);
    }
}

#[test]
fn real_files_serve_as_well() {
    let env = OsEnv::new();
    let vfs = env.vfs();
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path();
    let mut writer = ManifestWriter::create(vfs, dir, UUID, OFTEN).unwrap();
    for no in 1..40 {
        writer.append(vfs, &large(no)).unwrap();
        if no % 10 == 0 {
            let recovered = recover(vfs, dir, UUID).unwrap();
            assert_eq!((&recovered.state, &recovered.torn), (writer.state(), &None));
            writer = ManifestWriter::resume(vfs, dir, recovered, OFTEN).unwrap();
        }
    }
    assert_eq!(vfs.list(dir).unwrap().len(), 1);
}

#[test]
fn a_sector_that_cannot_be_read_costs_what_lies_behind_it() {
    let written = disk();
    let mut writer = ManifestWriter::create(&*written, dir(), UUID, RotateAt::default()).unwrap();
    let mut ends = Vec::new();
    for no in 1..=40 {
        writer.append(&*written, &large(no)).unwrap();
        ends.push(writer.position().len);
    }
    let path = dir().join(name::manifest(1));
    let mut bytes = written.read_file(&path);
    let len = ends[39] as usize;
    assert!(len > 3 * 4096);
    // Space that is reserved may hold what nobody can read.
    bytes.resize(len.next_multiple_of(4096) + 4096, 0);
    let pieces = bytes.len() / 4096;
    for piece in 0..=pieces {
        let disk = disk();
        disk.write_file(&path, &bytes);
        // The file at once, and then one of its pieces.
        for nth in [1, 2 + piece as u64] {
            disk.inject(FaultRule::nth(nth, OpKind::Read, Fault::Eio).on(&name::manifest(1)));
        }
        let salvaged = salvage(&*disk, dir(), 1);
        if piece == 0 {
            // It has the snapshot that all else builds on.
            assert_eq!(salvaged.unwrap_err().kind(), ErrorKind::Corrupt);
            continue;
        }
        let salvaged = salvaged.unwrap();
        let kept = ends.iter().filter(|end| **end <= piece as u64 * 4096).count();
        assert_eq!(salvaged.state.edit(), EditNo(kept as u64), "piece {piece}");
        let problem = salvaged.problem.map(|problem| problem.to_string()).unwrap_or_default();
        assert_eq!(problem.contains("unreadable"), piece < pieces, "piece {piece}: {problem}");
    }
}
