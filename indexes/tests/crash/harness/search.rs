//! Runs workloads until one goes wrong, and then makes it smaller.

use std::fmt;

use super::cast::Cast;
use super::examine::{Depth, Examiner, guarded};
use super::run::{Errors, Run};
use super::workload::{Op, Source, Workload};

/// A workload that went wrong.
#[derive(Debug)]
pub struct Violation {
    /// Where it comes from.
    pub source: Source,
    /// The smallest workload found that goes wrong as well.
    pub workload: Workload,
    /// Operations of the whole workload.
    pub length: usize,
    /// What went wrong with it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Workload { seed, asked, options, before, ops, .. } = &self.workload;
        writeln!(f, "workload {}, replayed by CUESTA_SEED={}", self.source, self.source)?;
        writeln!(f, "seed {seed}, durability {}, {options:?}", asked.name())?;
        for op in before {
            writeln!(f, "  before: {op:?}")?;
        }
        for op in ops {
            writeln!(f, "  {op:?}")?;
        }
        writeln!(f, "({} of {} operations are enough)", ops.len(), self.length)?;
        write!(f, "{}", self.what)
    }
}

/// Runs a workload and judges all its crashes.
///
/// # Errors
/// What went wrong.
pub fn examine(
    cast: &Cast,
    examiner: &mut Examiner<'_>,
    workload: &Workload,
) -> Result<(), String> {
    examiner.counts.workloads += 1;
    guarded(|| {
        let mut run = Run::new(cast, workload, Errors::Unexpected);
        run.run(&mut |life| examiner.life(workload, life))
    })
}

/// Runs the workload of a source.
///
/// # Errors
/// The violation, made small.
pub fn search(
    cast: &Cast,
    examiner: &mut Examiner<'_>,
    depth: Depth,
    source: Source,
) -> Result<(), Box<Violation>> {
    let workload = Workload::of(source);
    let Err(what) = examine(cast, examiner, &workload) else { return Ok(()) };
    let length = workload.ops.len();
    let (workload, what) = shrink(cast, depth, workload, what);
    Err(Box::new(Violation { source, workload, length, what }))
}

/// Leaves out operations as long as something still goes wrong.
fn shrink(cast: &Cast, depth: Depth, workload: Workload, what: String) -> (Workload, String) {
    let (mut best, mut best_what) = (workload, what);
    let mut budget = 60;
    loop {
        let mut smaller = None;
        for candidate in candidates(&best) {
            if budget == 0 {
                return (best, best_what);
            }
            budget -= 1;
            let mut examiner = Examiner::new(cast, depth);
            if let Err(what) = examine(cast, &mut examiner, &candidate) {
                smaller = Some((candidate, what));
                break;
            }
        }
        match smaller {
            Some((workload, what)) => (best, best_what) = (workload, what),
            None => return (best, best_what),
        }
    }
}

/// Workloads with something less: halves first, then single operations, then single clients.
fn candidates(workload: &Workload) -> Vec<Workload> {
    let ops = &workload.ops;
    let with = |ops: Vec<Op>| Workload { ops, ..workload.clone() };
    let mut all = Vec::new();
    if ops.len() > 3 {
        all.push(with(ops[..ops.len() / 2].to_vec()));
        all.push(with(ops[ops.len() / 2..].to_vec()));
    }
    for at in (0..ops.len()).rev() {
        let mut fewer = ops.clone();
        fewer.remove(at);
        all.push(with(fewer));
    }
    for (at, op) in ops.iter().enumerate() {
        let Op::Together(clients) = op else { continue };
        for client in 0..clients.len() {
            let mut fewer = clients.clone();
            fewer.remove(client);
            let mut ops = ops.clone();
            ops[at] = Op::Together(fewer);
            all.push(with(ops));
        }
    }
    all
}
