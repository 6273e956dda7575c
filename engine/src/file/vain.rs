//! Labels of what came to nothing, until they are gone.
//!
//! A job that has put a label in front of a file, and fails then, leaves it there: what it tells of
//! is durable. The next job writes to the same pages. So the label goes first, durably; as long as
//! that fails, nothing is written to the file.
//!
//! Not for: what labels say, and those that a crash has left, which opening clears.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::env::{SyncKind, VfsFile};
use crate::id::FileId;

/// Which bytes of files that are written in place must be zeros before anything else is written
/// there. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Vain(Arc<Mutex<BTreeMap<FileId, Vec<Range<u64>>>>>);

impl Vain {
    fn look<R>(&self, look: impl FnOnce(&mut BTreeMap<FileId, Vec<Range<u64>>>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that these bytes must become zeros.
    pub fn note(&self, id: FileId, bytes: Range<u64>) {
        self.look(|vain| vain.entry(id).or_default().push(bytes));
    }

    /// Notes that a file was removed.
    pub fn forget(&self, id: FileId) {
        self.look(|vain| vain.remove(&id));
    }

    /// Makes zeros of what was noted of a file. Whoever comes meanwhile waits.
    ///
    /// # Errors
    /// What writing fails with: then it is still to be done. A sync that has failed is of no use
    /// any more; the next attempt writes the zeros again.
    pub(super) fn clear(&self, id: FileId, file: &dyn VfsFile) -> io::Result<()> {
        self.look(|vain| {
            let Some(noted) = vain.get(&id) else { return Ok(()) };
            for bytes in noted {
                file.write_all_at(bytes.start, &vec![0; (bytes.end - bytes.start) as usize])?;
            }
            file.sync(SyncKind::Data)?;
            vain.remove(&id);
            Ok(())
        })
    }
}
