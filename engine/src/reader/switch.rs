//! From what the manifest said before to what it says now.
//!
//! Not for: commits that are applied to what there is (see `reader`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Following;
use super::open::{Limit, Read, read_from, settle};
use super::world::{Making, World};
use crate::budget::Part;
use crate::error::Result;
use crate::id::{IndexId, LogNo, SeqNo};
use crate::index::ErasedState;
use crate::log::{Cursor, find_kept, find_logs};
use crate::manifest::{self, Recovered};
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::readers::{Shown, Table};
use crate::recovery::Tools;
use crate::stats::Stats;
use crate::tail::{IndexWriter, Tail};
use crate::version::Version;

/// How long reading anew waits for a writer to recover, while nobody else of this process may look;
/// it is tried again at the next look.
const PATIENCE: Duration = Duration::from_millis(100);

/// An index whose segments change.
struct Change {
    id: IndexId,
    /// Frozen memtables that are in segments now.
    flushed: usize,
    state: Arc<dyn ErasedState>,
}

impl Following {
    /// Goes over to what `next` says: all that was flushed by then has been applied.
    pub(super) fn switch(&mut self, parts: &Parts, next: Recovered) -> Result<()> {
        let state = &next.state;
        let now = parts.published();
        let current = parts.versions.current();
        let mut tail = parts.tail();
        let (mut changed, mut anew) = (Vec::new(), BTreeMap::new());
        for (id, old) in current.value.states() {
            let record = state.index(id);
            let flushed = record.map(|record| record.flushed).unwrap_or_default();
            crate::ensure_sound!(
                flushed <= now,
                "index {id} is flushed up to commit {flushed}, but commit {now} is the last"
            );
            let listed = record.map(|record| record.listed()).unwrap_or_default();
            let (come, gone) = old.changed(&listed);
            let Some(writer) = tail.writer(id) else { continue };
            let in_segments = |frozen: &&crate::tail::Frozen| frozen.last <= flushed;
            let frozen = writer.frozen.iter().take_while(in_segments).count();
            let left = writer.frozen.get(frozen).map(|frozen| frozen.first).or(writer.first);
            let is_cut = left.is_some_and(|left| left <= flushed);
            if is_cut && !planted::is(Bug::FlushedKeptByReader) {
                let (fresh, state) = old.with_segments(&listed, &*parts.files)?;
                let mut fresh = IndexWriter::new(id, fresh);
                fresh.unlisted = writer.unlisted;
                anew.insert(id, Making::new(fresh, state, flushed));
            } else if frozen > 0 || !come.is_empty() || !gone.is_empty() {
                let opened = old.open(&come, &*parts.files)?;
                let state = old.installed(frozen, &gone, &opened)?;
                changed.push(Change { id, flushed: frozen, state });
            }
        }
        drop(tail);
        let made = read_again(parts, &next, anew, now)?;
        let mut tail = parts.tail();
        let mut version = current.value.at(state.edit());
        for Change { id, flushed, state } in changed {
            version = version.with(id, Some(state));
            if let Some(writer) = tail.writer(id) {
                for frozen in writer.frozen.drain(..flushed) {
                    parts.services.budget.sub(Part::Memtables, frozen.bytes);
                }
            }
        }
        for (id, making) in made {
            version = version.with(id, Some(making.state));
            if let Some(writer) = tail.writer(id) {
                forget_memory(parts, &std::mem::replace(writer, making.writer));
                take_memory(parts, writer);
            }
        }
        self.install(parts, &mut tail, next, version, (now, now));
        Ok(())
    }

    fn install(
        &mut self,
        parts: &Parts,
        tail: &mut Tail,
        next: Recovered,
        version: Version,
        (before, now): (SeqNo, SeqNo),
    ) {
        let listed = next.state.catalog_flushed();
        tail.unlisted.retain(|seq| *seq > listed);
        for writer in &mut tail.writers {
            writer.unlisted = writer.unlisted.filter(|seq| *seq > listed);
        }
        let wall_ms = next.state.wall_ms();
        if before == now {
            parts.services.clock.reach(wall_ms);
        }
        self.manifest = next;
        parts.versions.pass_over(before.0, now.0, version);
        // What is passed over may have renewed in time what would expire by then.
        parts.services.clock.reach(wall_ms);
        for writer in &mut tail.writers {
            count(parts, writer);
        }
        if let Ok(logs) = find_logs(parts.env.vfs(), &parts.dir) {
            tail.log.forget_before(logs.first().copied().unwrap_or(LogNo(0)));
        }
        let lost = parts.feeds.lose_before(tail.log.first_commit());
        Stats::add(&parts.stats.feeds_lost, lost);
        // Whoever writes removes files.
        drop(parts.files.take_released());
        parts.update_pressure();
        parts.enforce_view_budget();
    }

    /// Reads everything anew, and goes on from there.
    pub(super) fn rebuild(&mut self, parts: &Parts, table: &Table) -> Result<()> {
        let (vfs, tools) = (parts.env.vfs(), Tools::of(parts));
        let (read, writer, alone_ms) = settle(&*parts.env, &parts.dir, table, PATIENCE, |limit| {
            let manifest = manifest::recover(vfs, &parts.dir, self.manifest.uuid)?;
            let world = World::of_manifest(tools, &manifest.state)?;
            read_from(world, vfs, &parts.dir, manifest, limit)
        })?;
        self.writer = writer;
        self.go_to(parts, read)?;
        parts.services.clock.reach(alone_ms);
        Ok(())
    }

    /// Passes over commits that are in segments of `next` already, if there are any: goes on with
    /// what `next` and the log behind it say, up to what is shown. Whether it did.
    pub(super) fn jump(&mut self, parts: &Parts, next: &Recovered, shown: Shown) -> Result<bool> {
        let done = self.log.done();
        let flushed = next.state.indexes().values().map(|index| index.flushed).max();
        // Who watches ranges is told what was written in each of them.
        if flushed.is_none_or(|flushed| flushed <= done) || parts.watchers.has_ranges() {
            return Ok(false);
        }
        let current = parts.versions.current();
        let world = World::beside(Tools::of(parts), &next.state, &current.value)?;
        let limit = Limit::Shown(Shown { edit: next.state.edit(), ..shown });
        let read = read_from(world, parts.env.vfs(), &parts.dir, next.clone(), limit)?;
        self.go_to(parts, read)?;
        Ok(true)
    }

    /// Goes over to what was read out of sight.
    fn go_to(&mut self, parts: &Parts, read: Read) -> Result<()> {
        let Read { made, manifest, log, found } = read;
        let before = parts.published();
        crate::ensure_sound!(
            found.last_seq >= before,
            "the log ends with commit {}, but commit {before} was read before",
            found.last_seq
        );
        let (next_index, unlisted) = (made.next_index, made.unlisted.clone());
        let mut tail = parts.tail();
        let empty = parts.versions.current().value.empty_at(manifest.state.edit());
        let (version, writers) = made.into_version(empty);
        for writer in std::mem::replace(&mut tail.writers, writers) {
            forget_memory(parts, &writer);
        }
        tail.writers.iter().for_each(|writer| take_memory(parts, writer));
        (tail.next_index, tail.unlisted) = (next_index, unlisted);
        if let Some((first, _)) = found.segments.first()
            && tail.log.newest().is_some_and(|newest| newest.next() < first.number)
        {
            tail.log.forget_before(first.number);
            tail.log.adopt(find_kept(parts.env.vfs(), &parts.dir, first));
        }
        for (segment, end) in &found.segments {
            tail.log.note_followed(segment, found.last_seq, *end, found.clock_ms);
        }
        self.log = log;
        self.install(parts, &mut tail, manifest, version, (before, found.last_seq));
        // What lies between was not noted for anybody who watches.
        parts.watchers.note_all(found.last_seq);
        parts.services.clock.reach(found.clock_ms);
        parts.publish_up_to(&tail, found.last_seq);
        Ok(())
    }
}

/// Makes memtables anew, of what the log has behind what is flushed.
fn read_again(
    parts: &Parts,
    next: &Recovered,
    anew: BTreeMap<IndexId, Making>,
    last: SeqNo,
) -> Result<BTreeMap<IndexId, Making>> {
    if anew.is_empty() {
        return Ok(anew);
    }
    let vfs = parts.env.vfs();
    let mut log = Cursor::open(vfs, &parts.dir, &next.uuid.0, next.state.log_start())?;
    let mut world = World::of_indexes(Tools::of(parts), anew);
    while let Some((_, record)) = log.next(vfs, last)? {
        world.apply(&record)?;
    }
    let done = log.done();
    crate::ensure_sound!(
        done >= last,
        "the log ends with commit {done}, but commit {last} was read before"
    );
    Ok(world.finish()?.indexes)
}

/// Counts what the memtables of an index take that were made out of sight.
pub(super) fn count(parts: &Parts, writer: &mut IndexWriter) {
    let bytes = parts
        .versions
        .read(|version, _| version.state(writer.id).map_or(0, |state| state.active_bytes() as u64));
    parts.count_memory(writer, bytes);
}

/// Counts frozen memtables that were made out of sight.
pub(super) fn take_memory(parts: &Parts, writer: &IndexWriter) {
    let frozen: u64 = writer.frozen.iter().map(|frozen| frozen.bytes).sum();
    parts.services.budget.add(Part::Memtables, frozen);
}

fn forget_memory(parts: &Parts, writer: &IndexWriter) {
    let frozen: u64 = writer.frozen.iter().map(|frozen| frozen.bytes).sum();
    parts.services.budget.sub(Part::Memtables, writer.bytes + frozen);
}
