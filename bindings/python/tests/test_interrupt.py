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


class Slow:
    """A file that presses Ctrl-C when it is written or read."""

    def __init__(self, raises=None):
        self.raises, self.calls = raises, 0

    def write(self, data):
        self.calls += 1
        if self.raises:
            raise self.raises
        signal.raise_signal(signal.SIGINT)
        return len(data)

    def read(self, count):
        return b"x" * self.write(b"x" * count)

    def flush(self):
        pass


@pytest.mark.parametrize("raises", [None, KeyboardInterrupt("now"), SystemExit(3)])
def test_dumps_and_loads(db, ks, raises):
    expected = type(raises) if raises else KeyboardInterrupt
    ks[b"a"] = bytes(2 << 20)
    for use in (db.dump, lambda file: db.load(file, overwrite=True)):
        file = Slow(raises)
        with pytest.raises(expected) as told:
            use(file)
        assert raises is None or told.value is raises
        assert file.calls == 1
    assert list(ks) == [b"a"]


def test_dumps_to_files_that_know_nothing_of_it(db, ks):
    import io

    ks[b"a"] = bytes(64 << 20)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer = threading.Timer(0.01, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            while True:
                db.dump(io.BytesIO())
    finally:
        signal.signal(signal.SIGINT, before)


def test_merge_operators(path):
    def press(*_):
        signal.raise_signal(signal.SIGINT)
        return b""

    class Checked:
        merge = check = staticmethod(press)

    class Combined:
        combine = staticmethod(press)

        def merge(self, base, operands):
            return b"".join(operands)

    operators = {"press": press, "checked": Checked(), "combined": Combined()}
    with cuesta.open(path, merge_operators=operators) as db:
        pressed = db.keyspace("pressed", merge_operator="press")
        pressed.merge(b"a", b"1")
        for use in (lambda: pressed[b"a"], lambda: list(pressed), lambda: b"a" in pressed):
            with pytest.raises(KeyboardInterrupt):
                use()
        pressed[b"a"] = b"1"
        checked = db.keyspace("checked", merge_operator="checked")
        with pytest.raises(KeyboardInterrupt):
            checked.merge(b"a", b"1")
        combined = db.keyspace("combined", merge_operator="combined")
        with pytest.raises(KeyboardInterrupt):
            with db.batch() as batch:
                for _ in range(100):
                    batch.merge(combined, b"a", b"1")
            db.flush()
            list(combined)


def test_what_python_code_has_raised_is_the_cause(db, path):
    def fails(*_):
        raise ValueError("no word")

    with pytest.raises(cuesta.IoError, match="no word") as told:
        db.dump(Slow(ValueError("no word")))
    assert isinstance(told.value.__cause__, ValueError)
    with cuesta.open(path.with_name("other"), merge_operators={"fails": fails}) as other:
        words = other.keyspace("words", merge_operator="fails")
        words.merge(b"a", b"1")
        with pytest.raises(cuesta.InvalidError, match="no word") as told:
            words.get(b"a")
        assert isinstance(told.value.__cause__, ValueError)
