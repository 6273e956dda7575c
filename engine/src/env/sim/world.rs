//! The simulated disk at one moment: what programs see, and what a power loss cannot take.
//!
//! Not for: counting operations, faults (`state.rs`), or choosing what survives (`crash.rs`).
//!
//! Invariants:
//!
//! 1. A clone costs five counters: one is kept for every operation.
//! 2. What is durable changes by syncs alone. What programs see is what is durable plus the
//!    unsynced changes, as long as no sync has failed.
//! 3. Directories are durable as soon as they are made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::content::{Content, hash_bytes};
use super::names::{self, FileNo, NameChange, Names};
use super::random::mix;

/// The disk at one moment.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) dirs: Arc<BTreeSet<PathBuf>>,
    /// Names as programs see them.
    pub(super) names: Arc<Names>,
    pub(super) durable_names: Arc<Names>,
    /// Changes that lead from the durable names to the names.
    pub(super) name_changes: Arc<Vec<NameChange>>,
    pub(super) files: Arc<BTreeMap<FileNo, File>>,
}

/// A file, whatever its names are.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// Content as programs see it.
    pub(super) now: Content,
    pub(super) durable: Content,
    /// Changes up to this operation are durable, or were lost by a failed sync.
    pub(super) clean_at: u64,
    /// Whether a sync has failed: then the content is not the durable one plus the changes.
    pub(super) lossy: bool,
}

/// A change of a file's bytes or length.
#[derive(Clone, Debug)]
pub(super) struct FileChange {
    /// The number of the operation.
    pub(super) op: u64,
    /// The length after the change.
    pub(super) len: u64,
    pub(super) edit: FileEdit,
}

/// What changes in a file.
#[derive(Clone, Debug)]
pub(super) enum FileEdit {
    Write { offset: u64, bytes: Arc<[u8]> },
    Grow,
    Cut,
}

impl FileChange {
    /// Makes the change.
    pub(super) fn apply(&self, content: &mut Content) {
        match &self.edit {
            FileEdit::Write { offset, bytes } => content.write(*offset, bytes),
            FileEdit::Grow | FileEdit::Cut => content.set_len(self.len),
        }
    }
}

impl FileEdit {
    pub(super) fn cuts(&self) -> bool {
        matches!(self, FileEdit::Cut)
    }
}

/// How a failed sync leaves a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages {
    Dropped,
    Kept,
}

impl World {
    /// An empty disk: its root alone.
    pub(super) fn new() -> World {
        World {
            dirs: Arc::new(BTreeSet::from([PathBuf::new()])),
            names: Arc::default(),
            durable_names: Arc::default(),
            name_changes: Arc::default(),
            files: Arc::default(),
        }
    }

    /// A disk of these names and contents, all durable.
    pub(super) fn of(
        dirs: Arc<BTreeSet<PathBuf>>,
        names: Names,
        contents: BTreeMap<FileNo, Content>,
    ) -> World {
        let whole = |content: Content| File {
            now: content.clone(),
            durable: content,
            clean_at: 0,
            lossy: false,
        };
        let files = contents.into_iter().map(|(no, content)| (no, whole(content))).collect();
        let names = Arc::new(names);
        World {
            dirs,
            names: Arc::clone(&names),
            durable_names: names,
            name_changes: Arc::default(),
            files: Arc::new(files),
        }
    }

    /// The file of a name.
    pub(super) fn find(&self, path: &Path) -> Option<FileNo> {
        self.names.get(path).copied()
    }

    /// The file with this number, which exists as long as anything refers to it.
    #[expect(clippy::expect_used, reason = "a file outlives its names and handles")]
    pub(super) fn file(&self, no: FileNo) -> &File {
        self.files.get(&no).expect("a file that is referred to exists")
    }

    #[expect(clippy::expect_used, reason = "a file outlives its names and handles")]
    pub(super) fn file_mut(&mut self, no: FileNo) -> &mut File {
        let files = Arc::make_mut(&mut self.files);
        files.get_mut(&no).expect("a file that is referred to exists")
    }

    /// Makes a change of names that a sync has yet to cover.
    pub(super) fn rename(&mut self, change: NameChange) {
        change.edit.apply(Arc::make_mut(&mut self.names));
        Arc::make_mut(&mut self.name_changes).push(change);
    }

    /// Makes the names in `dir` durable, with all that they depend on.
    pub(super) fn sync_names(&mut self, dir: &Path) {
        let (durable, rest) = names::split(&self.name_changes, |change| change.edit.within(dir));
        if durable.is_empty() {
            return;
        }
        let names = Arc::make_mut(&mut self.durable_names);
        for change in &durable {
            change.edit.apply(names);
        }
        self.name_changes = Arc::new(rest);
    }

    /// Forgets files that nothing refers to any more, apart from those that `used` knows.
    pub(super) fn collect(&mut self, used: impl Fn(FileNo) -> bool) {
        let mut live: BTreeSet<FileNo> = self.names.values().copied().collect();
        live.extend(self.durable_names.values());
        live.extend(self.name_changes.iter().filter_map(|change| change.edit.file()));
        let dead = |no: &FileNo| !live.contains(no) && !used(*no);
        if self.files.keys().any(dead) {
            Arc::make_mut(&mut self.files).retain(|no, _| !dead(no));
        }
    }

    /// A hash of names and contents as programs see them.
    pub(super) fn hash(&self) -> u64 {
        let mut hash = 0;
        for dir in self.dirs.iter() {
            hash = mix(hash ^ hash_path(dir));
        }
        for (path, no) in self.names.iter() {
            hash = mix(hash ^ hash_path(path).rotate_left(1));
            hash = mix(hash ^ self.file(*no).now.hash());
        }
        hash
    }
}

impl File {
    /// Makes the content durable; `pending` are the changes since `clean_at`.
    pub(super) fn sync(&mut self, op: u64, pending: &[FileChange]) {
        if self.lossy {
            for change in pending {
                change.apply(&mut self.durable);
            }
            self.durable.set_len(self.now.len());
        } else {
            self.durable = self.now.clone();
        }
        self.clean_at = op;
    }

    /// Fails to make the content durable.
    pub(super) fn fail_sync(&mut self, op: u64, pages: Pages) {
        if pages == Pages::Dropped {
            let len = self.now.len();
            self.now = self.durable.clone();
            self.now.set_len(len);
        }
        self.clean_at = op;
        self.lossy = true;
    }
}

fn hash_path(path: &Path) -> u64 {
    hash_bytes(path.as_os_str().as_encoded_bytes())
}
