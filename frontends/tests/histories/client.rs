//! A client that runs random transactions, one act at a time, and writes down what it saw.
//!
//! Lists lie in two keyspaces; appending to one is reading it and putting it back longer.

use std::collections::BTreeMap;
use std::time::Duration;

use cuesta::{
    CommitHandle, Database, Durability, ErrorKind, Isolation, Iter, Keyspace, Result, Savepoint,
    Transaction, TransactionOptions,
};

use crate::history::{Act, Element, Key, Outcome, Record};

/// Small random numbers from a seed (xorshift).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// What clients do.
#[derive(Clone, Debug)]
pub struct Habits {
    pub isolations: Vec<Isolation>,
    pub durabilities: Vec<Durability>,
    /// Lists, from zero on.
    pub keys: Key,
    pub acts_max: u64,
    pub lock_timeout: Duration,
    /// One act in so many asks for a lock; none if zero.
    pub locks: u64,
}

/// The time that all clients share: it grows with each look.
pub trait Clock {
    fn tick(&self) -> u64;
}

/// The lists of one history.
#[derive(Clone)]
pub struct Lists {
    pub db: Database,
    pub keyspaces: [Keyspace; 2],
    /// Lists of other histories have other prefixes.
    pub round: u32,
}

impl Lists {
    fn keyspace(&self, key: Key) -> &Keyspace {
        &self.keyspaces[key as usize % 2]
    }

    fn key(&self, key: Key) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.round.to_be_bytes());
        bytes[4..].copy_from_slice(&key.to_be_bytes());
        bytes
    }

    /// All lists, as one transaction reads them at the end.
    pub fn read_all(&self, keys: Key, clock: &impl Clock) -> Record {
        let began = clock.tick();
        let tx = self.db.begin().unwrap();
        let read = |key| Act::Read(key, list(&tx.get(self.keyspace(key), self.key(key)).unwrap()));
        let acts = (0..keys).map(read).collect();
        tx.commit().unwrap();
        let (taken_back, isolation) = (Vec::new(), Isolation::Serializable);
        let outcome = Outcome::Committed;
        Record { isolation, acts, taken_back, outcome, began, ended: clock.tick() }
    }
}

fn list(value: &Option<cuesta::Value>) -> Vec<Element> {
    let bytes = value.as_deref().unwrap_or_default();
    bytes.chunks_exact(8).map(|chunk| u64::from_be_bytes(chunk.try_into().unwrap())).collect()
}

/// An iterator in the middle of its way: lists read so far.
struct Walk {
    iter: Iter,
    /// First and behind the last.
    range: (Key, Key),
    found: BTreeMap<Key, Vec<Element>>,
    is_reverse: bool,
    is_over: bool,
}

impl Walk {
    /// One entry further.
    fn step(&mut self) -> Result<()> {
        let next = if self.is_reverse { self.iter.next_back() } else { self.iter.next() };
        match next.transpose()? {
            None => self.is_over = true,
            Some((key, value)) => {
                let key = u32::from_be_bytes(key[4..].try_into().unwrap());
                let before = self.found.insert(key, list(&Some(value)));
                assert!(before.is_none(), "list {key} was met twice");
            }
        }
        Ok(())
    }

    /// What was read: as far as it went.
    fn act(self) -> Option<Act> {
        let (mut low, mut high) = self.range;
        if !self.is_over {
            if self.is_reverse {
                low = *self.found.first_key_value()?.0;
            } else {
                high = *self.found.last_key_value()?.0 + 1;
            }
        }
        let parity = self.range.0 % 2;
        let keys = (low..high).filter(|key| key % 2 == parity).collect();
        Some(Act::Scan(keys, self.found))
    }
}

/// A transaction under way.
struct Running {
    tx: Transaction,
    record: Record,
    savepoint: Option<(Savepoint, usize)>,
    /// What it appends while it walks is not seen by the walk.
    walk: Option<Walk>,
    left: u64,
}

/// One client.
pub struct Client {
    lists: Lists,
    habits: Habits,
    random: Random,
    next: Element,
    running: Option<Running>,
    submitted: Vec<(CommitHandle, Record)>,
    pub records: Vec<Record>,
}

impl Client {
    /// The `number`-th client of a history; what it does follows from the seed and from what it
    /// finds.
    pub fn new(lists: &Lists, habits: &Habits, seed: u64, number: u64) -> Client {
        Client {
            lists: lists.clone(),
            habits: habits.clone(),
            random: Random::new(seed.wrapping_mul(1000) + number),
            next: (number + 1) << 32,
            running: None,
            submitted: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Transactions that have ended.
    pub fn ended(&self) -> usize {
        self.records.len() + self.submitted.len()
    }

    /// Goes one step.
    pub fn step(&mut self, clock: &impl Clock) {
        let waiting_max = if self.random.one_in(4) { 0 } else { 3 };
        self.settle(clock, waiting_max);
        let Some(mut running) = self.running.take() else {
            self.running = Some(self.begin(clock));
            return;
        };
        if running.left == 0 {
            self.end(running, clock);
            return;
        }
        running.left -= 1;
        match self.act(&mut running) {
            Ok(()) => self.running = Some(running),
            Err(error) => {
                let kind = error.kind();
                let is_fair = matches!(kind, ErrorKind::Conflict | ErrorKind::Timeout);
                assert!(is_fair, "a transaction fails: {error}");
                let Running { mut record, .. } = running;
                record.outcome = Outcome::Aborted;
                record.ended = clock.tick();
                self.records.push(record);
            }
        }
    }

    /// Ends what is under way, and waits for what was submitted.
    pub fn finish(&mut self, clock: &impl Clock) {
        if let Some(running) = self.running.take() {
            self.end(running, clock);
        }
        self.settle(clock, 0);
    }

    /// Waits for all but `most` of what was submitted.
    fn settle(&mut self, clock: &impl Clock, most: usize) {
        while self.submitted.len() > most {
            let (handle, mut record) = self.submitted.remove(0);
            handle.wait().unwrap();
            record.ended = clock.tick();
            self.records.push(record);
        }
    }

    fn begin(&mut self, clock: &impl Clock) -> Running {
        let isolation = self.random.pick(&self.habits.isolations);
        let options = TransactionOptions::new()
            .isolation(isolation)
            .durability(self.random.pick(&self.habits.durabilities))
            .lock_timeout(self.habits.lock_timeout);
        let began = clock.tick();
        let tx = self.lists.db.begin_with(&options).unwrap();
        let record = Record {
            isolation,
            acts: Vec::new(),
            taken_back: Vec::new(),
            outcome: Outcome::Aborted,
            began,
            ended: 0,
        };
        let left = 1 + self.random.below(self.habits.acts_max);
        Running { tx, record, savepoint: None, walk: None, left }
    }

    fn end(&mut self, mut running: Running, clock: &impl Clock) {
        let walk = running.walk.take();
        running.record.acts.extend(walk.and_then(Walk::act));
        let Running { tx, mut record, savepoint, .. } = running;
        drop(savepoint);
        record.outcome = Outcome::Committed;
        let result = match self.random.below(8) {
            0 => {
                tx.rollback();
                record.outcome = Outcome::Aborted;
                Ok(())
            }
            1..=3 => match tx.submit() {
                Ok(handle) => {
                    self.submitted.push((handle, record));
                    return;
                }
                Err(error) => Err(error),
            },
            _ => tx.commit(),
        };
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Conflict, "a commit fails: {error}");
            record.outcome = Outcome::Aborted;
        }
        record.ended = clock.tick();
        self.records.push(record);
    }

    fn act(&mut self, running: &mut Running) -> Result<()> {
        if let Some(mut walk) = running.walk.take() {
            if walk.is_over || self.random.one_in(5) {
                running.record.acts.extend(walk.act());
            } else {
                walk.step()?;
                running.walk = Some(walk);
                if self.random.one_in(2) {
                    return Ok(());
                }
            }
        }
        let key = self.random.below(u64::from(self.habits.keys)) as Key;
        if self.habits.locks > 0 && self.random.one_in(self.habits.locks) {
            return self.lock(running, key);
        }
        // While a walk is under way, only reads: the walk and the acts would not be in order.
        match self.random.below(8) {
            0..=1 => self.read(running, key),
            2..=4 if running.walk.is_none() => self.append(running, key),
            5..=6 if running.walk.is_none() => self.walk(running, key),
            7 if running.walk.is_none() => self.save_or_roll_back(running),
            _ => self.read(running, key),
        }
    }

    fn read(&mut self, running: &mut Running, key: Key) -> Result<()> {
        let value = running.tx.get(self.lists.keyspace(key), self.lists.key(key))?;
        running.record.acts.push(Act::Read(key, list(&value)));
        Ok(())
    }

    fn append(&mut self, running: &mut Running, key: Key) -> Result<()> {
        let (keyspace, bytes) = (self.lists.keyspace(key), self.lists.key(key));
        let value = running.tx.get(keyspace, bytes)?;
        let mut value = value.as_deref().unwrap_or_default().to_vec();
        running.record.acts.push(Act::Read(key, list(&Some(value.as_slice().into()))));
        self.next += 1;
        value.extend_from_slice(&self.next.to_be_bytes());
        running.tx.put(keyspace, bytes, value)?;
        running.record.acts.push(Act::Append(key, self.next));
        Ok(())
    }

    /// Begins to walk through a range of one keyspace, in either direction.
    fn walk(&mut self, running: &mut Running, key: Key) -> Result<()> {
        let low = key;
        let high = (low + 1 + self.random.below(8) as Key).min(self.habits.keys);
        let range = self.lists.key(low)..self.lists.key(high);
        let iter = running.tx.range(self.lists.keyspace(low), range)?;
        let is_reverse = self.random.one_in(2);
        let found = BTreeMap::new();
        running.walk = Some(Walk { iter, range: (low, high), found, is_reverse, is_over: false });
        Ok(())
    }

    fn lock(&mut self, running: &mut Running, key: Key) -> Result<()> {
        let keyspace = self.lists.keyspace(key);
        if self.random.one_in(3) {
            let high = self.lists.key(key + 1 + self.random.below(4) as Key);
            return running.tx.lock_range(keyspace, self.lists.key(key)..high);
        }
        let value = running.tx.get_for_update(keyspace, self.lists.key(key))?;
        running.record.acts.push(Act::Read(key, list(&value)));
        Ok(())
    }

    /// Marks a savepoint, or takes back what came after it.
    fn save_or_roll_back(&mut self, running: &mut Running) -> Result<()> {
        let Some((savepoint, place)) = running.savepoint.take() else {
            running.savepoint = Some((running.tx.savepoint()?, running.record.acts.len()));
            return Ok(());
        };
        if self.random.one_in(3) {
            return running.tx.release(savepoint);
        }
        running.tx.rollback_to(&savepoint)?;
        // Reads count, unless they saw what is taken back: that is checked at once.
        let taken: Vec<Act> = running.record.acts.split_off(place);
        let mut ghost = running.record.clone();
        ghost.acts.extend(taken.iter().cloned());
        for act in &taken {
            if let Act::Append(key, element) = act {
                running.record.taken_back.push((*key, *element));
            }
        }
        for read in ghost.reads().into_iter().filter(|read| read.place >= place) {
            let own = ghost.own(read.key, read.place);
            let list = read.of_others(&ghost);
            let list = list.unwrap_or_else(|| panic!("{own:?} not in {:?}", read.list));
            let mut list = list.to_vec();
            list.extend(ghost.own(read.key, place));
            let act = if read.is_absence {
                Act::Scan(vec![read.key], BTreeMap::new())
            } else {
                Act::Read(read.key, list)
            };
            running.record.acts.push(act);
        }
        Ok(())
    }
}
