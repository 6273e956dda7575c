use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;

use super::*;

const KEEP: Horizon<'static> = Horizon::UNKNOWN;

/// Sequence number, kind and value.
type Inserted = (u64, u8, Vec<u8>);

/// The truth: per key, all versions ever inserted.
#[derive(Default)]
struct Model(BTreeMap<Vec<u8>, Vec<Inserted>>);

impl Model {
    fn insert(&mut self, key: &[u8], at: u64, kind: u8, value: &[u8]) {
        self.0.entry(key.to_vec()).or_default().push((at, kind, value.to_vec()));
    }

    fn get(&self, key: &[u8], at: u64) -> Option<Version<'_>> {
        newest(self.0.get(key)?, at)
    }

    fn at(&self, at: u64) -> Vec<(&[u8], Version<'_>)> {
        self.0.iter().filter_map(|(k, v)| Some((k.as_slice(), newest(v, at)?))).collect()
    }
}

fn newest(versions: &[Inserted], at: u64) -> Option<Version<'_>> {
    let (seq, kind, value) = versions.iter().rev().find(|v| v.0 <= at)?;
    Some(Version { seq: *seq, kind: *kind, value })
}

fn place(cursor: &Cursor) -> Option<(&[u8], Version<'_>)> {
    Some((cursor.valid().then(|| cursor.key())?, cursor.version()?))
}

/// Every question, as of `at`, answered by the tree as by the model.
fn check_view(tree: &Arc<Tree>, model: &Model, at: u64) {
    let all = model.at(at);
    let mut cursor = tree.cursor(at);
    assert!(place(&cursor).is_none());
    cursor.seek_first();
    for entry in &all {
        assert_eq!(place(&cursor), Some(*entry));
        cursor.next();
    }
    assert!(place(&cursor).is_none());
    cursor.seek_last();
    for entry in all.iter().rev() {
        assert_eq!(place(&cursor), Some(*entry));
        cursor.prev();
    }
    assert!(place(&cursor).is_none());
    for key in model.0.keys() {
        for key in [key.clone(), [key.as_slice(), &[0]].concat(), key[..key.len() / 2].to_vec()] {
            assert_eq!(tree.get(&key, at), model.get(&key, at));
            let from = all.partition_point(|(k, _)| *k < key.as_slice());
            let above = all.partition_point(|(k, _)| *k <= key.as_slice());
            cursor.seek(&key);
            assert_eq!(place(&cursor), all.get(from).copied());
            cursor.prev();
            cursor.seek_back(&key);
            assert_eq!(place(&cursor), from.checked_sub(1).map(|i| all[i]));
            cursor.next();
            cursor.seek_back_to(&key);
            assert_eq!(place(&cursor), above.checked_sub(1).map(|i| all[i]));
        }
    }
}

#[test]
fn an_empty_tree_has_nothing() {
    let (writer, tree) = create();
    let mut cursor = tree.cursor(u64::MAX);
    for seek in [Cursor::seek_first, Cursor::seek_last, Cursor::next, Cursor::prev] {
        seek(&mut cursor);
        assert!(!cursor.valid());
    }
    cursor.seek(b"");
    assert!(!cursor.valid() && cursor.version().is_none());
    assert_eq!(tree.get(b"", u64::MAX), None);
    assert!(tree.is_empty() && tree.memory() <= 4096);
    drop(writer);
    assert_eq!(tree.len(), 0);
}

#[test]
fn each_view_sees_the_newest_version_that_it_may() {
    let (mut writer, tree) = create();
    let taken = writer.insert(b"k", 5, 1, b"five", &KEEP);
    assert!(taken >= b"kfive".len());
    writer.insert(b"k", 7, 2, b"", &KEEP);
    assert_eq!(tree.get(b"k", 4), None);
    for at in [5, 6] {
        assert_eq!(tree.get(b"k", at), Some(Version { seq: 5, kind: 1, value: b"five" }));
    }
    for at in [7, 8, u64::MAX] {
        assert_eq!(tree.get(b"k", at), Some(Version { seq: 7, kind: 2, value: b"" }));
    }
    assert_eq!(tree.len(), 1);
    let mut cursor = tree.cursor(4);
    cursor.seek_first();
    assert!(!cursor.valid());
}

#[test]
fn the_empty_key_is_a_key() {
    let (mut writer, tree) = create();
    writer.insert(b"\0", 1, 0, b"zero", &KEEP);
    writer.insert(b"", 2, 0, b"empty", &KEEP);
    writer.insert(b"", 3, 0, b"again", &KEEP);
    assert_eq!(tree.get(b"", 2).unwrap().value, b"empty");
    assert_eq!(tree.get(b"", 3).unwrap().value, b"again");
    let mut cursor = tree.cursor(3);
    cursor.seek_first();
    assert_eq!(cursor.key(), b"");
    cursor.next();
    assert_eq!(cursor.key(), b"\0");
    cursor.seek_back(b"");
    assert!(!cursor.valid());
}

#[test]
fn a_cursor_keeps_the_memory_that_it_stands_on() {
    let (mut writer, tree) = create();
    let large = vec![7; 3 << 20];
    for i in 0..2000u32 {
        writer.insert(&i.to_be_bytes(), 1, 0, &large[..(i as usize % 300)], &KEEP);
    }
    writer.insert(b"large", 2, 0, &large, &KEEP);
    assert!(tree.memory() > 3 << 20 && tree.memory() < 5 << 20);
    let mut cursor = tree.cursor(2);
    drop((writer, tree));
    cursor.seek(b"large");
    assert_eq!(cursor.version().unwrap().value, large);
    cursor.prev();
    assert_eq!(cursor.key(), 1999u32.to_be_bytes());
}

#[test]
#[should_panic(expected = "commit order")]
fn a_version_older_than_the_newest_is_refused() {
    let (mut writer, _tree) = create();
    writer.insert(b"k", 5, 0, b"", &KEEP);
    writer.insert(b"k", 5, 0, b"", &KEEP);
}

#[test]
fn a_version_hides_older_ones_unless_a_view_lies_between() {
    let hides =
        |published, pins: &[u64], older, newer| Horizon { published, pins }.hides(older, newer);
    assert!(!hides(6, &[], 5, 7), "what hides it is not published");
    assert!(hides(7, &[], 5, 7));
    assert!(!hides(9, &[5], 5, 7), "the view sees the older version");
    assert!(!hides(9, &[1, 6, 8], 5, 7));
    assert!(hides(9, &[4, 7], 5, 7), "these views do not see the older version");
    assert!(!KEEP.hides(1, 2));
}

fn chain_len(tree: &Arc<Tree>, key: &[u8]) -> usize {
    let mut at = u64::MAX;
    let mut len = 0;
    while let Some(version) = tree.get(key, at) {
        len += 1;
        at = version.seq - 1;
    }
    len
}

#[test]
fn the_chain_of_a_hot_key_stays_short() {
    let (mut writer, tree) = create();
    for at in 1..10_000 {
        let published = at - 1;
        let pins = [published / 1000 * 1000];
        writer.insert(b"hot", at, 0, b"", &Horizon { published, pins: &pins });
        assert!(chain_len(&tree, b"hot") <= pins.len() + 2);
    }
    assert!(tree.pruned_to() >= 9_990);
}

#[test]
fn versions_kept_for_views_go_when_the_views_have_gone() {
    let (mut writer, tree) = create();
    let mut longest = 0;
    for at in 1..20_000u64 {
        let published = at - 1;
        // Every other commit is pinned while the next hundred happen.
        let pins: Vec<u64> = (published.saturating_sub(100)..published).step_by(2).collect();
        writer.insert(b"hot", at, 0, b"", &Horizon { published, pins: &pins });
        if at % 97 == 0 {
            longest = longest.max(chain_len(&tree, b"hot"));
        }
    }
    assert!(longest < 1_000, "the chain grew to {longest} versions");
}

#[test]
fn a_batch_in_ascending_order_lands_beside_what_is_there() {
    let (mut writer, tree) = create();
    let mut model = Model::default();
    let key = |i: u32| format!("{:06}", i.wrapping_mul(7919) % 50_000).into_bytes();
    for (at, batch) in (1..).zip((0..5_000).collect::<Vec<u32>>().chunks(50)) {
        let mut keys: Vec<_> = batch.iter().map(|i| key(*i)).collect();
        keys.sort();
        for key in keys {
            model.insert(&key, at, 1, &at.to_le_bytes());
            writer.insert(&key, at, 1, &at.to_le_bytes(), &KEEP);
        }
    }
    check_view(&tree, &model, 40);
    check_view(&tree, &model, u64::MAX);
}

/// `count` different keys, scattered.
fn scattered(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec()).collect()
}

fn ascending(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| i.to_be_bytes().to_vec()).collect()
}

/// Several runs of ascending keys at once.
fn runs(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| [i / 40 % 7, i].map(u64::to_be_bytes).concat()).collect()
}

fn check_keys(keys: &[Vec<u8>], prefix: &[u8]) {
    let (mut writer, tree) = create_under(prefix);
    let mut model = Model::default();
    for (at, key) in (1..).zip(keys) {
        model.insert(key, at, 1, key);
        writer.insert(key, at, 1, key, &KEEP);
    }
    check_view(&tree, &model, keys.len() as u64 / 2);
    check_view(&tree, &model, u64::MAX);
    assert_eq!(tree.len(), model.0.len());
}

#[test]
fn trees_of_many_levels_agree_with_the_model() {
    let count = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
    check_keys(&scattered(count), b"");
    check_keys(&ascending(count), b"");
    check_keys(&ascending(count).into_iter().rev().collect::<Vec<_>>(), b"");
    check_keys(&runs(count), b"");
}

#[test]
fn keys_whose_digests_tie_agree_with_the_model() {
    let tied = |keys: Vec<Vec<u8>>| -> Vec<_> {
        keys.iter().map(|key| [&b"all start alike"[..], key].concat()).collect()
    };
    check_keys(&tied(scattered(3_000)), b"");
    check_keys(&tied(ascending(3_000)), b"");
    // Before and behind what starts with the prefix, digests are the least and the greatest.
    check_keys(&tied(scattered(1_000)), b"b");
    check_keys(&tied(scattered(1_000)), b"Z");
    check_keys(&[tied(runs(1_000)), scattered(2_000)].concat(), b"all start alike");
}

/// Bytes per key, of which values take none.
fn bytes_per_key(keys: &[Vec<u8>]) -> usize {
    let (mut writer, _tree) = create();
    let taken: usize = keys.iter().map(|key| writer.insert(key, 1, 0, b"", &KEEP)).sum();
    taken / keys.len()
}

#[test]
fn leaves_are_full_where_keys_come_in_order() {
    let entry = bytes_per_key(&[vec![0; 8]]);
    assert!((entry + 17..=entry + 19).contains(&bytes_per_key(&ascending(20_000))));
    assert!((entry + 22..=entry + 28).contains(&bytes_per_key(&scattered(20_000))));
    let run = [&ascending(5_000)[..], &[vec![9]]].concat();
    assert!(bytes_per_key(&run) <= entry + 19, "in front of other keys, too");
}

#[test]
fn keys_put_right_behind_one_that_is_overwritten_share_leaves() {
    let (mut writer, tree) = create();
    let entry = bytes_per_key(&[vec![0; 9]]);
    let keys = ascending(1_000);
    for key in &keys {
        writer.insert(key, 1, 0, b"", &KEEP);
    }
    let before = &keys[499];
    let taken = (2..5_000u64).map(|at| {
        writer.insert(before, at, 0, b"", &KEEP);
        writer.insert(&[&before[..], &(!at).to_be_bytes()].concat(), at, 0, b"", &KEEP)
    });
    assert!(taken.sum::<usize>() / 4_998 <= entry + 8 + 40);
    assert_eq!(tree.len(), 5_998);
}

/// A writer that commits scattered keys one by one, next to readers.
fn read_while_nodes_split(read: impl Fn(&Arc<Tree>, &AtomicU64, &[Vec<u8>]) + Copy + Send) {
    let keys = scattered(if cfg!(debug_assertions) { 10_000 } else { 200_000 });
    let (mut writer, tree) = create();
    let published = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (tree, published, keys) = (&tree, &published, &keys);
            scope.spawn(move || {
                while published.load(Ordering::Acquire) < keys.len() as u64 {
                    read(tree, published, keys);
                }
            });
        }
        for (at, key) in (1..).zip(&keys) {
            writer.insert(key, at, 0, &at.to_le_bytes(), &KEEP);
            published.store(at, Ordering::Release);
        }
    });
}

/// The keys as of `at`, sorted.
fn keys_at(keys: &[Vec<u8>], at: u64) -> Vec<&[u8]> {
    let mut sorted: Vec<_> = keys[..at as usize].iter().map(Vec::as_slice).collect();
    sorted.sort_unstable();
    sorted
}

#[test]
fn every_committed_key_is_found_while_nodes_split() {
    read_while_nodes_split(|tree, published, keys| {
        let at = published.load(Ordering::Acquire);
        let mut cursor = tree.cursor(at);
        for seq in (at.saturating_sub(200)..at).map(|before| before + 1) {
            let key = &keys[seq as usize - 1];
            assert_eq!(tree.get(key, at).unwrap().seq, seq);
            cursor.seek(key);
            assert_eq!((cursor.key(), cursor.version().unwrap().seq), (&key[..], seq));
            cursor.seek_back(key);
            assert!(!cursor.valid() || cursor.key() < &key[..]);
            cursor.seek_back_to(key);
            assert_eq!((cursor.key(), cursor.version().unwrap().seq), (&key[..], seq));
        }
    });
}

#[test]
fn cursors_see_every_committed_key_once_while_nodes_split() {
    read_while_nodes_split(|tree, published, keys| {
        let at = published.load(Ordering::Acquire);
        let expected = keys_at(keys, at);
        let mut cursor = tree.cursor(at);
        cursor.seek_first();
        for key in &expected {
            assert_eq!(cursor.key(), *key);
            cursor.next();
        }
        assert!(!cursor.valid());
        cursor.seek_last();
        for key in expected.iter().rev() {
            assert_eq!(cursor.key(), *key);
            cursor.prev();
        }
        assert!(!cursor.valid());
    });
}

#[test]
fn a_cursor_goes_on_from_where_it_stood_however_the_tree_grew() {
    let keys = scattered(6_000);
    let (mut writer, tree) = create();
    let mut insert = |seqs: std::ops::RangeInclusive<u64>| {
        for at in seqs {
            writer.insert(&keys[at as usize - 1], at, 0, b"", &KEEP);
        }
    };
    insert(1..=100);
    let expected = keys_at(&keys, 100);
    let mut cursors: Vec<Cursor> = vec![tree.cursor(100); expected.len()];
    for (cursor, key) in cursors.iter_mut().zip(&expected) {
        cursor.seek(key);
    }
    for until in [101, 150, 1_000, 6_000] {
        insert(tree.len() as u64 + 1..=until);
        for (i, cursor) in cursors.iter().enumerate() {
            assert_eq!(cursor.key(), expected[i]);
            let mut moved = cursor.clone();
            moved.next();
            let next = moved.valid().then(|| moved.key());
            assert_eq!(next, expected.get(i + 1).copied());
            let mut moved = cursor.clone();
            moved.prev();
            let prev = moved.valid().then(|| moved.key());
            assert_eq!(prev, i.checked_sub(1).map(|i| expected[i]));
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Insert(Vec<u8>, Vec<u8>),
    Publish,
    Pin,
    Unpin(usize),
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    let letters = prop::collection::vec(prop::sample::select(b"ab\0\xff".to_vec()), 0..4);
    let prefixes =
        prop::sample::select(vec![&b""[..], b"pre", b"prefix", b"prefix and more", b"q"]);
    (prefixes, letters).prop_map(|(prefix, letters)| [prefix, &letters].concat())
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let value = prop::collection::vec(any::<u8>(), 0..40);
    let act = prop_oneof![
        8 => (keys(), value).prop_map(|(k, v)| Act::Insert(k, v)),
        3 => Just(Act::Publish),
        1 => Just(Act::Pin),
        1 => (0usize..4).prop_map(Act::Unpin),
    ];
    prop::collection::vec(act, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pinned_and_new_views_agree_with_the_model(
        acts in acts(),
        prefix in prop::sample::select(vec![&b""[..], b"prefix", b"pre", b"zzz"]),
    ) {
        let (mut writer, tree) = create_under(prefix);
        let mut model = Model::default();
        let (mut at, mut published, mut pins) = (0, 0, Vec::<u64>::new());
        for (step, act) in acts.iter().enumerate() {
            match act {
                Act::Insert(key, value) => {
                    at += 1;
                    let kind = value.first().copied().unwrap_or(9);
                    model.insert(key, at, kind, value);
                    writer.insert(key, at, kind, value, &Horizon { published, pins: &pins });
                }
                Act::Publish => published = at,
                Act::Pin => {
                    pins.push(published);
                    pins.sort_unstable();
                }
                Act::Unpin(which) => {
                    if let Some(which) = which.checked_rem(pins.len()) {
                        pins.remove(which);
                    }
                }
            }
            if step % 50 == 0 {
                pins.iter().for_each(|pin| check_view(&tree, &model, *pin));
            }
        }
        for view in 0..=at + 1 {
            // Other views are right too, unless the tree says that they may not be.
            if pins.contains(&view) || view >= published || tree.pruned_to() <= view {
                check_view(&tree, &model, view);
            }
        }
        prop_assert_eq!(tree.len(), model.0.len());
    }
}

#[test]
fn readers_never_see_a_half_inserted_batch() {
    const KEYS: u64 = 64;
    const BATCHES: u64 = if cfg!(debug_assertions) { 400 } else { 4000 };
    let (mut writer, tree) = create();
    let published = AtomicU64::new(0);
    let pins = [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)];
    // A batch writes its number to a third of the keys, so that key `k` has as of `at` the last
    // number up to `at` that leaves `k` on division by three.
    let expected = |k: u64, at: u64| at - (at + 3 - k % 3) % 3;
    let key = |k: u64| (k.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes();
    thread::scope(|scope| {
        for pin in &pins {
            let (tree, published) = (tree.clone(), &published);
            scope.spawn(move || {
                while published.load(Ordering::Acquire) < BATCHES {
                    let at = published.load(Ordering::SeqCst);
                    pin.store(at, Ordering::SeqCst);
                    if at < 3 || published.load(Ordering::SeqCst) != at {
                        continue;
                    }
                    let mut cursor = tree.cursor(at);
                    for k in 0..KEYS {
                        assert_eq!(tree.get(&key(k), at).unwrap().seq, expected(k, at));
                        cursor.seek(&key(k));
                        assert_eq!(cursor.key(), key(k));
                        assert_eq!(cursor.version().unwrap().seq, expected(k, at));
                    }
                    cursor.seek_last();
                    let count = std::iter::from_fn(|| cursor.valid().then(|| cursor.prev()));
                    assert_eq!(count.count() as u64, KEYS);
                    pin.store(u64::MAX, Ordering::SeqCst);
                    // Without a pin, for good measure.
                    let at = published.load(Ordering::Acquire);
                    for k in 0..KEYS {
                        let seen = tree.get(&key(k), at).map(|v| v.seq);
                        assert!(tree.pruned_to() > at || seen == Some(expected(k, at)));
                    }
                }
            });
        }
        for at in 1..=BATCHES {
            let horizon = published.load(Ordering::SeqCst);
            let mut views: Vec<u64> = pins.iter().map(|pin| pin.load(Ordering::SeqCst)).collect();
            views.sort_unstable();
            for k in (0..KEYS).filter(|k| k % 3 == at % 3) {
                let horizon = Horizon { published: horizon, pins: &views };
                writer.insert(&key(k), at, 0, &at.to_le_bytes(), &horizon);
            }
            published.store(at, Ordering::SeqCst);
        }
    });
    assert_eq!(tree.len() as u64, KEYS);
}
