//! Single commits that the operating system buffers, and a queue.

use std::path::Path;

use super::{Sizes, singles};
use crate::data::{VALUE_BYTES, ascending, check, fill, random, scramble};
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
    std::fs::remove_dir_all(&folder)?;
    queue::<S>(&meter, &dir.join("queue"), sizes)
}

/// Jobs taken from the head of a queue, one at a time.
fn queue<S: Store>(meter: &Meter, folder: &Path, sizes: Sizes) -> Outcome<()> {
    const JOBS: u64 = 10_000;
    let store = S::open(folder, sizes.setup(Wait::System))?;
    let mut value = [0; VALUE_BYTES];
    for job in 0..JOBS {
        fill(&mut value, job, 0);
        store.put(&ascending(job), &value)?;
    }
    meter.row("queue-take", JOBS, 0, |latencies| {
        for job in 0..JOBS {
            latencies.begin();
            let mut head = None;
            store.scan(&[], 1, |key, _| head = key.try_into().ok())?;
            check(head == Some(ascending(job)), "the head of a queue")?;
            store.write(&[(ascending(job), None)])?;
            latencies.ended();
        }
        Ok(())
    })?;
    store.close()?;
    Ok(std::fs::remove_dir_all(folder)?)
}
