use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 0x7f, 0xff]), 0..8),
        (0_u32..500).prop_map(|n| format!("same/{n:04}").into_bytes()),
    ]
}

fn entries(max: usize) -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let value = prop::collection::vec(any::<u8>(), 0..30);
    prop::collection::btree_map(key(), value, 1..max)
}

/// The node of all entries, of pages of 1 KiB.
fn leaf_of(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let mut leaf = Leaf::default();
    for (key, value) in entries {
        leaf.add(key, Kind::Put, false, value);
    }
    let pages = leaf.node_bytes(0..leaf.len()).div_ceil(1024);
    let mut node = Vec::new();
    put_leaf(&mut node, &leaf, 0..leaf.len(), (pages * 1024, pages as u32), (7, 9));
    node
}

proptest! {
    #[test]
    fn a_leaf_finds_what_it_has_and_nothing_else(
        entries in entries(60),
        others in prop::collection::vec(key(), 0..20),
    ) {
        let node = leaf_of(&entries);
        check(&node, 9).unwrap();
        prop_assert!(check(&node, 8).is_err());
        let frame = verify(&node).unwrap();
        prop_assert_eq!((frame.count, frame.generation), (entries.len(), 7));
        for key in entries.keys().chain(&others) {
            let (at, is_there) = frame.find(&node, key).unwrap();
            prop_assert_eq!(at, entries.range::<Vec<u8>, _>(..key).count());
            prop_assert_eq!(is_there, entries.contains_key(key));
            if is_there {
                let entry = frame.entry(&node, at).unwrap();
                prop_assert_eq!(&node[entry.stored], entries[key].as_slice());
            }
        }
    }

    #[test]
    fn a_branch_leads_to_the_last_child_that_may_hold_a_key(
        separators in prop::collection::btree_set(key(), 0..60),
        keys in prop::collection::vec(key(), 0..30),
    ) {
        let separators = separators.into_iter().filter(|s| !s.is_empty());
        let separators: BTreeSet<Vec<u8>> = separators.collect();
        let mut children = vec![(Vec::new(), 3)];
        children.extend(separators.iter().enumerate().map(|(i, s)| (s.clone(), i as u32 + 10)));
        let pages = branch_bytes(&children).div_ceil(1024);
        let mut node = Vec::new();
        put_branch(&mut node, 2, &children, (pages * 1024, pages as u32), (7, 9));
        let frame = verify(&node).unwrap();
        prop_assert_eq!(frame.level, 2);
        for key in separators.iter().chain(&keys) {
            let at = frame.child_for(&node, key).unwrap();
            prop_assert_eq!(at, separators.iter().filter(|s| *s <= key).count());
            prop_assert_eq!(frame.child(&node, at).unwrap(), children[at].1);
            prop_assert_eq!(&frame.separator(&node, at).unwrap(), &children[at].0);
        }
    }

    #[test]
    fn any_bytes_are_a_node_or_an_error(
        entries in entries(20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        wanted in key(),
    ) {
        let mut node = leaf_of(&entries);
        for (at, to) in flips {
            let at = at.index(node.len());
            node[at] = to;
        }
        drop(verify(&node));
        if let Ok(frame) = Frame::parse(&node) {
            drop(frame.find(&node, &wanted));
            drop(frame.child_for(&node, &wanted));
            for i in 0..frame.count.min(100) {
                drop(frame.entry(&node, i));
                drop(frame.separator(&node, i));
                drop(frame.child(&node, i));
            }
        }
    }
}

#[test]
fn a_node_holds_the_longest_key() {
    let key = vec![b'k'; 65_535];
    let node = leaf_of(&BTreeMap::from([(key.clone(), b"value".to_vec())]));
    assert_eq!(node.len(), 65 * 1024);
    let frame = verify(&node).unwrap();
    assert_eq!(frame.find(&node, &key).unwrap(), (0, true));
    assert_eq!(frame.find(&node, &key[..100]).unwrap(), (0, false));
    assert_eq!(pages_of(&node), 65);
}

proptest! {
    #[test]
    fn equal_heads_are_found_wherever_they_are(
        heads in prop::collection::vec(0_u32..90, 0..300),
        head in 0_u32..90,
    ) {
        let mut heads = heads;
        heads.sort_unstable();
        let stored: Vec<[u8; 4]> = heads.iter().map(|head| head.to_le_bytes()).collect();
        let first = heads.partition_point(|other| *other < head);
        let end = heads.partition_point(|other| *other <= head);
        prop_assert_eq!(equal(&stored, head), (first, end));
    }
}
