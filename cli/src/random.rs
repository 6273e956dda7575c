//! Numbers that look random and depend on a seed alone: for measurements and demonstrations.
//!
//! Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014
//! (splitmix64). Not for secrets.

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// The next number as one of `0..end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

/// A permutation of all numbers without visible order.
pub fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Numbers of which the first are wanted most, by Zipf's law.
///
/// Source: Gray et al., Quickly Generating Billion-Record Synthetic Databases, SIGMOD 1994.
#[derive(Clone, Copy, Debug)]
pub struct Zipf {
    end: f64,
    theta: f64,
    zeta: f64,
    eta: f64,
}

impl Zipf {
    /// Numbers below `end`, of which the n-th is wanted as often as n to the power of minus
    /// `theta` says, which is less than 1. Adds up `end` numbers.
    pub fn new(end: u64, theta: f64) -> Zipf {
        let zeta: f64 = (1..=end).map(|n| (n as f64).powf(-theta)).sum();
        let end = end as f64;
        let eta = (1.0 - (2.0 / end).powf(1.0 - theta)) / (1.0 - (1.0 + 0.5f64.powf(theta)) / zeta);
        Zipf { end, theta, zeta, eta }
    }

    /// The next number.
    pub fn next(&self, random: &mut Random) -> u64 {
        let share = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let at = share * self.zeta;
        if at < 1.0 {
            return 0;
        }
        if at < 1.0 + 0.5f64.powf(self.theta) {
            return 1;
        }
        let number = self.end * (self.eta * share - self.eta + 1.0).powf(1.0 / (1.0 - self.theta));
        number.min(self.end - 1.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_wanted_most() {
        let (zipf, mut random) = (Zipf::new(1000, 0.9), Random::new(1));
        let mut counts = vec![0u32; 1000];
        for _ in 0..100_000 {
            counts[zipf.next(&mut random) as usize] += 1;
        }
        // The first of them by one over the sum of all, and so on.
        assert!((8_000..11_000).contains(&counts[0]), "{}", counts[0]);
        assert!(counts[0] > counts[1] && counts[1] > counts[9] && counts[9] > counts[99]);
        assert!(counts[900..].iter().sum::<u32>() > 1_000);
    }
}
