//! Keys, values and random numbers: the same for every store, and in every run.

use crate::store::{Key, Outcome};

/// Bytes of a key.
pub const KEY_BYTES: usize = 16;
/// Bytes of a value, half of which compress.
pub const VALUE_BYTES: usize = 100;
/// Bytes of a large value.
pub const LARGE_BYTES: usize = 64 << 10;

/// Scrambles a number, one to one (SplitMix64).
pub fn scramble(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of rank `n`: its decimal digits.
pub fn ascending(n: u64) -> Key {
    let (mut key, mut left) = ([b'0'; KEY_BYTES], n);
    for digit in key.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    key
}

/// The key of number `n`, in random order.
pub fn random(n: u64) -> Key {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&scramble(n).to_be_bytes());
    key[8..].copy_from_slice(&scramble(n ^ 0xabcd).to_be_bytes());
    key
}

/// A value that says whose it is and how new: the half that does not compress begins with a stamp
/// of both and with the number of the key.
pub fn fill(value: &mut [u8], n: u64, version: u64) {
    let half = value.len() / 2;
    let stamp = scramble(n ^ version << 44);
    for (i, chunk) in value[..half].chunks_mut(8).enumerate() {
        let word = match i {
            0 => stamp,
            1 => n,
            _ => scramble(stamp.wrapping_add(i as u64)),
        };
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    value[half..].fill(b'.');
}

/// Whether `value` is one of key `n`, of any version.
pub fn belongs(value: &[u8], n: u64, bytes: usize) -> bool {
    value.len() == bytes && number(value) == n
}

/// Whether `value` is the given version of key `n`.
pub fn is_version(value: &[u8], n: u64, version: u64, bytes: usize) -> bool {
    belongs(value, n, bytes) && word(value) == scramble(n ^ version << 44)
}

/// The number of the key that a value belongs to.
pub fn number(value: &[u8]) -> u64 {
    value.get(8..).map_or(u64::MAX, word)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(u64::MAX, |word| u64::from_le_bytes(*word))
}

/// Fails with `what` unless it holds.
pub fn check(holds: bool, what: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("a result is wrong: {what}").into()) }
}

/// Numbers below a bound, the small ones far more often (Gray et al., "Quickly generating
/// billion-record synthetic databases", SIGMOD 1994; as in the Yahoo Cloud Serving Benchmark).
pub struct Zipf {
    bound: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipf {
    const THETA: f64 = 0.99;

    /// Adds up `bound` terms.
    pub fn new(bound: u64) -> Zipf {
        let zeta = |terms: u64| (1..=terms).map(|i| (i as f64).powf(-Zipf::THETA)).sum::<f64>();
        let all = zeta(bound);
        let n = bound as f64;
        let eta = (1.0 - (2.0 / n).powf(1.0 - Zipf::THETA)) / (1.0 - zeta(2) / all);
        Zipf { bound: n, zeta: all, alpha: 1.0 / (1.0 - Zipf::THETA), eta }
    }

    /// The number that 64 random bits stand for.
    pub fn pick(&self, bits: u64) -> u64 {
        let u = (bits >> 11) as f64 / (1u64 << 53) as f64;
        let uz = u * self.zeta;
        if uz < 1.0 {
            return 0;
        }
        if uz < 1.0 + 0.5f64.powf(Zipf::THETA) {
            return 1;
        }
        let picked = self.bound * (self.eta * u - self.eta + 1.0).powf(self.alpha);
        (picked as u64).min(self.bound as u64 - 1)
    }
}
