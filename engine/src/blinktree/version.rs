//! Versions in an arena: when, of which kind, and the bytes.
//!
//! ```text
//!   VersionHead: older (pointer) | seq: 8 | value_len: 4 | kind: 1 |   value: value_len
//! ```
//!
//! Not for: deciding which version a reader sees, or which may go.
//!
//! Invariants
//! 1. What is not atomic in a version is written before its address is stored anywhere with
//!    `Release`, and never again. Addresses are loaded with `Acquire`.
//! 2. References carry the lifetime of a borrow of the arena's owner, which keeps their memory.

#![allow(unsafe_code, reason = "versions of variable size lie in raw memory")]

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use super::arena::{ALIGN, Arena};
use super::sync::{
    AtomicPtr,
    Ordering::{Acquire, Release},
};

/// What a version starts with; the value lies behind it.
#[repr(C)]
pub(super) struct VersionHead {
    older: AtomicPtr<VersionHead>,
    seq: u64,
    value_len: u32,
    kind: u8,
}

/// Set in the kind of a version that says nothing without the next older one of its key, which
/// therefore stays as long as it does. All else in a kind is the caller's.
pub const LEANS: u8 = 0x80;

/// Where the value starts, in bytes from the start of the version.
const VALUE_AT: usize = std::mem::offset_of!(VersionHead, kind) + 1;

const _: () = assert!(align_of::<VersionHead>() <= ALIGN);

/// The address of a version, for keeping.
#[derive(Clone, Copy)]
pub(super) struct VersionPtr(NonNull<VersionHead>);

// SAFETY: it is an address; using it is unsafe, and says there what it takes.
unsafe impl Send for VersionPtr {}
// SAFETY: as above.
unsafe impl Sync for VersionPtr {}

impl VersionPtr {
    /// The version.
    ///
    /// # Safety
    /// The version lies in an arena that lives for `'a`.
    #[inline]
    pub(super) unsafe fn of<'a>(self) -> VersionRef<'a> {
        VersionRef { head: self.0, arena: PhantomData }
    }
}

/// A version of a key.
#[derive(Clone, Copy)]
pub(super) struct VersionRef<'a> {
    pub(super) head: NonNull<VersionHead>,
    pub(super) arena: PhantomData<&'a Arena>,
}

impl<'a> VersionRef<'a> {
    /// Makes a version that is in no chain yet, in `piece`.
    ///
    /// # Safety
    /// `piece` has [`version_bytes`] of this value, aligned to [`ALIGN`], which nobody else uses,
    /// in an arena that lives for `'a`.
    pub(super) unsafe fn create(
        piece: NonNull<u8>,
        at: u64,
        kind: u8,
        value: &[u8],
    ) -> VersionRef<'a> {
        let head: NonNull<VersionHead> = piece.cast();
        let value_len = checked_len(value, "a value");
        // SAFETY: the piece has room for the fields and the value, by the caller's word. The bytes
        // of the value overlap the padding of `VersionHead` and are written after it.
        unsafe {
            let older = AtomicPtr::new(ptr::null_mut());
            head.write(VersionHead { older, seq: at, value_len, kind });
            let bytes = piece.add(VALUE_AT).as_ptr();
            ptr::copy_nonoverlapping(value.as_ptr(), bytes, value.len());
        }
        VersionRef { head, arena: PhantomData }
    }

    #[inline]
    fn head(self) -> &'a VersionHead {
        // SAFETY: a `VersionRef` points to a version that lives for `'a` (invariant 2) and whose
        // plain fields do not change (invariant 1).
        unsafe { self.head.as_ref() }
    }

    #[inline]
    pub(super) fn seq(self) -> u64 {
        self.head().seq
    }

    #[inline]
    pub(super) fn kind(self) -> u8 {
        self.head().kind
    }

    /// Whether it says nothing without the next older one.
    #[inline]
    pub(super) fn leans(self) -> bool {
        self.kind() & LEANS != 0
    }

    #[inline]
    pub(super) fn value(self) -> &'a [u8] {
        let len = self.head().value_len as usize;
        // SAFETY: `create` wrote `value_len` bytes at `VALUE_AT` before the version was published.
        unsafe { slice::from_raw_parts(self.head.cast::<u8>().add(VALUE_AT).as_ptr(), len) }
    }

    /// The next older version in the chain.
    #[inline]
    pub(super) fn older(self) -> Option<VersionRef<'a>> {
        let head = NonNull::new(self.head().older.load(Acquire))?;
        Some(VersionRef { head, arena: PhantomData })
    }

    /// Makes `older` the next in the chain. For the writer alone.
    ///
    /// # Safety
    /// Both lie in the same arena.
    pub(super) unsafe fn set_older(self, older: Option<VersionRef<'a>>) {
        let older = older.map_or(ptr::null_mut(), |v| v.head.as_ptr());
        self.head().older.store(older, Release);
    }

    /// The address.
    #[inline]
    pub(super) fn ptr(self) -> VersionPtr {
        VersionPtr(self.head)
    }
}

/// Bytes that a version with this value takes.
pub(super) fn version_bytes(value: &[u8]) -> usize {
    (VALUE_AT + value.len()).max(size_of::<VersionHead>())
}

/// The length, which must fit a stored one.
pub(super) fn checked_len(bytes: &[u8], what: &str) -> u32 {
    assert!(bytes.len() <= u32::MAX as usize, "{what} must be shorter than 4 GiB");
    bytes.len() as u32
}
