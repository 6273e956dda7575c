"""Processes that are killed."""

import os
import signal
import subprocess
import sys

import pytest

import cuesta

WRITER = """
import cuesta, os, sys
path, durability, engine, count = *sys.argv[1:4], int(sys.argv[4])
db = cuesta.open(path, durability=durability, memory_budget=2 << 20)
a, b = db.keyspace("a", engine=engine), db.keyspace("b", engine=engine)
start = int(a.get(b"last", b"-1")) + 1
for i in range(start, start + count):
    with db.batch() as batch:
        batch.put(a, b"%08d" % i, b"value " * (i % 50))
        batch.put(b, b"%08d" % i, b"%d" % i)
        batch.put(a, b"last", b"%d" % i)
    os.write(1, b"%d\\n" % i)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("durability", ["sync", "interval", "buffered"])
def test_what_was_acknowledged_survives_a_killed_process(path, durability, engine):
    acknowledged = -1
    for after in (1, 40, 700):
        command = [sys.executable, "-c", WRITER, str(path), durability, engine, "1000000"]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE)
        for line in writer.stdout:
            acknowledged = int(line)
            after -= 1
            if after == 0:
                break
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split(b"\n")[:-1])])
        writer.stdout.close()
        writer.wait()
        with cuesta.open(path) as db:
            assert not db.recovery().closed
            a, b = db.keyspace("a"), db.keyspace("b")
            last = int(a[b"last"])
            # The one being written may be there, too.
            assert acknowledged <= last <= acknowledged + 1
            expected = [b"%08d" % i for i in range(last + 1)]
            assert [key for key in a if key != b"last"] == expected
            assert list(b.items()) == [(key, b"%d" % i) for i, key in enumerate(expected)]
            assert a[b"%08d" % last] == b"value " * (last % 50)
            assert db.verify().is_sound


def test_without_durability_a_killed_process_leaves_a_prefix(path, engine):
    program = WRITER + "os.kill(os.getpid(), 9)"
    command = [sys.executable, "-c", program, str(path), "none", engine, "5000"]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode != 0
    with cuesta.open(path) as db:
        if "b" not in db.keyspaces():
            return
        a, b = db.keyspace("a"), db.keyspace("b")
        last = int(a.get(b"last", b"-1"))
        assert len(list(b)) == last + 1
        assert db.verify().is_sound
