//! The newest part of an index: versions of keys in memory.
//!
//! A B-link tree whose kinds of versions are the kinds of operations, and beside it what range
//! deletes cover, once there are any. Memtables of one index learn from each other what their keys
//! start with, which makes searching them faster.
//!
//! An operand that comes to a key that this memtable knows is merged at once where that is cheap;
//! else it becomes a version that leans on the older one, and a chain of these is merged when it
//! outweighs what it leans on. So a counter costs the same however often it is added to, and a
//! long value is not copied for each small operand.
//!
//! Not for: merging what several memtables and segments say of a key.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cuesta_engine::blinktree::{self, Chain, LEANS, Tree};
use cuesta_engine::error::Result;
use cuesta_engine::index::{self, Horizon, MemtableWriter};
use cuesta_engine::{LogPlace, SeqNo};

use super::cover::{self, Cover, CoverWriter};
use super::gaps::Gaps;
use super::kind::Kind;
use super::op::{Op, Ops};
use super::operand::{Below, Pile, Rules};
use super::threshold::Threshold;

#[cfg(test)]
mod tests;

/// Keys in a memtable, at least, for something to be learnt from it.
const KEYS_LEARNT_FROM_MIN: usize = 1000;
/// Values and operands of so many bytes together are merged at once.
const MERGED_AT_ONCE_MAX: usize = 256;

/// Makes the memtables of one index.
#[derive(Debug, Default)]
pub struct Memtables {
    prefix: Arc<Prefix>,
    rules: Arc<Rules>,
    index: Arc<Lively>,
    threshold: Threshold,
}

/// What memtables and segments of one index let each other know.
#[derive(Debug, Default)]
struct Lively {
    /// Something that expires was written at some time.
    expiring: AtomicBool,
    /// Memtables with operands, by the clock of the first one.
    operands: Mutex<BTreeMap<u64, usize>>,
    /// Runs of keys without a value.
    gaps: Gaps,
}

impl Memtables {
    /// For an index with these rules, in which values of at least `threshold` are large.
    pub(crate) fn new(rules: Arc<Rules>, threshold: Threshold) -> Memtables {
        Memtables { rules, threshold, ..Memtables::default() }
    }

    /// An empty memtable, as its two halves.
    pub fn create(&self) -> (Writer, Arc<Memtable>) {
        let (tree, read) = blinktree::create_under(&self.prefix.get());
        let (index, first_operand) = (self.index.clone(), OnceLock::new());
        let large = Large::default();
        let memtable = Arc::new(Memtable {
            tree: read,
            cover: OnceLock::new(),
            large,
            index,
            first_operand,
            sealed: AtomicBool::new(false),
        });
        let writer = Writer {
            tree,
            cover: None,
            memtable: memtable.clone(),
            prefix: self.prefix.clone(),
            rules: self.rules.clone(),
            chains: HashMap::new(),
            threshold: self.threshold,
            place: None,
        };
        (writer, memtable)
    }

    /// Notes that a segment holds something that expires.
    pub(crate) fn note_expiring(&self) {
        self.index.expiring.store(true, Ordering::SeqCst);
    }

    /// The gaps of the index.
    pub(crate) fn gaps(&self) -> &Gaps {
        &self.index.gaps
    }

    /// What operands that are merged now may have below them.
    pub(crate) fn below(&self) -> Below {
        self.index.below()
    }

    /// The clock of the oldest operand in some memtable, of a view perhaps.
    pub(crate) fn oldest_operand_ms(&self) -> Option<u64> {
        self.index.look(|operands| operands.keys().next().copied())
    }

    /// As [`Memtables::oldest_operand_ms`], if `memtable` were not there.
    pub(crate) fn oldest_operand_but_of(&self, memtable: &Memtable) -> Option<u64> {
        let own = memtable.first_operand.get();
        let others = |(ms, count): &(&u64, &usize)| own != Some(*ms) || **count > 1;
        self.index.look(|operands| operands.iter().find(others).map(|(ms, _)| *ms))
    }
}

impl Lively {
    fn below(&self) -> Below {
        if self.expiring.load(Ordering::SeqCst) { Below::Expiring } else { Below::Lasting }
    }

    fn look<R>(&self, look: impl FnOnce(&mut BTreeMap<u64, usize>) -> R) -> R {
        look(&mut self.operands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where a large value lies in the log, and how long it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeValue {
    /// Where.
    pub place: LogPlace,
    /// Its bytes.
    pub len: u64,
}

/// Where in the log the large values of a memtable lie.
///
/// Beside the budget, and bounded: a value takes about a hundred bytes and its key here, and a
/// kilobyte or more in the log, by which memtables are full, too.
#[derive(Debug, Default)]
struct Large(Mutex<LargeValues>);

#[derive(Debug, Default)]
struct LargeValues {
    /// By key and commit.
    places: HashMap<(Box<[u8]>, u64), LargeValue>,
    bytes: u64,
}

impl Large {
    fn look<R>(&self, look: impl FnOnce(&mut LargeValues) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What all keys of full memtables so far start with; `None` before there was one.
#[derive(Debug, Default)]
struct Prefix(Mutex<Option<Arc<[u8]>>>);

impl Prefix {
    fn get(&self) -> Arc<[u8]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// Takes in a memtable that will not change any more.
    fn learn(&self, tree: &Arc<Tree>) {
        if tree.len() < KEYS_LEARNT_FROM_MIN {
            return;
        }
        let (mut first, mut last) = (tree.cursor(u64::MAX), tree.cursor(u64::MAX));
        first.seek_first();
        last.seek_last();
        let here = shared(first.key(), last.key());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = known.as_deref().map_or(here, |known| shared(known, here));
        if known.as_deref() != Some(prefix) {
            *known = Some(prefix.into());
        }
    }
}

/// What both start with.
fn shared<'a>(a: &'a [u8], b: &[u8]) -> &'a [u8] {
    let len = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    &a[..len]
}

/// The write half of a memtable.
#[derive(Debug)]
pub struct Writer {
    tree: blinktree::Writer,
    /// Made by the first range delete.
    cover: Option<CoverWriter>,
    memtable: Arc<Memtable>,
    prefix: Arc<Prefix>,
    rules: Arc<Rules>,
    /// Bytes of operands that may still be added to what leans on some version, by key. Beside the
    /// budget, and bounded: only keys of long values are here, which the tree counts.
    chains: HashMap<Box<[u8]>, usize>,
    threshold: Threshold,
    /// Where in the log the operations lie that come next.
    place: Option<LogPlace>,
}

impl Writer {
    #[cold]
    fn delete_ranges(&mut self, ranges: &[cover::Range<'_>], at: SeqNo, horizon: &Horizon<'_>) {
        let cover = self.cover.get_or_insert_with(|| {
            let (writer, cover) = cover::create();
            self.memtable.cover.get_or_init(|| cover);
            writer
        });
        cover.delete(ranges, at, horizon);
    }
}

impl MemtableWriter for Writer {
    fn locate(&mut self, place: LogPlace) {
        self.place = Some(place);
    }

    #[expect(clippy::expect_used, reason = "what cannot be read is refused when it is prepared")]
    fn apply(&mut self, at: SeqNo, clock_ms: u64, ops: &[u8], horizon: &Horizon<'_>) {
        let place = self.place.take();
        // Range deletes come first.
        let range = |op| match op {
            Ok(Op::DeleteRange { start, end }) => Some((start, end)),
            _ => None,
        };
        let ranges: Vec<cover::Range<'_>> = Ops::new(ops).map_while(range).collect();
        if !ranges.is_empty() {
            self.delete_ranges(&ranges, at, horizon);
        }
        for op in Ops::new(ops).skip(ranges.len()) {
            let op = op.expect("operations are prepared before applied");
            let (key, (kind, value)) = (op.key(), op.entry());
            match kind {
                Kind::Put if self.threshold.is_large(value) => {
                    if let Some(LogPlace { log, offset }) = place {
                        let inside = (value.as_ptr().addr() - ops.as_ptr().addr()) as u64;
                        let place = LogPlace { log, offset: offset + inside };
                        self.memtable.note_large(key, at.0, place, value.len() as u64);
                    }
                }
                Kind::Put | Kind::Delete | Kind::Blob => {}
                Kind::Expiring => self.memtable.index.expiring.store(true, Ordering::SeqCst),
                Kind::Merge => {
                    let merged = self.merge((at.0, clock_ms), key, value, horizon);
                    merged.expect("operands are prepared before applied");
                    continue;
                }
            }
            self.tree.insert(key, at.0, kind as u8, value, horizon);
        }
        let written = Ops::new(ops).filter_map(|op| match op {
            Ok(Op::Delete { .. } | Op::DeleteRange { .. }) | Err(_) => None,
            Ok(op) => Some(op.key()),
        });
        self.memtable.gaps().close(written);
    }
}

impl Writer {
    /// Applies operands, as the log has them.
    ///
    /// # Errors
    /// `Corrupt` for operands, or versions of this memtable, that make no sense.
    fn merge(
        &mut self,
        (at, clock_ms): (u64, u64),
        key: &[u8],
        operands: &[u8],
        horizon: &Horizon<'_>,
    ) -> Result<()> {
        self.memtable.note_operands(clock_ms);
        let tree = self.tree.tree().clone();
        let mut pile = Pile::of_logged(operands, clock_ms)?;
        let deleted = self.memtable.deleted(key, u64::MAX);
        let newest = tree.get(key, u64::MAX).map_or(0, |version| version.seq);
        if deleted > newest {
            // There is nothing below, here or anywhere, and what comes of it says so by itself.
            pile.add(Kind::Delete, &[])?;
            let (kind, value) = pile.into_entry(&self.rules, Below::Nothing);
            self.chains.remove(key);
            self.tree.insert(key, at, kind as u8, &value, horizon);
            return Ok(());
        }
        let Some(mut chain) = tree.chain(key, u64::MAX) else {
            self.tree.insert(key, at, Kind::Merge as u8, &pile.encode(), horizon);
            return Ok(());
        };
        let newest = chain.clone().next();
        let leans = newest.is_some_and(|newest| newest.kind & LEANS != 0);
        let weight = newest.map_or(0, |newest| newest.value.len());
        if leans || weight + operands.len() > MERGED_AT_ONCE_MAX {
            let left = match self.chains.get_mut(key).filter(|_| leans) {
                Some(left) => left,
                None => {
                    let left = self.chains.entry(key.into()).or_default();
                    *left = weight.max(MERGED_AT_ONCE_MAX);
                    left
                }
            };
            if let Some(less) = left.checked_sub(operands.len()) {
                *left = less;
                self.tree.insert(key, at, Kind::Merge as u8 | LEANS, &pile.encode(), horizon);
                return Ok(());
            }
            self.chains.remove(key);
        }
        add_chain(&mut pile, &mut chain)?;
        if pile.check_len().is_err() {
            // Too long for one entry: whoever reads the key, or flushes it, says so.
            let alone = Pile::of_logged(operands, clock_ms)?.encode();
            self.tree.insert(key, at, Kind::Merge as u8 | LEANS, &alone, horizon);
            return Ok(());
        }
        let (kind, value) = pile.into_entry(&self.rules, self.memtable.index.below());
        self.tree.insert(key, at, kind as u8, &value, horizon);
        Ok(())
    }
}

/// Adds what a memtable says of a key to what newer places say; whether that leaves nothing open.
///
/// # Errors
/// `Corrupt` for versions that make no sense.
pub(crate) fn add_chain<'t>(pile: &mut Pile<'t>, chain: &mut Chain<'t>) -> Result<bool> {
    for version in chain {
        let whole = pile.add(Kind::from_code(version.kind & !LEANS)?, version.value)?;
        if whole || version.kind & LEANS == 0 {
            return Ok(whole);
        }
    }
    Ok(false)
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.memtable.gaps().seal(&self.memtable.sealed);
        self.prefix.learn(self.tree.tree());
    }
}

/// The read half of a memtable.
#[derive(Debug)]
pub struct Memtable {
    tree: Arc<Tree>,
    cover: OnceLock<Cover>,
    large: Large,
    index: Arc<Lively>,
    /// The clock of its first operand, and so of its oldest.
    first_operand: OnceLock<u64>,
    /// Whether nothing is written here any more.
    sealed: AtomicBool,
}

impl Drop for Memtable {
    fn drop(&mut self) {
        let Some(clock_ms) = self.first_operand.get() else { return };
        self.index.look(|operands| {
            if let Some(memtables) = operands.get_mut(clock_ms) {
                *memtables -= 1;
                if *memtables == 0 {
                    operands.remove(clock_ms);
                }
            }
        });
    }
}

impl Memtable {
    /// The versions, each of the kind that its operation has in the log.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The gaps of the index.
    pub(crate) fn gaps(&self) -> &Gaps {
        &self.index.gaps
    }

    /// The clock of its oldest operand.
    pub(crate) fn oldest_operand_ms(&self) -> Option<u64> {
        self.first_operand.get().copied()
    }

    /// Whether nothing is written here any more; to be asked under the lock of the gaps.
    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Relaxed)
    }

    fn note_operands(&self, clock_ms: u64) {
        self.first_operand.get_or_init(|| {
            self.index.look(|operands| *operands.entry(clock_ms).or_default() += 1);
            clock_ms
        });
    }

    fn note_large(&self, key: &[u8], at: u64, place: LogPlace, len: u64) {
        self.large.look(|large| {
            large.bytes += len;
            large.places.insert((key.into(), at), LargeValue { place, len });
        });
    }

    /// Where in the log the large value lies that `key` was given by commit `at`.
    pub(crate) fn place(&self, key: &[u8], at: u64) -> Option<LogPlace> {
        self.large.look(|large| large.places.get(&(key.into(), at)).map(|value| value.place))
    }

    /// Keys with a large value that nothing later has replaced or deleted here.
    pub(crate) fn large(&self) -> Vec<(Box<[u8]>, LargeValue)> {
        let newest = |key: &[u8]| self.tree.get(key, u64::MAX).map(|version| version.seq);
        self.large.look(|large| {
            let places = large.places.iter();
            let current = places.filter(|((key, at), _)| {
                newest(key) == Some(*at) && self.deleted(key, u64::MAX) <= *at
            });
            current.map(|((key, _), value)| (key.clone(), *value)).collect()
        })
    }

    /// The newest commit up to `at` that deleted `key` within a range; 0 when there is none.
    #[inline]
    pub(crate) fn deleted(&self, key: &[u8], at: u64) -> u64 {
        self.cover().map_or(0, |cover| cover.newest(key, at))
    }

    /// What range deletes cover; `None`, at the cost of one load, while there are none.
    #[inline]
    pub(crate) fn cover(&self) -> Option<&Cover> {
        self.cover.get()
    }
}

impl index::Memtable for Memtable {
    fn bytes(&self) -> usize {
        self.tree.memory() + self.cover().map_or(0, Cover::bytes)
    }

    fn logged_bytes(&self) -> u64 {
        self.large.look(|large| large.bytes)
    }

    fn is_empty(&self) -> bool {
        self.tree.is_empty() && self.cover().is_none()
    }

    fn pruned_to(&self) -> SeqNo {
        let cover = self.cover().map_or(0, Cover::pruned_to);
        SeqNo(self.tree.pruned_to().max(cover))
    }
}
