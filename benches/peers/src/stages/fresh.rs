//! Reads of a store a tenth of whose keys were overwritten and not flushed: they are in memory,
//! where a store keeps what is new there.

use std::path::Path;

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
    let mut values = vec![[0; VALUE_BYTES]; 100];
    for batch in 0..n / 1000 {
        let numbers: Vec<u64> = (0..100).map(|i| scramble(batch * 100 + i) % n).collect();
        for (n, value) in numbers.iter().zip(&mut values) {
            fill(value, *n, 0);
        }
        let entries: Vec<Entry<'_>> = numbers
            .iter()
            .zip(&values)
            .map(|(n, value)| (random(*n), Some(value.as_slice())))
            .collect();
        store.write(&entries)?;
    }
    store.settle()?;
    read::rows(&meter, &store, n, 0, sizes, &NAMES)?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}
