//! Loading much at once: segments are written, or taken over from files, and then committed.
//!
//! ```text
//! bulk load     operations in order ► segments in new data files ┐
//!                                                                ├► synced ► one commit
//! prepared file checked ► linked or copied as a data file        ┤
//!     of a type with the same operations: read, and loaded ──────┘
//! ```
//!
//! Until the commit, nobody sees anything of it, and dropping it removes what was written; so does
//! opening the database after a crash. A load may be forgotten while the database is closed: each
//! call that touches files holds the lock of the directory while it goes on, and when the lock is
//! gone touches nothing.
//!
//! Not for: what the commit does (see `commit/ingest`), and where segments come to lie, which their
//! index types know.

mod adopt;
mod prepared;

pub use prepared::{Prepared, PreparedFile, TRAILER_BYTES};

use std::path::Path;
use std::sync::Arc;

use crate::batch::Batch;
use crate::budget::{Charge, Part};
use adopt::Adopting;

use crate::commit::{Commit, Ingesting, drive, remove};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{FileOutput, Files, Spread};
use crate::id::{IndexId, SeqNo};
use crate::index::{ErasedIngested, ErasedState, Load, SegmentMeta};
use crate::jobs::{label_load, output};
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::stats::Stats;

/// Problems of a prepared file that an error names.
const PROBLEMS_MAX: usize = 3;

/// A bulk load under way. Dropping it removes what it has written.
pub struct BulkLoad {
    parts: Arc<Parts>,
    out: Option<FileOutput>,
    loads: Vec<(IndexId, Box<dyn Load>)>,
    /// Segments that are complete.
    metas: Vec<(IndexId, Vec<SegmentMeta>)>,
    /// Keeps files that were taken over from being removed: a file that nobody has open and that
    /// the manifest does not name is not needed.
    held: Vec<ErasedIngested>,
    notes: Vec<u8>,
    charge: Charge,
}

impl BulkLoad {
    /// An empty one.
    ///
    /// # Errors
    /// `Invalid` when the database is open for reading, or closed.
    pub fn begin(parts: &Arc<Parts>) -> Result<BulkLoad> {
        parts.check_writable()?;
        parts.tail().check()?;
        let charge = Charge::must(&parts.services.budget, Part::Buffers, 0);
        let out = Some(output(parts, Spread::Apart));
        let (loads, metas, notes) = (Vec::new(), Vec::new(), Vec::new());
        let (parts, held) = (parts.clone(), Vec::new());
        Ok(BulkLoad { parts, out, loads, metas, held, notes, charge })
    }

    /// Where a front-end appends its notes.
    pub fn notes(&mut self) -> &mut Vec<u8> {
        &mut self.notes
    }

    /// Takes operations of `index`, which come after all that it took before.
    ///
    /// # Errors
    /// `Invalid` for operations out of order: none of them is taken; `NotFound` when there is no
    /// such index; `Unsupported` when its type cannot be loaded; `Full`, `Io`: the load is given
    /// up, with all that it has written.
    pub fn add(&mut self, index: IndexId, ops: &[u8]) -> Result<()> {
        let Some(out) = &mut self.out else { return Err(given_up()) };
        let _ours = self.parts.hold()?;
        let place = match self.loads.iter().position(|(id, _)| *id == index) {
            Some(place) => place,
            None => {
                let load = self.parts.versions.current().value.state(index)?.load()?;
                self.loads.push((index, load));
                self.loads.len() - 1
            }
        };
        let before = out.bytes();
        let added = self.loads[place].1.add(ops, out).and_then(|()| match out.bytes() > before {
            // Files of a closed database are not ours any more.
            true => self.parts.tail().check(),
            false => Ok(()),
        });
        if let Err(error) = added {
            if error.kind() != ErrorKind::Invalid || self.parts.tail().is_closed() {
                // What was being written is in no state to go on from.
                self.give_up();
            }
            return Err(error);
        }
        if out.bytes() > before {
            let memory: usize = self.loads.iter().map(|(_, load)| load.memory()).sum();
            self.charge.set((memory + out.memory()) as u64);
        }
        Ok(())
    }

    /// Takes the segments of a prepared file over for `index`, by a link, or a copy where links
    /// cannot be, and reads all of them; returns how many entries they have. What was prepared for
    /// another type of index with the same operations is written as a load would be.
    ///
    /// # Errors
    /// `Corrupt` for a file that is none, or damaged; `Invalid` when it is for a type of index with
    /// other operations; `NotFound` when there is no such index; `Full`, `Io`.
    pub fn take(&mut self, index: IndexId, path: &Path) -> Result<u64> {
        let Some(out) = &mut self.out else { return Err(given_up()) };
        let _ours = self.parts.hold()?;
        self.parts.tail().check()?;
        let current = self.parts.versions.current();
        let state = current.value.state(index)?;
        let vfs = self.parts.env.vfs();
        let prepared = Prepared::read(vfs, path)?;
        if prepared.kind != state.type_name() {
            let adopted = self.adopt(index, state, &prepared, path);
            return adopted.map_err(|e| e.context(path.display()));
        }
        let file = out.take(path)?;
        let metas = prepared.of(file);
        if metas.is_empty() {
            out.give_back(file);
            return Ok(0);
        }
        match sound(&**state, &metas, &*self.parts.files) {
            Ok(checked) => self.held.push(checked),
            Err(error) => {
                out.give_back(file);
                return Err(error.context(path.display()));
            }
        }
        let entries = metas.iter().fold(0, |all: u64, meta| all.saturating_add(meta.entries));
        self.keep(index, metas);
        Ok(entries)
    }

    /// Writes what a file of another type has as segments of the type of `state`.
    fn adopt(
        &mut self,
        index: IndexId,
        state: &Arc<dyn ErasedState>,
        prepared: &Prepared,
        path: &Path,
    ) -> Result<u64> {
        let Some(out) = &mut self.out else { return Err(given_up()) };
        let (vfs, registry) = (self.parts.env.vfs(), &self.parts.registry);
        let wanted = (state.type_name(), state.operations());
        let adopting = Adopting::open((vfs, path), registry, prepared, wanted)?;
        let mut load = state.load()?;
        let entries = adopting.load(&mut *load, out);
        match entries.and_then(|entries| Ok((entries, load.finish(out)?))) {
            Ok((entries, metas)) => {
                self.keep(index, metas);
                Ok(entries)
            }
            Err(error) => {
                // A part of it is written.
                self.give_up();
                Err(error)
            }
        }
    }

    fn keep(&mut self, index: IndexId, metas: Vec<SegmentMeta>) {
        match self.metas.iter_mut().find(|(id, _)| *id == index) {
            Some((_, all)) => all.extend(metas),
            None => self.metas.push((index, metas)),
        }
    }

    /// Makes everything visible and durable at once, as one commit, which is newer than all before;
    /// its place in the order. Where there is nothing, commits nothing.
    ///
    /// # Errors
    /// `Invalid` when segments of prepared files overlap; `NotFound` when an index was dropped;
    /// `Full`, `Io`: nothing was committed. `Poisoned`: the outcome is unknown.
    pub fn finish(self) -> Result<SeqNo> {
        let parts = self.parts.clone();
        match self.into_commit()? {
            Some(mut commit) => drive(&parts, || commit.step()),
            None => Ok(parts.published()),
        }
    }

    /// The commit, as a step machine for schedulers; its files are written and durable. `None` when
    /// there is nothing to commit.
    ///
    /// # Errors
    /// As [`BulkLoad::finish`].
    pub fn into_commit(mut self) -> Result<Option<Commit>> {
        let Some(out) = &mut self.out else { return Err(given_up()) };
        let _ours = self.parts.hold()?;
        self.parts.tail().check()?;
        let mut finished = Vec::new();
        for (id, mut load) in std::mem::take(&mut self.loads) {
            finished.push((id, load.finish(out)?));
        }
        finished.into_iter().for_each(|(id, metas)| self.keep(id, metas));
        let Some(out) = &mut self.out else { return Err(given_up()) };
        self.metas.retain(|(_, metas)| !metas.is_empty());
        if self.metas.is_empty() {
            return Ok(None);
        }
        label_load(&self.parts, &self.metas, out)?;
        out.finish()?;
        if !planted::is(Bug::IngestedUnsynced) {
            out.sync()?;
        }
        let parts = &self.parts;
        let synced = parts.env.vfs().sync_dir(&parts.dir);
        synced.map_err(|e| Error::io(format_args!("syncing {}", parts.dir.display()), e))?;
        let given = self.open()?;
        let Some(out) = self.out.take() else { return Err(given_up()) };
        Stats::add(&parts.stats.ingested_bytes, out.bytes());
        let ingesting = Ingesting::new(self.parts.clone(), out, given);
        let mut batch = Batch::new();
        batch.notes().append(&mut self.notes);
        for (id, metas) in &self.metas {
            SegmentMeta::encode_all(metas, batch.part(*id));
        }
        Commit::of_segments(self.parts.clone(), &batch, ingesting).map(Some)
    }

    fn open(&self) -> Result<Vec<(IndexId, ErasedIngested)>> {
        let current = self.parts.versions.current();
        let open = |(id, metas): &(IndexId, Vec<SegmentMeta>)| {
            Ok((*id, current.value.state(*id)?.accept(metas, &*self.parts.files, None)?))
        };
        self.metas.iter().map(open).collect()
    }
}

/// Opens and reads all of segments that come from elsewhere.
fn sound(
    state: &dyn ErasedState,
    metas: &[SegmentMeta],
    files: &dyn Files,
) -> Result<ErasedIngested> {
    let (mut problems, mut more) = (Vec::new(), 0);
    let mut report = |problem: String| match problems.len() {
        PROBLEMS_MAX.. => more += 1,
        _ => problems.push(problem),
    };
    let accepted = state.accept(metas, files, Some(&mut report));
    if !problems.is_empty() {
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        return Err(Error::corrupt(format!("{}{more}", problems.join("; "))));
    }
    accepted
}

impl BulkLoad {
    fn give_up(&mut self) {
        if let Some(out) = self.out.take() {
            self.loads.clear();
            self.held.clear();
            remove(&self.parts, out);
        }
    }
}

impl Drop for BulkLoad {
    fn drop(&mut self) {
        self.give_up();
    }
}

fn given_up() -> Error {
    Error::invalid("the bulk load was given up when writing failed: begin another")
}
