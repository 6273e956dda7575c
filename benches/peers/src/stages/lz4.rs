//! A compacted store whose blocks are all compressed with LZ4: its size, and reading it.

use std::path::Path;

use super::read::{self, Names};
use super::{Sizes, batches};
use crate::data::random;
use crate::meter::Meter;
use crate::store::{Codec, Outcome, Store, Wait};

const NAMES: Names = Names {
    hit: "lz4-read-hit",
    miss: "lz4-read-miss",
    scan: "lz4-scan-100",
    full: "lz4-scan-full",
};

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let (meter, n) = (Meter::new(), sizes.keys);
    let folder = dir.join("lz4");
    let mut setup = sizes.setup(Wait::System);
    setup.codec = Codec::Lz4;
    let store = S::open(&folder, setup)?;
    batches(&meter, &store, "lz4-fill-b100", n, 0, |i| (i, random(i)))?;
    let store = store.compact()?;
    store.settle()?;
    meter.disk("lz4-disk", &folder)?;
    read::rows(&meter, &store, n, 0, sizes, &NAMES)?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}
