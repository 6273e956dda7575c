//! Index types behind one object-safe trait: the only downcast of the system is here.
//!
//! [`ErasedState`] is implemented once, for [`State`] of any index type. Every method that changes
//! something returns a new state; states are immutable, like the versions that hold them.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::file::{FileKind, Files, Output};
use crate::id::{EditNo, FileId, SegmentId, SeqNo};
use crate::index::{
    Aim, Debt, Edit, FlushCost, Footprint, IndexType, Ingested, KnownBy, Layer, Live, Load,
    Memtable, MemtableWriter, MergePlan, Private, Remnant, Salvage, SegmentMeta, State, Work,
};

/// A segment as the manifest lists it, with its number and the edit that installed it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its number.
    pub id: SegmentId,
    /// What the manifest says of it.
    pub meta: Arc<SegmentMeta>,
    /// The edit that installed it.
    pub installed: EditNo,
}

/// Open segments of some index type.
pub struct Opened(Box<dyn Any + Send + Sync>);

/// Open segments of some index type that are to be ingested, arranged.
pub struct ErasedIngested {
    given: Box<dyn Any + Send + Sync>,
    /// What they write.
    pub footprint: Footprint,
}

/// Open segments and their arrangement.
struct Given<T: IndexType>(Arc<[Live<T>]>, Arc<T::Layout>);

/// The read half of a memtable of a transaction's own, of some index type.
pub struct ErasedPrivate {
    memtable: Arc<dyn Any + Send + Sync>,
    bytes: fn(&(dyn Any + Send + Sync)) -> usize,
}

impl ErasedPrivate {
    fn new<T: IndexType>(memtable: Arc<T::Memtable>) -> ErasedPrivate {
        let bytes = |any: &(dyn Any + Send + Sync)| {
            any.downcast_ref::<T::Memtable>().map_or(0, |memtable| memtable.bytes())
        };
        ErasedPrivate { memtable, bytes }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        (self.bytes)(&*self.memtable)
    }
}

/// One index in one version, of whatever type.
pub trait ErasedState: Any + Send + Sync {
    /// For the downcast.
    fn as_any(&self) -> &dyn Any;
    /// Name of the index type.
    fn type_name(&self) -> &'static str;
    /// See [`IndexType::OPERATIONS`].
    fn operations(&self) -> &'static str;
    /// See [`IndexType::prepare`].
    ///
    /// # Errors
    /// As there.
    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()>;
    /// Whether nothing was applied to the active memtable.
    fn active_is_empty(&self) -> bool;
    /// Bytes of the active memtable.
    fn active_bytes(&self) -> usize;
    /// See [`IndexType::FLUSH`].
    fn flush_cost(&self) -> FlushCost;
    /// Address of the active memtable, as in [`ErasedState::memory`].
    fn active_address(&self) -> usize;
    /// Bytes in the active memtable that a flush could leave in the log.
    fn active_logged_bytes(&self) -> u64;
    /// Bytes of each frozen memtable, oldest first.
    fn frozen_bytes(&self) -> Vec<usize>;
    /// The latest view time at which some memtable may lack versions.
    fn pruned_to(&self) -> SeqNo;
    /// Current segments.
    fn listed(&self) -> Vec<Listed>;
    /// The active memtable frozen, and a new one with its writer.
    fn rotated(&self) -> (Box<dyn MemtableWriter>, Arc<dyn ErasedState>);
    /// This state without its memtables: what a merge keeps while it works.
    fn segments_only(&self) -> Arc<dyn ErasedState>;
    /// An empty memtable for a transaction's own writes, as its two halves.
    fn private(&self) -> (Box<dyn MemtableWriter>, ErasedPrivate);
    /// This state with a transaction's own writes, up to number `at` of theirs, in front.
    ///
    /// # Errors
    /// `Internal` for writes to an index of another type.
    fn with_private(&self, private: &ErasedPrivate, at: SeqNo) -> Result<Arc<dyn ErasedState>>;
    /// Address and bytes of every memtable: what a view of this state keeps in memory.
    fn memory(&self) -> Vec<(usize, usize)>;
    /// Opens segments, for [`ErasedState::installed`].
    ///
    /// # Errors
    /// What opening fails with.
    fn open(&self, listed: &[Listed], files: &dyn Files) -> Result<Opened>;
    /// Without the `flushed` oldest frozen memtables and the segments `remove`, with the segments
    /// `add`, opened by a state of the same index.
    ///
    /// # Errors
    /// What arranging fails with.
    fn installed(
        &self,
        flushed: usize,
        remove: &[SegmentId],
        add: &Opened,
    ) -> Result<Arc<dyn ErasedState>>;
    /// See [`IndexType::load`].
    ///
    /// # Errors
    /// As there.
    fn load(&self) -> Result<Box<dyn Load>>;
    /// Opens segments that are to be ingested by one commit, and checks that they can be. With a
    /// `report`, every byte of them is checked first, and what is wrong is reported.
    ///
    /// # Errors
    /// What opening fails with; see [`IndexType::accept`].
    fn accept(
        &self,
        metas: &[SegmentMeta],
        files: &dyn Files,
        report: Option<&mut dyn FnMut(String)>,
    ) -> Result<ErasedIngested>;
    /// With segments that the commit `at` ingests on top of frozen memtables; the active memtable
    /// is empty.
    ///
    /// # Errors
    /// `Internal` for segments of another index type.
    fn ingested(&self, at: SeqNo, given: &ErasedIngested) -> Result<Arc<dyn ErasedState>>;
    /// See [`IndexType::labelled`].
    ///
    /// # Errors
    /// As there.
    fn labelled(&self, loaded: &SegmentMeta) -> Result<SegmentMeta>;
    /// Starts a flush of the `count` oldest frozen memtables, or of the oldest ingested segments
    /// alone.
    ///
    /// # Errors
    /// See [`IndexType::flush`] and [`IndexType::place`].
    fn flush(&self, count: usize) -> Result<Box<dyn Work>>;
    /// See [`IndexType::look_ahead`].
    fn look_ahead(&self);
    /// See [`IndexType::plan`].
    fn plan(&self, busy: &BTreeSet<SegmentId>, aim: Aim<'_>) -> Option<MergePlan>;
    /// See [`IndexType::due_ms`].
    fn due_ms(&self, after_ms: u64) -> Option<u64>;
    /// See [`IndexType::flush_due_ms`].
    fn flush_due_ms(&self, busy: &BTreeSet<SegmentId>) -> Option<u64>;
    /// See [`IndexType::debt`].
    fn debt(&self) -> Debt;
    /// See [`IndexType::merge`].
    ///
    /// # Errors
    /// As there.
    fn merge(&self, plan: &MergePlan) -> Result<Box<dyn Work>>;
    /// Catches a finished merge up: `self` is the present state, `then` the one that the merge
    /// was planned from.
    ///
    /// # Errors
    /// See [`IndexType::catch_up`].
    fn catch_up(
        &self,
        merged: Edit,
        inputs: &[SegmentId],
        then: &dyn ErasedState,
        out: &mut dyn Output,
    ) -> Result<Edit>;
    /// Files of segments that were ingested and are not current yet, and how they are written.
    fn waiting_files(&self) -> Vec<(FileId, FileKind)>;
    /// Checks segments that were ingested and are not current yet, as [`ErasedState::verify`] does.
    ///
    /// # Errors
    /// See [`IndexType::verify`].
    fn verify_waiting(&self, files: &dyn Files, report: &mut dyn FnMut(String)) -> Result<()>;
    /// Checks every segment as it is in `files`, opened anew: what of it is in memory may be better
    /// than what is on disk. See [`IndexType::verify`].
    ///
    /// # Errors
    /// As there.
    fn verify(&self, files: &dyn Files, report: &mut dyn FnMut(String)) -> Result<()>;
    /// Checks one segment, if it is current.
    ///
    /// # Errors
    /// As [`ErasedState::verify`].
    fn verify_segment(
        &self,
        id: SegmentId,
        files: &dyn Files,
        report: &mut dyn FnMut(String),
    ) -> Result<()>;
    /// See [`IndexType::salvage`].
    ///
    /// # Errors
    /// As there.
    fn salvage(
        &self,
        segments: &[Remnant],
        known: KnownBy,
        files: &dyn Files,
        found: &mut dyn Salvage,
    ) -> Result<()>;
    /// See [`IndexType::builds_on`].
    fn builds_on(&self, ops: &[u8], tell: &mut dyn FnMut(&[u8]));
}

impl<T: IndexType> State<T> {
    /// An index without anything in it, and the writer of its memtable.
    pub fn empty(index: T) -> Result<(Box<dyn MemtableWriter>, State<T>)> {
        let (writer, active) = index.create();
        let layout = Arc::new(index.arrange(&[])?);
        let state = State {
            index: Arc::new(index),
            private: None,
            active,
            frozen: Vec::new(),
            live: Arc::new([]),
            layout,
        };
        Ok((Box::new(writer), state))
    }

    /// The state behind an erased one.
    ///
    /// # Errors
    /// `Invalid` when the index is of another type.
    #[inline]
    pub fn of(erased: &dyn ErasedState) -> Result<&State<T>> {
        erased.as_any().downcast_ref().ok_or_else(|| {
            Error::invalid(format!("an index of type {} is not a {}", erased.type_name(), T::NAME))
        })
    }

    /// The memtables that commits went to, newest first.
    pub fn memtables(&self) -> impl DoubleEndedIterator<Item = &Arc<T::Memtable>> {
        let frozen = self.frozen.iter().filter_map(|layer| match layer {
            Layer::Memtable(memtable) => Some(memtable),
            Layer::Ingested(_) => None,
        });
        std::iter::once(&self.active).chain(frozen)
    }

    /// Segments that were ingested and are not current yet.
    pub fn ingested(&self) -> impl Iterator<Item = &Arc<Ingested<T>>> {
        self.frozen.iter().filter_map(|layer| match layer {
            Layer::Memtable(_) => None,
            Layer::Ingested(ingested) => Some(ingested),
        })
    }

    fn open_as(&self, listed: &Listed, files: &dyn Files) -> Result<Live<T>> {
        let Listed { id, meta, installed } = listed;
        if meta.format > T::FORMAT {
            return Err(Error::unsupported(format!(
                "segment {id} of type {} has format {}, and {} is the newest known here",
                T::NAME,
                meta.format,
                T::FORMAT
            )));
        }
        let segment = self.index.open(meta, files);
        let segment = segment.map_err(|e| e.context(format_args!("segment {id}")))?;
        let (segment, meta) = (Arc::new(segment), meta.clone());
        Ok(Live { id: *id, meta, segment, installed: *installed })
    }
}

impl<T: IndexType> ErasedState for State<T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        T::NAME
    }

    fn operations(&self) -> &'static str {
        T::OPERATIONS
    }

    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
        self.index.prepare(ops, footprint)
    }

    fn active_is_empty(&self) -> bool {
        self.active.is_empty()
    }

    fn active_bytes(&self) -> usize {
        self.active.bytes()
    }

    fn flush_cost(&self) -> FlushCost {
        T::FLUSH
    }

    fn active_address(&self) -> usize {
        Arc::as_ptr(&self.active).addr()
    }

    fn active_logged_bytes(&self) -> u64 {
        self.active.logged_bytes()
    }

    fn frozen_bytes(&self) -> Vec<usize> {
        let bytes = |layer: &Layer<T>| match layer {
            Layer::Memtable(memtable) => memtable.bytes(),
            Layer::Ingested(_) => 0,
        };
        self.frozen.iter().rev().map(bytes).collect()
    }

    fn pruned_to(&self) -> SeqNo {
        self.memtables().map(|memtable| memtable.pruned_to()).max().unwrap_or_default()
    }

    fn listed(&self) -> Vec<Listed> {
        let listed = |live: &Live<T>| Listed {
            id: live.id,
            meta: live.meta.clone(),
            installed: live.installed,
        };
        self.live.iter().map(listed).collect()
    }

    fn rotated(&self) -> (Box<dyn MemtableWriter>, Arc<dyn ErasedState>) {
        let (writer, active) = self.index.create();
        let mut frozen = Vec::with_capacity(self.frozen.len() + 1);
        frozen.push(Layer::Memtable(self.active.clone()));
        frozen.extend_from_slice(&self.frozen);
        (Box::new(writer), Arc::new(State { active, frozen, ..self.clone() }))
    }

    fn segments_only(&self) -> Arc<dyn ErasedState> {
        let (_, active) = self.index.create();
        Arc::new(State { private: None, active, frozen: Vec::new(), ..self.clone() })
    }

    fn private(&self) -> (Box<dyn MemtableWriter>, ErasedPrivate) {
        let (writer, memtable) = self.index.create();
        (Box::new(writer), ErasedPrivate::new::<T>(memtable))
    }

    fn with_private(&self, private: &ErasedPrivate, at: SeqNo) -> Result<Arc<dyn ErasedState>> {
        let memtable = private.memtable.clone().downcast::<T::Memtable>();
        let memtable = memtable.map_err(|_| Error::internal("own writes of another index type"))?;
        Ok(Arc::new(State { private: Some(Private { memtable, at }), ..self.clone() }))
    }

    fn memory(&self) -> Vec<(usize, usize)> {
        let address = |memtable: &Arc<T::Memtable>| Arc::as_ptr(memtable).addr();
        self.memtables().map(|memtable| (address(memtable), memtable.bytes())).collect()
    }

    fn open(&self, listed: &[Listed], files: &dyn Files) -> Result<Opened> {
        let opened: Result<Vec<Live<T>>> =
            listed.iter().map(|listed| self.open_as(listed, files)).collect();
        Ok(Opened(Box::new(opened?)))
    }

    fn load(&self) -> Result<Box<dyn Load>> {
        self.index.load(&self.live)
    }

    fn accept(
        &self,
        metas: &[SegmentMeta],
        files: &dyn Files,
        report: Option<&mut dyn FnMut(String)>,
    ) -> Result<ErasedIngested> {
        let nowhere = |meta: &SegmentMeta| Listed {
            id: SegmentId(0),
            meta: Arc::new(meta.clone()),
            installed: EditNo(0),
        };
        let open = |meta| self.open_as(&nowhere(meta), files);
        let given: Result<Vec<Live<T>>> = metas.iter().map(open).collect();
        let given = given?;
        if let Some(report) = report {
            given.iter().try_for_each(|live| self.index.verify(live, report))?;
        }
        let mut footprint = Footprint::default();
        self.index.accept(&given, &mut footprint)?;
        let layout = Arc::new(self.index.arrange(&given)?);
        let given: Given<T> = Given(given.into(), layout);
        Ok(ErasedIngested { given: Box::new(given), footprint })
    }

    fn ingested(&self, at: SeqNo, given: &ErasedIngested) -> Result<Arc<dyn ErasedState>> {
        let given = given.given.downcast_ref::<Given<T>>();
        let Given(live, layout) =
            given.ok_or_else(|| Error::internal("ingested segments of another type"))?;
        assert!(self.active.is_empty(), "ingested segments are newer than what is in memory");
        self.index.note_ingested(at);
        let mut frozen = Vec::with_capacity(self.frozen.len() + 1);
        let (live, layout) = (live.clone(), layout.clone());
        frozen.push(Layer::Ingested(Arc::new(Ingested { at, live, layout })));
        frozen.extend_from_slice(&self.frozen);
        Ok(Arc::new(State { frozen, ..self.clone() }))
    }

    fn installed(
        &self,
        flushed: usize,
        remove: &[SegmentId],
        add: &Opened,
    ) -> Result<Arc<dyn ErasedState>> {
        let kept = self.frozen.len().checked_sub(flushed);
        let kept = kept.ok_or_else(|| Error::internal("more flushed than was frozen"))?;
        let add: &Vec<Live<T>> =
            add.0.downcast_ref().ok_or_else(|| Error::internal("segments of another type"))?;
        let mut live: Vec<Live<T>> = self.live.to_vec();
        live.retain(|segment| !remove.contains(&segment.id));
        live.extend_from_slice(add);
        live.sort_by_key(|segment| segment.id);
        let layout = Arc::new(self.index.arrange(&live)?);
        let frozen = self.frozen[..kept].to_vec();
        Ok(Arc::new(State { frozen, live: live.into(), layout, ..self.clone() }))
    }

    fn labelled(&self, loaded: &SegmentMeta) -> Result<SegmentMeta> {
        self.index.labelled(loaded)
    }

    fn flush(&self, count: usize) -> Result<Box<dyn Work>> {
        if let (1, Some(Layer::Ingested(ingested))) = (count, self.frozen.last()) {
            return self.index.place(ingested.at, &ingested.live, &self.live);
        }
        let memtable = |layer: &Layer<T>| match layer {
            Layer::Memtable(memtable) => Ok(memtable.clone()),
            Layer::Ingested(_) => Err(Error::internal("a flush of ingested segments and others")),
        };
        let oldest: Result<Vec<_>> = self.frozen.iter().rev().take(count).map(memtable).collect();
        self.index.flush(&oldest?, &self.live)
    }

    fn look_ahead(&self) {
        self.index.look_ahead(&self.live);
    }

    fn plan(&self, busy: &BTreeSet<SegmentId>, aim: Aim<'_>) -> Option<MergePlan> {
        self.index.plan(&self.live, busy, aim)
    }

    fn due_ms(&self, after_ms: u64) -> Option<u64> {
        self.index.due_ms(&self.live, after_ms)
    }

    fn flush_due_ms(&self, busy: &BTreeSet<SegmentId>) -> Option<u64> {
        self.index.flush_due_ms(&self.active, &self.live, busy)
    }

    fn debt(&self) -> Debt {
        self.index.debt(&self.live)
    }

    fn merge(&self, plan: &MergePlan) -> Result<Box<dyn Work>> {
        self.index.merge(plan, &self.live)
    }

    fn catch_up(
        &self,
        merged: Edit,
        inputs: &[SegmentId],
        then: &dyn ErasedState,
        out: &mut dyn Output,
    ) -> Result<Edit> {
        let then = State::<T>::of(then)?;
        let inputs: Vec<Live<T>> =
            then.live.iter().filter(|live| inputs.contains(&live.id)).cloned().collect();
        self.index.catch_up(merged, &inputs, &self.live, out)
    }

    fn waiting_files(&self) -> Vec<(FileId, FileKind)> {
        let waiting = State::ingested(self).flat_map(|ingested| ingested.live.iter());
        let files = waiting.flat_map(|live| {
            let extents = live.meta.extents.iter().map(|extent| (extent.file, extent.kind));
            extents.chain(live.meta.blobs.iter().map(|blob| (blob.file, FileKind::Sealed)))
        });
        files.collect()
    }

    fn verify_waiting(&self, files: &dyn Files, report: &mut dyn FnMut(String)) -> Result<()> {
        for ingested in State::ingested(self) {
            let at = ingested.at;
            for live in ingested.live.iter() {
                let report =
                    &mut |problem| report(format!("segment ingested by commit {at}: {problem}"));
                verify_anew(&*self.index, live, files, report)?;
            }
        }
        Ok(())
    }

    fn verify(&self, files: &dyn Files, report: &mut dyn FnMut(String)) -> Result<()> {
        for live in self.live.iter() {
            let report = &mut |problem| report(format!("segment {}: {problem}", live.id));
            verify_anew(&*self.index, live, files, report)?;
        }
        self.verify_waiting(files, report)
    }

    fn verify_segment(
        &self,
        id: SegmentId,
        files: &dyn Files,
        report: &mut dyn FnMut(String),
    ) -> Result<()> {
        match self.live.iter().find(|live| live.id == id) {
            Some(live) => verify_anew(&*self.index, live, files, report),
            None => Ok(()),
        }
    }

    fn salvage(
        &self,
        segments: &[Remnant],
        known: KnownBy,
        files: &dyn Files,
        found: &mut dyn Salvage,
    ) -> Result<()> {
        self.index.salvage(segments, known, files, found)
    }

    fn builds_on(&self, ops: &[u8], tell: &mut dyn FnMut(&[u8])) {
        self.index.builds_on(ops, tell);
    }
}

fn verify_anew<T: IndexType>(
    index: &T,
    live: &Live<T>,
    files: &dyn Files,
    report: &mut dyn FnMut(String),
) -> Result<()> {
    match index.open(&live.meta, files) {
        Ok(segment) => {
            let Live { id, meta, installed, .. } = live;
            let (meta, segment) = (meta.clone(), Arc::new(segment));
            index.verify(&Live { id: *id, meta, segment, installed: *installed }, report)
        }
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            report(error.to_string());
            Ok(())
        }
        Err(error) => Err(error),
    }
}
