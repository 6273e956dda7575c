//! The simulated disk, as tests handle it: crash images, faults, corruption, traces.
//!
//! Not for: what files do (`vfs.rs`), nor for how it does it (`state.rs`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::content::Content;
use super::crash::Crash;
use super::fault::FaultRule;
use super::names::normal;
use super::state::State;
use super::world::World;
use crate::env::SharedWords;

/// A disk in memory that remembers every operation and can be found as any crash leaves it.
///
/// What it promises is what POSIX file systems promise, and no more:
///
/// - A file's sync covers its data and length, not its names; these need a sync of their directory.
/// - What was not synced survives a crash or not, sector by sector, in any order.
/// - A rename is atomic, and not ordered against data.
/// - A file whose last name was removed lives on while it is open.
/// - Directories are durable as soon as they are made (as `OsVfs` sees to).
///
/// Paths are relative to the disk's root; `/db`, `db` and `./db` are the same.
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Arc<SimDisk> {
        SimDisk::of(State::new(World::new()))
    }

    fn of(state: State) -> Arc<SimDisk> {
        Arc::new(SimDisk { state: Arc::new(Mutex::new(state)) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn share(&self) -> Arc<Mutex<State>> {
        Arc::clone(&self.state)
    }

    /// Operations so far. Every call that changed something, or was made to fail in trying, is
    /// one; the first has number 1.
    pub fn op_count(&self) -> u64 {
        self.state().history.ops()
    }

    /// Calls so far, reads and failed ones included: the n-th call is what
    /// `FaultRule::nth(n, OpKind::Any, Fault::Eio)` on a fresh disk would hit.
    pub fn call_count(&self) -> u64 {
        self.state().faults.calls()
    }

    /// The disk as found after a crash just after operation number `at_op` had been issued; 0 is
    /// before the first. Locks, shared words, faults and counts start afresh. The same arguments
    /// give the same image. Costs time in proportion to the number of files and unsynced bytes.
    ///
    /// # Panics
    ///
    /// When there is no such operation, or it is forgotten.
    pub fn crash_image(&self, at_op: u64, mode: Crash) -> Arc<SimDisk> {
        SimDisk::of(self.state().image(at_op, mode))
    }

    /// An independent disk that holds what programs see on this one, all durable.
    pub fn fork(&self) -> Arc<SimDisk> {
        let state = self.state();
        SimDisk::of(state.image(state.history.ops(), Crash::KeepAll))
    }

    /// A hash of the names and contents that programs see. Pages are hashed once, however many
    /// images share them.
    pub fn content_hash(&self) -> u64 {
        self.state().world.hash()
    }

    /// What each operation was, in order, such as `write log/0000000001.log 4096+120`.
    pub fn trace(&self) -> Vec<String> {
        self.state().history.lines()
    }

    /// Forgets operations before `at_op`: no images of earlier moments, no trace of them.
    pub fn forget_before(&self, at_op: u64) {
        let mut state = self.state();
        let State { history, world, .. } = &mut *state;
        history.forget_before(at_op, world);
    }

    /// Remembers only the last `ops` operations or somewhat more, so that a long run takes bounded
    /// memory.
    pub fn keep_last(&self, ops: u64) {
        self.state().history.keep_last(ops);
    }

    /// Makes calls fail. Rules add up; the oldest that applies to a call wins.
    pub fn inject(&self, rule: FaultRule) {
        self.state().faults.inject(rule);
    }

    /// Ends all rules.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Calls that rules have applied to so far.
    pub fn faults_fired(&self) -> u64 {
        self.state().faults.fired()
    }

    /// Limits the disk to so many bytes, in pages of 4,096. Pages written or allocated take space;
    /// names do not. A write for which there is not enough room is short; without any it fails.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = Some(bytes);
    }

    /// From now on `map` gives `None`, as on systems without maps.
    pub fn disable_maps(&self) {
        self.state().maps = false;
    }

    /// Paths of all files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        self.state().world.names.keys().cloned().collect()
    }

    /// The bytes of a file, without a call being counted.
    ///
    /// # Panics
    ///
    /// When there is no such file.
    #[expect(clippy::panic, reason = "a test asks for a file that it knows")]
    pub fn read_file(&self, path: impl AsRef<Path>) -> Vec<u8> {
        let path = normal(path.as_ref());
        let state = self.state();
        match state.world.find(&path) {
            Some(no) => state.world.file(no).now.to_vec(),
            None => panic!("no file {} on the simulated disk", path.display()),
        }
    }

    /// Puts a file or replaces its bytes, in place and durably; no operation is counted, and
    /// missing directories are made. Images of earlier operations do not change.
    pub fn write_file(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        self.state().put(&normal(path.as_ref()), Some(Content::of(bytes)));
    }

    /// Takes a file away, durably; no operation is counted.
    pub fn remove_file(&self, path: impl AsRef<Path>) {
        self.state().put(&normal(path.as_ref()), None);
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("ops", &self.op_count()).finish_non_exhaustive()
    }
}

/// Locks the state; a panic elsewhere has already failed the test.
pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Words that all simulated processes on a disk share.
#[derive(Debug, Default)]
pub(super) struct SimWords(Box<[AtomicU64]>);

impl SimWords {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// A copy with more words.
    pub(super) fn grown(&self, count: usize) -> SimWords {
        use std::sync::atomic::Ordering::SeqCst;
        let old = self.0.iter().map(|word| word.load(SeqCst));
        SimWords(old.chain(std::iter::repeat(0)).take(count).map(AtomicU64::new).collect())
    }
}

impl SharedWords for SimWords {
    fn words(&self) -> &[AtomicU64] {
        &self.0
    }
}
