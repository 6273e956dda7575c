//! What all handles of one open database share: the database, and whether it was closed.
//!
//! Not a class of Python. When the last handle goes, the database is closed while detached, since
//! that may flush and sync.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use cuesta::Database;
use pyo3::prelude::*;

use crate::error::{Failure, Outcome};
use crate::own::Own;

pub struct Open {
    database: Own<Database>,
    pub path: PathBuf,
    closed: AtomicBool,
}

impl Open {
    pub fn new(database: Database, path: PathBuf) -> Open {
        Open { database: Own::new(database), path, closed: AtomicBool::new(false) }
    }

    /// The database, unless it was closed or is of another process.
    pub fn database(&self) -> Outcome<&Database> {
        if self.is_closed() {
            let path = self.path.display();
            return Err(Failure::invalid(format!("the database {path} is closed")));
        }
        Ok(self.database.here()?)
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether this process has opened it.
    pub fn is_here(&self) -> bool {
        self.database.is_here()
    }

    /// Closes it; once is enough. Does nothing in a forked child. To be called while detached.
    pub fn close(&self) -> cuesta::Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.database.ending().map_or(Ok(()), |database| database.clone().close())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.is_closed() || !self.is_here() {
            return;
        }
        // As in Rust, nobody is left to tell; who wants to know calls close().
        let close = || self.close().is_ok();
        if Python::try_attach(|py| py.detach(close)).is_none() {
            close();
        }
    }
}
