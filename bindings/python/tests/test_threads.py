"""Many threads, and an interpreter that is free while Cuesta works."""

import subprocess
import sys
import threading

import pytest

import cuesta


def together(*functions):
    """Runs functions in threads of their own; raises what the first that failed raised."""
    failures = []

    def run(function):
        try:
            function()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def progress_during(call):
    """How far another thread counts while a call runs."""
    counted, done = [0], threading.Event()
    before_and_after = []

    def count():
        while not done.is_set():
            counted[0] += 1

    def work():
        try:
            before_and_after.append(counted[0])
            call()
            before_and_after.append(counted[0])
        finally:
            done.set()

    together(count, work)
    before, after = before_and_after
    return after - before


@pytest.mark.parametrize("call", ["flush", "compact", "verify", "close"])
def test_other_threads_run_during_long_calls(path, call):
    db = cuesta.open(path, durability="none", memory_budget=64 << 20)
    ks = db.keyspace("things")
    for start in range(0, 20_000, 1000):
        with db.batch() as batch:
            for i in range(start, start + 1000):
                batch.put(ks, b"%08d" % (i * 7919 % 20_000), b"value " * 30)
    work = getattr(db, call)
    if call == "verify":
        db.flush()
        # Once is over before another thread has begun.
        work = lambda: [db.verify() for _ in range(50)]
    assert progress_during(work) > 200
    db.close()


def test_other_threads_run_while_a_database_opens_and_recovers(path, engine):
    program = """
import cuesta, os, sys
db = cuesta.open(sys.argv[1], durability="buffered")
ks = db.keyspace("things", engine=sys.argv[2])
for start in range(0, 100_000, 10_000):
    with db.batch() as batch:
        for i in range(start, start + 10_000):
            batch.put(ks, b"%08d" % (i * 7919 % 100_000), b"value " * 30)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program, str(path), engine], check=True, timeout=120)
    opened = []
    assert progress_during(lambda: opened.append(cuesta.open(path))) > 200
    assert opened[0].recovery().replayed >= 10
    opened[0].close()


def test_other_threads_run_while_a_commit_syncs(path):
    with cuesta.open(path) as db:
        ks = db.keyspace("things")

        def commits():
            for i in range(50):
                ks[b"%d" % i] = b"value"

        assert progress_during(commits) > 200


def test_handles_serve_many_threads(db, ks):
    def writer(number):
        def run():
            for i in range(300):
                ks[b"%d/%04d" % (number, i)] = b"%d" % i
                with db.batch() as batch:
                    batch.put(ks, b"pair/%d/a" % number, b"%d" % i)
                    batch.put(ks, b"pair/%d/b" % number, b"%d" % i)

        return run

    def reader():
        for _ in range(100):
            with db.snapshot() as now:
                for number in range(4):
                    pair = [value for _, value in now.scan(ks, prefix=b"pair/%d/" % number)]
                    assert len(set(pair)) <= 1 and len(pair) in (0, 2)
            ks.get(b"0/0000")

    def maintainer():
        for _ in range(5):
            db.flush()
            db.compact()
            db.stats()

    together(*(writer(number) for number in range(4)), reader, reader, maintainer)
    for number in range(4):
        assert len(list(ks.keys(prefix=b"%d/" % number))) == 300
    assert db.verify().is_sound


def test_threads_that_share_a_scan_get_each_entry_once(db, ks):
    with db.batch() as batch:
        for i in range(20_000):
            batch.put(ks, b"%05d" % i, b"")
    scan = ks.keys()
    shares = [[] for _ in range(4)]
    together(*(lambda share=share: share.extend(scan) for share in shares))
    assert sorted(key for share in shares for key in share) == [b"%05d" % i for i in range(20_000)]


def test_threads_that_share_a_batch_lose_no_write(db, ks):
    batch = db.batch()

    def writer(number):
        def run():
            for i in range(2000):
                batch.put(ks, b"%d/%d" % (number, i), bytearray(b"value"))
                len(batch)

        return run

    together(*(writer(number) for number in range(4)))
    assert len(batch) == 8000
    batch.commit()
    assert len(list(ks)) == 8000


def test_closing_while_threads_work(path):
    for _ in range(5):
        db = cuesta.open(path, durability="none")
        ks = db.keyspace("things")
        started = threading.Barrier(4)

        def work():
            started.wait()
            try:
                for i in range(100_000):
                    ks[b"%d" % (i % 100)] = b"value"
                    ks.get(b"%d" % (i % 100))
                    list(ks.scan(limit=3))
            except cuesta.InvalidError as error:
                assert "closed" in str(error)

        def close():
            started.wait()
            db.close()

        together(work, work, work, close)
        cuesta.open(path).close()


def test_threads_that_open_the_same_directory(path):
    opened, locked = [], []

    def run():
        try:
            opened.append(cuesta.open(path))
        except cuesta.LockedError:
            locked.append(1)

    together(*[run] * 4)
    assert len(opened) == 1 and len(locked) == 3
    opened[0].close()


def test_a_reentrant_buffer_does_not_hang(db, ks):
    class Recursive:
        """From Python 3.12 on, a class may say what its bytes are."""

        def __buffer__(self, flags):
            batch.put(ks, b"inner", b"value")
            list(ks.scan())
            return memoryview(b"outer value")

    batch = db.batch()
    try:
        batch.put(ks, b"outer", Recursive())
    except TypeError:
        pytest.skip("this Python has no __buffer__")
    batch.commit()
    assert dict(ks.items()) == {b"inner": b"value", b"outer": b"outer value"}
