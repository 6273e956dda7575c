//! Does what a workload says on a simulated disk, and notes what was promised when.
//!
//! A run has several lives: each ends with a crash or with the workload, and the next begins with
//! what the crash left. At the end of each, whoever runs it gets the disk with its whole history.
//!
//! Not for: judging what a crash left (`examine.rs`), but for a look at the content after opening.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cuesta_engine::commit::Step as Wants;
use cuesta_engine::env::sim::{Crash, Random, SimDisk, SimEnv, Task, TaskState};
use cuesta_engine::env::{Env, Event};
use cuesta_engine::{
    Batch, BulkLoad, Durability, Engine, Error, ErrorKind, IndexId, Result, SeqNo, commit,
};

use super::cast::Cast;
use super::claims::Claims;
use super::copies::Copies;
use super::model::{Change, Model, Write, difference, living};
use super::process::Process;
use super::readers::Readers;
use super::workload::{Beginning, INTERVAL, Op, Put, Step, Workload};

/// One life of a database, from an opening to a crash.
pub struct Life<'a> {
    /// Which one it is, from 0.
    pub number: usize,
    /// The disk.
    pub disk: &'a Arc<SimDisk>,
    /// What was promised.
    pub claims: &'a Claims,
    /// What was committed.
    pub model: &'a Model,
    /// What was copied.
    pub copies: &'a Copies,
    /// Operations that came before what is of interest.
    pub from: u64,
}

/// What a run does about errors of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// There is no reason for any.
    Unexpected,
    /// Calls fail on purpose: only what was acknowledged counts.
    Expected,
}

/// A workload that is being run.
pub struct Run<'a> {
    cast: &'a Cast,
    workload: &'a Workload,
    errors: Errors,
    env: Arc<SimEnv>,
    open: Option<Process>,
    life: usize,
    from: u64,
    /// Errors met, oldest first.
    pub met: Vec<Error>,
    noted: RefCell<Noted>,
    readers: Option<Readers>,
}

/// What a run knows of its database.
struct Noted {
    model: Model,
    claims: Claims,
    copies: Copies,
    /// The last acknowledged commit of durability `Interval`.
    interval: SeqNo,
    /// Keyspaces in the order in which they were created; dropped ones too.
    slots: Vec<(IndexId, usize)>,
    /// Keyspaces created or tried to; makes names different.
    created: u64,
    /// Commits begun; makes values different.
    begun: u64,
}

impl<'a> Run<'a> {
    /// A run on a new disk.
    pub fn new(cast: &'a Cast, workload: &'a Workload, errors: Errors) -> Run<'a> {
        let noted = Noted {
            model: Model::new(),
            claims: Claims::default(),
            copies: Copies::default(),
            interval: SeqNo(0),
            slots: Vec::new(),
            created: 0,
            begun: 0,
        };
        let env = SimEnv::new(workload.seed);
        let noted = RefCell::new(noted);
        let (open, life, from, met) = (None, 0, 0, Vec::new());
        Run { cast, workload, errors, env, open, life, from, met, noted, readers: None }
    }

    /// With processes that read along.
    pub fn with_readers(self, readers: Readers) -> Run<'a> {
        Run { readers: Some(readers), ..self }
    }

    /// The simulated process.
    pub fn env(&self) -> &Arc<SimEnv> {
        &self.env
    }

    /// Does everything; `end` gets each life when it ends.
    ///
    /// # Errors
    /// What is wrong, in words: an error that nothing explains, a wrong content after opening, or
    /// what `end` complains of.
    pub fn run(
        &mut self,
        end: &mut dyn FnMut(&Life<'_>) -> std::result::Result<(), String>,
    ) -> std::result::Result<(), String> {
        let workload = self.workload;
        self.perform("opening", Run::begin)?;
        for op in &workload.before {
            self.perform("the beginning", |run| run.op(op))?;
        }
        self.from = match workload.beginning {
            Beginning::Crashed => 0,
            Beginning::Skipped => self.env.disk().op_count(),
        };
        for (number, op) in workload.ops.iter().enumerate() {
            if let Op::Crash(mode) = op {
                self.end(end)?;
                self.crash(*mode).map_err(|e| format!("after operation {number}, {op:?}: {e}"))?;
                continue;
            }
            if self.errors == Errors::Expected && (*op == Op::Reopen || self.open.is_none()) {
                // What failed may not be there when the database is opened again.
                self.end(end)?;
                self.from = self.env.disk().op_count();
            }
            let what = format!("operation {number}, {op:?}");
            self.readers.iter().for_each(Readers::nudge);
            self.perform(&what, |run| run.op(op))?;
        }
        self.end(end)?;
        self.readers.iter().for_each(Readers::leave);
        match self.errors {
            Errors::Unexpected => self.check_recovery(),
            Errors::Expected => Ok(()),
        }
    }

    /// Whether a write or sync failed, so that the database takes nothing more.
    pub fn is_poisoned(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.engine.parts().tail().is_poisoned())
    }

    /// Whether the database, unless it is poisoned, is as it should be once its calls succeed
    /// and its background work rests.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_recovery(&self) -> std::result::Result<(), String> {
        let Some(open) = &self.open else { return Ok(()) };
        // Longer than background work that failed waits before it is tried again.
        self.env.advance(Duration::from_secs(20));
        self.env.run_until_idle();
        if self.is_poisoned() {
            return Ok(());
        }
        let last = self.noted.borrow().model.last();
        let looked = self.look(last).map_err(|e| format!("{e:?}"));
        let checked = looked.and_then(|()| match self.errors {
            Errors::Unexpected => open.check_files(),
            // What could not be removed stays until the database is opened again.
            Errors::Expected => open.engine.settle().map_err(|e| format!("settling: {e:?}")),
        });
        checked.map_err(|what| format!("in the end, {what}"))
    }

    /// Calls back with the life so far.
    fn end(
        &mut self,
        end: &mut dyn FnMut(&Life<'_>) -> std::result::Result<(), String>,
    ) -> std::result::Result<(), String> {
        self.note_failed_sync();
        let noted = self.noted.borrow();
        let Noted { claims, model, copies, .. } = &*noted;
        if let Some(readers) = &self.readers {
            readers.check(model)?;
        }
        let disk = self.env.disk();
        end(&Life { number: self.life, disk, claims, model, copies, from: self.from })
    }

    fn note_failed_sync(&self) {
        if self.errors == Errors::Expected {
            let trace = self.env.disk().trace();
            let is_failed = |line: &String| line.starts_with("sync") && line.ends_with("(failed)");
            if let Some(at) = trace.iter().position(is_failed) {
                self.noted.borrow_mut().claims.sync_failed(at as u64 + 1);
            }
        }
    }

    fn perform(
        &mut self,
        what: &str,
        call: impl FnOnce(&mut Self) -> Result<()>,
    ) -> std::result::Result<(), String> {
        if let Err(error) = call(self) {
            if self.errors == Errors::Unexpected {
                return Err(format!("{what}: {error:?}"));
            }
            self.met.push(error);
        }
        Ok(())
    }

    /// Opens the database and makes its first keyspaces.
    fn begin(&mut self) -> Result<()> {
        self.open = Some(Process::open(&self.env, self.cast, &self.workload.options)?);
        self.readers.iter().for_each(|readers| readers.join(&self.env));
        for shape in 0..3 {
            self.create(shape)?;
        }
        Ok(())
    }

    fn engine(&self) -> Result<&Engine> {
        let open = self.open.as_ref();
        open.map(|open| &open.engine).ok_or_else(|| Error::invalid("the database is not open"))
    }

    fn op(&mut self, op: &Op) -> Result<()> {
        if self.open.is_none() && self.errors == Errors::Expected {
            self.open_again(self.env.disk().op_count(), Crash::KeepAll)?;
        }
        if self.living().is_empty() {
            self.create(0)?;
        }
        match op {
            Op::Together(clients) => self.together(clients),
            Op::Work(steps) => {
                for _ in 0..*steps {
                    self.env.step_one();
                }
                Ok(())
            }
            Op::Pause => self.pause(),
            Op::Sync => self.promise(Engine::sync),
            Op::Flush => self.promise(Engine::flush),
            Op::Settle => self.engine()?.settle(),
            Op::Compact => self.promise(Engine::compact),
            Op::Load(puts) => self.load(puts),
            Op::Create(shape) => self.create(*shape),
            Op::Rename(slot) => self.rename(*slot),
            Op::Drop(slot) => self.drop_keyspace(*slot),
            Op::Checkpoint => self.copy(Copies::checkpoint),
            Op::Backup => self.copy(Copies::backup),
            Op::Reopen => self.reopen(),
            Op::Crash(_) => Err(Error::internal("a crash is no operation of a database")),
        }
    }

    /// A call after which everything before it is durable.
    fn promise(&self, call: impl FnOnce(&Engine) -> Result<()>) -> Result<()> {
        let engine = self.engine()?;
        let last = last_of(engine);
        call(engine)?;
        self.noted.borrow_mut().claims.durable(self.env.disk().op_count(), last);
        Ok(())
    }

    fn copy(&self, make: fn(&mut Copies, &Engine, &SimDisk, &Model) -> Result<()>) -> Result<()> {
        let Noted { copies, model, .. } = &mut *self.noted.borrow_mut();
        make(copies, self.engine()?, self.env.disk(), model)
    }

    fn pause(&self) -> Result<()> {
        let engine = self.engine()?;
        self.env.advance(INTERVAL * 2);
        self.env.run_until_idle();
        if !engine.parts().tail().is_poisoned() {
            let mut noted = self.noted.borrow_mut();
            let interval = noted.interval;
            noted.claims.durable(self.env.disk().op_count(), interval);
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<()> {
        let is_killed = self.readers.as_ref().is_some_and(Readers::kills_writer);
        let closed = match &self.open {
            Some(_) if is_killed => Ok(()),
            Some(_) => self.promise(Engine::close),
            None => Ok(()),
        };
        self.open = None;
        self.open_again(self.env.disk().op_count(), Crash::KeepAll)?;
        closed
    }

    /// Opens the database after a crash at operation `op` of the life so far. What came after the
    /// commit that it has recovered to is forgotten.
    fn open_again(&mut self, op: u64, mode: Crash) -> Result<()> {
        let open = Process::open(&self.env, self.cast, &self.workload.options)?;
        let seq = open.last();
        self.open = Some(open);
        self.readers.iter().for_each(|readers| readers.join(&self.env));
        self.note_failed_sync();
        let noted = self.noted.get_mut();
        let (least, last) = noted.claims.bounds(op, mode);
        if seq < least || seq > last {
            return Err(wrong(format!("commit {seq} found, {least} to {last} expected")));
        }
        noted.claims.truncate(seq);
        noted.model.truncate(seq);
        noted.interval = noted.interval.min(seq);
        let Noted { model, slots, .. } = noted;
        slots.retain(|(id, _)| model.at(seq).contains_key(id));
        self.look(seq)
    }

    /// Compares the content with the model at commit `seq`.
    fn look(&self, seq: SeqNo) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let (found_seq, content, clock_ms) = open.content(self.cast)?;
        let expected = living(self.noted.borrow().model.at(seq), clock_ms);
        let difference = difference(&expected, &content);
        if found_seq != seq || !difference.is_empty() {
            return Err(wrong(format!("commit {found_seq} found, {seq} expected\n{difference}")));
        }
        Ok(())
    }

    /// Ends the process, and begins another with what a crash leaves.
    fn crash(&mut self, mode: Crash) -> std::result::Result<(), String> {
        self.open = None;
        let disk = self.env.disk();
        let op = disk.op_count();
        let image = disk.crash_image(op, mode);
        self.life += 1;
        self.env = SimEnv::on(image, self.workload.seed + self.life as u64);
        self.from = 0;
        self.open_again(op, mode).map_err(|e| format!("opening: {e:?}"))?;
        let noted = self.noted.get_mut();
        noted.claims = Claims::since(noted.model.last());
        noted.copies.survive();
        noted.interval = SeqNo(0);
        Ok(())
    }

    /// Slots whose keyspaces live. (One whose creation failed may be there after a crash.)
    fn living(&self) -> Vec<(IndexId, usize)> {
        let Some(open) = &self.open else { return Vec::new() };
        let catalog = open.engine.catalog();
        let noted = self.noted.borrow();
        let living = noted.slots.iter().filter(|(id, _)| catalog.get(*id).is_some());
        living.copied().collect()
    }

    /// A change of the catalog, noted whatever its outcome if it reached the log.
    fn catalog(
        &self,
        change: impl FnOnce(&Engine) -> Result<()>,
        describe: impl FnOnce(IndexId) -> Change,
    ) -> Result<()> {
        let engine = self.engine()?;
        let (before, ops) = (last_of(engine), self.env.disk().op_count());
        let next = engine.parts().tail().next_index;
        let result = change(engine);
        let after = last_of(engine);
        let mut noted = self.noted.borrow_mut();
        if after != before {
            noted.append(ops, after, describe(next));
        } else if let Err(error) = &result {
            noted.append_perhaps(ops, self.env.disk().op_count(), error, || describe(next));
        }
        if result.is_ok() {
            noted.claims.durable(self.env.disk().op_count(), after);
        }
        result
    }

    fn create(&self, shape: usize) -> Result<()> {
        let number = shape % self.cast.shapes.len();
        let shape = self.cast.shape(number);
        let name = {
            let mut noted = self.noted.borrow_mut();
            noted.created += 1;
            format!("keyspace {}", noted.created)
        };
        let mut created = None;
        let result = self.catalog(
            |engine| engine.create_index(&name, shape.kind, &shape.options).map(|_| ()),
            |id| {
                created = Some(id);
                Change::Create { id, name: name.clone(), kind: shape.kind.to_owned() }
            },
        );
        self.noted.borrow_mut().slots.extend(created.map(|id| (id, number)));
        result
    }

    fn rename(&self, slot: usize) -> Result<()> {
        let living = self.living();
        let Some(&(id, _)) = pick(&living, slot) else { return Ok(()) };
        let name = format!("renamed after {}", last_of(self.engine()?));
        self.catalog(
            |engine| engine.rename_index(id, &name),
            |_| Change::Rename { id, name: name.clone() },
        )
    }

    fn drop_keyspace(&self, slot: usize) -> Result<()> {
        let living = self.living();
        let Some(&(id, _)) = pick(&living, slot) else { return Ok(()) };
        self.catalog(|engine| engine.drop_index(id), |_| Change::Drop { id })
    }

    /// Writes a load's files at once, and commits it between background jobs.
    fn load(&self, puts: &[Put]) -> Result<()> {
        let engine = self.engine()?;
        let living = self.living();
        let loads = |(_, shape): &&(IndexId, usize)| self.cast.shape(*shape).loads;
        let living: Vec<(IndexId, usize)> = living.iter().filter(loads).copied().collect();
        let errors = RefCell::new(Vec::new());
        let mut client = Client {
            run: self,
            engine,
            living: &living,
            steps: [].iter(),
            commit: None,
            pause: Arc::new(Event::new()),
            errors: &errors,
        };
        let mut writes = client.writes(puts);
        writes.sort_by(|a, b| (a.index, &a.key).cmp(&(b.index, &b.key)));
        writes.dedup_by(|a, b| (a.index, &a.key) == (b.index, &b.key));
        writes.retain(|write| write.value.is_some());
        let mut load = BulkLoad::begin(engine.parts())?;
        for write in &writes {
            let mut batch = Batch::new();
            encode(self.cast, &living, write, &mut batch);
            load.add(write.index, batch.part(write.index))?;
        }
        let Some(machine) = load.into_commit()? else { return Ok(()) };
        let (durability, writes) = (Durability::Sync, Some(writes));
        client.commit = Some(Running { machine, durability, writes });
        self.env.run_tasks(vec![Box::new(move || client.step())]);
        errors.into_inner().into_iter().next().map_or(Ok(()), Err)
    }

    fn together(&self, clients: &[Vec<Step>]) -> Result<()> {
        let engine = self.engine()?;
        let living = self.living();
        let errors = RefCell::new(Vec::new());
        let mut tasks: Vec<Task<'_>> = Vec::new();
        for steps in clients {
            let mut client = Client {
                run: self,
                engine,
                living: &living,
                steps: steps.iter(),
                commit: None,
                pause: Arc::new(Event::new()),
                errors: &errors,
            };
            tasks.push(Box::new(move || client.step()));
        }
        self.env.run_tasks(tasks);
        errors.into_inner().into_iter().next().map_or(Ok(()), Err)
    }
}

/// An error that no call to the disk explains.
fn wrong(what: String) -> Error {
    Error::internal(what)
}

fn pick<T>(from: &[T], number: usize) -> Option<&T> {
    from.get(number.checked_rem(from.len())?)
}

fn last_of(engine: &Engine) -> SeqNo {
    engine.parts().tail().log.last_seq()
}

/// The clock of the last commit.
fn clock_of(engine: &Engine) -> u64 {
    engine.parts().tail().log.clock_ms()
}

impl Noted {
    /// A commit reached the log after `ops` operations.
    fn append(&mut self, ops: u64, seq: SeqNo, change: Change) {
        self.model.push(change);
        assert_eq!(self.model.last(), seq, "commits are numbered without gaps");
        self.claims.issued(ops, seq);
    }

    /// A commit failed that wrote to the disk, where it may be found: its outcome is unknown.
    fn append_perhaps(
        &mut self,
        before: u64,
        after: u64,
        error: &Error,
        change: impl FnOnce() -> Change,
    ) {
        if error.kind() == ErrorKind::Poisoned && after > before {
            self.append(before, self.model.last().next(), change());
        }
    }
}

/// A client on its way through its steps.
struct Client<'a> {
    run: &'a Run<'a>,
    engine: &'a Engine,
    living: &'a [(IndexId, usize)],
    steps: std::slice::Iter<'a, Step>,
    commit: Option<Running>,
    pause: Arc<Event>,
    errors: &'a RefCell<Vec<Error>>,
}

/// A commit that is under way.
struct Running {
    machine: commit::Commit,
    durability: Durability,
    writes: Option<Vec<Write>>,
}

impl Client<'_> {
    fn step(&mut self) -> TaskState {
        if let Some(running) = &mut self.commit {
            let (before, ops) = (last_of(self.engine), self.run.env.disk().op_count());
            let wants = running.machine.step();
            let after = last_of(self.engine);
            let mut noted = self.run.noted.borrow_mut();
            if after != before
                && let Some(writes) = running.writes.take()
            {
                noted.append(ops, after, Change::Writes(writes, clock_of(self.engine)));
            }
            return match wants {
                Wants::Again => TaskState::Again,
                Wants::Wait(_) => self.wait(Duration::from_micros(50)),
                Wants::Sleep(time) => self.wait(time),
                Wants::Done(result) => {
                    match result {
                        Ok(seq) => {
                            let ops = self.run.env.disk().op_count();
                            noted.claims.acknowledged(ops, seq, running.durability);
                            if running.durability == Durability::Interval {
                                noted.interval = noted.interval.max(seq);
                            }
                        }
                        Err(error) => {
                            if let Some(writes) = running.writes.take() {
                                let after = self.run.env.disk().op_count();
                                let clock_ms = clock_of(self.engine);
                                let change = || Change::Writes(writes, clock_ms);
                                noted.append_perhaps(ops, after, &error, change);
                            }
                            self.errors.borrow_mut().push(error);
                        }
                    }
                    self.commit = None;
                    TaskState::Again
                }
            };
        }
        let Some(step) = self.steps.next() else { return TaskState::Done };
        if let Err(error) = self.begin(step) {
            self.errors.borrow_mut().push(error);
        }
        TaskState::Again
    }

    fn wait(&self, time: Duration) -> TaskState {
        TaskState::WaitUntil(self.pause.clone(), 0, self.run.env.now() + time)
    }

    fn begin(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Commit(durability, puts) => {
                let writes = self.writes(puts);
                if writes.is_empty() {
                    return Ok(());
                }
                let mut batch = Batch::new();
                for write in &writes {
                    encode(self.run.cast, self.living, write, &mut batch);
                }
                let machine = self.engine.begin_commit(batch, *durability)?;
                let (durability, writes) = (*durability, Some(writes));
                self.commit = Some(Running { machine, durability, writes });
                Ok(())
            }
            Step::Rotate => self.engine.rotate().map(|_| ()),
            Step::Compact => {
                let ids: Vec<IndexId> = self.living.iter().map(|(id, _)| *id).collect();
                self.engine.parts().want_compacted(&ids);
                Ok(())
            }
        }
    }

    fn writes(&self, puts: &[Put]) -> Vec<Write> {
        let mut noted = self.run.noted.borrow_mut();
        noted.begun += 1;
        let begun = noted.begun;
        let write = |(number, put): (usize, &Put)| {
            let (index, shape) = *pick(self.living, put.slot)?;
            let key = format!("key {:03}", put.key).into_bytes();
            let shape = self.run.cast.shape(shape);
            let most = shape.value_bytes_max;
            let value = put.bytes.map(|bytes| value(begun, number, bytes.min(most)));
            let value = value.map(shape.meant);
            let is_range = put.keys > 1 && value.is_none() && shape.delete_range.is_some();
            let end = is_range.then(|| format!("key {:03}", put.key + put.keys).into_bytes());
            Some(Write { index, key, end, value })
        };
        let mut writes: Vec<Write> = puts.iter().enumerate().filter_map(write).collect();
        // Within a batch, operands are merged when it is prepared, by the clock of that moment.
        let mut once = BTreeSet::new();
        writes.retain(|write| {
            let first = once.insert((write.index, write.key.clone()));
            let is_lively = |(id, shape): &(IndexId, usize)| {
                *id == write.index && self.run.cast.shape(*shape).is_lively()
            };
            first || !self.living.iter().any(is_lively)
        });
        writes
    }
}

/// Adds a write to a batch.
pub fn encode(cast: &Cast, slots: &[(IndexId, usize)], write: &Write, batch: &mut Batch) {
    let Some((_, shape)) = slots.iter().find(|(id, _)| *id == write.index) else { return };
    let shape = cast.shape(*shape);
    let ops = batch.part(write.index);
    if let (Some(end), Some(delete_range)) = (&write.end, shape.delete_range) {
        delete_range(ops, &write.key, end);
        return;
    }
    match &write.value {
        Some(value) => (shape.put)(ops, &write.key, value),
        None => (shape.delete)(ops, &write.key),
    }
}

/// A value that no other write has: it begins with the commit and the write, and goes on with
/// letters that do not compress well.
fn value(commit: u64, number: usize, bytes: usize) -> Vec<u8> {
    let mut value = format!("{commit}.{number} ").into_bytes();
    let mut random = Random::new(commit << 16 | number as u64);
    while value.len() < bytes {
        value.push(b'a' + random.below(26) as u8);
    }
    value
}
