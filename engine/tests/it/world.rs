//! A database under test beside a model of it: for every index a map.
//!
//! Not for: crashes, which have a harness of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cuesta_engine::env::sim::{SimDisk, SimEnv};
use cuesta_engine::index::{Handle, IndexType, Registry};
use cuesta_engine::log::LogOptions;
use cuesta_engine::version::View;
use cuesta_engine::{Access, Batch, Durability, Engine, IndexId, Options, Result, SeqNo};

use crate::kinds::{Keep, Kind, Pages, Rows};

pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Where databases lie on a simulated disk.
pub const DIR: &str = "db";

/// An index type as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Pages in place.
    Pages,
    /// Rows with bitmaps.
    Rows,
    /// Pages in place, with memtables that forget what no view needs.
    Pruned,
}

impl Shape {
    pub const ALL: [Shape; 3] = [Shape::Pages, Shape::Rows, Shape::Pruned];

    pub fn kind(self) -> &'static str {
        match self {
            Shape::Pages | Shape::Pruned => Pages::NAME,
            Shape::Rows => Rows::NAME,
        }
    }

    pub fn options(self) -> Vec<u8> {
        match self {
            Shape::Pages => Pages::options(),
            Shape::Rows => Rows::options(),
            Shape::Pruned => Pages::with(256, Keep::Needed),
        }
    }

    pub fn put(self, ops: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        match self {
            Shape::Pages | Shape::Pruned => Pages::put(ops, key, value),
            Shape::Rows => Rows::put(ops, key, value),
        }
    }

    pub fn delete(self, ops: &mut Vec<u8>, key: &[u8]) {
        match self {
            Shape::Pages | Shape::Pruned => Pages::delete(ops, key),
            Shape::Rows => Rows::delete(ops, key),
        }
    }

    /// What a view holds of an index.
    pub fn dump(self, view: &View, id: IndexId) -> Result<Map> {
        match self {
            Shape::Pages | Shape::Pruned => {
                Pages::dump(&*view.of(Handle::<Pages>::new(id))?, view.seq())
            }
            Shape::Rows => Rows::dump(&*view.of(Handle::<Rows>::new(id))?, view.seq()),
        }
    }
}

pub fn registry() -> Registry {
    Registry::new().with::<Pages>().with::<Rows>()
}

/// Settings that make everything happen early.
pub fn small() -> Options {
    Options {
        memory_budget: 1 << 20,
        memtable_limit: Some(8 << 10),
        view_budget: 8 << 20,
        log: LogOptions { segment_bytes: 8 << 10, zero_ahead_bytes: 1024, ..LogOptions::default() },
        background_threads: 2,
        close_flush_bytes: 4 << 10,
        manifest_bytes: 4 << 10,
        ..Options::default()
    }
}

pub fn reading(options: Options) -> Options {
    Options { access: Access::Read, ..options }
}

pub fn open(env: &Arc<SimEnv>, options: Options) -> Result<Engine> {
    Engine::open(env.clone(), Path::new(DIR), options, registry())
}

/// A process that runs a database, and what it should hold.
pub struct World {
    pub env: Arc<SimEnv>,
    pub engine: Engine,
    pub options: Options,
    pub model: Model,
}

/// What a database should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model(pub BTreeMap<IndexId, Content>);

/// What an index should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub name: String,
    pub shape: Shape,
    pub map: Map,
}

impl World {
    /// A new database on a new disk.
    pub fn new(seed: u64, options: Options) -> World {
        let world = World::traced(seed, options);
        world.disk().keep_last(64);
        world
    }

    /// As [`World::new`], on a disk that remembers all that was ever done to it.
    pub fn traced(seed: u64, options: Options) -> World {
        let env = SimEnv::new(seed);
        let engine = open(&env, options.clone()).unwrap();
        World { env, engine, options, model: Model::default() }
    }

    /// A database with one index of every shape: `pages`, `rows` and `pruned`.
    pub fn of_all(seed: u64, options: Options) -> World {
        let mut world = World::new(seed, options);
        world.create("pages", Shape::Pages);
        world.create("rows", Shape::Rows);
        world.create("pruned", Shape::Pruned);
        world
    }

    pub fn disk(&self) -> &Arc<SimDisk> {
        self.env.disk()
    }

    pub fn create(&mut self, name: &str, shape: Shape) -> IndexId {
        let id = self.engine.create_index(name, shape.kind(), &shape.options()).unwrap();
        let content = Content { name: name.to_owned(), shape, map: Map::new() };
        assert!(self.model.0.insert(id, content).is_none(), "index {id} was there before");
        id
    }

    pub fn ids(&self) -> Vec<IndexId> {
        self.model.0.keys().copied().collect()
    }

    pub fn id(&self, name: &str) -> IndexId {
        let found = self.model.0.iter().find(|(_, content)| content.name == name);
        *found.expect("an index of this name").0
    }

    /// Commits the writes of one batch, to the database and to the model.
    pub fn commit(&mut self, writes: &[Write], durability: Durability) -> SeqNo {
        let seq = self.engine.commit(self.model.batch(writes), durability).unwrap();
        self.model.apply(writes);
        seq
    }

    /// Puts `count` keys from `from` on into every index, in one batch.
    pub fn fill(&mut self, from: u32, count: u32, durability: Durability) -> SeqNo {
        let writes = self.model.filling(from, count);
        self.commit(&writes, durability)
    }

    /// Compares the present with the model.
    pub fn check(&self) {
        self.model.check(&self.engine.view());
    }

    /// Checks all checksums and invariants, that every index holds what it should, and that no
    /// file lies about.
    pub fn check_deeply(&self) {
        self.check();
        self.check_sound();
        self.check_files();
    }

    pub fn check_sound(&self) {
        let report = self.engine.verify().unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
    }

    /// Every data file is one that some segment needs. Only true when nothing is under way.
    pub fn check_files(&self) {
        assert_eq!(data_files(self.disk()), self.engine_files(), "data files");
    }

    /// The data files that current segments name.
    pub fn engine_files(&self) -> Vec<PathBuf> {
        let manifest = self.engine.parts().manifest();
        let files = manifest.as_ref().unwrap().state().files().keys();
        files.map(|id| Path::new(DIR).join(format!("{:010}.seg", id.0))).collect()
    }

    /// Closes the database and opens it again.
    pub fn reopen(self) -> World {
        self.engine.close().unwrap();
        self.reopen_without_closing()
    }

    /// Ends the process as it is, and opens the database in another. All that was issued is there.
    pub fn kill(self) -> World {
        self.env.kill();
        let World { env, engine, options, model } = self;
        std::mem::forget(engine);
        let env = SimEnv::on(env.disk().fork(), env.seed() + 1);
        let engine = open(&env, options.clone()).unwrap();
        World { env, engine, options, model }
    }

    fn reopen_without_closing(self) -> World {
        let World { env, engine, options, model } = self;
        drop(engine);
        let engine = open(&env, options.clone()).unwrap();
        World { env, engine, options, model }
    }

    /// Waits until nothing is to be done in the background.
    pub fn settle(&self) {
        self.engine.settle().unwrap();
        self.env.run_until_idle();
    }
}

/// Data files on a disk, sorted.
pub fn data_files(disk: &SimDisk) -> Vec<PathBuf> {
    let files = disk.files();
    files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "seg")).collect()
}

/// Log segments on a disk that are in use, sorted.
pub fn log_files(disk: &SimDisk) -> Vec<PathBuf> {
    let is_spare = |path: &PathBuf| path.to_string_lossy().contains("spare");
    let files = disk.files().into_iter().filter(|path| !is_spare(path));
    files.filter(|path| path.extension().is_some_and(|e| e == "log")).collect()
}

/// A write to an index: a value, or that the key goes.
pub type Write = (IndexId, Vec<u8>, Option<Vec<u8>>);

/// Bytes of the n-th key.
pub fn key(n: u32) -> Vec<u8> {
    format!("key{n:05}").into_bytes()
}

impl Model {
    /// The writes as a batch.
    pub fn batch(&self, writes: &[Write]) -> Batch {
        let mut batch = Batch::new();
        for (id, key, value) in writes {
            let shape = self.0[id].shape;
            match value {
                Some(value) => shape.put(batch.part(*id), key, value),
                None => shape.delete(batch.part(*id), key),
            }
        }
        batch
    }

    pub fn apply(&mut self, writes: &[Write]) {
        for (id, key, value) in writes {
            let map = &mut self.0.get_mut(id).expect("an index of the model").map;
            match value {
                Some(value) => _ = map.insert(key.clone(), value.clone()),
                None => _ = map.remove(key),
            }
        }
    }

    /// Writes of `count` keys from `from` on to every index; every fifth key goes instead.
    pub fn filling(&self, from: u32, count: u32) -> Vec<Write> {
        let mut writes = Vec::new();
        for id in self.0.keys() {
            for n in from..from + count {
                let value = format!("value {n} of {id} after {}", self.0[id].map.len());
                writes.push((*id, key(n % 400), (n % 5 != 4).then(|| value.into_bytes())));
            }
        }
        writes
    }

    /// Compares a view with the model: names, and every key and value of every index.
    pub fn check(&self, view: &View) {
        self.try_check(view).unwrap();
    }

    /// As [`Model::check`], where reading may fail.
    pub fn try_check(&self, view: &View) -> Result<()> {
        let catalog = view.catalog()?;
        let names: Vec<(IndexId, String)> =
            catalog.iter().map(|(id, entry)| (id, entry.name.clone())).collect();
        let expected: Vec<(IndexId, String)> =
            self.0.iter().map(|(id, content)| (*id, content.name.clone())).collect();
        assert_eq!(names, expected, "catalog at commit {}", view.seq());
        for (id, content) in &self.0 {
            let map = content.shape.dump(view, *id)?;
            compare(&map, &content.map, &content.name);
        }
        Ok(())
    }
}

/// Names a few differences rather than printing two long maps.
fn compare(found: &Map, expected: &Map, name: &str) {
    if found == expected {
        return;
    }
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let mut lines = Vec::new();
    for key in found.keys().chain(expected.keys()) {
        let (found, expected) = (found.get(key), expected.get(key));
        if found != expected {
            let (found, expected) = (found.map(text), expected.map(text));
            lines.push(format!("{:?}: found {found:?}, expected {expected:?}", text(key)));
        }
    }
    lines.sort();
    lines.dedup();
    let count = lines.len();
    lines.truncate(5);
    panic!("index {name}: {count} differences, such as\n{}", lines.join("\n"));
}
