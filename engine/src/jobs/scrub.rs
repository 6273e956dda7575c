//! Reads all segments again and again, slowly, to find damage while there are still good copies.
//!
//! One segment is checked at a time, every checksum and invariant of it, as `verify` does; then the
//! job rests until what it has read fits its rate. A pass goes through the indexes and segments in
//! the order of their numbers; what comes or goes meanwhile is found or not.
//!
//! Not for: repairing what is damaged.

use std::sync::Arc;
use std::time::Duration;

use crate::env::{Event, Job, JobState};
use crate::id::{IndexId, SegmentId};
use crate::index::{ErasedState, Listed};
use crate::parts::Parts;
use crate::rate::time_of;
use crate::stats::Stats;

/// From the beginning of one pass to that of the next, at least.
pub const PASS_INTERVAL: Duration = Duration::from_secs(3600);

/// How long it rests after a panic, lest it panic again at once, for ever.
const PANIC_REST: Duration = Duration::from_secs(1);

/// The job.
pub struct Scrubber {
    parts: Arc<Parts>,
    bytes_per_second: u64,
    /// What was read last in this pass.
    last: Option<(IndexId, SegmentId)>,
    pass_began: Duration,
    rests_until: Duration,
}

impl Scrubber {
    /// A job that reads so many bytes in a second on average.
    pub fn new(parts: Arc<Parts>, bytes_per_second: u64) -> Scrubber {
        let now = parts.env.now();
        Scrubber { parts, bytes_per_second, last: None, pass_began: now, rests_until: now }
    }

    /// Checks the next segment; its bytes, or `None` at the end of the pass.
    fn check_next(&mut self) -> Option<u64> {
        let current = self.parts.versions.current();
        let after = |id: IndexId, segment: &Listed| Some((id, segment.id)) > self.last;
        let next = |(id, state): (IndexId, &Arc<dyn ErasedState>)| {
            let first = state.listed().into_iter().find(|segment| after(id, segment))?;
            Some((id, state.clone(), first))
        };
        let (id, state, segment) = current.value.states().find_map(next)?;
        self.last = Some((id, segment.id));
        let entry = current.value.catalog.get(id);
        let title = entry.map_or_else(|| id.to_string(), |entry| entry.name.clone());
        let mut problems = Vec::new();
        let report = &mut |problem| problems.push(problem);
        let checked = state.verify_segment(segment.id, &*self.parts.files, report);
        problems.extend(checked.err().map(|error| error.to_string()));
        for problem in problems {
            self.found(format!("index {title:?}, segment {}: {problem}", segment.id));
        }
        Some(segment.meta.bytes())
    }

    fn found(&self, problem: String) {
        Stats::add(&self.parts.stats.scrub_errors, 1);
        let mut report = self.parts.scrub_report();
        if report.note(problem.clone()) {
            tracing::error!(problem, "the scrub has found damage");
        }
    }
}

impl Job for Scrubber {
    fn step(&mut self) -> JobState {
        let seen = self.parts.work.epoch();
        if self.parts.control().closing {
            return JobState::Done;
        }
        let now = self.parts.env.now();
        if now < self.rests_until {
            return JobState::WaitUntil(seen, self.rests_until);
        }
        if self.last.is_none() {
            self.pass_began = now;
        }
        match self.check_next() {
            Some(bytes) => {
                Stats::add(&self.parts.stats.scrubbed_bytes, bytes);
                let mut report = self.parts.scrub_report();
                report.segments += 1;
                report.bytes += bytes;
                drop(report);
                self.rests_until = now + time_of(bytes, self.bytes_per_second);
            }
            None => {
                self.last = None;
                self.parts.scrub_report().passes += 1;
                self.rests_until = self.pass_began + PASS_INTERVAL;
            }
        }
        self.parts.moved.notify();
        JobState::Again
    }

    fn event(&self) -> Arc<Event> {
        self.parts.work.clone()
    }

    /// The segment that was looked at counts as checked, or a pass would never end.
    fn panicked(&mut self, message: &str) -> JobState {
        self.rests_until = self.parts.env.now() + PANIC_REST;
        Stats::add(&self.parts.stats.job_failures, 1);
        self.found(format!("checking the segment after {:?} panicked: {message}", self.last));
        JobState::Again
    }
}
