//! Hashes of keys: 64 well-mixed bits, different in every open database.
//!
//! Each eight bytes are multiplied into the state, and the two halves of the product folded onto
//! each other. Source: the multiply-and-fold step of wyhash (Wang Yi, "wyhash", 2019).
//!
//! Not for: anything stored. Nor against whoever knows the seed: equal hashes give false conflicts,
//! nothing worse.

use crate::id::IndexId;

const KEY: u64 = 0x9e37_79b9_7f4a_7c15;
const INDEX: u64 = 0xc2b2_ae3d_27d4_eb4f;
const END: u64 = 0x1656_67b1_9e37_79f9;

/// A way to hash keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHasher {
    seed: u64,
}

impl KeyHasher {
    /// The way of a random `seed`.
    pub fn new(seed: u64) -> KeyHasher {
        KeyHasher { seed }
    }

    /// The hash of a key of an index.
    #[inline]
    pub fn hash(self, index: IndexId, key: &[u8]) -> u64 {
        let mut state = self.seed ^ fold(u64::from(index.0) ^ INDEX, KEY);
        let (words, rest) = key.as_chunks::<8>();
        for word in words {
            state = fold(state ^ u64::from_le_bytes(*word), KEY);
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(last), KEY);
        fold(state ^ key.len() as u64, END)
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}
