//! Rows of files into keyspaces, in batches.
//!
//! Not for the command line of it, which is in `command/import.rs`: the demo loads its data here,
//! too.

use cuesta::{Batch, Database, Error, Result};

use crate::input::Input;
use crate::progress::Progress;
use crate::rows::{Next, Row, RowSettings, Rows};

/// Keys and values in one batch, in bytes, beyond which it is committed.
const BATCH_BYTES: usize = 8 << 20;

/// What to do with a line that is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRows {
    /// Stop there; rows of earlier batches stay.
    Refuse,
    /// Count it and go on.
    Skip,
}

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportSettings {
    /// How to read rows.
    pub rows: RowSettings,
    /// Rows in one commit.
    pub batch_rows: usize,
    /// What to do with a line that is no row.
    pub bad: BadRows,
}

/// What was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Commits.
    pub commits: u64,
    /// Lines that were skipped.
    pub skipped: u64,
    /// The first of them, and what is wrong with it.
    pub first_skipped: Option<String>,
}

/// Puts every row of `input` into batches by `put`, commits them with the durability that the
/// database was opened with, and adds what is committed to `imported`.
///
/// # Errors
/// `Invalid` for the first bad line, named with its file and number, unless these are skipped;
/// what `put` and committing fail with.
pub fn import(
    db: &Database,
    input: Input,
    settings: &ImportSettings,
    imported: &mut Imported,
    mut put: impl FnMut(&mut Batch, &Row) -> Result<()>,
) -> Result<()> {
    let progress = Progress::new(&input.name, input.stored_bytes, input.read.clone());
    let mut rows = Rows::new(input, &settings.rows)?;
    let mut row = Row::default();
    let mut batch = db.batch();
    let (mut waiting_rows, mut waiting_bytes) = (0, 0);
    loop {
        let bad = match rows.next(&mut row)? {
            Next::End => break,
            Next::Bad(problem) => Some(problem),
            Next::Row => match put(&mut batch, &row) {
                Ok(()) => None,
                Err(e) if e.kind() == cuesta::ErrorKind::Invalid => Some(rows.place(e.message())),
                Err(e) => return Err(e),
            },
        };
        if let Some(problem) = bad {
            if settings.bad == BadRows::Refuse {
                return Err(Error::invalid(problem));
            }
            imported.skipped += 1;
            imported.first_skipped.get_or_insert(problem);
            continue;
        }
        waiting_rows += 1;
        waiting_bytes += row.key.len() + row.value.len();
        if waiting_rows >= settings.batch_rows || waiting_bytes >= BATCH_BYTES {
            imported.commit(
                std::mem::replace(&mut batch, db.batch()),
                waiting_rows,
                waiting_bytes,
            )?;
            (waiting_rows, waiting_bytes) = (0, 0);
            progress.show(imported.rows);
        }
    }
    if waiting_rows > 0 {
        imported.commit(batch, waiting_rows, waiting_bytes)?;
    }
    Ok(())
}

impl Imported {
    /// Adds what was imported after it.
    pub fn add(&mut self, later: Imported) {
        self.rows += later.rows;
        self.bytes += later.bytes;
        self.commits += later.commits;
        self.skipped += later.skipped;
        self.first_skipped = self.first_skipped.take().or(later.first_skipped);
    }

    fn commit(&mut self, batch: Batch, rows: usize, bytes: usize) -> Result<()> {
        batch.commit()?;
        self.rows += rows as u64;
        self.bytes += bytes as u64;
        self.commits += 1;
        Ok(())
    }
}
