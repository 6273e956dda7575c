//! What the feed promises: every published commit, once, in order, as it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cuesta::env::sim::{Crash, SimEnv};
use cuesta::{Action, Builder, Change, Changes, Database, Durability, ErrorKind, Keyspace};

use crate::watch::block_on;

type Contents = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Settings with which log segments come and go.
fn small() -> Builder {
    Database::builder().memory_budget(1 << 20).engine_options(|options| {
        options.log.segment_bytes = 4096;
        options.log.spares = 2;
        options.memtable_limit = Some(8 << 10);
        options.close_flush_bytes = 0;
    })
}

fn in_sim(env: &Arc<SimEnv>, builder: Builder) -> Database {
    builder.environment(env.clone()).open("db").unwrap()
}

/// Does what a change says.
fn apply(contents: &mut Contents, change: &Change) {
    for operation in change.operations() {
        let operation = operation.unwrap();
        let name = operation.name.expect("the feed has seen it being created").to_owned();
        match operation.action {
            Action::Put { key, value } => {
                contents.get_mut(&name).unwrap().insert(key.to_vec(), value.to_vec());
            }
            Action::Delete { key } => {
                contents.get_mut(&name).unwrap().remove(key);
            }
            Action::Create => assert!(contents.insert(name, BTreeMap::new()).is_none()),
            Action::Rename { to } => {
                let renamed = contents.remove(&name).unwrap();
                contents.insert(to.to_owned(), renamed);
            }
            Action::Drop => assert!(contents.remove(&name).is_some()),
            other => panic!("{other:?} is unknown to this test"),
        }
    }
}

fn contents_of(db: &Database) -> Contents {
    let of = |name: String| {
        let ks = db.existing_keyspace(&name).unwrap();
        let entries = ks.iter().unwrap().map(|entry| {
            let (key, value) = entry.unwrap();
            (key, value.to_vec())
        });
        (name, entries.collect())
    };
    db.keyspaces().into_iter().map(of).collect()
}

/// All that is there now, with numbers in order and times that do not go back.
fn read(changes: &mut Changes) -> Vec<Change> {
    let mut last = (changes.place(), 0);
    let mut all = Vec::new();
    for change in &mut *changes {
        let change = change.unwrap();
        assert_eq!(change.commit(), last.0 + 1);
        assert!(change.time_ms() >= last.1);
        last = (change.commit(), change.time_ms());
        all.push(change);
    }
    assert_eq!(changes.place(), last.0);
    all
}

fn replayed(changes: &[Change]) -> Contents {
    let mut contents = Contents::new();
    changes.iter().for_each(|change| apply(&mut contents, change));
    contents
}

/// The generator of SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Commits something; each commit but those of keyspaces has its number as a note.
fn step(db: &Database, random: &mut Random) {
    let names = db.keyspaces();
    let name = NAMES[random.below(4) as usize];
    let there = names.iter().any(|known| known == name);
    match random.below(40) {
        _ if !there => drop(db.keyspace(name).unwrap()),
        0 => db.drop_keyspace(name).unwrap(),
        1 => {
            if let Some(free) = NAMES.iter().find(|free| !names.iter().any(|n| n == **free)) {
                db.rename_keyspace(name, free).unwrap();
            }
        }
        2 => db.flush().unwrap(),
        _ => {
            let durability =
                [Durability::Sync, Durability::Interval, Durability::Buffered, Durability::None]
                    [random.below(4) as usize];
            let ks = db.existing_keyspace(name).unwrap();
            let mut batch = db.batch();
            batch.durability(durability);
            for _ in 0..=random.below(4) {
                let key = [random.below(30) as u8];
                match random.below(4) {
                    0 => batch.delete(&ks, key).unwrap(),
                    _ => {
                        let len = random.below(200) as usize;
                        batch.put(&ks, key, vec![random.below(256) as u8; len]).unwrap();
                    }
                }
            }
            let commit = db.snapshot().commit() + 1;
            batch.note(commit.to_string());
            batch.commit().unwrap();
        }
    }
}

#[test]
fn the_feed_is_the_database() {
    for seed in 0..12 {
        let env = SimEnv::new(seed);
        let mut random = Random(seed);
        let keep = || small().log_retention_bytes(u64::MAX);
        let mut db = in_sim(&env, keep());
        let mut live = db.changes_since(0).unwrap();
        let mut so_far = Vec::new();
        for round in 0..600 {
            step(&db, &mut random);
            if random.below(25) == 0 {
                so_far.extend(read(&mut live));
                assert_eq!(replayed(&so_far), contents_of(&db), "seed {seed}, round {round}");
            }
            if random.below(150) == 0 {
                so_far.extend(read(&mut live));
                drop(live);
                db.close().unwrap();
                db = in_sim(&env, keep());
                live = db.changes_since(so_far.len() as u64).unwrap();
            }
        }
        so_far.extend(read(&mut live));
        let again = read(&mut db.changes_since(0).unwrap());
        assert_eq!(replayed(&again), contents_of(&db));
        assert_eq!(again.len(), so_far.len());
        for (a, b) in again.iter().zip(&so_far) {
            assert!(a.operations().map(Result::unwrap).eq(b.operations().map(Result::unwrap)));
            if let Some(note) = a.note() {
                assert_eq!(note, a.commit().to_string().as_bytes());
            }
        }
        let from = random.below(again.len() as u64);
        let part = read(&mut db.changes_since(from).unwrap());
        assert_eq!(part.len() as u64, again.len() as u64 - from);
        let logs = env
            .disk()
            .files()
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "log"))
            .count();
        assert!(logs > 3 || again.len() < 300);
        assert!(db.verify().unwrap().is_sound());
    }
}

#[test]
fn the_feed_of_a_crashed_database_is_what_was_recovered() {
    for seed in 0..10 {
        let env = SimEnv::new(100 + seed);
        let mut random = Random(seed);
        let keep = || small().log_retention_bytes(u64::MAX);
        let db = in_sim(&env, keep());
        for _ in 0..200 {
            step(&db, &mut random);
        }
        let whole = read(&mut db.changes_since(0).unwrap());
        let ops = env.disk().op_count();
        for _ in 0..6 {
            let at = ops - random.below(ops / 3);
            let chosen = random.below(1 << 40);
            let mode = match random.below(4) {
                0 => Crash::LoseUnsynced,
                1 => Crash::SectorSubset { sector: 512, seed: chosen },
                2 => Crash::LenWithoutData(chosen),
                _ => Crash::DirSubset(chosen),
            };
            let image = env.disk().crash_image(at, mode);
            let other = SimEnv::on(image, seed);
            let db = in_sim(&other, keep());
            let recovered = read(&mut db.changes_since(0).unwrap());
            assert_eq!(recovered.len() as u64, db.snapshot().commit());
            assert_eq!(replayed(&recovered), contents_of(&db), "seed {seed}, at {at}");
            for (a, b) in recovered.iter().zip(&whole) {
                assert!(a.operations().map(Result::unwrap).eq(b.operations().map(Result::unwrap)));
            }
        }
    }
}

fn fill(ks: &Keyspace, count: u32) {
    for n in 0..count {
        ks.put(n.to_be_bytes(), [7; 100]).unwrap();
    }
}

fn buffered() -> Builder {
    small().durability(Durability::Buffered)
}

fn expired(changes: cuesta::Result<Changes>) -> u64 {
    let error = changes.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    assert!(error.message().contains("log_retention_bytes"), "{error}");
    let words = error.message().split_whitespace().map(|word| word.trim_end_matches(':'));
    words.filter_map(|word| word.parse().ok()).nth(1).unwrap()
}

#[test]
fn what_is_gone_is_refused_and_says_what_is_there() {
    let env = SimEnv::new(1);
    let db = in_sim(&env, buffered());
    let ks = db.keyspace("k").unwrap();
    fill(&ks, 500);
    db.flush().unwrap();
    fill(&ks, 10);
    let first = expired(db.changes_since(0));
    assert!(first > 400, "{first}");
    assert_eq!(db.stats().get("log_first_commit"), Some(first));
    expired(db.changes_since(first - 2));
    assert!(!read(&mut db.changes_since(first - 1).unwrap()).is_empty());
    let last = db.snapshot().commit();
    assert_eq!(read(&mut db.changes_since(last).unwrap()).len(), 0);
    assert_eq!(db.changes_since(last + 1).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn the_log_is_kept_as_far_as_was_asked() {
    let env = SimEnv::new(2);
    let keep = || buffered().log_retention_bytes(20_000);
    let mut db = in_sim(&env, keep());
    let ks = db.keyspace("k").unwrap();
    fill(&ks, 1_000);
    db.flush().unwrap();
    let first = expired(db.changes_since(0));
    let bytes = db.stats().get("log_kept_bytes").unwrap();
    assert!((12_000..=28_000).contains(&bytes), "{bytes}");
    drop(ks);
    for _ in 0..3 {
        db.close().unwrap();
        db = in_sim(&env, keep());
        let now = db.stats().get("log_first_commit").unwrap();
        assert!(now >= first && now < 950, "{now} after {first}");
        assert_eq!(read(&mut db.changes_since(now - 1).unwrap()).len() as u64, 1_002 - now);
        assert!(db.verify().unwrap().is_sound());
    }
    // Without the setting it is let go, and never needed.
    db.close().unwrap();
    let db = in_sim(&env, buffered());
    assert!(expired(db.changes_since(0)) > 950);
    assert_eq!(db.stats().get("log_kept_bytes"), Some(0));
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn the_log_is_kept_while_it_is_young() {
    let env = SimEnv::new(3);
    let keep = buffered().log_retention_age(Duration::from_secs(60));
    let db = in_sim(&env, keep);
    let ks = db.keyspace("k").unwrap();
    fill(&ks, 300);
    db.flush().unwrap();
    assert_eq!(db.changes_since(0).unwrap().count(), 301);
    env.advance(Duration::from_secs(61));
    fill(&ks, 300);
    db.flush().unwrap();
    fill(&ks, 100);
    db.flush().unwrap();
    let first = expired(db.changes_since(0));
    assert!((250..=302).contains(&first), "{first}");
}

#[test]
fn a_feed_keeps_what_it_has_not_read_within_a_bound() {
    let env = SimEnv::new(4);
    let db = in_sim(&env, buffered().feed_retention_bytes(50_000));
    let ks = db.keyspace("k").unwrap();
    let mut slow = db.changes_since(0).unwrap();
    assert_eq!(slow.next().unwrap().unwrap().commit(), 1);
    fill(&ks, 300);
    db.flush().unwrap();
    assert_eq!(db.stats().get("feeds"), Some(1));
    assert!(db.stats().get("feed_oldest_commit").unwrap() <= 1);
    assert!(db.stats().get("log_kept_bytes").unwrap() > 20_000);
    assert_eq!(read(&mut slow).len(), 300);
    assert!(db.stats().get("log_kept_bytes").unwrap() < 10_000, "what was read is let go");
    fill(&ks, 2_000);
    db.flush().unwrap();
    let kept = db.stats().get("log_kept_bytes").unwrap();
    assert!(kept < 60_000, "{kept}");
    let error = slow.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    assert!(slow.next().is_none(), "after an error there is no more");
    assert_eq!(slow.next_timeout(Duration::ZERO).unwrap_err().kind(), ErrorKind::Expired);
    assert_eq!(db.stats().get("feeds_lost"), Some(1));
    let held = db.changes_since(db.snapshot().commit()).unwrap();
    fill(&ks, 200);
    db.flush().unwrap();
    assert!(db.stats().get("log_kept_bytes").unwrap() > 0);
    drop((slow, held));
    assert_eq!(db.stats().get("log_kept_bytes"), Some(0), "nobody needs it any more");
    assert_eq!(db.stats().get("feeds"), Some(0));
}

#[test]
fn only_published_commits_are_handed_out() {
    let env = SimEnv::new(5);
    let db = in_sim(&env, small());
    let ks = db.keyspace("k").unwrap();
    let mut changes = db.changes_since(1).unwrap();
    let mut batch = db.batch();
    batch.put(&ks, "a", "").unwrap();
    let handle = batch.submit().unwrap();
    assert!(handle.result().is_none() && changes.next().is_none());
    // A place may be kept before it is published.
    let mut later = db.changes_since(handle.commit()).unwrap();
    handle.wait().unwrap();
    assert_eq!(changes.next().unwrap().unwrap().commit(), 2);
    assert!(later.next().is_none());
}

#[test]
fn who_waits_gets_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    let mut blocking = db.changes_since(1).unwrap();
    let mut timed = db.changes_since(1).unwrap();
    let mut polled = db.changes_since(1).unwrap();
    assert!(timed.next_timeout(Duration::from_millis(1)).unwrap().is_none());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..200u64 {
                assert_eq!(blocking.next_wait().unwrap().commit(), n + 2);
            }
        });
        scope.spawn(|| {
            for n in 0..200u64 {
                let change = timed.next_timeout(Duration::from_secs(60)).unwrap().unwrap();
                assert_eq!(change.commit(), n + 2);
            }
        });
        scope.spawn(|| {
            for n in 0..200u64 {
                assert_eq!(block_on(polled.next_async()).unwrap().commit(), n + 2);
            }
        });
        for writer in 0..2 {
            let ks = &ks;
            scope.spawn(move || {
                for n in 0..100u32 {
                    ks.put(n.to_be_bytes(), [writer]).unwrap();
                }
            });
        }
    });
    let waiting = std::thread::spawn(move || blocking.next_wait().unwrap_err().kind());
    std::thread::yield_now();
    db.clone().close().unwrap();
    assert_eq!(waiting.join().unwrap(), ErrorKind::Invalid);
    assert_eq!(timed.next().unwrap().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(block_on(polled.next_async()).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.changes_since(0).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_reader_reads_the_feed_and_changes_nothing() {
    let env = SimEnv::new(6);
    let db = in_sim(&env, buffered().log_retention_bytes(1 << 20));
    let ks = db.keyspace("k").unwrap();
    fill(&ks, 400);
    drop(ks);
    db.close().unwrap();
    let before = env.disk().content_hash();
    let db = in_sim(&env, buffered().read_only());
    let mut changes = db.changes_since(0).unwrap();
    assert_eq!(replayed(&read(&mut changes)), contents_of(&db));
    let error = changes.next_timeout(Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "nothing comes any more");
    drop(changes);
    db.close().unwrap();
    assert_eq!(env.disk().content_hash(), before);
}

#[test]
fn names_are_those_of_the_time() {
    let env = SimEnv::new(7);
    let db = in_sim(&env, buffered());
    let ks = db.keyspace("old").unwrap();
    ks.put("a", "1").unwrap();
    db.rename_keyspace("old", "new").unwrap();
    ks.put("a", "2").unwrap();
    db.drop_keyspace("new").unwrap();
    for since in 0..5 {
        let names: Vec<Option<String>> = db
            .changes_since(since)
            .unwrap()
            .map(|change| {
                let change = change.unwrap();
                let mut operations = change.operations();
                operations.next().unwrap().unwrap().name.map(str::to_owned)
            })
            .collect();
        let all = ["old", "old", "old", "new", "new"].map(|name| Some(name.to_owned()));
        assert_eq!(names, all[since as usize..]);
    }
}

#[test]
fn a_transaction_carries_a_note() {
    let env = SimEnv::new(8);
    let db = in_sim(&env, buffered());
    let ks = db.keyspace("k").unwrap();
    let tx = db.begin().unwrap();
    tx.note("first").unwrap();
    tx.put(&ks, "a", "1").unwrap();
    tx.note("by ada").unwrap();
    tx.commit().unwrap();
    let mut batch = db.batch();
    batch.note("nothing else");
    batch.commit().unwrap();
    ks.put("b", "").unwrap();
    let changes: Vec<Change> = db.changes_since(1).unwrap().map(Result::unwrap).collect();
    let notes: Vec<_> = changes.iter().map(|change| change.note()).collect();
    assert_eq!(notes, [Some(&b"by ada"[..]), Some(b"nothing else"), None]);
    assert_eq!(changes[1].operations().count(), 0);
}

#[test]
fn a_damaged_record_is_named() {
    let env = SimEnv::new(9);
    let db = in_sim(&env, buffered().log_retention_bytes(u64::MAX));
    let ks = db.keyspace("k").unwrap();
    fill(&ks, 100);
    db.flush().unwrap();
    let mut logs = env.disk().files().into_iter();
    let log = logs.find(|path| {
        let is_log = path.extension().is_some_and(|e| e == "log");
        is_log && env.disk().read_file(path).len() > 2_000
    });
    let log = log.unwrap();
    let mut bytes = env.disk().read_file(&log);
    bytes[2_000] ^= 1;
    env.disk().write_file(&log, &bytes);
    let found: Vec<_> = db.changes_since(0).unwrap().collect();
    let error = found.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.message().contains("is damaged at byte"), "{error}");
}
