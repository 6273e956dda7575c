//! Who is told of what, against a list that is searched from end to end.

use std::collections::BTreeSet;

use super::*;

/// The generator of SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn key(&mut self) -> Vec<u8> {
        let len = self.below(4);
        (0..len).map(|_| b'a' + self.below(5) as u8).collect()
    }

    fn span(&mut self) -> Span {
        let start = self.key();
        match self.below(4) {
            0 => (start, None),
            1 => {
                let end = [&start[..], &[0]].concat();
                (start, Some(end))
            }
            _ => (start, Some(self.key())),
        }
    }
}

fn meets(a: &Span, b: &Span) -> bool {
    let empty = |(start, end): &Span| end.as_ref().is_some_and(|end| end <= start);
    let begins = |start: &Vec<u8>, end: &Option<Vec<u8>>| end.as_ref().is_none_or(|e| start < e);
    !empty(a) && !empty(b) && begins(&a.0, &b.1) && begins(&b.0, &a.1)
}

fn point(key: &[u8]) -> Span {
    (key.to_vec(), Some([key, &[0]].concat()))
}

const INDEX: IndexId = IndexId(3);

#[test]
fn exactly_those_are_told_whose_ranges_are_touched() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let watchers = Watchers::default();
        let mut model: Vec<(WatchId, Arc<Slot>, Span)> = Vec::new();
        for seq in 1..120 {
            match random.below(3) {
                0 if model.len() > 3 => {
                    let gone = model.swap_remove(random.below(model.len() as u64) as usize);
                    watchers.remove(&gone.0);
                }
                _ => {
                    let span = random.span();
                    let (id, slot) = watchers.add(Scope::Range(INDEX, span.clone()));
                    model.push((id, slot, span));
                }
            }
            let points: Vec<Vec<u8>> = (0..random.below(3)).map(|_| random.key()).collect();
            let ranges: Vec<Span> = (0..random.below(2)).map(|_| random.span()).collect();
            let whole = random.below(30) == 0;
            let all = whole.then(|| (Vec::new(), None));
            let spans: Vec<Span> =
                points.iter().map(|key| point(key)).chain(ranges.clone()).chain(all).collect();
            watchers.note(SeqNo(seq), IndexId(9), &Footprint { whole: true, ..Default::default() });
            watchers.note(SeqNo(seq), INDEX, &Footprint { points, ranges, whole });
            let before: Vec<SeqNo> = model.iter().map(|(_, slot, _)| slot.changed()).collect();
            watchers.published(SeqNo(seq - 1));
            for ((_, slot, _), before) in model.iter().zip(before) {
                assert_eq!(slot.changed(), before, "nobody is told before it is published");
            }
            watchers.published(SeqNo(seq));
            for (_, slot, span) in &model {
                let is_told = slot.changed() == SeqNo(seq);
                let due = spans.iter().any(|written| meets(written, span));
                assert_eq!(is_told, due, "seed {seed}, {span:?} and {spans:?}");
            }
        }
        for (id, ..) in model {
            watchers.remove(&id);
        }
        assert!(watchers.is_empty() && !watchers.has_ranges());
        assert_eq!(watchers.waiting.load(Ordering::SeqCst), 0);
    }
}

fn touch(watchers: &Watchers, seq: u64, key: &[u8]) {
    let written = Footprint { points: vec![key.to_vec()], ..Footprint::default() };
    watchers.note(SeqNo(seq), INDEX, &written);
}

#[test]
fn commits_that_are_published_apart_are_told_apart() {
    let watchers = Watchers::default();
    let (_, slot) = watchers.add(Scope::Range(INDEX, point(b"k")));
    touch(&watchers, 5, b"k");
    touch(&watchers, 6, b"other");
    touch(&watchers, 7, b"k");
    touch(&watchers, 9, b"k");
    watchers.published(SeqNo(4));
    assert_eq!(slot.changed(), SeqNo(0));
    watchers.published(SeqNo(6));
    assert_eq!(slot.changed(), SeqNo(5));
    let seen = slot.event().epoch();
    watchers.published(SeqNo(8));
    watchers.published(SeqNo(9));
    assert_eq!(slot.changed(), SeqNo(9));
    assert!(slot.event().epoch() > seen);
    let seen = slot.event().epoch();
    watchers.published(SeqNo(12));
    assert_eq!((slot.changed(), slot.event().epoch()), (SeqNo(9), seen));
}

#[test]
fn a_watch_that_is_gone_is_due_no_more() {
    let watchers = Watchers::default();
    let (id, slot) = watchers.add(Scope::Range(INDEX, point(b"k")));
    touch(&watchers, 1, b"k");
    watchers.published(SeqNo(0));
    touch(&watchers, 2, b"k");
    watchers.remove(&id);
    watchers.published(SeqNo(2));
    assert_eq!(slot.changed(), SeqNo(0));
    assert_eq!(watchers.waiting.load(Ordering::SeqCst), 0);
}

#[test]
fn who_watches_everything_is_told_of_every_publication() {
    let watchers = Watchers::default();
    let (id, slot) = watchers.add(Scope::Everything);
    assert!(!watchers.has_ranges(), "commits need not say what they write");
    watchers.published(SeqNo(3));
    assert_eq!(slot.changed(), SeqNo(3));
    watchers.end();
    assert!(slot.is_ended());
    watchers.remove(&id);
    assert!(watchers.is_empty());
}

#[test]
fn a_point_among_many_ranges_visits_few() {
    let mut intervals = Intervals::default();
    for n in 0..10_000u64 {
        let (start, end) = point(&(n % 5_000).to_be_bytes());
        intervals.insert(n, start, end.map(Arc::from), n);
    }
    let mut found = BTreeSet::new();
    let key = 77u64.to_be_bytes();
    intervals.visit(&key, Bound::Included(&key), &mut |n| {
        found.insert(*n);
    });
    assert_eq!(found, BTreeSet::from([77, 5_077]));
    assert!(intervals.depth() < 60, "{} deep", intervals.depth());
}
