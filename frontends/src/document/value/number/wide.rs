//! Whole numbers wide enough for any decimal and any double side by side, on the stack.

use std::cmp::Ordering;

/// 1,536 bits, the least significant ones first. Both sides of a comparison of a decimal and a
/// double of like size need at most 113 + 1,210 bits: the coefficient or mantissa times what
/// clears the other's exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide([u64; 24]);

impl Wide {
    pub fn new(number: u128) -> Wide {
        let mut words = [0; 24];
        words[0] = number as u64;
        words[1] = (number >> 64) as u64;
        Wide(words)
    }

    /// Multiplies by `10^power`; what does not fit is lost.
    pub fn multiply_power_of_ten(&mut self, mut power: u32) {
        while power > 0 {
            let step = power.min(19);
            self.multiply(10_u64.pow(step));
            power -= step;
        }
    }

    fn multiply(&mut self, factor: u64) {
        let mut carry = 0;
        for word in &mut self.0 {
            let product = u128::from(*word) * u128::from(factor) + carry;
            *word = product as u64;
            carry = product >> 64;
        }
    }

    /// Multiplies by `2^bits`; what does not fit is lost.
    pub fn shift_left(&mut self, bits: u32) {
        let (words, bits) = ((bits / 64) as usize, bits % 64);
        for at in (0..self.0.len()).rev() {
            let word = |back: usize| {
                let from = at.checked_sub(words + back);
                u128::from(from.and_then(|from| self.0.get(from)).copied().unwrap_or(0))
            };
            let both = word(0) << 64 | word(1);
            let shifted = (both >> (64 - bits)) as u64;
            self.0[at] = shifted;
        }
    }
}

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wide {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}
