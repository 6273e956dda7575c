//! Runs every fuzz target on stable Rust: kept inputs first, then samples with seeded changes.
//!
//! There is no coverage to steer by here; `cargo fuzz` has that. What this run has is that it takes
//! seconds, needs nothing installed, and does the same again for the same seed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cuesta_fuzz::{Random, TARGETS, Target, mutated, seeds, shrunk};

const USAGE: &str = "\
usage: smoke [--seconds N] [--executions N] [--seed N] [--target NAME]...

  --seconds N     seconds for each target (10)
  --executions N  inputs for each target instead, so that runs are the same
  --seed N        where the changes begin (1)
  --target NAME   this target only; may be given again";

/// Memory beyond which a run has failed: inputs are small, so nothing may take much.
const MEMORY_MAX: u64 = 2 << 30;

struct Arguments {
    seconds: u64,
    executions: Option<u64>,
    seed: u64,
    targets: Vec<Target>,
}

fn arguments() -> Result<Arguments, String> {
    let mut all = Arguments { seconds: 10, executions: None, seed: 1, targets: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(USAGE)?;
        let number = || value.parse::<u64>().map_err(|e| format!("{word} {value}: {e}"));
        match word.as_str() {
            "--seconds" => all.seconds = number()?,
            "--executions" => all.executions = Some(number()?),
            "--seed" => all.seed = number()?,
            "--target" => {
                let found = TARGETS.iter().find(|target| target.name == value);
                let found = found.ok_or_else(|| format!("there is no target {value}"))?;
                all.targets.push(*found);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    if all.targets.is_empty() {
        all.targets = TARGETS.to_vec();
    }
    Ok(all)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    println!("stable smoke: seeded inputs, no coverage; seed {}", arguments.seed);
    let mut executions = 0;
    for target in &arguments.targets {
        match fuzz(target, &arguments) {
            Ok(run) => {
                let Run { kept, made, longest, took } = run;
                let took = took.as_secs_f64();
                println!(
                    "  {:<20} {kept:>4} kept, {made:>9} made in {took:.1} s, longest {longest:?}",
                    target.name
                );
                executions += kept + made;
            }
            Err(problem) => {
                eprintln!("{}: {problem}", target.name);
                return ExitCode::FAILURE;
            }
        }
        if let Some(bytes) = memory_peak().filter(|bytes| *bytes > MEMORY_MAX) {
            eprintln!("{}: took {} MiB of memory", target.name, bytes >> 20);
            return ExitCode::FAILURE;
        }
    }
    let count = arguments.targets.len();
    println!("stable smoke: {count} targets, {executions} executions, no find");
    ExitCode::SUCCESS
}

/// What a target has gone through.
struct Run {
    kept: u64,
    made: u64,
    longest: Duration,
    took: Duration,
}

fn fuzz(target: &Target, arguments: &Arguments) -> Result<Run, String> {
    let began = Instant::now();
    let mut run = Run { kept: 0, made: 0, longest: Duration::ZERO, took: Duration::ZERO };
    let mut samples = (target.samples)();
    for (path, bytes) in seeds(target.name) {
        execute(target, &bytes, &mut run).map_err(|e| format!("{}: {e}", path.display()))?;
        samples.push(bytes);
    }
    for (i, bytes) in samples.iter().enumerate() {
        execute(target, bytes, &mut run).map_err(|e| format!("sample {i}: {e}"))?;
    }
    run.kept = samples.len() as u64;
    let limit = Duration::from_secs(arguments.seconds);
    while match arguments.executions {
        Some(executions) => run.made < executions,
        None => began.elapsed() < limit,
    } {
        let seed = input_seed(arguments.seed, run.made);
        let bytes = mutated(&samples, &mut Random::new(seed));
        if let Err(problem) = execute(target, &bytes, &mut run) {
            let (seed, input, name) = (arguments.seed, run.made, target.name);
            let bytes = smaller(target, &bytes);
            let path = keep(target, seed, input, &bytes);
            let path = path.display();
            return Err(format!(
                "{problem}\n  input {input} of seed {seed}, kept as {path}\n  again by: cargo run \
                 --manifest-path fuzz/Cargo.toml --release --bin {name} -- {path}"
            ));
        }
        run.made += 1;
    }
    run.took = began.elapsed();
    Ok(run)
}

/// The seed of one input, so that each can be made again without those before it.
fn input_seed(seed: u64, input: u64) -> u64 {
    Random::new(seed.rotate_left(32) ^ input).next_u64()
}

fn execute(target: &Target, bytes: &[u8], run: &mut Run) -> Result<(), String> {
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    run.longest = run.longest.max(began.elapsed());
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("a panic without a message").to_owned()
    })
}

/// A smaller input that fails, found without saying what fails each time.
fn smaller(target: &Target, bytes: &[u8]) -> Vec<u8> {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let small = shrunk(bytes, |bytes| catch_unwind(|| (target.run)(bytes)).is_err());
    set_hook(hook);
    small
}

fn keep(target: &Target, seed: u64, input: u64, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(target.name);
    let path = folder.join(format!("smoke-{seed}-{input}"));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes));
    if let Err(error) = kept {
        eprintln!("keeping {}: {error}", path.display());
    }
    path
}

/// The most memory that this process has had, where the system says so.
fn memory_peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib = line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    Some(kib << 10)
}
