//! Changing one key on a condition.

use crate::kv::Keyspace;
use crate::transaction::TransactionOptions;
use crate::{Result, Value};

/// What became of [`Keyspace::compare_and_swap`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing was written if the value differs"]
pub enum Swap {
    /// The key had the expected value and has the new one now.
    Done,
    /// The key has another value, or none: nothing was written.
    Differs(Option<Value>),
}

impl Swap {
    /// Whether the new value was written.
    pub fn is_done(&self) -> bool {
        matches!(self, Swap::Done)
    }
}

/// Attempts at one swap: each that fails means that another commit has succeeded.
const ATTEMPTS: u32 = 10_000;

impl Keyspace {
    /// Gives `key` the value `new` if its value is `expected`, where `None` is no value. Nothing
    /// can come between the comparison and the write.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// let leases = db.keyspace("leases")?;
    /// assert!(leases.compare_and_swap("job", None, Some(b"ada"))?.is_done());
    /// assert!(!leases.compare_and_swap("job", None, Some(b"bob"))?.is_done());
    /// assert!(leases.compare_and_swap("job", Some(b"ada"), None)?.is_done());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Keyspace::put`]; `Conflict` only if the key is written by others without end.
    pub fn compare_and_swap(
        &self,
        key: impl AsRef<[u8]>,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap> {
        let key = key.as_ref();
        let options = TransactionOptions::new().attempts(ATTEMPTS);
        self.database().transact_with(&options, |tx| {
            let found = tx.get(self, key)?;
            if found.as_deref() != expected {
                return Ok(Swap::Differs(found));
            }
            match new {
                Some(value) => tx.put(self, key, value)?,
                None => tx.delete(self, key)?,
            }
            Ok(Swap::Done)
        })
    }
}
