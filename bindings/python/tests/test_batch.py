"""Batches: all or nothing."""

import pytest

import cuesta


def test_a_batch_is_committed_at_its_end(db):
    a, b = db.keyspace("a"), db.keyspace("b")
    a[b"old"] = b"x"
    with db.batch() as batch:
        batch.put(a, b"key", b"1")
        batch.put(b, b"key", b"2")
        batch.delete(a, b"old")
        assert len(batch) == 3
        assert b"key" not in a and b"key" not in b and b"old" in a
    assert a[b"key"] == b"1" and b[b"key"] == b"2" and b"old" not in a


def test_a_batch_is_one_commit(db, ks):
    before = db.snapshot().commit
    with db.batch() as batch:
        for i in range(1000):
            batch.put(ks, b"%d" % i, b"x")
    assert db.snapshot().commit == before + 1


def test_an_exception_discards_a_batch_and_goes_on(db, ks):
    with pytest.raises(ZeroDivisionError):
        with db.batch() as batch:
            batch.put(ks, b"key", b"value")
            1 / 0
    assert b"key" not in ks
    with pytest.raises(cuesta.InvalidError, match="discarded"):
        batch.put(ks, b"key", b"value")


def test_the_last_write_of_a_key_wins(db, ks):
    with db.batch() as batch:
        batch.put(ks, b"a", b"1")
        batch.put(ks, b"a", b"2")
        batch.delete(ks, b"a")
        batch.put(ks, b"a", b"3")
        batch.put(ks, b"b", b"1")
        batch.delete(ks, b"b")
    assert list(ks.items()) == [(b"a", b"3")]


def test_a_batch_committed_by_hand(db, ks):
    batch = db.batch()
    batch.put(ks, b"key", b"value")
    batch.commit()
    assert ks[b"key"] == b"value"
    assert len(batch) == 0
    for use in (batch.commit, batch.clear, lambda: batch.delete(ks, b"key")):
        with pytest.raises(cuesta.InvalidError, match="committed"):
            use()


def test_a_batch_committed_inside_its_block_is_not_committed_again(db, ks):
    before = db.snapshot().commit
    with db.batch() as batch:
        batch.put(ks, b"key", b"value")
        batch.commit()
    assert db.snapshot().commit == before + 1


def test_a_cleared_batch_writes_nothing(db, ks):
    with db.batch() as batch:
        batch.put(ks, b"key", b"value")
        batch.clear()
        assert len(batch) == 0 and batch
        batch.put(ks, b"other", b"value")
    assert list(ks) == [b"other"]


def test_an_empty_batch_commits_nothing(db):
    before = db.snapshot().commit
    with db.batch():
        pass
    assert db.snapshot().commit == before


def test_a_forgotten_batch_writes_nothing(db, ks):
    batch = db.batch()
    batch.put(ks, b"key", b"value")
    del batch
    assert b"key" not in ks


def test_a_wrong_write_leaves_the_batch_as_it_was(db, ks):
    with db.batch() as batch:
        batch.put(ks, b"a", b"1")
        with pytest.raises(cuesta.InvalidError):
            batch.put(ks, b"k" * 70000, b"")
        with pytest.raises(TypeError):
            batch.put(ks, b"b", "text")
        assert len(batch) == 1
    assert list(ks) == [b"a"]


def test_a_keyspace_of_another_database_is_refused(db, tmp_path):
    with cuesta.open(tmp_path / "other") as other:
        foreign = other.keyspace("things")
        with pytest.raises(cuesta.InvalidError, match="another database"):
            db.batch().put(foreign, b"key", b"value")
        with pytest.raises(cuesta.InvalidError, match="another database"):
            db.snapshot().get(foreign, b"key")


def test_a_batch_for_a_dropped_keyspace_writes_nothing(db, ks):
    other = db.keyspace("other")
    batch = db.batch()
    batch.put(ks, b"key", b"value")
    batch.put(other, b"key", b"value")
    db.drop_keyspace("other")
    with pytest.raises(cuesta.NotFoundError):
        batch.commit()
    assert b"key" not in ks


def test_a_batch_beyond_the_budget_is_refused(tmp_path):
    with cuesta.open(tmp_path / "small", memory_budget=1 << 20) as db:
        ks = db.keyspace("things")
        with pytest.raises(cuesta.FullError):
            ks[b"key"] = bytes(1 << 20)
        assert b"key" not in ks
        ks[b"key"] = bytes(1 << 10)


@pytest.mark.parametrize("durability", ["sync", "interval", "buffered", "none"])
def test_every_durability(db, ks, durability):
    with db.batch(durability=durability) as batch:
        batch.put(ks, b"key", durability.encode())
    assert ks[b"key"] == durability.encode()


def test_only_sync_syncs(db, ks):
    def syncs(durability):
        before = db.stats()["counters"]["log_syncs"]
        with db.batch(durability) as batch:
            batch.put(ks, b"key", b"value")
        return db.stats()["counters"]["log_syncs"] - before

    assert syncs("buffered") == 0
    assert syncs("none") == 0
    assert syncs("sync") == 1


def test_unknown_durabilities_are_refused(db):
    with pytest.raises(cuesta.InvalidError, match='"fast" is not one of "sync"'):
        db.batch(durability="fast")
    with pytest.raises(TypeError):
        db.batch(durability=1)


def test_what_a_batch_says_of_itself(db, ks):
    batch = db.batch()
    batch.put(ks, b"a", b"1")
    assert repr(batch) == "<cuesta.Batch of 1 writes>"
    batch.commit()
    assert repr(batch) == "<cuesta.Batch, committed>"
