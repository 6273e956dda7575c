//! A set four times as large as the memory that a store gets.

use std::path::Path;

use super::{Sizes, batches, read};
use crate::data::random;
use crate::meter::Meter;
use crate::store::{Outcome, Store, Wait};

const NAMES: read::Names = read::Names {
    hit: "big-read-hit",
    miss: "big-read-miss",
    scan: "big-scan-100",
    full: "big-scan-full",
};

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let meter = Meter::new();
    let n = sizes.memory_bytes * 4 / Sizes::ENTRY_BYTES / 100 * 100;
    let folder = dir.join("big");
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    batches(&meter, &store, "big-fill-b100", n, 0, |i| (i, random(i)))?;
    meter.disk("big-disk", &folder)?;
    meter.fact("big-stored", (n * Sizes::ENTRY_BYTES) as f64)?;
    read::rows(&meter, &store, n, 0, sizes, &NAMES)?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}
