//! Single commits that the operating system buffers.

use std::path::Path;

use super::{Sizes, singles};
use crate::data::{ascending, random, scramble};
use crate::meter::Meter;
use crate::store::{Outcome, Store, Wait};

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let (meter, n) = (Meter::new(), sizes.keys);
    let folder = dir.join("ascending");
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    singles(&meter, &store, "fill-seq-b1", n, 0, |i| (i, ascending(i)))?;
    store.close()?;
    std::fs::remove_dir_all(&folder)?;

    let folder = dir.join("random");
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    singles(&meter, &store, "fill-rand-b1", n, 0, |i| (i, random(i)))?;
    let again = |i| {
        let n = scramble(i) % n;
        (n, random(n))
    };
    singles(&meter, &store, "overwrite-b1", n, 1, again)?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}
