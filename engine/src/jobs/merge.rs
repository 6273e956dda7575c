//! Merges segments as index types plan it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::budget::{Charge, Part};
use crate::commit::freeze;
use crate::error::Result;
use crate::file::{FileOutput, Spread};
use crate::id::IndexId;
use crate::index::{Edit, ErasedState, MergePlan, Work};
use crate::jobs::{Installing, Progress, Task, install};
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::stats::Stats;

/// A merge of one index.
pub(super) struct Merge {
    parts: Arc<Parts>,
    id: IndexId,
    plan: MergePlan,
    /// The state that was planned from.
    then: Arc<dyn ErasedState>,
    began: Duration,
    out: Option<FileOutput>,
    work: Option<Box<dyn Work>>,
    edit: Option<Edit>,
    charge: Charge,
    /// Given back last: whoever waits for merges to end finds the files of the old state let go of.
    claim: Claim,
}

/// What a merge keeps from others.
struct Claim {
    parts: Arc<Parts>,
    id: IndexId,
    /// The number of the merge, for what it keeps busy.
    number: u64,
    /// Whether it has claimed to edit the index.
    editing: bool,
}

/// Reads what plans will look at, so that nobody waits for files while the control lock is held.
/// Once is enough until segments change; what the cache lets go of is read again when needed.
fn look_ahead(parts: &Parts) {
    let ahead = parts.versions.current();
    let edit = ahead.value.edit.0;
    if parts.looked_at.swap(edit, Ordering::Relaxed) != edit {
        ahead.value.states().for_each(|(_, state)| state.look_ahead());
    }
}

impl Merge {
    /// Claims the most urgent merge of all indexes.
    pub(super) fn claim(parts: &Arc<Parts>) -> Result<Option<Merge>> {
        let tail = parts.tail();
        if tail.is_poisoned() {
            return Ok(None);
        }
        // What merges take for expired, they take for it by this time or an earlier one.
        parts.services.clock.settle();
        drop(tail);
        look_ahead(parts);
        let mut control = parts.control();
        // Loaded under the lock: what is neither busy nor removed now is nobody else's.
        let current = parts.versions.current();
        let now = parts.env.now();
        control.failing.retain(|_, retry_at| *retry_at > now);
        let mut best: Option<(IndexId, MergePlan, bool, &Arc<dyn ErasedState>)> = None;
        let (mut held, settled_ms) = (Vec::new(), parts.services.clock.settled_ms());
        for (id, state) in current.value.states() {
            if control.end_compaction(id, &**state) {
                parts.moved.notify();
            }
            match control.plan(id, &**state) {
                // One damaged index must not keep the others from merging.
                Some(_) if control.failing.contains_key(&id) => {}
                Some((plan, compacts))
                    if best.as_ref().is_none_or(|(_, best, ..)| best.pressure < plan.pressure) =>
                {
                    best = Some((id, plan, compacts, state));
                }
                Some(_) => {}
                None => {
                    let due_ms = state.flush_due_ms(&control.busy_of(id));
                    let due_ms = due_ms.filter(|due_ms| *due_ms <= settled_ms);
                    held.extend(due_ms.map(|due_ms| (id, state.active_address(), due_ms)));
                }
            }
        }
        let Some((id, plan, compacts, then)) = best else {
            drop(control);
            // What an older view keeps in memory stays there, wherever else it is written.
            held.retain(|(_, address, due_ms)| !parts.pins.keep(*address, *due_ms));
            let held: Vec<IndexId> = held.into_iter().map(|(id, ..)| id).collect();
            freeze(parts, &held);
            return Ok(None);
        };
        if let Some(compaction) = control.compact.get_mut(&id) {
            compaction.was_last = compacts;
        }
        let number = control.next_merge;
        control.next_merge += 1;
        let busy = plan.inputs.iter().map(|input| (*input, number));
        control.busy.entry(id).or_default().extend(busy);
        control.merges += 1;
        let charge = Charge::must(&parts.services.budget, Part::Buffers, 0);
        Ok(Some(Merge {
            parts: parts.clone(),
            id,
            plan,
            then: then.segments_only(),
            began: now,
            out: None,
            work: None,
            edit: None,
            charge,
            claim: Claim { parts: parts.clone(), id, number, editing: false },
        }))
    }

    /// Claims to edit the index: no flush and no other merge installs meanwhile.
    fn claim_edit(&mut self) -> bool {
        if !self.claim.editing {
            self.claim.editing = self.parts.control().editing.insert(self.id);
        }
        self.claim.editing
    }

    fn install(&mut self) -> Result<()> {
        let (Some(out), Some(edit)) = (&mut self.out, self.edit.take()) else { return Ok(()) };
        let current = self.parts.versions.current();
        let Ok(now) = current.value.state(self.id) else {
            // Dropped meanwhile.
            self.give_up();
            return Ok(());
        };
        let edit = match planted::is(Bug::MissingCatchUp) {
            true => edit,
            false => now.catch_up(edit, &self.plan.inputs, &*self.then, out)?,
        };
        let bytes = out.bytes();
        let id = self.id;
        let took = self.parts.env.now().saturating_sub(self.began);
        let read = if bytes == 0 { 0 } else { self.plan.bytes };
        let installing =
            vec![Installing { id, edit, flushed: 0, up_to: None, heirs: self.plan.heirs }];
        install(&self.parts, installing, out, |stats| {
            stats.merge_time.record(took);
            Stats::add(&stats.merges, 1);
            Stats::add(&stats.merge_bytes, bytes);
            Stats::add(&stats.merge_read_bytes, read);
        })?;
        self.out = None;
        tracing::debug!(index = %id, inputs = self.plan.inputs.len(), bytes, ?took, "merged");
        Ok(())
    }
}

impl Task for Merge {
    fn step(&mut self) -> Result<Progress> {
        if self.edit.is_some() {
            let seen = self.parts.moved.epoch();
            if !self.claim_edit() {
                return Ok(Progress::Wait(seen));
            }
            self.install()?;
            return Ok(Progress::Done);
        }
        let out = self.out.get_or_insert_with(|| super::output(&self.parts, Spread::Apart));
        let work = match &mut self.work {
            Some(work) => work,
            None => self.work.insert(self.then.merge(&self.plan)?),
        };
        if let Some(edit) = work.step(out)? {
            self.edit = Some(edit);
            self.work = None;
        }
        self.charge.set(self.work.as_ref().map_or(0, |work| work.memory() as u64));
        Ok(Progress::Again)
    }

    fn give_up(&mut self) {
        let retry_at = self.parts.env.now() + Duration::from_secs(1);
        self.parts.control().failing.insert(self.id, retry_at);
        if let Some(out) = self.out.take() {
            super::abandon(&self.parts, out);
        }
    }

    fn is_merge(&self) -> bool {
        true
    }

    fn bytes(&self) -> u64 {
        self.out.as_ref().map_or(0, FileOutput::bytes)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut control = self.parts.control();
        if self.editing {
            control.editing.remove(&self.id);
        }
        control.release(self.id, self.number);
        control.merges -= 1;
    }
}
