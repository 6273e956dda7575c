//! Eight bytes that say of most pairs of keys which is the smaller one.
//!
//! Invariant: digests order as their keys do, but for ties, whatever the prefix is.

/// Turns keys into digests.
pub(super) struct Digests {
    /// What most keys are expected to start with.
    prefix: Box<[u8]>,
}

impl Digests {
    pub(super) fn new(prefix: &[u8]) -> Digests {
        Digests { prefix: prefix.into() }
    }

    /// A number that orders as the keys do, but for ties.
    #[inline]
    pub(super) fn of(&self, key: &[u8]) -> u64 {
        match key.strip_prefix(&*self.prefix) {
            Some(rest) => first_eight(rest),
            None if *key < *self.prefix => 0,
            None => u64::MAX,
        }
    }
}

/// The first eight bytes, big-endian, as if zeros followed the last one.
#[inline]
fn first_eight(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(first)
        }
    }
}
