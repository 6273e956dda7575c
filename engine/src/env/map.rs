//! Read-only bytes of files in memory, with what keeps them alive.
//!
//! Not for: making maps (`os`).

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::os;

/// Read-only bytes of a file in memory; alive as long as any clone is.
#[derive(Clone)]
pub struct Map(Owner);

/// Maps of the system are told apart, so that looking at them costs no call.
#[derive(Clone)]
enum Owner {
    System(Arc<memmap2::Mmap>),
    Other(Arc<dyn AsRef<[u8]> + Send + Sync>),
}

impl Map {
    /// The bytes of `owner`, which do not change.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Map {
        Map(Owner::Other(Arc::new(owner)))
    }

    pub(super) fn of_system(map: memmap2::Mmap) -> Map {
        Map(Owner::System(Arc::new(map)))
    }

    /// Has the processor fetch `len` bytes at `start`, as far as there are so many. It is of use
    /// where they are looked at soon, but not yet; it waits for nothing.
    #[inline]
    pub fn prefetch(&self, start: usize, len: usize) {
        if let Some(bytes) = self.get(start..) {
            os::prefetch(bytes.as_ptr(), len.min(bytes.len()));
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Owner::System(map) => map,
            Owner::Other(owner) => (**owner).as_ref(),
        }
    }
}

impl AsRef<[u8]> for Map {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of a file", self.len())
    }
}
