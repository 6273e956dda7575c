//! Changes valid inputs a little, the way libFuzzer does, where there is no libFuzzer.

use crate::random::Random;

/// Longest input that is made.
const BYTES_MAX: usize = 64 << 10;

/// Integers on whose borders mistakes live.
const BORDERS: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

/// An input that is one of `samples` with some changes; now and then a sample as it is, or bytes
/// that were never anything.
pub fn mutated(samples: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    if samples.is_empty() || random.one_in(32) {
        let len = random.below(1024);
        return random.bytes(len);
    }
    let mut bytes = samples[random.below(samples.len())].clone();
    // Mostly few changes: many of them make every input fail at the same first check.
    let changes = if random.one_in(16) { 0 } else { 1 << random.below(5) };
    for _ in 0..changes {
        change(&mut bytes, samples, random);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, samples: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let scale = random.below(8);
    let len = 1 + random.below(1 << scale);
    let end = (at + len).min(bytes.len());
    match random.below(10) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next_u64() as u8;
            }
        }
        3 => overwrite(bytes, at, &border(random)),
        4 => drop(bytes.drain(at..end)),
        5 => insert(bytes, at, &random.bytes(len)),
        6 => insert(bytes, at, &vec![[0, 0xff][random.below(2)]; len]),
        7 => {
            let copied = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            insert(bytes, to, &copied);
        }
        8 => {
            let other = &samples[random.below(samples.len())];
            let from = random.below(other.len() + 1);
            let to = (from + len).min(other.len());
            if random.one_in(2) {
                overwrite(bytes, at, &other[from..to]);
            } else {
                insert(bytes, at, &other[from..to]);
            }
        }
        _ => bytes.truncate(at),
    }
}

/// A number near a border, as one, two, four or eight bytes.
fn border(random: &mut Random) -> Vec<u8> {
    let near = BORDERS[random.below(BORDERS.len())];
    let number = near.wrapping_add(random.below(5) as u64).wrapping_sub(2);
    number.to_le_bytes()[..1 << random.below(4)].to_vec()
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    if bytes.len() + what.len() <= BYTES_MAX {
        bytes.splice(at..at, what.iter().copied());
    }
}
