//! Names of simulated files, and which changes of names depend on which.
//!
//! Not for: contents.
//!
//! Invariants:
//!
//! 1. Changes of one name become durable in the order in which they were made: whoever keeps a
//!    change keeps every earlier one that concerns the same names.
//! 2. A rename is one change: after a crash the file has its old name or its new one, never both
//!    and never neither. A sync of either directory covers it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// A file, whatever its names are.
pub(super) type FileNo = u64;

/// Which file has which name.
pub(super) type Names = BTreeMap<PathBuf, FileNo>;

/// A change of names that no directory sync has covered yet.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    /// The number of the operation.
    pub(super) op: u64,
    pub(super) edit: NameEdit,
}

/// What changes.
#[derive(Clone, Debug)]
pub(super) enum NameEdit {
    Add { path: PathBuf, file: FileNo },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, file: FileNo },
}

impl NameEdit {
    /// Makes the change.
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            NameEdit::Add { path, file } => _ = names.insert(path.clone(), *file),
            NameEdit::Remove { path } => _ = names.remove(path),
            NameEdit::Rename { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }

    /// The file that the change gives a name.
    pub(super) fn file(&self) -> Option<FileNo> {
        match self {
            NameEdit::Add { file, .. } | NameEdit::Rename { file, .. } => Some(*file),
            NameEdit::Remove { .. } => None,
        }
    }

    /// Whether a sync of `dir` covers the change.
    pub(super) fn within(&self, dir: &Path) -> bool {
        self.paths().any(|path| path.parent() == Some(dir))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let (one, two) = match self {
            NameEdit::Add { path, .. } | NameEdit::Remove { path } => (path, None),
            NameEdit::Rename { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(one).chain(two).map(PathBuf::as_path)
    }
}

/// Splits `changes` into those that `chosen` picks, with all that they depend on, and the rest;
/// both stay in order.
pub(super) fn split(
    changes: &[NameChange],
    mut chosen: impl FnMut(&NameChange) -> bool,
) -> (Vec<NameChange>, Vec<NameChange>) {
    let mut needed: BTreeSet<&Path> = BTreeSet::new();
    let mut kept = Vec::new();
    let mut rest = Vec::new();
    for change in changes.iter().rev() {
        let picked = chosen(change);
        if picked || change.edit.paths().any(|path| needed.contains(path)) {
            needed.extend(change.edit.paths());
            kept.push(change.clone());
        } else {
            rest.push(change.clone());
        }
    }
    kept.reverse();
    rest.reverse();
    (kept, rest)
}

/// The path as the simulated disk knows it: relative to its root, without `.` and `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => _ = normal.pop(),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    normal
}
