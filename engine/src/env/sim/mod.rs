//! A simulated world: a disk in memory that crashes and fails on demand, a clock that jumps, and
//! background jobs on the caller's thread, in an order that a seed determines.
//!
//! Not for: threads. Use a [`SimEnv`] from one thread; with the same seed and the same calls
//! everything that happens, happens again.
//!
//! | file | answers |
//! | --- | --- |
//! | `schedule` | which job runs next? what time is it? |
//! | `disk`, `vfs` | how do tests and the engine see the disk? |
//! | `state` | what does an operation do? |
//! | `world`, `content`, `names` | what is on the disk, and what of it is durable? |
//! | `history` | what was on it before? |
//! | `crash` | what survives? |
//! | `fault` | which call fails, and how? |

mod random;
mod content;
mod names;
mod world;
mod history;
mod crash;
mod fault;
mod state;
mod disk;
mod vfs;
mod schedule;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Env, Event, Job, Running, SharedWords, Vfs};
pub use crash::Crash;
pub use disk::SimDisk;
pub use fault::{Fault, FaultRule, OpKind, Repeat};
pub use random::Random;
use schedule::Scheduler;
pub use schedule::{Task, TaskState};

/// The wall clock of a new simulation: 2026-01-01 00:00:00 UTC.
pub const START_MS: u64 = 1_767_225_600_000;

/// A simulated process on a simulated disk.
///
/// ```
/// use std::path::Path;
///
/// use cuesta_engine::env::sim::{Crash, SimEnv};
/// use cuesta_engine::env::{Env, OpenMode, SyncKind};
///
/// # fn main() -> std::io::Result<()> {
/// let env = SimEnv::new(42);
/// let file = env.vfs().open(Path::new("a"), OpenMode::CreateNew)?;
/// file.write_all_at(0, b"one")?;
/// file.sync(SyncKind::Full)?;
/// let before = env.disk().op_count();
/// env.vfs().sync_dir(Path::new(""))?;
///
/// // The file was synced, but its name was not.
/// let image = env.disk().crash_image(before, Crash::LoseUnsynced);
/// assert!(image.files().is_empty());
/// let image = env.disk().crash_image(before + 1, Crash::LoseUnsynced);
/// assert_eq!(image.read_file("a"), b"one");
/// # Ok(())
/// # }
/// ```
pub struct SimEnv {
    disk: Arc<SimDisk>,
    seed: u64,
    scheduler: Arc<Scheduler>,
    random: Mutex<Random>,
}

impl SimEnv {
    /// A process on an empty disk.
    pub fn new(seed: u64) -> Arc<SimEnv> {
        SimEnv::on(SimDisk::new(), seed)
    }

    /// A new process on a disk, such as a crash image.
    pub fn on(disk: Arc<SimDisk>, seed: u64) -> Arc<SimEnv> {
        let scheduler = Arc::new(Scheduler::new(seed));
        let random = Mutex::new(Random::of(&[seed, 2]));
        Arc::new(SimEnv { disk, seed, scheduler, random })
    }

    /// The disk.
    pub fn disk(&self) -> &Arc<SimDisk> {
        &self.disk
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Steps one background job that can run, chosen at random; `false` if there is none.
    pub fn step_one(&self) -> bool {
        self.scheduler.step_one()
    }

    /// Steps background jobs until none can run before the clock moves on.
    pub fn run_until_idle(&self) {
        self.scheduler.run_until_idle();
    }

    /// Runs tasks, such as commits, between background jobs, in an order chosen at random, until
    /// all tasks have ended.
    ///
    /// # Panics
    ///
    /// When nothing can run and there is no time to wait for.
    pub fn run_tasks(&self, tasks: Vec<Task<'_>>) {
        self.scheduler.run_tasks(tasks);
    }

    /// Moves the clock on. Jobs that this lets run do so when something waits or steps.
    pub fn advance(&self, time: Duration) {
        self.scheduler.pass(time);
    }

    /// Steps of background jobs so far.
    pub fn steps(&self) -> u64 {
        self.scheduler.steps()
    }

    /// Drops all background jobs as they are, as the end of the process does. Jobs hold on to
    /// whatever they work for, so without this a database that is left behind, rather than closed,
    /// is never freed.
    pub fn kill(&self) {
        self.scheduler.kill();
    }
}

impl Env for SimEnv {
    fn vfs(&self) -> &dyn Vfs {
        &*self.disk
    }

    /// Every look at the clock takes a microsecond.
    fn now(&self) -> Duration {
        self.scheduler.pass(Duration::from_micros(1));
        self.scheduler.now()
    }

    fn wall_ms(&self) -> u64 {
        let passed = u64::try_from(self.scheduler.now().as_millis()).unwrap_or(u64::MAX);
        START_MS.saturating_add(passed)
    }

    fn rand64(&self) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }

    fn spawn(&self, name: &str, job: Box<dyn Job>) -> Arc<dyn Running> {
        let id = self.scheduler.add(name, job);
        Arc::new(SimRunning { scheduler: Arc::clone(&self.scheduler), id })
    }

    /// # Panics
    ///
    /// When nothing can run and there is no time to wait for.
    fn wait(&self, event: &Event, seen: u64, timeout: Option<Duration>) {
        let deadline = timeout.map(|timeout| self.scheduler.now().saturating_add(timeout));
        self.scheduler.run_until(|| event.epoch() > seen, deadline);
    }

    fn shared_words(&self, path: &Path, count: usize) -> io::Result<Arc<dyn SharedWords>> {
        Ok(self.disk.state().shared_words(&names::normal(path), count)?)
    }

    fn process(&self) -> String {
        vfs::PROCESS.to_owned()
    }
}

impl fmt::Debug for SimEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimEnv")
            .field("seed", &self.seed)
            .field("disk", &self.disk)
            .finish_non_exhaustive()
    }
}

/// A job in the scheduler's queue.
struct SimRunning {
    scheduler: Arc<Scheduler>,
    id: u64,
}

impl Running for SimRunning {
    fn join(&self) {
        self.scheduler.join(self.id);
    }
}
