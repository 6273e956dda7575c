//! The step machine of one commit.

use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::budget::{Charge, Part};
use crate::commit::sync::{SyncTo, outcome_unknown};
use crate::commit::validate::{Claim, Effects};
use crate::commit::{Ingesting, append, validate};
use crate::error::{Error, Result};
use crate::format::crc32;
use crate::id::{IndexId, LogPos, SeqNo};
use crate::locks::Holder;
use crate::log::RECORD_HEADER_BYTES;
use crate::options::Durability;
use crate::oracle::Reads;
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::stats::Stats;
use crate::version::CatalogOp;

/// What a step machine wants next.
#[derive(Debug)]
pub enum Step<T> {
    /// To go on at once.
    Again,
    /// To go on when [`Parts::moved`] has moved past this epoch.
    Wait(u64),
    /// To go on after this time.
    Sleep(Duration),
    /// Nothing: this is the result.
    Done(T),
}

/// Drives a machine on the caller's thread until it has a result.
pub fn drive<T>(parts: &Parts, mut step: impl FnMut() -> Step<T>) -> T {
    loop {
        match step() {
            Step::Again => {}
            Step::Wait(seen) => parts.env.wait(&parts.moved, seen, None),
            Step::Sleep(time) => {
                parts.env.wait(&parts.never, parts.never.epoch(), Some(time));
            }
            Step::Done(result) => return result,
        }
    }
}

/// A batch on its way into the database.
pub struct Commit {
    pub(super) parts: Arc<Parts>,
    pub(super) durability: Durability,
    /// Record as it will lie in the log, its header still empty.
    pub(super) record: Vec<u8>,
    pub(super) body_crc: u32,
    /// Where in the record the operations of each index lie.
    pub(super) ops: Vec<(IndexId, std::ops::Range<usize>)>,
    /// What it writes, as far as somebody wants to know.
    pub(super) effects: Effects,
    /// What must not have been written by others, and since when.
    pub(super) claims: Reads,
    /// Segments that it makes part of the database, in the place of operations.
    pub(super) ingesting: Option<Ingesting>,
    /// The time that it is committed at again; `None` is the present.
    pub(super) again_ms: Option<u64>,
    /// Locks to be let go when it is published, or given up.
    pub(super) holder: Option<Holder>,
    began: Duration,
    state: State,
    /// Memory of a large record.
    _charge: Option<Charge>,
}

enum State {
    Admit(Admission),
    Validate,
    Append,
    Sync(SyncTo, SeqNo),
    Published(SeqNo),
}

impl Commit {
    /// Prepares a batch: its operations are checked, normalised and encoded. Nothing is visible
    /// or durable before the machine is done.
    ///
    /// # Errors
    /// `Invalid` for wrong operations or a database opened for reading, `NotFound` for a dropped
    /// index, `Full` for a batch that exceeds the budget.
    pub fn new(parts: Arc<Parts>, batch: Batch, durability: Durability) -> Result<Commit> {
        Commit::claiming(parts, batch, durability, Claim::default())
    }

    /// As [`Commit::new`], of a batch that depends on what a claim says; unless that holds when the
    /// commit gets its place in the order, it ends with `Conflict` and nothing is committed.
    ///
    /// # Errors
    /// As there.
    pub fn claiming(
        parts: Arc<Parts>,
        mut batch: Batch,
        durability: Durability,
        claim: Claim,
    ) -> Result<Commit> {
        parts.check_writable()?;
        if batch.parts().iter().any(|(id, _)| *id == IndexId::CATALOG) {
            return Err(Error::invalid(
                "the catalog is changed by creating, renaming and dropping indexes, not by batches",
            ));
        }
        let effects =
            parts.versions.read(|version, _| validate::prepare(&parts, version, &mut batch))?;
        let claims = validate::reads_of(claim, effects.writes.as_deref());
        Commit::of_prepared(parts, &batch, durability, effects, claims)
    }

    /// Lets locks go when the commit is published, or when it has failed.
    pub(crate) fn keep_locks(&mut self, holder: Holder) {
        self.holder = Some(holder);
    }

    /// Gives it the time at which it was committed to another database.
    pub(crate) fn again_at(mut self, clock_ms: u64) -> Commit {
        self.again_ms = Some(clock_ms);
        self
    }

    /// A change of the catalog, which the caller has tried on the present one.
    pub(crate) fn of_catalog(parts: Arc<Parts>, op: &CatalogOp) -> Result<Commit> {
        parts.check_writable()?;
        let mut batch = Batch::new();
        batch.part(IndexId::CATALOG).extend_from_slice(&op.encode());
        let effects = Effects { writes: Some(Vec::new()), ..Effects::default() };
        Commit::of_prepared(parts, &batch, Durability::Sync, effects, Reads::default())
    }

    /// A commit that makes segments, which `batch` names, part of the database.
    pub(crate) fn of_segments(
        parts: Arc<Parts>,
        batch: &Batch,
        ingesting: Ingesting,
    ) -> Result<Commit> {
        parts.check_writable()?;
        let effects = validate::of_segments(&parts, ingesting.given());
        let (durability, claims) = (Durability::Sync, Reads::default());
        let mut commit = Commit::of_prepared(parts, batch, durability, effects, claims)?;
        commit.ingesting = Some(ingesting);
        Ok(commit)
    }

    fn of_prepared(
        parts: Arc<Parts>,
        batch: &Batch,
        durability: Durability,
        effects: Effects,
        claims: Reads,
    ) -> Result<Commit> {
        let len = batch.encoded_len();
        parts.options.check_batch(len)?;
        let charge = charge(&parts, len as u64)?;
        let mut record = Vec::with_capacity(RECORD_HEADER_BYTES + len);
        record.resize(RECORD_HEADER_BYTES, 0);
        let ops = batch.encode(&mut record);
        let body_crc = crc32(&record[RECORD_HEADER_BYTES..]);
        let began = parts.env.now();
        let state = State::Admit(Admission { since: began, bytes: record.len(), slowed: None });
        Ok(Commit {
            parts,
            durability,
            record,
            body_crc,
            ops,
            effects,
            claims,
            ingesting: None,
            again_ms: None,
            holder: None,
            began,
            state,
            _charge: charge,
        })
    }

    /// Goes on. The result is the commit's place in the order.
    ///
    /// Results of kind `Poisoned` mean that the outcome is unknown; all others that nothing was
    /// committed.
    pub fn step(&mut self) -> Step<Result<SeqNo>> {
        match &mut self.state {
            State::Admit(admission) => match admission.step(&self.parts) {
                Step::Done(Ok(())) => {
                    let claims = !self.claims.is_empty();
                    self.state = if claims { State::Validate } else { State::Append };
                    Step::Again
                }
                Step::Done(Err(error)) => Step::Done(Err(error)),
                Step::Again => Step::Again,
                Step::Wait(seen) => Step::Wait(seen),
                Step::Sleep(time) => Step::Sleep(time),
            },
            State::Validate => match validate::advance(&self.parts, &mut self.claims) {
                Ok(done) => {
                    if done {
                        self.state = State::Append;
                    }
                    Step::Again
                }
                Err(error) => Step::Done(Err(error)),
            },
            State::Append => match append::append(self) {
                Ok((seq, end)) => self.appended(seq, end),
                Err(error) => Step::Done(Err(error)),
            },
            State::Sync(sync, seq) => match sync.step() {
                Step::Done(Ok(())) => {
                    self.state = State::Published(*seq);
                    Step::Again
                }
                Step::Done(Err(error)) => Step::Done(Err(error)),
                Step::Again => Step::Again,
                Step::Wait(seen) => Step::Wait(seen),
                Step::Sleep(time) => Step::Sleep(time),
            },
            State::Published(seq) => {
                let seq = *seq;
                self.published(seq)
            }
        }
    }

    pub(super) fn changes_catalog(&self) -> bool {
        self.ops.iter().any(|(id, _)| *id == IndexId::CATALOG)
    }

    /// Its place in the log, once it is there.
    pub(super) fn place(&self) -> Option<SeqNo> {
        match self.state {
            State::Sync(_, seq) | State::Published(seq) => Some(seq),
            State::Admit(_) | State::Validate | State::Append => None,
        }
    }

    /// Its place in the log, once it is there and not yet published.
    fn unpublished(&self) -> Option<SeqNo> {
        self.place().filter(|seq| self.parts.published() < *seq)
    }

    fn appended(&mut self, seq: SeqNo, end: LogPos) -> Step<Result<SeqNo>> {
        let durable = self.durability == Durability::Sync;
        if durable && !planted::is(Bug::EarlyAcknowledgement) {
            self.state = State::Sync(SyncTo::new(self.parts.clone(), end), seq);
            return Step::Again;
        }
        self.state = State::Published(seq);
        self.published(seq)
    }

    fn published(&mut self, seq: SeqNo) -> Step<Result<SeqNo>> {
        let seen = self.parts.moved.epoch();
        if self.parts.published() >= seq {
            let took = self.parts.env.now().saturating_sub(self.began);
            self.parts.stats.commit_time.record(took);
            return Step::Done(Ok(seq));
        }
        if self.parts.tail().is_poisoned() {
            return Step::Done(Err(outcome_unknown()));
        }
        Step::Wait(seen)
    }
}

impl Drop for Commit {
    /// What is in the log is a commit, even when its committer goes away: the syncer then sees to
    /// it, so that those behind it do not wait in vain.
    fn drop(&mut self) {
        let Some(seq) = self.unpublished() else { return };
        let mut tail = self.parts.tail();
        let pending = tail.pending.iter().find(|pending| pending.seq == seq);
        if let Some(end) = pending.and_then(|pending| pending.durable_at) {
            tail.interval_end = tail.interval_end.max(end);
        }
        drop(tail);
        self.parts.syncer.notify();
    }
}

/// Records above this are charged to the budget; smaller ones cost less than counting them.
const CHARGED_BYTES_MIN: u64 = 64 << 10;

/// Memory for the record of a commit of `bytes`.
fn charge(parts: &Parts, bytes: u64) -> Result<Option<Charge>> {
    if bytes < CHARGED_BYTES_MIN {
        return Ok(None);
    }
    let charge = || Charge::new(&parts.services.budget, Part::Commits, bytes);
    charge()
        .or_else(|_| {
            // Views that are gone may have been counted last.
            parts.enforce_view_budget();
            charge()
        })
        .map(Some)
}

/// Holds a commit up while memory is full or merging is far behind. Waits only for work that the
/// engine can finish: when that fails, so does the commit.
struct Admission {
    since: Duration,
    /// Bytes of the commit.
    bytes: usize,
    /// Once it is held up: failures of background work until then.
    slowed: Option<u64>,
}

/// Time that a commit of `bytes` owes when background work is behind by `excess`, from 0 to 1: the
/// more it is behind, the slower, from no limit at all down to 10 MB/s.
fn slowdown(excess: f64, bytes: usize) -> Duration {
    Duration::from_secs_f64(excess.min(1.0).powi(2) * bytes as f64 * 1e-7)
}

impl Admission {
    fn step(&mut self, parts: &Parts) -> Step<Result<()>> {
        let seen = parts.moved.epoch();
        let limit = parts.options.write_buffer_bytes();
        let full = parts.services.budget.used(Part::Memtables) > limit;
        let full = full && append::relieve(parts) == append::Relief::Coming;
        let pressure = parts.pressure();
        if full || pressure >= 2.0 {
            let failed = self.slow(parts);
            if let Some(error) = parts.failure_since(failed) {
                return Step::Done(Err(error));
            }
            if let Err(error) = parts.tail().check() {
                return Step::Done(Err(error));
            }
            return Step::Wait(seen);
        }
        let filled = parts.services.budget.used(Part::Memtables) as f64 / limit as f64;
        let excess = (pressure - 1.0).max(4.0 * filled - 3.0);
        if excess > 0.0
            && self.slowed.is_none()
            && let Some(pause) = parts.owe(slowdown(excess, self.bytes))
        {
            self.slow(parts);
            return Step::Sleep(pause);
        }
        if self.slowed.is_some() {
            let waited = parts.env.now().saturating_sub(self.since);
            Stats::add(&parts.stats.stall_micros, waited.as_micros() as u64);
        }
        Step::Done(Ok(()))
    }

    fn slow(&mut self, parts: &Parts) -> u64 {
        *self.slowed.get_or_insert_with(|| {
            Stats::add(&parts.stats.stalls, 1);
            parts.retry()
        })
    }
}
