//! Many keys asked for at once.
//!
//! They are looked up in their order, so that keys that lie together are found in the same blocks
//! while these are at hand, and all of them as of one moment.
//!
//! Not for: ranges, which a cursor walks through faster than keys are looked up.

use crate::kv::blame::in_keyspace;
use crate::kv::{Keyspace, Snapshot};
use crate::transaction::Transaction;
use crate::{Result, Value};

/// The values of keys, in the order in which these are given.
fn look_up<K: AsRef<[u8]>>(
    keys: &[K],
    mut get: impl FnMut(&[u8]) -> Result<Option<Value>>,
) -> Result<Vec<Option<Value>>> {
    let key = |at: usize| keys.get(at).map_or(&[][..], AsRef::as_ref);
    let mut order: Vec<usize> = (0..keys.len()).collect();
    if !order.is_sorted_by_key(|at| key(*at)) {
        order.sort_unstable_by_key(|at| key(*at));
    }
    let mut values = vec![None; keys.len()];
    let mut last: Option<usize> = None;
    for at in order {
        let same = last.filter(|last| key(*last) == key(at));
        let value = match same.and_then(|same| values.get(same)) {
            Some(value) => Option::clone(value),
            None => get(key(at))?,
        };
        if let Some(place) = values.get_mut(at) {
            *place = value;
        }
        last = Some(at);
    }
    Ok(values)
}

impl Keyspace {
    /// The values of many keys, in the order of `keys`, all as of one moment; `None` for those that
    /// have none. Faster than asking for one after the other where blocks have to be read or
    /// decompressed: keys that lie together share them.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let stock = db.keyspace("stock")?;
    /// stock.put("apples", "3")?;
    /// stock.put("pears", "5")?;
    /// let found = stock.get_many(["pears", "plums", "apples"])?;
    /// assert_eq!(found[0].as_deref(), Some(&b"5"[..]));
    /// assert_eq!(found[1], None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Value>>> {
        self.snapshot().get_many(self, keys)
    }
}

impl Snapshot {
    /// The values that many keys had, in the order of `keys`: see [`Keyspace::get_many`].
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Value>>> {
        let keys: Vec<K> = keys.into_iter().collect();
        self.ask(keyspace, |reader| look_up(&keys, |key| reader.get(key)))
    }
}

impl Transaction {
    /// The values of many keys, in the order of `keys`: see [`Keyspace::get_many`]. Each counts as
    /// read.
    ///
    /// # Errors
    /// As [`Transaction::get`].
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Value>>> {
        keyspace.check_same(&self.db)?;
        let keys: Vec<K> = keys.into_iter().collect();
        let looked_up = self.shared.with(|engine| {
            let view = engine.view(keyspace.id())?;
            keyspace.handle().ask(&view, |reader| {
                look_up(&keys, |key| {
                    if !reader.is_private(key) {
                        engine.note_point(keyspace.id(), key);
                    }
                    reader.get(key)
                })
            })
        });
        looked_up.map_err(|error| in_keyspace(error, keyspace.name()))
    }
}
