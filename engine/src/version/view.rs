//! A moment of the database that stays as it was.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;

use crate::error::{Error, Result};
use crate::id::{IndexId, SeqNo};
use crate::index::{ErasedState, Handle, IndexType, State};
use crate::version::{Catalog, Pair, Pins, Sealed, Version};

/// What the table of pins knows of a view.
pub(super) struct Pinned {
    token: u64,
    version: ArcSwapOption<Sealed<Version>>,
    pub(super) seq: SeqNo,
    pub(super) clock_ms: u64,
    expired: AtomicBool,
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "view {} at {}", self.token, self.seq)
    }
}

impl Pinned {
    pub(super) fn new(
        token: u64,
        version: Arc<Sealed<Version>>,
        seq: SeqNo,
        clock_ms: u64,
    ) -> Pinned {
        let version = ArcSwapOption::new(Some(version));
        Pinned { token, version, seq, clock_ms, expired: AtomicBool::new(false) }
    }

    pub(super) fn version(&self) -> Option<Arc<Sealed<Version>>> {
        self.version.load_full()
    }

    /// Lets go of what the view pins; whether it had not expired before.
    pub(super) fn expire(&self) -> bool {
        let fresh = !self.expired.swap(true, Ordering::SeqCst);
        self.version.store(None);
        fresh
    }
}

/// An index as a view shows it. As long as this lives, nothing that it shows is reused, even when
/// the view expires or goes.
pub struct Shown<T: IndexType> {
    state: Arc<State<T>>,
    _version: Arc<Sealed<Version>>,
}

impl<T: IndexType> Deref for Shown<T> {
    type Target = State<T>;

    fn deref(&self) -> &State<T> {
        &self.state
    }
}

impl<T: IndexType> Clone for Shown<T> {
    fn clone(&self) -> Shown<T> {
        Shown { state: self.state.clone(), _version: self._version.clone() }
    }
}

/// What a view shows, held: nothing of it is reused as long as this lives, even when the view
/// expires.
#[derive(Clone)]
pub struct Held {
    _version: Arc<Sealed<Version>>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// A moment of the database: what was committed up to [`View::seq`], nothing else, for as long as
/// the view lives. Cloning is cheap. A view holds memory and files; the oldest views expire when
/// all of them together hold too much.
#[derive(Clone)]
pub struct View {
    hold: Arc<Hold>,
    private: Arc<[(IndexId, Arc<dyn ErasedState>)]>,
}

struct Hold {
    pinned: Arc<Pinned>,
    pins: Arc<Pins>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.pins.leave(self.pinned.token);
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hold.pinned.fmt(f)
    }
}

impl View {
    /// A view of the present; its clock is what `clock_ms` says once the version is known, while
    /// its last commit is the last one that is published.
    pub fn take(versions: &Pair<Version>, pins: &Arc<Pins>, clock_ms: impl FnMut() -> u64) -> View {
        let pinned = pins.take(versions, clock_ms);
        View { hold: Arc::new(Hold { pinned, pins: pins.clone() }), private: Arc::new([]) }
    }

    /// The last commit in the view.
    pub fn seq(&self) -> SeqNo {
        self.hold.pinned.seq
    }

    /// The clock of the view, milliseconds since 1970 UTC; what expires by it does not change
    /// while the view lives.
    pub fn clock_ms(&self) -> u64 {
        self.hold.pinned.clock_ms
    }

    /// Whether the view has expired: reading it fails.
    #[inline]
    pub fn is_expired(&self) -> bool {
        self.hold.pinned.expired.load(Ordering::Relaxed)
    }

    /// Fails when the view has expired.
    ///
    /// # Errors
    /// `Expired`.
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.is_expired() { Err(self.expired()) } else { Ok(()) }
    }

    #[cold]
    fn expired(&self) -> Error {
        Error::expired(format!(
            "the snapshot at commit {} kept more memory than snapshots may: take a new one, hold \
             it for less time, or open the database with a larger snapshot_budget or memory_budget",
            self.seq()
        ))
    }

    /// Holds what it shows.
    ///
    /// # Errors
    /// `Expired`.
    pub fn hold(&self) -> Result<Held> {
        Ok(Held { _version: self.version()? })
    }

    fn version(&self) -> Result<Arc<Sealed<Version>>> {
        self.hold.pinned.version().ok_or_else(|| self.expired())
    }

    /// An index in this view.
    ///
    /// # Errors
    /// `Expired`; `NotFound` when the index was not there at that moment; `Invalid` when it is of
    /// another type.
    pub fn of<T: IndexType>(&self, handle: Handle<T>) -> Result<Shown<T>> {
        let version = self.version()?;
        let state = self.state_in(&version, handle.id)?;
        let kind = state.type_name();
        let any: Arc<dyn Any + Send + Sync> = state;
        let state = any.downcast::<State<T>>();
        let other = |_| Error::invalid(format!("an index of type {kind} is not a {}", T::NAME));
        Ok(Shown { state: state.map_err(other)?, _version: version })
    }

    /// The names in this view.
    ///
    /// # Errors
    /// `Expired`.
    pub fn catalog(&self) -> Result<Arc<Catalog>> {
        let version = self.version()?;
        version.value.check()?;
        Ok(version.value.catalog.clone())
    }

    /// An index in this view, of whatever type.
    ///
    /// # Errors
    /// `Expired`; `NotFound` when the index was not there at that moment.
    pub fn state(&self, id: IndexId) -> Result<Arc<dyn ErasedState>> {
        self.state_in(&*self.version()?, id)
    }

    fn state_in(&self, version: &Sealed<Version>, id: IndexId) -> Result<Arc<dyn ErasedState>> {
        match self.private.iter().find(|(private, _)| *private == id) {
            Some((_, state)) => Ok(state.clone()),
            None => version.value.state(id).cloned(),
        }
    }

    /// This view with another state of an index in place of its own: one that has a transaction's
    /// own writes in front. Those of other indexes stay.
    pub fn with_private(&self, id: IndexId, state: Arc<dyn ErasedState>) -> View {
        let others = self.private.iter().filter(|(other, _)| *other != id).cloned();
        let private = others.chain([(id, state)]).collect();
        View { hold: self.hold.clone(), private }
    }
}
