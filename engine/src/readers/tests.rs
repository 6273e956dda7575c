//! What a writer and its readers tell each other in the table.

use super::*;
use crate::env::Env;
use crate::env::sim::SimEnv;

fn table() -> (Table, Arc<LocalWords>) {
    let words = LocalWords::new();
    (Table::new(words.clone()), words)
}

#[test]
fn nothing_is_shown_of_a_writer_that_is_not_ready_or_not_meant() {
    let (mut table, words) = table();
    assert_eq!(table.shown(0), None);
    table.begin();
    table.show_published(SeqNo(12), 34);
    table.show_edit(EditNo(5));
    assert_eq!((table.openings(), table.shown(1)), (1, None));
    table.ready();
    let shown = Shown { published: SeqNo(12), edit: EditNo(5) };
    assert_eq!((table.shown(0), table.shown(1)), (None, Some(shown)));
    let head: Vec<u64> = words.0[..6].iter().map(|word| word.load(Ordering::SeqCst)).collect();
    assert_eq!(head, [MAGIC, 12, 34, SLOTS as u64, 5, 1]);
    table.begin();
    assert_eq!((table.openings(), table.shown(1), table.shown(2)), (2, None, None));
    assert_eq!(table.published(), SeqNo(0));
}

#[test]
fn a_slot_is_taken_once_told_of_and_given_back() {
    let (mut table, _) = table();
    let env = SimEnv::new(1);
    let dir = Path::new("db");
    env.vfs().create_dir_all(dir).unwrap();
    let moves = table.moves();
    let one = table.take(env.vfs(), dir, EditNo(3), SeqNo(7)).unwrap();
    let two = table.take(env.vfs(), dir, EditNo(4), SeqNo(8)).unwrap();
    two.stand(Slot { edit: EditNo(6), seq: SeqNo(9) });
    let slots: Vec<_> = table.slots().collect();
    let of = |edit, seq| Slot { edit: EditNo(edit), seq: SeqNo(seq) };
    assert_eq!(slots, [(0, of(3, 7)), (1, of(6, 9))]);
    assert!(table.moves() > moves);
    let moves = table.moves();
    drop(one);
    assert_eq!(table.slots().count(), 1);
    assert!(table.moves() > moves);
    // The first one is free again.
    let _three = table.take(env.vfs(), dir, EditNo(7), SeqNo(9)).unwrap();
    assert_eq!(table.slots().next(), Some((0, of(7, 9))));
    // A writer that opens the directory leaves living readers where they are.
    table.begin();
    assert_eq!(table.reclaim(env.vfs(), dir), 0);
    assert_eq!(table.slots().count(), 2);
}

#[test]
fn slots_of_the_dead_are_freed_and_no_others() {
    let (table, words) = table();
    let env = SimEnv::new(1);
    let dir = Path::new("db");
    env.vfs().create_dir_all(dir).unwrap();
    let living = table.take(env.vfs(), dir, EditNo(3), SeqNo(7)).unwrap();
    // One that died left its words behind, and its lock is free.
    let dead = table.take(env.vfs(), dir, EditNo(1), SeqNo(1)).unwrap();
    let at = dead.at;
    drop(dead);
    words.0[at].store(2, Ordering::SeqCst);
    assert_eq!(table.slots().count(), 2);
    assert_eq!(table.reclaim(env.vfs(), dir), 1);
    let slots: Vec<usize> = table.slots().map(|(i, _)| i).collect();
    assert_eq!(slots, [0]);
    drop(living);
}

#[test]
fn more_readers_than_slots_are_refused() {
    let (table, _) = table();
    let env = SimEnv::new(1);
    let dir = Path::new("db");
    env.vfs().create_dir_all(dir).unwrap();
    let take = || table.take(env.vfs(), dir, EditNo(1), SeqNo(1));
    let taken: Vec<Own> = (0..SLOTS).map(|_| take().unwrap()).collect();
    assert_eq!(take().unwrap_err().kind(), crate::ErrorKind::Busy);
    drop(taken);
    assert!(take().is_ok());
}

/// A lock that another process has taken, of which this one is a child.
#[derive(Debug)]
struct OfParent;

impl Lock for OfParent {
    fn is_of_this_process(&self) -> bool {
        false
    }
}

#[test]
fn a_forked_child_neither_moves_nor_frees_the_slot_of_its_parent() {
    let (table, _) = table();
    let env = SimEnv::new(1);
    let dir = Path::new("db");
    env.vfs().create_dir_all(dir).unwrap();
    let parent = table.take(env.vfs(), dir, EditNo(3), SeqNo(7)).unwrap();
    let child = Own { table: table.clone(), at: parent.at, lock: Box::new(OfParent) };
    child.stand(Slot { edit: EditNo(9), seq: SeqNo(9) });
    drop(child);
    let slot = Slot { edit: EditNo(3), seq: SeqNo(7) };
    assert_eq!(table.slots().collect::<Vec<_>>(), [(0, slot)]);
}

/// A sync may end long after the database was closed, and another process writes.
#[test]
fn what_a_writer_tells_after_the_next_has_begun_is_not_told() {
    let (mut one, words) = table();
    one.begin();
    one.ready();
    one.show_published(SeqNo(7), 70);
    let mut other = Table::new(words);
    other.begin();
    other.show_published(SeqNo(9), 90);
    other.show_edit(EditNo(3));
    other.ready();
    one.show_published(SeqNo(8), 80);
    one.show_edit(EditNo(2));
    let shown = Shown { published: SeqNo(9), edit: EditNo(3) };
    assert_eq!(other.shown(2), Some(shown));
}
