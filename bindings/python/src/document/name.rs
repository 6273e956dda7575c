//! Names of fields as `str`, made once: documents of a collection have the same ones.
//!
//! ```text
//! bytes of a name ──hash──► slot ──┬─ the same bytes: its str, whose hash Python knows already
//!                                  └─ others, or none: a new str takes the slot
//! ```
//!
//! A slot is found by the bytes up to the zero byte, in the one pass that looks for that.
//!
//! Invariant: the lock of the shared names is held for a swap only, never while Python code runs.

use std::mem;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyString;

const SLOTS: usize = 1024;
/// Longer names are made anew each time; a slot has 40 bytes.
const LEN_MAX: usize = 31;

/// The names that were read last.
pub struct Names(Box<[Slot]>);

struct Slot {
    text: Option<Py<PyString>>,
    len: u8,
    bytes: [u8; LEN_MAX],
}

/// Lent to one reader at a time; another one meanwhile has its own.
static SHARED: Mutex<Option<Names>> = Mutex::new(None);

impl Names {
    /// The shared ones, or new ones while those are lent.
    pub fn lend() -> Names {
        SHARED.try_lock().ok().and_then(|mut shared| shared.take()).unwrap_or_else(Names::new)
    }

    fn new() -> Names {
        let empty = || Slot { text: None, len: 0, bytes: [0; LEN_MAX] };
        Names((0..SLOTS).map(|_| empty()).collect())
    }

    /// Gives them back for others.
    pub fn give_back(self) {
        let mut back = Some(self);
        if let Ok(mut shared) = SHARED.try_lock() {
            mem::swap(&mut *shared, &mut back);
        }
        // What was there goes here, after the lock.
        drop(back);
    }

    /// The name that bytes begin with, up to a zero byte, and what follows that byte. None where
    /// there is no such byte, or no UTF-8 before it.
    pub fn take<'py, 'a>(
        &mut self,
        py: Python<'py>,
        bytes: &'a [u8],
    ) -> Option<(Bound<'py, PyString>, &'a [u8])> {
        // The hash of Fowler, Noll and Vo, with 64 bits.
        let (mut hash, mut len) = (0xcbf2_9ce4_8422_2325_u64, 0);
        for byte in bytes {
            if *byte == 0 {
                break;
            }
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            len += 1;
        }
        let (name, rest) = bytes.split_at_checked(len)?;
        let rest = rest.get(1..)?;
        let slot = self.0.get_mut((hash ^ (hash >> 32)) as usize % SLOTS)?;
        if let Some(text) = &slot.text
            && slot.bytes.get(..usize::from(slot.len)) == Some(name)
        {
            return Some((text.bind(py).clone(), rest));
        }
        let text = PyString::from_bytes(py, name).ok()?;
        if let Some(place) = slot.bytes.get_mut(..len) {
            place.copy_from_slice(name);
            slot.len = len as u8;
            slot.text = Some(text.clone().unbind());
        }
        Some((text, rest))
    }
}
