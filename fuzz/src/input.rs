//! How targets take their input apart.

use std::path::Path;

/// Switches in the first byte of an input.
#[derive(Clone, Copy, Debug)]
pub struct Switches(u8);

impl Switches {
    /// Whether switch `n` is on.
    pub fn on(self, n: u32) -> bool {
        self.0 >> n & 1 == 1
    }
}

/// The switches, and the rest.
pub fn switches(bytes: &[u8]) -> (Switches, &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) => (Switches(*first), rest),
        None => (Switches(0), &[]),
    }
}

/// Parts of an input, each after its length in two bytes; the last may be shorter than it says.
pub fn parts(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
        let (part, rest) = rest.split_at(len);
        parts.push(part.to_vec());
        bytes = rest;
    }
    parts
}

/// The input of which these are the [`parts`].
pub fn joined(switches: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![switches];
    for part in parts {
        let len = u16::try_from(part.len()).expect("a part of a sample is short");
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// The little-endian number at `at`.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The little-endian number at `at`.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Puts `number` at `at`, if there is room.
pub fn put_u32_at(bytes: &mut [u8], at: usize, number: u32) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = number.to_le_bytes();
    }
}

/// Puts `number` at `at`, if there is room.
pub fn put_u64_at(bytes: &mut [u8], at: usize, number: u64) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = number.to_le_bytes();
    }
}

/// The directory that holds the files of a target.
pub fn dir() -> &'static Path {
    Path::new("db")
}
