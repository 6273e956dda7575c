//! Who gets memory, and who is refused.

use super::*;
use crate::error::ErrorKind;
use crate::stats::Stats;

const MIB: u64 = 1 << 20;

fn budget(strictness: Strictness) -> Arc<Budget> {
    let cache = Arc::new(BlockCache::new(MIB, Arc::new(Stats::default())));
    Arc::new(Budget::new(64 * MIB, strictness, 24 * MIB, 4 * MIB, cache))
}

#[test]
fn the_cache_has_what_others_leave() {
    let budget = budget(Strictness::Elastic);
    assert_eq!(budget.cache.capacity(), 36 * MIB);
    budget.add(Part::Memtables, 20 * MIB);
    assert_eq!(budget.cache.capacity(), 36 * MIB, "that was reserved");
    let charge = Charge::must(&budget, Part::Transactions, 10 * MIB);
    assert_eq!(budget.cache.capacity(), 26 * MIB);
    budget.add(Part::Memtables, 10 * MIB);
    assert_eq!(budget.cache.capacity(), 20 * MIB);
    drop(charge);
    assert_eq!(budget.cache.capacity(), 30 * MIB);
    budget.sub(Part::Memtables, 30 * MIB);
    assert_eq!((budget.cache.capacity(), budget.total()), (36 * MIB, 0));
}

#[test]
fn the_cache_fits_when_all_who_change_their_part_at_once_are_done() {
    let parts = [Part::Transactions, Part::Commits, Part::Cursors, Part::Caches];
    for round in 0..2000 {
        let budget = &budget(Strictness::Elastic);
        std::thread::scope(|scope| {
            for (number, part) in parts.into_iter().enumerate() {
                scope.spawn(move || {
                    for step in 0..8 {
                        budget.set(part, (step * 5 + number as u64 * 3 + round) % 8 * MIB);
                    }
                });
            }
        });
        let wanted = (budget.limit - budget.claimed()).max(budget.floor());
        let off = wanted.abs_diff(budget.cache.capacity());
        assert!(off <= budget.limit / 64, "round {round}: {off} bytes off");
    }
}

#[test]
fn the_last_room_is_given_once() {
    let budget = &budget(Strictness::Strict);
    let (wanted, holders) = (budget.room() / 2 + 1, &AtomicU64::new(0));
    std::thread::scope(|scope| {
        for part in [Part::Cursors, Part::Commits] {
            scope.spawn(move || {
                for _ in 0..300_000 {
                    let Ok(charge) = Charge::new(budget, part, wanted) else { continue };
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "both got it");
                    (0..100).for_each(|_| std::hint::spin_loop());
                    holders.fetch_sub(1, Ordering::SeqCst);
                    drop(charge);
                }
            });
        }
    });
    assert_eq!(budget.total(), 0);
}

#[test]
fn only_a_strict_budget_refuses() {
    let elastic = budget(Strictness::Elastic);
    elastic.charge(Part::Cursors, 100 * MIB).unwrap();
    assert_eq!(elastic.cache.capacity(), 2 * MIB, "the floor");

    let strict = budget(Strictness::Strict);
    let room = strict.room();
    let mut charge = Charge::new(&strict, Part::Cursors, room).unwrap();
    let refused = Charge::new(&strict, Part::Commits, 1).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full);
    assert!(refused.message().contains("open cursors 35651584"), "{}", refused.message());
    assert_eq!(strict.used(Part::Commits), 0);
    charge.set(room - 1);
    Charge::new(&strict, Part::Commits, 1).unwrap();
    drop(charge);
    assert_eq!((strict.room(), strict.total()), (room, 0));
}

/// Has so many bytes that it can do without.
struct Holder(Arc<Budget>, AtomicU64);

impl Yields for Holder {
    fn held(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }

    fn let_go(&self, bytes: u64) -> u64 {
        let gone = bytes.min(self.held());
        self.1.fetch_sub(gone, Ordering::Relaxed);
        self.0.sub(Part::Caches, gone);
        gone
    }
}

#[test]
fn only_what_caches_can_let_go_of_makes_room() {
    let budget = budget(Strictness::Strict);
    // Three quarters of it stay whatever happens.
    budget.add(Part::Caches, 20 * MIB);
    let holder = Arc::new(Holder(budget.clone(), AtomicU64::new(5 * MIB)));
    let yields: Weak<Holder> = Arc::downgrade(&holder);
    budget.add_yielding(yields);
    let room = budget.room();
    assert_eq!(budget.spare(), room + 5 * MIB);
    let refused = Charge::new(&budget, Part::Commits, room + 6 * MIB).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Full);
    assert_eq!(holder.held(), 5 * MIB, "nothing went in vain");
    Charge::new(&budget, Part::Commits, room + 2 * MIB).unwrap();
    assert_eq!(holder.held(), 2 * MIB, "what was asked for, and a little more");
    drop(holder);
    assert_eq!(budget.spare(), budget.room());
}
