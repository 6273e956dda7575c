//! The code on pages of `docs`: each snippet is a part of a function here, word by word.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use cuesta::{Backups, Compression, Database, Durability, KeyspaceOptions, RestoreTo, Value};

type Outcome = Result<(), Box<dyn Error>>;

const HERE: &str = include_str!("pages.rs");
const PAGES: [&str; 2] = ["tuning.md", "from-rocksdb.md"];

/// Code without blanks at the ends of lines, empty lines and comments behind code.
fn bare(code: &str) -> String {
    let lines = code.lines().map(|line| line.split(" // ").next().unwrap_or_default().trim());
    let mut bare = String::from("\n");
    lines.filter(|line| !line.is_empty()).for_each(|line| bare += &format!("{line}\n"));
    bare
}

fn snippets(page: &str) -> Vec<String> {
    let parts = page.split("```");
    let code = parts.skip(1).step_by(2).filter_map(|part| part.strip_prefix("rust\n"));
    code.map(bare).collect()
}

#[test]
fn every_snippet_of_a_page_is_run_here() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let here = bare(HERE);
    for page in PAGES {
        let text = std::fs::read_to_string(docs.join(page)).unwrap();
        let snippets = snippets(&text);
        assert!(snippets.len() > 3, "{page}");
        for snippet in snippets {
            assert!(here.contains(&snippet), "{page} has code that is not run:{snippet}");
        }
    }
}

#[test]
fn the_page_on_tuning_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    let db = Database::builder()
        .memory_budget(1 << 30)
        .durability(Durability::Interval)
        .sync_interval(Duration::from_millis(50))
        .background_threads(4)
        .background_rate(64 << 20)
        .snapshot_budget(256 << 20)
        .open(path)?;
    let orders = db.keyspace("orders")?;
    let mut under_way = Vec::new();
    for order in 0..100u32 {
        let mut batch = db.batch();
        batch.put(&orders, order.to_be_bytes(), "new")?;
        under_way.push(batch.submit()?);
    }
    for commit in under_way {
        commit.wait()?;
    }
    let pages = db.keyspace_with(
        "pages",
        &KeyspaceOptions::new()
            .compression(Compression::Zstd)
            .block_bytes(32 << 10)
            .filter_bits(12)
            .blob_threshold(8 << 10)
            .ttl(Duration::from_secs(30 * 86_400)),
    )?;
    pages.put("home", "welcome")?;
    let stats = db.stats();
    let (hits, misses) = (stats.get("cache_hits"), stats.get("cache_misses"));
    println!("{hits:?} of {misses:?}\n{}", stats.to_text());
    // Names of statistics that the page speaks of.
    let page = include_str!("../../../docs/tuning.md");
    for name in page.split('`').skip(1).step_by(2) {
        let ends = ["_hits", "_misses", "_time", "_false", "_skips", "_micros", "_dropped"];
        if ends.iter().any(|end| name.ends_with(end)) {
            let known = stats.to_text().contains(&format!("{name} "));
            assert!(known, "there is no {name} in the statistics");
        }
    }
    Ok(())
}

#[test]
fn the_page_for_those_who_come_from_rocksdb_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("db");
    let place = |name: &str| folder.path().join(name);
    let (copy, backups, restored) = (place("copy"), place("backups"), place("restored"));
    let db = Database::open(path)?;
    let users = db.keyspace("users")?;
    let sessions =
        db.keyspace_with("sessions", &KeyspaceOptions::new().ttl(Duration::from_secs(3600)))?;
    users.put("ada", "Ada Lovelace")?;
    users.delete("bob")?;

    let mut batch = db.batch();
    batch.put(&users, "grace", "Grace Hopper")?;
    batch.put_with_ttl(&sessions, "token", "grace", Duration::from_secs(60))?;
    batch.delete_range(&users, "old/".."old0")?;
    batch.durability(Durability::Buffered);
    batch.commit()?;
    let value: Option<Value> = users.get("ada")?;
    let bytes = users.get_with("ada", |value| value.len())?;
    let both = users.get_many(["ada", "grace"])?;
    assert_eq!((value.as_ref().map(|value| value.len()), both.len()), (bytes, 2));
    for entry in users.range("a".."h")?.rev() {
        let (key, value) = entry?;
        println!("{} {}", key.escape_ascii(), value.escape_ascii());
    }

    let mut cursor = users.cursor::<&[u8]>(..)?;
    let mut found = cursor.seek("g")?;
    while found {
        println!("{}", cursor.key().escape_ascii());
        found = cursor.next()?;
    }
    for entry in users.prefix("ad")? {
        let (key, _) = entry?;
        assert!(key.starts_with(b"ad"));
    }
    sessions.clear()?;
    let snapshot = db.snapshot();
    users.put("ada", "Countess of Lovelace")?;
    assert_eq!(snapshot.get(&users, "ada")?.unwrap(), "Ada Lovelace");
    assert_eq!(snapshot.iter(&sessions)?.count(), 0);
    let moved = db.transact(|tx| {
        let name = tx.get(&users, "grace")?;
        if let Some(name) = &name {
            tx.put(&users, "hopper", name)?;
            tx.delete(&users, "grace")?;
        }
        Ok(name.is_some())
    })?;
    assert!(moved);
    let visits = db.keyspace_with("visits", &KeyspaceOptions::new().merge_operator("add"))?;
    visits.merge("home", 1i64.to_le_bytes())?;
    visits.merge("home", 1i64.to_le_bytes())?;
    assert_eq!(visits.get("home")?.unwrap(), 2i64.to_le_bytes());
    db.checkpoint(&copy)?;
    db.backup(&backups)?;
    Backups::at(&backups).restore(&restored, RestoreTo::Latest)?;
    assert_eq!(Database::open(&restored)?.existing_keyspace("users")?.iter()?.count(), 2);
    Ok(())
}

#[test]
fn many_keys_are_asked_for_at_once() -> Outcome {
    let folder = tempfile::tempdir()?;
    let db = Database::open(folder.path())?;
    let ks = db.keyspace_with("k", &KeyspaceOptions::new().compression(Compression::Lz4))?;
    for n in (0..2000u32).step_by(2) {
        ks.put(n.to_be_bytes(), n.to_string())?;
    }
    db.flush()?;
    ks.put(10u32.to_be_bytes(), "ten")?;
    ks.delete(12u32.to_be_bytes())?;
    let snapshot = db.snapshot();
    let wanted: Vec<u32> = (0..3000).map(|n| n * 7919 % 2100).chain([10, 10, 12, 5]).collect();
    let keys = || wanted.iter().map(|n| n.to_be_bytes());
    let one_by_one: Vec<Option<Value>> = keys().map(|key| ks.get(key)).collect::<Result<_, _>>()?;
    assert_eq!(ks.get_many(keys())?, one_by_one);
    assert_eq!(ks.get_many(Vec::<&[u8]>::new())?, []);
    let tx = db.begin()?;
    assert_eq!(tx.get_many(&ks, keys())?, one_by_one);
    ks.put(11u32.to_be_bytes(), "late")?;
    assert_eq!(snapshot.get_many(&ks, keys())?, one_by_one);
    // A key that was missing has been read as well.
    tx.put(&ks, "mine", "")?;
    assert!(tx.commit().is_err());
    let tx = db.begin()?;
    tx.put(&ks, 13u32.to_be_bytes(), "own")?;
    let seen = tx.get_many(&ks, [13u32.to_be_bytes(), 14u32.to_be_bytes()])?;
    assert_eq!(seen, [Some(Value::from(&b"own"[..])), Some(Value::from(&b"14"[..]))]);
    Ok(())
}
