use proptest::prelude::*;

use super::*;
use crate::ErrorKind;

const INDEX: IndexId = IndexId(1);
const LATER: Duration = Duration::from_secs(10);

fn point(key: u8) -> Span {
    (vec![key], Some(vec![key, 0]))
}

fn range(start: u8, end: u8) -> Span {
    (vec![start], Some(vec![end]))
}

fn ask(holder: &mut Holder, span: Span) -> Request {
    holder.request(INDEX, span, LATER).unwrap()
}

fn is_held(request: &mut Request) -> bool {
    matches!(request.step(Duration::ZERO).unwrap(), LockStep::Done)
}

#[test]
fn a_lock_is_held_by_one_at_a_time_and_then_by_the_next() {
    let locks = Arc::new(Locks::default());
    let (mut a, mut b, mut c) = (locks.holder(), locks.holder(), locks.holder());
    assert!(is_held(&mut ask(&mut a, point(1))));
    assert!(is_held(&mut ask(&mut a, point(1))), "again, by the same");
    let (mut b1, mut c1) = (ask(&mut b, point(1)), ask(&mut c, point(1)));
    assert!(b1.is_waiting() && !is_held(&mut b1) && !is_held(&mut c1));
    let LockStep::Wait(event, seen, until) = b1.step(Duration::ZERO).unwrap() else { panic!() };
    assert_eq!(until, LATER);
    drop(a);
    assert!(event.epoch() > seen && is_held(&mut b1) && !is_held(&mut c1), "first come");
    drop(b);
    assert!(is_held(&mut c1));
    drop(c);
    assert!(locks.is_empty());
    assert!(is_held(&mut ask(&mut locks.holder(), point(1))));
    assert!(locks.is_empty(), "a holder that goes lets go");
}

#[test]
fn ranges_and_points_are_in_each_others_way_where_they_overlap() {
    let locks = Arc::new(Locks::default());
    let (mut a, mut b) = (locks.holder(), locks.holder());
    assert!(is_held(&mut ask(&mut a, range(3, 6))));
    for (span, free) in [
        (point(2), true),
        (point(3), false),
        (point(5), false),
        (point(6), true),
        (range(0, 3), true),
        (range(2, 4), false),
        (range(4, 5), false),
        ((vec![6], None), true),
        ((Vec::new(), None), false),
    ] {
        assert_eq!(!ask(&mut b, span.clone()).is_waiting(), free, "{span:?}");
    }
    assert!(is_held(&mut ask(&mut a, point(4))), "within what it holds");
    assert!(!a.request(IndexId(2), point(4), LATER).unwrap().is_waiting(), "another index");
    assert!(!ask(&mut b, range(9, 2)).is_waiting(), "nothing is always to be had");
}

#[test]
fn whoever_comes_later_does_not_overtake() {
    let locks = Arc::new(Locks::default());
    let (mut a, mut b, mut c) = (locks.holder(), locks.holder(), locks.holder());
    assert!(is_held(&mut ask(&mut a, point(1))));
    let mut wide = ask(&mut b, range(0, 9));
    let mut narrow = ask(&mut c, point(5));
    assert!(wide.is_waiting() && narrow.is_waiting(), "5 is free, but b was first");
    drop(wide);
    assert!(is_held(&mut narrow), "b has gone");
    wide = ask(&mut b, range(0, 9));
    drop(c);
    assert!(!is_held(&mut wide));
    drop(a);
    assert!(is_held(&mut wide));
}

#[test]
fn a_deadlock_is_refused_and_the_other_goes_on() {
    let locks = Arc::new(Locks::default());
    let mut holders: Vec<Holder> = (0..4).map(|_| locks.holder()).collect();
    for (i, holder) in holders.iter_mut().enumerate() {
        assert!(is_held(&mut ask(holder, point(i as u8))));
    }
    let mut waiting: Vec<Request> =
        (0..3).map(|i| ask(&mut holders[i], point(i as u8 + 1))).collect();
    let error = holders[3].request(INDEX, point(0), LATER).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("deadlock"), "{error}");
    assert!(holders[3].request(INDEX, range(0, 9), LATER).is_err());
    assert!(waiting.iter_mut().all(|request| !is_held(request)));
    holders.pop();
    assert!(is_held(&mut waiting[2]));
}

#[test]
fn growing_a_lock_past_one_who_waits_for_it_is_no_deadlock() {
    let locks = Arc::new(Locks::default());
    let (mut a, mut b, mut c) = (locks.holder(), locks.holder(), locks.holder());
    assert!(is_held(&mut ask(&mut a, point(3))));
    let mut waits = ask(&mut b, point(3));
    assert!(is_held(&mut ask(&mut a, range(2, 5))), "b waits for a anyway");
    assert!(is_held(&mut ask(&mut c, point(7))));
    let mut wider = ask(&mut a, range(0, 9));
    assert!(!is_held(&mut wider) && !is_held(&mut waits), "c is in the way, b is not");
    drop(c);
    assert!(is_held(&mut wider) && !is_held(&mut waits));
    drop(a);
    assert!(is_held(&mut waits));
}

#[test]
fn waiting_ends_at_the_deadline() {
    let locks = Arc::new(Locks::default());
    let (mut a, mut b, mut c) = (locks.holder(), locks.holder(), locks.holder());
    assert!(is_held(&mut ask(&mut a, point(1))));
    let mut late = ask(&mut b, point(1));
    let mut next = ask(&mut c, point(1));
    assert!(matches!(late.step(LATER - Duration::from_nanos(1)), Ok(LockStep::Wait(..))));
    assert_eq!(late.step(LATER).unwrap_err().kind(), ErrorKind::Timeout);
    drop(a);
    assert!(is_held(&mut next));
    drop(c);
    assert!(is_held(&mut ask(&mut b, point(1))), "it may ask again");
}

#[test]
fn locks_go_when_their_commit_is_published() {
    let locks = Arc::new(Locks::default());
    let (mut a, mut b) = (locks.holder(), locks.holder());
    assert!(is_held(&mut ask(&mut a, point(1))));
    let mut waits = ask(&mut b, point(1));
    a.leave_at(SeqNo(7));
    locks.holder().leave_at(SeqNo(3));
    locks.published(SeqNo(6));
    assert!(!is_held(&mut waits));
    locks.published(SeqNo(7));
    assert!(is_held(&mut waits));
}

#[derive(Clone, Debug)]
enum Act {
    Ask(usize, u8, Option<u8>),
    End(usize),
    GiveUp(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0usize..6, 0u8..8, prop::option::weighted(0.4, 1u8..6))
            .prop_map(|(who, start, len)| Act::Ask(who, start, len)),
        2 => (0usize..6).prop_map(Act::End),
        1 => (0usize..6).prop_map(Act::GiveUp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_two_hold_the_same_and_somebody_can_always_go_on(
        acts in prop::collection::vec(act(), 1..80)
    ) {
        let locks = Arc::new(Locks::default());
        let mut holders: Vec<Holder> = (0..6).map(|_| locks.holder()).collect();
        let mut requests: Vec<Option<Request>> = (0..6).map(|_| None).collect();
        for act in acts {
            match act {
                Act::Ask(who, start, len) => {
                    // Who waits does nothing else.
                    if requests[who].as_mut().is_some_and(|request| !is_held(request)) {
                        continue;
                    }
                    let span = len.map_or(point(start), |len| range(start, start + len));
                    match holders[who].request(INDEX, span, LATER) {
                        Ok(request) => requests[who] = Some(request),
                        Err(error) => {
                            prop_assert_eq!(error.kind(), ErrorKind::Conflict);
                            holders[who] = locks.holder();
                            requests[who] = None;
                        }
                    }
                }
                Act::End(who) => {
                    requests[who] = None;
                    holders[who] = locks.holder();
                }
                Act::GiveUp(who) => requests[who] = None,
            }
            locks.table().check();
            let waiting = requests.iter_mut().flatten().filter_map(|request| {
                (!is_held(request)).then_some(())
            });
            prop_assert!(waiting.count() < 6, "all wait");
        }
        drop((requests, holders));
        prop_assert!(locks.is_empty());
        prop_assert!(locks.table().indexes_are_gone());
    }
}
