//! As much of an engine as an index type needs to live: it writes, rotates, flushes and merges.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use cuesta_engine::file::{Files, Output};
use cuesta_engine::index::{
    Aim, Edit, ErasedState, Horizon, Listed, MemtableWriter, MergePlan, Services, State, Work,
};
use cuesta_engine::stats::Stats;
use cuesta_engine::{EditNo, SegmentId, SeqNo};

use super::lsm::{Lsm, Options, Ordered, op};

/// Where files lie.
pub trait Store: Files {
    /// What a job writes to.
    fn output(&mut self) -> &mut dyn Output;
    /// The job is done, and its files can be opened.
    fn finish(&mut self);
}

/// An index in a store.
pub struct Driver<S, T = Lsm> {
    /// Its files.
    pub disk: S,
    /// Its present state.
    pub state: Arc<dyn ErasedState>,
    /// The latest commit.
    pub seq: u64,
    writer: Box<dyn MemtableWriter>,
    services: Services,
    options: Vec<u8>,
    segments: u64,
    edits: u64,
    busy: BTreeSet<SegmentId>,
    kind: PhantomData<T>,
}

/// A merge that was begun.
pub struct Running {
    plan: MergePlan,
    work: Box<dyn Work>,
    then: Arc<dyn ErasedState>,
}

/// Services with a cache of `cache_bytes`.
pub fn services(cache_bytes: u64, memtable_bytes: u64) -> Services {
    Services::alone(cache_bytes, memtable_bytes)
}

impl<S: Store> Driver<S> {
    /// An empty index.
    pub fn new(disk: S, options: &Options, services: Services) -> Driver<S> {
        Driver::of(disk, options.encode(), services)
    }

    /// The state with its type.
    pub fn lsm(&self) -> &State<Lsm> {
        self.typed()
    }
}

impl<S: Store, T: Ordered> Driver<S, T> {
    /// An empty index of some type.
    pub fn of(disk: S, options: Vec<u8>, services: Services) -> Driver<S, T> {
        let index = T::configure(&options, &services).unwrap();
        let (writer, state) = State::empty(index).unwrap();
        let (state, seq) = (Arc::new(state), 0);
        let (busy, kind) = (BTreeSet::new(), PhantomData);
        Driver { disk, state, seq, writer, services, options, segments: 0, edits: 0, busy, kind }
    }

    /// The state with its type.
    pub fn typed(&self) -> &State<T> {
        State::of(&*self.state).unwrap()
    }

    /// Commits puts (with a value) and deletes (without).
    pub fn write(&mut self, batch: &[(&[u8], Option<&[u8]>)]) {
        self.write_pruning(batch, &Horizon { published: 0, pins: &[] });
    }

    /// Commits, and lets go of versions that `horizon` shows to be unneeded.
    pub fn write_pruning(&mut self, batch: &[(&[u8], Option<&[u8]>)], horizon: &Horizon<'_>) {
        let mut ops = Vec::new();
        for (key, value) in batch {
            match value {
                Some(value) => op::put(&mut ops, key, value).unwrap(),
                None => op::delete(&mut ops, key).unwrap(),
            }
        }
        self.commit(ops, horizon);
    }

    /// Commits operations.
    pub fn commit(&mut self, mut ops: Vec<u8>, horizon: &Horizon<'_>) {
        self.state.prepare(&mut ops, None).unwrap();
        self.seq += 1;
        self.writer.apply(SeqNo(self.seq), 0, &ops, horizon);
    }

    /// What was counted.
    #[allow(dead_code, reason = "the benchmark does not need it")]
    pub fn stats(&self) -> &Stats {
        &self.services.stats
    }

    /// Freezes the memtable.
    pub fn rotate(&mut self) {
        (self.writer, self.state) = self.state.rotated();
    }

    /// Flushes the `count` oldest frozen memtables.
    pub fn flush(&mut self, count: usize) {
        let mut work = self.state.flush(count).unwrap();
        let edit = run(&mut *work, self.disk.output());
        self.disk.finish();
        self.install(count, edit);
    }

    fn install(&mut self, flushed: usize, edit: Edit) {
        self.edits += 1;
        let listed = |meta| {
            self.segments += 1;
            let id = SegmentId(self.segments);
            Listed { id, meta: Arc::new(meta), installed: EditNo(self.edits) }
        };
        let add: Vec<Listed> = edit.add.into_iter().map(listed).collect();
        let opened = self.state.open(&add, &self.disk).unwrap();
        self.state = self.state.installed(flushed, &edit.remove, &opened).unwrap();
    }

    /// Begins the next merge, if there is one.
    pub fn begin(&mut self, aim: Aim<'_>) -> Option<Running> {
        let plan = self.state.plan(&self.busy, aim)?;
        assert!(plan.inputs.iter().all(|id| self.busy.insert(*id)), "an input is busy");
        let work = self.state.merge(&plan).unwrap();
        Some(Running { plan, work, then: self.state.clone() })
    }

    /// Ends a merge.
    pub fn end(&mut self, mut running: Running) {
        let edit = run(&mut *running.work, self.disk.output());
        let Running { plan, then, .. } = running;
        let out = self.disk.output();
        let edit = self.state.catch_up(edit, &plan.inputs, &*then, out).unwrap();
        self.disk.finish();
        self.install(0, edit);
        plan.inputs.iter().for_each(|id| assert!(self.busy.remove(id)));
    }

    /// Entries that a merge reads.
    #[allow(dead_code, reason = "the benchmark needs it")]
    pub fn entries(&self, running: &Running) -> u64 {
        let inputs = &running.plan.inputs;
        let listed = self.state.listed();
        let inputs = listed.iter().filter(|listed| inputs.contains(&listed.id));
        inputs.map(|listed| listed.meta.entries).sum()
    }

    /// Merges until nothing is left to do; returns how often.
    pub fn merge_all(&mut self) -> usize {
        self.end_all(|driver| driver.begin(Aim::Steady))
    }

    /// Begins what is worth merging to have all in one level.
    pub fn begin_compacting(&mut self) -> Option<Running> {
        let all = self.state.listed().iter().map(|listed| listed.id).collect();
        self.begin(Aim::Compact(&all))
    }

    /// Merges everything down; how many merges that took.
    pub fn compact(&mut self) -> usize {
        self.end_all(Driver::begin_compacting)
    }

    fn end_all(&mut self, begin: impl Fn(&mut Driver<S, T>) -> Option<Running>) -> usize {
        let mut count = 0;
        while let Some(running) = begin(self) {
            self.end(running);
            count += 1;
            assert!(count < 100_000, "merging does not end");
        }
        count
    }

    /// Opens every segment anew, with an empty cache.
    pub fn reopen(&mut self) {
        let listed = self.state.listed();
        let ids: Vec<SegmentId> = listed.iter().map(|listed| listed.id).collect();
        self.services = services(self.services.cache.capacity(), self.services.memtable_bytes);
        let index = T::configure(&self.options, &self.services).unwrap();
        let state = State { index: Arc::new(index), ..self.typed().clone() };
        let opened = state.open(&listed, &self.disk).unwrap();
        self.state = state.installed(0, &ids, &opened).unwrap();
    }

    /// What verification says.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.state.verify(&self.disk, &mut |problem| problems.push(problem)).unwrap();
        problems
    }
}

/// Runs work to its end.
pub fn run(work: &mut dyn Work, disk: &mut dyn Output) -> Edit {
    loop {
        if let Some(edit) = work.step(disk).unwrap() {
            return edit;
        }
    }
}
