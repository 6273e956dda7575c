//! The index types that a keyspace can be of, behind one face: nothing else here knows which.
//!
//! Every call is one look at which type it is; what is behind it is compiled for that type.

use std::ops::Bound;

use cuesta_engine::clock::Now;
use cuesta_engine::index::{Handle, IndexType, State};
use cuesta_engine::version::View;
use cuesta_engine::{Engine, IndexId, SeqNo};
use cuesta_indexes::btree::Btree;
use cuesta_indexes::lsm::Lsm;
use cuesta_indexes::ordered::{self, Loaded, Ordered};

use crate::{Result, Value};

/// How the keys of a keyspace lie on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyspaceEngine {
    /// A log-structured merge tree: for all that is written often. Flushes and merges write
    /// sequentially.
    Lsm,
    /// A copy-on-write B+tree: for what is read far more often than written. A read goes straight
    /// to one page.
    Btree,
}

impl Default for KeyspaceEngine {
    /// An LSM tree.
    fn default() -> KeyspaceEngine {
        tested().unwrap_or(KeyspaceEngine::Lsm)
    }
}

/// The engine of keyspaces that do not say which, while tests are run on another than theirs.
/// What is asked for of other engines then counts for nothing.
#[cfg(feature = "planted-bugs")]
pub(super) fn tested() -> Option<KeyspaceEngine> {
    std::env::var("CUESTA_TEST_ENGINE").ok().and_then(|name| KeyspaceEngine::of_name(&name))
}

/// None: programs say which engine they want.
#[cfg(not(feature = "planted-bugs"))]
pub(super) fn tested() -> Option<KeyspaceEngine> {
    None
}

impl KeyspaceEngine {
    /// Its name: `"lsm"` or `"btree"`.
    pub fn name(self) -> &'static str {
        match self {
            KeyspaceEngine::Lsm => Lsm::NAME,
            KeyspaceEngine::Btree => Btree::NAME,
        }
    }

    /// The one with this name.
    pub fn of_name(name: &str) -> Option<KeyspaceEngine> {
        [KeyspaceEngine::Lsm, KeyspaceEngine::Btree].into_iter().find(|one| one.name() == name)
    }
}

/// A typed name of the index of a keyspace.
#[derive(Clone, Copy)]
pub(crate) enum Handles {
    Lsm(Handle<Lsm>),
    Btree(Handle<Btree>),
}

impl Handles {
    pub(crate) fn new(engine: KeyspaceEngine, id: IndexId) -> Handles {
        match engine {
            KeyspaceEngine::Lsm => Handles::Lsm(Handle::new(id)),
            KeyspaceEngine::Btree => Handles::Btree(Handle::new(id)),
        }
    }

    pub(crate) fn id(self) -> IndexId {
        match self {
            Handles::Lsm(handle) => handle.id,
            Handles::Btree(handle) => handle.id,
        }
    }

    /// Asks the present one short question: see [`Engine::ask_now`].
    #[inline]
    pub(crate) fn ask_now<R>(
        self,
        engine: &Engine,
        mut ask: impl FnMut(Reader<'_>) -> Result<R>,
    ) -> Result<R> {
        match self {
            Handles::Lsm(handle) => {
                engine.ask_now(handle, |state: &State<Lsm>, at: SeqNo, now: &Now<'_>| {
                    ask(Reader::Lsm(ordered::Reader::now(state, at, now)))
                })
            }
            Handles::Btree(handle) => {
                engine.ask_now(handle, |state: &State<Btree>, at: SeqNo, now: &Now<'_>| {
                    ask(Reader::Btree(ordered::Reader::now(state, at, now)))
                })
            }
        }
    }

    /// Asks a view.
    #[inline]
    pub(crate) fn ask<R>(
        self,
        view: &View,
        ask: impl FnOnce(Reader<'_>) -> Result<R>,
    ) -> Result<R> {
        let (at, clock_ms) = (view.seq(), view.clock_ms());
        match self {
            Handles::Lsm(handle) => {
                let state = view.of(handle)?;
                ask(Reader::Lsm(ordered::Reader::new(&state, at, clock_ms)))
            }
            Handles::Btree(handle) => {
                let state = view.of(handle)?;
                ask(Reader::Btree(ordered::Reader::new(&state, at, clock_ms)))
            }
        }
    }

    /// Checks an operand that is to be written.
    pub(crate) fn check_operand(self, engine: &Engine, operand: &[u8]) -> Result<()> {
        match self {
            Handles::Lsm(handle) => {
                engine.ask(handle, |state, _| state.index.check_operand(operand))
            }
            Handles::Btree(handle) => {
                engine.ask(handle, |state, _| state.index.check_operand(operand))
            }
        }
    }
}

/// What a bulk load into an index of type `kind` has loaded, as the log lists it.
pub(crate) fn loaded<'a>(kind: &str, segments: &'a [u8]) -> Result<Loaded<'a>> {
    match KeyspaceEngine::of_name(kind) {
        Some(KeyspaceEngine::Btree) => Loaded::of::<Btree>(segments),
        Some(KeyspaceEngine::Lsm) | None => Loaded::of::<Lsm>(segments),
    }
}

/// Calls the same method of whatever it is.
macro_rules! each {
    ($self:expr, $type:ident, $one:ident => $call:expr) => {
        match $self {
            $type::Lsm($one) => $call,
            $type::Btree($one) => $call,
        }
    };
}

/// Reads one keyspace as of one moment: see [`ordered::Reader`].
#[derive(Clone, Copy)]
pub(crate) enum Reader<'s> {
    Lsm(ordered::Reader<'s, Lsm>),
    Btree(ordered::Reader<'s, Btree>),
}

impl Reader<'_> {
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        each!(self, Reader, reader => reader.get(key))
    }

    #[inline]
    pub(crate) fn get_with<R>(
        &self,
        key: &[u8],
        take: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        each!(self, Reader, reader => reader.get_with(key, take))
    }

    #[inline]
    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool> {
        each!(self, Reader, reader => reader.contains(key))
    }

    pub(crate) fn expiry_ms(&self, key: &[u8]) -> Result<Option<Option<u64>>> {
        each!(self, Reader, reader => reader.expiry_ms(key))
    }

    pub(crate) fn is_private(&self, key: &[u8]) -> bool {
        each!(self, Reader, reader => reader.is_private(key))
    }

    pub(crate) fn clock_ms(&self) -> u64 {
        each!(self, Reader, reader => reader.clock_ms())
    }

    /// How long something has to live that expires then.
    pub(crate) fn left_ms(&self, expiry_ms: u64) -> u64 {
        each!(self, Reader, reader => reader.left_ms(expiry_ms))
    }

    pub(crate) fn cursor(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Walker {
        match self {
            Reader::Lsm(reader) => Walker::Lsm(reader.cursor(lower, upper)),
            Reader::Btree(reader) => Walker::Btree(reader.cursor(lower, upper)),
        }
    }
}

/// A place in a range of keys: see [`ordered::Cursor`].
pub(crate) enum Walker {
    Lsm(ordered::Cursor<<Lsm as Ordered>::Walk>),
    Btree(ordered::Cursor<<Btree as Ordered>::Walk>),
}

impl Walker {
    #[inline]
    pub(crate) fn next(&mut self) -> Result<bool> {
        each!(self, Walker, cursor => cursor.next())
    }

    #[inline]
    pub(crate) fn prev(&mut self) -> Result<bool> {
        each!(self, Walker, cursor => cursor.prev())
    }

    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<bool> {
        each!(self, Walker, cursor => cursor.seek(key))
    }

    pub(crate) fn seek_back(&mut self, key: &[u8]) -> Result<bool> {
        each!(self, Walker, cursor => cursor.seek_back(key))
    }

    #[inline]
    pub(crate) fn valid(&self) -> bool {
        each!(self, Walker, cursor => cursor.valid())
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        each!(self, Walker, cursor => cursor.key())
    }

    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        each!(self, Walker, cursor => cursor.value())
    }

    pub(crate) fn value_owned(&self) -> Value {
        each!(self, Walker, cursor => cursor.value_owned())
    }

    pub(crate) fn pass_over(&mut self) -> Option<&[u8]> {
        each!(self, Walker, cursor => cursor.pass_over())
    }

    pub(crate) fn expiry_ms(&self) -> Option<u64> {
        each!(self, Walker, cursor => cursor.expiry_ms())
    }

    pub(crate) fn memory_max(&self) -> usize {
        each!(self, Walker, cursor => cursor.memory_max())
    }
}
