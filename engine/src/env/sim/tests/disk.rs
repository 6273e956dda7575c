use super::*;

#[test]
fn the_trace_tells_every_operation() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/db/log")).unwrap();
    disk.create_dir_all(Path::new("/db/log")).unwrap();
    let file = create(&disk, "./db/log/1.log");
    file.allocate(0..8192).unwrap();
    file.write_all_at(4096, &[1; 120]).unwrap();
    file.read_exact_at(0, &mut [0; 5]).unwrap();
    file.sync(SyncKind::Data).unwrap();
    file.sync(SyncKind::Full).unwrap();
    disk.inject(FaultRule::nth(1, OpKind::Any, Fault::ShortWrite));
    file.write_at(0, &[1; 5]).unwrap();
    disk.inject(FaultRule::nth(1, OpKind::Any, Fault::Enospc));
    file.set_len(1).unwrap_err();
    rename(&disk, "db/log/1.log", "db/2.log");
    disk.link(Path::new("db/2.log"), Path::new("db/3.log")).unwrap();
    disk.remove(Path::new("db/2.log")).unwrap();
    disk.remove(Path::new("db/2.log")).unwrap_err();
    sync_dir(&disk, "/");
    let lines = [
        "create-dir db/log",
        "create db/log/1.log",
        "allocate db/log/1.log 0..8192",
        "write db/log/1.log 4096+120",
        "sync-data db/log/1.log",
        "sync db/log/1.log",
        "write db/log/1.log 0+3 (of 5)",
        "set-len db/log/1.log 1 (failed)",
        "rename db/log/1.log db/2.log",
        "link db/2.log db/3.log",
        "remove db/2.log",
        "sync-dir .",
    ];
    assert_eq!(disk.trace(), lines);
    assert_eq!(disk.op_count(), lines.len() as u64);
}

#[test]
fn equal_contents_have_equal_hashes() {
    let (one, two) = (SimDisk::new(), SimDisk::new());
    create(&one, "a").write_all_at(0, &[0; 9000]).unwrap();
    create(&two, "a").set_len(9000).unwrap();
    assert_eq!(one.content_hash(), two.content_hash(), "zeros are zeros, written or not");
    open(&one, "a").write_all_at(5000, b"1").unwrap();
    assert_ne!(one.content_hash(), two.content_hash());
    open(&two, "a").write_all_at(5000, b"1").unwrap();
    assert_eq!(one.content_hash(), two.content_hash());
    open(&two, "a").set_len(9001).unwrap();
    assert_ne!(one.content_hash(), two.content_hash());
    open(&two, "a").set_len(9000).unwrap();
    rename(&two, "a", "b");
    assert_ne!(one.content_hash(), two.content_hash());
}

#[test]
fn a_file_put_from_outside_is_durable_and_seen_by_open_handles() {
    let disk = SimDisk::new();
    let file = create(&disk, "d");
    disk.write_file("x/y/a", b"1");
    disk.write_file("d", b"2");
    assert_eq!(disk.op_count(), 1);
    let image = crash(&disk, Crash::LoseUnsynced);
    assert_eq!(files(&image), [("d".into(), b"2".to_vec()), ("x/y/a".into(), b"1".to_vec())]);
    let mut byte = [0];
    file.read_exact_at(0, &mut byte).unwrap();
    assert_eq!(&byte, b"2");
    disk.remove_file("x/y/a");
    assert_eq!(names(&crash(&disk, Crash::LoseUnsynced)), ["d"]);
    assert_eq!(names(&disk.fork()), ["d"]);
    assert!(disk.crash_image(0, Crash::KeepAll).files().is_empty());
    create(&disk, "e");
    assert_eq!(names(&disk.crash_image(1, Crash::KeepAll)), ["d"]);
}

#[test]
fn locks_and_words_end_with_a_crash() {
    let env = SimEnv::new(1);
    let lock = env.vfs().lock(Path::new("lock")).unwrap();
    env.shared_words(Path::new("words"), 1).unwrap().words()[0]
        .store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(names(env.disk()), ["lock", "words"]);
    let image = SimEnv::on(crash(env.disk(), Crash::KeepAll), 2);
    let again = image.vfs().lock(Path::new("lock")).unwrap();
    let words = image.shared_words(Path::new("words"), 1).unwrap();
    assert_eq!(words.words()[0].load(std::sync::atomic::Ordering::SeqCst), 0);
    // A second process on the same disk shares both.
    let other = SimEnv::on(Arc::clone(env.disk()), 3);
    assert!(other.vfs().lock(Path::new("lock")).is_err());
    let words = other.shared_words(Path::new("words"), 1).unwrap();
    assert_eq!(words.words()[0].load(std::sync::atomic::Ordering::SeqCst), 1);
    drop((lock, again));
    other.vfs().lock(Path::new("lock")).unwrap();
}

#[test]
fn a_long_run_takes_bounded_memory() {
    let disk = SimDisk::new();
    disk.keep_last(100);
    let file = durable(&disk, "a", b"");
    for round in 0..5000_u64 {
        file.write_all_at(round % 7, b"1").unwrap();
        file.sync(SyncKind::Data).unwrap();
    }
    assert!(disk.trace().len() < 300);
    let last = disk.op_count();
    assert_eq!(disk.crash_image(last - 100, Crash::KeepAll).files().len(), 1);
}

#[test]
fn offsets_beyond_reason_are_errors() {
    let disk = SimDisk::new();
    let file = create(&disk, "a");
    assert!(file.write_at(u64::MAX, b"x").is_err());
    assert_eq!(file.read_at(u64::MAX, &mut [0]).unwrap(), 0);
    assert!(file.set_len(u64::MAX).is_err());
    assert!(file.allocate(u64::MAX - 1..u64::MAX).is_err());
    file.write_all_at(1 << 62, b"x").unwrap();
    file.set_len(0).unwrap();
    assert_eq!(disk.read_file("a"), b"");
}

#[test]
fn content_agrees_with_a_vector_and_old_clones_stay() {
    use crate::env::sim::content::Content;
    let mut random = Random::new(5);
    let mut clones = Vec::new();
    let (mut content, mut model) = (Content::default(), Vec::new());
    for step in 0..2000_u64 {
        let at = random.index(700_000);
        if random.one_in(10) {
            content.set_len(at as u64);
            model.resize(at, 0);
        } else {
            let bytes = vec![(step % 3) as u8; random.index(20_000)];
            content.write(at as u64, &bytes);
            if !bytes.is_empty() {
                model.resize(model.len().max(at + bytes.len()), 0);
                model[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
        if step % 100 == 0 {
            assert!(content.to_vec() == model, "content differs after step {step}");
            assert_eq!(content.hash(), Content::of(&model).hash());
            clones.push((content.clone(), model.clone()));
        }
        let held = (0..model.len().div_ceil(4096) as u64 + 8).map(|page| page * 4096);
        let missing = held.filter(|at| content.missing(*at..at + 1) > 0).count() as u64;
        assert_eq!(content.pages() + missing, model.len().div_ceil(4096) as u64 + 8);
    }
    assert!(clones.iter().all(|(content, model)| content.to_vec() == *model));
}
