//! Calls that fail on demand.
//!
//! Not for: crashes (`crash.rs`), and what a failed call leaves behind (`state.rs`).

use std::io;
use std::path::Path;

use super::random::Random;

/// A kind of call to the simulated disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpKind {
    /// In a rule: every call. No call is of this kind.
    Any,
    /// `read_at` and `map`.
    Read,
    /// `write_at`.
    Write,
    /// `set_len`.
    SetLen,
    /// `allocate`.
    Allocate,
    /// `sync`.
    Sync,
    /// `open`, and the opening of shared words; in a rule, [`OpKind::Create`] as well.
    Open,
    /// `open` of a new file.
    Create,
    /// `rename`.
    Rename,
    /// `link`.
    Link,
    /// `remove`.
    Remove,
    /// `sync_dir`.
    SyncDir,
    /// `create_dir_all`.
    CreateDir,
    /// `list`.
    List,
    /// `lock`.
    Lock,
    /// `len`, `exists` and `free_space`.
    Stat,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// An input/output error. A write may have written a part; a file's sync behaves as one of the
    /// two sync faults below; any other call has done nothing.
    Eio,
    /// An input/output error of a write that has written everything.
    LateEio,
    /// No space left; nothing was done. Calls that take space, and syncs, which then behave as
    /// under [`Fault::Eio`].
    Enospc,
    /// A write writes half and says so.
    ShortWrite,
    /// A read reads half and says so.
    ShortRead,
    /// A file's sync fails, and what was not synced is forgotten: it reads as it was when last
    /// synced, and as zeros where the file has grown since.
    SyncFailPagesDropped,
    /// A file's sync fails, and what was not synced stays readable but counts as clean: no later
    /// sync makes it durable unless it is written again.
    SyncFailPagesKept,
    /// A read succeeds with one bit turned over: bit `n` of those read, modulo their number.
    BitFlip(u64),
}

impl Fault {
    /// Whether a call of this kind can fail in this way.
    fn fits(self, kind: OpKind) -> bool {
        use OpKind::{Allocate, Create, CreateDir, Link, Lock, Read, Rename, SetLen, Sync, Write};
        match self {
            Fault::Eio => true,
            Fault::Enospc => {
                matches!(kind, Write | SetLen | Allocate | Sync | Create)
                    || matches!(kind, Rename | Link | CreateDir | Lock)
            }
            Fault::LateEio | Fault::ShortWrite => kind == Write,
            Fault::ShortRead | Fault::BitFlip(_) => kind == Read,
            Fault::SyncFailPagesDropped | Fault::SyncFailPagesKept => kind == Sync,
        }
    }

    /// The error that the caller gets; `None` where the call succeeds all the same.
    pub(super) fn error(self, kind: OpKind, path: &Path) -> Option<io::Error> {
        let what = match self {
            Fault::Eio
            | Fault::LateEio
            | Fault::SyncFailPagesDropped
            | Fault::SyncFailPagesKept => (io::ErrorKind::Other, "input/output error"),
            Fault::Enospc => (io::ErrorKind::StorageFull, "no space left"),
            Fault::ShortWrite | Fault::ShortRead | Fault::BitFlip(_) => return None,
        };
        let path = path.display();
        Some(io::Error::new(what.0, format!("simulated {}: {kind:?} of {path}", what.1)))
    }

    /// What a failed sync does to the pages, as decided by `random` where the fault leaves it open.
    pub(super) fn of_sync(self, random: &mut Random) -> Fault {
        match self {
            Fault::SyncFailPagesDropped | Fault::SyncFailPagesKept => self,
            _ if random.one_in(2) => Fault::SyncFailPagesDropped,
            _ => Fault::SyncFailPagesKept,
        }
    }
}

/// How often a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// To the n-th matching call alone.
    Once,
    /// To the n-th matching call and all that follow.
    Sticky,
}

/// Which call fails, and how.
///
/// ```
/// use cuesta_engine::env::sim::{Fault, FaultRule, OpKind};
///
/// let second_log_sync = FaultRule::nth(2, OpKind::Sync, Fault::Eio).on("log/");
/// let full_from_now = FaultRule::nth(1, OpKind::Any, Fault::Enospc).sticky();
/// # assert_ne!(second_log_sync, full_from_now);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FaultRule {
    /// The kind of call that matches. Calls that cannot fail in the way of `fault` never match.
    pub op: OpKind,
    /// Text that the call's path must contain; of two paths, either. A file keeps the path under
    /// which it was opened.
    pub path_contains: Option<String>,
    /// Which matching call from now on fails; 1 is the next.
    pub nth: u64,
    /// How it fails.
    pub fault: Fault,
    /// Whether later ones fail, too.
    pub repeat: Repeat,
}

impl FaultRule {
    /// The `nth` call of this kind from now on fails once.
    pub fn nth(nth: u64, op: OpKind, fault: Fault) -> FaultRule {
        FaultRule { op, path_contains: None, nth, fault, repeat: Repeat::Once }
    }

    /// Only calls whose path contains `text`.
    pub fn on(self, text: &str) -> FaultRule {
        FaultRule { path_contains: Some(text.to_owned()), ..self }
    }

    /// Later calls fail, too.
    pub fn sticky(self) -> FaultRule {
        FaultRule { repeat: Repeat::Sticky, ..self }
    }

    fn matches(&self, kind: OpKind, paths: &[&Path]) -> bool {
        let kinds = match self.op {
            OpKind::Any => true,
            OpKind::Open => matches!(kind, OpKind::Open | OpKind::Create),
            op => op == kind,
        };
        let text = self.path_contains.as_deref();
        let named =
            text.is_none_or(|text| paths.iter().any(|path| path.to_string_lossy().contains(text)));
        kinds && named && self.fault.fits(kind)
    }
}

/// The rules in force, and what they have seen.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<(FaultRule, u64)>,
    calls: u64,
    fired: u64,
}

impl Faults {
    pub(super) fn inject(&mut self, rule: FaultRule) {
        self.rules.push((rule, 0));
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// Calls so far that a rule applied to.
    pub(super) fn fired(&self) -> u64 {
        self.fired
    }

    /// Counts a call; says how it fails if it does. The oldest rule that applies wins.
    pub(super) fn check(&mut self, kind: OpKind, paths: &[&Path]) -> Option<Fault> {
        self.calls += 1;
        let mut fault = None;
        for (rule, seen) in &mut self.rules {
            if !rule.matches(kind, paths) {
                continue;
            }
            *seen += 1;
            let due = match rule.repeat {
                Repeat::Once => *seen == rule.nth,
                Repeat::Sticky => *seen >= rule.nth,
            };
            if due && fault.is_none() {
                fault = Some(rule.fault);
            }
        }
        self.fired += u64::from(fault.is_some());
        fault
    }
}
