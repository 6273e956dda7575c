//! Bulk loads, and files that are prepared for them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cuesta::{BulkLoad, Result, SegmentBuilder};
use cuesta_engine::env::Env;

use crate::model::choice::{Change, Load, Write};
use crate::model::contents::{Contents, Survives};
use crate::model::world::{World, layout_of};

/// Values by key, then by the name of the keyspace: a load may take turns among keyspaces.
type Sorted<'a> = BTreeMap<(&'a [u8], String), &'a Change>;

/// A value, and how long it lives.
fn value_of(change: &Change) -> (&[u8], Option<Duration>) {
    match change {
        Change::PutFor(value, ttl_ms) => (value, Some(Duration::from_millis(*ttl_ms))),
        Change::Put(value) | Change::Merge(value) => (value, None),
        Change::Delete => (b"loaded", None),
    }
}

impl World {
    fn sorted<'a>(&self, entries: &'a [Write]) -> Sorted<'a> {
        let named = entries
            .iter()
            .filter_map(|entry| Some(((&entry.key[..], self.name(entry.space)?), &entry.change)));
        named.collect()
    }

    fn add_all(&self, load: &mut BulkLoad, entries: &Sorted<'_>) -> Result<()> {
        for ((key, name), change) in entries {
            let handle = &self.handles[name];
            match value_of(change) {
                (value, None) => load.put(handle, key, value)?,
                (value, Some(ttl)) => load.put_with_ttl(handle, key, value, ttl)?,
            }
        }
        Ok(())
    }

    /// Writes a file of what is for one keyspace.
    fn prepare(&mut self, layout: u8, name: &str, entries: &Sorted<'_>) -> Result<PathBuf> {
        let path = PathBuf::from(format!("prepared {}", self.prepared));
        self.prepared += 1;
        let (env, options) = (self.clock.clone(), layout_of(layout));
        let mut builder = SegmentBuilder::create_in(env, &path, &options)?;
        for ((key, of), change) in entries {
            match value_of(change) {
                _ if of != name => {}
                (value, None) => builder.put(key, value)?,
                (value, Some(ttl)) => builder.put_with_ttl(key, value, ttl)?,
            }
        }
        builder.finish()?;
        Ok(path)
    }

    fn ingest_all(&mut self, load: &mut BulkLoad, layout: u8, of: &Sorted<'_>) -> Result<()> {
        for (name, handle) in self.handles.clone() {
            let path = self.prepare(layout, &name, of)?;
            load.ingest(&handle, path)?;
        }
        Ok(())
    }

    pub fn load(&mut self, of: &Load) {
        let entries = self.sorted(&of.entries);
        let mut load = match self.db.bulk_load() {
            Ok(load) => load,
            Err(error) => return self.permit(&error, "beginning a load"),
        };
        let added = match of.prepared {
            Some(layout) => self.ingest_all(&mut load, layout, &entries),
            None => self.add_all(&mut load, &entries),
        };
        if let Err(error) = added {
            return self.permit(&error, "loading");
        }
        assert_eq!(load.len(), entries.len() as u64);
        if let Some(write) = &of.meanwhile {
            self.write(write);
        }
        if !of.finished || self.poisoned {
            return;
        }
        let mut next: Contents = self.history.now().clone();
        for ((key, name), change) in &entries {
            let change = match value_of(change) {
                (value, None) => Change::Put(value.to_vec()),
                (value, Some(ttl)) => Change::PutFor(value.to_vec(), ttl.as_millis() as u64),
            };
            next.write(name, key, &change, self.clock.wall_ms());
        }
        match load.finish() {
            Ok(loaded) => {
                assert_eq!(loaded.entries, entries.len() as u64);
                if !entries.is_empty() {
                    self.history.push(next, Survives::PowerLoss);
                }
            }
            Err(error) => self.refused(&error, "ending a load", next),
        }
    }
}
