//! The seam: what a kind of index must be able to do to live in the engine.
//!
//! It is about life, never about questions: an index type prepares operations, applies them to a
//! memtable, writes memtables as segments, opens and merges segments, and checks them. Questions
//! are methods of the concrete type, reached through a typed [`Handle`] on a view. There are no
//! optional methods and no capability flags.
//!
//! ```text
//!            prepare            apply              flush                merge
//! operation ────────► log ───────────► memtable ───────────► segments ◄──────► segments
//!                                          │ freeze             │ open, arrange, verify
//! ```
//!
//! Invariants:
//! 1. One thread at a time applies, in commit order; a memtable without a writer never changes.
//! 2. A segment is immutable and holds one version of each thing, all of it committed at or before
//!    the `newest` of its meta.
//! 3. Flush, catch-up and install of one index are serialised: what a flush saw as current is
//!    current when it is installed, but for inputs of merges installed meanwhile through catch-up.
//! 4. Only an [`Edit`] changes what is current.

mod erased;
mod holes;
mod meta;
mod registry;
mod salvage;
mod services;

pub use erased::{ErasedIngested, ErasedPrivate, ErasedState, Listed, Opened};
pub use holes::Holes;
pub use meta::{Blob, Edit, Heirs, MergePlan, SegmentMeta};
pub use registry::{IndexFactory, Registry};
pub use salvage::{KnownBy, Lost, Remnant, Salvage, Taken};
pub use services::Services;

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

pub use crate::blinktree::Horizon;
use crate::error::Result;
use crate::file::{Files, Output};
use crate::id::{EditNo, IndexId, LogPlace, SegmentId, SeqNo};

/// What the cost of a flush grows with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushCost {
    /// With the changes that it writes.
    Changes,
    /// With the pages that they touch, up to all there are: few large flushes cost less than many
    /// small ones.
    Pages,
}

/// A kind of index: its shape in memory, its shape in a file, and how files merge. A value is one
/// index with its options.
pub trait IndexType: Send + Sync + Sized + 'static {
    /// Name in the manifest; never reused for another kind.
    const NAME: &'static str;
    /// Newest segment format written; this one and older ones are read.
    const FORMAT: u16;
    /// What its operations are called: types with the same name for them can load what was prepared
    /// for each other.
    const OPERATIONS: &'static str = Self::NAME;
    /// What a flush costs, by which memtables grow.
    const FLUSH: FlushCost = FlushCost::Changes;

    /// Write half of a memtable. The engine owns the only one; dropping it freezes the memtable.
    type Writer: MemtableWriter;
    /// Read half, shared with views.
    type Memtable: Memtable;
    /// An open segment.
    type Segment: Send + Sync + 'static;
    /// What questions need to know of the current segments together, such as levels; made once
    /// per change of the segments, not once per question.
    type Layout: Send + Sync + 'static;

    /// An index with `options`, which are this type's own encoding, checked here.
    ///
    /// # Errors
    /// `Invalid` for options that make no sense, `Unsupported` for unknown ones.
    fn configure(options: &[u8], services: &Services) -> Result<Self>;

    /// Checks and normalises this index's operations of one batch before they are logged (range
    /// deletes first, then at most one operation per key), outside all locks. Preparing prepared
    /// operations changes nothing; replay calls it to check logged bytes. Where a footprint is
    /// wanted, everything that the operations write is added to it.
    ///
    /// # Errors
    /// `Invalid` names what is wrong with an operation; `Unsupported` names an unknown kind.
    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()>;

    /// An empty memtable, as its two halves.
    fn create(&self) -> (Self::Writer, Arc<Self::Memtable>);

    /// Opens a segment. Any bytes in its files: an error that says where, never a panic.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` or `Io`.
    fn open(&self, meta: &Arc<SegmentMeta>, files: &dyn Files) -> Result<Self::Segment>;

    /// Arranges all current segments for questions.
    ///
    /// # Errors
    /// `Corrupt` when they contradict each other.
    fn arrange(&self, current: &[Live<Self>]) -> Result<Self::Layout>;

    /// Starts writing frozen memtables (oldest first) as segments; the edit may replace current
    /// ones.
    ///
    /// # Errors
    /// What writing fails with.
    fn flush(
        &self,
        frozen: &[Arc<Self::Memtable>],
        current: &[Live<Self>],
    ) -> Result<Box<dyn Work>>;

    /// Starts to write segments out of operations that come in their order, to be ingested by one
    /// commit.
    ///
    /// # Errors
    /// `Unsupported` for an index type that cannot; what starting fails with.
    fn load(&self, current: &[Live<Self>]) -> Result<Box<dyn Load>>;

    /// Checks that segments, each of them sound, can be ingested by one commit; everything that
    /// they write is added to the footprint.
    ///
    /// # Errors
    /// `Invalid` says what does not fit; `Unsupported` for an index type that cannot.
    fn accept(&self, given: &[Live<Self>], footprint: &mut Footprint) -> Result<()>;

    /// What a label is to say of a segment that was loaded: without what its commit alone tells
    /// of, for a label in front of a file has room for little.
    ///
    /// # Errors
    /// `Corrupt`, `Unsupported` for what makes no sense.
    fn labelled(&self, loaded: &SegmentMeta) -> Result<SegmentMeta> {
        Ok(loaded.clone())
    }

    /// Says that commit `at` ingests segments, before anyone can read them. Called under the commit
    /// lock, while the active memtable is empty.
    fn note_ingested(&self, at: SeqNo);

    /// Starts to make segments current that commit `at` has ingested, now that all that is older is
    /// in the `current` ones, and nothing newer is: says where they belong ([`Placed`]), or takes
    /// what is in them over.
    ///
    /// # Errors
    /// `Unsupported` for an index type that cannot; what starting fails with.
    fn place(
        &self,
        at: SeqNo,
        given: &[Live<Self>],
        current: &[Live<Self>],
    ) -> Result<Box<dyn Work>>;

    /// Reads what [`IndexType::plan`] will look at in files, so that it finds it in memory: called
    /// before it, outside of all locks.
    fn look_ahead(&self, _current: &[Live<Self>]) {}

    /// What is worth merging now, leaving `busy` segments alone. Pure: no I/O, but for what was
    /// looked at ahead and is in memory no more. Called again after each change until it has no
    /// more to propose, so several merges of one index can run side by side.
    fn plan(
        &self,
        current: &[Live<Self>],
        busy: &BTreeSet<SegmentId>,
        aim: Aim<'_>,
    ) -> Option<MergePlan>;

    /// A time after `after_ms`, in milliseconds since 1970 UTC, from which on more may be worth
    /// merging although nothing is written: what expires by then. Pure, cheap.
    fn due_ms(&self, _current: &[Live<Self>], _after_ms: u64) -> Option<u64> {
        None
    }

    /// From when on, in milliseconds since 1970 UTC, the active memtable is to be flushed although
    /// it is not full, because more would be worth merging then. Pure: no I/O.
    fn flush_due_ms(
        &self,
        _active: &Self::Memtable,
        _current: &[Live<Self>],
        _busy: &BTreeSet<SegmentId>,
    ) -> Option<u64> {
        None
    }

    /// Work that waits to be done, for slowing writers down before they must stop. Pure, cheap.
    fn debt(&self, current: &[Live<Self>]) -> Debt;

    /// Starts the merge of a plan made from `current`.
    ///
    /// # Errors
    /// What opening its inputs fails with.
    fn merge(&self, plan: &MergePlan, current: &[Live<Self>]) -> Result<Box<dyn Work>>;

    /// Carries over to a finished merge what flushes changed in its inputs meanwhile. `inputs` are
    /// as the merge read them, `current` is what is current now.
    ///
    /// # Errors
    /// What reading or writing fails with.
    fn catch_up(
        &self,
        merged: Edit,
        inputs: &[Live<Self>],
        current: &[Live<Self>],
        out: &mut dyn Output,
    ) -> Result<Edit>;

    /// Checks every checksum and invariant of a segment; each problem is reported, and checking
    /// goes on where it can.
    ///
    /// # Errors
    /// Only what prevents checking, such as `Io`; damage is reported, not returned.
    fn verify(&self, segment: &Live<Self>, report: &mut dyn FnMut(String)) -> Result<()>;

    /// Reads what is intact of all segments that are known of an index of these options, which may
    /// be damaged, cut or missing: hands it on as operations, older ones before newer ones, and
    /// tells what is lost. Those of one call are prepared together. In the order of their files
    /// and offsets, as they were written.
    ///
    /// # Errors
    /// What `found` fails with; what cannot be read is lost.
    fn salvage(
        &self,
        segments: &[Remnant],
        known: KnownBy,
        files: &dyn Files,
        found: &mut dyn Salvage,
    ) -> Result<()>;

    /// Tells the keys whose older content matters to operations, as far as these make sense. Where
    /// that may be lost, what comes of them may be wrong.
    fn builds_on(&self, ops: &[u8], tell: &mut dyn FnMut(&[u8]));
}

/// Why merging is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim<'s> {
    /// Keep the shape that questions need, at the least cost.
    Steady,
    /// Merge these segments down until nothing can be gained: the user asked when they were what
    /// there was. Others take part where they must, but are no reason for a merge.
    Compact(&'s BTreeSet<SegmentId>),
}

impl Aim<'_> {
    /// Whether a segment is a reason for a merge.
    pub fn wants(&self, id: SegmentId) -> bool {
        match self {
            Aim::Steady => true,
            Aim::Compact(wanted) => wanted.contains(&id),
        }
    }
}

/// Unmerged data.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Debt {
    /// Bytes that merging would have to move now.
    pub bytes: u64,
    /// How far questions suffer: 0 is none, 1 is where writers are slowed, 2 where they stop.
    pub pressure: f64,
}

/// The write half of a memtable.
pub trait MemtableWriter: Send + 'static {
    /// Says where in the log the operations lie that are applied next: from there on their bytes
    /// are in that file, as they are applied. Where nobody says, they are to be copied.
    fn locate(&mut self, place: LogPlace);

    /// Applies prepared operations committed at `at`, which is later than all before, and at the
    /// time `clock_ms`, which is not earlier than any before. Versions that `horizon` shows to be
    /// unneeded may be dropped.
    ///
    /// Cannot fail: the operations went through [`IndexType::prepare`].
    fn apply(&mut self, at: SeqNo, clock_ms: u64, ops: &[u8], horizon: &Horizon<'_>);
}

/// The read half of a memtable; its readers filter by sequence number.
pub trait Memtable: Send + Sync + 'static {
    /// Bytes of memory held.
    fn bytes(&self) -> usize;
    /// Bytes of what a flush could leave where the log has it: large values.
    fn logged_bytes(&self) -> u64;
    /// Whether nothing was ever applied.
    fn is_empty(&self) -> bool;
    /// Views before this may find versions missing here, unless they were pinned before it grew.
    fn pruned_to(&self) -> SeqNo;
}

/// Work in small steps that ends in an edit: a flush or a merge.
pub trait Work: Send {
    /// Does a piece of about a quarter megabyte; the edit when all is done.
    ///
    /// # Errors
    /// What reading or writing fails with; the work is then given up and its files are removed.
    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>>;

    /// Bytes of memory held, about; cheap.
    fn memory(&self) -> usize;
}

/// Work that was done when it began.
#[derive(Debug)]
pub struct Placed(Option<Edit>);

impl Placed {
    /// With this outcome.
    pub fn new(edit: Edit) -> Placed {
        Placed(Some(edit))
    }
}

impl Work for Placed {
    fn step(&mut self, _out: &mut dyn Output) -> Result<Option<Edit>> {
        Ok(Some(self.0.take().unwrap_or_default()))
    }

    fn memory(&self) -> usize {
        0
    }
}

/// Writes segments out of operations that come in their order.
pub trait Load: Send {
    /// Takes operations, which come after all before.
    ///
    /// # Errors
    /// `Invalid` for operations that come too late, or that cannot be loaded: then none of them is
    /// taken. What writing fails with: the load is then given up.
    fn add(&mut self, ops: &[u8], out: &mut dyn Output) -> Result<()>;

    /// Ends; what is to be known of the segments, but for when they were committed.
    ///
    /// # Errors
    /// What writing fails with.
    fn finish(&mut self, out: &mut dyn Output) -> Result<Vec<SegmentMeta>>;

    /// Bytes of memory held, about; cheap.
    fn memory(&self) -> usize;
}

/// A current segment.
pub struct Live<T: IndexType> {
    /// Its number.
    pub id: SegmentId,
    /// What the manifest says of it.
    pub meta: Arc<SegmentMeta>,
    /// The open segment.
    pub segment: Arc<T::Segment>,
    /// The edit that installed it.
    pub installed: EditNo,
}

impl<T: IndexType> Clone for Live<T> {
    fn clone(&self) -> Self {
        Live {
            id: self.id,
            meta: self.meta.clone(),
            segment: self.segment.clone(),
            installed: self.installed,
        }
    }
}

/// What waits to become current segments: older than the active memtable, newer than segments.
pub enum Layer<T: IndexType> {
    /// A frozen memtable.
    Memtable(Arc<T::Memtable>),
    /// Segments that one commit has ingested.
    Ingested(Arc<Ingested<T>>),
}

impl<T: IndexType> Clone for Layer<T> {
    fn clone(&self) -> Self {
        match self {
            Layer::Memtable(memtable) => Layer::Memtable(memtable.clone()),
            Layer::Ingested(ingested) => Layer::Ingested(ingested.clone()),
        }
    }
}

/// Segments that one commit has ingested. Whoever reads as of an earlier commit passes them over.
pub struct Ingested<T: IndexType> {
    /// The commit.
    pub at: SeqNo,
    /// The segments; they have no numbers yet.
    pub live: Arc<[Live<T>]>,
    /// The segments, arranged.
    pub layout: Arc<T::Layout>,
}

/// All of one index in one version. Questions look at memtables and what else waits from newest to
/// oldest, then at segments.
pub struct State<T: IndexType> {
    /// The index.
    pub index: Arc<T>,
    /// A transaction's own writes; newer than all else.
    pub private: Option<Private<T>>,
    /// The memtable that commits go to.
    pub active: Arc<T::Memtable>,
    /// Frozen memtables and ingested segments, newest first.
    pub frozen: Vec<Layer<T>>,
    /// Current segments, in the order of their numbers.
    pub live: Arc<[Live<T>]>,
    /// The segments, arranged.
    pub layout: Arc<T::Layout>,
}

/// What a transaction has written to an index, in the order of its own numbers.
pub struct Private<T: IndexType> {
    /// Its writes.
    pub memtable: Arc<T::Memtable>,
    /// The number up to which to read them; it has nothing to do with commits.
    pub at: SeqNo,
}

impl<T: IndexType> Clone for Private<T> {
    fn clone(&self) -> Self {
        Private { memtable: self.memtable.clone(), at: self.at }
    }
}

impl<T: IndexType> Clone for State<T> {
    fn clone(&self) -> Self {
        State {
            index: self.index.clone(),
            private: self.private.clone(),
            active: self.active.clone(),
            frozen: self.frozen.clone(),
            live: self.live.clone(),
            layout: self.layout.clone(),
        }
    }
}

/// A typed name of an index.
pub struct Handle<T> {
    /// The index.
    pub id: IndexId,
    kind: PhantomData<fn() -> T>,
}

impl<T> Handle<T> {
    /// A handle for index `id`. Using it with the wrong type is an error when it is used.
    pub fn new(id: IndexId) -> Handle<T> {
        Handle { id, kind: PhantomData }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

/// What operations write or a transaction read: the currency of conflict checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Keys.
    pub points: Vec<Vec<u8>>,
    /// Ranges of keys, the end exclusive; `None` is without end.
    pub ranges: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The whole index, where nothing finer can be said.
    pub whole: bool,
}
