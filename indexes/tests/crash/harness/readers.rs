//! Reader processes beside the one that writes, on the same disk: they look, hold on to what they
//! see, close and die, between any two steps of the writer.
//!
//! What a reader sees must be what some commit left, no earlier one than it saw before, and none
//! that was not published. What it holds must stay.
//!
//! Not for: what a crash of the machine leaves, which ends readers, too.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use cuesta_engine::env::sim::{Random, SimDisk, SimEnv};
use cuesta_engine::env::{Env, Event, Job, JobState};
use cuesta_engine::readers::{Table, WORDS};
use cuesta_engine::version::View;
use cuesta_engine::{Access, ErrorKind, Options, SeqNo};

use super::cast::Cast;
use super::model::{Content, Model, difference, living};
use super::process::{DIR, Process, content_of};

/// Processes that may read at a time.
const READERS: usize = 3;
/// Views that one of them may hold.
const HELD: usize = 3;

/// One step in so many is the last before the next operation of the writer.
const RESTS: u64 = 24;

/// What a reader saw.
struct Seen {
    seq: SeqNo,
    content: Content,
    clock_ms: u64,
}

/// A reader process.
struct Reader {
    process: Process,
    /// The last commit it saw.
    last: SeqNo,
    held: Vec<View>,
}

/// How often things happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Happened {
    pub opened: u64,
    pub looks: u64,
    pub moved_on: u64,
    pub held: u64,
    pub died: u64,
    pub rebuilds: u64,
}

struct Inner {
    cast: &'static Cast,
    disk: Arc<SimDisk>,
    options: Options,
    random: Random,
    readers: Vec<Option<Reader>>,
    seen: Vec<Seen>,
    problem: Option<String>,
    happened: Happened,
    born: u64,
    is_over: bool,
}

/// Readers of a run. Clones share them.
#[derive(Clone)]
pub struct Readers {
    inner: Arc<Mutex<Inner>>,
    nudged: Arc<Event>,
}

impl Readers {
    /// None so far, of databases of `cast` that are written with `options`.
    pub fn new(cast: &'static Cast, options: &Options, seed: u64) -> Readers {
        let refresh_interval = std::time::Duration::from_secs(3600);
        let options = Options { access: Access::Follow, refresh_interval, ..options.clone() };
        let inner = Inner {
            cast,
            disk: SimDisk::new(),
            options,
            random: Random::new(seed),
            readers: (0..READERS).map(|_| None).collect(),
            seen: Vec::new(),
            problem: None,
            happened: Happened::default(),
            born: seed << 20,
            is_over: false,
        };
        Readers { inner: Arc::new(Mutex::new(inner)), nudged: Arc::new(Event::new()) }
    }

    /// Has them act between the steps of a process that has just opened the database.
    pub fn join(&self, env: &Arc<SimEnv>) {
        let mut inner = self.inner();
        if !Arc::ptr_eq(&inner.disk, env.disk()) {
            // The machine was started anew.
            inner.readers.iter_mut().for_each(|reader| *reader = None);
            inner.disk = env.disk().clone();
        }
        drop(inner);
        env.spawn("readers", Box::new(Acting(self.clone())));
        self.nudge();
    }

    /// Has them act soon.
    pub fn nudge(&self) {
        self.nudged.notify();
    }

    /// Whether the directory is to be left as by a killed process, this time.
    pub fn kills_writer(&self) -> bool {
        self.inner().random.one_in(2)
    }

    /// Has all of them go.
    pub fn leave(&self) {
        let mut inner = self.inner();
        inner.is_over = true;
        inner.readers.iter_mut().for_each(|reader| *reader = None);
    }

    /// How often things happened.
    pub fn happened(&self) -> Happened {
        self.inner().happened
    }

    /// Whether what they saw is what was committed.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, model: &Model) -> Result<(), String> {
        let mut inner = self.inner();
        if let Some(problem) = inner.problem.take() {
            return Err(problem);
        }
        for Seen { seq, content, clock_ms } in std::mem::take(&mut inner.seen) {
            let expected = living(model.at(seq), clock_ms);
            let difference = difference(&expected, &content);
            if !difference.is_empty() {
                return Err(format!("a reader saw of commit {seq}:\n{difference}"));
            }
        }
        Ok(())
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readers that act between the steps of a writer.
struct Acting(Readers);

impl Job for Acting {
    fn step(&mut self) -> JobState {
        let seen = self.0.nudged.epoch();
        let mut inner = self.0.inner();
        if inner.is_over {
            return JobState::Done;
        }
        if inner.problem.is_none() {
            inner.problem = inner.act().err();
        }
        match inner.random.one_in(RESTS) {
            true => JobState::Wait(seen),
            false => JobState::Again,
        }
    }

    fn event(&self) -> Arc<Event> {
        self.0.nudged.clone()
    }
}

impl Inner {
    fn act(&mut self) -> Result<(), String> {
        let slot = self.random.index(READERS);
        let Some(reader) = self.readers.get_mut(slot).and_then(Option::take) else {
            let opened = self.open()?;
            if let Some(place) = self.readers.get_mut(slot) {
                *place = opened;
            }
            return Ok(());
        };
        let reader = match self.random.below(16) {
            0 => {
                self.die(reader);
                None
            }
            1 => {
                drop(reader.held);
                reader.process.engine.close().map_err(|e| format!("closing a reader: {e:?}"))?;
                None
            }
            2 | 3 => {
                let (mut reader, at) = (reader, self.random.index(HELD));
                if at < reader.held.len() {
                    reader.held.swap_remove(at);
                }
                Some(reader)
            }
            _ => Some(self.look(reader)?),
        };
        if let Some(place) = self.readers.get_mut(slot) {
            *place = reader;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<Option<Reader>, String> {
        self.born += 1;
        let env = SimEnv::on(self.disk.clone(), self.born);
        match Process::open(&env, self.cast, &self.options) {
            Ok(process) => {
                self.happened.opened += 1;
                self.look(Reader { process, last: SeqNo(0), held: Vec::new() }).map(Some)
            }
            // Nobody has written it yet, or just does.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Busy) => Ok(None),
            Err(error) => {
                let trace = self.disk.trace().join("\n");
                Err(format!("opening a reader: {error:?} after\n{trace}"))
            }
        }
    }

    fn look(&mut self, mut reader: Reader) -> Result<Reader, String> {
        let engine = &reader.process.engine;
        let done = engine.refresh().map_err(|e| format!("a reader looks: {e:?}"))?;
        let view = engine.view();
        let seq = view.seq();
        self.happened.looks += 1;
        self.happened.moved_on += u64::from(seq > reader.last);
        let rebuilds = &engine.stats().reader_rebuilds;
        self.happened.rebuilds += rebuilds.swap(0, Ordering::Relaxed);
        if seq < reader.last || seq != done {
            return Err(format!("a reader saw commit {seq} after {}, told of {done}", reader.last));
        }
        let words = reader.process.env.shared_words(&Path::new(DIR).join("readers"), WORDS);
        let table = Table::new(words.map_err(|e| e.to_string())?);
        if let Some(shown) = table.shown(table.openings())
            && shown.published < seq
        {
            let shown = shown.published;
            return Err(format!("a reader saw commit {seq}, but {shown} is the last published"));
        }
        reader.last = seq;
        // What was not read before is not in any cache.
        if reader.held.len() < HELD && self.random.one_in(3) {
            reader.held.push(view);
            self.happened.held += 1;
        } else if self.random.one_in(2) {
            self.see(&view)?;
        }
        for view in &reader.held {
            if self.random.one_in(4) {
                self.see(view)?;
            }
        }
        Ok(reader)
    }

    fn see(&mut self, view: &View) -> Result<(), String> {
        let read = content_of(view, self.cast);
        let at = view.seq();
        let (seq, content, clock_ms) =
            read.map_err(|e| format!("a reader reads commit {at}: {e:?}"))?;
        self.seen.push(Seen { seq, content, clock_ms });
        Ok(())
    }

    /// Ends a reader as a killed process ends: its lock is free, its words stay.
    fn die(&mut self, reader: Reader) {
        self.happened.died += 1;
        let words = reader.process.env.shared_words(&Path::new(DIR).join("readers"), WORDS);
        let Ok(words) = words else { return };
        let table = Table::new(words.clone());
        let load = |i: usize| words.words().get(i).map_or(0, |word| word.load(Ordering::SeqCst));
        let before: Vec<u64> = (0..WORDS).map(load).collect();
        let taken: Vec<usize> = table.slots().map(|(slot, _)| slot).collect();
        drop(reader);
        let left: Vec<usize> = table.slots().map(|(slot, _)| slot).collect();
        for slot in taken.into_iter().filter(|slot| !left.contains(slot)) {
            for at in (8 + 4 * slot..12 + 4 * slot).rev() {
                if let (Some(word), Some(value)) = (words.words().get(at), before.get(at)) {
                    word.store(*value, Ordering::SeqCst);
                }
            }
        }
    }
}
