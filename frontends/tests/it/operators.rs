//! Merge operators that programs bring along, and how they and work in the background may fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cuesta::env::OpenMode;
use cuesta::{Database, ErrorKind, KeyspaceOptions, MergeOperator, Result};

use crate::hooked::World;

/// Panics wherever it can, or where it is named so.
struct Panics(&'static str);

impl MergeOperator for Panics {
    fn name(&self) -> &str {
        self.0
    }

    fn merge(&self, _: Option<&[u8]>, _: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        panic!("no merge {}", 1 + 1);
    }

    fn combine(&self, _: &[&[u8]]) -> Option<Vec<u8>> {
        panic!("no combination");
    }
}

#[test]
fn an_operator_that_panics_refuses_and_work_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Database::builder().merge_operator(Arc::new(Panics("p"))).open(dir.path());
    let db = open().unwrap();
    let other = db.keyspace("other").unwrap();
    let words = db.keyspace_with("words", &KeyspaceOptions::new().merge_operator("p")).unwrap();
    for round in ["1", "2", "3"] {
        words.merge("a", round).unwrap();
        words.merge("a", "again").unwrap();
        other.put("x", round).unwrap();
        db.flush().unwrap();
    }
    db.compact().unwrap();
    let error = words.get("a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("merge operator \"p\" panicked: no merge 2"), "{error}");
    assert_eq!(other.get("x").unwrap().unwrap(), "3");
    words.put("a", "whole").unwrap();
    db.compact().unwrap();
    assert_eq!(words.get("a").unwrap().unwrap(), "whole");
    assert!(db.verify().unwrap().is_sound());
    db.close().unwrap();
    assert_eq!(open().unwrap().keyspace("words").unwrap().get("a").unwrap().unwrap(), "whole");
}

#[test]
fn built_in_operators_cannot_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["add", "max", "min", "append"] {
        let builder = Database::builder().merge_operator(Arc::new(Panics(name)));
        let error = builder.clone().open(dir.path().join("db")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains(&format!("{name:?} is built in")), "{error}");
        let repaired = builder.repair(dir.path(), dir.path().join("new"));
        assert_eq!(repaired.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(!dir.path().join("db").exists());
}

#[test]
fn background_work_that_panics_is_a_failure_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let panics = Arc::new(AtomicU32::new(0));
    let mut world = World::new();
    let left = panics.clone();
    world.before_open = Box::new(move |path, mode| {
        let is_data = path.extension().is_some_and(|ext| ext == "seg");
        let down = |left: u32| left.checked_sub(1);
        if is_data && mode != OpenMode::Read {
            let left = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, down);
            assert!(left.is_err(), "this world panics");
        }
    });
    let db = Database::builder().environment(Arc::new(world)).background_threads(1);
    let db = db.open(dir.path()).unwrap();
    let ks = db.keyspace("k").unwrap();
    for round in ["1", "2", "3"] {
        ks.put("a", round).unwrap();
        panics.store(1, Ordering::SeqCst);
        // Whoever waits learns of it, unless it was tried again before they looked.
        if let Err(error) = db.flush() {
            assert!(error.message().contains("this world panics"), "{error}");
        }
        ks.put("b", round).unwrap();
        db.flush().unwrap();
        assert_eq!(panics.load(Ordering::SeqCst), 0, "it panicked");
    }
    panics.store(1, Ordering::SeqCst);
    let _ = db.compact();
    db.compact().unwrap();
    assert!(db.stats().get("job_failures").unwrap() >= 3, "{}", db.stats().to_text());
    assert_eq!(ks.get("a").unwrap().unwrap(), "3");
    db.close().unwrap();
}
