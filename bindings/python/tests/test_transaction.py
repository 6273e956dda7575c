"""Transactions: all or nothing, as of one moment."""

import gc
import threading

import pytest

import cuesta


def number(value):
    return int(value or b"0")


def test_a_transaction_is_committed_at_its_end(db):
    a, b = db.keyspace("a"), db.keyspace("b")
    a[b"old"] = b"x"
    with db.transaction() as tx:
        tx.put(a, b"key", bytearray(b"1"))
        tx.put(b, b"key", b"2")
        tx.delete(a, b"old")
        assert tx.get(a, b"key") == b"1" and tx.get(a, b"old") is None, "its own writes"
        assert b"key" not in a and b"old" in a, "others see nothing yet"
    assert a[b"key"] == b"1" and b[b"key"] == b"2" and b"old" not in a
    with pytest.raises(cuesta.InvalidError, match="committed"):
        tx.get(a, b"key")


def test_an_exception_rolls_back_and_goes_on(db, ks):
    with pytest.raises(ZeroDivisionError):
        with db.transaction() as tx:
            tx.put(ks, b"key", b"value")
            1 / 0
    assert b"key" not in ks
    with pytest.raises(cuesta.InvalidError, match="rolled back"):
        tx.put(ks, b"key", b"value")
    with db.transaction() as tx:
        tx.put(ks, b"key", b"value")
        tx.rollback()
        tx.rollback()
    assert b"key" not in ks
    assert "rolled back" in repr(tx)


def test_what_was_read_must_not_have_been_written(db, ks):
    ks[b"a"] = b"1"
    with pytest.raises(cuesta.ConflictError):
        with db.transaction() as tx:
            assert tx.get(ks, b"a") == b"1"
            tx.put(ks, b"b", b"2")
            ks[b"a"] = b"3"
    assert b"b" not in ks
    with db.transaction(isolation="snapshot") as tx:
        assert tx.get(ks, b"a") == b"3"
        tx.put(ks, b"b", b"2")
        ks[b"a"] = b"4"
    assert ks[b"b"] == b"2"


def test_phantoms_are_a_conflict_and_what_was_not_walked_through_is_none(db, ks):
    for n in range(100):
        ks[b"%03d" % n] = b""
    with pytest.raises(cuesta.ConflictError):
        with db.transaction() as tx:
            assert len(list(tx.scan(ks, b"010", b"020"))) == 10
            tx.put(ks, b"x", b"")
            ks[b"0155"] = b""
    with db.transaction() as tx:
        scan = tx.scan(ks)
        assert next(scan) == (b"000", b"")
        scan.close()
        assert [key for key, _ in tx.scan(ks, reverse=True, limit=1)] == [b"099"]
        tx.put(ks, b"x", b"")
        ks[b"050"] = b"written, but not read"
    assert b"x" in ks


def test_a_scan_sees_what_was_written_before_it(db, ks):
    ks[b"a"] = b"1"
    with db.transaction() as tx:
        tx.put(ks, b"b", b"2")
        scan = tx.scan(ks)
        tx.put(ks, b"c", b"3")
        tx.delete(ks, b"a")
        assert list(scan) == [(b"a", b"1"), (b"b", b"2")]
        assert list(tx.scan(ks, reverse=True)) == [(b"c", b"3"), (b"b", b"2")]
        late = tx.scan(ks)
    with pytest.raises(cuesta.InvalidError, match="ended"):
        next(late)


def test_savepoints_take_back_what_came_after_them(db, ks):
    with db.transaction() as tx, db.transaction() as other:
        tx.put(ks, b"a", b"1")
        first = tx.savepoint()
        tx.put(ks, b"b", b"2")
        second = tx.savepoint()
        tx.put(ks, b"c", b"3")
        tx.rollback_to(second)
        assert tx.contains(ks, b"b") and not tx.contains(ks, b"c")
        tx.rollback_to(first)
        tx.rollback_to(first)
        with pytest.raises(cuesta.InvalidError):
            tx.rollback_to(second)
        with pytest.raises(cuesta.InvalidError):
            other.rollback_to(first)
        tx.release(first)
        with pytest.raises(cuesta.InvalidError, match="released"):
            tx.rollback_to(first)
    assert list(ks) == [b"a"]


def test_a_lock_is_waited_for_and_gives_the_value_of_now(db, ks):
    with pytest.raises(cuesta.TimeoutError):
        with db.transaction() as tx, db.transaction(lock_timeout=0) as late:
            tx.get_for_update(ks, b"a")
            late.lock_range(ks, prefix=b"a")
    tx = db.transaction()
    assert tx.get_for_update(ks, b"a", b"none") == b"none"
    tx.put(ks, b"a", b"new")
    seen = []

    def wait():
        with db.transaction() as late:
            late.get(ks, b"other")
            seen.append(late.get_for_update(ks, b"a"))

    thread = threading.Thread(target=wait)
    thread.start()
    while not db.stats()["counters"]["lock_waits"]:
        pass
    tx.commit()
    thread.join()
    assert seen == [b"new"]
    assert db.stats()["gauges"]["locks"] == 0


def test_a_deadlock_is_a_conflict(db, ks):
    one, two = db.transaction(), db.transaction()
    one.get_for_update(ks, b"a")
    two.get_for_update(ks, b"b")
    thread = threading.Thread(target=lambda: one.get_for_update(ks, b"b"))
    thread.start()
    while not db.stats()["counters"]["lock_waits"]:
        pass
    with pytest.raises(cuesta.ConflictError, match="deadlock"):
        two.get_for_update(ks, b"a")
    with pytest.raises(cuesta.InvalidError, match="another thread"):
        one.commit()
    two.rollback()
    thread.join()
    one.commit()


def test_no_increment_is_lost_among_threads(db, ks):
    def increment(tx):
        tx.put(ks, b"n", b"%d" % (number(tx.get(ks, b"n")) + 1))

    def work():
        for _ in range(50):
            db.transact(increment, attempts=10_000, durability="none")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ks[b"n"] == b"200"


def test_transact_returns_what_the_work_returns_and_tries_again(db, ks):
    calls = []

    def work(tx):
        calls.append(tx.get(ks, b"a"))
        if len(calls) < 3:
            ks[b"a"] = b"%d" % len(calls)
        tx.put(ks, b"b", b"done")
        return "result"

    assert db.transact(work) == "result"
    assert calls == [None, b"1", b"2"]
    assert ks[b"b"] == b"done"


def test_transact_gives_up_at_last(db, ks):
    def work(tx):
        tx.get(ks, b"a")
        tx.put(ks, b"b", b"")
        ks[b"a"] = b""

    with pytest.raises(cuesta.ConflictError, match="3 attempts"):
        db.transact(work, attempts=3)

    def raising(tx):
        raise cuesta.ConflictError("mine")

    with pytest.raises(cuesta.ConflictError, match="mine"):
        db.transact(raising, attempts=2)
    with pytest.raises(KeyError, match="other"):
        db.transact(lambda tx: {}["other"])
    assert b"b" not in ks
    assert db.transact(lambda tx: tx.rollback()) is None


def test_compare_and_swap(db, ks):
    assert ks.compare_and_swap(b"job", None, b"ada")
    assert not ks.compare_and_swap(b"job", None, b"bob")
    assert ks.compare_and_swap(b"job", bytearray(b"ada"), memoryview(b"bob"))
    assert ks[b"job"] == b"bob"
    assert ks.compare_and_swap(b"job", b"bob", None)
    assert b"job" not in ks


@pytest.mark.parametrize(
    "wrong", [{"isolation": "none"}, {"durability": "x"}, {"lock_timeout": -1.0}]
)
def test_wrong_options_are_refused(db, wrong):
    with pytest.raises(cuesta.InvalidError):
        db.transaction(**wrong)
    with pytest.raises(cuesta.InvalidError):
        db.transact(lambda tx: None, **wrong)


def test_a_transaction_that_is_forgotten_takes_everything_back(db, ks):
    tx = db.transaction()
    tx.put(ks, b"a", b"1")
    tx.get_for_update(ks, b"a")
    scan = tx.scan(ks)
    next(scan)
    del tx, scan
    gc.collect()
    assert b"a" not in ks
    assert db.stats()["gauges"]["locks"] == 0


def test_a_closed_database_ends_its_transactions(path):
    with cuesta.open(path) as db:
        ks = db.keyspace("k")
        tx = db.transaction()
        tx.put(ks, b"a", b"1")
    for use in (tx.commit, lambda: tx.get(ks, b"a"), lambda: tx.put(ks, b"a", b"")):
        with pytest.raises(cuesta.InvalidError, match="closed"):
            use()
