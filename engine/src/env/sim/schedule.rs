//! The seeded scheduler: which job runs next, and what time it is.
//!
//! Not for: threads. Everything runs on the caller's thread, inside its calls.
//!
//! ```text
//!            picked at random            step says Again
//!   ready ───────────────────▶ running ───────────────────▶ ready
//!     ▲                           │ │
//!     │ event past epoch,         │ └─ Done ──▶ gone
//!     │ or clock at the time      ▼
//!     └───────────────────────  waiting     step says Wait or WaitUntil
//! ```
//!
//! Invariants:
//!
//! 1. A job that runs is out of its slot: a nested wait cannot step it again.
//! 2. No lock is held while a job or task runs.
//! 3. The same seed and the same calls give the same order and the same times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::random::Random;
use crate::env::{Event, Job, JobState};

/// Steps within one wait after which the simulation counts as running in circles.
const STEPS_MAX: u64 = 1 << 24;

/// A foreign step machine, such as a commit, that a test lets run between jobs.
pub type Task<'a> = Box<dyn FnMut() -> TaskState + 'a>;

/// What a [`Task`] wants after a step.
#[derive(Clone, Debug)]
pub enum TaskState {
    /// There is more to do at once.
    Again,
    /// Nothing to do until the event moves past the epoch.
    Wait(Arc<Event>, u64),
    /// Nothing to do until the event moves past the epoch or the clock reaches the time.
    WaitUntil(Arc<Event>, u64, Duration),
    /// The task has ended.
    Done,
}

impl TaskState {
    fn is_ready(&self, now: Duration) -> bool {
        match self {
            TaskState::Again => true,
            TaskState::Wait(event, seen) => event.epoch() > *seen,
            TaskState::WaitUntil(event, seen, time) => event.epoch() > *seen || now >= *time,
            TaskState::Done => false,
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match self {
            TaskState::WaitUntil(_, _, time) => Some(*time),
            TaskState::Again | TaskState::Wait(..) | TaskState::Done => None,
        }
    }
}

/// Jobs and the clock.
#[derive(Debug)]
pub(super) struct Scheduler {
    queue: Mutex<Queue>,
    /// Nanoseconds.
    clock: AtomicU64,
}

struct Queue {
    random: Random,
    slots: Vec<Slot>,
    next: u64,
    /// Jobs that run, the innermost last.
    running: Vec<u64>,
    steps: u64,
}

struct Slot {
    id: u64,
    name: String,
    state: TaskState,
    /// `None` while it runs.
    job: Option<Box<dyn Job>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let jobs = self.slots.iter().map(|slot| (&slot.name, &slot.state));
        f.debug_map().entries(jobs).finish()
    }
}

impl Scheduler {
    pub(super) fn new(seed: u64) -> Scheduler {
        let random = Random::of(&[seed, 1]);
        let queue = Queue { random, slots: Vec::new(), next: 1, running: Vec::new(), steps: 0 };
        Scheduler { queue: Mutex::new(queue), clock: AtomicU64::new(0) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        Duration::from_nanos(self.clock.load(Ordering::SeqCst))
    }

    pub(super) fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.clock.fetch_add(nanos, Ordering::SeqCst);
    }

    pub(super) fn steps(&self) -> u64 {
        self.queue().steps
    }

    pub(super) fn add(&self, name: &str, job: Box<dyn Job>) -> u64 {
        let mut queue = self.queue();
        let id = queue.next;
        queue.next += 1;
        let (name, state) = (name.to_owned(), TaskState::Again);
        queue.slots.push(Slot { id, name, state, job: Some(job) });
        id
    }

    /// Drops all jobs as they are.
    pub(super) fn kill(&self) {
        let slots = std::mem::take(&mut self.queue().slots);
        drop(slots);
    }

    /// Steps one job that can run, chosen at random; `false` if there is none.
    pub(super) fn step_one(&self) -> bool {
        let Some((id, mut job)) = self.take() else { return false };
        let event = job.event();
        let state = match job.step() {
            JobState::Again => TaskState::Again,
            JobState::Wait(seen) => TaskState::Wait(event, seen),
            JobState::WaitUntil(seen, time) => TaskState::WaitUntil(event, seen, time),
            JobState::Done => TaskState::Done,
        };
        let ended = self.put_back(id, job, state);
        drop(ended);
        true
    }

    fn take(&self) -> Option<(u64, Box<dyn Job>)> {
        let now = self.now();
        let mut queue = self.queue();
        let ready = queue.ready(now);
        if ready.is_empty() {
            return None;
        }
        let chosen = ready[queue.random.index(ready.len())];
        let cost = Duration::from_micros(1 + queue.random.below(20));
        let slot = &mut queue.slots[chosen];
        let (id, job) = (slot.id, slot.job.take()?);
        queue.running.push(id);
        queue.steps += 1;
        drop(queue);
        self.pass(cost);
        Some((id, job))
    }

    /// Returns the job if it has ended, so that it is dropped without the lock.
    fn put_back(&self, id: u64, job: Box<dyn Job>, state: TaskState) -> Option<Box<dyn Job>> {
        let mut queue = self.queue();
        let last = queue.running.pop();
        assert_eq!(last, Some(id), "nested steps end in the reverse order");
        let Some(at) = queue.slots.iter().position(|slot| slot.id == id) else {
            return Some(job);
        };
        if matches!(state, TaskState::Done) {
            queue.slots.remove(at);
            return Some(job);
        }
        let slot = &mut queue.slots[at];
        slot.state = state;
        slot.job = Some(job);
        None
    }

    /// Runs jobs until `done`, or until `deadline`. When none can run, the clock jumps to the next
    /// moment at which one can, or to the deadline.
    pub(super) fn run_until(&self, done: impl Fn() -> bool, deadline: Option<Duration>) {
        for _ in 0..STEPS_MAX {
            if done() || deadline.is_some_and(|deadline| self.now() >= deadline) {
                return;
            }
            if !self.step_one() {
                self.jump(deadline);
            }
        }
        self.give_up("running in circles");
    }

    /// Runs jobs until none can run before the clock moves on.
    pub(super) fn run_until_idle(&self) {
        for _ in 0..STEPS_MAX {
            if !self.step_one() {
                return;
            }
        }
        self.give_up("running in circles");
    }

    /// Moves the clock to the next moment at which something can happen.
    fn jump(&self, deadline: Option<Duration>) {
        let queue = self.queue();
        let waiting = queue.slots.iter().filter(|slot| slot.job.is_some());
        let next = waiting.filter_map(|slot| slot.state.deadline()).chain(deadline).min();
        drop(queue);
        match next {
            Some(time) => {
                let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                self.clock.fetch_max(nanos, Ordering::SeqCst);
            }
            None => {
                self.give_up("deadlock in simulation: nothing can run, and no time to wait for")
            }
        }
    }

    #[expect(clippy::panic, reason = "a deadlock is a failed simulation, and shows what waited")]
    fn give_up(&self, what: &str) -> ! {
        let queue = self.queue();
        let (jobs, steps) = (format!("{queue:?}"), queue.steps);
        drop(queue);
        panic!("{what}; at {:?} after {steps} steps; jobs: {jobs}", self.now());
    }

    /// Runs jobs until the one with this number has ended. From within the job itself it returns
    /// at once.
    pub(super) fn join(&self, id: u64) {
        let running = self.queue().running.clone();
        if running.last() == Some(&id) {
            return;
        }
        if running.contains(&id) {
            self.give_up("deadlock in simulation: a job is joined from inside its own step");
        }
        self.run_until(|| !self.queue().slots.iter().any(|slot| slot.id == id), None);
    }

    /// Runs tasks and jobs, in an order chosen at random, until all tasks have ended.
    pub(super) fn run_tasks(&self, tasks: Vec<Task<'_>>) {
        let mut tasks: Vec<_> = tasks.into_iter().map(|task| (task, TaskState::Again)).collect();
        for _ in 0..STEPS_MAX {
            tasks.retain(|(_, state)| !matches!(state, TaskState::Done));
            if tasks.is_empty() {
                return;
            }
            match self.choose(tasks.iter().map(|(_, state)| state)) {
                Choice::Task(at) => {
                    let (task, state) = &mut tasks[at];
                    *state = task();
                }
                Choice::Job => _ = self.step_one(),
                Choice::None => {
                    self.jump(tasks.iter().filter_map(|(_, state)| state.deadline()).min());
                }
            }
        }
        self.give_up("running in circles");
    }

    fn choose<'a>(&self, tasks: impl Iterator<Item = &'a TaskState>) -> Choice {
        let now = self.now();
        let ready: Vec<usize> =
            tasks.enumerate().filter(|(_, state)| state.is_ready(now)).map(|(at, _)| at).collect();
        let mut queue = self.queue();
        let jobs = queue.ready(now).len();
        if ready.len() + jobs == 0 {
            return Choice::None;
        }
        let chosen = queue.random.index(ready.len() + jobs);
        let cost = Duration::from_micros(1 + queue.random.below(20));
        drop(queue);
        match ready.get(chosen) {
            Some(task) => {
                self.pass(cost);
                Choice::Task(*task)
            }
            None => Choice::Job,
        }
    }
}

enum Choice {
    Task(usize),
    Job,
    None,
}

impl Queue {
    /// Places of the slots whose jobs can run.
    fn ready(&self, now: Duration) -> Vec<usize> {
        let slots = self.slots.iter().enumerate();
        let ready = slots.filter(|(_, slot)| slot.job.is_some() && slot.state.is_ready(now));
        ready.map(|(at, _)| at).collect()
    }
}
