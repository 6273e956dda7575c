//! The pair under every interleaving and reordering that loom knows, up to a number of preemptions.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p cuesta-engine --release --lib pair_loom
//! ```

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::{sync::Arc, thread};

use super::Pair;

/// Commits in a memtable, one bit each. `Relaxed`: whatever order there is comes from the pair.
struct Memtable(AtomicU64);

impl Memtable {
    fn new() -> Arc<Memtable> {
        Arc::new(Memtable(AtomicU64::new(0)))
    }

    fn apply(&self, commit: u64) {
        let held = self.0.load(Ordering::Relaxed);
        self.0.store(held | 1 << commit, Ordering::Relaxed);
    }
}

/// For each of two indexes the commits in segments and the memtables.
struct Listing([(u64, Vec<Arc<Memtable>>); 2]);

impl Listing {
    fn assert_shows(&self, number: u64) {
        let up_to = (2 << number) - 1;
        for (segments, memtables) in &self.0 {
            let held = memtables
                .iter()
                .fold(0, |held, memtable| held | memtable.0.load(Ordering::Relaxed));
            // Bit 0 is no commit.
            assert_eq!(segments | held & up_to, up_to - 1, "a view at {number} is mixed");
        }
    }
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Two commits, a rotation of the first index between them, and the flush of what it froze; next to
/// `reader`.
fn beside_a_writer(reader: fn(&Pair<Listing>)) {
    explore(move || {
        let (frozen, active, other) = (Memtable::new(), Memtable::new(), Memtable::new());
        let first = Listing([(0, vec![frozen.clone()]), (0, vec![other.clone()])]);
        let pair = Arc::new(Pair::new(first, 0));
        let reading = {
            let pair = pair.clone();
            thread::spawn(move || reader(&pair))
        };
        frozen.apply(1);
        other.apply(1);
        let memtables = vec![frozen, active.clone()];
        pair.seal_and_replace(1, Listing([(0, memtables), (0, vec![other.clone()])]));
        pair.publish(1);
        active.apply(2);
        other.apply(2);
        pair.publish(2);
        pair.replace(Listing([(1 << 1, vec![active]), (0, vec![other])]));
        reading.join().unwrap();
    });
}

#[test]
fn a_read_beside_a_rotation_is_never_mixed() {
    beside_a_writer(|pair| pair.read(|listing, number| listing.assert_shows(number)));
}

#[test]
fn what_is_loaded_beside_a_rotation_stays_unmixed() {
    beside_a_writer(|pair| {
        let (listing, number) = pair.load();
        listing.value.assert_shows(number);
        let (_, later) = pair.load();
        assert!(later >= number, "a later view is older");
        listing.value.assert_shows(number);
    });
}

/// Two commits at once, one of which is in a segment of the next version.
#[test]
fn what_is_passed_over_is_never_mixed() {
    explore(|| {
        let old = || (0, vec![Memtable::new()]);
        let pair = Arc::new(Pair::new(Listing([old(), old()]), 0));
        let reading = {
            let pair = pair.clone();
            thread::spawn(move || pair.read(Listing::assert_shows))
        };
        let other = Memtable::new();
        other.apply(1);
        other.apply(2);
        pair.pass_over(0, 2, Listing([(1 << 1 | 1 << 2, Vec::new()), (0, vec![other])]));
        reading.join().unwrap();
    });
}

#[test]
fn a_name_comes_with_its_commit() {
    explore(|| {
        let pair = Arc::new(Pair::new(false, 1));
        let reading = {
            let pair = pair.clone();
            thread::spawn(move || pair.read(|named, number| assert_eq!(*named, number >= 2)))
        };
        pair.publish_and_replace(2, true);
        pair.publish(3);
        reading.join().unwrap();
    });
}
