"""Random operations, compared with dicts."""

import random

import pytest

import cuesta


class Model:
    """A database and what must be in it."""

    def __init__(self, path, seed):
        self.path = path
        self.random = random.Random(seed)
        self.expected = {"a": {}, "b": {}}
        self.snapshots = []
        self.open()

    def open(self):
        self.db = cuesta.open(
            self.path,
            durability=self.random.choice(["buffered", "none"]),
            memory_budget=1 << 20,
            use_mmap=self.random.random() < 0.5,
        )
        self.keyspaces = {name: self.db.keyspace(name) for name in self.expected}

    def key(self):
        length = self.random.choice([0, 1, 1, 2, 2, 2, 3, 3])
        return bytes(self.random.choice(b"\x00ab\xfe\xff") for _ in range(length))

    def value(self):
        size = self.random.choice([0, 1, 10, 100, 1000, 9000])
        return self.random.randbytes(size)

    def step(self):
        name = self.random.choice(list(self.expected))
        ks, expected = self.keyspaces[name], self.expected[name]
        kind = self.random.choices(
            ["put", "delete", "get", "scan", "batch", "snapshot", "maintain", "reopen"],
            [30, 10, 20, 15, 10, 5, 2, 0.5],
        )[0]
        if kind == "put":
            key, value = self.key(), self.value()
            ks[bytearray(key)] = memoryview(value)
            expected[key] = value
        elif kind == "delete":
            key = self.key()
            del ks[key]
            expected.pop(key, None)
        elif kind == "get":
            key = self.key()
            assert ks.get(key) == expected.get(key)
            assert (key in ks) == (key in expected)
        elif kind == "scan":
            self.scan(ks.scan, expected)
        elif kind == "batch":
            self.batch()
        elif kind == "snapshot":
            self.snapshot()
        elif kind == "maintain":
            self.random.choice([self.db.flush, self.db.compact, self.db.sync, self.db.settle])()
        else:
            self.reopen()

    def scan(self, scan, expected):
        start, end, prefix = (self.random.choice([None, None, self.key()]) for _ in range(3))
        reverse, limit = self.random.random() < 0.5, self.random.choice([None, 0, 1, 5, 100])
        keys = [
            key
            for key in sorted(expected, reverse=reverse)
            if key.startswith(prefix or b"")
            and key >= (start or b"")
            and (end is None or key < end)
        ]
        found = scan(start=start, end=end, prefix=prefix, reverse=reverse, limit=limit)
        assert list(found) == [(key, expected[key]) for key in keys[:limit]]

    def batch(self):
        changed = {name: dict(content) for name, content in self.expected.items()}
        fails = self.random.random() < 0.3
        try:
            with self.db.batch() as batch:
                for _ in range(self.random.randrange(20)):
                    name, key = self.random.choice(list(changed)), self.key()
                    if self.random.random() < 0.7:
                        changed[name][key] = self.value()
                        batch.put(self.keyspaces[name], key, changed[name][key])
                    else:
                        changed[name].pop(key, None)
                        batch.delete(self.keyspaces[name], key)
                if fails:
                    raise ValueError
            self.expected = changed
        except ValueError:
            assert fails

    def snapshot(self):
        if len(self.snapshots) < 3:
            content = {name: dict(content) for name, content in self.expected.items()}
            self.snapshots.append((self.db.snapshot(), content))
            return
        then, content = self.snapshots.pop(self.random.randrange(3))
        with then:
            try:
                for name, expected in content.items():
                    self.scan(lambda **how: then.scan(self.keyspaces[name], **how), expected)
                    key = self.key()
                    assert then.get(self.keyspaces[name], key) == expected.get(key)
            except cuesta.ExpiredError:
                pass

    def reopen(self):
        self.snapshots.clear()
        self.db.close()
        self.open()

    def check(self):
        for name, expected in self.expected.items():
            assert list(self.keyspaces[name].items()) == sorted(expected.items())
        assert self.db.verify().is_sound


@pytest.mark.parametrize("seed", range(6))
def test_random_operations_do_what_they_do_to_a_dict(path, seed):
    print("seed", seed)
    model = Model(path, seed)
    for step in range(1500):
        model.step()
        if step % 300 == 0:
            model.check()
    model.reopen()
    model.check()
    model.db.close()
