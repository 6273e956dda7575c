//! Range deletes beside readers, under every interleaving and reordering that loom knows, up to a
//! number of preemptions. Nodes of the tree have four slots here, so borders split them.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p cuesta-indexes --release --lib cover_loom
//! ```

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::*;

/// What each commit deletes.
const COMMITS: [(&[u8], Option<&[u8]>); 3] =
    [(b"b", Some(b"f")), (b"d", Some(b"h")), (b"a", Some(b"e"))];

/// The newest commit up to `at` that deleted a key.
fn expected(key: &[u8], at: u64) -> u64 {
    let over =
        |(start, end): &(&[u8], Option<&[u8]>)| *start <= key && end.is_none_or(|end| key < end);
    let made = (1..=at).zip(COMMITS);
    made.filter(|(_, range)| over(range)).map(|(seq, _)| seq).last().unwrap_or(0)
}

/// Commit 3 while `read` looks as of what is published.
fn beside_a_writer(read: fn(&Cover, u64)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    // A reader that waits for the writer makes any number of them.
    builder.max_branches = 5_000;
    builder.check(move || {
        let (mut writer, cover) = create();
        let cover = std::sync::Arc::new(cover);
        let mut delete = |at: u64| {
            writer.delete(&[COMMITS[at as usize - 1]], SeqNo(at), &Horizon::UNKNOWN);
        };
        delete(1);
        delete(2);
        let published = Arc::new(AtomicU64::new(2));
        let reader = {
            let (cover, published) = (cover.clone(), published.clone());
            thread::spawn(move || read(&cover, published.load(Ordering::Acquire)))
        };
        delete(3);
        published.store(3, Ordering::Release);
        reader.join().unwrap();
    });
}

#[test]
fn a_key_is_covered_by_what_was_published() {
    beside_a_writer(|cover, at| {
        for key in [b"a", b"d"] {
            assert_eq!(cover.newest(key, at), expected(key, at), "{key:?} as of {at}");
        }
    });
}

#[test]
fn who_misses_what_was_pruned_beside_it_can_tell() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.max_branches = 5_000;
    builder.check(|| {
        let (mut writer, cover) = create();
        let cover = std::sync::Arc::new(cover);
        let mut delete = |at: u64| {
            let horizon = Horizon { published: at - 1, pins: &[] };
            writer.delete(&[COMMITS[at as usize - 1]], SeqNo(at), &horizon);
        };
        delete(1);
        delete(2);
        let reader = {
            let cover = cover.clone();
            thread::spawn(move || {
                for (key, at) in [(b"a", 2), (b"d", 2), (b"d", 1)] {
                    let found = cover.newest(key, at);
                    let is_known = found == expected(key, at) || cover.pruned_to() > at;
                    assert!(is_known, "{key:?} as of {at}: {found}");
                }
            })
        };
        delete(3);
        reader.join().unwrap();
    });
}

#[test]
fn a_cursor_sees_what_was_published() {
    beside_a_writer(|cover, at| {
        let mut cursor = cover.cursor(at);
        for key in [b"a", b"d"] {
            assert_eq!(cursor.newest(key), expected(key, at), "{key:?} as of {at}");
        }
    });
}

#[test]
fn spans_are_those_that_were_published() {
    beside_a_writer(|cover, at| {
        let spans = cover.spans(at);
        let last = spans.last().unwrap();
        match at {
            2 => assert_eq!((spans.len(), &last.start[..]), (1, &b"b"[..])),
            _ => assert_eq!((spans.len(), &last.start[..]), (1, &b"a"[..])),
        }
    });
}
