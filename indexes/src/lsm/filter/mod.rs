//! Filters: most segments that do not hold a key say so after one look at one cache line.
//!
//! A split-block Bloom filter with 256-bit buckets (after the one of Apache Parquet; the analysis
//! is in Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007). A
//! hash chooses one bucket and one bit in each of the bucket's eight words. Ten bits a key let
//! about one key in a hundred through in vain.
//!
//! ```text
//! hash   63 ......... 40 39 35 34 30 29 25 24 20 19 15 14 10 9 5 4 0
//!        └─ bucket ────┘   w7    w6    w5    w4    w3    w2   w1  w0     bit 0..31 of each word
//! bucket = (hash >> 32) * buckets >> 32
//! ```
//!
//! Not for: ranges.
//!
//! The hash is part of the file format (docs/formats/segment.md): it never changes under the same
//! filter kind.

mod share;

pub(super) use share::bits_per_key;

/// Bytes of a bucket.
pub(super) const BUCKET_BYTES: usize = 32;
/// Number of this kind of filter in footers.
pub(super) const FILTER_KIND: u8 = 1;

// Fractional parts of the square roots of 2, 3, 5 and 7.
const K0: u64 = 0x6a09_e667_f3bc_c908;
const K1: u64 = 0xbb67_ae85_84ca_a73b;
const K2: u64 = 0x3c6e_f372_fe94_f82b;
const K3: u64 = 0xa54f_f53a_5f1d_36f1;

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// The hash of a key: sixteen bytes at a time, mixed by 64 to 128 bit products folded by xor. The
/// last up to sixteen bytes are taken as two words, the first of at most eight bytes, padded with
/// zeros; the length goes in at the end.
#[inline]
pub(super) fn hash(key: &[u8]) -> u64 {
    let mut state = K0;
    let mut rest = key;
    while rest.len() > 16 {
        let Some((chunk, after)) = rest.split_first_chunk::<16>() else { break };
        state = fold(word(&chunk[..8]) ^ K1, word(&chunk[8..]) ^ state);
        rest = after;
    }
    let (a, b) = match rest.first_chunk::<16>() {
        Some(chunk) => (word(&chunk[..8]), word(&chunk[8..])),
        None => match rest.split_first_chunk::<8>() {
            Some((low, high)) => (u64::from_le_bytes(*low), word(high)),
            None => (word(rest), 0),
        },
    };
    state = fold(a ^ K1, b ^ state);
    fold(state ^ K2, key.len() as u64 ^ K3)
}

/// Buckets of a filter for `keys` keys.
pub(super) fn buckets(keys: usize, bits_per_key: u32) -> u32 {
    let bits = keys as u64 * u64::from(bits_per_key);
    bits.div_ceil(BUCKET_BYTES as u64 * 8).clamp(1, u64::from(u32::MAX)) as u32
}

/// The bucket that a hash belongs to.
#[inline]
pub(super) fn bucket_of(hash: u64, buckets: u32) -> u32 {
    (((hash >> 32) * u64::from(buckets)) >> 32) as u32
}

#[inline]
fn bit(hash: u64, word: usize) -> u32 {
    1 << (hash >> (5 * word) & 31)
}

/// Notes a hash in its bucket.
pub(super) fn insert(bucket: &mut [u8; BUCKET_BYTES], hash: u64) {
    let (words, _) = bucket.as_chunks_mut::<4>();
    for (i, word) in words.iter_mut().enumerate() {
        *word = (u32::from_le_bytes(*word) | bit(hash, i)).to_le_bytes();
    }
}

/// Whether a hash may have been noted in its bucket.
#[inline]
pub(super) fn contains(bucket: &[u8; BUCKET_BYTES], hash: u64) -> bool {
    let (words, _) = bucket.as_chunks::<4>();
    let mut missing = 0;
    for (i, word) in words.iter().enumerate() {
        missing |= !u32::from_le_bytes(*word) & bit(hash, i);
    }
    missing == 0
}

#[cfg(test)]
mod tests;
