"""Processes that read along with the one that writes."""

import subprocess
import sys

import pytest

import cuesta

READER = """
import sys, cuesta
with cuesta.open(sys.argv[1], mode="reader") as db:
    ks = db.keyspace("things", create=False)
    print(ks[b"a"].decode(), flush=True)
    for line in sys.stdin:
        assert db.wait_for(int(line), timeout=30)
        print(ks[b"a"].decode(), flush=True)
"""


def test_a_process_reads_along(path):
    db = cuesta.open(path)
    ks = db.keyspace("things")
    ks[b"a"] = b"1"
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout.readline() == "1\n"
        for value in ["2", "3", "4"]:
            ks[b"a"] = value.encode()
            if value == "3":
                # The next writer goes on where this one ends.
                db.close()
                db = cuesta.open(path)
                ks = db.keyspace("things")
            reader.stdin.write(f"{db.snapshot().commit}\n")
            reader.stdin.flush()
            assert reader.stdout.readline() == f"{value}\n"
        assert db.stats()["gauges"]["readers"] == 1
        reader.stdin.close()
        assert reader.wait(30) == 0
    assert db.stats()["gauges"]["readers"] == 0
    db.close()


def test_what_a_reader_sees_and_may_do(path):
    with cuesta.open(path, durability="buffered") as db:
        ks = db.keyspace("things")
        ks[b"a"] = b"1"
        with cuesta.open(path, mode="reader", refresh_interval=3600) as reader:
            seen = reader.keyspace("things")
            with reader.snapshot() as snapshot:
                ks[b"a"] = b"2"
                assert seen[b"a"] == b"1"
                assert reader.refresh() == db.snapshot().commit
                assert seen[b"a"] == b"2"
                assert snapshot.get(seen, b"a") == b"1"
            commit = reader.refresh()
            assert reader.wait_for(commit, timeout=0)
            assert not reader.wait_for(commit + 1, timeout=0.02)
            assert reader.is_reader and not db.is_reader
            for wrong in [-1, 1 << 64]:
                with pytest.raises(cuesta.InvalidError, match="commit"):
                    reader.wait_for(wrong)
            with pytest.raises(cuesta.NotFoundError, match="nope.*refresh"):
                reader.keyspace("nope")
            with pytest.raises(cuesta.InvalidError, match="reading only"):
                seen[b"b"] = b"1"
            changes = reader.changes_since(commit)
            ks[b"b"] = b"3"
            reader.refresh()
            assert next(changes).commit == commit + 1
            assert not reader.verify().problems


def test_modes(path):
    with pytest.raises(cuesta.NotFoundError):
        cuesta.open(path, mode="reader")
    with cuesta.open(path, mode="write") as db:
        db.keyspace("things")[b"a"] = b"1"
        with pytest.raises(cuesta.LockedError):
            cuesta.open(path, mode="read")
    with cuesta.open(path, mode="read") as db:
        assert db.keyspace("things")[b"a"] == b"1"
    for arguments in [{"mode": "readers"}, {"mode": "reader", "read_only": True}]:
        with pytest.raises(cuesta.InvalidError):
            cuesta.open(path, **arguments)


@pytest.mark.parametrize("mode", ["read", "reader"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("durability", "buffered"),
        ("log_retention_bytes", 1000),
        ("log_retention_age", 10),
        ("archive_log", "backups"),
    ],
)
def test_options_for_what_is_written_are_refused_by_name(path, mode, name, value):
    cuesta.open(path).close()
    with pytest.raises(cuesta.InvalidError, match=name):
        cuesta.open(path, mode=mode, **{name: value})


def test_only_a_reader_has_an_interval_to_look_in(path):
    cuesta.open(path).close()
    for arguments in [{}, {"mode": "write"}, {"read_only": True}]:
        with pytest.raises(cuesta.InvalidError, match="refresh_interval"):
            cuesta.open(path, refresh_interval=1, **arguments)


def test_help_tells_what_matters():
    for word in ["mode", "durability", "memory_budget", "create"]:
        assert word in cuesta.open.__doc__
    for word in ["engine", "ttl", "create", "NotFoundError"]:
        assert word in cuesta.Database.keyspace.__doc__
