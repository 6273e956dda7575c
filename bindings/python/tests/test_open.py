"""Opening, closing, opening again."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cuesta


@pytest.mark.parametrize("kind", [str, Path])
def test_a_database_is_created_and_opened_again(path, kind):
    with cuesta.open(kind(path)) as db:
        assert db.recovery().created
        db.keyspace("things")[b"key"] = b"value"
    with cuesta.open(kind(path)) as db:
        assert not db.recovery().created and db.recovery().closed
        assert db.keyspaces() == ["things"]
        assert db.keyspace("things")[b"key"] == b"value"


def test_what_was_flushed_or_not_is_there_again(path):
    expected = {}
    for round in range(4):
        with cuesta.open(path, durability="none") as db:
            ks = db.keyspace("things")
            assert dict(ks.items()) == expected
            for i in range(round * 500, round * 500 + 1000):
                ks[b"%d" % i] = expected[b"%d" % i] = b"round %d" % round
            if round % 2:
                db.flush()
    with cuesta.open(path) as db:
        assert dict(db.keyspace("things").items()) == expected


def test_all_settings(path):
    with cuesta.open(
        path,
        durability="interval",
        memory_budget=64 << 20,
        read_only=False,
        create=True,
        sync_interval=0.01,
        background_threads=1,
        use_mmap=False,
        log_segment_bytes=64 << 10,
        background_rate=64 << 20,
    ) as db:
        assert db.stats()["gauges"]["memory_budget_bytes"] == 64 << 20
        ks = db.keyspace("things")
        for i in range(1000):
            ks[b"%d" % i] = b"value"
        db.compact()
        assert len(list(ks)) == 1000
    with cuesta.open(path, "sync", 1 << 20, False) as db:
        assert db.stats()["gauges"]["memory_budget_bytes"] == 1 << 20
        assert len(list(db.keyspace("things"))) == 1000


def test_wrong_settings_are_refused(path):
    wrong = [
        {"durability": "fast"},
        {"memory_budget": 1000},
        {"sync_interval": -1.0},
        {"sync_interval": float("nan")},
        {"sync_interval": 1e300},
    ]
    for settings in wrong:
        with pytest.raises(cuesta.InvalidError):
            cuesta.open(path, **settings)
    for name in (
        "memory_budget", "background_threads", "snapshot_budget", "log_segment_bytes",
        "log_retention_bytes", "feed_retention_bytes", "background_rate", "scrub",
    ):
        for number in (-1, 1 << 64, 1 << 70, 10**5000):
            with pytest.raises(cuesta.InvalidError, match=f"{name}: .* is not a number from 0 to"):
                cuesta.open(path, **{name: number})
    for settings in [{"durability": None}, {"memory_budget": "1"}, {"colour": "red"}]:
        with pytest.raises(TypeError):
            cuesta.open(path, **settings)
    with pytest.raises(TypeError):
        cuesta.open(7)
    for settings in [{"path": ""}, {"path": path, "archive_log": ""}]:
        with pytest.raises(cuesta.InvalidError, match='is empty: "." is the current directory'):
            cuesta.open(**settings)
    with pytest.raises(cuesta.InvalidError, match="is a database"):
        cuesta.open(path, archive_log=path)
    assert not path.exists()


def test_a_database_that_must_exist(path):
    with pytest.raises(cuesta.NotFoundError):
        cuesta.open(path, create=False)
    with pytest.raises(cuesta.NotFoundError):
        cuesta.open(path, read_only=True)
    assert not path.exists()
    cuesta.open(path).close()
    cuesta.open(path, create=False).close()


def test_read_only(path):
    with cuesta.open(path) as db:
        db.keyspace("things")[b"key"] = b"value"

    def files():
        return {file.name: file.read_bytes() for file in path.iterdir()}

    before = files()
    with cuesta.open(path, read_only=True) as db:
        ks = db.keyspace("things")
        assert ks[b"key"] == b"value" and list(ks) == [b"key"]
        with db.snapshot() as now:
            assert now.get(ks, b"key") == b"value"
        writes = [
            lambda: ks.put(b"key", b"other"),
            lambda: ks.delete(b"key"),
            lambda: db.drop_keyspace("things"),
            lambda: db.flush(),
            lambda: db.compact(),
        ]
        for write in writes:
            with pytest.raises(cuesta.InvalidError):
                write()
        with pytest.raises(cuesta.NotFoundError, match="others"):
            db.keyspace("others")
        assert db.verify().is_sound
    assert files() == before


def test_many_may_read_when_nobody_writes(path):
    with cuesta.open(path) as db:
        db.keyspace("things")[b"key"] = b"value"
        with pytest.raises(cuesta.LockedError):
            cuesta.open(path, read_only=True)
    with cuesta.open(path, read_only=True) as one, cuesta.open(path, read_only=True) as other:
        assert one.keyspace("things")[b"key"] == other.keyspace("things")[b"key"] == b"value"
        with pytest.raises(cuesta.LockedError):
            cuesta.open(path)
    cuesta.open(path).close()


def test_a_held_directory_names_its_holder(db, path):
    with pytest.raises(cuesta.LockedError) as caught:
        cuesta.open(path)
    assert str(path) in str(caught.value)
    program = "import cuesta, sys\ntry: cuesta.open(sys.argv[1])\nexcept cuesta.LockedError as e: print(e)"
    command = [sys.executable, "-c", program, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert str(os.getpid()) in told


def test_a_closed_database_is_refused(path):
    db = cuesta.open(path)
    ks, batch, then = db.keyspace("things"), db.batch(), db.snapshot()
    batch.put(ks, b"key", b"value")
    assert not db.closed
    db.close()
    db.close()
    assert db.closed and "closed" in repr(db)
    uses = [
        db.keyspaces, db.batch, db.snapshot, db.verify, db.stats, db.recovery, db.sync, db.flush,
        db.compact, db.settle, batch.commit, ks.scan, ks.keys, ks.values, ks.items,
        lambda: db.keyspace("things"),
        lambda: db.rename_keyspace("things", "others"),
        lambda: db.drop_keyspace("things"),
        lambda: ks.get(b"key"),
        lambda: ks.put(b"key", b"value"),
        lambda: ks.delete(b"key"),
        lambda: ks[b"key"],
        lambda: b"key" in ks,
        lambda: iter(ks),
    ]
    for use in uses:
        with pytest.raises(cuesta.InvalidError, match="is closed"):
            use()
    assert then.get(ks, b"key") is None
    with cuesta.open(path) as db:
        assert list(db.keyspace("things")) == []


def test_closing_with_live_scans(path):
    db = cuesta.open(path, durability="none")
    ks = db.keyspace("things")
    for i in range(10_000):
        ks[b"%05d" % i] = b"old %d" % i
        if i == 5000:
            db.flush()
    scan, then = ks.scan(), db.snapshot()
    assert next(scan)[0] == b"00000"
    db.close()
    # Another handle changes everything, and merges the files that the scan stands in away.
    with cuesta.open(path, durability="none") as other:
        things = other.keyspace("things")
        for i in range(10_000):
            things[b"%05d" % i] = b"new"
        other.compact()
    assert [value for _, value in scan] == [b"old %d" % i for i in range(1, 10_000)]
    assert then.get(ks, b"00007") == b"old 7"


def test_a_database_is_closed_when_its_last_handle_goes(path):
    db = cuesta.open(path, durability="none")
    ks = db.keyspace("things")
    ks[b"key"] = b"value"
    del db
    assert ks[b"key"] == b"value"
    with pytest.raises(cuesta.LockedError):
        cuesta.open(path)
    del ks
    gc.collect()
    with cuesta.open(path) as db:
        assert db.recovery().closed
        assert db.keyspace("things")[b"key"] == b"value"


def test_a_block_closes_the_database_whatever_comes_by(path):
    with pytest.raises(ZeroDivisionError), cuesta.open(path) as db:
        1 / 0
    assert db.closed
    cuesta.open(path).close()


def test_a_program_may_end_without_closing(path, engine):
    program = """
import cuesta, sys, threading
db = cuesta.open(sys.argv[1], durability="buffered")
ks = db.keyspace("things", engine=sys.argv[2])
ks[b"key"] = b"value"
scan, batch, now = ks.scan(), db.batch(), db.snapshot()
"""
    subprocess.run([sys.executable, "-c", program, str(path), engine], check=True, timeout=60)
    with cuesta.open(path) as db:
        assert db.keyspace("things")[b"key"] == b"value"


def test_maintenance(db, ks):
    for i in range(1000):
        ks[b"%d" % i] = b"value"
    assert db.sync() is None
    assert db.stats()["gauges"]["memtable_bytes"] > 0
    assert db.flush() is None
    stats = db.stats()
    assert stats["keyspaces"]["things"]["segments"] == 1
    assert stats["keyspaces"]["things"]["entries"] == 1000
    assert stats["keyspaces"]["things"]["segment_bytes"] > 5000
    ks[b"0"] = b"other"
    assert db.compact() is None
    assert db.settle() is None
    assert db.stats()["keyspaces"]["things"]["entries"] == 1000
    assert ks[b"0"] == b"other"


def test_statistics(db, ks, engine):
    for i in range(100):
        ks[b"%d" % i] = b"value"
    stats = db.stats()
    assert set(stats) == {"counters", "gauges", "latencies", "pressure", "failure", "keyspaces"}
    assert stats["counters"]["commits"] == 101
    assert stats["gauges"]["commit"] == 101
    assert stats["pressure"] == 0.0 and stats["failure"] is None
    latency = stats["latencies"]["commit_time"]
    assert latency["count"] == 101
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p999"]
    assert set(latency) == {"count", "mean", "p50", "p99", "p999", "max"}
    numbers = {"engine", "memtable_bytes", "segments", "segment_bytes", "entries"}
    numbers |= {"blob_bytes", "blob_file_bytes"}
    assert set(stats["keyspaces"]["things"]) == numbers
    assert stats["keyspaces"]["things"]["engine"] == engine


def test_memory_is_told_by_what_it_is_for(db):
    ks = db.keyspace("things", blob_threshold=16384)
    ks[b"a"] = b"x" * 100_000
    cache = db.cache("c", max_entries=10, memory_only=True)
    cache.put(b"a", b"x" * 5000)
    tx = db.transaction()
    tx.put(ks, b"b", b"x" * 100_000)
    gauges = db.stats()["gauges"]
    assert gauges["memtable_bytes"] > 100_000
    assert gauges["transaction_bytes"] > 100_000
    assert gauges["caches_bytes"] > 5000
    parts = ("commit", "buffer", "segment_table", "cursor", "conflict", "snapshot", "cache")
    for part in parts:
        assert gauges[f"{part}_bytes"] >= 0, part
    assert 205_000 < gauges["memory_bytes"] <= gauges["memory_budget_bytes"]
    db.flush()
    of_ks = db.stats()["keyspaces"]["things"]
    assert of_ks["blob_bytes"] == 100_000 <= of_ks["blob_file_bytes"]


def test_verifying_a_sound_database(db, ks):
    for i in range(1000):
        ks[b"%d" % i] = b"value"
    db.flush()
    report = db.verify()
    assert report.is_sound and report.problems == []
    assert (report.indexes, report.segments, report.entries) == (1, 1, 1000)
    assert report.bytes > 5000
    assert report.log_segments >= 1 and report.log_commits >= 0
    assert "0 problems" in repr(report)


def test_what_recovery_tells(path):
    with cuesta.open(path) as db:
        recovery = db.recovery()
        assert (recovery.created, recovery.closed, recovery.replayed) == (True, False, 0)
        assert (recovery.torn_bytes, recovery.torn_manifest) == (0, None)
        assert recovery.removed == 0 and 0 < recovery.seconds < 60
        assert "created" in repr(recovery)
        db.keyspace("things")[b"key"] = b"value"
    with cuesta.open(path) as db:
        assert db.recovery().closed and not db.recovery().created
        assert db.recovery().replayed <= 2 and "closed in order" in repr(db.recovery())
