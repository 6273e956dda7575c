//! `keyspaces`: what keyspaces there are, and changing that.

use clap::{Args, Subcommand};
use cuesta::{
    Compression, Database, Durability, Error, ErrorKind, KeyspaceEngine, KeyspaceOptions,
    OptionValues, Result,
};
use serde_json::{Value, json};

use crate::figures;
use crate::lifetime;
use crate::output::Output;
use crate::place::{Making, Place};
use crate::writing::{Keeping, Writing};

/// Without a change, lists the keyspaces.
#[derive(Debug, Args)]
pub struct Keyspaces {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Create a keyspace, and the database when it is missing
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        making: Making,
        #[command(flatten)]
        keeping: Keeping,
    },
    /// Rename a keyspace
    Rename {
        /// Its name
        name: String,
        /// Its new name
        to: String,
        #[command(flatten)]
        keeping: Keeping,
    },
    /// Drop a keyspace with everything in it
    Drop {
        /// Its name
        name: String,
        #[command(flatten)]
        keeping: Keeping,
    },
}

impl Keyspaces {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let Some(change) = &self.change else {
            return list(&self.place.read()?, output);
        };
        let done = match change {
            Change::Create { name, making, keeping } => {
                let place = Writing::at(&self.place, keeping);
                place.creating(Database::builder(), |db| create(db, name, making))?;
                json!({ "created": name })
            }
            Change::Rename { name, to, keeping } => {
                let db = Writing::at(&self.place, keeping).write(Durability::Sync)?;
                db.rename_keyspace(name, to)?;
                db.close()?;
                json!({ "renamed": name, "to": to })
            }
            Change::Drop { name, keeping } => {
                let db = Writing::at(&self.place, keeping).write(Durability::Sync)?;
                db.drop_keyspace(name)?;
                db.close()?;
                json!({ "dropped": name })
            }
        };
        output.show(String::new, || done)
    }
}

fn create(db: &Database, name: &str, making: &Making) -> Result<()> {
    if db.existing_keyspace(name).is_ok() {
        let message = format!("there is a keyspace {name:?} already");
        return Err(Error::new(ErrorKind::Exists, message));
    }
    db.keyspace_with(name, &making.into()).map(drop)
}

fn list(db: &Database, output: &mut Output) -> Result<()> {
    let stats = db.stats();
    let mut all = stats.keyspaces;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let of = |keyspace: cuesta::KeyspaceStats| {
        let options = db.existing_keyspace(&keyspace.name)?.options()?.values();
        Ok((keyspace, options))
    };
    let all = all.into_iter().map(of).collect::<Result<Vec<_>>>()?;
    output.show(
        || {
            let width = all.iter().map(|(keyspace, _)| keyspace.name.len()).max().unwrap_or(0);
            let line = |(keyspace, options): &(cuesta::KeyspaceStats, OptionValues)| {
                format!(
                    "{:width$}  {:>10} on disk  {:>12}  {:>10} in memory{}\n",
                    keyspace.name,
                    figures::bytes(keyspace.segment_bytes),
                    figures::counted(keyspace.segments as u64, "segment"),
                    figures::bytes(keyspace.memtable_bytes),
                    asked_for(options),
                )
            };
            all.iter().map(line).collect()
        },
        || {
            let object = |(keyspace, options): &(cuesta::KeyspaceStats, OptionValues)| {
                let mut object = super::stats::of_keyspace(keyspace);
                object["options"] = of_options(options);
                object
            };
            json!({ "keyspaces": all.iter().map(object).collect::<Vec<_>>() })
        },
    )
}

/// Options that are not the defaults, as they are given to `create`.
fn asked_for(options: &OptionValues) -> String {
    let usual = KeyspaceOptions::new().values();
    let packing = names_of(options);
    let packing = match packing.first() {
        _ if options.compression == usual.compression => None,
        Some(first) if packing.iter().all(|name| name == first) => Some((*first).to_owned()),
        _ => Some(packing.join(",")),
    };
    let number = |has: u32, usual: u32| (has != usual).then(|| has.to_string());
    let engine = (options.engine != usual.engine).then(|| options.engine.name().to_owned());
    let fill_percent = number(options.fill_percent.into(), usual.fill_percent.into());
    // Those of the other engine are as usual.
    let all = [
        ("engine", engine),
        ("compression", packing),
        ("ttl", options.ttl.map(lifetime::text)),
        ("merge-operator", options.merge_operator.clone()),
        ("blob-threshold", number(options.blob_threshold, usual.blob_threshold)),
        ("block-bytes", number(options.block_bytes, usual.block_bytes)),
        ("filter-bits", number(options.filter_bits.into(), usual.filter_bits.into())),
        ("page-bytes", number(options.page_bytes, usual.page_bytes)),
        ("fill-percent", fill_percent),
    ];
    let all = all.into_iter().filter_map(|(name, value)| Some(format!(" --{name} {}", value?)));
    let all: String = all.collect();
    if all.is_empty() { all } else { format!(" {all}") }
}

/// All options for programs: those of its engine, and those of all.
fn of_options(options: &OptionValues) -> Value {
    let mut all = match options.engine {
        KeyspaceEngine::Btree => json!({
            "page_bytes": options.page_bytes,
            "fill_percent": options.fill_percent,
        }),
        _ => json!({
            "compression": names_of(options),
            "block_bytes": options.block_bytes,
            "filter_bits": options.filter_bits,
            "blob_threshold": options.blob_threshold,
        }),
    };
    all["engine"] = json!(options.engine.name());
    all["ttl_seconds"] = json!(options.ttl.map(|ttl| ttl.as_secs_f64()));
    all["merge_operator"] = json!(options.merge_operator);
    all
}

/// How each level is compressed, the newest data first.
fn names_of(options: &OptionValues) -> [&'static str; 7] {
    options.compression.map(|compression| match compression {
        Compression::None => "none",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    })
}
