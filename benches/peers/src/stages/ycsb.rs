//! The core workloads of the Yahoo Cloud Serving Benchmark, one after another on one store.
//!
//! | workload | operations | picked |
//! | --- | --- | --- |
//! | A | half reads, half updates | zipfian |
//! | B | 95 % reads, 5 % updates | zipfian |
//! | C | reads | zipfian |
//! | D | 95 % reads, 5 % inserts | the latest most |
//! | E | 95 % scans of 1 to 100 entries, 5 % inserts | zipfian |
//! | F | half reads, half read-modify-writes | zipfian |
//!
//! Rows end when background work has settled, but nothing is flushed for them: workload E scans
//! what A to D left in memory.

use std::path::Path;

use super::{Sizes, load_unmeasured};
use crate::data::{self, VALUE_BYTES, Zipf, check, fill, random, scramble};
use crate::meter::Meter;
use crate::store::{Outcome, Store, Wait};

struct Client<'a, S> {
    store: &'a S,
    zipf: Zipf,
    keys: u64,
    inserted: u64,
    turn: u64,
    value: [u8; VALUE_BYTES],
}

impl<S: Store> Client<'_, S> {
    /// 64 bits at random.
    fn bits(&mut self) -> u64 {
        self.turn += 1;
        scramble(self.turn)
    }

    /// Whether the next operation is one of the given share, in percent.
    fn chance(&mut self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    fn popular(&mut self) -> u64 {
        let bits = self.bits();
        scramble(self.zipf.pick(bits)) % self.keys
    }

    fn latest(&mut self) -> u64 {
        let bits = self.bits();
        self.keys + self.inserted - 1 - self.zipf.pick(bits)
    }

    fn read(&self, n: u64) -> Outcome<()> {
        let right = |value: &[u8]| data::belongs(value, n, VALUE_BYTES);
        check(self.store.get(&random(n), right)? == Some(true), "a read")
    }

    fn write(&mut self, n: u64) -> Outcome<()> {
        fill(&mut self.value, n, self.turn & 0xfffff);
        self.store.put(&random(n), &self.value)
    }

    fn insert(&mut self) -> Outcome<()> {
        let n = self.keys + self.inserted;
        self.inserted += 1;
        self.write(n)
    }

    /// Reads this share in percent of the time, else writes.
    fn mix(&mut self, reads: u64) -> Outcome<()> {
        let n = self.popular();
        if self.chance(reads) { self.read(n) } else { self.write(n) }
    }

    fn latest_or_insert(&mut self) -> Outcome<()> {
        if self.chance(5) {
            return self.insert();
        }
        let n = self.latest();
        self.read(n)
    }

    fn scan_or_insert(&mut self) -> Outcome<()> {
        if self.chance(5) {
            return self.insert();
        }
        let (n, limit) = (self.popular(), self.bits() as usize % 100 + 1);
        let (mut count, mut whole) = (0, true);
        self.store.scan(&random(n), limit, |_, value| {
            whole &= value.len() == VALUE_BYTES;
            count += 1;
        })?;
        check(whole && count > 0, "a scan")
    }

    fn read_or_modify(&mut self) -> Outcome<()> {
        let n = self.popular();
        self.read(n)?;
        if self.chance(50) { Ok(()) } else { self.write(n) }
    }
}

pub fn run<S: Store>(dir: &Path, sizes: Sizes) -> Outcome<()> {
    let meter = Meter::new();
    let folder = dir.join("served");
    let store = S::open(&folder, sizes.setup(Wait::System))?;
    load_unmeasured(&store, sizes.keys)?;
    let mut client = Client {
        store: &store,
        zipf: Zipf::new(sizes.keys),
        keys: sizes.keys,
        inserted: 0,
        turn: 0,
        value: [0; VALUE_BYTES],
    };
    type Operation<'a, S> = fn(&mut Client<'a, S>) -> Outcome<()>;
    let workloads: [(&str, u64, Operation<'_, S>); 6] = [
        ("ycsb-A", 1, |client| client.mix(50)),
        ("ycsb-B", 1, |client| client.mix(95)),
        ("ycsb-C", 1, |client| client.mix(100)),
        ("ycsb-D", 1, Client::latest_or_insert),
        ("ycsb-E", 10, Client::scan_or_insert),
        ("ycsb-F", 1, Client::read_or_modify),
    ];
    for (name, share, operation) in workloads {
        let count = sizes.keys / 2 / share;
        meter.row(name, count, 0, |latencies| {
            for _ in 0..count {
                operation(&mut client)?;
                latencies.ended();
            }
            store.settle()
        })?;
    }
    store.close()?;
    Ok(std::fs::remove_dir_all(&folder)?)
}
