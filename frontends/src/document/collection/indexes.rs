//! Indexes of a collection: creating, dropping and listing them.

use std::sync::Arc;

use super::Collection;
use super::build::{BuildProgress, Builder};
use super::state::State;
use crate::document::catalog::{
    ID_NAME, INDEXES_MAX, IndexEntry, IndexModel, Progress, index_name, progress_key,
};
use crate::document::failure;
use crate::document::value::Document;
use crate::kv::Moment;
use crate::{Error, Keyspace, KeyspaceOptions, Result};

/// Indexes of collections with at most so many documents are built by the commit that creates them.
const SMALL: u64 = if cfg!(test) { 20 } else { 1000 };

/// How an index that is wished for stands to those that are there.
enum Wish {
    /// It is there.
    There(u32, Progress),
    New,
}

impl Collection<'_> {
    /// Creates an index and waits until it is built; gives its name. Others read and write
    /// meanwhile. An index that is there already is left as it is; the collection is created when
    /// missing.
    ///
    /// The documents are indexed a few thousand at a time. After a crash the build goes on where it
    /// was as soon as documents are used again.
    ///
    /// # Errors
    /// Code 67 when keys or options make no sense, 85 when the same keys are indexed with other
    /// options, 86 when the name is taken by other keys, 11000 when documents have the same unique
    /// key, 171 when one has two arrays, 276 when the index is dropped meanwhile, 263 in a
    /// transaction; code 238 for kinds of indexes and options that are not there. No index is left
    /// then.
    pub fn create_index(&self, model: &IndexModel) -> Result<String> {
        self.create_index_with(model, |_| {})
    }

    /// As [`Collection::create_index`], and tells how far it is after each few thousand documents.
    ///
    /// # Errors
    /// As there.
    pub fn create_index_with(
        &self,
        model: &IndexModel,
        told: impl FnMut(BuildProgress),
    ) -> Result<String> {
        self.check_alone("creating an index")?;
        let entry = model.to_entry()?;
        if let Some(index) = self.declare(&entry)? {
            Builder::new(&self.shared, &self.slot, index)?.finish(told)?;
        }
        Ok(entry.name)
    }

    /// Creates several indexes, one after the other; gives their names.
    ///
    /// # Errors
    /// As [`Collection::create_index`]; those before the one that failed stay.
    pub fn create_indexes(&self, models: &[IndexModel]) -> Result<Vec<String>> {
        models.iter().try_for_each(|model| model.to_entry().map(drop))?;
        models.iter().map(|model| self.create_index(model)).collect()
    }

    /// Has the catalog tell of an index; gives its id if there is something to build.
    fn declare(&self, wished: &IndexEntry) -> Result<Option<u32>> {
        if self.state(&self.moment())?.is_none() {
            self.shared.create_missing(&self.slot.namespace)?;
        }
        let _structure = self.shared.memory.structure();
        let made = self.make_keyspace(wished)?;
        let Some(id) = made else { return Ok(None) };
        let expires = wished.expire_after_seconds.is_some();
        let declared = self.run(|tx, state| {
            let Some(state) = state else { return Err(gone(self)) };
            if let Wish::There(id, progress) = wish(state, wished)? {
                return Ok((progress != Progress::Ready).then_some(id));
            }
            let mut entry = state.entry.clone();
            entry.next_index = id + 1;
            let index = IndexEntry { id, ..wished.clone() };
            entry.indexes.push(index);
            tx.put(&state.spaces.catalog, state.key(), entry.to_bytes()?)?;
            if self.within(tx).count()? > SMALL {
                return Ok(Some(id));
            }
            let declared = self.shared.state(&Moment::of(tx), &self.slot)?;
            let declared = declared.ok_or_else(|| gone(self))?;
            Builder::new(&self.shared, &self.slot, id)?.at_once(tx, &declared)?;
            Ok(None)
        });
        if declared.is_err() {
            self.shared.drop_orphans()?;
        }
        if expires {
            super::job::start(&self.shared);
        }
        declared
    }

    /// Makes the keyspace of an index that is to be declared, and gives its id; `None` if the index
    /// is there.
    fn make_keyspace(&self, wished: &IndexEntry) -> Result<Option<u32>> {
        let state = self.state(&self.moment())?.ok_or_else(|| gone(self))?;
        if let Wish::There(id, progress) = wish(&state, wished)? {
            return Ok((progress != Progress::Ready).then_some(id));
        }
        let (db, id) = (&self.shared.db, state.entry.next_index);
        let name = index_name(state.entry.id, id);
        if let Some(orphan) = Keyspace::find(db, &name, &KeyspaceOptions::new())? {
            db.engine.drop_index(orphan.id())?;
        }
        Keyspace::open_or_create(db, &name, &KeyspaceOptions::new())?;
        Ok(Some(id))
    }

    /// Drops the index of this name, built or not.
    ///
    /// # Errors
    /// Code 27 when there is none, 72 for the index of `_id`, 26 when there is no collection, 263
    /// in a transaction.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        if name == ID_NAME {
            return Err(failure::invalid_options("the index of _id cannot be dropped"));
        }
        self.drop_indexes_if(|index| index.name == name).and_then(|count| match count {
            0 => Err(failure::index_not_found(format!(
                "there is no index {name:?} of {}",
                self.slot.namespace
            ))),
            _ => Ok(()),
        })
    }

    /// Drops all indexes but that of `_id`; gives how many there were.
    ///
    /// # Errors
    /// As [`Collection::drop_index`].
    pub fn drop_indexes(&self) -> Result<usize> {
        self.drop_indexes_if(|_| true)
    }

    /// Drops the index of these keys.
    ///
    /// # Errors
    /// As [`Collection::drop_index`].
    pub fn drop_index_of(&self, key: &Document<'_>) -> Result<()> {
        let wanted = IndexModel::new(key.borrow()).to_entry()?.key;
        match self.drop_indexes_if(|index| index.key == wanted)? {
            0 => Err(failure::index_not_found(format!("there is no index of {key:?}"))),
            _ => Ok(()),
        }
    }

    pub(super) fn drop_indexes_if(&self, is_meant: impl Fn(&IndexEntry) -> bool) -> Result<usize> {
        self.check_alone("dropping an index")?;
        let _structure = self.shared.memory.structure();
        let (id, dropped) = self.run(|tx, state| {
            let Some(state) = state else {
                let message = format!("there is no collection {}", self.slot.namespace);
                return Err(failure::namespace_not_found(message));
            };
            let mut entry = state.entry.clone();
            let mut dropped = Vec::new();
            entry.indexes.retain(|index| {
                let goes = index.name != ID_NAME && is_meant(index);
                dropped.extend(goes.then_some(index.id));
                !goes
            });
            if !dropped.is_empty() {
                tx.put(&state.spaces.catalog, state.key(), entry.to_bytes()?)?;
            }
            for index in &dropped {
                tx.delete(&state.spaces.catalog, progress_key(entry.id, *index))?;
            }
            Ok((entry.id, dropped))
        })?;
        self.shared.drop_keyspaces(|collection, index| {
            collection == id && index.is_some_and(|index| dropped.contains(&index))
        })?;
        Ok(dropped.len())
    }

    /// All indexes, that of `_id` first, as the command `listIndexes` gives them: `v`, `key`,
    /// `name` and options. One that is being built has `building`, the row id up to which it is.
    ///
    /// # Errors
    /// As [`Collection::count`]; code 26 when there is no collection.
    pub fn list_indexes(&self) -> Result<Vec<Document<'static>>> {
        let moment = self.moment();
        let Some(state) = self.state(&moment)? else {
            let message = format!("there is no collection {}", self.slot.namespace);
            return Err(failure::namespace_not_found(message));
        };
        let mut listed = Vec::new();
        for index in &state.indexes {
            let mut document = index.entry.listed();
            if index.is_building() {
                let reached = super::build::reached(&moment, &state, index.entry.id)?;
                document.push("building", i64::try_from(reached).unwrap_or(i64::MAX));
            }
            listed.push(document);
        }
        Ok(listed)
    }
}

/// Looks for an index among those that are there.
fn wish(state: &Arc<State>, wished: &IndexEntry) -> Result<Wish> {
    for index in &state.entry.indexes {
        let (same_name, same_key) = (index.name == wished.name, same(&index.key, &wished.key));
        if index.name == ID_NAME && same_key {
            return Ok(Wish::There(index.id, Progress::Ready));
        }
        if same_name && !same_key {
            return Err(failure::index_key_specs_conflict(format!(
                "the index {} has the keys {:?}, and not {:?}",
                index.name, index.key, wished.key
            )));
        }
        let same_filter = index.partial == wished.partial;
        if !same_name && same_key && same_filter && index.sparse == wished.sparse {
            return Err(failure::index_options_conflict(format!(
                "the keys {:?} have an index already, {}",
                index.key, index.name
            )));
        }
        if same_name {
            let same_options = same_filter
                && (index.unique, index.sparse, index.hidden, index.expire_after_seconds)
                    == (wished.unique, wished.sparse, wished.hidden, wished.expire_after_seconds);
            if !same_options {
                return Err(failure::index_options_conflict(format!(
                    "the index {} is there with other options",
                    index.name
                )));
            }
            return Ok(Wish::There(index.id, index.progress));
        }
    }
    if state.entry.indexes.len() >= INDEXES_MAX {
        return Err(failure::cannot_create_index(format!(
            "{} has {INDEXES_MAX} indexes, and there may be no more",
            state.namespace
        )));
    }
    Ok(Wish::New)
}

/// Whether keys are the same, in the same order.
fn same(one: &Document<'_>, other: &Document<'_>) -> bool {
    one.iter().eq(other.iter())
}

fn gone(collection: &Collection<'_>) -> Error {
    failure::namespace_not_found(format!("{} was dropped meanwhile", collection.slot.namespace))
}
