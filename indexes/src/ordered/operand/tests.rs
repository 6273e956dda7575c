use proptest::prelude::*;

use super::*;

fn rules(name: &str, ttl_ms: u64) -> Rules {
    Rules::new(Some(name), ttl_ms, &Operators::default())
}

fn number(n: i64) -> Vec<u8> {
    n.to_le_bytes().to_vec()
}

fn logged(operand: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    put_bytes(&mut list, operand);
    list
}

/// What happens to one key, oldest first.
#[derive(Clone, Debug)]
enum Event {
    Put(i64),
    Expiring(i64, u64),
    Delete,
    Add(i64),
}

/// Each event as an entry of its own.
fn entries(events: &[(u64, Event)]) -> Vec<(Kind, Vec<u8>)> {
    let entry = |(clock_ms, event): &(u64, Event)| match event {
        Event::Put(n) => (Kind::Put, number(*n)),
        Event::Expiring(n, expiry_ms) => (Kind::Expiring, expiry::join(*expiry_ms, &number(*n))),
        Event::Delete => (Kind::Delete, Vec::new()),
        Event::Add(n) => {
            let list = logged(&number(*n));
            (Kind::Merge, Pile::of_logged(&list, *clock_ms).unwrap().encode())
        }
    };
    events.iter().map(entry).collect()
}

/// What the key has after all events, by the words of the documentation.
fn model(events: &[(u64, Event)], ttl_ms: u64) -> Option<(i64, Option<u64>)> {
    let mut state: Option<(i64, Option<u64>)> = None;
    for (clock_ms, event) in events {
        if state.is_some_and(|(_, expiry)| expiry.is_some_and(|expiry| expiry <= *clock_ms)) {
            state = None;
        }
        state = match event {
            Event::Put(n) => Some((*n, None)),
            Event::Expiring(n, expiry_ms) => Some((*n, Some(*expiry_ms))),
            Event::Delete => None,
            Event::Add(n) => {
                let (sum, kept) = state.unwrap_or((0, None));
                let expiry = if ttl_ms > 0 { Some(clock_ms + ttl_ms) } else { kept };
                Some((sum + n, expiry))
            }
        };
    }
    state
}

fn look(entries: &[(Kind, Vec<u8>)], rules: &Rules, now_ms: u64) -> Option<i64> {
    let mut pile = Pile::new();
    for (kind, stored) in entries.iter().rev() {
        if pile.add(*kind, stored).unwrap() {
            break;
        }
    }
    let outcome = pile.outcome(rules).unwrap();
    let living = outcome.filter(|(_, expiry)| expiry.is_none_or(|expiry| expiry > now_ms));
    living.map(|(value, _)| i64::from_le_bytes(value.try_into().unwrap()))
}

/// Puts the entries of a part of the history together, as a flush or a merge does.
fn put_together(entries: &mut Vec<(Kind, Vec<u8>)>, part: std::ops::Range<usize>, rules: &Rules) {
    let below = match part.start {
        0 => Below::Nothing,
        _ if entries[..part.start].iter().any(|(kind, _)| *kind != Kind::Put) => Below::Expiring,
        _ => Below::Lasting,
    };
    let taken: Vec<_> = entries.splice(part.clone(), []).collect();
    let newest = taken.last().unwrap();
    let one = match newest.0 {
        Kind::Merge => {
            let mut pile = Pile::new();
            for (kind, stored) in taken.iter().rev() {
                if pile.add(*kind, stored).unwrap() {
                    break;
                }
            }
            pile.into_entry(rules, below)
        }
        _ => newest.clone(),
    };
    entries.insert(part.start, one);
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => (-9i64..9).prop_map(Event::Put),
        2 => (-9i64..9, 0u64..60).prop_map(|(n, expiry_ms)| Event::Expiring(n, expiry_ms)),
        1 => Just(Event::Delete),
        6 => (-9i64..9).prop_map(Event::Add),
    ]
}

proptest! {
    #[test]
    fn it_does_not_matter_when_and_where_operands_are_merged(
        events in prop::collection::vec((0u64..6, event()), 1..12),
        merges in prop::collection::vec((0usize..12, 1usize..12), 0..6),
        ttl_ms in prop::sample::select(vec![0u64, 4, 20]),
        known in any::<bool>(),
    ) {
        let rules = rules("add", ttl_ms);
        let merging = if known { rules.clone() } else { Rules::new(Some("add"), ttl_ms, &empty()) };
        let mut clock_ms = 0;
        let events: Vec<(u64, Event)> = events
            .into_iter()
            .map(|(passed, event)| {
                clock_ms += passed;
                (clock_ms, event)
            })
            .collect();
        let mut stored = entries(&events);
        for (from, count) in merges {
            let from = from % stored.len();
            let to = (from + count).min(stored.len());
            put_together(&mut stored, from..to, &merging);
        }
        for now_ms in clock_ms..clock_ms + 30 {
            let expected = model(&events, ttl_ms)
                .filter(|(_, expiry)| expiry.is_none_or(|expiry| expiry > now_ms));
            prop_assert_eq!(look(&stored, &rules, now_ms), expected.map(|(n, _)| n));
        }
    }

    #[test]
    fn no_entry_panics(stored in prop::collection::vec(prop_oneof![0..4u8, any::<u8>()], 0..40)) {
        let mut pile = Pile::new();
        if pile.add(Kind::Merge, &stored).is_ok() {
            let _ = pile.outcome(&rules("append", 3));
            let (kind, merged) = pile.into_entry(&rules("add", 0), Below::Expiring);
            let mut again = Pile::new();
            prop_assert!(again.add(kind, &merged).is_ok());
            prop_assert_eq!(again.encoded_len(), again.encode().len() as u64);
        }
    }
}

/// Operators of a program that knows none of those in use.
fn empty() -> Operators {
    Operators::none()
}

#[test]
fn nothing_is_lost_when_operands_do_not_fit() {
    let rules = rules("add", 0);
    let list = logged(&number(1));
    let mut pile = Pile::of_logged(&list, 5).unwrap();
    assert!(pile.add(Kind::Put, b"abc").unwrap());
    assert_eq!(pile.outcome(&rules).unwrap_err().kind(), cuesta_engine::ErrorKind::Invalid);
    let (kind, stored) = pile.into_entry(&rules, Below::Nothing);
    assert_eq!(kind, Kind::Merge);
    let mut again = Pile::new();
    assert!(again.add(kind, &stored).unwrap());
    assert_eq!(again.base, Base::Value(Cow::Borrowed(b"abc"), None));
    assert_eq!(again.operands.len(), 1);
}

#[test]
fn many_operands_of_one_batch_are_a_list() {
    let (one, two) = (logged(b"one"), logged(b"two"));
    let both = [one, two].concat();
    let pile = Pile::of_logged(&both, 9).unwrap();
    let combined = pile.combined(&rules("append", 0)).unwrap();
    assert_eq!(combined, logged(b"onetwo"));
    assert_eq!(pile.outcome(&rules("append", 0)).unwrap(), Some((b"onetwo".to_vec(), None)));
}

/// Appends, and counts how many bytes it has made.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicUsize);

impl MergeOperator for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        let value = [base.unwrap_or_default(), &operands.concat()].concat();
        self.0.fetch_add(value.len(), std::sync::atomic::Ordering::Relaxed);
        Ok(Some(value))
    }

    fn keeps_values(&self) -> bool {
        true
    }
}

#[test]
fn a_value_that_expires_grows_by_many_operands_at_once() {
    let counting = Arc::new(Counting::default());
    let mut known = Operators::none();
    known.add(counting.clone());
    let rules = Rules::new(Some("counting"), 0, &known);
    let base = expiry::join(100, &[b'x'; 1000]);
    let operands = logged(b"1234").repeat(500);
    let mut pile = Pile::of_logged(&operands, 5).unwrap();
    assert!(pile.add(Kind::Expiring, &base).unwrap());
    let (value, expiry_ms) = pile.outcome(&rules).unwrap().unwrap();
    assert_eq!((value.len(), expiry_ms), (1000 + 4 * 500, Some(100)));
    assert_eq!(counting.0.load(std::sync::atomic::Ordering::Relaxed), value.len());
}

#[test]
fn operands_that_do_not_fit_one_entry_are_refused() {
    let list = logged(&[7; 1 << 20]);
    let mut pile = Pile::of_logged(&list, u64::MAX).unwrap();
    pile.check_len().unwrap();
    assert_eq!(pile.encoded_len(), pile.encode().len() as u64);
    // The same operand so often that all of them are longer than a stored value may be.
    let count = usize::try_from((VALUE_BYTES_MAX >> 20) + 1).unwrap();
    pile.operands = vec![pile.operands[0].clone(); count];
    let error = pile.check_len().unwrap_err();
    assert_eq!(error.kind(), cuesta_engine::ErrorKind::Invalid);
    assert!(error.message().contains("the limit is 4294967295"), "{error}");
}
