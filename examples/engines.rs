//! Two keyspaces of one database, each of the engine that suits it, in one commit.
//!
//! `cargo run -p cuesta --example engines [DIRECTORY]`

use std::path::{Path, PathBuf};

use cuesta::{Database, KeyspaceEngine, KeyspaceOptions, Result};

fn main() -> Result<()> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let folder =
        tempfile::tempdir().map_err(|e| cuesta::Error::io("a folder for the example", e))?;
    run(&given.unwrap_or_else(|| folder.path().join("db")))
}

fn run(path: &Path) -> Result<()> {
    let db = Database::open(path)?;
    // Looked up all the time, and hardly ever changed: a B+tree, with full pages.
    let options = KeyspaceOptions::new().engine(KeyspaceEngine::Btree).fill_percent(100);
    let prices = db.keyspace_with("prices", &options)?;
    // Written all the time: a log-structured merge tree, which is the default.
    let sales = db.keyspace("sales")?;

    let mut load = db.bulk_load()?;
    for item in 0..10_000u32 {
        load.put(&prices, item.to_be_bytes(), (item % 90 + 10).to_be_bytes())?;
    }
    load.finish()?;
    for sale in 0..1000u32 {
        db.transact(|tx| {
            let item = (sale * 7919 % 10_000).to_be_bytes();
            let price = tx.get(&prices, item)?.map(|price| price.to_vec()).unwrap_or_default();
            tx.put(&sales, sale.to_be_bytes(), [&item[..], &price].concat())
        })?;
    }
    // Both change together, whatever they are.
    let mut batch = db.batch();
    batch.put(&prices, 7u32.to_be_bytes(), 99u32.to_be_bytes())?;
    batch.put(&sales, 1000u32.to_be_bytes(), "the price of item 7 was raised")?;
    batch.commit()?;
    db.flush()?;

    for keyspace in db.stats().keyspaces {
        let (name, engine, bytes) = (keyspace.name, keyspace.engine, keyspace.segment_bytes);
        println!("{name:7} {engine:6} {:6} entries {bytes:9} bytes", keyspace.entries);
    }
    let first = prices.iter()?.take(3).collect::<Result<Vec<_>>>()?;
    println!("the first {} of {} prices, in order", first.len(), prices.iter()?.count());
    println!("engine of {:?}: {:?}", prices.name(), prices.options()?.values().engine);
    db.close()
}
