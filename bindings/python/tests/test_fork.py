"""Children of os.fork(), which use and let go of nothing that they have inherited."""

import os
import signal
import sys
import time

import pytest

import cuesta
from cuesta.id import Sequence

if not hasattr(os, "fork"):
    pytest.skip("processes are not forked here", allow_module_level=True)

# Python warns of forks while threads run.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def in_child(work, seconds=30):
    """Runs a function in a forked child, which must come to its end."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:
            print(type(error), error, file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    pytest.fail("the child hangs")


def refused(*uses):
    for use in uses:
        with pytest.raises(cuesta.InvalidError, match="forked from: open the database here"):
            use()


def test_a_child_writes_nothing(path):
    with cuesta.open(path) as db:
        ks = db.keyspace("things")
        in_child(lambda: refused(lambda: ks.put(b"child", b"1"), lambda: ks[b"a"], db.sync))
        for n in range(20):
            ks[b"%d" % n] = b"parent"
    with cuesta.open(path) as db:
        assert db.verify().is_sound and len(list(db.keyspace("things"))) == 20


def test_a_child_uses_nothing(db, ks, path, tmp_path):
    ks[b"a"] = b"1"
    batch, tx, then, scan = db.batch(), db.transaction(), db.snapshot(), ks.scan()
    batch.put(ks, b"b", b"1")
    tx.put(ks, b"c", b"1")
    savepoint = tx.savepoint()
    handle = db.batch().submit()
    load, builder = db.bulk_load(), cuesta.SegmentBuilder(tmp_path / "part")
    load.put(ks, b"d", b"1")
    builder.put(b"e", b"1")
    watch, changes, cache = ks.watch(), db.changes_since(), db.cache("c", max_entries=10)
    numbers = Sequence(ks, b"numbers")

    def work():
        refused(
            db.keyspaces, db.snapshot, db.stats, lambda: db.keyspace("x"), lambda: ks.get(b"a"),
            lambda: batch.delete(ks, b"a"), batch.commit, batch.submit, lambda: len(batch),
            lambda: tx.get(ks, b"a"), tx.commit, lambda: tx.rollback_to(savepoint),
            lambda: then.get(ks, b"a"), lambda: next(scan), lambda: scan.seek(b"a"),
            handle.wait, lambda: handle.done, lambda: load.put(ks, b"e", b"1"), load.finish,
            lambda: builder.put(b"f", b"1"), builder.finish,
            lambda: watch.wait(0), watch.take, lambda: next(changes), lambda: changes.place,
            lambda: cache.get(b"a"), lambda: len(cache), numbers.give,
        )
        for handles in (batch, tx, then, scan, handle, load, builder, watch, cache, numbers, db, ks):
            assert "cuesta" in repr(handles)
        # Ends do nothing.
        load.discard(), builder.discard(), tx.rollback(), then.close(), scan.close()
        numbers.close(), db.close(), db.close()

    in_child(work)
    batch.commit(), tx.commit(), load.finish()
    assert builder.finish() == 1 and ks.ingest([tmp_path / "part"]).entries == 1
    assert list(scan) == [(b"a", b"1")] and numbers.give() == 1
    assert list(ks) == [b"a", b"b", b"c", b"d", b"e", b"numbers"]


def test_a_child_lets_go_of_nothing(path):
    db = cuesta.open(path)
    ks = db.keyspace("things")
    ks[b"a"] = b"1"
    handles = [db, ks, db.transaction(), db.snapshot(), ks.scan(), db.batch(), ks.watch()]
    handles[2].get_for_update(ks, b"a")

    def work():
        nonlocal db, ks
        del db, ks
        handles.clear()

    in_child(work)
    handles.clear()
    assert ks[b"a"] == b"1"
    db.close()


@pytest.mark.parametrize("end", ["sys.exit(0)", "del ks, db", "with db: sys.exit(0)"])
def test_a_child_ends_by_itself(path, end, engine):
    import subprocess

    code = f"""
import os, sys, cuesta
db = cuesta.open({str(path)!r})
ks = db.keyspace("things", engine={engine!r})
ks[b"a"] = b"1"
pid = os.fork()
if pid == 0:
    {end}
else:
    _, status = os.waitpid(pid, 0)
    ks[b"b"] = b"2"
    db.close()
    sys.exit(os.waitstatus_to_exitcode(status))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
    with cuesta.open(path) as db:
        assert list(db.keyspace("things")) == [b"a", b"b"]


@pytest.mark.parametrize("end", ["kept.clear()", "kept[0].close()"])
def test_a_child_lets_go_of_nothing_before_the_module_knows_of_the_fork(path, end, engine):
    import subprocess

    code = f"""
import os, sys
kept = []
def after():
    {end}
    kept.clear()
os.register_at_fork(after_in_child=after)
import cuesta
db = cuesta.open({str(path)!r})
ks = db.keyspace("things", engine={engine!r})
ks[b"a"] = b"1"
kept += [db, ks, db.transaction()]
kept[2].put(ks, b"child", b"1")
del db, ks
pid = os.fork()
if pid == 0:
    os._exit(0)
_, status = os.waitpid(pid, 0)
db, ks, tx = kept
ks[b"b"] = b"2"
tx.commit()
db.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
    with cuesta.open(path) as db:
        assert db.verify().is_sound
        assert list(db.keyspace("things")) == [b"a", b"b", b"child"]


EARLY_ENDS = {
    "numbers.close()": "numbers",
    "with numbers: pass": "numbers",
    "load.discard()": "load",
    "load.__exit__(ValueError, None, None)": "load",
    "builder.discard()": "builder",
    "tx.rollback()": "tx",
    "tx.__exit__(ValueError, None, None)": "tx",
    "then.close()": "then",
    "scan.close()": "scan",
    "del scan": "scan",
    "del watch": "watch",
    "del changes": "changes",
    "db.close()": "db",
}


@pytest.mark.parametrize("end", EARLY_ENDS)
def test_ends_do_nothing_before_the_module_knows_of_the_fork(path, tmp_path, end, engine):
    import subprocess

    (tmp_path / "parts").mkdir()
    part = str(tmp_path / "parts" / "part")
    code = f"""
import hashlib, os, sys, traceback
ended = False
def after():
    global {EARLY_ENDS[end]}, ended
    try:
        {end}
        ended = True
    except BaseException:
        traceback.print_exc()
os.register_at_fork(after_in_child=after)
import cuesta
from cuesta.id import Sequence
db = cuesta.open({str(path)!r})
ks = db.keyspace("things", engine={engine!r})
ks[b"a"] = b"1"
tx, then, scan = db.transaction(), db.snapshot(), ks.scan()
tx.put(ks, b"b", b"1")
tx.get_for_update(ks, b"b")
load, builder = db.bulk_load(), cuesta.SegmentBuilder({part!r})
for n in range(20_000):
    load.put(ks, b"c%06d" % n, b"1" * 100)
builder.put(b"d", b"1")
watch, changes = ks.watch(), db.changes_since()
numbers = Sequence(ks, b"numbers")
numbers.give()
def files():
    folders = {str(path)!r}, {str(tmp_path / "parts")!r}
    paths = [entry.path for folder in folders for entry in os.scandir(folder)]
    return {{path: hashlib.sha256(open(path, "rb").read()).hexdigest() for path in paths}}
db.sync()
before = files()
pid = os.fork()
if pid == 0:
    os._exit(0 if ended else 1)
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert files() == before, (before, files())
assert numbers.give() == 2
numbers.close()
tx.commit()
load.finish()
assert builder.finish() == 1 and ks.ingest([{part!r}]).entries == 1
assert list(scan) == [(b"a", b"1")] and then.get(ks, b"a") == b"1"
assert watch.wait(0) and next(changes).commit == 1
db.close()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
    with cuesta.open(path) as db:
        ks = db.keyspace("things")
        assert db.verify().is_sound and len(list(ks)) == 20_004
        assert Sequence(ks, b"numbers").give() == 3


def test_a_database_is_free_once_its_process_has_closed_it(path):
    db = cuesta.open(path)
    closed, close = os.pipe()
    free, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.read(closed, 1)
            with cuesta.open(path) as again:
                again.keyspace("things")[b"a"] = b"child"
            status = 0
        finally:
            os.write(tell, b"x")
            os.read(closed, 1)
            os._exit(status)
    db.close()
    with cuesta.open(path):  # though the child is alive, and has the file of the lock
        pass
    os.write(close, b"x")
    os.read(free, 1)
    with cuesta.open(path) as db:
        assert db.keyspace("things")[b"a"] == b"child"
    os.write(close, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
