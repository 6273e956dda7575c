//! Walking through keys.

use std::fmt;
use std::ops::Bound;

use cuesta_engine::IndexId;
use cuesta_engine::budget::Charge;
use cuesta_engine::version::{Held, View};

use crate::kv::blame::in_view;
use crate::kv::structure::Walker;
use crate::kv::tracked::{Tracked, Way};
use crate::kv::{Bounds, Keyspace, Snapshot};
use crate::{Error, Result, Value};

/// A place in a range of keys of one snapshot. It lends the key and value that it stands on, so
/// walking allocates nothing.
///
/// A new cursor stands nowhere: [`Cursor::next`] goes to the first key, [`Cursor::prev`] to the
/// last.
pub struct Cursor {
    view: View,
    index: IndexId,
    cursor: Walker,
    /// Of a transaction: what is read.
    tracked: Option<Box<Tracked>>,
    /// In a process that reads along: what the cursor stands in, should the view expire.
    _held: Option<Held>,
    _charge: Charge,
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor in {:?}", self.view)
    }
}

impl Cursor {
    pub(super) fn new(
        (view, index): (View, IndexId),
        (cursor, held): (Walker, Option<Held>),
        tracked: Option<Tracked>,
        charge: Charge,
    ) -> Cursor {
        let tracked = tracked.map(Box::new);
        Cursor { view, index, cursor, tracked, _held: held, _charge: charge }
    }

    #[inline]
    fn step(&mut self, way: Way, step: impl FnOnce(&mut Walker) -> Result<bool>) -> Result<bool> {
        self.view.check()?;
        if let Some(tracked) = &mut self.tracked {
            tracked.step(way, &self.cursor)?;
        }
        match step(&mut self.cursor) {
            Ok(there) => Ok(there),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn look_for(
        &mut self,
        way: Way,
        key: &[u8],
        seek: impl FnOnce(&mut Walker, &[u8]) -> Result<bool>,
    ) -> Result<bool> {
        self.view.check()?;
        if let Some(tracked) = &mut self.tracked {
            tracked.seek(way, key, &self.cursor)?;
        }
        seek(&mut self.cursor, key).map_err(|error| self.failed(error))
    }

    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        if let Some(tracked) = &mut self.tracked {
            tracked.fail();
        }
        in_view(error, &self.view, self.index)
    }

    /// Goes to the next key; whether there is one.
    ///
    /// # Errors
    /// `Expired` when snapshots held too much memory and this was the oldest; `Corrupt`, `Io`.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "a cursor lends what it stands on")]
    pub fn next(&mut self) -> Result<bool> {
        self.step(Way::Forward, Walker::next)
    }

    /// Goes to the key before; whether there is one.
    ///
    /// # Errors
    /// As [`Cursor::next`].
    #[inline]
    pub fn prev(&mut self) -> Result<bool> {
        self.step(Way::Back, Walker::prev)
    }

    /// Goes to the first key at or after `key`; whether there is one.
    ///
    /// # Errors
    /// As [`Cursor::next`].
    pub fn seek(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.look_for(Way::Forward, key.as_ref(), Walker::seek)
    }

    /// Goes to the last key at or before `key`; whether there is one.
    ///
    /// # Errors
    /// As [`Cursor::next`].
    pub fn seek_back(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.look_for(Way::Back, key.as_ref(), Walker::seek_back)
    }

    /// After [`Cursor::next`] or another move has failed because operands of a key do not fit its
    /// value: that key. The cursor stands on it, as if its value were empty, and the next move goes
    /// on behind it. `None` after any other error, and in transactions.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// # let options = cuesta::KeyspaceOptions::new().merge_operator("add");
    /// # let visits = db.keyspace_with("visits", &options)?;
    /// visits.put("home", "no number")?;
    /// visits.merge("home", 1i64.to_le_bytes())?;
    /// visits.put("shop", 7i64.to_le_bytes())?;
    ///
    /// let mut cursor = visits.cursor::<&[u8]>(..)?;
    /// assert!(cursor.next().is_err());
    /// assert_eq!(cursor.pass_over(), Some(&b"home"[..]));
    /// assert!(cursor.next()?);
    /// assert_eq!(cursor.key(), b"shop");
    /// # Ok(())
    /// # }
    /// ```
    pub fn pass_over(&mut self) -> Option<&[u8]> {
        if self.tracked.is_some() { None } else { self.cursor.pass_over() }
    }

    /// Whether it stands on a key.
    #[inline]
    pub fn is_valid(&self) -> bool {
        self.cursor.valid()
    }

    /// The key it stands on; empty when it stands on none.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.cursor.key()
    }

    /// The value of the key it stands on; empty when it stands on none.
    #[inline]
    pub fn value(&self) -> &[u8] {
        self.cursor.value()
    }

    /// When the value that it stands on ends; `None` if it never does.
    pub(crate) fn expiry_ms(&self) -> Option<u64> {
        self.cursor.expiry_ms()
    }

    /// The value, to keep.
    pub fn to_value(&self) -> Value {
        self.cursor.value_owned()
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        if let Some(tracked) = &mut self.tracked {
            tracked.end(&self.cursor);
        }
    }
}

/// Entries of a range of keys in one snapshot, from both ends. After an error it is at its end.
pub struct Iter {
    /// From the front; made when first asked.
    front: Option<Cursor>,
    /// From the back; made when first asked.
    back: Option<Cursor>,
    snapshot: Snapshot,
    keyspace: Keyspace,
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    over: bool,
}

impl fmt::Debug for Iter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iter over {:?} in {:?}", self.keyspace, self.snapshot)
    }
}

impl Iter {
    pub(crate) fn new(
        snapshot: &Snapshot,
        keyspace: &Keyspace,
        within: Bounds<'_>,
    ) -> Result<Iter> {
        let mut iter = Iter {
            front: None,
            back: None,
            snapshot: snapshot.clone(),
            keyspace: keyspace.clone(),
            lower: within.0.map(<[u8]>::to_vec),
            upper: within.1.map(<[u8]>::to_vec),
            over: false,
        };
        iter.front = Some(iter.cursor()?);
        Ok(iter)
    }

    fn cursor(&self) -> Result<Cursor> {
        let within =
            (self.lower.as_ref().map(Vec::as_slice), self.upper.as_ref().map(Vec::as_slice));
        self.snapshot.cursor_within(&self.keyspace, within)
    }

    fn step_front(&mut self) -> Result<Option<(Vec<u8>, Value)>> {
        if self.front.is_none() {
            self.front = Some(self.cursor()?);
        }
        let Some(front) = &mut self.front else { return Ok(None) };
        if !front.next()? {
            return Ok(None);
        }
        let met =
            self.back.as_ref().is_some_and(|back| back.is_valid() && front.key() >= back.key());
        Ok((!met).then(|| (front.key().to_vec(), front.to_value())))
    }

    fn step_back(&mut self) -> Result<Option<(Vec<u8>, Value)>> {
        // A cursor that has not moved serves either end.
        if self.back.is_none() {
            self.back = match self.front.take_if(|front| !front.is_valid()) {
                Some(fresh) => Some(fresh),
                None => Some(self.cursor()?),
            };
        }
        let Some(back) = &mut self.back else { return Ok(None) };
        if !back.prev()? {
            return Ok(None);
        }
        let met =
            self.front.as_ref().is_some_and(|front| front.is_valid() && front.key() >= back.key());
        Ok((!met).then(|| (back.key().to_vec(), back.to_value())))
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut Iter) -> Result<Option<(Vec<u8>, Value)>>,
    ) -> Option<Result<(Vec<u8>, Value)>> {
        if self.over {
            return None;
        }
        let stepped = step(self);
        self.over = !matches!(stepped, Ok(Some(_)));
        stepped.transpose()
    }
}

impl Iterator for Iter {
    type Item = Result<(Vec<u8>, Value)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iter::step_front)
    }
}

impl DoubleEndedIterator for Iter {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(Iter::step_back)
    }
}
