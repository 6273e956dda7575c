use cuesta_engine::index::Memtable as _;

use super::*;
use crate::ordered::op;

fn prepare(ops: &mut Vec<u8>) -> Result<()> {
    crate::ordered::prepare::prepare(ops, &Rules::default(), &|| 0, None)
}

const KEEP: Horizon<'static> = Horizon::UNKNOWN;

fn filled(memtables: &Memtables, keys: impl Iterator<Item = String>) -> Arc<Memtable> {
    let (mut writer, memtable) = memtables.create();
    let mut ops = Vec::new();
    keys.for_each(|key| op::put(&mut ops, key.as_bytes(), b"v").unwrap());
    prepare(&mut ops).unwrap();
    writer.apply(SeqNo(1), 0, &ops, &KEEP);
    memtable
}

#[test]
fn a_memtable_holds_what_was_applied_to_it() {
    let (mut writer, memtable) = Memtables::default().create();
    assert!(memtable.is_empty());
    let mut ops = Vec::new();
    op::put(&mut ops, b"b", b"1").unwrap();
    op::delete(&mut ops, b"a").unwrap();
    prepare(&mut ops).unwrap();
    writer.apply(SeqNo(3), 0, &ops, &KEEP);
    let seen = |key: &[u8], at| memtable.tree().get(key, at).map(|v| (v.seq, v.kind, v.value));
    assert_eq!(seen(b"a", 3), Some((3, op::DELETE, &b""[..])));
    assert_eq!(seen(b"b", 3), Some((3, op::PUT, &b"1"[..])));
    assert_eq!(seen(b"b", 2), None);
    assert!(!memtable.is_empty() && memtable.bytes() > 0);
}

#[test]
fn versions_that_no_view_needs_are_let_go_and_told_of() {
    let (mut writer, memtable) = Memtables::default().create();
    let mut ops = Vec::new();
    op::put(&mut ops, b"k", b"v").unwrap();
    for at in 1..=10 {
        writer.apply(SeqNo(at), 0, &ops, &Horizon { published: at - 1, pins: &[4] });
    }
    assert_eq!(memtable.pruned_to(), SeqNo(9));
    assert_eq!(memtable.tree().get(b"k", 4).unwrap().seq, 4);
    assert_eq!(memtable.tree().get(b"k", 10).unwrap().seq, 10);
}

#[test]
fn memtables_learn_what_keys_start_with() {
    let memtables = Memtables::default();
    let learnt = |memtables: &Memtables| memtables.prefix.get().to_vec();
    filled(&memtables, (0..10).map(|i| format!("few/{i}")));
    assert_eq!(learnt(&memtables), b"", "ten keys teach nothing");
    filled(&memtables, (0..2000).map(|i| format!("order/2025/{i:04}")));
    assert_eq!(learnt(&memtables), b"order/2025/");
    // Keys that do not start so have their place, too.
    let next = filled(&memtables, (0..2000).map(|i| format!("order/{:04}/{i:04}", i % 3000)));
    for key in ["order/0000/0000", "order/1999/1999"] {
        assert!(next.tree().get(key.as_bytes(), 1).is_some());
    }
    assert_eq!(learnt(&memtables), b"order/");
    filled(&memtables, (0..2000).map(|i| format!("{i}")));
    assert_eq!(learnt(&memtables), b"");
}
