//! What views and other processes hold, and what they do not.

use super::*;
use crate::env::SharedWords;
use crate::id::IndexId;
use crate::readers::LocalWords;
use crate::version::tests::still;
use crate::version::{Living, View};

fn pins() -> (Arc<Pins>, Arc<LocalWords>, Arc<Stats>) {
    let (words, stats) = (LocalWords::new(), Arc::new(Stats::default()));
    (Arc::new(Pins::new(Table::new(words.clone()), stats.clone())), words, stats)
}

/// Fills slot `slot` in: owner, edit, sequence number.
fn fill(words: &LocalWords, slot: usize, values: [u64; 3]) {
    for (word, value) in words.words()[8 + 4 * slot..].iter().zip(values) {
        word.store(value, Ordering::SeqCst);
    }
    // As who takes a slot, or gives it back.
    words.words()[6].fetch_add(1, Ordering::SeqCst);
}

#[test]
fn numbers_are_those_of_views_of_this_process() {
    let (pins, words, _) = pins();
    let versions = Pair::new(Version::empty(EditNo(1), Arc::new(Living::default())), 5);
    let first = View::take(&versions, &pins, || 0);
    let second = View::take(&versions, &pins, || 0);
    versions.publish(9);
    let third = View::take(&versions, &pins, || 0);
    assert_eq!(pins.numbers(), [5, 9]);
    // Another process has memtables of its own.
    fill(&words, 3, [77, 1, 4]);
    let before = pins.epoch();
    let clone = first.clone();
    drop(first);
    assert_eq!(pins.numbers(), [5, 9]);
    drop((clone, second));
    assert_eq!(pins.numbers(), [9]);
    assert_ne!(pins.epoch(), before);
    drop(third);
    assert_eq!(pins.numbers(), []);
}

#[test]
fn a_slot_holds_its_edit_and_its_log_back_until_it_is_free() {
    let (pins, words, _) = pins();
    assert_eq!((pins.oldest_edit(), pins.oldest_read()), (None, None));
    assert!(!pins.holds_edits_before(EditNo(u64::MAX)) && !pins.has_readers());
    fill(&words, 0, [77, 6, 30]);
    fill(&words, 5, [78, 8, 20]);
    assert_eq!((pins.oldest_edit(), pins.oldest_read()), (Some(EditNo(6)), Some(SeqNo(20))));
    assert!(!pins.holds_edits_before(EditNo(6)));
    assert!(pins.holds_edits_before(EditNo(7)) && pins.has_readers());
    fill(&words, 0, [0, 6, 30]);
    assert!(!pins.holds_edits_before(EditNo(8)));
    assert!(pins.holds_edits_before(EditNo(9)) && pins.has_readers());
    fill(&words, 5, [0, 8, 20]);
    assert!(!pins.has_readers());
}

#[test]
fn the_oldest_views_expire_first_and_no_more_than_must() {
    let (pins, _, stats) = pins();
    let empty = Version::empty(EditNo(1), Arc::new(Living::default()));
    let versions = Pair::new(empty.with(IndexId(1), still(1, 100)), 1);
    let mut views = Vec::new();
    for (seq, bytes) in [(2, 200), (3, 400), (4, 800)] {
        views.push(View::take(&versions, &pins, || 0));
        let next = versions.current().value.at(EditNo(seq));
        versions.seal_and_replace(seq - 1, next.with(IndexId(1), still(seq as usize, bytes)));
        versions.publish(seq);
    }
    // What the current version has too is not held by the view.
    views.push(View::take(&versions, &pins, || 0));
    let expired = |views: &[View]| views.iter().map(View::is_expired).collect::<Vec<_>>();
    let current = versions.current();
    let report = pins.report(&current.value);
    assert_eq!(report, PinReport { views: 4, bytes: 700, oldest: Some(SeqNo(1)) });
    let report = pins.enforce(&current.value, 700);
    assert_eq!((report.views, expired(&views)), (4, vec![false; 4]));
    let report = pins.enforce(&current.value, 599);
    assert_eq!(report, PinReport { views: 2, bytes: 400, oldest: Some(SeqNo(3)) });
    assert_eq!(expired(&views), [true, true, false, false]);
    assert_eq!(views[0].check().unwrap_err().kind(), crate::ErrorKind::Expired);
    assert!(views[0].catalog().is_err() && views[2].catalog().is_ok());
    let report = pins.enforce(&current.value, 0);
    assert_eq!((report.bytes, expired(&views)), (0, vec![true, true, true, false]));
    assert_eq!(stats.views_expired.load(Ordering::Relaxed), 3);
}

#[test]
fn a_view_has_its_time_from_a_moment_at_which_its_number_was_the_last() {
    let (pins, ..) = pins();
    let versions = Pair::new(Version::empty(EditNo(1), Arc::new(Living::default())), 5);
    for publishing in 0..8 {
        let first = versions.published();
        let mut asked = 0;
        let view = View::take(&versions, &pins, || {
            asked += 1;
            if asked <= publishing {
                versions.publish(first + asked);
            }
            asked
        });
        assert_eq!(view.seq().0, first + publishing.min(4));
        assert_eq!(view.clock_ms(), (publishing + 1).min(4));
    }
}
