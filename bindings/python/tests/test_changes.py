"""Watches, and the feed of commits."""

import threading

import pytest

import cuesta


def test_a_watch_tells_of_what_it_watches(db, ks):
    key, part, everything = ks.watch_key(b"a"), ks.watch(prefix=b"b"), db.watch()
    assert key.take() is None
    ks[b"a"] = b"1"
    assert key.wait() == everything.wait(timeout=60)
    assert part.wait(timeout=0) is None
    ks[b"bb"] = b"1"
    assert part.take() is not None
    assert key.wait(0.01) is None


def test_a_thread_waits_while_others_run(db, ks):
    watch, told = ks.watch(), []
    thread = threading.Thread(target=lambda: told.append(watch.wait(60)))
    thread.start()
    ks[b"a"] = b"1"
    thread.join()
    assert told == [db.stats()["gauges"]["commit"]]


def test_changes_come_in_order(db, ks):
    since = db.stats()["gauges"]["commit"]
    changes = db.changes_since(since)
    assert list(changes) == [] and changes.wait(0) is None
    with db.batch() as batch:
        batch.put(ks, b"a", b"1")
        batch.put(ks, b"b", b"2", ttl=60)
        batch.delete(ks, b"c")
        batch.note(b"by hand")
    (change,) = changes
    assert (change.commit, change.note) == (since + 1, b"by hand")
    assert changes.place == since + 1
    told = [(o.keyspace, o.action, o.key, o.value) for o in change.operations]
    assert told == [
        ("things", "put", b"a", b"1"),
        ("things", "put", b"b", b"2"),
        ("things", "delete", b"c", None),
    ]
    left_ms = change.operations[1].expiry_ms - change.time_ms
    assert 0 < left_ms <= 61_000
    db.rename_keyspace("things", "others")
    operation = changes.wait(60).operations[0]
    assert (operation.action, operation.keyspace) == ("rename", "things")
    assert operation.renamed_to == "others"


def test_merges_are_told_with_their_operands(db):
    log = db.keyspace("log", merge_operator="append")
    with db.batch() as batch:
        batch.merge(log, b"a", b"x")
    last = list(db.changes_since())[-1].operations[0]
    assert (last.action, last.operands, last.value) == ("merge", (b"x",), None)


def test_a_feed_refuses_what_is_not_there(db):
    with pytest.raises(cuesta.InvalidError):
        db.changes_since(1000)
    watch, changes = db.watch(), db.changes_since()
    db.close()
    for call in (watch.take, watch.wait, changes.wait, lambda: next(changes)):
        with pytest.raises(cuesta.InvalidError, match="closed"):
            call()


def test_a_checkpoint_is_a_database(db, ks, tmp_path):
    ks[b"a"] = b"1"
    made = db.checkpoint(tmp_path / "copy")
    assert made.commit == db.stats()["gauges"]["commit"] and made.seconds >= 0
    ks[b"a"] = b"2"
    with cuesta.open(tmp_path / "copy", strict_memory=True, snapshot_budget=8 << 20) as copy:
        assert copy.keyspace("things")[b"a"] == b"1"
    with pytest.raises(cuesta.ExistsError):
        db.checkpoint(tmp_path / "copy")


def test_a_transaction_says_why(db, ks):
    changes = db.changes_since(db.stats()["gauges"]["commit"])
    with db.transaction() as tx:
        tx.note(b"first")
        tx.put(ks, b"a", b"1")
        tx.note(bytearray(b"by the clerk"))
    with db.transaction() as tx:
        tx.note(b"nothing written")
    assert [change.note for change in changes] == [b"by the clerk", b"nothing written"]
    with pytest.raises(cuesta.InvalidError):
        tx.note(b"late")
