//! How many filter bits the keys of a run get, so that all runs together let the fewest lookups
//! through in vain.
//!
//! A lookup of a missing key asks the filter of every run, and a run of few keys gets better
//! filters for little memory. The least sum of false positives for `average` bits a key over all
//! runs is had where a run lets keys through in proportion to its size (Dayan, Athanassoulis and
//! Idreos, "Monkey: Optimal Navigable Key-Value Store", SIGMOD 2017, section 4.1):
//!
//! ```text
//! bits of run i = average + (s(i) - sum over j of share(j) * s(j)) / (ln 2)^2
//! s(i)          = ln(1 / share(i)), where the shares of all keys sum up to 1
//! ```
//!
//! Not for: segments that are written already; they get theirs when they are merged.

/// More bits than this improve a filter of this kind no more.
const BITS_MAX: f64 = 24.0;
/// With fewer bits a filter is not worth its look-up.
const BITS_MIN: f64 = 4.0;

/// Bits for each key of a run of `keys` keys beside runs of `others` keys, where `average` bits are
/// to be spent on a key. None when the average is none.
pub(in crate::lsm) fn bits_per_key(average: u32, keys: u64, others: &[u64]) -> u32 {
    if average == 0 {
        return 0;
    }
    let keys = keys.max(1) as f64;
    let all = keys + others.iter().map(|&keys| keys as f64).sum::<f64>();
    let surprise = |keys: f64| (all / keys).ln();
    let others = others.iter().filter(|&&keys| keys > 0).map(|&keys| keys as f64);
    let expected: f64 = std::iter::once(keys).chain(others).map(|k| k / all * surprise(k)).sum();
    let bits = f64::from(average) + (surprise(keys) - expected) / std::f64::consts::LN_2.powi(2);
    bits.clamp(BITS_MIN.min(f64::from(average)), BITS_MAX.max(f64::from(average))).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lookups of missing keys that pass the filters in vain, of all runs together.
    fn passes(runs: &[u64], bits: impl Fn(usize) -> f64) -> f64 {
        let pass = |bits: f64| (-bits * std::f64::consts::LN_2.powi(2)).exp();
        (0..runs.len()).map(|i| pass(bits(i))).sum()
    }

    #[test]
    fn one_run_gets_the_average_and_none_stays_none() {
        assert_eq!(bits_per_key(10, 1000, &[]), 10);
        assert_eq!(bits_per_key(10, 0, &[0, 0]), 10);
        assert_eq!(bits_per_key(0, 1000, &[1_000_000]), 0);
        assert_eq!(bits_per_key(32, 1000, &[]), 32);
    }

    #[test]
    fn small_runs_get_more_bits_and_all_of_them_no_more_memory() {
        let runs = [20_000, 20_000, 200_000, 2_000_000, 20_000_000];
        let bits: Vec<u32> = (0..runs.len())
            .map(|i| {
                let others: Vec<u64> =
                    (0..runs.len()).filter(|&j| j != i).map(|j| runs[j]).collect();
                bits_per_key(10, runs[i], &others)
            })
            .collect();
        assert!(bits.is_sorted_by(|a, b| a >= b) && bits[0] > 18 && bits[4] == 9, "{bits:?}");
        let spent: u64 = runs.iter().zip(&bits).map(|(keys, bits)| keys * u64::from(*bits)).sum();
        let even: u64 = runs.iter().sum::<u64>() * 10;
        assert!(spent <= even, "{spent} bits instead of {even}");
        let (ours, even) = (passes(&runs, |i| bits[i].into()), passes(&runs, |_| 10.0));
        assert!(ours < even / 2.0, "{ours} instead of {even} look-ups in vain");
    }
}
