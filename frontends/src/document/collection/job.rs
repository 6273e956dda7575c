//! What goes on in the background while documents of a database that is open for writing are used:
//! builds of indexes that a crash has interrupted go on, and documents that have expired go.
//!
//! It begins when documents are first used after the database was opened: the database itself knows
//! no documents.
//!
//! Not for: anything that somebody waits for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use cuesta_engine::env::{Env, Event, Job, JobState};

use super::Collection;
use super::build::Builder;
use super::state::Shared;
use crate::database::WeakDatabase;
use crate::document::catalog::Progress;
use crate::document::value::DateTime;
use crate::{Database, Result};

/// How often expired documents are looked for.
const INTERVAL: Duration = Duration::from_secs(60);

/// Begins the job, and clears up after a crash, if nobody has since the database was opened.
pub(super) fn begin(shared: &Arc<Shared>) -> Result<()> {
    let writable = shared.db.engine.options().access.is_writable();
    if !writable || !shared.memory.is_first() || shared.spaces()?.is_none() {
        return Ok(());
    }
    {
        let _structure = shared.memory.structure();
        // A load gives the catalog its name last: until then all it has made looks left over.
        let load = shared.db.named().get_or_make("load", || Ok(Mutex::new(())))?;
        let loading = load.try_lock();
        if !matches!(loading, Err(TryLockError::WouldBlock)) {
            shared.drop_orphans()?;
        }
    }
    let entries = shared.entries()?;
    let needs = entries
        .iter()
        .flat_map(|(_, entry)| &entry.indexes)
        .any(|index| index.progress == Progress::Building || index.expire_after_seconds.is_some());
    if needs {
        start(shared);
    }
    Ok(())
}

/// Starts the job unless it runs.
pub(super) fn start(shared: &Arc<Shared>) {
    if shared.memory.starts_job() {
        let env = shared.db.engine.parts().env.clone();
        let (db, event) = (shared.db.downgrade(), shared.memory.event.clone());
        let job = Box::new(Keeper { db, env: env.clone(), event, resumed: BTreeSet::new() });
        // It ends by itself when the database is gone.
        drop(env.spawn("cuesta-documents", job));
    }
}

/// The job. It holds no database while it waits.
struct Keeper {
    db: WeakDatabase,
    env: Arc<dyn Env>,
    event: Arc<Event>,
    /// Builds that were gone on with, or tried to: collection and index.
    resumed: BTreeSet<(u64, u32)>,
}

impl Job for Keeper {
    fn step(&mut self) -> JobState {
        let seen = self.event.epoch();
        let Some(db) = self.db.upgrade() else { return JobState::Done };
        // What fails now may not in a minute, unless the database is closed.
        match self.work(&db) {
            Err(_) if db.is_closed() => JobState::Done,
            Ok(true) => JobState::Again,
            Ok(false) | Err(_) => JobState::WaitUntil(seen, self.env.now() + INTERVAL),
        }
    }

    fn event(&self) -> Arc<Event> {
        self.event.clone()
    }
}

impl Keeper {
    /// One piece of work; whether there is more.
    fn work(&mut self, db: &Database) -> Result<bool> {
        let shared = Shared::of(db)?;
        let entries = shared.entries()?;
        for (namespace, entry) in &entries {
            for index in &entry.indexes {
                let both = (entry.id, index.id);
                if index.progress == Progress::Building && self.resumed.insert(both) {
                    let slot = shared.slot(namespace.clone());
                    Builder::new(&shared, &slot, index.id)?.finish(|_| {})?;
                    return Ok(true);
                }
            }
        }
        let now = i64::try_from(self.env.wall_ms()).unwrap_or(i64::MAX);
        for (namespace, entry) in entries {
            if entry.indexes.iter().any(|index| index.expire_after_seconds.is_some()) {
                Collection::new(&shared, namespace).expire(DateTime::from_millis(now))?;
            }
        }
        Ok(false)
    }
}
