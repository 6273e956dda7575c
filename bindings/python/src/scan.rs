//! Iterators over a range of keys.
//!
//! ```text
//!  cursor --detached--> chunk of 16, 32, ... 1024 entries --attached--> one object a call
//! ```
//!
//! Entries come in chunks, so that a scan detaches once for many of them, and the first ones come
//! at once. A chunk is one piece of memory, closed early when it has a megabyte.

use std::sync::{Mutex, PoisonError};

use cuesta::Cursor;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyTuple};

use crate::convert;
use crate::error::{Failure, Outcome};
use crate::own::Own;

const CHUNK_MIN: usize = 16;
const CHUNK_MAX: usize = 1024;
const CHUNK_BYTES: usize = 1 << 20;

/// What a scan gives for each entry.
#[derive(Clone, Copy)]
pub enum Part {
    Key,
    Value,
    Both,
}

/// In which direction a scan goes.
#[derive(Clone, Copy)]
pub enum Direction {
    Forward,
    Backward,
}

impl Direction {
    pub fn reverse(reverse: bool) -> Direction {
        if reverse { Direction::Backward } else { Direction::Forward }
    }
}

/// Entries of a keyspace in the order of their keys, as of one moment.
#[pyclass(frozen, module = "cuesta")]
pub struct Scan {
    part: Part,
    state: Own<Mutex<State>>,
}

struct State {
    /// Gone once all is given, so that the moment it stands in can be forgotten.
    cursor: Option<Cursor>,
    /// Whether the cursor stands on what is to be read next.
    stands: bool,
    /// Whether there is nothing more to be read.
    over: bool,
    direction: Direction,
    /// How many entries it may still read.
    left: u64,
    /// How many entries it reads next.
    next: usize,
    chunk: Chunk,
    /// Met behind the chunk.
    failure: Option<cuesta::Error>,
}

/// Entries that were read and not yet given: keys and values behind each other.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Where each key and its value end.
    ends: Vec<(usize, usize)>,
    given: usize,
    /// Where the next key starts.
    start: usize,
}

impl Chunk {
    fn clear(&mut self) {
        // A huge value must not keep its memory.
        self.bytes.clear();
        self.bytes.shrink_to(CHUNK_BYTES * 2);
        self.ends.clear();
        (self.given, self.start) = (0, 0);
    }

    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
    }

    /// Whether nothing is left to give.
    fn is_given(&self) -> bool {
        self.given == self.ends.len()
    }

    fn give(&mut self) -> Option<(&[u8], &[u8])> {
        let (key_end, value_end) = *self.ends.get(self.given)?;
        let key = self.bytes.get(self.start..key_end)?;
        let value = self.bytes.get(key_end..value_end)?;
        (self.given, self.start) = (self.given + 1, value_end);
        Some((key, value))
    }
}

impl State {
    /// Reads the next chunk. To be called while detached.
    fn read(&mut self, part: Part) {
        self.chunk.clear();
        let Some(cursor) = self.cursor.as_mut().filter(|_| !self.over) else { return };
        let wanted = self.next.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.next = (self.next * 2).min(CHUNK_MAX);
        while self.chunk.ends.len() < wanted && self.chunk.bytes.len() < CHUNK_BYTES {
            let moved = match self.direction {
                _ if std::mem::take(&mut self.stands) => Ok(true),
                Direction::Forward => cursor.next(),
                Direction::Backward => cursor.prev(),
            };
            match moved {
                Ok(true) => match part {
                    Part::Key => self.chunk.add(cursor.key(), &[]),
                    Part::Value => self.chunk.add(&[], cursor.value()),
                    Part::Both => self.chunk.add(cursor.key(), cursor.value()),
                },
                ended => {
                    self.failure = ended.err();
                    self.over = true;
                    break;
                }
            }
        }
        self.left -= self.chunk.ends.len() as u64;
        self.over |= self.left == 0;
    }
}

impl Scan {
    pub fn new(cursor: Cursor, part: Part, direction: Direction, limit: Option<u64>) -> Scan {
        let left = limit.unwrap_or(u64::MAX);
        let state = State {
            cursor: (left > 0).then_some(cursor),
            stands: false,
            over: false,
            direction,
            left,
            next: CHUNK_MIN,
            chunk: Chunk::default(),
            failure: None,
        };
        Scan { part, state: Own::new(Mutex::new(state)) }
    }
}

impl Drop for Scan {
    /// A cursor tells its transaction what it has read, for which it may have to wait for another
    /// thread that uses the transaction: not while attached.
    fn drop(&mut self) {
        let Ok(state) = self.state.ending_mut() else { return };
        let cursor = state.get_mut().unwrap_or_else(PoisonError::into_inner).cursor.take();
        if cursor.is_some() {
            let _ = Python::try_attach(move |py| py.detach(move || drop(cursor)));
        }
    }
}

#[pymethods]
impl Scan {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Outcome<Option<Bound<'py, PyAny>>> {
        let mut state =
            self.state.here()?.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        if state.chunk.is_given() && state.cursor.is_some() {
            let state = &mut *state;
            py.detach(|| {
                state.read(self.part);
                if state.over && state.chunk.is_given() {
                    state.cursor = None;
                }
            });
        }
        if state.chunk.is_given()
            && let Some(failure) = state.failure.take()
        {
            return Err(failure.into());
        }
        let Some((key, value)) = state.chunk.give() else { return Ok(None) };
        Ok(Some(match self.part {
            Part::Key => PyBytes::new(py, key).into_any(),
            Part::Value => PyBytes::new(py, value).into_any(),
            Part::Both => {
                let pair = [PyBytes::new(py, key), PyBytes::new(py, value)];
                PyTuple::new(py, pair).map_err(Failure::from)?.into_any()
            }
        }))
    }

    /// Goes on with the first key at or after the one given; backwards, the last at or before.
    fn seek(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Outcome<()> {
        let key = convert::key(key)?;
        let mut state =
            self.state.here()?.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let State { cursor, stands, over, direction, left, next, chunk, failure } = &mut *state;
        let Some(cursor) = cursor else {
            return Err(Failure::invalid("the scan is at its end: begin a new one"));
        };
        let found = py.detach(|| match direction {
            Direction::Forward => cursor.seek(&key),
            Direction::Backward => cursor.seek_back(&key),
        });
        *left += (chunk.ends.len() - chunk.given) as u64;
        chunk.clear();
        (*failure, *next) = (None, CHUNK_MIN);
        *stands = found?;
        *over = !*stands;
        Ok(())
    }

    /// Ends the scan and forgets the moment it stands in; so does its end.
    fn close(&self, py: Python<'_>) {
        let Ok(state) = self.state.ending() else { return };
        let mut state = state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        state.failure = None;
        let (cursor, chunk) = (state.cursor.take(), std::mem::take(&mut state.chunk));
        drop(state);
        py.detach(|| drop((cursor, chunk)));
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Scan>()
}
