use std::io::ErrorKind;

use super::*;

fn fails(disk: &SimDisk, op: OpKind, fault: Fault) {
    disk.inject(FaultRule::nth(1, op, fault));
}

#[test]
fn the_nth_matching_call_fails_once() {
    let disk = SimDisk::new();
    let (a, b) = (create(&disk, "dir-a"), create(&disk, "b"));
    disk.inject(FaultRule::nth(2, OpKind::Write, Fault::Enospc).on("dir"));
    for (file, kind) in [(&a, None), (&b, None), (&a, Some(ErrorKind::StorageFull)), (&a, None)] {
        let result = file.write_all_at(0, b"1");
        assert_eq!(result.err().map(|error| error.kind()), kind);
    }
    assert_eq!(disk.faults_fired(), 1);
}

#[test]
fn a_sticky_rule_holds_until_it_is_cleared() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    disk.inject(FaultRule::nth(2, OpKind::Any, Fault::Eio).sticky());
    file.write_all_at(0, b"1").unwrap();
    assert!(file.write_all_at(0, b"2").is_err());
    assert!(file.read_at(0, &mut [0]).is_err());
    assert!(disk.exists(Path::new("a")).is_err());
    assert!(disk.list(Path::new("")).is_err());
    disk.clear_faults();
    file.read_exact_at(0, &mut [0]).unwrap();
}

#[test]
fn every_kind_of_call_can_fail_and_then_has_done_nothing() {
    type Call = fn(&SimDisk, &dyn VfsFile) -> io::Result<()>;
    let calls: [(OpKind, Call); 16] = [
        (OpKind::Read, |_, file| file.read_exact_at(0, &mut [0])),
        (OpKind::Read, |_, file| file.map(0..1).map(|_| ())),
        (OpKind::SetLen, |_, file| file.set_len(0)),
        (OpKind::Allocate, |_, file| file.allocate(0..99)),
        (OpKind::Open, |disk, _| disk.open(Path::new("a"), OpenMode::Read).map(|_| ())),
        (OpKind::Open, |disk, _| disk.open(Path::new("z"), OpenMode::CreateNew).map(|_| ())),
        (OpKind::Create, |disk, _| disk.open(Path::new("z"), OpenMode::CreateNew).map(|_| ())),
        (OpKind::Rename, |disk, _| disk.rename(Path::new("a"), Path::new("z"))),
        (OpKind::Link, |disk, _| disk.link(Path::new("a"), Path::new("z"))),
        (OpKind::Remove, |disk, _| disk.remove(Path::new("a"))),
        (OpKind::SyncDir, |disk, _| disk.sync_dir(Path::new(""))),
        (OpKind::CreateDir, |disk, _| disk.create_dir_all(Path::new("z"))),
        (OpKind::List, |disk, _| disk.list(Path::new("")).map(|_| ())),
        (OpKind::Lock, |disk, _| disk.lock(Path::new("z")).map(|_| ())),
        (OpKind::Stat, |disk, _| disk.free_space(Path::new("")).map(|_| ())),
        (OpKind::Stat, |_, file| file.len().map(|_| ())),
    ];
    for (kind, call) in calls {
        let disk = SimDisk::new();
        let file = create(&disk, "a");
        file.write_all_at(0, b"1").unwrap();
        let (hash, calls) = (disk.content_hash(), disk.call_count());
        disk.inject(FaultRule::nth(1, kind, Fault::Eio));
        let error = call(&disk, &*file).unwrap_err();
        assert!(error.to_string().contains("input/output error"), "{kind:?}: {error}");
        assert_eq!(disk.content_hash(), hash, "{kind:?}");
        assert_eq!(crash(&disk, Crash::LoseUnsynced).files().len(), 0, "{kind:?}");
        assert_eq!(disk.call_count(), calls + 1, "{kind:?}");
        call(&disk, &*file).unwrap();
    }
}

#[test]
fn a_loop_over_the_nth_call_comes_to_an_end() {
    let work = |disk: &SimDisk| -> io::Result<()> {
        disk.create_dir_all(Path::new("d"))?;
        let file = disk.open(Path::new("d/a"), OpenMode::CreateNew)?;
        file.write_all_at(0, b"1")?;
        file.sync(SyncKind::Full)?;
        disk.sync_dir(Path::new("d"))?;
        file.read_exact_at(0, &mut [0])
    };
    let clean = SimDisk::new();
    work(&clean).unwrap();
    let mut failed = 0;
    for nth in 1.. {
        let disk = SimDisk::new();
        disk.inject(FaultRule::nth(nth, OpKind::Any, Fault::Eio));
        match work(&disk) {
            Err(_) => failed += 1,
            Ok(()) => break,
        }
    }
    assert_eq!((failed, clean.call_count()), (6, 6));
}

#[test]
fn a_failed_write_may_have_written_a_part() {
    let mut sizes = Vec::new();
    for before in 0..40 {
        let disk = SimDisk::new();
        let file = create(&disk, "a");
        (0..before).for_each(|_| file.set_len(0).unwrap());
        fails(&disk, OpKind::Write, Fault::Eio);
        file.write_at(0, &[1; 100]).unwrap_err();
        assert!(disk.read_file("a").iter().all(|byte| *byte == 1));
        sizes.push(disk.read_file("a").len());
    }
    sizes.sort_unstable();
    sizes.dedup();
    assert!(sizes.len() > 10 && sizes[0] < 30 && *sizes.last().unwrap() > 70, "{sizes:?}");
}

#[test]
fn short_writes_and_reads_say_how_much() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    fails(&disk, OpKind::Any, Fault::ShortWrite);
    assert_eq!(file.write_at(0, b"12345").unwrap(), 3);
    assert_eq!(disk.read_file("a"), b"123");
    disk.inject(FaultRule::nth(1, OpKind::Write, Fault::ShortWrite).sticky());
    file.write_all_at(0, b"1234567890").unwrap();
    assert_eq!(disk.read_file("a"), b"1234567890");
    disk.inject(FaultRule::nth(1, OpKind::Read, Fault::ShortRead).sticky());
    let mut buf = [0; 10];
    assert_eq!(file.read_at(0, &mut buf).unwrap(), 5);
    file.read_exact_at(0, &mut buf).unwrap();
    assert_eq!(&buf, b"1234567890");
}

#[test]
fn a_write_may_fail_that_has_written_everything() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    disk.inject(FaultRule::nth(1, OpKind::Any, Fault::LateEio));
    file.set_len(9).unwrap();
    file.write_at(0, &[7; 5]).unwrap_err();
    assert_eq!(disk.read_file("a"), [7, 7, 7, 7, 7, 0, 0, 0, 0]);
    file.write_at(0, &[8; 5]).unwrap();
}

#[test]
fn a_full_disk_takes_nothing() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    disk.inject(FaultRule::nth(1, OpKind::Any, Fault::Enospc).sticky());
    assert_eq!(file.write_at(0, b"1").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.allocate(0..1).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 0);
    assert!(disk.open(Path::new("b"), OpenMode::CreateNew).is_err());
    drop(disk.open(Path::new("a"), OpenMode::Read).unwrap());
    disk.remove(Path::new("a")).unwrap();
}

#[test]
fn a_bit_turns_over_in_what_is_read_but_not_on_disk() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", &[0; 4]);
    let mut buf = [0; 4];
    fails(&disk, OpKind::Read, Fault::BitFlip(32 + 9));
    file.read_exact_at(0, &mut buf).unwrap();
    assert_eq!(buf, [0, 2, 0, 0]);
    file.read_exact_at(0, &mut buf).unwrap();
    assert_eq!(buf, [0; 4]);
    fails(&disk, OpKind::Read, Fault::BitFlip(0));
    assert_eq!((*file.map(1..3).unwrap().unwrap()).as_ref(), [1, 0]);
}

/// What all crashes but a kill of the process can find of the file.
fn found(disk: &SimDisk) -> Vec<Vec<u8>> {
    let modes = (0..50).flat_map(Crash::all).filter(|mode| *mode != Crash::KeepAll);
    let mut found: Vec<_> = modes.map(|mode| crash(disk, mode).read_file("a")).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_failed_sync_never_makes_pages_durable() {
    for fault in [Fault::SyncFailPagesKept, Fault::SyncFailPagesDropped, Fault::Eio] {
        let disk = SimDisk::new();
        let file = durable(&disk, "a", b"old");
        file.write_all_at(0, b"new").unwrap();
        fails(&disk, OpKind::Sync, fault);
        file.sync(SyncKind::Data).unwrap_err();
        assert_eq!(found(&disk), [b"old"], "{fault:?}");
        file.sync(SyncKind::Data).unwrap();
        assert_eq!(found(&disk), [b"old"], "{fault:?}: a second sync proves nothing");
    }
}

#[test]
fn pages_kept_by_a_failed_sync_stay_readable_until_the_crash() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", b"old");
    file.write_all_at(0, b"newer").unwrap();
    fails(&disk, OpKind::Sync, Fault::SyncFailPagesKept);
    file.sync(SyncKind::Full).unwrap_err();
    assert_eq!(disk.read_file("a"), b"newer");
    assert_eq!(crash(&disk, Crash::KeepAll).read_file("a"), b"newer");
    file.sync(SyncKind::Full).unwrap();
    assert_eq!(found(&disk), [b"old\0\0"], "the length is durable, the bytes are not");
    file.write_all_at(0, b"NE").unwrap();
    file.sync(SyncKind::Full).unwrap();
    assert_eq!(found(&disk), [b"NEd\0\0"], "what is written again is durable");
    assert_eq!(disk.read_file("a"), b"NEwer");
}

#[test]
fn pages_dropped_by_a_failed_sync_read_as_on_disk() {
    let disk = SimDisk::new();
    let file = durable(&disk, "a", b"old");
    file.write_all_at(1, b"new").unwrap();
    fails(&disk, OpKind::Sync, Fault::SyncFailPagesDropped);
    file.sync(SyncKind::Full).unwrap_err();
    assert_eq!(disk.read_file("a"), b"old\0");
}

#[test]
fn capacity_bounds_pages_and_frees_them() {
    let disk = SimDisk::new();
    disk.set_capacity(4 * 4096);
    let file = create(&disk, "a");
    file.write_all_at(0, &[1; 4096]).unwrap();
    file.allocate(4096..3 * 4096).unwrap();
    assert_eq!(disk.free_space(Path::new("")).unwrap(), 4096);
    assert_eq!(file.write_at(2 * 4096, &[1; 3 * 4096]).unwrap(), 2 * 4096, "a short write");
    let full = |result: io::Result<()>| result.unwrap_err().kind() == ErrorKind::StorageFull;
    assert!(full(file.write_all_at(4 * 4096, b"1")));
    file.write_all_at(4095, b"12").unwrap();
    assert!(full(file.allocate(0..5 * 4096)));
    assert_eq!(file.len().unwrap(), 4 * 4096);
    disk.remove(Path::new("a")).unwrap();
    assert_eq!(disk.free_space(Path::new("")).unwrap(), 0, "an open file keeps its space");
    drop(file);
    assert_eq!(disk.free_space(Path::new("")).unwrap(), 4 * 4096);
    let file = create(&disk, "b");
    file.write_all_at(0, &[1; 4 * 4096]).unwrap();
    file.set_len(100).unwrap();
    assert_eq!(disk.free_space(Path::new("")).unwrap(), 3 * 4096);
}
