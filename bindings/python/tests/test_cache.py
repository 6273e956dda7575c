"""Caches: bounds, policies, statistics, and one loader for a key."""

import threading

import pytest

import cuesta


def test_a_cache_is_a_bounded_map(db):
    pages = db.cache("pages", max_entries=3)
    assert len(pages) == 0 and pages and pages.get(b"a") is None
    for key in (b"a", b"b", b"c"):
        pages.put(key, key * 10)
    assert pages.get(b"a", 1) == b"a" * 10 and pages.get(bytearray(b"z"), 1) == 1
    pages.put(memoryview(b"d"), bytearray(b"new"))
    assert b"b" not in pages and b"d" in pages and len(pages) == 3
    assert pages.bytes == 2 * (64 + 11) + 64 + 4
    stats = pages.stats()
    assert (stats.hits, stats.misses, stats.insertions, stats.evictions) == (1, 2, 4, 1)
    assert stats.hit_rate == pytest.approx(1 / 3)
    assert (stats.entries, stats.bytes) == (3, pages.bytes) and stats.memory_bytes > 0
    assert pages.remove(b"d") and not pages.remove(b"d")
    assert pages.name == "pages" and repr(pages) == "<cuesta.Cache 'pages'>".replace("'", '"')
    pages.clear()
    assert len(pages) == 0 and list(db.keyspace("cache:pages")) == []


def test_a_kept_cache_is_warm_after_reopening(path):
    with cuesta.open(path) as db:
        db.cache("kept", max_bytes=1 << 20, policy="tiny_lfu").put(b"a", b"1")
        db.cache("gone", max_bytes=1 << 20, memory_only=True).put(b"a", b"1")
    with cuesta.open(path) as db:
        assert db.cache("kept", max_bytes=1 << 20, durability="sync").get(b"a") == b"1"
        assert b"a" not in db.cache("gone", max_entries=10, memory_only=True)
        assert db.keyspaces() == ["cache:kept"]


def test_what_is_in_a_cache_has_its_time(db):
    tokens = db.cache("tokens", max_entries=10, ttl=3600, memory_only=True)
    tokens.put(b"long", b"1")
    tokens.put(b"short", b"1", ttl=0)
    assert b"long" in tokens and tokens.get(b"short") is None
    assert tokens.stats().expirations == 1


def test_one_loads_and_the_others_wait(db):
    pages, calls, go = db.cache("pages", max_entries=10), [], threading.Event()
    got = []

    def load():
        calls.append(1)
        assert go.wait(60)
        return b"page"

    def ask():
        got.append(pages.get_or_insert_with(b"/", load))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert got == [b"page"] * 8 and calls == [1]
    assert pages.get(b"/") == b"page"


def test_what_a_loader_raises_comes_out(db):
    pages = db.cache("pages", max_entries=10, memory_only=True)
    with pytest.raises(ZeroDivisionError):
        pages.get_or_insert_with(b"a", lambda: b"%d" % (1 // 0))
    with pytest.raises(TypeError, match="value must be bytes-like"):
        pages.get_or_insert_with(b"a", lambda: "text")
    assert b"a" not in pages
    assert pages.get_or_insert_with(b"a", lambda: bytearray(b"1")) == b"1"
    assert pages.get_or_insert_with(b"b", lambda: pages.get(b"a")) == b"1"


def test_a_cache_refuses_what_is_wrong(db):
    for wrong in ({}, {"max_entries": 0}, {"max_bytes": 9, "policy": "fifo"}, {"ttl": 1}):
        with pytest.raises(cuesta.InvalidError):
            db.cache("c", **wrong)
    cache = db.cache("c", max_entries=9)
    with pytest.raises(cuesta.InvalidError, match="other options"):
        db.cache("c", max_entries=10)
    with pytest.raises(TypeError, match="str"):
        cache.put(b"a", "text")
    with pytest.raises(cuesta.InvalidError):
        cache.put(b"a", b"", ttl=-1)
    db.close()
    for call in (lambda: cache.get(b"a"), lambda: b"a" in cache, lambda: len(cache), cache.stats):
        with pytest.raises(cuesta.InvalidError, match="closed"):
            call()
