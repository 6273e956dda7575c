//! Bulk loads, and files that are prepared for them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cuesta::{BulkLoad, Keyspace, Result, SegmentBuilder};

use crate::operation::{By, Change, End, SPACES, Write};
use crate::world::{World, outcome, write};

fn add(load: &mut BulkLoad, space: &Keyspace, entry: &Write) -> Result<()> {
    match &entry.change {
        Change::PutFor(value, ttl_ms) => {
            load.put_with_ttl(space, &entry.key, value.bytes(), Duration::from_millis(*ttl_ms))
        }
        Change::Put(value) => load.put(space, &entry.key, value.bytes()),
        other => panic!("a load does not {other:?}"),
    }
}

impl World {
    /// Writes entries of a keyspace to a file.
    fn prepare(&mut self, space: usize, entries: &[&Write]) -> Result<PathBuf> {
        let path = self.copy();
        let (operator, ttl_ms) = SPACES[space];
        let options = self.set().keyspace(operator, ttl_ms);
        let mut builder = SegmentBuilder::create_in(self.clock(), &path, &options)?;
        for entry in entries {
            match &entry.change {
                Change::PutFor(value, ttl_ms) => {
                    let ttl = Duration::from_millis(*ttl_ms);
                    builder.put_with_ttl(&entry.key, value.bytes(), ttl)?;
                }
                Change::Put(value) => builder.put(&entry.key, value.bytes())?,
                other => panic!("a load does not {other:?}"),
            }
        }
        assert_eq!(builder.finish()?.entries, entries.len() as u64);
        Ok(path)
    }

    /// Loads entries, beside other writes.
    pub fn load(
        &mut self,
        entries: &[Write],
        by: By,
        meanwhile: &[Write],
        end: End,
    ) -> Result<String> {
        let mut load = self.now().db.bulk_load()?;
        match by {
            By::Load => {
                for entry in entries {
                    add(&mut load, &self.now().spaces[entry.space], entry)?;
                }
            }
            By::Files(most) => {
                let mut spaces: BTreeMap<usize, Vec<&Write>> = BTreeMap::new();
                entries.iter().for_each(|entry| spaces.entry(entry.space).or_default().push(entry));
                for (space, entries) in spaces {
                    for part in entries.chunks(most) {
                        let path = self.prepare(space, part)?;
                        load.ingest(&self.now().spaces[space], path)?;
                    }
                }
            }
        }
        let outcomes = meanwhile.iter().map(|of| outcome(write(&self.now().spaces[of.space], of)));
        let answers = outcomes.collect::<Vec<_>>().join(" ");
        self.work(None);
        if let End::Rollback = end {
            return Ok(answers + " dropped");
        }
        Ok(format!("{answers} {}", load.finish()?.entries))
    }
}
