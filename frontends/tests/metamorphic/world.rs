//! A database under one option set, and what it answers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cuesta::env::os::OsEnv;
use cuesta::env::sim::{Random, START_MS, SimEnv};
use cuesta::env::{Env, Stopped};
use cuesta::{
    Action, Batch, Change as Commit, Cursor, Database, Existing, Expiry, Iter, Keyspace, Result,
    Snapshot, Transaction, TransactionOptions, Watch,
};
use cuesta_engine::keep::{RestoreTo, restore};

use crate::generate::numbered;
use crate::model::{SNAPSHOTS_MAX, by_turns, operand, show, show_left};
use crate::operation::{
    Change, End, List, Move, Operation, Range, SPACES, Step, Value, Wait, Write,
};
use crate::sets::{Disk, Set};

pub struct World {
    set: &'static Set,
    clock: Arc<Stopped>,
    /// Of simulated disks.
    sim: Option<Arc<SimEnv>>,
    random: Random,
    dir: PathBuf,
    /// Of real disks.
    _temporary: Option<tempfile::TempDir>,
    copies: u32,
    names: [String; SPACES.len()],
    open: Option<Open>,
}

/// What ends when the database is closed.
pub struct Open {
    pub db: Database,
    pub spaces: Vec<Keyspace>,
    snapshots: Vec<(Snapshot, Vec<Keyspace>)>,
    feed: Option<cuesta::Changes>,
    watches: [Watch; 2],
}

/// What an error is in an answer: its message, where it says more than that it was refused.
fn refused(error: &cuesta::Error) -> String {
    match error.kind() {
        cuesta::ErrorKind::Invalid | cuesta::ErrorKind::Conflict => format!("{:?}", error.kind()),
        _ => error.to_string(),
    }
}

pub fn outcome(result: Result<()>) -> String {
    result.map_or_else(|error| refused(&error), |()| "done".to_owned())
}

/// Adds a write to something that has the methods of a batch or transaction.
macro_rules! write_to {
    ($to:expr, $space:expr, $write:expr) => {{
        let (to, space, key) = ($to, $space, &$write.key);
        match &$write.change {
            Change::Put(value) => to.put(space, key, value.bytes()),
            Change::PutFor(value, ttl_ms) => {
                to.put_with_ttl(space, key, value.bytes(), Duration::from_millis(*ttl_ms))
            }
            Change::Delete => to.delete(space, key),
            Change::Merge(operand) => to.merge(space, key, operand.bytes()),
            Change::DeleteRange(end) => to.delete_range(space, &key[..]..&end[..]),
            Change::DeletePrefix => to.delete_prefix(space, key),
            Change::Clear => to.delete_range::<&[u8]>(space, ..),
        }
    }};
}

fn add(batch: &mut Batch, space: &Keyspace, write: &Write) -> Result<()> {
    write_to!(batch, space, write)
}

fn add_to(tx: &Transaction, space: &Keyspace, write: &Write) -> Result<()> {
    write_to!(tx, space, write)
}

pub fn write(space: &Keyspace, write: &Write) -> Result<()> {
    let key = &write.key;
    match &write.change {
        Change::Put(value) => space.put(key, value.bytes()),
        Change::PutFor(value, ttl_ms) => {
            space.put_with_ttl(key, value.bytes(), Duration::from_millis(*ttl_ms))
        }
        Change::Delete => space.delete(key),
        Change::Merge(operand) => space.merge(key, operand.bytes()),
        Change::DeleteRange(end) => space.delete_range(&key[..]..&end[..]),
        Change::DeletePrefix => space.delete_prefix(key),
        Change::Clear => space.clear(),
    }
}

fn left(expiry: Expiry) -> Option<u64> {
    match expiry {
        Expiry::Never => None,
        Expiry::In(left) => Some(u64::try_from(left.as_millis()).unwrap()),
    }
}

/// Everything that a snapshot sees, in an answer.
fn all(snapshot: &Snapshot, spaces: &[Keyspace]) -> Result<String> {
    let mut shown = Vec::new();
    for (number, space) in spaces.iter().enumerate() {
        let mut entries = Vec::new();
        for entry in snapshot.iter(space)? {
            let (key, value) = entry?;
            let expiry = snapshot.expiry(space, &key)?;
            let left = expiry.map_or("?".to_owned(), |expiry| show_left(left(expiry)));
            entries.push(show(&key, &value) + &left);
        }
        shown.push(format!("{number}: {}", entries.join(" ")));
    }
    Ok(shown.join("\n"))
}

fn shown(iter: Iter, turns: u64) -> String {
    by_turns(iter, turns, |entry| match entry {
        Ok((key, value)) => show(&key, &value),
        Err(error) => error.to_string(),
    })
}

/// A commit as the feed tells it.
struct Told(Commit);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:", self.0.commit(), self.0.time_ms())?;
        for operation in self.0.operations() {
            let operation = operation.map_err(|_| fmt::Error)?;
            write!(f, " {} {:?}", operation.keyspace, operation.name)?;
            match operation.action {
                Action::Put { key, value } => write!(f, " put {}", show(key, value))?,
                Action::PutUntil { key, value, expiry_ms } => {
                    write!(f, " put {} until {expiry_ms}", show(key, value))?;
                }
                Action::Merge { key, operands } => {
                    for operand in operands.iter() {
                        write!(f, " merge {}", show(key, operand))?;
                    }
                }
                other => write!(f, " {other:?}")?,
            }
        }
        Ok(())
    }
}

impl World {
    /// Runs a list.
    pub fn answers(list: &List, set: &'static Set) -> Vec<String> {
        let mut world = World::new(list.seed, set);
        let answers = list.operations.iter().map(|operation| {
            let answer = world.answer(operation).unwrap_or_else(|error| refused(&error));
            world.work(None);
            answer
        });
        let answers = answers.collect();
        world.close().unwrap();
        answers
    }

    fn new(seed: u64, set: &'static Set) -> World {
        let (mut sim, mut temporary) = (None, None);
        let env: Arc<dyn Env> = match set.disk {
            Disk::Simulated | Disk::Unmapped => {
                let new = SimEnv::new(seed);
                if set.disk == Disk::Unmapped {
                    new.disk().disable_maps();
                }
                sim = Some(new.clone());
                new
            }
            Disk::Real => OsEnv::new(),
            Disk::RealUnmapped => OsEnv::without_maps(),
        };
        if set.is_real() {
            temporary = Some(tempfile::tempdir().unwrap());
        }
        let dir = temporary.as_ref().map_or_else(PathBuf::new, |dir| dir.path().to_owned());
        let names = std::array::from_fn(|n| format!("space {n}"));
        let (clock, random) = (Stopped::new(env, START_MS), Random::new(seed));
        let (copies, open) = (0, None);
        let mut world =
            World { set, clock, sim, random, dir, _temporary: temporary, copies, names, open };
        world.open = Some(world.open(&world.dir.join("db")).unwrap());
        world
    }

    pub fn set(&self) -> &'static Set {
        self.set
    }

    pub fn clock(&self) -> Arc<Stopped> {
        self.clock.clone()
    }

    fn create(&self, db: &Database, space: usize) -> Result<Keyspace> {
        let (operator, ttl_ms) = SPACES[space];
        db.keyspace_with(&self.names[space], &self.set.keyspace(operator, ttl_ms))
    }

    fn open(&self, path: &Path) -> Result<Open> {
        let db = self.set.builder().environment(self.clock.clone()).open(path)?;
        let spaces = (0..SPACES.len()).map(|space| self.create(&db, space));
        let spaces = spaces.collect::<Result<Vec<_>>>()?;
        let watches = [db.watch()?, spaces[0].watch_prefix("key/00")?];
        Ok(Open { db, spaces, snapshots: Vec::new(), feed: None, watches })
    }

    fn close(&mut self) -> Result<()> {
        let Some(Open { db, spaces, snapshots, feed, watches }) = self.open.take() else {
            return Ok(());
        };
        drop((spaces, snapshots, feed, watches));
        db.close()
    }

    pub fn now(&self) -> &Open {
        self.open.as_ref().unwrap()
    }

    fn now_mut(&mut self) -> &mut Open {
        self.open.as_mut().unwrap()
    }

    /// Background work goes on for so many steps, or as many as the option set says.
    pub fn work(&mut self, steps: Option<u32>) {
        let Some(sim) = &self.sim else { return };
        // Nothing here looks back.
        sim.disk().keep_last(1);
        let steps = steps.map_or_else(|| self.random.below(self.set.steps + 1), u64::from);
        for _ in 0..steps {
            sim.step_one();
        }
    }

    /// A path that is not there yet.
    pub fn copy(&mut self) -> PathBuf {
        self.copies += 1;
        self.dir.join(format!("copy {}", self.copies))
    }

    /// Opens a copy, gives everything in it and closes it.
    fn all_of(&self, path: &Path) -> Result<String> {
        let Open { db, spaces, watches, .. } = self.open(path)?;
        let everything = all(&db.snapshot(), &spaces)?;
        let problems = db.verify()?.problems;
        drop((spaces, watches));
        db.close()?;
        Ok(if problems.is_empty() { everything } else { problems.join("\n") })
    }

    fn transact(&self, options: &TransactionOptions, steps: &[Step], end: End) -> Result<String> {
        let Open { db, spaces, .. } = self.now();
        let tx = db.begin_with(options)?;
        let (mut savepoints, mut answers) = (Vec::new(), Vec::new());
        for step in steps {
            let mut answer = String::new();
            match step {
                Step::Write(write) => answer = outcome(add_to(&tx, &spaces[write.space], write)),
                Step::Get(space, key) => {
                    let found = tx.get(&spaces[*space], key)?;
                    answer = found.map_or("nothing".to_owned(), |value| show(key, &value));
                }
                Step::Scan { space, range, backwards } => {
                    let iter = match range {
                        Some((start, end)) => tx.range(&spaces[*space], &start[..]..&end[..])?,
                        None => tx.iter(&spaces[*space])?,
                    };
                    answer = shown(iter, if *backwards { u64::MAX } else { 0 });
                }
                Step::Savepoint => savepoints.push(tx.savepoint()?),
                Step::RollbackTo(n) if !savepoints.is_empty() => {
                    savepoints.truncate(n % savepoints.len() + 1);
                    tx.rollback_to(savepoints.last().unwrap())?;
                }
                Step::Release(n) if !savepoints.is_empty() => {
                    let at = n % savepoints.len();
                    tx.release(savepoints.swap_remove(at))?;
                    savepoints.truncate(at);
                }
                Step::RollbackTo(_) | Step::Release(_) => {}
                Step::Outside(outside) => {
                    // Whether it is refused is asked elsewhere.
                    let _ = write(&spaces[outside.space], outside);
                }
            }
            answers.push(answer);
        }
        let ended = match end {
            End::Commit => tx.commit(),
            End::Submit => tx.submit().and_then(|handle| handle.wait().map(drop)),
            End::Rollback => {
                tx.rollback();
                answers.push("rolled back".to_owned());
                return Ok(answers.join("; "));
            }
        };
        answers.push(ended.map_or_else(|error| refused(&error), |()| "committed".to_owned()));
        Ok(answers.join("; "))
    }

    /// A snapshot of now, or one that is held.
    fn with<R>(
        &self,
        of: Option<usize>,
        ask: impl FnOnce(&Snapshot, &[Keyspace]) -> Result<R>,
    ) -> Result<R> {
        let Open { db, spaces, snapshots, .. } = self.now();
        match of.filter(|_| !snapshots.is_empty()) {
            Some(n) => {
                let (snapshot, spaces) = &snapshots[n % snapshots.len()];
                ask(snapshot, spaces)
            }
            None => ask(&db.snapshot(), spaces),
        }
    }

    fn scan(&self, space: usize, range: &Range, turns: u64, of: Option<usize>) -> Result<String> {
        self.with(of, |snapshot, spaces| {
            let iter = match range {
                Some((start, end)) => snapshot.range(&spaces[space], &start[..]..&end[..])?,
                None => snapshot.iter(&spaces[space])?,
            };
            Ok(shown(iter, turns))
        })
    }

    fn walk(
        &self,
        space: usize,
        range: &Range,
        moves: &[Move],
        of: Option<usize>,
    ) -> Result<String> {
        let mut cursor: Cursor = self.with(of, |snapshot, spaces| match range {
            Some((start, end)) => snapshot.cursor(&spaces[space], &start[..]..&end[..]),
            None => snapshot.cursor::<&[u8]>(&spaces[space], ..),
        })?;
        let mut shown = Vec::new();
        for to in moves {
            let there = match to {
                Move::Next => cursor.next()?,
                Move::Prev => cursor.prev()?,
                Move::Seek(key) => cursor.seek(key)?,
                Move::SeekBack(key) => cursor.seek_back(key)?,
            };
            assert_eq!(there, cursor.is_valid());
            shown.push(match there {
                true => show(cursor.key(), cursor.value()),
                false => "nowhere".to_owned(),
            });
        }
        Ok(shown.join(" "))
    }

    fn batch(&self, writes: &[Write], batch: Batch, wait: Wait) -> Result<String> {
        let (mut batch, mut answers) = (batch, Vec::new());
        for write in writes {
            let space = &self.now().spaces[write.space];
            answers.push(outcome(add(&mut batch, space, write)));
        }
        match wait {
            Wait::Commit => batch.commit()?,
            Wait::Handle => batch.submit()?.wait().map(drop)?,
        }
        Ok(answers.join(" "))
    }

    fn get(&self, space: usize, key: &[u8]) -> Result<String> {
        let space = &self.now().spaces[space];
        let (found, there) = (space.get(key)?, space.contains(key)?);
        assert_eq!(found.is_some(), there);
        let expiry = space.expiry(key)?;
        let shown =
            found.zip(expiry).map(|(value, expiry)| show(key, &value) + &show_left(left(expiry)));
        Ok(shown.unwrap_or_else(|| "nothing".to_owned()))
    }

    fn swap(
        &self,
        space: usize,
        key: &[u8],
        expected: Option<Value>,
        new: Option<Value>,
    ) -> Result<String> {
        let [expected, new] = [expected, new].map(|value| value.map(|value| value.bytes()));
        let space = &self.now().spaces[space];
        Ok(match space.compare_and_swap(key, expected.as_deref(), new.as_deref())? {
            cuesta::Swap::Done => "done".to_owned(),
            cuesta::Swap::Differs(Some(found)) => show(key, &found),
            cuesta::Swap::Differs(None) => "differs".to_owned(),
        })
    }

    fn feed(&mut self) -> Result<String> {
        let Open { db, feed, .. } = self.now_mut();
        let Some(feed) = feed else {
            *feed = Some(db.changes_since(db.snapshot().commit())?);
            return Ok(String::new());
        };
        let told = feed.map(|change| Ok(Told(change?).to_string())).collect::<Result<Vec<_>>>()?;
        Ok(told.join("\n"))
    }

    fn watches(&mut self) -> Result<String> {
        let told = self.now_mut().watches.each_mut().map(Watch::take);
        Ok(format!("{:?}", told.into_iter().collect::<Result<Vec<_>>>()?))
    }

    fn dump(&self) -> Result<String> {
        let mut dump = Vec::new();
        self.now().db.dump(&mut dump)?;
        let env = Stopped::new(SimEnv::new(1), START_MS);
        env.pass(self.clock.wall_ms() - env.wall_ms());
        let db = Database::builder().environment(env).open("loaded")?;
        db.load(&dump[..], Existing::Refuse)?;
        let spaces = self.names.iter().map(|name| db.existing_keyspace(name));
        let everything = all(&db.snapshot(), &spaces.collect::<Result<Vec<_>>>()?)?;
        db.close()?;
        Ok(everything)
    }

    /// Looks at the database for reading only.
    fn look(&mut self) -> Result<String> {
        self.close()?;
        let path = self.dir.join("db");
        let db = self.set.builder().read_only().environment(self.clock.clone()).open(&path)?;
        let spaces = self.names.iter().map(|name| db.existing_keyspace(name));
        let everything = all(&db.snapshot(), &spaces.collect::<Result<Vec<_>>>()?)?;
        db.close()?;
        self.open = Some(self.open(&path)?);
        Ok(everything)
    }

    /// What an operation leaves to say; an error is an answer too.
    fn answer(&mut self, operation: &Operation) -> Result<String> {
        let mut answer = String::new();
        let Open { db, spaces, snapshots, .. } = self.open.as_mut().unwrap();
        match operation {
            Operation::Write(of) => answer = outcome(write(&spaces[of.space], of)),
            Operation::Batch { writes, durability, wait } => {
                let mut batch = db.batch();
                if let Some(durability) = durability {
                    batch.durability(*durability);
                }
                answer = self.batch(writes, batch, *wait)?;
            }
            Operation::Fill { space, first, count, value, ttl_ms } => {
                let mut batch = db.batch();
                let (space, value) = (&spaces[*space], value.bytes());
                for key in (*first..first + count).map(numbered) {
                    match ttl_ms.map(Duration::from_millis) {
                        Some(ttl) => batch.put_with_ttl(space, key, &value, ttl)?,
                        None => batch.put(space, key, &value)?,
                    }
                }
                batch.commit()?;
            }
            Operation::Load { entries, by, meanwhile, end } => {
                answer = self.load(entries, *by, meanwhile, *end)?;
            }
            Operation::Merges { space, key, count } => {
                // Whether it is refused is asked elsewhere.
                (0..*count).for_each(|n| _ = spaces[*space].merge(key, operand(n).bytes()));
            }
            Operation::Swap { space, key, expected, new } => {
                answer = self.swap(*space, key, *expected, *new)?;
            }
            Operation::Transact { isolation, steps, end } => {
                let options = TransactionOptions::new().isolation(*isolation);
                answer = self.transact(&options, steps, *end)?;
            }
            Operation::Get(space, key) => answer = self.get(*space, key)?,
            Operation::Scan { space, range, turns, of } => {
                answer = self.scan(*space, range, *turns, *of)?;
            }
            Operation::Prefix { space, prefix } => {
                answer = shown(spaces[*space].prefix(prefix)?, 0);
            }
            Operation::Walk { space, range, moves, of } => {
                answer = self.walk(*space, range, moves, *of)?;
            }
            Operation::Snapshot => {
                if snapshots.len() == SNAPSHOTS_MAX {
                    snapshots.remove(0);
                }
                snapshots.push((db.snapshot(), spaces.clone()));
            }
            Operation::ReadSnapshot(n) => answer = self.with(Some(*n), all)?,
            Operation::Forget(n) => {
                if !snapshots.is_empty() {
                    snapshots.remove(n % snapshots.len());
                }
            }
            Operation::ReadAll => answer = self.with(None, all)?,
            Operation::Pass(ms) => {
                self.clock.pass(*ms);
                self.sim.iter().for_each(|sim| sim.advance(Duration::from_millis(*ms)));
            }
            Operation::Flush => db.flush()?,
            Operation::Compact => db.compact()?,
            Operation::Settle => db.settle()?,
            Operation::Sync => db.sync()?,
            Operation::Work(steps) => self.work(Some(*steps)),
            Operation::Reopen => {
                self.close()?;
                self.open = Some(self.open(&self.dir.join("db"))?);
                answer = self.with(None, all)?;
            }
            Operation::Look => answer = self.look()?,
            Operation::Renew(space) => {
                db.drop_keyspace(&self.names[*space])?;
                let new = self.create(&self.now().db, *space)?;
                let open = self.now_mut();
                open.spaces[*space] = new;
                open.watches[1] = open.spaces[0].watch_prefix("key/00")?;
            }
            Operation::Rename(space) => {
                let name = &mut self.names[*space];
                let other = format!("other {name}");
                db.rename_keyspace(name, &other)?;
                *name = other;
            }
            Operation::Checkpoint => {
                let path = self.copy();
                self.now().db.checkpoint(&path)?;
                answer = self.all_of(&path)?;
            }
            Operation::Backup => {
                let (backups, target) = (self.dir.join("backups"), self.copy());
                self.now().db.backup(&backups)?;
                restore(&*self.clock, &backups, &target, RestoreTo::Latest)?;
                answer = self.all_of(&target)?;
            }
            Operation::Dump => answer = self.dump()?,
            Operation::Feed => answer = self.feed()?,
            Operation::StopFeed => self.now_mut().feed = None,
            Operation::Watch => answer = self.watches()?,
            Operation::Verify => answer = db.verify()?.problems.join("\n"),
        }
        Ok(answer)
    }
}
