"""Bulk loads, and files that are prepared for them."""

import pytest

import cuesta


def test_a_load_is_seen_when_it_is_finished(db, ks):
    other = db.keyspace("other")
    ks[b"b"] = b"old"
    with db.bulk_load() as load:
        for key in (b"a", b"b", b"c"):
            load.put(ks, key, b"loaded")
            load.put(other, key, bytearray(b"too"))
        load.put(ks, b"d", b"gone", ttl=0)
        load.note(b"why")
        assert len(load) == 7
        assert list(ks) == [b"b"]
    assert ks[b"b"] == b"loaded"
    assert list(ks) == list(other) == [b"a", b"b", b"c"]
    change = list(db.changes_since(0))[-1]
    assert change.note == b"why"
    told = change.operations[0]
    assert (told.action, told.entries, told.first, told.last) == ("load", 4, b"a", b"d")


def test_keys_out_of_order_are_named(db, ks):
    load = db.bulk_load()
    load.put(ks, b"b", b"")
    with pytest.raises(cuesta.InvalidError, match='"a" came after "b"'):
        load.put(ks, b"a", b"")
    assert load.finish().entries == 1
    for call in (load.finish, lambda: load.put(ks, b"z", b"")):
        with pytest.raises(cuesta.InvalidError, match="over"):
            call()


def test_an_exception_discards_a_load(db, ks):
    with pytest.raises(ZeroDivisionError):
        with db.bulk_load() as load:
            load.put(ks, b"a", b"")
            raise ZeroDivisionError
    assert list(ks) == []
    assert repr(load) == "<cuesta.BulkLoad, over>"


def test_prepared_files_are_ingested(tmp_path, ks):
    paths = []
    for part in range(3):
        paths.append(tmp_path / f"part-{part}")
        with cuesta.SegmentBuilder(paths[-1], compression="zstd", block_bytes=1024) as builder:
            for number in range(100):
                builder.put(bytes([part, number]), b"value")
    with pytest.raises(cuesta.ExistsError):
        cuesta.SegmentBuilder(paths[0])
    ks[bytes([1, 50])] = b"old"
    loaded = ks.ingest(paths)
    assert loaded.entries == 300
    assert ks[bytes([1, 50])] == b"value"
    assert len(list(ks)) == 300
    with pytest.raises(cuesta.InvalidError, match="overlap"):
        ks.ingest([paths[0], paths[0]])
    damaged = bytearray(paths[1].read_bytes())
    damaged[20] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    with pytest.raises(cuesta.CorruptError, match="damaged"):
        ks.ingest([tmp_path / "damaged"])
    builder = cuesta.SegmentBuilder(tmp_path / "unfinished")
    builder.put(b"k", b"v")
    builder.discard()
    assert not (tmp_path / "unfinished").exists()
