//! A store that another process filled, compacted and closed: opened, overwritten, half deleted.

use std::path::Path;

use super::{Sizes, batches, loaded, read};
use crate::data::{self, VALUE_BYTES, check, random, scramble};
use crate::meter::{Meter, forget_pages};
use crate::store::{Entry, Outcome, Setup, Store, Wait};

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let (meter, n) = (Meter::new(), sizes.keys);
    let folder = loaded(dir);
    let setup = sizes.setup(Wait::System);
    forget_pages(&folder)?;
    let store = opened::<S>(&meter, "open-cold", &folder, setup)?;
    store.close()?;
    let store = opened::<S>(&meter, "open-warm", &folder, setup)?;
    let again = |i| {
        let n = scramble(i) % n;
        (n, random(n))
    };
    batches(&meter, &store, "overwrite-b100", n, 1, again)?;
    meter.disk("disk-after-overwrite", &folder)?;

    let deleted = n / 200 * 100;
    meter.row("delete-b100", deleted, 0, |latencies| {
        for batch in 0..deleted / 100 {
            let numbers = batch * 100..batch * 100 + 100;
            let entries: Vec<Entry<'_>> = numbers.map(|n| (random(n), None)).collect();
            latencies.begin();
            store.write(&entries)?;
            latencies.ended();
        }
        store.flush()?;
        store.settle()
    })?;
    meter.disk("disk-after-delete", &folder)?;
    let left = n - deleted;
    meter.row("scan-after-delete", left, 0, |_| read::full(&store, left, deleted..n))?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}

/// Opens a store and reads a key, which is the row.
fn opened<S: Store>(meter: &Meter, name: &str, folder: &Path, setup: Setup) -> Outcome<S> {
    let mut opened = None;
    meter.row(name, 1, 0, |latencies| {
        let store = S::open(folder, setup)?;
        let right = |value: &[u8]| data::is_version(value, 1, 0, VALUE_BYTES);
        check(store.get(&random(1), right)? == Some(true), "a key after opening")?;
        latencies.ended();
        opened = Some(store);
        Ok(())
    })?;
    opened.ok_or_else(|| "no store was opened".into())
}
