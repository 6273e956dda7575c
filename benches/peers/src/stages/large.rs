//! Values of 64 KiB, half of which compress.

use std::path::Path;

use super::Sizes;
use crate::data::{self, KEY_BYTES, LARGE_BYTES, check, fill, random, scramble};
use crate::meter::Meter;
use crate::store::{Outcome, Store, Wait};

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let (meter, n) = (Meter::new(), (sizes.keys / 500).max(100));
    let folder = dir.join("large");
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    let mut value = vec![0; LARGE_BYTES];
    let stored = n * (KEY_BYTES + LARGE_BYTES) as u64;
    meter.row("large-fill", n, stored, |latencies| {
        for i in 0..n {
            fill(&mut value, i, 0);
            latencies.begin();
            store.put(&random(i), &value)?;
            latencies.ended();
        }
        store.flush()?;
        store.settle()
    })?;
    meter.disk("large-disk", &folder)?;
    let read = |i: u64| {
        let n = scramble(i) % n;
        let right = |value: &[u8]| {
            // The whole value is read: its pages, not just its address.
            let sum: u64 = value.iter().step_by(64).map(|byte| u64::from(*byte)).sum();
            data::belongs(value, n, LARGE_BYTES) && sum > 0
        };
        check(store.get(&random(n), right)? == Some(true), "a large value")
    };
    (0..n).try_for_each(|i| read(!i))?;
    let reads = 4 * n;
    meter.row("large-read", reads, 0, |latencies| {
        for i in 0..reads {
            read(i)?;
            latencies.ended();
        }
        Ok(())
    })?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}
