//! Rows that only read, and prove what they read.

use super::{Sizes, sampled};
use crate::data::{self, VALUE_BYTES, check, random, scramble};
use crate::meter::Meter;
use crate::store::{Key, Outcome, Store};

/// Names of the rows.
pub struct Names {
    pub hit: &'static str,
    pub miss: &'static str,
    pub scan: &'static str,
    pub full: &'static str,
}

/// Reads a store that holds the keys 0 to `keys`, all of `version`, after a few unmeasured reads.
pub fn rows<S: Store>(
    meter: &Meter,
    store: &S,
    keys: u64,
    version: u64,
    sizes: Sizes,
    names: &Names,
) -> Outcome<()> {
    let reads = sizes.reads();
    let hit = |i: u64| {
        let n = scramble(i) % keys;
        let right = |value: &[u8]| data::is_version(value, n, version, VALUE_BYTES);
        check(store.get(&random(n), right)? == Some(true), "a hit")
    };
    (0..reads / 4).try_for_each(|i| hit(!i))?;
    meter.row(names.hit, reads, 0, |latencies| {
        (0..reads).try_for_each(|i| sampled(latencies, i, || hit(i)))
    })?;
    meter.row(names.miss, reads, 0, |latencies| {
        (0..reads).try_for_each(|i| {
            let miss = || check(store.get(&random(keys + i), |_| ())?.is_none(), "a miss");
            sampled(latencies, i, miss)
        })
    })?;
    let scans = reads / 20;
    meter.row(names.scan, scans, 0, |latencies| {
        for i in 0..scans {
            hundred(store, &random(scramble(i) % keys))?;
            latencies.ended();
        }
        Ok(())
    })?;
    meter.row(names.full, 3 * keys, 0, |latencies| {
        for _ in 0..3 {
            full(store, keys, 0..keys)?;
            latencies.ended();
        }
        Ok(())
    })
}

/// Scans 100 entries from a key that is there: all of them, in order, unless the end is near.
pub fn hundred<S: Store>(store: &S, start: &Key) -> Outcome<()> {
    let (mut count, mut last, mut ordered) = (0, 0, true);
    let mut first = None;
    store.scan(start, 100, |key, value| {
        let number = key.first_chunk().map_or(0, |key| u128::from_be_bytes(*key));
        ordered &= number > last && value.len() == VALUE_BYTES;
        first.get_or_insert(number);
        last = number;
        count += 1;
    })?;
    check(ordered && first == Some(u128::from_be_bytes(*start)), "entries of a short scan")?;
    // The last hundredth of the keys may have fewer behind them.
    check(count == 100 || start[0] >= 0xfd, "the number of entries of a short scan")
}

/// Scans everything: as many entries as there should be, with the numbers of `kept` in them.
pub fn full<S: Store>(store: &S, count: u64, kept: std::ops::Range<u64>) -> Outcome<()> {
    let (mut seen, mut sum) = (0u64, 0u64);
    store.scan(&[], usize::MAX, |key, value| {
        sum = sum.wrapping_add(data::number(value)).wrapping_add(u64::from(key.is_empty()));
        seen += 1;
    })?;
    let last = u128::from(kept.end.max(1) - 1);
    let before = u128::from(kept.start.max(1) - 1);
    let wanted = (last * (last + 1) - before * (before + 1)) / 2;
    check(seen == count && sum == wanted as u64, "a full scan")
}
