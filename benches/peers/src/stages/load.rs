//! Batches that fill, then reads before and after compaction.

use std::path::Path;

use super::read::{self, Names};
use super::{Sizes, batches, loaded};
use crate::data::{ascending, random};
use crate::meter::Meter;
use crate::store::{Outcome, Store, Wait};

const BEFORE: Names =
    Names { hit: "read-hit", miss: "read-miss", scan: "scan-100", full: "scan-full" };
const AFTER: Names = Names {
    hit: "read-hit-compacted",
    miss: "read-miss-compacted",
    scan: "scan-100-compacted",
    full: "scan-full-compacted",
};

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let (meter, n) = (Meter::new(), sizes.keys);
    let folder = dir.join("ascending");
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    batches(&meter, &store, "fill-seq-b100", n, 0, |i| (i, ascending(i)))?;
    store.close()?;
    std::fs::remove_dir_all(&folder)?;

    let folder = loaded(dir);
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    batches(&meter, &store, "fill-rand-b100", n, 0, |i| (i, random(i)))?;
    meter.disk("disk-after-load", &folder)?;
    read::rows(&meter, &store, n, 0, sizes, &BEFORE)?;
    let mut compacted = None;
    meter.row("compact", n, n * Sizes::ENTRY_BYTES, |_| {
        let store = store.compact()?;
        store.settle()?;
        compacted = Some(store);
        Ok(())
    })?;
    let store = compacted.ok_or("no store is left after compaction")?;
    meter.disk("disk-after-compact", &folder)?;
    read::rows(&meter, &store, n, 0, sizes, &AFTER)?;
    store.close()
}
