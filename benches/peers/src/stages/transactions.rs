//! Eight threads of serializable transactions, each over ten random keys of a million.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cuesta::ErrorKind;

use super::{Sizes, load_unmeasured};
use crate::data::{VALUE_BYTES, check, fill, random, scramble};
use crate::engines::{Cuesta, Lsm};
use crate::meter::Meter;
use crate::store::{Outcome, Store, Wait};

const THREADS: u64 = 8;
const KEYS_EACH: u64 = 10;
const KEYS_MAX: u64 = 1_000_000;

pub fn run(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let meter = Meter::new();
    let folder = dir.join("transactions");
    let store = Cuesta::<Lsm>::open(&folder, sizes.setup(Wait::System))?;
    let keys = KEYS_MAX;
    load_unmeasured(&store, keys)?;
    let each = sizes.keys / 100;
    let tried = AtomicU64::new(0);
    let all = each * THREADS;
    meter.row("transactions-8t", all, 0, |latencies| {
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (store, tried) = (&store, &tried);
                    scope.spawn(move || client(store, thread, each, keys, tried))
                })
                .collect();
            let taken: Outcome<Vec<_>> = threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a thread panicked")?)
                .collect();
            taken
        })?;
        taken.iter().flatten().for_each(|latency| latencies.count(*latency));
        Ok(())
    })?;
    let tried = tried.load(Ordering::Relaxed);
    check(tried >= all, "the number of transactions")?;
    meter.fact("transactions-aborted-share", (tried - all) as f64 / tried as f64)?;
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}

/// Commits `each` transactions that read and then write their keys, however often that takes.
fn client(
    store: &Cuesta<Lsm>,
    thread: u64,
    each: u64,
    keys: u64,
    tried: &AtomicU64,
) -> Outcome<Vec<std::time::Duration>> {
    let mut value = [0; VALUE_BYTES];
    let mut taken = Vec::with_capacity(each as usize);
    for i in 0..each {
        let began = std::time::Instant::now();
        loop {
            tried.fetch_add(1, Ordering::Relaxed);
            let transaction = store.db.begin()?;
            for at in 0..KEYS_EACH {
                let n = scramble((thread * each + i) * KEYS_EACH + at) % keys;
                check(transaction.get(&store.keys, random(n))?.is_some(), "a read")?;
                fill(&mut value, n, i & 0xfffff);
                transaction.put(&store.keys, random(n), value)?;
            }
            match transaction.commit() {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        taken.push(began.elapsed());
    }
    Ok(taken)
}
