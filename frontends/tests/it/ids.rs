//! Identifiers are never given out twice, and ascend.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cuesta::env::Env;
use cuesta::env::sim::{Crash, SimDisk, SimEnv};
use cuesta::id::{Sequence, Snowflake, SnowflakeOptions, Snowflakes, Ulids, Uuids};
use cuesta::{Database, Durability, ErrorKind, Keyspace, KeyspaceOptions, Result};

/// A database that syncs nothing by itself, in a simulated world.
struct Setup {
    env: Arc<SimEnv>,
    ids: Keyspace,
}

impl Setup {
    fn on(disk: Arc<SimDisk>) -> Setup {
        let env = SimEnv::on(disk, 7);
        let builder = Database::builder().durability(Durability::None).environment(env.clone());
        let db = builder.open("db").unwrap();
        Setup { env, ids: db.keyspace("ids").unwrap() }
    }

    /// The same after power was lost, with the clock where it was when the world began.
    fn crash(self) -> Setup {
        let disk = self.env.disk().clone();
        self.env.kill();
        drop(self.ids);
        Setup::on(disk.crash_image(disk.op_count(), Crash::LoseUnsynced))
    }
}

/// What gives out something that is ordered.
type Giver = Box<dyn Fn() -> Result<u128>>;

fn givers(ids: &Keyspace) -> Vec<(&'static str, Giver)> {
    let sequence = Sequence::reserving(ids, "sequence", 10).unwrap();
    let snowflakes = Snowflakes::open(ids, "snowflakes", SnowflakeOptions::new().node(5)).unwrap();
    let uuids = Uuids::open(ids, "uuids").unwrap();
    let ulids = Ulids::open(ids, "ulids").unwrap();
    vec![
        ("sequence", Box::new(move || sequence.give().map(u128::from))),
        ("snowflakes", Box::new(move || snowflakes.give().map(u128::from))),
        ("uuids", Box::new(move || uuids.give().map(|uuid| uuid.as_u128()))),
        ("ulids", Box::new(move || ulids.give().map(|ulid| ulid.0))),
    ]
}

#[test]
fn identifiers_ascend_through_crashes_and_steps_back_of_the_clock() {
    for which in 0..4 {
        let mut setup = Setup::on(SimDisk::new());
        let mut last = 0;
        for round in 0..6u64 {
            let (name, giver) = givers(&setup.ids).swap_remove(which);
            for i in 0..200 {
                let next = giver().unwrap();
                assert!(next > last, "{name}: {next:#x} after {last:#x}, round {round}");
                last = next;
                if i % 50 == 0 {
                    setup.env.advance(Duration::from_millis(900 * round));
                }
            }
            drop(giver);
            setup = setup.crash();
        }
    }
}

#[test]
fn generators_of_one_key_never_give_the_same() {
    let setup = Setup::on(SimDisk::new());
    for which in 0..4 {
        let pair = [givers(&setup.ids).swap_remove(which), givers(&setup.ids).swap_remove(which)];
        let mut seen = BTreeSet::new();
        for i in 0..2000 {
            let (name, giver) = &pair[i % 2];
            assert!(seen.insert(giver().unwrap()), "{name} gave one twice");
        }
    }
}

#[test]
fn threads_share_a_generator() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path()).unwrap();
    let snowflakes =
        Snowflakes::open(&db.keyspace("ids").unwrap(), "s", SnowflakeOptions::new()).unwrap();
    let all: BTreeSet<u64> = std::thread::scope(|scope| {
        let make = || (0..5000).map(|_| snowflakes.give().unwrap()).collect::<Vec<u64>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(all.len(), 20_000);
}

#[test]
fn a_closed_sequence_leaves_no_gap() {
    let setup = Setup::on(SimDisk::new());
    let first = Sequence::open(&setup.ids, "n").unwrap();
    assert_eq!(first.take(3).unwrap(), 1..4);
    first.close().unwrap();
    let second = Sequence::open(&setup.ids, "n").unwrap();
    assert_eq!((second.give().unwrap(), second.give().unwrap()), (4, 5));
    let third = Sequence::open(&setup.ids, "n").unwrap();
    assert_eq!(third.give().unwrap(), 1004);
    second.close().unwrap();
    let fourth = Sequence::open(&setup.ids, "n").unwrap();
    assert_eq!(fourth.take(5000).unwrap(), 2004..7004, "others have reserved since");
}

#[test]
fn identifiers_say_what_their_standards_say() {
    let setup = Setup::on(SimDisk::new());
    let wall_ms = setup.env.wall_ms();
    let options = SnowflakeOptions::new().node(1023).epoch_ms(1000);
    let snowflakes = Snowflakes::open(&setup.ids, "s", options).unwrap();
    for count in 0..4096 {
        let parts = Snowflake::of(snowflakes.give().unwrap()).unwrap();
        assert_eq!(parts, Snowflake { ms: wall_ms - 1000, node: 1023, count });
    }
    let number = snowflakes.give().unwrap();
    let next = Snowflake::of(number).unwrap();
    assert_eq!(snowflakes.time_ms(number).unwrap() - snowflakes.time_ms(0).unwrap(), next.ms);
    assert_eq!((next.ms, next.count), (wall_ms - 999, 0), "the millisecond was full");

    let uuid = Uuids::open(&setup.ids, "u").unwrap().give().unwrap();
    assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122));
    assert_eq!((uuid.as_u128() >> 80) as u64, wall_ms);
    let ulid = Ulids::open(&setup.ids, "l").unwrap().give().unwrap();
    assert_eq!((ulid.timestamp_ms(), ulid.to_string().len()), (wall_ms, 26));
}

#[test]
fn what_cannot_be_is_refused() {
    let setup = Setup::on(SimDisk::new());
    let kind = |result: Result<u64>| result.unwrap_err().kind();
    setup.ids.put("other", "data").unwrap();
    let opened = Sequence::open(&setup.ids, "other");
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Invalid);
    let zero = Sequence::reserving(&setup.ids, "s", 0);
    assert_eq!(zero.unwrap_err().kind(), ErrorKind::Invalid);
    let node = Snowflakes::open(&setup.ids, "s", SnowflakeOptions::new().node(1024));
    assert_eq!(node.unwrap_err().kind(), ErrorKind::Invalid);
    let future = SnowflakeOptions::new().epoch_ms(u64::MAX);
    let future = Snowflakes::open(&setup.ids, "a", future).unwrap();
    assert_eq!(kind(future.give()), ErrorKind::Invalid);
    let past = Snowflakes::open(&setup.ids, "b", SnowflakeOptions::new().epoch_ms(0)).unwrap();
    setup.env.advance(Duration::from_millis(1 << 41));
    assert_eq!(kind(past.give()), ErrorKind::Full);

    let mark = [&b"uid\x01\x01"[..], &(u64::MAX - 1).to_le_bytes()].concat();
    setup.ids.put("end", mark).unwrap();
    let end = Sequence::open(&setup.ids, "end").unwrap();
    assert_eq!(kind(end.give()), ErrorKind::Full);
    assert_eq!(kind(end.take(u64::MAX).map(|range| range.start)), ErrorKind::Full);
}

#[test]
fn nothing_is_given_out_twice_in_a_keyspace_whose_values_expire() {
    let env = SimEnv::new(5);
    let second = Duration::from_secs(1);
    let open = || Database::builder().environment(env.clone()).open("db").unwrap();
    let db = open();
    let ids = db.keyspace_with("ids", &KeyspaceOptions::new().ttl(second)).unwrap();
    let sequence = Sequence::open(&ids, "orders").unwrap();
    let last = sequence.take(10).unwrap().end;
    drop((sequence, ids));
    db.close().unwrap();
    env.advance(second * 10);
    let db = open();
    let sequence = Sequence::open(&db.keyspace("ids").unwrap(), "orders").unwrap();
    assert!(sequence.give().unwrap() >= last);
}

#[test]
fn generators_that_come_and_go_do_not_run_away_from_the_time() {
    let env = SimEnv::new(6);
    let db = Database::builder().environment(env.clone()).open("db").unwrap();
    let ids = db.keyspace("ids").unwrap();
    let (mut ulid, mut uuid, mut snowflake) = Default::default();
    for _ in 0..50 {
        let ulids = Ulids::open(&ids, "ulids").unwrap();
        let uuids = Uuids::open(&ids, "uuids").unwrap();
        let snowflakes = Snowflakes::open(&ids, "snowflakes", SnowflakeOptions::new().epoch_ms(0));
        let snowflakes = snowflakes.unwrap();
        let given = (ulids.give().unwrap(), uuids.give().unwrap(), snowflakes.give().unwrap());
        assert!(given.0 > ulid && given.1 > uuid && given.2 > snowflake);
        (ulid, uuid, snowflake) = given;
        ulids.close().unwrap();
        uuids.close().unwrap();
        snowflakes.close().unwrap();
        env.advance(Duration::from_millis(10));
    }
    let latest = env.wall_ms() + 10;
    assert!(ulid.timestamp_ms() < latest, "{} after {latest}", ulid.timestamp_ms());
    assert!(uuid.get_timestamp().unwrap().to_unix().0 <= latest / 1000);
    assert!(Snowflake::of(snowflake).unwrap().ms < latest);
}

#[test]
fn a_key_belongs_to_one_kind_of_generator() {
    let setup = Setup::on(SimDisk::new());
    let ids = &setup.ids;
    let open = |kind: usize, key: &str| -> Result<Giver> {
        let early = SnowflakeOptions::new().epoch_ms(1_000_000_000_000);
        Ok(match kind {
            0 => Sequence::open(ids, key)
                .map(|it| -> Giver { Box::new(move || it.give().map(u128::from)) })?,
            1 => Snowflakes::open(ids, key, SnowflakeOptions::new())
                .map(|it| -> Giver { Box::new(move || it.give().map(u128::from)) })?,
            2 => Snowflakes::open(ids, key, early)
                .map(|it| -> Giver { Box::new(move || it.give().map(u128::from)) })?,
            3 => Uuids::open(ids, key)
                .map(|it| -> Giver { Box::new(move || it.give().map(|id| id.as_u128())) })?,
            _ => Ulids::open(ids, key)
                .map(|it| -> Giver { Box::new(move || it.give().map(|id| id.0)) })?,
        })
    };
    for (first, second) in (0..5).flat_map(|a| (0..5).map(move |b| (a, b))) {
        let key = format!("{first} {second}");
        // Opened before there is a mark, and after.
        let (early, giver) = (open(second, &key).unwrap(), open(first, &key).unwrap());
        giver().unwrap();
        let late = open(second, &key).and_then(|giver| giver());
        for result in [early(), late] {
            match first == second {
                true => drop(result.unwrap()),
                false => {
                    let error = result.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Invalid);
                    assert!(error.message().contains("the mark of a generator of"), "{error}");
                }
            }
        }
    }
    ids.put("number", 7u64.to_le_bytes()).unwrap();
    assert_eq!(open(0, "number").err().unwrap().kind(), ErrorKind::Invalid);
}

#[test]
fn a_number_of_64_bits_is_no_snowflake() {
    for number in [1 << 63, 9_999_999_999_999_999_999, u64::MAX] {
        assert_eq!(Snowflake::of(number).unwrap_err().kind(), ErrorKind::Invalid);
        assert!(SnowflakeOptions::new().time_ms(number).is_err());
    }
    assert_eq!(Snowflake::of((1 << 63) - 1).unwrap().count, 4095);
}
