//! Writes frozen memtables as segments.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::{Charge, Part};
use crate::commit::{Step, SyncTo};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{FileOutput, Spread};
use crate::id::{IndexId, LogPos, SeqNo};
use crate::index::{Heirs, Work};
use crate::jobs::{Installing, Progress, Task, install, list_catalog};
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::stats::Stats;

/// Memtables up to this size go to a file shared with others.
const SMALL_BYTES: u64 = 1 << 20;

/// A flush of one index, or of several small ones into one file.
pub(super) struct Flush {
    parts: Arc<Parts>,
    indexes: Vec<Flushing>,
    began: Duration,
    out: Option<FileOutput>,
    state: State,
    claimed: Vec<IndexId>,
    charge: Charge,
}

struct Flushing {
    id: IndexId,
    count: usize,
    up_to: SeqNo,
    end: LogPos,
    bytes: u64,
    work: Option<Box<dyn Work>>,
    edit: Option<crate::index::Edit>,
}

enum State {
    Sync(SyncTo),
    Publish,
    Write,
    Install,
}

impl Flush {
    /// Claims what waits to be flushed.
    pub(super) fn claim(parts: &Arc<Parts>) -> Result<Option<Flush>> {
        list_what_waits(parts)?;
        let mut tail = parts.tail();
        if tail.is_poisoned() {
            return Ok(None);
        }
        let mut control = parts.control();
        let mut indexes: Vec<Flushing> = Vec::new();
        for writer in &mut tail.writers {
            let count = writer.flushed_together();
            let oldest = || writer.frozen.iter().take(count);
            let Some(last) = oldest().next_back() else { continue };
            if writer.unlisted.is_some() || control.editing.contains(&writer.id) {
                continue;
            }
            let bytes = oldest().map(|frozen| frozen.bytes).sum();
            let small = |flushing: &Flushing| flushing.bytes <= SMALL_BYTES;
            if indexes.first().is_some_and(|first| !small(first) || bytes > SMALL_BYTES) {
                continue;
            }
            indexes.push(Flushing {
                id: writer.id,
                count,
                up_to: last.last,
                end: last.end,
                bytes,
                work: None,
                edit: None,
            });
        }
        let Some(until) = indexes.iter().map(|index| index.end).max() else { return Ok(None) };
        let claimed: Vec<IndexId> = indexes.iter().map(|index| index.id).collect();
        control.editing.extend(claimed.iter().copied());
        control.flushes += 1;
        let sync = SyncTo::new(parts.clone(), until);
        let (parts, began) = (parts.clone(), parts.env.now());
        let charge = Charge::must(&parts.services.budget, Part::Buffers, 0);
        let state = State::Sync(sync);
        Ok(Some(Flush { parts, indexes, began, out: None, state, claimed, charge }))
    }

    /// What a crash would otherwise take from the log must not be in segments.
    fn is_published(&self) -> bool {
        let newest = self.indexes.iter().map(|index| index.up_to).max().unwrap_or_default();
        self.parts.published() >= newest || planted::is(Bug::FlushBeforePublish)
    }

    /// Two planted bugs: not to wait for the sync of what is published, or of what is not.
    fn skips_sync(&self) -> bool {
        let newest = self.indexes.iter().map(|index| index.up_to).max().unwrap_or_default();
        let is_early = self.parts.published() < newest;
        planted::is(Bug::FlushBeforeSync) || is_early && planted::is(Bug::FlushBeforePublish)
    }

    /// Completes the segment of the log that was ended when these memtables were frozen, so that
    /// what is in it can stay there.
    fn complete_log(&self) -> Result<()> {
        let mut tail = self.parts.tail();
        let completed = tail.log.complete_ended();
        if let Err(error) = &completed
            && error.kind() == ErrorKind::Poisoned
        {
            self.parts.poison(&mut tail, error);
        }
        completed
    }

    fn begin(&mut self) -> Result<()> {
        let parts = &self.parts;
        let current = parts.versions.current();
        // A dropped index needs no flush.
        self.indexes.retain(|index| current.value.state(index.id).is_ok());
        for index in &mut self.indexes {
            index.work = Some(current.value.state(index.id)?.flush(index.count)?);
        }
        let spread = if self.indexes.len() > 1 { Spread::Shared } else { Spread::Apart };
        self.out = Some(super::output(parts, spread));
        Ok(())
    }

    fn write(&mut self) -> Result<bool> {
        let Some(out) = &mut self.out else { return Ok(true) };
        for index in &mut self.indexes {
            if let Some(work) = &mut index.work {
                if let Some(edit) = work.step(out)? {
                    index.edit = Some(edit);
                    index.work = None;
                }
                self.charge.set(index.work.as_ref().map_or(0, |work| work.memory() as u64));
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn install(&mut self) -> Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let bytes = out.bytes();
        let off_by_one = u64::from(planted::is(Bug::WatermarkOffByOne));
        let installing = self.indexes.iter_mut().map(|index| Installing {
            id: index.id,
            edit: index.edit.take().unwrap_or_default(),
            flushed: index.count,
            up_to: Some(SeqNo(index.up_to.0 + off_by_one)),
            heirs: Heirs::Same,
        });
        let installing: Vec<Installing> = installing.collect();
        let took = self.parts.env.now().saturating_sub(self.began);
        if !installing.is_empty() {
            install(&self.parts, installing, out, |stats| {
                stats.flush_time.record(took);
                Stats::add(&stats.flushes, 1);
                Stats::add(&stats.flush_bytes, bytes);
            })?;
        }
        self.out = None;
        tracing::debug!(indexes = self.indexes.len(), bytes, ?took, "flushed");
        Ok(())
    }
}

/// Lists a change of the catalog that could not be listed when it was made: an index that the
/// manifest does not name cannot be flushed.
fn list_what_waits(parts: &Parts) -> Result<()> {
    let tail = parts.tail();
    let waits = !tail.unlisted.is_empty() && !tail.is_poisoned();
    drop(tail);
    if waits { list_catalog(parts) } else { Ok(()) }
}

/// Writes all frozen memtables on the caller's thread: for recovery, before there are workers.
///
/// # Errors
/// What flushing fails with.
pub(crate) fn flush_now(parts: &Arc<Parts>) -> Result<()> {
    while let Some(mut flush) = Flush::claim(parts)? {
        loop {
            match flush.step() {
                Ok(Progress::Again) => {}
                Ok(Progress::Done) => break,
                Ok(Progress::Wait(_)) => {
                    return Err(Error::internal("a flush in recovery waits for somebody else"));
                }
                Err(error) => {
                    flush.give_up();
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

impl Task for Flush {
    fn step(&mut self) -> Result<Progress> {
        let seen = self.parts.moved.epoch();
        let skips_sync = self.skips_sync();
        match &mut self.state {
            State::Sync(_) if skips_sync => self.state = State::Publish,
            State::Sync(sync) => match sync.step() {
                Step::Done(result) => {
                    result?;
                    self.state = State::Publish;
                }
                Step::Wait(seen) => return Ok(Progress::Wait(seen)),
                Step::Again | Step::Sleep(_) => {}
            },
            State::Publish => {
                if !self.is_published() {
                    self.parts.tail().check()?;
                    return Ok(Progress::Wait(seen));
                }
                self.complete_log()?;
                self.begin()?;
                self.state = State::Write;
            }
            State::Write => {
                if self.write()? {
                    self.state = State::Install;
                }
            }
            State::Install => {
                self.install()?;
                return Ok(Progress::Done);
            }
        }
        Ok(Progress::Again)
    }

    fn give_up(&mut self) {
        if let Some(out) = self.out.take() {
            super::abandon(&self.parts, out);
        }
    }

    fn is_merge(&self) -> bool {
        false
    }

    fn bytes(&self) -> u64 {
        self.out.as_ref().map_or(0, FileOutput::bytes)
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let mut control = self.parts.control();
        for id in &self.claimed {
            control.editing.remove(id);
        }
        control.flushes -= 1;
    }
}
