"""Snapshots: one moment of all keyspaces."""

import pytest

import cuesta


def test_a_snapshot_never_changes(db):
    a, b = db.keyspace("a"), db.keyspace("b")
    for i in range(500):
        a[b"%03d" % i] = b"old"
    b[b"key"] = b"old"
    with db.snapshot() as then:
        expected = list(a.scan())
        for round in range(5):
            for i in range(500):
                a[b"%03d" % i] = b"new %d" % round
            b[b"key"] = b"new"
            b[b"other"] = b"new"
            del a[b"007"]
            if round == 2:
                db.flush()
            if round == 3:
                db.compact()
            assert then.get(a, b"007") == b"old"
            assert list(then.scan(a)) == expected
            assert list(then.scan(b)) == [(b"key", b"old")]
            assert then.contains(b, b"key") and not then.contains(b, b"other")
    assert a[b"499"] == b"new 4" and b"007" not in a


def test_reads_of_a_snapshot_take_what_those_of_a_keyspace_take(db, ks):
    for letter in (b"a", b"b", b"ba", b"c"):
        ks[letter] = letter
    then = db.snapshot()
    assert then.get(ks, b"x") is None
    assert then.get(ks, b"x", 7) == 7
    assert then.get(keyspace=ks, key=b"a") == b"a"
    assert [key for key, _ in then.scan(ks, prefix=b"b", reverse=True)] == [b"ba", b"b"]
    assert [key for key, _ in then.scan(ks, b"b", b"c", limit=1)] == [b"b"]
    assert [key for key, _ in then.scan(ks, memoryview(b"c"))] == [b"c"]


def test_a_snapshot_counts_commits(db, ks):
    first = db.snapshot()
    ks[b"key"] = b"value"
    second = db.snapshot()
    assert second.commit == first.commit + 1
    assert repr(second) == f"<cuesta.Snapshot at commit {second.commit}>"


def test_a_snapshot_reads_a_keyspace_that_was_dropped_later(db, ks):
    ks[b"key"] = b"value"
    with db.snapshot() as then:
        db.drop_keyspace("things")
        assert then.get(ks, b"key") == b"value"
    with db.snapshot() as now, pytest.raises(cuesta.NotFoundError):
        now.get(ks, b"key")


def test_a_snapshot_knows_no_later_keyspace(db):
    with db.snapshot() as then:
        ks = db.keyspace("later")
        with pytest.raises(cuesta.NotFoundError):
            then.get(ks, b"key")


def test_a_closed_snapshot_is_refused_but_its_scans_go_on(db, ks):
    for i in range(100):
        ks[b"%03d" % i] = b"x"
    with db.snapshot() as then:
        scan = then.scan(ks)
        next(scan)
    for use in (lambda: then.get(ks, b"a"), lambda: then.scan(ks)):
        with pytest.raises(cuesta.InvalidError, match="snapshot is closed"):
            use()
    assert len(list(scan)) == 99
    then.close()


def test_a_closed_snapshot_holds_nothing(db, ks):
    ks[b"key"] = b"value"
    then = db.snapshot()
    assert db.stats()["gauges"]["snapshots"] == 1
    then.close()
    assert db.stats()["gauges"]["snapshots"] == 0


def test_the_oldest_of_snapshots_that_hold_too_much_expires(tmp_path):
    with cuesta.open(tmp_path / "db", durability="none", memory_budget=1 << 20) as db:
        ks = db.keyspace("things")
        for i in range(100):
            ks[b"%d" % i] = b"first"
        oldest = db.snapshot()
        scan = oldest.scan(ks)
        next(scan)
        # Each holds the memtable of its moment, one more of these than the one before.
        later = []
        with pytest.raises(cuesta.ExpiredError):
            for i in range(500):
                for j in range(100):
                    ks[b"%d" % j] = bytes(1000)
                later.append(db.snapshot())
                assert oldest.get(ks, b"1") == b"first"
        assert later[-1].get(ks, b"1") == bytes(1000)
        # What was read ahead is given, then the failure, then the end.
        given = []
        with pytest.raises(cuesta.ExpiredError):
            given.extend(scan)
        assert given == [(key, b"first") for key in sorted(b"%d" % i for i in range(100))][1:16]
        assert list(scan) == []
        assert ks[b"1"] == bytes(1000)
