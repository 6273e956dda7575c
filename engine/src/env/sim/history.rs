//! What the simulated disk remembers: its moments and the changes between them.
//!
//! Not for: choosing what survives a crash.
//!
//! Invariants:
//!
//! 1. `moments[i]` is the disk after operation `first + i`; the present is not among them.
//! 2. The changes of every file are in order of operations, and all those that a remembered moment
//!    counts as unsynced are there.

use std::collections::{BTreeMap, VecDeque};

use super::names::FileNo;
use super::world::{FileChange, World};

/// Moments and changes.
#[derive(Debug, Default)]
pub(super) struct History {
    first: u64,
    moments: VecDeque<World>,
    /// What each operation was, in words, from the one after `first` on.
    lines: VecDeque<String>,
    changes: BTreeMap<FileNo, Vec<FileChange>>,
    limit: Option<u64>,
}

impl History {
    /// Operations so far, forgotten ones included.
    pub(super) fn ops(&self) -> u64 {
        self.first + self.moments.len() as u64
    }

    /// Starts an operation on the disk as it is; returns the operation's number.
    pub(super) fn begin(&mut self, now: &World, line: String) -> u64 {
        self.moments.push_back(now.clone());
        self.lines.push_back(line);
        if let Some(limit) = self.limit
            && self.moments.len() as u64 > limit.saturating_mul(2).saturating_add(64)
        {
            self.forget_before(self.ops() - limit, now);
        }
        self.ops()
    }

    /// Adds a change of a file.
    pub(super) fn push(&mut self, file: FileNo, change: FileChange) {
        self.changes.entry(file).or_default().push(change);
    }

    /// The disk after operation `op`; the present one is `now`.
    pub(super) fn moment<'a>(&'a self, op: u64, now: &'a World) -> &'a World {
        let ops = self.ops();
        assert!(
            (self.first..=ops).contains(&op),
            "operation {op} is not remembered: {}..={ops} are",
            self.first
        );
        self.moments.get((op - self.first) as usize).unwrap_or(now)
    }

    /// Changes of a file after operation `clean_at`, up to operation `op`.
    pub(super) fn pending(&self, file: FileNo, clean_at: u64, op: u64) -> &[FileChange] {
        let changes = self.changes.get(&file).map_or(&[][..], Vec::as_slice);
        let start = changes.partition_point(|change| change.op <= clean_at);
        let end = changes.partition_point(|change| change.op <= op);
        changes.get(start..end).unwrap_or_default()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }

    /// Remembers about `limit` operations from now on.
    pub(super) fn keep_last(&mut self, limit: u64) {
        self.limit = Some(limit);
    }

    /// Forgets moments before operation `op`, and changes that no later moment needs.
    pub(super) fn forget_before(&mut self, op: u64, now: &World) {
        let op = op.clamp(self.first, self.ops());
        self.moments.drain(..(op - self.first) as usize);
        self.lines.drain(..(op - self.first) as usize);
        self.first = op;
        let oldest = self.moments.front().unwrap_or(now);
        self.changes.retain(|file, changes| {
            let clean_at = oldest.files.get(file).map_or(op, |file| file.clean_at);
            changes.drain(..changes.partition_point(|change| change.op <= clean_at));
            !changes.is_empty()
        });
    }
}
