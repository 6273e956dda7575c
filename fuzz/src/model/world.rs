//! A simulated machine with a database on it, and what should be in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cuesta::{
    Compression, Cursor, Database, Durability, Error, ErrorKind, Expiry, Keyspace, KeyspaceEngine,
    KeyspaceOptions, Result, Snapshot,
};
use cuesta_engine::Options;
use cuesta_engine::env::sim::{Crash, Fault, FaultRule, START_MS, SimDisk, SimEnv};
use cuesta_engine::env::{Env, Stopped};

use crate::input;
use crate::model::choice::{End, NAMES, Operation, Settings, Sizes};
use crate::model::contents::{Contents, Entry, History, Merges, Space, Stored, Survives};
use crate::model::walk::Walk;

/// Snapshots that are kept at once.
const SNAPSHOTS_MAX: usize = 4;

/// A snapshot and what it should hold.
pub struct Kept {
    pub snapshot: Snapshot,
    pub contents: Contents,
    /// When it was taken.
    pub clock_ms: u64,
    /// Keyspaces as they were named then.
    pub handles: BTreeMap<String, Keyspace>,
}

/// A cursor and where it should stand.
pub struct Walker {
    pub cursor: Cursor,
    pub walk: Walk,
}

/// Which faults there have been since the database was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    None,
    /// Calls failed.
    Failures,
    /// Bits were turned over, too.
    Damage,
}

pub struct World {
    pub settings: Settings,
    pub disk: Arc<SimDisk>,
    pub env: Arc<SimEnv>,
    pub clock: Arc<Stopped>,
    pub db: Database,
    pub history: History,
    /// Keyspaces that are there, by name.
    pub handles: BTreeMap<String, Keyspace>,
    /// Keyspaces that are gone.
    pub gone: Vec<Keyspace>,
    pub snapshots: Vec<Kept>,
    pub walkers: Vec<Walker>,
    pub trouble: Trouble,
    /// The same for databases before it, of which snapshots and cursors live on.
    pub past_trouble: Trouble,
    /// A write or sync failed with an unknown outcome.
    pub poisoned: bool,
    /// Operations of the disk before the operation that runs, or ran last.
    disk_ops: u64,
    opened: u64,
    /// What the last value of a series was filled with.
    pub filling: u8,
    /// How many files were prepared.
    pub prepared: u64,
}

impl Trouble {
    /// Fails unless there is a reason for `error`.
    pub fn permit(self, error: &Error, doing: &str) {
        let failed = matches!(error.kind(), ErrorKind::Io | ErrorKind::Full | ErrorKind::Poisoned);
        let damaged = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
        let permitted = match self {
            Trouble::None => false,
            Trouble::Failures => failed,
            Trouble::Damage => failed || damaged,
        };
        assert!(permitted, "{doing}, with {self:?} so far: {error:?}");
    }
}

fn open(settings: &Settings, disk: &SimDisk, clock: &Arc<Stopped>) -> Result<Database> {
    if !settings.maps {
        disk.disable_maps();
    }
    Database::builder()
        .environment(clock.clone())
        .durability(settings.durability)
        .memory_budget(1 << 20)
        .snapshot_budget(settings.snapshot_budget)
        .log_segment_bytes(64 << 10)
        .background_threads(1)
        .engine_options(|options| settings.sizes.apply(options))
        .open(input::dir())
}

impl Sizes {
    fn apply(self, options: &mut Options) {
        if self == Sizes::Tiny {
            options.memtable_limit = Some(2 << 10);
            options.close_flush_bytes = 4 << 10;
            options.manifest_bytes = 4 << 10;
            options.log.segment_bytes = 8 << 10;
            options.log.zero_ahead_bytes = 1 << 10;
            options.log.buffer_bytes = 2 << 10;
        }
    }
}

impl World {
    pub fn open(settings: Settings) -> World {
        let env = SimEnv::new(settings.seed);
        let clock = Stopped::new(env.clone(), START_MS);
        let db = open(&settings, env.disk(), &clock).expect("a new database");
        let mut world = World {
            settings,
            disk: env.disk().clone(),
            env,
            clock,
            db,
            history: History::new(Contents::default()),
            handles: BTreeMap::new(),
            gone: Vec::new(),
            snapshots: Vec::new(),
            walkers: Vec::new(),
            trouble: Trouble::None,
            past_trouble: Trouble::None,
            poisoned: false,
            disk_ops: 0,
            opened: 0,
            filling: 0,
            prepared: 0,
        };
        for name in 0..3 {
            world.create(name, settings.layout);
        }
        world
    }

    /// Does one thing and checks it.
    pub fn run(&mut self, operation: Operation) {
        if let Operation::Reopen { end, healed } = operation {
            return self.reopen(end, healed);
        }
        self.disk_ops = self.disk.op_count();
        self.history.begin();
        match operation {
            Operation::Write(write) => self.write(&write),
            Operation::Erase { space, range } => self.erase(space, &range),
            Operation::Fill { space, first, count, value } => {
                self.fill(space, first, count, &value);
            }
            Operation::Load(load) => self.load(&load),
            Operation::Batch { writes, durability } => self.batch(&writes, durability),
            Operation::Series { space, key, count, len, durability } => {
                self.series(space, key, (count, len), durability);
            }
            Operation::Get { space, key, of } => self.get(space, &key, of),
            Operation::Iterate { space, range, turns, of } => {
                self.iterate(space, &range, turns, of);
            }
            Operation::Prefix { space, prefix, turns, of } => {
                self.prefix(space, &prefix, turns, of);
            }
            Operation::Cursor { space, range, of } => self.new_cursor(space, range, of),
            Operation::Move { cursor, moves } => self.move_cursor(cursor, &moves),
            Operation::Snapshot => self.take_snapshot(),
            Operation::CheckSnapshot(n) => self.check_snapshot(n),
            Operation::ForgetSnapshot(n) => self.forget_snapshot(n),
            Operation::Flush => self.work(Database::flush, Survives::PowerLoss),
            Operation::Compact => self.work(Database::compact, Survives::PowerLoss),
            Operation::Settle => self.work(Database::settle, Survives::Nothing),
            Operation::Sync => self.work(Database::sync, Survives::PowerLoss),
            Operation::Steps(n) => (0..n).for_each(|_| _ = self.env.step_one()),
            Operation::Pass(ms) => {
                self.env.advance(Duration::from_millis(u64::from(ms)));
                self.clock.pass(u64::from(ms));
            }
            Operation::Create { name, layout } => self.create(name, layout),
            Operation::Rename { from, to } => self.rename(from, to),
            Operation::Remove { name } => self.remove(name),
            Operation::UseGone(n) => self.use_gone(n),
            Operation::CheckAll => self.check_all(),
            Operation::Verify => self.verify(),
            Operation::Fail(rule) => self.fail(rule),
            Operation::Heal => self.disk.clear_faults(),
            Operation::Reopen { .. } => {}
        }
        if self.poisoned {
            let crash = End::Crash { mode: Crash::LoseUnsynced, into: None };
            self.reopen(if self.opened.is_multiple_of(2) { End::Drop } else { crash }, true);
        }
    }

    /// Closes the database and looks at it for the last time.
    pub fn finish(mut self) {
        self.disk.clear_faults();
        (0..SNAPSHOTS_MAX as u8).for_each(|n| self.check_snapshot(n));
        self.reopen(End::Close, true);
        self.verify();
        self.drop_everything();
    }

    /// Fails unless there is a reason for `error`.
    pub fn permit(&self, error: &Error, doing: &str) {
        self.trouble.permit(error, doing);
    }

    /// A change was refused: it was not made, or nobody knows.
    pub fn refused(&mut self, error: &Error, doing: &str, next: Contents) {
        self.permit(error, doing);
        if error.kind() == ErrorKind::Poisoned {
            self.history.push(next, Survives::Nothing);
            self.poisoned = true;
        }
    }

    /// Has the database do something that changes nothing to be seen.
    fn work(&mut self, work: fn(&Database) -> Result<()>, survives: Survives) {
        match work(&self.db) {
            Ok(()) => self.history.note(survives),
            Err(error) => {
                self.permit(&error, "working");
                self.poisoned |= error.kind() == ErrorKind::Poisoned;
            }
        }
    }

    fn verify(&self) {
        match self.db.verify() {
            Ok(report) if self.trouble == Trouble::Damage => drop(report),
            Ok(report) => assert!(report.is_sound(), "{:?}", report.problems),
            Err(error) => self.permit(&error, "verifying"),
        }
    }

    fn fail(&mut self, rule: FaultRule) {
        self.trouble = match (self.trouble, rule.fault) {
            (_, Fault::BitFlip(_)) | (Trouble::Damage, _) => Trouble::Damage,
            _ => Trouble::Failures,
        };
        self.disk.inject(rule);
    }

    /// The keyspace that a byte stands for, of those that there are.
    pub fn name(&self, space: u8) -> Option<String> {
        let count = self.handles.len();
        self.handles.keys().nth(usize::from(space) % count.max(1)).cloned()
    }

    fn create(&mut self, name: u8, layout: u8) {
        let name = NAMES[usize::from(name) % NAMES.len()];
        let mut next = self.history.now().clone();
        let known = next.get(name).is_some();
        let made = match known {
            // Options that it was not created with would be refused.
            true => self.db.keyspace(name),
            false => self.db.keyspace_with(name, &layout_of(layout)),
        };
        match made {
            Ok(handle) => {
                if !known {
                    next.add(name, Space::new(merges_of(layout)));
                    self.history.push(next, Survives::PowerLoss);
                }
                self.handles.insert(name.to_owned(), handle);
            }
            Err(error) if name.is_empty() => assert_eq!(error.kind(), ErrorKind::Invalid),
            Err(error) => {
                assert!(!known, "opening keyspace {name:?}: {error:?}");
                next.add(name, Space::new(merges_of(layout)));
                self.refused(&error, "creating a keyspace", next);
            }
        }
    }

    fn rename(&mut self, from: u8, to: u8) {
        let (from, to) =
            (NAMES[usize::from(from) % NAMES.len()], NAMES[usize::from(to) % NAMES.len()]);
        let mut next = self.history.now().clone();
        let expected = match (next.get(from), next.get(to)) {
            (None, _) => Some(ErrorKind::NotFound),
            _ if to.is_empty() => Some(ErrorKind::Invalid),
            (_, Some(_)) => Some(ErrorKind::Exists),
            _ => None,
        };
        let renamed = self.db.rename_keyspace(from, to);
        if let Some(expected) = expected {
            assert_eq!(renamed.expect_err("a name that is taken, or not there").kind(), expected);
            return;
        }
        let entries = next.remove(from).expect("checked");
        next.add(to, entries);
        match renamed {
            Ok(()) => {
                self.history.push(next, Survives::PowerLoss);
                let handle = self.handles.remove(from).expect("a handle of each keyspace");
                self.handles.insert(to.to_owned(), handle);
            }
            Err(error) => self.refused(&error, "renaming a keyspace", next),
        }
    }

    fn remove(&mut self, name: u8) {
        let name = NAMES[usize::from(name) % NAMES.len()];
        let mut next = self.history.now().clone();
        let known = next.remove(name).is_some();
        match self.db.drop_keyspace(name) {
            Ok(()) => {
                assert!(known, "keyspace {name:?} was dropped and not there");
                self.history.push(next, Survives::PowerLoss);
                self.gone.extend(self.handles.remove(name));
            }
            Err(error) if !known => assert_eq!(error.kind(), ErrorKind::NotFound),
            Err(error) => self.refused(&error, "dropping a keyspace", next),
        }
    }

    fn take_snapshot(&mut self) {
        if self.snapshots.len() == SNAPSHOTS_MAX {
            self.snapshots.remove(0);
        }
        let (snapshot, contents) = (self.db.snapshot(), self.history.now().clone());
        let (clock_ms, handles) = (self.clock.wall_ms(), self.handles.clone());
        self.snapshots.push(Kept { snapshot, contents, clock_ms, handles });
    }

    fn forget_snapshot(&mut self, n: u8) {
        if !self.snapshots.is_empty() {
            self.snapshots.remove(usize::from(n) % self.snapshots.len());
        }
    }

    fn drop_everything(&mut self) {
        self.snapshots.clear();
        self.walkers.clear();
        self.handles.clear();
        self.gone.clear();
    }

    /// Ends the database and opens it again; what it then holds is the new present.
    fn reopen(&mut self, end: End, healed: bool) {
        let mut survived = Survives::PowerLoss;
        let mut during = false;
        let mut disk = self.disk.clone();
        match end {
            End::Close => self.close(),
            End::Drop => {
                self.drop_everything();
                if self.trouble == Trouble::None {
                    self.history.note(Survives::PowerLoss);
                }
            }
            End::Crash { mode, into } => {
                let now = self.disk.op_count();
                let ran = now - self.disk_ops;
                let at = into.map_or(now, |part| self.disk_ops + ran * u64::from(part) / 256);
                during = at < now;
                if mode == Crash::KeepAll && self.trouble == Trouble::None {
                    survived = Survives::Kill;
                }
                disk = self.disk.crash_image(at, mode);
                self.drop_everything();
            }
        }
        self.opened += 1;
        let seed = self.settings.seed + self.opened;
        if healed {
            disk.clear_faults();
        }
        // The old database is gone when the field is replaced, but must be before it is opened.
        let end_of_old = matches!(end, End::Drop);
        if end_of_old {
            self.db = nothing(&self.settings);
        }
        self.start(&disk, seed);
        let opened = open(&self.settings, &disk, &self.clock).and_then(|db| {
            // With faults it is only tried; what is there is looked at without them.
            if healed { Ok(db) } else { db.close().and_then(|()| Err(Error::busy("once more"))) }
        });
        self.db = match opened {
            Ok(db) => db,
            Err(error) => {
                let expected = error.kind() == ErrorKind::Busy;
                assert!(!healed, "opening without faults: {error:?}");
                if !expected {
                    self.permit(&error, "opening");
                }
                disk.clear_faults();
                self.start(&disk, seed + 1000);
                open(&self.settings, &disk, &self.clock).expect("opening without faults")
            }
        };
        self.disk = disk;
        self.disk_ops = self.disk.op_count();
        self.past_trouble = match self.snapshots.is_empty() && self.walkers.is_empty() {
            true => Trouble::None,
            false => self.past_trouble.max(self.trouble),
        };
        (self.trouble, self.poisoned) = (Trouble::None, false);
        self.find_handles();
        let found = self.read_all().expect("reading without faults");
        self.history.resume(&found, self.clock.wall_ms(), survived, during);
    }

    /// Another process on a disk; the clock goes on.
    fn start(&mut self, disk: &Arc<SimDisk>, seed: u64) {
        self.env = SimEnv::on(disk.clone(), seed);
        self.clock = Stopped::new(self.env.clone(), self.clock.wall_ms());
    }

    /// Closes the database; nothing can be written then, but snapshots and cursors live on.
    fn close(&mut self) {
        match self.db.clone().close() {
            Ok(()) => self.history.note(Survives::PowerLoss),
            Err(error) => self.permit(&error, "closing"),
        }
        if let Some(handle) = self.handles.values().next() {
            handle.put("late", "").expect_err("writing to a database that is closed");
        }
        self.handles.clear();
        self.gone.clear();
    }

    fn find_handles(&mut self) {
        let names = self.db.keyspaces();
        let handle = |name: String| {
            let handle = self.db.existing_keyspace(&name).expect("a keyspace that is listed");
            (name, handle)
        };
        self.handles = names.into_iter().map(handle).collect();
    }

    /// All that is in the database.
    pub fn read_all(&self) -> Result<Contents> {
        let mut contents = Contents::default();
        for (name, handle) in &self.handles {
            let mut stored = Stored::new();
            for entry in handle.iter()? {
                let (key, value) = entry?;
                let expiry_ms = match handle.expiry(&key)? {
                    Some(Expiry::In(left)) => Some(self.clock.wall_ms() + left.as_millis() as u64),
                    Some(Expiry::Never) => None,
                    None => panic!("{key:?} was there a moment ago"),
                };
                stored.insert(key, Entry { value: value.to_vec(), expiry_ms });
            }
            // Adding to a batch writes nothing.
            let merges = match self.db.batch().merge(handle, "key", "operand") {
                Ok(()) => Merges::Appended,
                Err(_) => Merges::Refused,
            };
            contents.add_found(name, stored, merges);
        }
        Ok(contents)
    }
}

/// A database of no meaning, elsewhere.
fn nothing(settings: &Settings) -> Database {
    let env = SimEnv::new(0);
    open(settings, env.disk(), &Stopped::new(env.clone(), START_MS)).expect("a new database")
}

pub fn layout_of(layout: u8) -> KeyspaceOptions {
    let compression = [Compression::None, Compression::Lz4, Compression::Zstd];
    let mut options = KeyspaceOptions::new();
    if is_tree(layout) {
        options = options.engine(KeyspaceEngine::Btree);
        options = options.page_bytes([4096, 1024, 2048, 16 << 10][usize::from(layout >> 2 & 3)]);
        if merges_of(layout) == Merges::Appended {
            options = options.merge_operator("append");
        }
        return options.fill_percent([90, 50, 75, 100][usize::from(layout >> 4 & 3)]);
    }
    if layout & 3 < 3 {
        options = options.compression(compression[usize::from(layout & 3)]);
    }
    options = options.block_bytes([8192, 256, 1024, 4096][usize::from(layout >> 2 & 3)]);
    if merges_of(layout) == Merges::Appended {
        options = options.merge_operator("append");
    }
    options.filter_bits([10, 0, 1, 32][usize::from(layout >> 4 & 3)])
}

fn is_tree(layout: u8) -> bool {
    layout & 0xc0 == 0xc0
}

fn merges_of(layout: u8) -> Merges {
    let refused = if is_tree(layout) { layout & 3 == 3 } else { layout & 0xc0 == 0 };
    if refused { Merges::Refused } else { Merges::Appended }
}

/// What a commit of this durability survives.
pub fn survives(durability: Durability) -> Survives {
    match durability {
        Durability::Sync => Survives::PowerLoss,
        Durability::Interval | Durability::Buffered => Survives::Kill,
        Durability::None => Survives::Nothing,
    }
}
