//! Histories written by hand: each class of anomaly is found, and good histories are good.

use std::collections::BTreeMap;

use cuesta::Isolation;

use crate::anomalies::{Anomaly, Class, anomalies, violations};
use crate::history::{Act, Element, History, Key, Outcome, Record};

const X: Key = 1;
const Y: Key = 2;
const Z: Key = 3;

fn read(key: Key, list: &[Element]) -> Act {
    Act::Read(key, list.to_vec())
}

fn append(key: Key, element: Element) -> Act {
    Act::Append(key, element)
}

fn scan(keys: &[Key], found: &[(Key, &[Element])]) -> Act {
    let found: BTreeMap<Key, Vec<Element>> =
        found.iter().map(|(key, list)| (*key, list.to_vec())).collect();
    Act::Scan(keys.to_vec(), found)
}

/// Committed, at the same time as all others.
fn tx(acts: &[Act]) -> Record {
    Record {
        isolation: Isolation::Serializable,
        acts: acts.to_vec(),
        taken_back: Vec::new(),
        outcome: Outcome::Committed,
        began: 1,
        ended: 100,
    }
}

fn aborted(acts: &[Act]) -> Record {
    Record { outcome: Outcome::Aborted, ..tx(acts) }
}

fn at(began: u64, ended: u64, acts: &[Act]) -> Record {
    Record { began, ended, ..tx(acts) }
}

fn history(records: &[Record]) -> History {
    History { records: records.to_vec() }
}

/// The same, each transaction under snapshot isolation.
fn under_snapshot(records: &[Record]) -> History {
    let of = |record: &Record| Record { isolation: Isolation::Snapshot, ..record.clone() };
    History { records: records.iter().map(of).collect() }
}

fn classes(found: &[Anomaly]) -> Vec<Class> {
    let mut classes: Vec<Class> = found.iter().map(|anomaly| anomaly.class).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// Finds exactly these classes.
#[track_caller]
fn is_found(records: &[Record], expected: &[Class]) {
    let found = anomalies(&history(records));
    assert_eq!(classes(&found), expected, "{found:#?}");
    let judged = violations(&history(records));
    assert_eq!(judged.is_empty(), expected.is_empty(), "judged by isolation: {judged:#?}");
}

#[test]
fn a_serial_history_is_good() {
    is_found(&[], &[]);
    let records = [
        at(1, 2, &[read(X, &[]), append(X, 1), read(X, &[1]), append(X, 2), append(Y, 3)]),
        at(3, 4, &[read(X, &[1, 2]), read(Y, &[3]), append(X, 4)]),
        at(5, 6, &[scan(&[X, Y, Z], &[(X, &[1, 2, 4]), (Y, &[3])]), append(Z, 5)]),
        at(7, 8, &[scan(&[X, Y, Z], &[(X, &[1, 2, 4]), (Y, &[3]), (Z, &[5])])]),
    ];
    is_found(&records, &[]);
    assert!(violations(&under_snapshot(&records)).is_empty());
}

#[test]
fn what_ran_at_the_same_time_may_come_in_any_order() {
    let records = [
        tx(&[append(X, 1), append(Y, 2)]),
        tx(&[read(X, &[]), read(Y, &[])]),
        tx(&[read(X, &[1]), read(Y, &[2]), append(X, 3)]),
        aborted(&[read(X, &[1]), append(X, 9)]),
        tx(&[read(X, &[1, 3])]),
    ];
    is_found(&records, &[]);
}

#[test]
fn own_appends_must_be_seen() {
    is_found(&[tx(&[append(X, 1), read(X, &[])])], &[Class::Internal]);
    is_found(&[tx(&[append(X, 1), append(X, 2), read(X, &[2, 1])])], &[Class::Internal]);
}

#[test]
fn a_list_read_in_two_ways_is_a_fork() {
    let records = [
        tx(&[append(X, 1)]),
        tx(&[append(X, 2)]),
        tx(&[read(X, &[1, 2])]),
        tx(&[read(X, &[2, 1])]),
    ];
    let found = anomalies(&history(&records));
    assert!(classes(&found).contains(&Class::Fork), "{found:#?}");
    is_found(&[tx(&[append(X, 1)]), tx(&[read(X, &[1, 1])])], &[Class::Duplicate, Class::G1b][..1]);
}

#[test]
fn g0_is_found() {
    // Writes of two transactions in opposite orders.
    let records = [
        tx(&[append(X, 1), append(Y, 2)]),
        tx(&[append(X, 3), append(Y, 4)]),
        at(101, 102, &[read(X, &[1, 3]), read(Y, &[4, 2])]),
    ];
    is_found(&records, &[Class::G0]);
    assert_eq!(classes(&violations(&under_snapshot(&records))), [Class::G0, Class::GNonadjacent]);
}

#[test]
fn g1a_is_found() {
    is_found(&[aborted(&[append(X, 1)]), tx(&[read(X, &[1])])], &[Class::G1a]);
    let mut rolled_back = tx(&[append(Y, 2)]);
    rolled_back.taken_back.push((X, 1));
    is_found(&[rolled_back, tx(&[read(X, &[1])])], &[Class::G1a]);
    is_found(&[tx(&[read(X, &[7])])], &[Class::G1a]);
}

#[test]
fn g1b_is_found() {
    let records = [tx(&[append(X, 1), append(X, 2)]), tx(&[read(X, &[1])])];
    let found = anomalies(&history(&records));
    assert!(classes(&found).contains(&Class::G1b), "{found:#?}");
}

#[test]
fn g1c_is_found() {
    // Each has read what the other wrote.
    let records = [tx(&[append(X, 1), read(Y, &[2])]), tx(&[append(Y, 2), read(X, &[1])])];
    is_found(&records, &[Class::G1c]);
    assert!(classes(&violations(&under_snapshot(&records))).contains(&Class::G1c));
}

#[test]
fn lost_updates_are_found() {
    // Both found nothing, and both appended.
    let records = [
        tx(&[read(X, &[]), append(X, 1)]),
        tx(&[read(X, &[]), append(X, 2)]),
        at(101, 102, &[read(X, &[1, 2])]),
    ];
    is_found(&records, &[Class::LostUpdate]);
    assert!(!violations(&under_snapshot(&records)).is_empty());
    // One of them has overwritten the other.
    let records = [
        tx(&[read(X, &[]), append(X, 1)]),
        tx(&[read(X, &[]), append(X, 2)]),
        at(101, 102, &[read(X, &[2])]),
    ];
    is_found(&records, &[Class::LostUpdate]);
    assert!(!violations(&under_snapshot(&records)).is_empty());
}

#[test]
fn read_skew_is_found() {
    let records = [
        tx(&[append(X, 1), append(Y, 2)]),
        tx(&[read(X, &[]), read(Y, &[2])]),
        at(101, 102, &[read(X, &[1])]),
    ];
    is_found(&records, &[Class::GSingle]);
    let found = violations(&under_snapshot(&records));
    assert_eq!(classes(&found), [Class::GNonadjacent], "{found:#?}");
}

#[test]
fn a_cycle_without_two_reads_in_a_row_is_refused_under_snapshot_isolation() {
    // Two observers see two writers in opposite orders ("long fork").
    let records = [
        tx(&[append(X, 1)]),
        tx(&[append(Y, 2)]),
        tx(&[read(X, &[1]), read(Y, &[])]),
        tx(&[read(X, &[]), read(Y, &[2])]),
    ];
    is_found(&records, &[Class::G2Item]);
    assert_eq!(classes(&violations(&under_snapshot(&records))), [Class::GNonadjacent]);
}

#[test]
fn write_skew_is_found_and_allowed_under_snapshot_isolation() {
    let records = [
        tx(&[read(X, &[]), read(Y, &[]), append(X, 1)]),
        tx(&[read(X, &[]), read(Y, &[]), append(Y, 2)]),
        at(101, 102, &[read(X, &[1]), read(Y, &[2])]),
    ];
    is_found(&records, &[Class::G2Item]);
    assert!(violations(&under_snapshot(&records)).is_empty());
    // One that is serializable is as good as it says, the other need not be.
    let mut mixed = history(&records);
    mixed.records[1].isolation = Isolation::Snapshot;
    assert!(violations(&mixed).is_empty());
}

#[test]
fn phantoms_are_found_and_allowed_under_snapshot_isolation() {
    let records = [
        tx(&[scan(&[X, Y, Z], &[]), append(X, 1)]),
        tx(&[scan(&[X, Y, Z], &[]), append(Y, 2)]),
        at(101, 102, &[scan(&[X, Y, Z], &[(X, &[1]), (Y, &[2])])]),
    ];
    is_found(&records, &[Class::G2]);
    assert!(violations(&under_snapshot(&records)).is_empty());
}

#[test]
fn the_anomaly_of_a_transaction_that_only_reads_is_found() {
    // Fekete, O'Neil and O'Neil, "A read-only transaction anomaly under snapshot isolation", 2004.
    let records = [
        tx(&[read(X, &[]), read(Y, &[]), append(X, 1)]),
        at(1, 10, &[read(Y, &[]), append(Y, 2)]),
        at(11, 20, &[read(X, &[]), read(Y, &[2])]),
        at(101, 102, &[read(X, &[1]), read(Y, &[2])]),
    ];
    is_found(&records, &[Class::G2Item]);
    assert!(violations(&under_snapshot(&records)).is_empty());
}

#[test]
fn a_stale_read_is_found_by_the_clock() {
    let records =
        [at(1, 2, &[append(X, 1)]), at(3, 4, &[read(X, &[])]), at(5, 6, &[read(X, &[1])])];
    let found = anomalies(&history(&records));
    assert_eq!(classes(&found), [Class::GSingle]);
    assert!(found[0].needs_time);
    assert!(!violations(&under_snapshot(&records)).is_empty());
    // Without the clock it might have come first.
    let records =
        [at(1, 3, &[append(X, 1)]), at(3, 4, &[read(X, &[])]), at(5, 6, &[read(X, &[1])])];
    is_found(&records, &[]);
}
