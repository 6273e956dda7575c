//! Commits of one key that wait for the disk, by one thread and by eight.

use std::path::Path;
use std::time::Instant;

use super::Sizes;
use crate::data::{self, VALUE_BYTES, check, fill, random};
use crate::meter::Meter;
use crate::store::{Outcome, Store, Wait};

const THREADS: u64 = 8;

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let (meter, n) = (Meter::new(), sizes.synced());
    let folder = dir.join("synced");
    let store = S::open(&folder, sizes.setup(Wait::Disk))?;
    put_all(&store, 0, n / 10, &mut |_| ())?;
    meter.row("sync-1t", n, n * Sizes::ENTRY_BYTES, |latencies| {
        put_all(&store, 1, n, &mut |began| latencies.count(began.elapsed()))
    })?;
    let each = n / 2;
    let all = each * THREADS;
    meter.row("sync-8t", all, all * Sizes::ENTRY_BYTES, |latencies| {
        let taken = std::thread::scope(|scope| {
            let store = &store;
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn(move || {
                        let mut taken = Vec::with_capacity(each as usize);
                        put_all(store, 2 + thread, each, &mut |began| {
                            taken.push(began.elapsed());
                        })?;
                        Outcome::Ok(taken)
                    })
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
    for number in [number(0, 0), number(1, n - 1), number(9, each - 1)] {
        let right = |value: &[u8]| data::belongs(value, number, VALUE_BYTES);
        check(store.get(&random(number), right)? == Some(true), "a synced key")?;
    }
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}

fn number(writer: u64, i: u64) -> u64 {
    writer << 32 | i
}

fn put_all<S: Store>(
    store: &S,
    writer: u64,
    count: u64,
    done: &mut impl FnMut(Instant),
) -> Outcome<()> {
    let mut value = [0; VALUE_BYTES];
    for i in 0..count {
        let n = number(writer, i);
        fill(&mut value, n, 0);
        let began = Instant::now();
        store.put(&random(n), &value)?;
        done(began);
    }
    Ok(())
}
