//! What exists once in an open database, by name, however many hold it.
//!
//! Not for: what is kept on disk; see the catalog.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{Error, Result};

/// Things by name, each for as long as somebody holds it.
#[derive(Debug, Default)]
pub(crate) struct Named(Mutex<BTreeMap<String, Weak<dyn Any + Send + Sync>>>);

impl Named {
    /// The thing `name`, made when there is none. Others wait meanwhile.
    ///
    /// # Errors
    /// What `make` fails with.
    pub(crate) fn get_or_make<T: Any + Send + Sync>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
}
