//! Rows of files into keyspaces, in batches.
//!
//! Not for the command line of it, which is in `command/import.rs`: the demo loads its data here,
//! too.

use cuesta::{Batch, BulkLoad, Database, Error, Keyspace, Result};

use crate::input::Input;
use crate::progress::Progress;
use crate::rows::{Next, Row, RowSettings, Rows};

/// Keys and values in one batch, in bytes, beyond which it is committed.
const BATCH_BYTES: usize = 8 << 20;

/// Rows from one look at the progress to the next.
const SHOWN_ROWS: u64 = 1000;

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

/// Where rows go.
trait Sink {
    /// Takes a row; `Invalid` is the row's fault.
    fn put(&mut self, row: &Row) -> Result<()>;
    /// Counts a row that was taken.
    fn count(&mut self, row: &Row, imported: &mut Imported) -> Result<()>;
}

/// Rows in batches.
struct Batches<'a, P> {
    db: &'a Database,
    put: P,
    settings: &'a ImportSettings,
    batch: Batch,
    rows: usize,
    bytes: usize,
}

impl<P> Batches<'_, P> {
    fn commit(&mut self, imported: &mut Imported) -> Result<()> {
        if self.rows > 0 {
            std::mem::replace(&mut self.batch, self.db.batch()).commit()?;
            imported.rows += self.rows as u64;
            imported.bytes += self.bytes as u64;
            imported.commits += 1;
            (self.rows, self.bytes) = (0, 0);
        }
        Ok(())
    }
}

impl<P: FnMut(&mut Batch, &Row) -> Result<()>> Sink for Batches<'_, P> {
    fn put(&mut self, row: &Row) -> Result<()> {
        (self.put)(&mut self.batch, row)
    }

    fn count(&mut self, row: &Row, imported: &mut Imported) -> Result<()> {
        self.rows += 1;
        self.bytes += row.key.len() + row.value.len();
        if self.rows >= self.settings.batch_rows || self.bytes >= BATCH_BYTES {
            self.commit(imported)?;
        }
        Ok(())
    }
}

/// Rows that ascend, in one bulk load.
struct Sorted<'a> {
    load: &'a mut BulkLoad,
    keyspace: &'a Keyspace,
}

impl Sink for Sorted<'_> {
    fn put(&mut self, row: &Row) -> Result<()> {
        self.load.put(self.keyspace, &row.key, &row.value)
    }

    fn count(&mut self, row: &Row, imported: &mut Imported) -> Result<()> {
        imported.rows += 1;
        imported.bytes += (row.key.len() + row.value.len()) as u64;
        Ok(())
    }
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
    put: impl FnMut(&mut Batch, &Row) -> Result<()>,
) -> Result<()> {
    let mut batches = Batches { db, put, settings, batch: db.batch(), rows: 0, bytes: 0 };
    each_row(input, settings, imported, &mut batches)?;
    batches.commit(imported)
}

/// Puts every row of `input`, whose keys ascend, into a bulk load, and adds them to `imported`;
/// finishing the load is left to the caller.
///
/// # Errors
/// As [`import`]; a key that comes too late is a bad line.
pub fn import_sorted(
    load: &mut BulkLoad,
    keyspace: &Keyspace,
    input: Input,
    settings: &ImportSettings,
    imported: &mut Imported,
) -> Result<()> {
    each_row(input, settings, imported, &mut Sorted { load, keyspace })
}

fn each_row(
    input: Input,
    settings: &ImportSettings,
    imported: &mut Imported,
    sink: &mut impl Sink,
) -> Result<()> {
    let progress = Progress::new(&input.name, input.stored_bytes, input.read.clone());
    let mut rows = Rows::new(input, &settings.rows)?;
    let mut row = Row::default();
    let mut taken = 0u64;
    loop {
        let bad = match rows.next(&mut row)? {
            Next::End => return Ok(()),
            Next::Bad(problem) => Some(problem),
            Next::Row => match sink.put(&row) {
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
        sink.count(&row, imported)?;
        taken += 1;
        if taken.is_multiple_of(SHOWN_ROWS) {
            progress.show(imported.rows);
        }
    }
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
}
