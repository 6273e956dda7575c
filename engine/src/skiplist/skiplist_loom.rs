//! The protocol between the writer and its readers under every interleaving and reordering that
//! loom knows, up to a number of preemptions. Nodes are at most two levels high here.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p cuesta-engine --release skiplist_loom
//! ```

use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::thread;

use super::*;

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// The threads of one run, joined before the list goes.
fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn published_insertions_are_seen_whole() {
    explore(|| {
        let (mut writer, list) = create();
        writer.insert(b"m", 1, 0, b"1", &Horizon::UNKNOWN);
        let published = loom::sync::Arc::new(AtomicU64::new(1));
        let reader = {
            let (list, published) = (list.clone(), published.clone());
            thread::spawn(move || {
                let at = published.load(Ordering::Acquire);
                for key in [b"c", b"d", b"m"] {
                    let seen = list.get(key, at).map(|v| (v.seq, v.value[0]));
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

#[test]
fn cursors_walk_both_ways_past_insertions() {
    explore(|| {
        let (mut writer, list) = create();
        writer.insert(b"b", 1, 0, b"", &Horizon::UNKNOWN);
        writer.insert(b"y", 1, 0, b"", &Horizon::UNKNOWN);
        let reader = {
            let list = list.clone();
            thread::spawn(move || {
                // As of the end of time, every order in which keys appear is allowed, but they are
                // sorted and those of before are there.
                let mut cursor = list.cursor(u64::MAX);
                let mut seen = Vec::new();
                cursor.seek_last();
                while cursor.valid() {
                    seen.push(cursor.key()[0]);
                    cursor.prev();
                }
                assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
                assert!(seen.contains(&b'b') && seen.contains(&b'y'));
                cursor.seek(b"m");
                assert!(cursor.key() >= b"m".as_slice());
                cursor.seek_back(b"m");
                assert!(cursor.key() < b"m".as_slice());
            })
        };
        writer.insert(b"n", 2, 0, b"", &Horizon::UNKNOWN);
        writer.insert(b"c", 3, 0, b"", &Horizon::UNKNOWN);
        join(vec![reader]);
    });
}

#[test]
fn a_link_never_leads_past_the_wanted_key() {
    explore(|| {
        let (mut writer, list) = create();
        writer.insert(b"m", 1, 0, b"", &Horizon::UNKNOWN);
        let reader = {
            let list = list.clone();
            thread::spawn(move || {
                assert!(list.get(b"m", 1).is_some());
                assert!(list.get(b"cc", u64::MAX).is_none());
            })
        };
        for (at, key) in [(2, b"k"), (3, b"d"), (4, b"b")] {
            writer.insert(key, at, 0, b"", &Horizon::UNKNOWN);
        }
        join(vec![reader]);
    });
}

/// A writer that overwrites one key and publishes, next to a pinned and a pinless reader.
#[test]
fn pruning_is_never_felt() {
    explore(|| {
        let (mut writer, list) = create();
        writer.insert(b"k", 1, 0, b"", &Horizon::UNKNOWN);
        let published = loom::sync::Arc::new(AtomicU64::new(1));
        let pin = loom::sync::Arc::new(AtomicU64::new(u64::MAX));
        let pinned = {
            let (list, published, pin) = (list.clone(), published.clone(), pin.clone());
            thread::spawn(move || {
                let at = published.load(Ordering::Acquire);
                pin.store(at, Ordering::Release);
                fence(Ordering::SeqCst);
                if published.load(Ordering::Acquire) == at {
                    assert_eq!(list.get(b"k", at).map(|v| v.seq), Some(at));
                }
            })
        };
        let pinless = {
            let (list, published) = (list.clone(), published.clone());
            thread::spawn(move || {
                let at = published.load(Ordering::Acquire);
                let seen = list.get(b"k", at).map(|v| v.seq);
                if list.pruned_to() <= at {
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
