"""Ctrl-C ends whatever waits."""

import _thread
import signal
import threading
import time

import pytest

import cuesta


@pytest.fixture
def interrupted():
    """Presses Ctrl-C until it is known that the main thread was interrupted."""
    # What was started in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    ended = threading.Event()

    def press():
        time.sleep(0.05)
        while not ended.is_set():
            _thread.interrupt_main()
            ended.wait(1)

    def check(wait):
        presses = threading.Thread(target=press)
        presses.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                try:
                    wait()
                finally:
                    ended.set()
        finally:
            presses.join()
            ended.clear()

    yield check
    signal.signal(signal.SIGINT, before)


def test_watches_and_changes(db, ks, interrupted):
    changes = db.changes_since(db.stats()["gauges"]["commit"])
    for wait in (ks.watch().wait, db.watch().wait, changes.wait):
        interrupted(wait)


def test_locks(db, ks, interrupted):
    ks[b"a"] = b"1"
    holder = db.transaction(lock_timeout=3600)
    holder.get_for_update(ks, b"a")
    with db.transaction(lock_timeout=3600) as tx:
        interrupted(lambda: tx.get_for_update(ks, b"a"))
        interrupted(lambda: tx.lock_range(ks, prefix=b"a"))
        tx.put(ks, b"b", b"it goes on")
    assert b"b" in ks
    interrupted(lambda: db.transact(lambda tx: tx.get_for_update(ks, b"a"), lock_timeout=3600))
    holder.rollback()
    with db.transaction(lock_timeout=0) as tx:
        assert tx.get_for_update(ks, b"a") == b"1"


def test_handlers_may_use_the_transaction_that_waits(db, ks, interrupted):
    holder, tx = db.transaction(), db.transaction(lock_timeout=3600)
    holder.get_for_update(ks, b"a")

    def handle(_number, _frame):
        tx.put(ks, b"b", b"")
        with pytest.raises(cuesta.BusyError):
            tx.get_for_update(ks, b"b")
        with pytest.raises(cuesta.InvalidError, match="another thread"):
            tx.rollback()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        interrupted(lambda: tx.get_for_update(ks, b"a"))
    finally:
        signal.signal(signal.SIGINT, before)
    tx.rollback()


def test_loaders_of_others(db, interrupted):
    cache, loading, go = db.cache("c", max_entries=10), threading.Event(), threading.Event()

    def load():
        loading.set()
        assert go.wait(60)
        return b"1"

    thread = threading.Thread(target=cache.get_or_insert_with, args=(b"a", load))
    thread.start()
    loading.wait()
    interrupted(lambda: cache.get_or_insert_with(b"a", lambda: b"2"))
    go.set()
    thread.join()
    assert cache.get(b"a") == b"1" and cache.stats().misses == 2
