//! What is remembered while the database is open, and lost with the process.
//!
//! Not for: anything that holds the database, which would then never be closed by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuesta_engine::env::Event;

use crate::document::catalog;
use crate::document::value::{ObjectId, ObjectIds};
use crate::id::Sequence;
use crate::{Database, Keyspace, Result};

/// Row ids that are reserved at a time: a durable commit each.
const ROWS: u64 = 8192;

/// Shared by all that use documents of one open database.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Held by who creates or drops collections or indexes.
    structure: Mutex<()>,
    /// Row ids that are reserved and not given out, by collection.
    rows: Mutex<BTreeMap<u64, Range<u64>>>,
    /// Indexes that somebody builds: collection and index.
    building: Mutex<BTreeSet<(u64, u32)>>,
    object_ids: ObjectIds,
    /// What is known of collections for planning.
    pub(crate) samples: crate::document::find::Samples,
    /// Wakes the job.
    pub(super) event: Arc<Event>,
    /// Whether somebody has used documents since the database was opened.
    is_used: AtomicBool,
    has_job: AtomicBool,
}

impl Memory {
    /// That of a database.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn of(db: &Database) -> Result<Arc<Memory>> {
        db.named().get_or_keep("documents", || Memory {
            structure: Mutex::new(()),
            rows: Mutex::default(),
            building: Mutex::default(),
            object_ids: ObjectIds::new(&*db.engine.parts().env),
            samples: crate::document::find::Samples::default(),
            event: Arc::new(Event::new()),
            is_used: AtomicBool::new(false),
            has_job: AtomicBool::new(false),
        })
    }

    /// Waits until nobody else creates or drops anything.
    pub(super) fn structure(&self) -> MutexGuard<'_, ()> {
        self.structure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Row ids that follow each other and that none had before.
    ///
    /// # Errors
    /// As [`Sequence::take`].
    pub(super) fn take_rows(
        &self,
        catalog: &Keyspace,
        collection: u64,
        count: u64,
    ) -> Result<Range<u64>> {
        let mut all = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = all.entry(collection).or_default();
        if rest.end - rest.start < count {
            // It reserves exactly what it is asked for, and what is left over stays here.
            let marks = Sequence::reserving(catalog, catalog::rows_key(collection), 1)?;
            *rest = marks.take(count.max(ROWS))?;
        }
        let given = rest.start..rest.start + count;
        rest.start = given.end;
        Ok(given)
    }

    /// Takes on the build of an index; `None` while somebody else has.
    pub(super) fn claim(self: &Arc<Memory>, index: (u64, u32)) -> Option<Claim> {
        let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        building.insert(index).then(|| Claim { memory: self.clone(), index })
    }

    /// Forgets a collection that is no more.
    pub(super) fn forget(&self, collection: u64) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(&collection);
    }

    /// A new identifier.
    pub(crate) fn object_id(&self, db: &Database) -> ObjectId {
        self.object_ids.give(&*db.engine.parts().env)
    }

    /// Whether the caller is the first one to use documents.
    pub(super) fn is_first(&self) -> bool {
        !self.is_used.swap(true, Ordering::Relaxed)
    }

    /// Whether the caller is the one to start the job.
    pub(super) fn starts_job(&self) -> bool {
        !self.has_job.swap(true, Ordering::Relaxed)
    }
}

/// The right to build an index, given back when dropped.
pub(super) struct Claim {
    memory: Arc<Memory>,
    index: (u64, u32),
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut building = self.memory.building.lock().unwrap_or_else(PoisonError::into_inner);
        building.remove(&self.index);
    }
}

impl Drop for Memory {
    /// The job finds that the database is gone.
    fn drop(&mut self) {
        self.event.notify();
    }
}
