//! Files in memory: read-only bytes of a file, and words that processes share.
//!
//! Not for: deciding what may be mapped. The file systems calls this for ranges that its caller
//! vouches for.
//!
//! Invariants, which make the `unsafe` here sound as far as a process can see to it:
//!
//! 1. A range is mapped only after the file's length has been found to cover it.
//! 2. No file is shortened while it is mapped: the engine truncates no file that it maps, and other
//!    programs are kept out by the directory's lock. A program that ignores the lock and truncates
//!    a file makes a reader fail with a signal; it cannot make it read foreign memory.
//! 3. Mapped bytes that a reader looks at are no longer written: files are sealed, or their pages
//!    are written once, before they are published.
#![allow(unsafe_code)] // Mapping files is the reason for this module.

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::slice;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};

use super::file::{grow, open_for_all, too_large};
use crate::env::{Map, SharedWords};

/// Maps `range` of `file`, which must lie within it.
pub(super) fn read_only(file: &File, range: Range<u64>) -> io::Result<Map> {
    let len = file.metadata()?.len();
    if range.start > range.end || range.end > len {
        let what = format!("range {}..{} is not within {len} bytes", range.start, range.end);
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
    }
    if range.is_empty() {
        return Ok(Map::new([]));
    }
    let size = usize::try_from(range.end - range.start).map_err(|_| too_large(range.end))?;
    // SAFETY: the range lies within the file (checked above), which is not shortened while it is
    // mapped (invariant 2), and its bytes do not change while they are looked at (invariant 3).
    let map = unsafe { MmapOptions::new().offset(range.start).len(size).map(file)? };
    Ok(Map::of_system(map))
}

/// A cache line of the processors that this runs on, mostly.
const LINE_BYTES: usize = 64;

/// Has the processor fetch bytes that are looked at soon, but not yet, where there is an
/// instruction for it. It waits for nothing, and anything may lie there.
#[inline]
pub(crate) fn prefetch(start: *const u8, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for at in (0..len).step_by(LINE_BYTES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        // SAFETY: every processor of this kind has the instruction (SSE); it reads nothing that a
        // program could see, and fails at no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (start, len);
}

/// Words in a file that several processes map.
#[derive(Debug)]
pub(super) struct MappedWords {
    map: MmapRaw,
    count: usize,
    /// Which file it is. As long as it is mapped no other one is told so.
    file: Option<FileIdentity>,
}

impl MappedWords {
    /// Maps `count` words of the file at `path`, which is created when missing and grown when
    /// short; words that are there keep their values.
    pub(super) fn open(path: &Path, count: usize) -> io::Result<MappedWords> {
        let file = open_for_all(path)?;
        let count = count.max(1);
        let size = count.checked_mul(size_of::<AtomicU64>());
        let size = size.ok_or_else(|| too_large(u64::MAX))?;
        // Reserved and not only lengthened: a store to a hole on a full disk would be a signal.
        grow(&file, 0..size as u64)?;
        let map = MmapOptions::new().len(size).map_raw(&file).map_err(unmappable)?;
        assert!(map.len() >= size, "a map is as long as was asked");
        assert!(
            map.as_ptr().cast::<AtomicU64>().is_aligned(),
            "a map starts at a page, so its words are aligned"
        );
        let file = file.metadata().ok().and_then(|data| identity_of(&data));
        Ok(MappedWords { map, count, file })
    }
}

/// Which file it is among all of the machine: device and inode.
type FileIdentity = (u64, u64);

#[cfg(unix)]
fn identity_of(data: &Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;

    Some((data.dev(), data.ino()))
}

/// A file that is mapped can neither be removed nor replaced there.
#[cfg(not(unix))]
fn identity_of(_data: &Metadata) -> Option<FileIdentity> {
    None
}

/// Some file systems have no maps that are shared and written, and say so in various ways.
fn unmappable(error: io::Error) -> io::Error {
    #[cfg(unix)]
    {
        use rustix::io::Errno;

        let none = [Errno::NODEV, Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS];
        if none.iter().any(|one| error.raw_os_error() == Some(one.raw_os_error())) {
            return io::Error::new(io::ErrorKind::Unsupported, error);
        }
    }
    error
}

impl SharedWords for MappedWords {
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: the map is writable, holds `count` aligned words (both asserted when it was
        // made), lives as long as `self`, and is only ever accessed through atomics, here and in
        // other processes. The file is not shortened (invariant 2).
        unsafe { slice::from_raw_parts(self.map.as_ptr().cast::<AtomicU64>(), self.count) }
    }

    fn is_at(&self, path: &Path) -> bool {
        match fs::metadata(path) {
            Ok(data) => self.file.is_none() || identity_of(&data) == self.file,
            // Anything else says nothing of what is there.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

/// Words of this process alone, for systems without maps.
#[derive(Debug)]
pub(super) struct HeapWords(Box<[AtomicU64]>);

impl HeapWords {
    pub(super) fn new(count: usize) -> HeapWords {
        HeapWords((0..count).map(|_| AtomicU64::new(0)).collect())
    }
}

impl SharedWords for HeapWords {
    fn words(&self) -> &[AtomicU64] {
        &self.0
    }

    fn is_shared(&self) -> bool {
        false
    }
}
