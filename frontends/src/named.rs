//! What exists once in an open database, by name, however many hold it.
//!
//! Not for: what is kept on disk; see the catalog.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{Error, Result};

/// Things by name.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Each for as long as somebody holds it.
    held: Mutex<BTreeMap<String, Weak<dyn Any + Send + Sync>>>,
    /// Each for as long as the database is open.
    kept: Mutex<BTreeMap<&'static str, Arc<dyn Any + Send + Sync>>>,
}

impl Named {
    /// The thing `name`, made when there is none, for as long as somebody holds it. Others wait
    /// meanwhile.
    ///
    /// # Errors
    /// What `make` fails with.
    pub(crate) fn get_or_make<T: Any + Send + Sync>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = all.get(name).and_then(Weak::upgrade) {
            let other = |_| Error::internal(format!("{name:?} is in use as something else"));
            return held.downcast().map_err(other);
        }
        all.retain(|_, thing| thing.strong_count() > 0);
        let made = Arc::new(make()?);
        let weak: Weak<T> = Arc::downgrade(&made);
        all.insert(name.to_owned(), weak);
        Ok(made)
    }

    /// The thing `name`, made when there is none, for as long as the database is open: so it must
    /// not hold the database.
    ///
    /// # Errors
    /// `Internal` when something else has this name.
    pub(crate) fn get_or_keep<T: Any + Send + Sync>(
        &self,
        name: &'static str,
        make: impl FnOnce() -> T,
    ) -> Result<Arc<T>> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(name).or_insert_with(|| Arc::new(make())).clone();
        kept.downcast().map_err(|_| Error::internal(format!("{name:?} is kept as something else")))
    }
}
