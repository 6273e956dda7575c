//! Writes: single ones, batches, and those to keyspaces that are gone.

use cuesta::{Batch, Durability, ErrorKind, Result};

use crate::model::choice::{Range, Write, numbered};
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
        next.write(&name, &write.key, write.value.as_deref());
        let outcome = match &write.value {
            Some(value) => handle.put(&write.key, value),
            None => handle.delete(&write.key),
        };
        self.committed(outcome, next, self.settings.durability);
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
        // Long values only a few times.
        for n in 0..count.min((200_000 / (value.len() + 1)).min(255) as u8) {
            let key = numbered(first.wrapping_add(n));
            batch.put(&self.handles[&name], &key, value).expect("adding to a batch");
            next.write(&name, &key, Some(value));
        }
        self.commit(batch, next, self.settings.durability);
    }

    pub fn batch(&mut self, writes: &[Write], durability: Durability) {
        let mut next = self.history.now().clone();
        let mut batch = self.db.batch();
        batch.durability(durability);
        for write in writes {
            let Some(name) = self.name(write.space) else { return };
            let handle = &self.handles[&name];
            let added = match &write.value {
                Some(value) => batch.put(handle, &write.key, value),
                None => batch.delete(handle, &write.key),
            };
            added.expect("adding to a batch");
            next.write(&name, &write.key, write.value.as_deref());
        }
        assert_eq!(batch.len(), writes.len());
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
            next.write(&name, &key, Some(&value));
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
