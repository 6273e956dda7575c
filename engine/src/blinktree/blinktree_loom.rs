//! The protocol between the writer and its readers under every interleaving and reordering that
//! loom knows, up to a number of preemptions. Nodes have four slots here.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p cuesta-engine --release blinktree_loom
//! ```

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::thread;

use super::*;

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    // A reader that waits for the writer makes any number of them.
    builder.max_branches = 3_000;
    builder.check(model);
}

/// The threads of one run, joined before the tree goes.
fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn published_insertions_are_seen_whole() {
    explore(|| {
        let (mut writer, tree) = create();
        writer.insert(b"m", 1, 0, b"1", &Horizon::UNKNOWN);
        let published = loom::sync::Arc::new(AtomicU64::new(1));
        let reader = {
            let (tree, published) = (tree.clone(), published.clone());
            thread::spawn(move || {
                let at = published.load(Ordering::Acquire);
                for key in [b"c", b"d", b"m"] {
                    let seen = tree.get(key, at).map(|v| (v.seq, v.value[0]));
                    let expected = match (key, at) {
                        (b"c", 2..) => Some((2, b'2')),
                        (b"d", 3..) => Some((3, b'3')),
                        (b"m", _) => Some((1, b'1')),
                        _ => None,
                    };
                    assert_eq!(seen, expected);
                }
            })
        };
        for (key, at) in [(b"c", 2), (b"d", 3)] {
            writer.insert(key, at, 0, &[b'0' + at as u8], &Horizon::UNKNOWN);
            published.store(at, Ordering::Release);
        }
        join(vec![reader]);
    });
}

/// A tree with the keys of `before`, as of 1; the rest is inserted one by one while `read` runs.
fn insert_while(
    before: &'static [u8],
    meanwhile: &'static [u8],
    read: impl Fn(&Arc<Tree>) + Copy + Send + Sync + 'static,
) {
    explore(move || {
        let (mut writer, tree) = create();
        for key in before {
            writer.insert(&[*key], 1, 0, &[], &Horizon::UNKNOWN);
        }
        let reader = {
            let tree = tree.clone();
            thread::spawn(move || read(&tree))
        };
        for (at, key) in (2..).zip(meanwhile) {
            writer.insert(&[*key], at, 0, &[], &Horizon::UNKNOWN);
        }
        join(vec![reader]);
    });
}

/// The keys as of `at`, from where the cursor stands.
fn walk(mut cursor: Cursor, step: fn(&mut Cursor)) -> Vec<u8> {
    let mut seen = Vec::new();
    while cursor.valid() {
        seen.push(cursor.key()[0]);
        step(&mut cursor);
    }
    seen
}

fn walk_forward(tree: &Arc<Tree>, at: u64) -> Vec<u8> {
    let mut cursor = tree.cursor(at);
    cursor.seek_first();
    walk(cursor, Cursor::next)
}

fn walk_back(tree: &Arc<Tree>, at: u64) -> Vec<u8> {
    let mut cursor = tree.cursor(at);
    cursor.seek_last();
    let mut seen = walk(cursor, Cursor::prev);
    seen.reverse();
    seen
}

/// As of the end of time, any new keys may appear, but all are sorted and old ones are there.
fn check_mixed(seen: &[u8], old: &[u8]) {
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    assert!(old.iter().all(|key| seen.contains(key)), "{seen:?}");
}

#[test]
fn a_shift_hides_no_key() {
    insert_while(b"bm", b"kd", |tree| {
        assert!(tree.get(b"m", 1).is_some());
        assert!(tree.get(b"b", 1).is_some());
        assert!(tree.get(b"cc", u64::MAX).is_none());
    });
}

#[test]
fn seeks_land_beside_their_key_while_slots_shift() {
    insert_while(b"by", b"nc", |tree| {
        let mut cursor = tree.cursor(1);
        cursor.seek(b"m");
        assert_eq!(cursor.key(), b"y");
        cursor.seek_back(b"m");
        assert_eq!(cursor.key(), b"b");
        cursor.seek_back_to(b"y");
        assert_eq!(cursor.key(), b"y");
    });
}

#[test]
fn seeks_back_miss_no_key_that_is_shifted() {
    insert_while(b"bky", b"a", |tree| {
        let mut cursor = tree.cursor(1);
        cursor.seek_back(b"m");
        assert_eq!(cursor.key(), b"k");
        cursor.seek_back_to(b"x");
        assert_eq!(cursor.key(), b"k");
    });
}

/// Not even keys that appear meanwhile are on the wrong side.
#[test]
fn seeks_stay_on_their_side_of_a_key_while_slots_shift() {
    insert_while(b"by", b"nc", |tree| {
        let mut cursor = tree.cursor(u64::MAX);
        cursor.seek(b"m");
        assert!(cursor.key() >= b"m".as_slice());
        cursor.seek_back(b"m");
        assert!(cursor.key() < b"m".as_slice());
    });
}

#[test]
fn cursors_walk_forward_past_shifts() {
    insert_while(b"by", b"nc", |tree| {
        check_mixed(&walk_forward(tree, u64::MAX), b"by");
    });
}

#[test]
fn cursors_walk_back_past_shifts() {
    insert_while(b"by", b"nc", |tree| {
        check_mixed(&walk_back(tree, u64::MAX), b"by");
    });
}

#[test]
fn a_split_hides_no_key() {
    insert_while(b"bdhm", b"f", |tree| {
        for key in b"bdhm" {
            assert!(tree.get(&[*key], 1).is_some());
        }
    });
}

#[test]
fn a_split_that_is_filled_again_hides_no_key() {
    insert_while(b"bdhm", b"fc", |tree| {
        for key in b"dhm" {
            assert!(tree.get(&[*key], 1).is_some());
        }
    });
}

#[test]
fn seeks_land_beside_their_key_during_a_split() {
    insert_while(b"bdhm", b"f", |tree| {
        let mut cursor = tree.cursor(1);
        cursor.seek(b"g");
        assert_eq!(cursor.key(), b"h");
        cursor.seek_back(b"h");
        assert_eq!(cursor.key(), b"d");
        cursor.seek_back_to(b"i");
        assert_eq!(cursor.key(), b"h");
    });
}

#[test]
fn cursors_walk_forward_past_a_split() {
    insert_while(b"bdhm", b"f", |tree| {
        check_mixed(&walk_forward(tree, u64::MAX), b"bdhm");
        assert_eq!(walk_forward(tree, 1), b"bdhm");
    });
}

#[test]
fn cursors_walk_forward_past_a_split_that_is_filled_again() {
    insert_while(b"bdhm", b"fc", |tree| {
        assert_eq!(walk_forward(tree, 1), b"bdhm");
    });
}

#[test]
fn cursors_walk_back_past_a_split() {
    insert_while(b"bdhm", b"f", |tree| {
        check_mixed(&walk_back(tree, u64::MAX), b"bdhm");
        assert_eq!(walk_back(tree, 1), b"bdhm");
    });
}

#[test]
fn cursors_walk_back_past_a_split_that_is_filled_again() {
    insert_while(b"bdhm", b"fc", |tree| {
        assert_eq!(walk_back(tree, 1), b"bdhm");
    });
}

/// Keys whose digests tie are told apart by the keys themselves.
#[test]
fn ties_are_told_apart_during_a_split() {
    explore(|| {
        let (mut writer, tree) = create_under(b"zz");
        for key in b"bdhm" {
            writer.insert(&[*key], 1, 0, &[], &Horizon::UNKNOWN);
        }
        let reader = {
            let tree = tree.clone();
            thread::spawn(move || {
                assert!(tree.get(b"h", 1).is_some());
                let mut cursor = tree.cursor(1);
                cursor.seek_back(b"m");
                assert_eq!(cursor.key(), b"h");
            })
        };
        writer.insert(b"f", 2, 0, &[], &Horizon::UNKNOWN);
        join(vec![reader]);
    });
}

/// The root, full of leaves, is split in turn.
#[test]
fn a_split_of_the_root_hides_no_key() {
    // Leaves: [b d] [f h] [j l] [n p r t].
    insert_while(b"bdfhjlnprt", b"q", |tree| {
        for key in b"bjnt" {
            assert!(tree.get(&[*key], 1).is_some());
        }
        let mut cursor = tree.cursor(1);
        cursor.seek_back(b"n");
        assert_eq!(cursor.key(), b"l");
    });
}

/// A writer that overwrites one key and publishes, next to a pinned and a pinless reader.
#[test]
fn pruning_is_never_felt() {
    explore(|| {
        let (mut writer, tree) = create();
        writer.insert(b"k", 1, 0, b"", &Horizon::UNKNOWN);
        let published = loom::sync::Arc::new(AtomicU64::new(1));
        let pin = loom::sync::Arc::new(AtomicU64::new(u64::MAX));
        let pinned = {
            let (tree, published, pin) = (tree.clone(), published.clone(), pin.clone());
            thread::spawn(move || {
                let at = published.load(Ordering::Acquire);
                pin.store(at, Ordering::Release);
                fence(Ordering::SeqCst);
                if published.load(Ordering::Acquire) == at {
                    assert_eq!(tree.get(b"k", at).map(|v| v.seq), Some(at));
                }
            })
        };
        let pinless = {
            let (tree, published) = (tree.clone(), published.clone());
            thread::spawn(move || {
                let at = published.load(Ordering::Acquire);
                let seen = tree.get(b"k", at).map(|v| v.seq);
                if tree.pruned_to() <= at {
                    assert_eq!(seen, Some(at));
                }
            })
        };
        for at in 2..=4 {
            let seen = published.load(Ordering::Acquire);
            fence(Ordering::SeqCst);
            let pins = [pin.load(Ordering::Acquire)];
            writer.insert(b"k", at, 0, b"", &Horizon { published: seen, pins: &pins });
            published.store(at, Ordering::Release);
        }
        join(vec![pinned, pinless]);
    });
}
