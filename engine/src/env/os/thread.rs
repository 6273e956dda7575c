//! Jobs on threads: one thread drives one job and parks while the job waits.
//!
//! Not for: choosing what to run. A job that waits costs nothing but its stack.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Instant;

use crate::env::{Event, Job, JobState, Running};
use crate::error::panic_message;

/// A job on its own thread.
#[derive(Debug)]
struct Thread {
    id: ThreadId,
    /// Moves once: when the job has ended and was dropped.
    ended: Arc<Event>,
}

impl Running for Thread {
    /// Returns at once when the job itself asks, which could never end otherwise.
    fn join(&self) {
        if thread::current().id() != self.id {
            self.ended.block(0, None);
        }
    }
}

/// Runs `job` on a new thread whose clock starts at `start`.
#[expect(clippy::expect_used, reason = "without a thread the engine cannot do its work at all")]
pub(super) fn spawn(name: &str, job: Box<dyn Job>, start: Instant) -> Arc<dyn Running> {
    let ended = Arc::new(Event::new());
    let end = Arc::clone(&ended);
    let title = name.to_owned();
    let run = move || {
        // What a job holds is let go of before anybody hears that it has ended.
        if panic::catch_unwind(AssertUnwindSafe(|| drive(&title, job, start))).is_err() {
            tracing::error!(job = title, "a background job panicked and has ended");
        }
        end.notify();
    };
    let handle = thread::Builder::new().name(name.to_owned()).spawn(run);
    let handle = handle.expect("the system gives a thread for a background job");
    Arc::new(Thread { id: handle.thread().id(), ended })
}

/// Steps the job until it is done. A step that panics is over; the job says what comes next.
fn drive(title: &str, mut job: Box<dyn Job>, start: Instant) {
    let event = job.event();
    loop {
        let stepped = panic::catch_unwind(AssertUnwindSafe(|| job.step()));
        let state = stepped.unwrap_or_else(|cause| {
            let message = panic_message(&*cause);
            tracing::error!(job = title, message, "a background job panicked");
            job.panicked(message)
        });
        match state {
            JobState::Again => {}
            JobState::Wait(seen) => event.block(seen, None),
            JobState::WaitUntil(seen, time) => {
                let left = time.saturating_sub(start.elapsed());
                if !left.is_zero() {
                    event.block(seen, Some(left));
                }
            }
            JobState::Done => return,
        }
    }
}
