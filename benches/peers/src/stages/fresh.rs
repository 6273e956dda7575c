//! Reads of a store a tenth of whose keys were overwritten and not flushed: they are in memory,
//! where a store keeps what is new there. Then as many again, each commit waiting for the disk.

use std::path::Path;
use std::time::Instant;

use super::read::{self, Names};
use super::{Sizes, load_unmeasured};
use crate::data::{VALUE_BYTES, fill, random, scramble};
use crate::meter::Meter;
use crate::store::{Entry, Outcome, Store, Wait};

const NAMES: Names = Names {
    hit: "read-hit-fresh",
    miss: "read-miss-fresh",
    scan: "scan-100-fresh",
    full: "scan-full-fresh",
};

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let (meter, n) = (Meter::new(), sizes.keys);
    let folder = dir.join("fresh");
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    load_unmeasured(&store, n)?;
    let some = n / 10 / 100 * 100;
    overwrite(&store, some, n, 0, |_| ())?;
    store.settle()?;
    read::rows(&meter, &store, n, 0, sizes, &NAMES)?;
    store.close()?;

    let store = S::open(&folder, sizes.setup(Wait::Disk))?;
    meter.row("overwrite-sync-b100", some, some * Sizes::ENTRY_BYTES, |latencies| {
        overwrite(&store, some, n, 1, |began| latencies.count(began.elapsed()))?;
        store.flush()?;
        store.settle()
    })?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}

/// Gives `some` of the first `keys` keys values of this version, 100 in a commit.
fn overwrite<S: Store>(
    store: &S,
    some: u64,
    keys: u64,
    version: u64,
    mut done: impl FnMut(Instant),
) -> Outcome<()> {
    let mut values = vec![[0; VALUE_BYTES]; 100];
    for batch in 0..some / 100 {
        let picked: Vec<u64> = (0..100).map(|i| scramble(batch * 100 + i) % keys).collect();
        for (n, value) in picked.iter().zip(&mut values) {
            fill(value, *n, version);
        }
        let entries: Vec<Entry<'_>> =
            picked.iter().zip(&values).map(|(n, value)| (random(*n), Some(&value[..]))).collect();
        let began = Instant::now();
        store.write(&entries)?;
        done(began);
    }
    Ok(())
}
