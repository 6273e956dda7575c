"""What a call from Python costs: operations a second, next to a dict, sqlite3 and what else is here.

    python bench.py [entries]        100,000 entries by default; keys of 16 bytes, values of 100

Every store is bounded by the same durability: commits survive a killed process, not power loss
("buffered"; for sqlite3 WAL with synchronous=NORMAL; for lmdb sync=False). The column "put, sync" is
for commits that survive power loss. Batches and the scan of everything count entries; ranges of 100
count ranges. Not for comparing engines: see benches/ for that. What is read is checked against what
was written. lmdb and plyvel join in when they are installed.
"""

import importlib.util
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cuesta

COLUMNS = ["put", "put, sync", "batch", "get", "miss", "scan", "range of 100"]
Pair = tuple[bytes, bytes]


class Dict:
    """Python's own, which keeps nothing and no order: the most that any store could do."""

    name = "dict"

    def __init__(self, path: Path) -> None:
        self.content: dict[bytes, bytes] = {}

    def put(self, key: bytes, value: bytes) -> None:
        self.content[key] = value

    def batch(self, pairs: Iterable[Pair]) -> None:
        self.content.update(pairs)

    def get(self, key: bytes) -> bytes | None:
        return self.content.get(key)

    def scan(self) -> Iterable[Pair]:
        return iter(sorted(self.content.items()))

    def close(self) -> None:
        pass


class Cuesta:
    name = "cuesta"

    def __init__(self, path: Path) -> None:
        self.db = cuesta.open(path, durability="buffered")
        self.ks = self.db.keyspace("bench")
        self.put, self.get, self.scan = self.ks.put, self.ks.get, self.ks.scan

    def put_sync(self, key: bytes, value: bytes) -> None:
        with self.db.batch(durability="sync") as batch:
            batch.put(self.ks, key, value)

    def batch(self, pairs: Iterable[Pair]) -> None:
        with self.db.batch() as batch:
            put, ks = batch.put, self.ks
            for key, value in pairs:
                put(ks, key, value)

    def some(self, start: bytes, count: int) -> Iterable[Pair]:
        return self.ks.scan(start, limit=count)

    def settle(self) -> None:
        self.db.flush()
        self.db.settle()

    def close(self) -> None:
        self.db.close()


class Sqlite:
    name = "sqlite3"

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.execute("CREATE TABLE kv (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")

    def put(self, key: bytes, value: bytes) -> None:
        self.db.execute("INSERT OR REPLACE INTO kv VALUES (?, ?)", (key, value))

    def put_sync(self, key: bytes, value: bytes) -> None:
        self.db.execute("PRAGMA synchronous=FULL")
        self.put(key, value)

    def batch(self, pairs: Iterable[Pair]) -> None:
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.execute("BEGIN")
        self.db.executemany("INSERT OR REPLACE INTO kv VALUES (?, ?)", pairs)
        self.db.execute("COMMIT")

    def get(self, key: bytes) -> bytes | None:
        row = self.db.execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone()
        return row[0] if row else None

    def scan(self) -> Iterable[Pair]:
        return self.db.execute("SELECT k, v FROM kv ORDER BY k")

    def some(self, start: bytes, count: int) -> Iterable[Pair]:
        query = "SELECT k, v FROM kv WHERE k >= ? ORDER BY k LIMIT ?"
        return self.db.execute(query, (start, count))

    def close(self) -> None:
        self.db.close()


class Lmdb:
    name = "lmdb"

    def __init__(self, path: Path) -> None:
        import lmdb

        self.db = lmdb.open(str(path), map_size=4 << 30, sync=False)

    def put(self, key: bytes, value: bytes) -> None:
        with self.db.begin(write=True) as transaction:
            transaction.put(key, value)

    def put_sync(self, key: bytes, value: bytes) -> None:
        self.put(key, value)
        self.db.sync(True)

    def batch(self, pairs: Iterable[Pair]) -> None:
        with self.db.begin(write=True) as transaction:
            for key, value in pairs:
                transaction.put(key, value)

    def get(self, key: bytes) -> bytes | None:
        with self.db.begin() as transaction:
            return transaction.get(key)

    def scan(self) -> Iterator[Pair]:
        with self.db.begin() as transaction:
            yield from transaction.cursor()

    def some(self, start: bytes, count: int) -> Iterator[Pair]:
        with self.db.begin() as transaction:
            cursor = transaction.cursor()
            cursor.set_range(start)
            for _, pair in zip(range(count), cursor):
                yield pair

    def close(self) -> None:
        self.db.close()


class Plyvel:
    name = "plyvel"

    def __init__(self, path: Path) -> None:
        import plyvel

        self.db = plyvel.DB(str(path), create_if_missing=True, lru_cache_size=128 << 20)
        self.put, self.get, self.scan = self.db.put, self.db.get, self.db.iterator

    def put_sync(self, key: bytes, value: bytes) -> None:
        self.db.put(key, value, sync=True)

    def batch(self, pairs: Iterable[Pair]) -> None:
        with self.db.write_batch() as batch:
            for key, value in pairs:
                batch.put(key, value)

    def some(self, start: bytes, count: int) -> Iterator[Pair]:
        for _, pair in zip(range(count), self.db.iterator(start=start)):
            yield pair

    def close(self) -> None:
        self.db.close()


def rate(count: int, work: Callable[[], object]) -> float:
    """How many of `count` things a second `work` does."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def measure(store, pairs: list[Pair]) -> dict[str, float]:
    """Operations a second, entries a second for scans and batches."""
    entries, rates = len(pairs), {}
    half = entries // 2
    expected = dict(pairs)

    def put_each() -> None:
        for key, value in pairs[:half]:
            store.put(key, value)

    def put_synced() -> None:
        for key, value in synced:
            store.put_sync(key, value)

    def put_batches() -> None:
        for start in range(half, entries, 1000):
            store.batch(pairs[start : start + 1000])

    def get_each() -> None:
        for key in sought:
            assert store.get(key) == expected[key]

    def miss_each() -> None:
        for key in missing:
            assert store.get(key) is None

    def scan_all() -> None:
        assert sum(1 for _ in store.scan()) == entries

    def scan_some() -> None:
        for start in starts:
            assert sum(1 for _ in store.some(start, 100)) <= 100

    synced = pairs[: min(half, 500)]
    chosen = random.Random(2)
    sought = [chosen.choice(pairs)[0] for _ in range(entries)]
    missing = [b"%016d" % (2 * chosen.randrange(entries) + 1) for _ in range(entries)]
    starts = sought[: entries // 100]

    rates["put"] = rate(half, put_each)
    if hasattr(store, "put_sync"):
        rates["put, sync"] = rate(len(synced), put_synced)
    rates["batch"] = rate(entries - half, put_batches)
    if hasattr(store, "settle"):
        store.settle()
    rates["get"] = rate(entries, get_each)
    rates["miss"] = rate(entries, miss_each)
    rates["scan"] = rate(entries, scan_all)
    if hasattr(store, "some"):
        rates["range of 100"] = rate(len(starts), scan_some)
    assert list(store.scan()) == sorted(pairs)
    return rates


def main(entries: int) -> None:
    order = random.Random(1)
    pairs = [(b"%016d" % (2 * i), order.randbytes(100)) for i in range(entries)]
    order.shuffle(pairs)
    stores: list[type] = [Dict, Cuesta, Sqlite]
    stores += [kind for kind in (Lmdb, Plyvel) if importlib.util.find_spec(kind.name)]
    print(f"{entries:,} entries, thousands a second")
    print(f"{'':10}" + "".join(f"{column:>14}" for column in COLUMNS))
    for kind in stores:
        with tempfile.TemporaryDirectory() as directory:
            store = kind(Path(directory) / "store")
            rates = measure(store, pairs)
            store.close()
        cells = (f"{rates[c] / 1000:14,.1f}" if c in rates else f"{'':14}" for c in COLUMNS)
        print(f"{kind.name:10}" + "".join(cells))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
