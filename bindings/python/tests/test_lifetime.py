"""Values that live for a while."""

import math

import pytest

import cuesta


def test_a_value_lives_as_long_as_it_was_told(db, ks):
    ks.put(b"a", b"1", ttl=3600)
    ks.put(b"b", b"1", 0)
    ks[b"c"] = b"1"
    assert 3590 < ks.expiry(b"a") <= 3600
    assert b"b" not in ks and ks.expiry(b"b") is None
    assert ks.expiry(b"c") == math.inf
    with db.snapshot() as then:
        ks[b"a"] = b"2"
        assert 3590 < then.expiry(ks, b"a") <= 3600
    assert ks.expiry(b"a") == math.inf


def test_batches_and_transactions_give_times_to_live(db, ks):
    with db.batch() as batch:
        batch.put(ks, b"a", b"1", ttl=60.0)
    with db.transaction() as tx:
        tx.put(ks, b"b", bytearray(b"1"), ttl=60)
        tx.put(ks, b"c", b"1", 0)
        assert 50 < tx.expiry(ks, b"b") <= 70  # since it began
    assert list(ks) == [b"a", b"b"]
    assert 50 < ks.expiry(b"a") <= 60


def test_a_keyspace_has_a_time_to_live_of_its_own(db):
    ks = db.keyspace("sessions", ttl=3600, blob_threshold=4096)
    ks[b"a"] = b"x" * 10_000
    ks.put(b"b", b"", ttl=5)
    assert 3590 < ks.expiry(b"a") <= 3600
    assert ks.expiry(b"b") <= 5


def test_a_time_to_live_may_be_for_ever(db, tmp_path):
    ks = db.keyspace("sessions", ttl=3600)
    ks.put(b"a", b"", ttl=math.inf)
    with db.batch() as batch:
        batch.put(ks, b"b", b"", math.inf)
    with db.transaction() as tx:
        tx.put(ks, b"c", b"", math.inf)
    with db.bulk_load() as load:
        load.put(ks, b"d", b"", math.inf)
    with cuesta.SegmentBuilder(tmp_path / "part", ttl=3600) as builder:
        builder.put(b"e", b"", math.inf)
    ks.ingest([tmp_path / "part"])
    assert [ks.expiry(key) for key in ks] == [math.inf] * 5
    ever = db.keyspace("ever", ttl=math.inf)
    ever[b"a"] = b""
    assert ever.expiry(b"a") == math.inf
    for memory_only in (True, False):
        cache = db.cache(f"c{memory_only}", max_entries=2, ttl=0, memory_only=memory_only)
        cache.put(b"a", b"1", ttl=math.inf)
        cache.put(b"b", b"1")
        assert cache.get(b"a") == b"1" and cache.get(b"b") is None


def test_a_time_is_shown_as_it_is_written(ks):
    with pytest.raises(cuesta.InvalidError, match="ttl of 1e300 seconds"):
        ks.put(b"a", b"", ttl=1e300)


@pytest.mark.parametrize("ttl", [-1, math.nan, -math.inf])
def test_a_time_that_is_none_is_refused(ks, ttl):
    with pytest.raises(cuesta.InvalidError, match="ttl"):
        ks.put(b"a", b"", ttl=ttl)
    assert b"a" not in ks
