//! Calls that fail: a clear error or success, never a hang, never a panic, and nothing lost that
//! was acknowledged as durable.

use std::sync::Arc;

use cuesta_engine::env::sim::{Crash, Fault, FaultRule, OpKind, SimEnv};
use cuesta_engine::log::LogOptions;
use cuesta_engine::{Durability, Engine, Error, ErrorKind, IndexId, Options, Result, SeqNo};

use crate::world::{Content, DIR, Map, Model, Shape, World, Write, open, small};

/// A database that may fail at any call, and every state that it may be found in.
struct Story {
    env: Arc<SimEnv>,
    engine: Option<Engine>,
    /// The content after every commit, by number; the first is that of an empty database.
    models: Vec<Model>,
    /// A commit of which nobody knows whether it is there.
    unknown: Option<Model>,
    /// Everything up to here was acknowledged as durable.
    durable: SeqNo,
    errors: Vec<Error>,
}

impl Story {
    fn begin(env: Arc<SimEnv>) -> Story {
        let models = vec![Model::default()];
        let (unknown, durable) = (None, SeqNo(0));
        Story { env, engine: None, models, unknown, durable, errors: Vec::new() }
    }

    fn options() -> Options {
        Options { background_threads: 1, ..small() }
    }

    /// Opens the database unless it is open; tries again when that fails.
    fn open(&mut self) {
        for _ in 0..3 {
            if self.engine.is_none() {
                match open(&self.env, Story::options()) {
                    Ok(engine) => {
                        self.engine = Some(engine);
                        self.found();
                    }
                    Err(error) => self.failed(error),
                }
            }
        }
    }

    fn failed(&mut self, error: Error) {
        let clear = !error.message().is_empty() && error.message().len() < 500;
        assert!(clear, "{error}");
        let expected =
            matches!(error.kind(), ErrorKind::Io | ErrorKind::Full | ErrorKind::Poisoned);
        // What is not there cannot be told from what cannot be read.
        let unreadable = error.kind() == ErrorKind::Corrupt;
        // An index may be gone when nobody knows whether it was dropped.
        let gone = error.kind() == ErrorKind::NotFound && self.unknown.is_some();
        assert!(expected || unreadable || gone, "{error:?}");
        self.errors.push(error);
    }

    /// Compares what an opening has found with what it may find.
    fn found(&mut self) {
        let engine = self.engine.as_ref().unwrap();
        let (view, last) = (engine.view(), self.models.len() as u64 - 1);
        let seq = view.seq();
        assert!(seq >= self.durable, "{} was durable, but {seq} is the last", self.durable);
        if let Some(unknown) = self.unknown.take()
            && seq.0 == last + 1
        {
            self.models.push(unknown);
        }
        self.models.truncate(seq.0 as usize + 1);
        assert_eq!(self.models.len() as u64, seq.0 + 1, "commits that nobody made");
        if let Err(error) = self.models.last().unwrap().try_check(&view) {
            self.errors.push(error);
        }
        // What was found was made durable by finding it.
        self.durable = seq;
    }

    fn model(&self) -> Model {
        self.models.last().unwrap().clone()
    }

    /// Does something to the open database; an error is noted.
    fn work(&mut self, f: impl FnOnce(&Engine) -> Result<()>) -> bool {
        let Some(engine) = &self.engine else { return false };
        match f(engine) {
            Ok(()) => true,
            Err(error) => {
                self.failed(error);
                false
            }
        }
    }

    /// Notes what became of a commit that leads to `model`.
    fn done(&mut self, result: Result<SeqNo>, model: Model, durability: Durability) {
        match result {
            Ok(seq) => {
                assert_eq!(seq.0, self.models.len() as u64);
                self.models.push(model);
                if durability == Durability::Sync {
                    self.durable = seq;
                }
            }
            Err(error) => {
                if error.kind() == ErrorKind::Poisoned && self.unknown.is_none() {
                    self.unknown = Some(model);
                }
                self.failed(error);
            }
        }
    }

    fn fill(&mut self, from: u32, count: u32, durability: Durability) {
        let Some(engine) = &self.engine else { return };
        let mut model = self.model();
        let writes: Vec<Write> = model.filling(from, count);
        let result = engine.commit(model.batch(&writes), durability);
        model.apply(&writes);
        self.done(result, model, durability);
    }

    fn create(&mut self, name: &str, shape: Shape) {
        let Some(engine) = &self.engine else { return };
        let mut model = self.model();
        if model.0.values().any(|content| content.name == name) {
            return;
        }
        let next = engine.parts().tail().next_index;
        let made = engine.create_index(name, shape.kind(), &shape.options());
        let content = Content { name: name.to_owned(), shape, map: Map::new() };
        model.0.insert(next, content);
        self.changed(made.map(|_| ()), model);
    }

    fn changed(&mut self, made: Result<()>, model: Model) {
        let seq = SeqNo(self.models.len() as u64);
        self.done(made.map(|()| seq), model, Durability::Sync);
    }

    fn id(&self, name: &str) -> Option<IndexId> {
        let model = &self.models.last().unwrap().0;
        model.iter().find(|(_, content)| content.name == name).map(|(id, _)| *id)
    }

    fn drop_index(&mut self, name: &str) {
        let (Some(engine), Some(id)) = (&self.engine, self.id(name)) else { return };
        let mut model = self.model();
        model.0.remove(&id);
        let made = engine.drop_index(id);
        self.changed(made, model);
    }

    fn rename(&mut self, from: &str, to: &str) {
        let (Some(engine), Some(id)) = (&self.engine, self.id(from)) else { return };
        let mut model = self.model();
        to.clone_into(&mut model.0.get_mut(&id).unwrap().name);
        let made = engine.rename_index(id, to);
        self.changed(made, model);
    }

    fn compare(&mut self) {
        let Some(engine) = &self.engine else { return };
        let (view, model) = (engine.view(), self.model());
        if self.unknown.is_none() {
            assert_eq!(view.seq().0, self.models.len() as u64 - 1);
            if let Err(error) = model.try_check(&view) {
                self.errors.push(error);
            }
        }
    }

    fn close(&mut self) {
        self.work(Engine::close);
        self.engine = None;
    }

    /// All that databases do.
    fn tell(&mut self) {
        self.open();
        self.create("a", Shape::Pages);
        self.create("b", Shape::Rows);
        self.fill(0, 10, Durability::Sync);
        self.fill(5, 10, Durability::Buffered);
        self.work(Engine::flush);
        self.compare();
        self.create("c", Shape::Rows);
        self.fill(3, 15, Durability::None);
        self.fill(20, 15, Durability::Sync);
        self.work(Engine::flush);
        self.rename("b", "d");
        self.fill(0, 30, Durability::Interval);
        self.drop_index("c");
        self.compare();
        self.work(Engine::compact);
        self.work(Engine::settle);
        self.fill(10, 40, Durability::Sync);
        self.close();
        self.open();
        self.compare();
        self.fill(30, 20, Durability::Buffered);
        self.work(Engine::sync);
        self.work(|engine| engine.verify().map(|report| assert!(report.is_sound(), "{report:?}")));
        self.close();
    }

    /// Is well again without faults: in the same process unless it was poisoned, and in another
    /// one, however much of what was not synced is lost.
    fn end(mut self) {
        self.env.disk().clear_faults();
        if self.engine.is_none() {
            self.open();
        }
        let poisoned = self.engine.as_ref().is_some_and(|engine| engine.sync().is_err());
        if !poisoned {
            let errors = self.errors.len();
            self.create("e", Shape::Pruned);
            self.fill(0, 20, Durability::Sync);
            self.work(Engine::flush);
            self.work(Engine::compact);
            self.compare();
            let after = self.errors.get(errors..).unwrap();
            assert!(after.is_empty(), "errors without faults: {after:?} after {:?}", self.errors);
        }
        self.env.kill();
        std::mem::forget(self.engine.take());
        let disk = self.env.disk().clone();
        let errors = self.errors.len();
        let state = (self.models.clone(), self.unknown.clone(), self.durable);
        for crash in [Crash::KeepAll, Crash::LoseUnsynced, Crash::Tear(7)] {
            (self.models, self.unknown, self.durable) = state.clone();
            self.env = SimEnv::on(disk.crash_image(disk.op_count(), crash), 1);
            let opened = open(&self.env, Story::options());
            let engine = opened.unwrap_or_else(|e| panic!("{crash:?}: {e}"));
            self.engine = Some(engine);
            self.found();
            assert!(self.errors.len() == errors, "{crash:?}: {:?}", self.errors.last());
            let report = self.engine.as_ref().unwrap().verify().unwrap();
            assert_eq!(report.problems, Vec::<String>::new(), "{crash:?}");
            self.close();
        }
    }
}

/// Tells the story with the n-th call failing, for every n of `from..` in steps.
fn every_call(rule: impl Fn(u64) -> FaultRule, from: u64, step: usize) {
    for n in (from..).step_by(step) {
        let env = SimEnv::new(n);
        env.disk().inject(rule(n));
        let mut story = Story::begin(env.clone());
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story.tell()));
        let fired = env.disk().faults_fired();
        let errors = story.errors.clone_as_text();
        let ended = told
            .and_then(|()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story.end())));
        if let Err(panic) = ended {
            eprintln!("with {:?}; errors: {errors:#?}; trace:", rule(n));
            for line in env.disk().trace().iter().rev().take(40).rev() {
                eprintln!("  {line}");
            }
            std::panic::resume_unwind(panic);
        }
        if fired == 0 {
            assert!(n > 20, "the story has more than {n} calls");
            return;
        }
    }
}

trait AsText {
    fn clone_as_text(&self) -> Vec<String>;
}

impl AsText for Vec<Error> {
    fn clone_as_text(&self) -> Vec<String> {
        self.iter().map(|error| format!("{error:?}")).collect()
    }
}

#[test]
fn the_story_ends_well_without_faults() {
    let env = SimEnv::new(0);
    let mut story = Story::begin(env.clone());
    story.tell();
    assert!(story.errors.is_empty(), "{:?}", story.errors);
    assert!(env.disk().files().iter().any(|path| path.starts_with(DIR)));
    story.end();
}

#[test]
fn any_call_may_fail_once() {
    every_call(|n| FaultRule::nth(n, OpKind::Any, Fault::Eio), 1, 1);
}

#[test]
fn any_sync_may_fail_and_drop_its_pages() {
    every_call(|n| FaultRule::nth(n, OpKind::Sync, Fault::SyncFailPagesDropped), 1, 1);
}

#[test]
fn any_sync_may_fail_and_keep_its_pages() {
    every_call(|n| FaultRule::nth(n, OpKind::Sync, Fault::SyncFailPagesKept), 1, 1);
}

#[test]
fn the_disk_may_be_full_at_any_call() {
    every_call(|n| FaultRule::nth(n, OpKind::Any, Fault::Enospc), 1, 1);
}

#[test]
fn the_disk_may_be_full_from_any_call_on() {
    every_call(|n| FaultRule::nth(n, OpKind::Any, Fault::Enospc).sticky(), 1, 2);
}

#[test]
fn everything_may_fail_from_any_call_on() {
    every_call(|n| FaultRule::nth(n, OpKind::Any, Fault::Eio).sticky(), 1, 5);
}

#[test]
fn short_reads_and_writes_change_nothing() {
    for fault in [Fault::ShortRead, Fault::ShortWrite] {
        let env = SimEnv::new(1);
        env.disk().inject(FaultRule::nth(1, OpKind::Any, fault).sticky());
        let mut story = Story::begin(env.clone());
        story.tell();
        assert!(story.errors.is_empty(), "{:?}", story.errors);
        assert!(env.disk().faults_fired() > 10);
        story.end();
    }
}

#[test]
fn a_full_disk_stops_commits_and_room_lets_them_go_on() {
    for seed in 0..8 {
        let mut world = World::of_all(seed, small());
        world.disk().set_capacity((48 + seed * 3) * 4096);
        let mut full = 0;
        for round in 0..400 {
            let writes = world.model.filling(round * 20, 20);
            let durability = if round % 2 == 0 { Durability::Sync } else { Durability::Buffered };
            match world.engine.commit(world.model.batch(&writes), durability) {
                Ok(_) => world.model.apply(&writes),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                    full += 1;
                    if full == 3 {
                        break;
                    }
                }
            }
        }
        assert_eq!(full, 3, "a disk of {} pages takes so much", 48 + seed * 3);
        world.check();
        world.disk().set_capacity(1 << 30);
        world.fill(7, 40, Durability::Sync);
        world.engine.flush().unwrap();
        world.engine.compact().unwrap();
        world.settle();
        world.check_deeply();
        world.kill().check_deeply();
    }
}

#[test]
fn work_that_failed_is_tried_again_when_somebody_asks_for_it() {
    let mut world = World::of_all(1, small());
    world.fill(0, 10, Durability::Sync);
    world.disk().inject(FaultRule::nth(1, OpKind::Sync, Fault::Eio).on(".seg"));
    let error = world.engine.flush().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.message().contains("background work fails: syncing 000000"), "{error}");
    assert!(world.engine.gauges().failure.is_some());
    world.engine.flush().unwrap();
    assert_eq!(world.engine.gauges().failure, None);
    world.settle();
    world.check_deeply();
}

#[test]
fn an_index_that_the_manifest_could_not_list_is_there_all_the_same() {
    for seed in 0..3 {
        let mut world = World::of_all(seed, small());
        // Room for a record is reserved ahead: fill it up.
        for n in 0..2000 {
            let name = format!("index {n}");
            let full = FaultRule::nth(1, OpKind::Allocate, Fault::Enospc);
            world.disk().inject(full.on("manifest"));
            let made = world.engine.create_index(&name, "test-rows", &[0]).unwrap();
            if world.disk().faults_fired() > 0 {
                world.disk().clear_faults();
                world.model.0.insert(made, Content { name, shape: Shape::Rows, map: Map::new() });
                break;
            }
            world.disk().clear_faults();
            world.engine.drop_index(made).unwrap();
        }
        assert_eq!(world.disk().faults_fired(), 1);
        world.fill(0, 10, Durability::Buffered);
        // What was not synced is gone, and nothing says that it had been there.
        let disk = world.disk();
        let image = disk.crash_image(disk.op_count(), Crash::LoseUnsynced);
        let engine = open(&SimEnv::on(image, 3), small()).unwrap();
        assert_eq!(engine.catalog(), world.engine.catalog());
        world.engine.flush().unwrap();
        world.settle();
        world.check_deeply();
        world.kill().check_deeply();
    }
}

#[test]
fn a_log_segment_that_could_not_be_begun_ends_nothing() {
    let calls = [OpKind::Create, OpKind::Allocate, OpKind::Write, OpKind::Rename, OpKind::Stat];
    for fault in [Fault::Eio, Fault::Enospc] {
        for kind in calls {
            for nth in 1..4 {
                let log = LogOptions { segment_bytes: 1 << 20, ..small().log };
                let mut world = World::of_all(4, Options { log, ..small() });
                let rows = world.id("rows");
                world.fill(0, 3, Durability::Sync);
                // A record that needs a new segment, then one that fits the present one.
                world.disk().inject(FaultRule::nth(nth, kind, fault).on("spare"));
                let writes = [(rows, b"large".to_vec(), Some(vec![1; 40_000]))];
                let large = world.engine.commit(world.model.batch(&writes), Durability::Sync);
                world.disk().clear_faults();
                match large {
                    Ok(_) => world.model.apply(&writes),
                    Err(error) if error.kind() == ErrorKind::Poisoned => continue,
                    Err(_) => {}
                }
                world.commit(&[(rows, b"k".to_vec(), Some(b"v".to_vec()))], Durability::Sync);
                let world = world.kill();
                world.check();
            }
        }
    }
}
