//! Cursors over a tree with changes in memory on top, which turn around at every place.

use std::ops::Bound::{Excluded, Included, Unbounded};

use proptest::prelude::*;

use super::{Model, driver, reader, value};
use crate::btree::Options;
use crate::lsm::tests::disk::Maps;

#[derive(Clone, Debug)]
enum Move {
    Next(usize),
    Prev(usize),
    Seek(u32),
    SeekBack(u32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (1_usize..60).prop_map(Move::Next),
        4 => (1_usize..60).prop_map(Move::Prev),
        1 => (0_u32..2100).prop_map(Move::Seek),
        1 => (0_u32..2100).prop_map(Move::SeekBack),
    ];
    prop::collection::vec(one, 1..60)
}

fn key(n: u32) -> Vec<u8> {
    format!("key{n:05}").into_bytes()
}

/// Where a cursor stands: before the first key, on one, or behind the last.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Start,
    Key(Vec<u8>),
    End,
}

fn after(model: &Model, at: &At) -> At {
    let next = match at {
        At::Start => model.keys().next(),
        At::Key(key) => model.range::<[u8], _>((Excluded(&key[..]), Unbounded)).map(|e| e.0).next(),
        At::End => None,
    };
    next.cloned().map_or(At::End, At::Key)
}

fn before(model: &Model, at: &At) -> At {
    let prev = match at {
        At::Start => None,
        At::Key(key) => {
            model.range::<[u8], _>((Unbounded, Excluded(&key[..]))).map(|e| e.0).next_back()
        }
        At::End => model.keys().next_back(),
    };
    prev.cloned().map_or(At::Start, At::Key)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cursor_turns_around_wherever_it_stands(
        stored in prop::collection::btree_map(0_u32..2000, 0_usize..200, 1..500),
        fresh in prop::collection::btree_map(0_u32..2000, prop::option::of(0_usize..200), 0..60),
        moves in moves(),
        mapped in any::<bool>(),
    ) {
        let maps = if mapped { Maps::Yes } else { Maps::No };
        let mut driver = driver(maps, &Options { page_bytes: 1024, ..Options::default() });
        let mut model = Model::new();
        for (n, len) in &stored {
            driver.write(&[(&key(*n), Some(&value(0, *len)))]);
            model.insert(key(*n), value(0, *len));
        }
        driver.rotate();
        driver.flush(1);
        for (n, len) in &fresh {
            let new = len.map(|len| value(1, len));
            driver.write(&[(&key(*n), new.as_deref())]);
            match new {
                Some(new) => model.insert(key(*n), new),
                None => model.remove(&key(*n)),
            };
        }
        let mut cursor = reader(&driver).cursor(Unbounded, Unbounded);
        // A new cursor stands at both ends.
        let mut at = match moves.first() {
            Some(Move::Prev(_)) => At::End,
            _ => At::Start,
        };
        for step in &moves {
            let count = match step {
                Move::Next(count) | Move::Prev(count) => *count,
                Move::Seek(_) | Move::SeekBack(_) => 1,
            };
            for _ in 0..count {
                let there = match step {
                    Move::Next(_) => {
                        at = after(&model, &at);
                        cursor.next()
                    }
                    Move::Prev(_) => {
                        at = before(&model, &at);
                        cursor.prev()
                    }
                    Move::Seek(n) => {
                        let found = model.range::<[u8], _>((Included(&key(*n)[..]), Unbounded));
                        at = found.map(|e| e.0.clone()).next().map_or(At::End, At::Key);
                        cursor.seek(&key(*n))
                    }
                    Move::SeekBack(n) => {
                        let found = model.range::<[u8], _>((Unbounded, Included(&key(*n)[..])));
                        at = found.map(|e| e.0.clone()).next_back().map_or(At::Start, At::Key);
                        cursor.seek_back(&key(*n))
                    }
                };
                let stands = match &at {
                    At::Key(key) => Some((key.clone(), model[key].clone())),
                    At::Start | At::End => None,
                };
                prop_assert_eq!(there.unwrap(), stands.is_some());
                let (key, value) = stands.unwrap_or_default();
                prop_assert_eq!((cursor.key(), cursor.value()), (&key[..], &value[..]));
                prop_assert_eq!(&*cursor.value_owned(), &value[..]);
            }
        }
    }
}
