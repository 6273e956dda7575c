//! Makes the n-th call to the disk fail, for every n until there are no more calls, and judges what
//! becomes of the database.
//!
//! What is asked:
//! 1. Nothing panics and nothing hangs, and every error is of a kind that the fault explains.
//! 2. Unless it says that it is poisoned, the database goes on once calls succeed again: it
//!    settles, holds what the model holds, and no file is left over.
//! 3. After a crash, what was acknowledged as durable is there, as after crashes without failures.

use cuesta_engine::env::sim::{Crash, Fault, FaultRule, OpKind, Repeat};
use cuesta_engine::{Error, ErrorKind};

use super::cast::Cast;
use super::examine::{Examiner, guarded};
use super::run::{Errors, Life, Run};
use super::workload::Workload;

/// How calls fail.
#[derive(Clone, Copy, Debug)]
pub struct Failing {
    /// In which way.
    pub fault: Fault,
    /// Once, or from then on.
    pub repeat: Repeat,
}

/// Totals of failing calls.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// Runs with a failing call.
    pub runs: u64,
    /// Runs in which an operation of the workload returned an error.
    pub reported: u64,
    /// Runs that ended with a poisoned database.
    pub poisoned: u64,
}

impl Failures {
    /// Adds other totals.
    pub fn add(&mut self, other: &Failures) {
        self.runs += other.runs;
        self.reported += other.reported;
        self.poisoned += other.poisoned;
    }
}

/// Fails every `stride`-th call of a workload, one in each run, beginning with call `first`.
///
/// # Errors
/// What went wrong, with the number of the call.
pub fn fail_calls(
    cast: &Cast,
    examiner: &mut Examiner<'_>,
    workload: &Workload,
    failing: Failing,
    (first, stride): (u64, u64),
    failures: &mut Failures,
) -> Result<(), String> {
    for nth in (first..).step_by(stride as usize) {
        let fired = fail_call(cast, examiner, workload, failing, nth, failures)
            .map_err(|what| format!("{failing:?} of call {nth}: {what}"))?;
        if !fired {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the workload had that many calls.
fn fail_call(
    cast: &Cast,
    examiner: &mut Examiner<'_>,
    workload: &Workload,
    failing: Failing,
    nth: u64,
    failures: &mut Failures,
) -> Result<bool, String> {
    let errors = match failing.fault {
        // Reading and writing less than asked is no failure.
        Fault::ShortRead | Fault::ShortWrite => Errors::Unexpected,
        _ => Errors::Expected,
    };
    let mut run = Run::new(cast, workload, errors);
    let disk = run.env().disk().clone();
    let (op, path_contains) = (OpKind::Any, None);
    disk.inject(FaultRule { op, path_contains, nth, fault: failing.fault, repeat: failing.repeat });
    guarded(|| {
        run.run(&mut |life| judge(examiner, workload, life))?;
        disk.clear_faults();
        for error in &run.met {
            check_kind(failing.fault, error)?;
        }
        if disk.faults_fired() > 0 {
            failures.runs += 1;
            failures.reported += u64::from(!run.met.is_empty());
            failures.poisoned += u64::from(run.is_poisoned());
        }
        match failing.fault {
            // What was mapped stays as it was read until the database is opened again.
            Fault::BitFlip(_) => Ok(()),
            _ => run.check_recovery(),
        }
    })?;
    Ok(disk.faults_fired() > 0)
}

/// Runs a workload on a disk of so many bytes, and gives it room again in the end.
///
/// # Errors
/// What went wrong.
pub fn fill_disk(
    cast: &Cast,
    examiner: &mut Examiner<'_>,
    workload: &Workload,
    bytes: u64,
    failures: &mut Failures,
) -> Result<(), String> {
    let mut run = Run::new(cast, workload, Errors::Expected);
    let disk = run.env().disk().clone();
    disk.set_capacity(bytes);
    let filled = guarded(|| {
        run.run(&mut |life| {
            disk.set_capacity(ROOMY_BYTES);
            judge(examiner, workload, life)?;
            disk.set_capacity(bytes);
            Ok(())
        })?;
        disk.set_capacity(ROOMY_BYTES);
        for error in &run.met {
            check_kind(Fault::Enospc, error)?;
        }
        failures.runs += 1;
        failures.reported += u64::from(!run.met.is_empty());
        failures.poisoned += u64::from(run.is_poisoned());
        run.check_recovery()
    });
    filled.map_err(|what| format!("a disk of {bytes} bytes: {what}"))
}

/// A disk that no workload fills.
const ROOMY_BYTES: u64 = 1 << 40;

/// Crashes after the first failed operation, in the end, and in between.
fn judge(examiner: &mut Examiner<'_>, workload: &Workload, life: &Life<'_>) -> Result<(), String> {
    let last = life.disk.op_count();
    let trace = life.disk.trace();
    let mut recent = trace.iter().enumerate().skip(life.from as usize);
    let failed = recent.find(|(_, line)| line.ends_with("(failed)"));
    let failed = failed.map_or(last, |(at, _)| at as u64 + 1);
    let mut ops = vec![failed, failed + 1, failed + 2, failed.midpoint(last), last];
    ops.dedup();
    for op in ops.into_iter().filter(|op| *op <= last) {
        for mode in Crash::all(workload.seed + op) {
            examiner.crash(workload, life, op, mode)?;
        }
    }
    Ok(())
}

/// Whether the fault explains the error.
fn check_kind(fault: Fault, error: &Error) -> Result<(), String> {
    let explained = match error.kind() {
        ErrorKind::Io | ErrorKind::Poisoned => true,
        ErrorKind::Full => fault == Fault::Enospc,
        ErrorKind::Corrupt => matches!(fault, Fault::BitFlip(_)),
        _ => false,
    };
    if explained { Ok(()) } else { Err(format!("an unexplained error: {error:?}")) }
}
