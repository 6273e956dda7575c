//! What must have survived a crash at each disk operation, and what cannot have.
//!
//! | acknowledged                        | survives a killed process | survives power loss |
//! | ---                                 | --- | --- |
//! | a commit of durability `Sync`       | at once | at once |
//! | a commit of durability `Interval`   | at once | when the interval is over and jobs ran |
//! | a commit of durability `Buffered`   | at once | with the next that does |
//! | a commit of durability `None`       | with the next that does | with the next that does |
//! | `sync`, `flush`, `compact`, `close` | all before | all before |
//! | a change of the catalog             | at once | at once |
//!
//! A sync that fails may take what would have survived a killed process.
//! Whatever survives takes everything before it along. A commit whose record was not yet handed to
//! the log cannot be there.

use cuesta_engine::env::sim::Crash;
use cuesta_engine::{Durability, SeqNo};

/// At which disk operation which commit was issued or became durable; each ascending.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// All before it was there when the disk was found.
    base: SeqNo,
    /// Operations before each commit was appended.
    issued: Vec<(u64, SeqNo)>,
    kill: Vec<(u64, SeqNo)>,
    power: Vec<(u64, SeqNo)>,
    /// The first operation that was a sync and failed.
    failed_sync: Option<u64>,
}

impl Claims {
    /// For a disk that held everything up to `base` durably when it was found.
    pub fn since(base: SeqNo) -> Claims {
        Claims { base, ..Claims::default() }
    }

    /// A commit is about to be written; `ops` operations came before.
    pub fn issued(&mut self, ops: u64, seq: SeqNo) {
        self.issued.push((ops, seq));
    }

    /// A commit was acknowledged after `ops` operations.
    pub fn acknowledged(&mut self, ops: u64, seq: SeqNo, durability: Durability) {
        match durability {
            Durability::Sync => self.durable(ops, seq),
            Durability::Interval | Durability::Buffered => claim(&mut self.kill, ops, seq),
            Durability::None => {}
        }
    }

    /// Everything up to `seq` was said to be durable after `ops` operations.
    pub fn durable(&mut self, ops: u64, seq: SeqNo) {
        claim(&mut self.kill, ops, seq);
        claim(&mut self.power, ops, seq);
    }

    /// A sync failed as operation `op`: what was not durable may be gone from memory, too.
    pub fn sync_failed(&mut self, op: u64) {
        self.failed_sync.get_or_insert(op);
    }

    /// All after `seq` is lost, none of which was promised.
    pub fn truncate(&mut self, seq: SeqNo) {
        self.issued.retain(|(_, issued)| *issued <= seq);
    }

    /// The least and the last commit that an image may end with.
    pub fn bounds(&self, op: u64, mode: Crash) -> (SeqNo, SeqNo) {
        let is_kill = mode == Crash::KeepAll && self.failed_sync.is_none_or(|failed| op < failed);
        let claims = if is_kill { &self.kill } else { &self.power };
        let least = last_at(claims, |ops| ops <= op);
        let last = last_at(&self.issued, |ops| ops < op);
        (least.unwrap_or(self.base), last.unwrap_or(self.base))
    }
}

fn claim(claims: &mut Vec<(u64, SeqNo)>, ops: u64, seq: SeqNo) {
    if claims.last().is_none_or(|(_, last)| *last < seq) {
        claims.push((ops, seq));
    }
}

fn last_at(claims: &[(u64, SeqNo)], is_before: impl Fn(u64) -> bool) -> Option<SeqNo> {
    let count = claims.partition_point(|(ops, _)| is_before(*ops));
    Some(claims.get(count.checked_sub(1)?)?.1)
}
