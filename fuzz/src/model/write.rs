//! Writes: single ones, batches, and those to keyspaces that are gone.

use std::time::Duration;

use cuesta::{Batch, Durability, ErrorKind, Result};
use cuesta_engine::env::Env;

use crate::model::choice::{Change, Range, Write, numbered};
use crate::model::contents::Contents;
use crate::model::world::{World, survives};

impl World {
    /// A commit of some durability should lead from the present to `next`.
    fn committed(&mut self, outcome: Result<()>, next: Contents, durability: Durability) {
        match outcome {
            Ok(()) => self.history.push(next, survives(durability)),
            Err(error) => self.refused(&error, "committing", next),
        }
    }

    fn commit(&mut self, batch: Batch, next: Contents, durability: Durability) {
        let nothing = batch.is_empty();
        let outcome = batch.commit();
        if !nothing {
            self.committed(outcome, next, durability);
        } else if let Err(error) = outcome {
            self.permit(&error, "committing nothing");
        }
    }

    pub fn write(&mut self, write: &Write) {
        let Some(name) = self.name(write.space) else { return };
        let handle = &self.handles[&name];
        let mut next = self.history.now().clone();
        let key = &write.key;
        let is_taken = next.write(&name, key, &write.change, self.clock.wall_ms());
        let outcome = match &write.change {
            Change::Put(value) => handle.put(key, value),
            Change::PutFor(value, ttl_ms) => {
                handle.put_with_ttl(key, value, Duration::from_millis(*ttl_ms))
            }
            Change::Delete => handle.delete(key),
            Change::Merge(operand) => handle.merge(key, operand),
        };
        match outcome {
            Err(error) if !is_taken => assert_eq!(error.kind(), ErrorKind::Invalid),
            outcome => {
                assert!(is_taken, "an operand was taken without an operator");
                self.committed(outcome, next, self.settings.durability);
            }
        }
    }

    pub fn erase(&mut self, space: u8, range: &Range) {
        let Some(name) = self.name(space) else { return };
        let mut next = self.history.now().clone();
        next.erase(&name, range);
        let mut batch = self.db.batch();
        batch.delete_range(&self.handles[&name], range.clone()).expect("adding to a batch");
        self.commit(batch, next, self.settings.durability);
    }

    pub fn fill(&mut self, space: u8, first: u8, count: u8, value: &[u8]) {
        let Some(name) = self.name(space) else { return };
        let mut next = self.history.now().clone();
        let mut batch = self.db.batch();
        let put = Change::Put(value.to_vec());
        // Long values only a few times.
        for n in 0..count.min((200_000 / (value.len() + 1)).min(255) as u8) {
            let key = numbered(first.wrapping_add(n));
            batch.put(&self.handles[&name], &key, value).expect("adding to a batch");
            next.write(&name, &key, &put, 0);
        }
        self.commit(batch, next, self.settings.durability);
    }

    pub fn batch(&mut self, writes: &[Write], durability: Durability) {
        let mut next = self.history.now().clone();
        let mut batch = self.db.batch();
        batch.durability(durability);
        let mut taken = 0;
        for write in writes {
            let Some(name) = self.name(write.space) else { return };
            let (handle, key) = (&self.handles[&name], &write.key);
            let added = match &write.change {
                Change::Put(value) => batch.put(handle, key, value),
                Change::PutFor(value, ttl_ms) => {
                    batch.put_with_ttl(handle, key, value, Duration::from_millis(*ttl_ms))
                }
                Change::Delete => batch.delete(handle, key),
                Change::Merge(operand) => batch.merge(handle, key, operand),
            };
            let is_taken = next.write(&name, key, &write.change, self.clock.wall_ms());
            assert_eq!(added.is_ok(), is_taken, "{added:?}");
            taken += usize::from(is_taken);
        }
        assert_eq!(batch.len(), taken);
        self.commit(batch, next, durability);
    }

    pub fn series(
        &mut self,
        space: u8,
        key: u8,
        (count, len): (u8, usize),
        durability: Durability,
    ) {
        let Some(name) = self.name(space) else { return };
        let key = numbered(key);
        for _ in 0..count {
            self.filling = self.filling.wrapping_add(1);
            let value = vec![self.filling; len];
            let mut next = self.history.now().clone();
            next.write(&name, &key, &Change::Put(value.clone()), 0);
            let mut batch = self.db.batch();
            batch.durability(durability);
            batch.put(&self.handles[&name], &key, &value).expect("adding to a batch");
            self.commit(batch, next, durability);
            if self.poisoned {
                return;
            }
        }
    }

    /// Nothing can be done with a keyspace that is gone, alone or together with another.
    pub fn use_gone(&mut self, n: u8) {
        let Some(count) = self.gone.len().checked_sub(1) else { return };
        let gone = &self.gone[usize::from(n) % (count + 1)];
        let kinds = [
            gone.put("key", "value").err(),
            gone.delete("key").err(),
            gone.get("key").err(),
            gone.contains("key").err(),
            gone.iter().err(),
        ];
        for error in kinds {
            assert_eq!(error.expect("a keyspace that is gone").kind(), ErrorKind::NotFound);
        }
        let mut batch = self.db.batch();
        for handle in self.handles.values().chain([gone]) {
            batch.put(handle, "half of a batch", "").expect("adding to a batch");
        }
        let error = batch.commit().expect_err("a keyspace that is gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        self.check_all();
    }
}
