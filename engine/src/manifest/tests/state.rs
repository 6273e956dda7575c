//! What the state accepts, and what it adds up to.

use proptest::prelude::*;

use super::*;
use crate::error::{ErrorKind, Result};
use crate::manifest::state::NUMBER_MAX;

/// A state with index 1 ("a"), which has segment 1 in file 1, and index 2 ("b"), written in place.
fn two_indexes() -> ManifestState {
    let mut state = ManifestState::default();
    let changes = vec![
        create_index(1, "a"),
        create_index(2, "b"),
        add_segment(1, 1, 1, vec![sealed(1, 0, 10)]),
        add_segment(2, 2, 1, vec![in_place(2, 0, 10)]),
        Change::Watermark { index: IndexId(1), flushed: SeqNo(9) },
        Change::LogStart { log: LogNo(4) },
        Change::Clock { seq: SeqNo(9), wall_ms: 900 },
    ];
    state.apply(&edit(1, changes)).unwrap();
    state
}

/// Applies changes as the second edit; checks that a refusal changes nothing, whatever came
/// before it in the edit.
fn apply(changes: Vec<Change>) -> Result<ManifestState> {
    let mut state = two_indexes();
    let applied = state.apply(&edit(2, changes.clone()));
    if applied.is_err() {
        assert_eq!(state, two_indexes());
        let mut longer = vec![
            create_index(80, "new"),
            Change::RenameIndex { id: IndexId(80), name: "newer".to_owned() },
            add_segment(80, 80, 2, vec![sealed(1, 10, 10), sealed(80, 0, 1)]),
            Change::Clock { seq: SeqNo(9), wall_ms: 901 },
        ];
        longer.extend(changes);
        state.apply(&edit(2, longer)).unwrap_err();
        assert_eq!(state, two_indexes());
    }
    applied.map(|()| state)
}

fn refusal(change: Change) -> String {
    let error = apply(vec![change]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let message = error.to_string();
    assert!(message.starts_with("edit 2: "), "{message}");
    message.trim_start_matches("edit 2: ").to_owned()
}

#[test]
fn edits_come_in_order() {
    for no in [0, 1, 3, u64::MAX] {
        let mut state = two_indexes();
        let error = state.apply(&edit(no, vec![])).unwrap_err();
        assert_eq!(error.to_string(), format!("edit {no} follows edit 1"));
        assert_eq!(state, two_indexes());
    }
}

#[test]
fn names_and_numbers_are_taken_once() {
    assert_eq!(refusal(create_index(1, "c")), "index 1 is there already");
    assert_eq!(refusal(create_index(3, "a")), "index 1 has the name \"a\" already");
    assert_eq!(refusal(create_index(0, "c")), "an index with the id of the catalog");
    let rename = |name: &str| Change::RenameIndex { id: IndexId(1), name: name.to_owned() };
    assert_eq!(refusal(rename("b")), "index 2 has the name \"b\" already");
    assert_eq!(refusal(add_segment(2, 1, 2, vec![])), "segment 1 is there already, in index 1");
    let swapped = apply(vec![
        rename("c"),
        Change::RenameIndex { id: IndexId(2), name: "a".to_owned() },
        rename("c"),
    ]);
    let swapped = swapped.unwrap();
    assert_eq!(swapped.index_named("a"), Some(IndexId(2)));
    assert_eq!(swapped.index_named("c"), Some(IndexId(1)));
    assert_eq!(swapped.index_named("b"), None);
}

#[test]
fn what_is_changed_must_be_there() {
    let nine = IndexId(9);
    for change in [
        Change::RenameIndex { id: nine, name: "c".to_owned() },
        Change::DropIndex { id: nine, dropped: SeqNo(2) },
        add_segment(9, 3, 2, vec![]),
        remove_segment(9, 1),
        Change::Watermark { index: nine, flushed: SeqNo(2) },
    ] {
        assert_eq!(refusal(change), "there is no index 9");
    }
    assert_eq!(refusal(remove_segment(1, 2)), "index 1 has no segment 2");
}

#[test]
fn nothing_goes_back() {
    let watermark = Change::Watermark { index: IndexId(1), flushed: SeqNo(8) };
    assert_eq!(refusal(watermark), "index 1: the watermark goes back from 9 to 8");
    assert_eq!(
        refusal(Change::LogStart { log: LogNo(3) }),
        "the start of the log goes back from 4 to 3"
    );
    assert_eq!(
        refusal(Change::Clock { seq: SeqNo(8), wall_ms: 1000 }),
        "the published commit goes back from 9 to 8"
    );
    assert_eq!(
        refusal(Change::Clock { seq: SeqNo(9), wall_ms: 899 }),
        "the clock goes back from 900 to 899"
    );
    let counters = two_indexes().counters();
    assert_eq!(counters.next_log, LogNo(5));
    for lower in [
        Counters { next_index: IndexId(2), ..counters },
        Counters { next_segment: SegmentId(2), ..counters },
        Counters { next_file: FileId(2), ..counters },
        Counters { next_log: LogNo(4), ..counters },
    ] {
        refusal(Change::Counters(lower));
    }
    let earlier = Change::DropIndex { id: IndexId(1), dropped: SeqNo(0) };
    assert_eq!(refusal(earlier), "index 1 is dropped at 0, before it was created at 1");
}

#[test]
fn a_file_is_of_one_kind_and_one_written_in_place_of_one_index() {
    let problem = refusal(add_segment(1, 3, 2, vec![sealed(3, 0, 1), in_place(1, 10, 10)]));
    assert_eq!(problem, "segment 3: file 1 is said to be sealed and in place");
    let problem = refusal(add_segment(1, 3, 2, vec![sealed(3, 0, 1), in_place(3, 1, 1)]));
    assert_eq!(problem, "segment 3: file 3 is said to be sealed and in place");
    let problem = refusal(add_segment(1, 3, 2, vec![in_place(2, 0, 10)]));
    assert_eq!(problem, "segment 3: file 2 is written in place by index 2");
    let moved = apply(vec![remove_segment(2, 2), add_segment(2, 3, 2, vec![in_place(2, 0, 20)])]);
    assert_eq!(moved.unwrap().files()[&FileId(2)].owner, Some(IndexId(2)));
}

#[test]
fn a_segment_is_installed_by_its_edit() {
    for other in [0, 1, 3] {
        let problem = refusal(add_segment(1, 3, other, vec![]));
        assert_eq!(problem, format!("segment 3 is said to be installed by edit {other}"));
    }
    let later = ManifestState::from_snapshot(
        EditNo(4),
        &[create_index(1, "a"), add_segment(1, 1, 5, vec![])],
    );
    assert_eq!(
        later.unwrap_err().to_string(),
        "snapshot after edit 4: segment 1 is said to be installed by edit 5"
    );
}

#[test]
fn files_are_counted_by_the_segments_that_use_them() {
    let state = apply(vec![add_segment(1, 3, 2, vec![sealed(1, 10, 5), sealed(3, 0, 5)])]).unwrap();
    let uses = |state: &ManifestState| -> Vec<(u64, u64)> {
        state.files().iter().map(|(file, found)| (file.0, found.uses)).collect()
    };
    assert_eq!(uses(&state), [(1, 2), (2, 1), (3, 1)]);
    let mut state = state;
    state.apply(&edit(3, vec![remove_segment(1, 3)])).unwrap();
    assert_eq!(uses(&state), [(1, 1), (2, 1)]);
    state.apply(&edit(4, vec![Change::DropIndex { id: IndexId(1), dropped: SeqNo(9) }])).unwrap();
    assert_eq!(uses(&state), [(2, 1)]);
}

#[test]
fn numbers_are_never_given_out_twice() {
    let state = apply(vec![
        create_index(30, "c"),
        add_segment(30, 40, 2, vec![sealed(50, 0, 1)]),
        Change::LogStart { log: LogNo(60) },
    ]);
    let expected = Counters {
        next_index: IndexId(31),
        next_segment: SegmentId(41),
        next_file: FileId(51),
        next_log: LogNo(61),
    };
    let mut state = state.unwrap();
    assert_eq!(state.counters(), expected);
    state.apply(&edit(3, vec![Change::DropIndex { id: IndexId(30), dropped: SeqNo(9) }])).unwrap();
    assert_eq!(state.counters(), expected);
    let again = ManifestState::from_snapshot(state.edit(), &state.snapshot()).unwrap();
    assert_eq!(again.counters(), expected);
}

#[test]
fn numbers_that_cannot_be_counted_on_from_are_refused() {
    let max = two_indexes().counters();
    for change in [
        create_index(u32::MAX, "c"),
        add_segment(1, u64::MAX, 2, vec![]),
        add_segment(1, NUMBER_MAX, 2, vec![]),
        add_segment(1, 3, 2, vec![sealed(u64::MAX, 0, 1)]),
        Change::DropIndex { id: IndexId(1), dropped: SeqNo::MAX },
        Change::Watermark { index: IndexId(1), flushed: SeqNo::MAX },
        Change::Watermark { index: IndexId::CATALOG, flushed: SeqNo::MAX },
        Change::LogStart { log: LogNo(u64::MAX) },
        Change::Clock { seq: SeqNo::MAX, wall_ms: 900 },
        Change::Clock { seq: SeqNo(9), wall_ms: u64::MAX },
        Change::Counters(Counters { next_index: IndexId(u32::MAX), ..max }),
        Change::Counters(Counters { next_segment: SegmentId(u64::MAX), ..max }),
    ] {
        refusal(change);
    }
    ManifestState::from_snapshot(EditNo(u64::MAX), &[]).unwrap_err();
}

#[test]
fn the_catalog_has_a_watermark_and_nothing_else() {
    let state = apply(vec![Change::Watermark { index: IndexId::CATALOG, flushed: SeqNo(5) }]);
    assert_eq!(state.unwrap().catalog_flushed(), SeqNo(5));
    assert_eq!(refusal(add_segment(0, 3, 2, vec![])), "there is no index 0");
}

proptest! {
    #[test]
    fn a_snapshot_gives_the_state_it_was_taken_of(seed: u64) {
        let mut random = Random::new(seed);
        let mut state = ManifestState::default();
        for _ in 0..60 {
            let edit = plausible_edit(&state, &mut random);
            state.apply(&edit).unwrap();
            let again = ManifestState::from_snapshot(state.edit(), &state.snapshot()).unwrap();
            prop_assert_eq!(&again, &state);
        }
    }

    #[test]
    fn a_refused_edit_changes_nothing(seed: u64) {
        let mut random = Random::new(seed);
        let mut state = ManifestState::default();
        for _ in 0..40 {
            let good = plausible_edit(&state, &mut random);
            let mut bad = good.clone();
            bad.changes.push(remove_segment(1, 1 << 40));
            let before = state.clone();
            state.apply(&bad).unwrap_err();
            prop_assert_eq!(&state, &before);
            state.apply(&good).unwrap();
        }
    }

    #[test]
    fn an_edit_can_be_taken_back(seed: u64) {
        let mut random = Random::new(seed);
        let mut state = ManifestState::default();
        for _ in 0..40 {
            let edit = plausible_edit(&state, &mut random);
            let before = state.clone();
            let undo = state.apply_undoable(&edit).unwrap();
            let after = state.clone();
            state.revert(undo);
            prop_assert_eq!(&state, &before);
            state.apply(&edit).unwrap();
            prop_assert_eq!(&state, &after);
        }
    }
}
