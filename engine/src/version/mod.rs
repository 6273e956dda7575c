//! What is where, and who still looks at it.
//!
//! A [`Version`] is the immutable list of every index's memtables and segments. A [`View`] is a
//! version and a sequence number: memtables filter by the number, segments of the version hold
//! nothing later.
//!
//! Not for: deciding what to change, or making it durable.

mod catalog;
mod pair;
mod pins;
mod view;

#[cfg(all(test, loom))]
mod pair_loom;
#[cfg(test)]
mod tests;

pub use catalog::{Catalog, CatalogOp, Entry};
pub use pair::{Pair, Sealed};
pub use pins::{LogHold, PinReport, Pins};
pub use view::{Held, Shown, View};

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::id::{EditNo, IndexId};
use crate::index::{ErasedState, Handle, IndexType, State};

/// Every index at one moment.
pub struct Version {
    /// The manifest edit that it is of.
    pub edit: EditNo,
    /// Names.
    pub catalog: Arc<Catalog>,
    states: Vec<(IndexId, Arc<dyn ErasedState>)>,
    living: Arc<Living>,
    /// Whether it stands for what is not to be read any more.
    is_closed: bool,
}

impl Version {
    /// A version without indexes.
    pub fn empty(edit: EditNo, living: Arc<Living>) -> Version {
        living.enter(edit);
        Version { edit, catalog: Arc::default(), states: Vec::new(), living, is_closed: false }
    }

    /// A version of which nothing can be read, in place of all others.
    pub fn closed(edit: EditNo) -> Version {
        let mut version = Version::empty(edit, Arc::default());
        version.is_closed = true;
        version
    }

    /// Fails when nothing is to be read any more.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        match self.is_closed {
            true => Err(Error::invalid("the database is closed")),
            false => Ok(()),
        }
    }

    /// A version without indexes beside this one: as long as either lives, so does its edit.
    pub fn empty_at(&self, edit: EditNo) -> Version {
        Version::empty(edit, self.living.clone())
    }

    /// The same indexes, as a version of `edit`.
    pub fn at(&self, edit: EditNo) -> Version {
        self.living.enter(edit);
        let (catalog, states) = (self.catalog.clone(), self.states.clone());
        Version { edit, catalog, states, living: self.living.clone(), is_closed: self.is_closed }
    }

    /// This version with one index in another state, or without it.
    pub fn with(mut self, id: IndexId, state: Option<Arc<dyn ErasedState>>) -> Version {
        match (self.states.binary_search_by_key(&id, |(id, _)| *id), state) {
            (Ok(i), Some(state)) => self.states[i].1 = state,
            (Ok(i), None) => drop(self.states.remove(i)),
            (Err(i), Some(state)) => self.states.insert(i, (id, state)),
            (Err(_), None) => {}
        }
        self
    }

    /// This version with other names.
    pub fn with_catalog(mut self, catalog: Catalog) -> Version {
        self.catalog = Arc::new(catalog);
        self
    }

    /// An index.
    ///
    /// # Errors
    /// `NotFound` when it was dropped or is not there yet.
    #[inline]
    pub fn state(&self, id: IndexId) -> Result<&Arc<dyn ErasedState>> {
        match self.states.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(i) => Ok(&self.states[i].1),
            Err(_) => Err(self.missing(id)),
        }
    }

    /// An index, by its typed handle.
    ///
    /// # Errors
    /// `NotFound` when it was dropped, `Invalid` when it is of another type.
    #[inline]
    pub fn of<T: IndexType>(&self, handle: Handle<T>) -> Result<&State<T>> {
        State::of(&**self.state(handle.id)?)
    }

    /// Every index.
    pub fn states(&self) -> impl Iterator<Item = (IndexId, &Arc<dyn ErasedState>)> {
        self.states.iter().map(|(id, state)| (*id, state))
    }

    #[cold]
    fn missing(&self, id: IndexId) -> Error {
        if let Err(closed) = self.check() {
            return closed;
        }
        let title = self.catalog.title(id);
        Error::not_found(format!("{title} was dropped, or is newer than the view"))
    }

    /// The oldest edit that a living version is of.
    pub fn oldest_living(&self) -> Option<EditNo> {
        self.living.oldest()
    }

    /// Addresses and bytes of all memtables.
    pub fn memory(&self) -> BTreeMap<usize, usize> {
        self.states.iter().flat_map(|(_, state)| state.memory()).collect()
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        self.living.leave(self.edit);
    }
}

/// Which edits living versions are of.
#[derive(Default)]
pub struct Living {
    edits: Mutex<BTreeMap<EditNo, usize>>,
    /// What lasts as long as any of them.
    _keep: Option<Arc<dyn Any + Send + Sync>>,
}

impl Living {
    /// Keeps something for as long as one of the versions lives.
    pub fn keeping(keep: Arc<dyn Any + Send + Sync>) -> Living {
        Living { edits: Mutex::default(), _keep: Some(keep) }
    }

    fn enter(&self, edit: EditNo) {
        let mut edits = self.edits.lock().unwrap_or_else(PoisonError::into_inner);
        *edits.entry(edit).or_default() += 1;
    }

    fn leave(&self, edit: EditNo) {
        let mut edits = self.edits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = edits.get_mut(&edit) {
            *count -= 1;
            if *count == 0 {
                edits.remove(&edit);
            }
        }
    }

    /// The oldest edit that a living version is of.
    pub fn oldest(&self) -> Option<EditNo> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner).keys().next().copied()
    }
}
