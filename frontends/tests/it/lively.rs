//! Values that expire and values that merge, against a model, while a simulated clock goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cuesta::env::Env;
use cuesta::env::sim::{Fault, FaultRule, OpKind, SimEnv};
use cuesta::{
    Database, Durability, ErrorKind, Expiry, Keyspace, KeyspaceOptions, MergeOperator, Snapshot,
};
use proptest::prelude::*;

/// Turns a key on and off.
struct Toggle;

impl MergeOperator for Toggle {
    fn name(&self) -> &str {
        "toggle"
    }

    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> cuesta::Result<Option<Vec<u8>>> {
        let odd = operands.len() % 2 == 1;
        Ok((base.is_some() != odd).then(|| match (base, operands) {
            (Some(base), []) => base.to_vec(),
            _ => b"on".to_vec(),
        }))
    }
}

/// Merge operator and time to live of each keyspace.
const SPACES: [(&str, u64); 6] =
    [("add", 0), ("add", 20), ("append", 0), ("toggle", 0), ("toggle", 9), ("", 15)];

#[derive(Clone, Debug)]
enum Change {
    Put(i64),
    PutFor(i64, u64),
    Delete,
    /// Of so many keys from the one named.
    DeleteRange(u8),
    Merge(i64),
}

#[derive(Clone, Debug)]
struct Write {
    space: usize,
    key: u8,
    change: Change,
}

#[derive(Clone, Debug)]
enum Op {
    Write(Write),
    Batch(Vec<Write>),
    Transact(Vec<Write>),
    /// A merge many times.
    Again(usize, u8, usize),
    Pass(u64),
    Snapshot,
    Forget,
    Flush,
    Compact,
    Settle,
    Reopen,
}

fn write() -> impl Strategy<Value = Write> {
    let change = prop_oneof![
        2 => (-5i64..5).prop_map(Change::Put),
        3 => (-5i64..5, 0u64..40).prop_map(|(n, ttl)| Change::PutFor(n, ttl)),
        1 => Just(Change::Delete),
        1 => (1u8..4).prop_map(Change::DeleteRange),
        6 => (-5i64..5).prop_map(Change::Merge),
    ];
    (0..SPACES.len(), 0u8..5, change).prop_map(|(space, key, change)| Write { space, key, change })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => write().prop_map(Op::Write),
        4 => prop::collection::vec(write(), 1..6).prop_map(Op::Batch),
        2 => prop::collection::vec(write(), 1..6).prop_map(Op::Transact),
        1 => (0..5usize, 0u8..5, 1usize..60).prop_map(|(s, k, n)| Op::Again(s, k, n)),
        6 => (1u64..15).prop_map(Op::Pass),
        2 => Just(Op::Snapshot),
        1 => Just(Op::Forget),
        4 => Just(Op::Flush),
        2 => Just(Op::Compact),
        1 => Just(Op::Settle),
        1 => Just(Op::Reopen),
    ]
}

type Entries = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;
type Model = [Entries; SPACES.len()];

/// One write, by the words of the documentation.
fn apply(model: &mut Model, write: &Write, clock_ms: u64) {
    let (operator, ttl_ms) = SPACES[write.space];
    let key = vec![b'k', write.key];
    let entries = &mut model[write.space];
    if let Change::DeleteRange(count) = write.change {
        entries.retain(|key, _| !(write.key..write.key + count).contains(&key[1]));
        return;
    }
    let renewed = (ttl_ms > 0).then(|| clock_ms + ttl_ms);
    let found =
        entries.remove(&key).filter(|(_, expiry)| expiry.is_none_or(|expiry| expiry > clock_ms));
    let next = match &write.change {
        Change::Put(n) => Some((n.to_le_bytes().to_vec(), renewed)),
        Change::PutFor(n, ttl) => Some((n.to_le_bytes().to_vec(), Some(clock_ms + ttl))),
        Change::Delete | Change::DeleteRange(_) => None,
        Change::Merge(_) if operator.is_empty() => found,
        Change::Merge(n) => {
            let operand = n.to_le_bytes();
            let (base, kept) = found.map_or((None, None), |(value, expiry)| (Some(value), expiry));
            let value = match operator {
                "add" => {
                    let base = base.map_or(0, |base| i64::from_le_bytes(base.try_into().unwrap()));
                    Some((base + n).to_le_bytes().to_vec())
                }
                "append" => Some([base.unwrap_or_default(), operand.to_vec()].concat()),
                _ => base.is_none().then(|| b"on".to_vec()),
            };
            value.map(|value| (value, renewed.or(kept)))
        }
    };
    entries.extend(next.map(|next| (key, next)));
}

struct World {
    env: Arc<SimEnv>,
    db: Option<Database>,
    spaces: Vec<Keyspace>,
    model: Model,
    snapshots: Vec<(Snapshot, Model, u64)>,
}

impl World {
    fn new(seed: u64) -> World {
        let model = Model::default();
        let (env, snapshots) = (SimEnv::new(seed), Vec::new());
        let mut world = World { env, db: None, spaces: Vec::new(), model, snapshots };
        world.open();
        world
    }

    fn open(&mut self) {
        let db = Database::builder()
            .environment(self.env.clone())
            .durability(Durability::Buffered)
            .merge_operator(Arc::new(Toggle))
            .memory_budget(1 << 20)
            .engine_options(|options| {
                options.memtable_limit = Some(4 << 10);
                options.close_flush_bytes = 1 << 20;
            })
            .open("db")
            .unwrap();
        let space = |(number, (operator, ttl)): (usize, &(&str, u64))| {
            let options = KeyspaceOptions::new()
                .merge_operator(operator)
                .ttl(Duration::from_millis(*ttl))
                .block_bytes(256);
            db.keyspace_with(&format!("space {number}"), &options).unwrap()
        };
        self.spaces = SPACES.iter().enumerate().map(space).collect();
        self.db = Some(db);
    }

    fn db(&self) -> &Database {
        self.db.as_ref().unwrap()
    }

    /// Goes to the beginning of a millisecond, which lasts for many calls.
    fn clock_ms(&self) -> u64 {
        let into = self.env.now().as_micros() as u64 % 1000;
        self.env.advance(Duration::from_micros(1001 - into));
        self.env.wall_ms()
    }

    fn write(&mut self, write: &Write) {
        let clock_ms = self.clock_ms();
        let (space, key) = (&self.spaces[write.space], [b'k', write.key]);
        let written = match &write.change {
            Change::Put(n) => space.put(key, n.to_le_bytes()),
            Change::PutFor(n, ttl) => {
                space.put_with_ttl(key, n.to_le_bytes(), Duration::from_millis(*ttl))
            }
            Change::Delete => space.delete(key),
            Change::DeleteRange(count) => space.delete_range(key..[b'k', write.key + count]),
            Change::Merge(n) => space.merge(key, n.to_le_bytes()),
        };
        match written {
            Ok(()) => apply(&mut self.model, write, clock_ms),
            Err(error) => assert!(
                error.kind() == ErrorKind::Invalid && SPACES[write.space].0.is_empty(),
                "{error}"
            ),
        }
        assert_eq!(self.env.wall_ms(), clock_ms, "a call that took long");
    }

    fn batch(&mut self, writes: &[Write]) {
        let clock_ms = self.clock_ms();
        let mut batch = self.db().batch();
        let (mut next, mut fits) = (self.model.clone(), true);
        for write in writes {
            let (space, key) = (&self.spaces[write.space], [b'k', write.key]);
            let added = match &write.change {
                Change::Put(n) => batch.put(space, key, n.to_le_bytes()),
                Change::PutFor(n, ttl) => {
                    batch.put_with_ttl(space, key, n.to_le_bytes(), Duration::from_millis(*ttl))
                }
                Change::Delete => batch.delete(space, key),
                Change::DeleteRange(count) => {
                    batch.delete_range(space, key..[b'k', write.key + count])
                }
                Change::Merge(n) => batch.merge(space, key, n.to_le_bytes()),
            };
            fits &= added.is_ok() || SPACES[write.space].0.is_empty();
            if added.is_ok() {
                apply(&mut next, write, clock_ms);
            }
        }
        assert!(fits);
        batch.commit().unwrap();
        assert_eq!(self.env.wall_ms(), clock_ms, "a call that took long");
        self.model = next;
    }

    fn transact(&mut self, writes: &[Write]) {
        let clock_ms = self.clock_ms();
        let tx = self.db().begin().unwrap();
        let mut next = self.model.clone();
        for write in writes {
            let (space, key) = (&self.spaces[write.space], [b'k', write.key]);
            let added = match &write.change {
                Change::Put(n) => tx.put(space, key, n.to_le_bytes()),
                Change::PutFor(n, ttl) => {
                    tx.put_with_ttl(space, key, n.to_le_bytes(), Duration::from_millis(*ttl))
                }
                Change::Delete => tx.delete(space, key),
                Change::DeleteRange(count) => {
                    tx.delete_range(space, key..[b'k', write.key + count])
                }
                Change::Merge(n) => tx.merge(space, key, n.to_le_bytes()),
            };
            if added.is_ok() {
                apply(&mut next, write, clock_ms);
            }
            let found = tx.get(space, key).unwrap();
            let expected = living(&next[write.space], clock_ms).remove(&key[..]);
            assert_eq!(found.map(|v| v.to_vec()), expected.map(|(value, _)| value));
        }
        tx.commit().unwrap();
        assert_eq!(self.env.wall_ms(), clock_ms, "a call that took long");
        self.model = next;
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Write(write) => self.write(write),
            Op::Batch(writes) => self.batch(writes),
            Op::Transact(writes) => self.transact(writes),
            Op::Again(space, key, count) => {
                for n in 0..*count {
                    let change = Change::Merge(n as i64);
                    self.write(&Write { space: *space, key: *key, change });
                }
            }
            Op::Pass(ms) => self.env.advance(Duration::from_millis(*ms)),
            Op::Snapshot => {
                let clock_ms = self.clock_ms();
                let snapshot = self.db().snapshot();
                self.snapshots.push((snapshot, self.model.clone(), clock_ms));
            }
            Op::Forget => drop(self.snapshots.pop()),
            Op::Flush => self.db().flush().unwrap(),
            Op::Compact => self.db().compact().unwrap(),
            Op::Settle => self.db().settle().unwrap(),
            Op::Reopen => {
                self.snapshots.clear();
                self.spaces.clear();
                self.db.take().unwrap().close().unwrap();
                self.open();
            }
        }
    }

    fn check(&self) {
        let clock_ms = self.clock_ms();
        for (number, space) in self.spaces.iter().enumerate() {
            let expected = living(&self.model[number], clock_ms);
            check(&self.db().snapshot(), space, &expected, clock_ms);
            for key in 0u8..6 {
                let key = [b'k', key];
                let expected = expected.get(&key[..]);
                let value = space.get(key).unwrap().map(|value| value.to_vec());
                assert_eq!(value, expected.map(|(value, _)| value.clone()), "{space:?} {key:?}");
                assert_eq!(space.contains(key).unwrap(), expected.is_some());
                let left = expected.map(|(_, expiry)| left(*expiry, clock_ms));
                assert_eq!(space.expiry(key).unwrap(), left);
            }
        }
        for (snapshot, model, clock_ms) in &self.snapshots {
            for (number, space) in self.spaces.iter().enumerate() {
                check(snapshot, space, &living(&model[number], *clock_ms), *clock_ms);
            }
        }
    }
}

fn living(entries: &Entries, clock_ms: u64) -> Entries {
    let mut living = entries.clone();
    living.retain(|_, (_, expiry)| expiry.is_none_or(|expiry| expiry > clock_ms));
    living
}

/// Background work finds nothing to do, however often time goes on by so much.
fn assert_idle(env: &Arc<SimEnv>, times: usize, each: Duration) {
    let steps = env.steps();
    for _ in 0..times {
        env.advance(each);
        env.run_until_idle();
    }
    assert!(env.steps() - steps < 20, "{} steps for nothing", env.steps() - steps);
}

fn left(expiry: Option<u64>, clock_ms: u64) -> Expiry {
    expiry.map_or(Expiry::Never, |at| Expiry::In(Duration::from_millis(at - clock_ms)))
}

/// What a snapshot shows, from both sides and key by key.
fn check(snapshot: &Snapshot, space: &Keyspace, expected: &Entries, clock_ms: u64) {
    let values: Vec<(Vec<u8>, Vec<u8>)> =
        expected.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect();
    let entry = |entry: cuesta::Result<(Vec<u8>, cuesta::Value)>| {
        entry.map(|(key, value)| (key, value.to_vec())).unwrap()
    };
    let forwards: Vec<_> = snapshot.iter(space).unwrap().map(entry).collect();
    assert_eq!(forwards, values, "{space:?} forwards");
    let mut backwards: Vec<_> = snapshot.iter(space).unwrap().rev().map(entry).collect();
    backwards.reverse();
    assert_eq!(backwards, values, "{space:?} backwards");
    let mut cursor = snapshot.cursor::<&[u8]>(space, ..).unwrap();
    for (key, value) in &values {
        assert!(cursor.next().unwrap() && cursor.key() == key && cursor.value() == value);
        assert!(cursor.next().unwrap() == (values.last() != Some(&(key.clone(), value.clone()))));
        assert!(cursor.prev().unwrap() && cursor.key() == key && cursor.value() == value);
    }
    for (key, (value, expiry)) in expected {
        assert_eq!(snapshot.get(space, key).unwrap().unwrap(), *value);
        assert_eq!(snapshot.expiry(space, key).unwrap(), Some(left(*expiry, clock_ms)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_expires_and_what_merges_is_as_the_model_has_it(
        seed in any::<u64>(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut world = World::new(seed);
        for op in &ops {
            world.op(op);
            world.check();
        }
        let report = world.db().verify().unwrap();
        prop_assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
}

#[test]
fn a_keyspace_whose_operator_is_not_registered_loses_nothing() {
    let env = SimEnv::new(3);
    let builder = || Database::builder().environment(env.clone());
    let db = builder().merge_operator(Arc::new(Toggle)).open("db").unwrap();
    let space = db.keyspace_with("s", &KeyspaceOptions::new().merge_operator("toggle")).unwrap();
    space.merge("on", "").unwrap();
    db.flush().unwrap();
    space.merge("off", "").unwrap();
    space.merge("off", "").unwrap();
    space.put("plain", "value").unwrap();
    drop(space);
    db.close().unwrap();

    let db = builder().open("db").unwrap();
    let space = db.existing_keyspace("s").unwrap();
    // It was merged before it was written to a segment.
    assert_eq!(space.get("on").unwrap().unwrap(), "on");
    let error = space.get("off").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("\"toggle\""), "{error}");
    assert_eq!(space.get("plain").unwrap().unwrap(), "value");
    assert_eq!(space.merge("on", "").unwrap_err().kind(), ErrorKind::Unsupported);
    let other = KeyspaceOptions::new().merge_operator("toggle");
    assert_eq!(db.keyspace_with("t", &other).unwrap_err().kind(), ErrorKind::Unsupported);
    db.compact().unwrap();
    assert_eq!(space.get("off").unwrap_err().kind(), ErrorKind::Unsupported);
    drop(space);
    db.close().unwrap();

    let db = builder().merge_operator(Arc::new(Toggle)).open("db").unwrap();
    let space = db.existing_keyspace("s").unwrap();
    assert_eq!(space.get("on").unwrap().unwrap(), "on");
    assert_eq!(space.get("off").unwrap(), None);
}

#[test]
fn a_value_that_an_operand_does_not_fit_is_named_and_kept() {
    let db = Database::builder().environment(SimEnv::new(4)).open("db").unwrap();
    let space = db.keyspace_with("s", &KeyspaceOptions::new().merge_operator("add")).unwrap();
    space.put("word", "abc").unwrap();
    space.merge("word", 1i64.to_le_bytes()).unwrap();
    assert_eq!(space.merge("word", "12").unwrap_err().kind(), ErrorKind::Invalid);
    for _ in 0..2 {
        let error = space.get("word").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("key word"), "{error}");
        assert!(space.iter().unwrap().next().unwrap().is_err());
        db.compact().unwrap();
    }
    space.put("word", 4i64.to_le_bytes()).unwrap();
    space.merge("word", 1i64.to_le_bytes()).unwrap();
    assert_eq!(space.get("word").unwrap().unwrap(), 5i64.to_le_bytes());
    let mut batch = db.batch();
    batch.put(&space, "other", "abc").unwrap();
    batch.merge(&space, "other", 1i64.to_le_bytes()).unwrap();
    assert_eq!(batch.commit().unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn segments_in_which_everything_has_expired_go_unread() {
    let env = SimEnv::new(5);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let space = db.keyspace_with("s", &crate::lsm().ttl(Duration::from_secs(60))).unwrap();
    for n in 0..200u32 {
        space.put(n.to_be_bytes(), [7; 100]).unwrap();
    }
    db.flush().unwrap();
    let read = || db.stats().counters.iter().find(|(name, _)| *name == "merge_read_bytes").copied();
    let before = read();
    assert!(before.is_some() && db.stats().keyspaces[0].segment_bytes > 0);
    env.advance(Duration::from_secs(61));
    assert_eq!(space.iter().unwrap().count(), 0);
    db.compact().unwrap();
    db.settle().unwrap();
    assert_eq!(db.stats().keyspaces[0].segment_bytes, 0);
    assert_eq!(read(), before);
}

/// Bytes of segments after many counters were begun, each for a second, and never read again.
fn bytes_left_of_counters(key_of: impl Fn(u32) -> u32) -> u64 {
    let env = SimEnv::new(9);
    let db = Database::builder()
        .environment(env.clone())
        .durability(Durability::Buffered)
        .memory_budget(1 << 20)
        .engine_options(|options| options.memtable_limit = Some(16 << 10))
        .open("db")
        .unwrap();
    let options = KeyspaceOptions::new().merge_operator("add").ttl(Duration::from_secs(1));
    let space = db.keyspace_with("s", &options).unwrap();
    for second in 0..100 {
        for n in 0..200 {
            let key = key_of(second * 200 + n).to_be_bytes();
            space.merge([&key[..], &[b'.'; 40]].concat(), 1i64.to_le_bytes()).unwrap();
        }
        env.advance(Duration::from_secs(1));
    }
    db.settle().unwrap();
    assert!(space.iter().unwrap().count() <= 200);
    assert!(db.verify().unwrap().is_sound());
    db.stats().keyspaces[0].segment_bytes
}

#[test]
fn space_of_expired_counters_comes_back_while_others_are_added_to() {
    let bytes = bytes_left_of_counters(|n| n);
    assert!(bytes < 100_000, "{bytes} bytes of counters in ascending order");
    let bytes = bytes_left_of_counters(|n| n.wrapping_mul(2_654_435_769));
    assert!(bytes < 100_000, "{bytes} bytes of scattered counters");
}

#[test]
fn a_counter_that_is_added_to_often_stays_one_number() {
    let db = Database::builder().environment(SimEnv::new(6)).open("db").unwrap();
    let space = db.keyspace_with("s", &KeyspaceOptions::new().merge_operator("add")).unwrap();
    for _ in 0..5 {
        let mut batch = db.batch();
        for _ in 0..2000 {
            batch.merge(&space, "n", 1i64.to_le_bytes()).unwrap();
        }
        batch.commit().unwrap();
    }
    let before = db.snapshot();
    for n in 0..2000 {
        let mut batch = db.batch();
        batch.durability(Durability::Buffered);
        batch.merge(&space, "n", 1i64.to_le_bytes()).unwrap();
        batch.commit().unwrap();
        if n == 1000 {
            assert_eq!(before.get(&space, "n").unwrap().unwrap(), 10_000i64.to_le_bytes());
        }
    }
    assert_eq!(space.get("n").unwrap().unwrap(), 12_000i64.to_le_bytes());
    assert_eq!(before.get(&space, "n").unwrap().unwrap(), 10_000i64.to_le_bytes());
}

#[test]
fn long_values_grow_by_small_operands_in_memory_and_beyond() {
    let db = Database::builder().environment(SimEnv::new(7)).open("db").unwrap();
    let space = db.keyspace_with("s", &KeyspaceOptions::new().merge_operator("append")).unwrap();
    let mut expected = vec![b'x'; 5000];
    space.put("log", &expected).unwrap();
    for n in 0..3000u32 {
        let mut batch = db.batch();
        batch.durability(Durability::Buffered);
        batch.merge(&space, "log", n.to_be_bytes()).unwrap();
        batch.commit().unwrap();
        expected.extend(n.to_be_bytes());
        if n % 500 == 250 {
            assert_eq!(space.get("log").unwrap().unwrap(), expected);
        }
        if n == 1500 {
            db.flush().unwrap();
        }
    }
    assert_eq!(space.get("log").unwrap().unwrap(), expected);
    db.compact().unwrap();
    assert_eq!(space.get("log").unwrap().unwrap(), expected);
}

#[test]
fn blind_merges_do_not_make_serializable_transactions_fail() {
    let db = Database::builder().environment(SimEnv::new(8)).open("db").unwrap();
    let space = db.keyspace_with("s", &KeyspaceOptions::new().merge_operator("add")).unwrap();
    let (one, two) = (db.begin().unwrap(), db.begin().unwrap());
    one.merge(&space, "n", 1i64.to_le_bytes()).unwrap();
    two.merge(&space, "n", 2i64.to_le_bytes()).unwrap();
    one.commit().unwrap();
    two.commit().unwrap();
    assert_eq!(space.get("n").unwrap().unwrap(), 3i64.to_le_bytes());

    // What is merged with something of the view has read it.
    let three = db.begin().unwrap();
    three.merge(&space, "n", 1i64.to_le_bytes()).unwrap();
    assert_eq!(three.get(&space, "n").unwrap().unwrap(), 4i64.to_le_bytes());
    space.merge("n", 1i64.to_le_bytes()).unwrap();
    assert_eq!(three.commit().unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn an_idle_database_gives_back_the_space_of_what_has_expired() {
    let env = SimEnv::new(5);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let space = db.keyspace("s").unwrap();
    let put = |from: u32, ttl: u64| {
        for key in from..from + 1000 {
            space.put_with_ttl(key.to_be_bytes(), [7; 100], Duration::from_secs(ttl)).unwrap();
        }
        db.flush().unwrap();
    };
    put(0, 100);
    put(1000, 200);
    db.settle().unwrap();
    let entries = || db.stats().keyspaces.iter().map(|keyspace| keyspace.entries).sum::<u64>();
    assert_eq!(entries(), 2000);
    for (passed, left) in [(90, 2000), (30, 1000), (60, 1000), (30, 0)] {
        env.advance(Duration::from_secs(passed));
        env.run_until_idle();
        assert_eq!(entries(), left, "{passed} s later");
    }
    // With nothing left that expires, nothing wakes anybody.
    let steps = env.steps();
    env.advance(Duration::from_secs(1_000_000));
    env.run_until_idle();
    assert!(env.steps() - steps < 10, "{} steps for nothing", env.steps() - steps);
}

/// What is left of a thousand values an hour after they have expired, where `meddle` came to the
/// keyspace before they did, and nothing was written since.
fn left_an_hour_later(meddle: impl Fn(&Keyspace)) -> u64 {
    let env = SimEnv::new(5);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let space = db.keyspace_with("s", &KeyspaceOptions::new().merge_operator("add")).unwrap();
    for key in 0..1000u32 {
        space.put_with_ttl(key.to_be_bytes(), 1i64.to_le_bytes(), Duration::from_secs(60)).unwrap();
    }
    db.flush().unwrap();
    meddle(&space);
    env.run_until_idle();
    let entries = || db.stats().keyspaces[0].entries;
    assert_eq!(entries(), 1000);
    env.advance(Duration::from_secs(3600));
    env.run_until_idle();
    assert!(space.get("n").unwrap().is_none_or(|n| n == 3i64.to_le_bytes()));
    let left = entries();
    // Once is enough, whatever else comes.
    space.merge("n", 1i64.to_le_bytes()).unwrap();
    env.advance(Duration::from_secs(3600));
    env.run_until_idle();
    assert_eq!(entries(), left);
    left
}

#[test]
fn operands_in_memory_do_not_keep_the_space_of_what_has_expired() {
    assert_eq!(left_an_hour_later(|_| ()), 0);
    assert_eq!(left_an_hour_later(|space| space.merge("n", 3i64.to_le_bytes()).unwrap()), 1);
}

#[test]
fn operands_that_a_snapshot_keeps_are_not_written_in_vain_nor_forgotten() {
    let env = SimEnv::new(7);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let space = db.keyspace_with("s", &KeyspaceOptions::new().merge_operator("add")).unwrap();
    for key in 0..1000u32 {
        space.put_with_ttl(key.to_be_bytes(), 1i64.to_le_bytes(), Duration::from_secs(60)).unwrap();
    }
    db.flush().unwrap();
    space.merge("n", 3i64.to_le_bytes()).unwrap();
    let snapshot = db.snapshot();
    let (entries, flushes) =
        (|| db.stats().keyspaces[0].entries, || db.stats().get("flushes").unwrap());
    let (before, steps) = (flushes(), env.steps());
    for _ in 0..60 {
        env.advance(Duration::from_secs(60));
        env.run_until_idle();
    }
    assert_eq!((entries(), flushes()), (1000, before));
    assert!(env.steps() - steps < 300, "{} steps for nothing", env.steps() - steps);
    drop(snapshot);
    env.advance(Duration::from_secs(120));
    env.run_until_idle();
    assert_eq!((entries(), flushes()), (1, before + 1));
    assert_idle(&env, 60, Duration::from_secs(60));
}

#[test]
fn nothing_wakes_for_what_expires_where_nothing_is_merged_any_more() {
    let env = SimEnv::new(6);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let space = db.keyspace("s").unwrap();
    for key in 0..1000u32 {
        space.put_with_ttl(key.to_be_bytes(), [7; 100], Duration::from_secs(100)).unwrap();
    }
    db.flush().unwrap();
    db.settle().unwrap();
    env.disk().inject(FaultRule::nth(1, OpKind::Sync, Fault::SyncFailPagesDropped));
    assert_eq!(space.put("k", "v").unwrap_err().kind(), ErrorKind::Poisoned);
    assert_idle(&env, 200, Duration::from_secs(2));
}

#[test]
fn a_value_that_lives_is_read_once_whatever_is_committed_meanwhile() {
    let env = SimEnv::new(10);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let options = KeyspaceOptions::new().merge_operator("append");
    let (space, other) = (db.keyspace_with("s", &options).unwrap(), db.keyspace("other").unwrap());
    space.put_with_ttl("value", "abc", Duration::from_secs(10)).unwrap();
    space.put_with_ttl("sum", "ab", Duration::from_secs(10)).unwrap();
    space.merge("sum", "c").unwrap();
    for stored in ["in memory", "in segments"] {
        for key in ["value", "sum"] {
            let mut asked = 0;
            let read = space.get_with(key, |value| {
                asked += 1;
                env.advance(Duration::from_millis(1));
                other.put("key", "value").unwrap();
                value == b"abc"
            });
            assert_eq!((read.unwrap(), asked), (Some(true), 1), "{key} {stored}");
        }
        db.flush().unwrap();
    }
    assert_eq!(space.expiry("value").unwrap(), Some(Expiry::In(Duration::from_millis(9996))));
    env.advance(Duration::from_secs(10));
    assert_eq!(space.expiry("value").unwrap(), None);
    assert_eq!(space.get("sum").unwrap(), None);
}
