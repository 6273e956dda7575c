//! Runs the stages of all stores by turns, each in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::meter::{Line, Ran};
use crate::results::{self, Record, Setting};
use crate::stages::{Sizes, Stage};
use crate::store::{Engine, Outcome};

/// What is run, and where things go.
pub struct Race {
    pub sizes: Sizes,
    pub rounds: u32,
    pub engines: Vec<Engine>,
    pub stages: Vec<Stage>,
    pub dir: PathBuf,
    pub results: PathBuf,
    pub page: PathBuf,
}

impl Race {
    /// Runs all of it, or what is missing of it: a round that results know already, whole, is not
    /// run again. A store that fails loses the rows that it did not get to.
    pub fn run(&self) -> Outcome<()> {
        std::fs::create_dir_all(&self.dir)?;
        let mut file = results::begin(&self.results, &self.setting())?;
        let known = results::read(&self.results)?;
        for round in 0..self.rounds {
            let ran = |engine: Engine, stage: Stage| {
                !stage.concerns(engine) || known.ran(engine, stage.name()).contains(&round)
            };
            let all = |stage: &Stage| self.engines.iter().all(|engine| ran(*engine, *stage));
            if self.stages.iter().all(all) {
                eprintln!("round {} of {} is known", round + 1, self.rounds);
                continue;
            }
            let scratch: Vec<_> = self
                .engines
                .iter()
                .map(|_| tempfile::tempdir_in(&self.dir))
                .collect::<Result<_, _>>()?;
            for stage in &self.stages {
                // Nobody is always first.
                for turn in 0..self.engines.len() {
                    let at = (turn + round as usize) % self.engines.len();
                    let (engine, dir) = (self.engines[at], scratch[at].path());
                    if !stage.concerns(engine) {
                        continue;
                    }
                    let began = Instant::now();
                    let lines = self.stage(engine, *stage, dir)?;
                    for line in lines {
                        results::add(&mut file, &Record { engine, round, line })?;
                    }
                    eprintln!(
                        "round {} of {}: {} {} {:.1} s",
                        round + 1,
                        self.rounds,
                        stage.name(),
                        engine.name(),
                        began.elapsed().as_secs_f64()
                    );
                }
            }
        }
        Ok(())
    }

    fn stage(&self, engine: Engine, stage: Stage, dir: &Path) -> Outcome<Vec<Line>> {
        let output = Command::new(std::env::current_exe()?)
            .args(["stage", engine.name(), stage.name()])
            .arg(dir)
            .args([self.sizes.keys.to_string(), self.sizes.memory_bytes.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            eprintln!("{} failed in stage {}: {}", engine.name(), stage.name(), output.status);
        }
        let text = String::from_utf8(output.stdout)?;
        let read = |line: &str| Ok(serde_json::from_str(line)?);
        let mut lines: Vec<Line> = text.lines().map(read).collect::<Outcome<_>>()?;
        if output.status.success() {
            lines.push(Line::Ran(Ran { ran: stage.name().to_string() }));
        }
        Ok(lines)
    }

    fn setting(&self) -> Setting {
        Setting {
            keys: self.sizes.keys,
            memory_bytes: self.sizes.memory_bytes,
            date: today(),
            machine: machine(),
            system: system(&self.dir),
            compiler: said_by("rustc", &["--version"]),
        }
    }
}

/// What a program prints, on one line, or nothing.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn machine() -> String {
    let of = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_string()).unwrap_or_default()
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = of("/proc/meminfo", "MemTotal");
    let kib: u64 = memory.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let model = of("/proc/cpuinfo", "model name");
    format!("{processors} virtual processors ({model}), {} GiB of memory", (kib + (1 << 19)) >> 20)
}

/// The kernel, and the file system that holds `dir`.
fn system(dir: &Path) -> String {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let number: String = release.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let path = std::fs::canonicalize(dir).unwrap_or_default();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fields = |line: &str| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.to_string(), words.next()?.to_string()))
    };
    let holding = mounts.lines().filter_map(fields).filter(|(place, _)| path.starts_with(place));
    let kind = holding.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind);
    format!("Linux {}, {}", number.trim_end_matches('.'), kind.unwrap_or_default())
}

/// The date in UTC (Hinnant, "chrono-compatible low-level date algorithms": days to civil).
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}
