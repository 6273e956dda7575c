//! A memtable that is easy to believe: a map from keys to all their versions, behind a lock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cuesta_engine::index::{Horizon, Memtable, MemtableWriter};
use cuesta_engine::{LogPlace, SeqNo};

use super::{Changes, decode_ops};

/// Which versions of a key are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All.
    All,
    /// Those that some view may need: readers without a view may have to ask again.
    Needed,
}

/// The versions of one key, oldest first.
type Versions = Vec<(SeqNo, Option<Vec<u8>>)>;

/// The read half of a memtable.
#[derive(Debug, Default)]
pub struct Table {
    keys: RwLock<BTreeMap<Vec<u8>, Versions>>,
    bytes: AtomicUsize,
    newest: AtomicU64,
    pruned_to: AtomicU64,
}

impl Table {
    /// An empty memtable, as its two halves.
    pub fn new(keep: Keep) -> (TableWriter, Arc<Table>) {
        let table = Arc::new(Table::default());
        (TableWriter { table: table.clone(), keep }, table)
    }

    /// The newest operation of each key at commit `at`.
    pub fn changes(&self, at: SeqNo) -> Changes {
        let newest = |versions: &Versions| {
            let (_, value) = versions.iter().rev().find(|(seq, _)| *seq <= at)?;
            Some(value.clone())
        };
        let keys = self.read();
        keys.iter().filter_map(|(key, versions)| Some((key.clone(), newest(versions)?))).collect()
    }

    /// The last commit in it.
    pub fn newest(&self) -> SeqNo {
        SeqNo(self.newest.load(Ordering::SeqCst))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Vec<u8>, Versions>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Vec<u8>, Versions>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memtable for Table {
    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    fn logged_bytes(&self) -> u64 {
        0
    }

    fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    fn pruned_to(&self) -> SeqNo {
        SeqNo(self.pruned_to.load(Ordering::SeqCst))
    }
}

/// The write half of a memtable.
pub struct TableWriter {
    table: Arc<Table>,
    keep: Keep,
}

impl MemtableWriter for TableWriter {
    fn locate(&mut self, _: LogPlace) {}

    fn apply(&mut self, at: SeqNo, _clock_ms: u64, ops: &[u8], horizon: &Horizon<'_>) {
        let changes = match decode_ops(ops) {
            Ok(changes) => changes,
            Err(error) => panic!("operations that were not prepared reach a memtable: {error}"),
        };
        let table = &*self.table;
        let newest = table.newest();
        assert!(at > newest || newest.0 == 0, "commit {at} is applied after commit {newest}");
        let mut keys = table.write();
        let mut bytes = table.bytes.load(Ordering::SeqCst);
        for (key, value) in changes {
            let size = |value: &Option<Vec<u8>>| 24 + value.as_ref().map_or(0, Vec::len);
            bytes += size(&value);
            if !keys.contains_key(&key) {
                bytes += 48 + key.len();
            }
            let versions = keys.entry(key).or_default();
            versions.push((at, value));
            if self.keep == Keep::Needed {
                for (until, value) in prune(versions, horizon) {
                    table.pruned_to.fetch_max(until.0, Ordering::SeqCst);
                    bytes -= size(&value);
                }
            }
        }
        table.bytes.store(bytes, Ordering::SeqCst);
        table.newest.store(at.0, Ordering::SeqCst);
    }
}

/// Takes out the versions that neither living views nor views to come need. With each goes the
/// commit that it was good before.
fn prune(versions: &mut Versions, horizon: &Horizon<'_>) -> Versions {
    let mut gone = Versions::new();
    let mut at = 0;
    while let Some(next) = versions.get(at + 1).map(|(seq, _)| *seq) {
        let seq = versions[at].0;
        let seen = |pin: u64| (seq.0..next.0).contains(&pin);
        if next.0 > horizon.published || horizon.pins.iter().any(|pin| seen(*pin)) {
            at += 1;
        } else {
            gone.push((next, versions.remove(at).1));
        }
    }
    gone
}
