//! Entries in an arena: a key and its chain of versions, newest first.
//!
//! ```text
//! an entry and its first version are one piece of the arena:
//!
//!   Entry: newest (pointer) | key_len: 4 |   key: key_len | pad |   VersionHead | value ...
//! ```
//!
//! A later version of the key is a piece of its own.
//!
//! Not for: where in the tree an entry belongs.
//!
//! Invariants
//! 1. What is not atomic in an entry is written before its address is stored anywhere with
//!    `Release`, and never again. Addresses are loaded with `Acquire`.
//! 2. References carry the lifetime of a borrow of the arena's owner, which keeps their memory.

#![allow(unsafe_code, reason = "entries of variable size lie in raw memory")]

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use super::arena::{ALIGN, Arena};
use super::sync::{
    AtomicPtr,
    Ordering::{Acquire, Release},
};
use super::version::{VersionHead, VersionRef, checked_len};

/// What an entry starts with; the key lies behind it.
#[repr(C)]
pub(super) struct Entry {
    newest: AtomicPtr<VersionHead>,
    key_len: u32,
}

/// Where the key starts, in bytes from the start of the entry: right behind the last field.
const KEY_AT: usize = std::mem::offset_of!(Entry, key_len) + size_of::<u32>();
const _: () = assert!(align_of::<Entry>() <= ALIGN);

/// The address of an entry, for keeping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryPtr(NonNull<Entry>);

// SAFETY: it is an address; using it is unsafe, and says there what it takes.
unsafe impl Send for EntryPtr {}
// SAFETY: as above.
unsafe impl Sync for EntryPtr {}

impl EntryPtr {
    /// The entry.
    ///
    /// # Safety
    /// The entry lies in an arena that lives for `'a`.
    #[inline]
    pub(super) unsafe fn of<'a>(self) -> EntryRef<'a> {
        EntryRef { entry: self.0, arena: PhantomData }
    }
}

/// An entry.
#[derive(Clone, Copy)]
pub(super) struct EntryRef<'a> {
    entry: NonNull<Entry>,
    arena: PhantomData<&'a Arena>,
}

impl<'a> EntryRef<'a> {
    /// Makes an entry without versions, in `piece`.
    ///
    /// # Safety
    /// `piece` has [`entry_bytes`] of this key, aligned to [`ALIGN`], which nobody else uses, in an
    /// arena that lives for `'a`.
    pub(super) unsafe fn create(piece: NonNull<u8>, key: &[u8]) -> EntryRef<'a> {
        let entry: NonNull<Entry> = piece.cast();
        let key_len = checked_len(key, "a key");
        // SAFETY: the piece has room for the fields and the key, by the caller's word. The bytes of
        // the key overlap the padding of `Entry` and are written after it.
        unsafe {
            entry.write(Entry { newest: AtomicPtr::new(ptr::null_mut()), key_len });
            ptr::copy_nonoverlapping(key.as_ptr(), piece.add(KEY_AT).as_ptr(), key.len());
        }
        EntryRef { entry, arena: PhantomData }
    }

    #[inline]
    fn entry(self) -> &'a Entry {
        // SAFETY: an `EntryRef` points to an entry that lives for `'a` (invariant 2) and whose
        // plain fields do not change (invariant 1).
        unsafe { self.entry.as_ref() }
    }

    #[inline]
    pub(super) fn key(self) -> &'a [u8] {
        let len = self.entry().key_len as usize;
        // SAFETY: `create` wrote `key_len` bytes at `KEY_AT` before the entry was published.
        unsafe { slice::from_raw_parts(self.entry.cast::<u8>().add(KEY_AT).as_ptr(), len) }
    }

    /// The newest version; every entry that is in the tree has one.
    #[inline]
    pub(super) fn newest(self) -> Option<VersionRef<'a>> {
        let head = NonNull::new(self.entry().newest.load(Acquire))?;
        Some(VersionRef { head, arena: PhantomData })
    }

    /// The newest version with a sequence number of at most `at`.
    #[inline]
    pub(super) fn visible(self, at: u64) -> Option<VersionRef<'a>> {
        let mut version = self.newest()?;
        while version.seq() > at {
            version = version.older()?;
        }
        Some(version)
    }

    /// Makes `newest` the first version of the chain. For the writer alone.
    ///
    /// # Safety
    /// Both lie in the same arena.
    pub(super) unsafe fn set_newest(self, newest: VersionRef<'a>) {
        self.entry().newest.store(newest.head.as_ptr(), Release);
    }

    /// The address.
    #[inline]
    pub(super) fn ptr(self) -> EntryPtr {
        EntryPtr(self.entry)
    }

    /// The address, for a slot of a leaf.
    #[inline]
    pub(super) fn raw(self) -> NonNull<Entry> {
        self.entry
    }

    /// The entry in a slot of a leaf.
    ///
    /// # Safety
    /// `raw` was got from [`EntryRef::raw`] of an entry in an arena that lives for `'a`.
    #[inline]
    pub(super) unsafe fn from_raw(raw: NonNull<Entry>) -> EntryRef<'a> {
        EntryRef { entry: raw, arena: PhantomData }
    }
}

impl PartialEq for EntryRef<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry
    }
}

/// Bytes of an entry without its versions, up to where its first version may start.
pub(super) fn entry_bytes(key: &[u8]) -> usize {
    (KEY_AT + key.len()).max(size_of::<Entry>()).next_multiple_of(ALIGN)
}
