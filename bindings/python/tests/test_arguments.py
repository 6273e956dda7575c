"""Bytes-like arguments, and what is not bytes-like."""

import array
import ctypes
import mmap

import pytest

import cuesta

VALUE = bytes(range(256)) * 40


class Subclass(bytes):
    pass


def mapped():
    memory = mmap.mmap(-1, len(VALUE))
    memory.write(VALUE)
    return memory


LIKE_BYTES = {
    "bytes": lambda: VALUE,
    "bytearray": lambda: bytearray(VALUE),
    "memoryview": lambda: memoryview(VALUE),
    "memoryview of a bytearray": lambda: memoryview(bytearray(VALUE)),
    "part of a memoryview": lambda: memoryview(b"xx" + VALUE + b"xx")[2:-2],
    "memoryview of words": lambda: memoryview(VALUE).cast("I"),
    "array of bytes": lambda: array.array("B", VALUE),
    "array of words": lambda: array.array("d", VALUE),
    "subclass": lambda: Subclass(VALUE),
    "ctypes": lambda: (ctypes.c_char * len(VALUE)).from_buffer_copy(VALUE),
    "mmap": mapped,
}


@pytest.mark.parametrize("kind", LIKE_BYTES)
def test_values_of_every_kind(db, ks, kind):
    ks.put(b"a", LIKE_BYTES[kind]())
    ks[b"b"] = LIKE_BYTES[kind]()
    with db.batch() as batch:
        batch.put(ks, b"c", LIKE_BYTES[kind]())
    assert list(ks.values()) == [VALUE] * 3


@pytest.mark.parametrize("kind", LIKE_BYTES)
def test_keys_of_every_kind(db, ks, kind):
    key = LIKE_BYTES[kind]()
    ks[key] = b"1"
    assert ks[key] == ks.get(key) == b"1" and key in ks
    assert list(ks) == [VALUE]
    assert list(ks.keys(start=key)) == list(ks.keys(prefix=key)) == [VALUE]
    assert list(ks.keys(end=key)) == []
    with db.snapshot() as now:
        assert now.get(ks, key) == b"1" and now.contains(ks, key)
    with db.batch() as batch:
        batch.delete(ks, key)
    assert key not in ks
    ks.put(key, b"2")
    ks.delete(key)
    assert list(ks) == []


def test_empty_buffers(ks):
    for empty in (b"", bytearray(), memoryview(b""), array.array("d")):
        ks[empty] = empty
        assert ks[empty] == b"" and list(ks.keys(prefix=empty)) == [b""]


def test_numpy_arrays(ks):
    numpy = pytest.importorskip("numpy")
    floats = numpy.arange(1000, dtype=numpy.float64)
    ks[b"floats"] = floats
    assert (numpy.frombuffer(ks[b"floats"]) == floats).all()
    table = numpy.arange(12, dtype=numpy.int32).reshape(3, 4)
    ks[b"table"] = table
    assert ks[b"table"] == table.tobytes()
    ks[b"row"] = table[1]
    assert ks[b"row"] == table[1].tobytes()
    ks[numpy.array([1, 2], dtype=">u4")] = numpy.uint8(7)
    assert ks[b"\0\0\0\x01\0\0\0\x02"] == b"\x07"
    with pytest.raises(BufferError, match="lie together"):
        ks[b"column"] = table[:, 1]
    with pytest.raises(BufferError, match="lie together"):
        ks[table.T] = b""
    assert b"column" not in ks


def test_memory_that_is_not_contiguous_is_refused(ks):
    with pytest.raises(BufferError, match="bytes of a value must lie together"):
        ks[b"key"] = memoryview(VALUE)[::2]
    with pytest.raises(BufferError, match="bytes of a key must lie together"):
        ks[memoryview(VALUE)[::2]] = b""


def test_a_buffer_is_given_back(ks):
    value = bytearray(b"value")
    ks[b"key"] = value
    ks[value] = b"x"
    list(ks.scan(prefix=value))
    value += b" that grows"
    with pytest.raises(TypeError):
        ks["key"] = value
    value += b" again"
    assert ks[b"key"] == b"value"


def test_text_is_refused_with_advice(db, ks):
    ks[b"key"] = b"value"
    uses = [
        lambda: ks.get("key"),
        lambda: ks.put("key", b"value"),
        lambda: ks.delete("key"),
        lambda: ks["key"],
        lambda: "key" in ks,
        lambda: ks.scan("a"),
        lambda: ks.scan(end="a"),
        lambda: ks.keys(prefix="a"),
        lambda: db.batch().put(ks, "key", b"value"),
        lambda: db.batch().delete(ks, "key"),
        lambda: db.snapshot().get(ks, "key"),
    ]
    for use in uses:
        with pytest.raises(TypeError, match=r"a key must be bytes-like, not str: encode it"):
            use()
    with pytest.raises(TypeError, match=r"a value must be bytes-like, not str: encode it"):
        ks[b"key"] = "value"
    with pytest.raises(TypeError, match=r"a value must be bytes-like, not int"):
        ks[b"key"] = 7
    with pytest.raises(TypeError, match=r"a key must be bytes-like, not NoneType"):
        ks[None]
    assert list(ks.items()) == [(b"key", b"value")]


def test_wrong_handles_are_refused(db):
    for wrong in (None, "things", db):
        with pytest.raises(TypeError):
            db.batch().put(wrong, b"key", b"value")
        with pytest.raises(TypeError):
            db.snapshot().get(wrong, b"key")
    with pytest.raises(TypeError):
        db.keyspace(b"things")


def test_handles_are_made_by_functions_only():
    for handle in ("Database", "Keyspace", "Batch", "Snapshot", "Scan", "VerifyReport"):
        with pytest.raises(TypeError):
            getattr(cuesta, handle)()
        with pytest.raises(TypeError):
            type("Mine", (getattr(cuesta, handle),), {})


def test_what_the_module_has():
    import re

    assert re.fullmatch(r"\d+\.\d+\.\d+", cuesta.__version__)
    assert cuesta.__doc__
    for name in cuesta.__all__:
        assert hasattr(cuesta, name)
    assert {name for name in vars(cuesta) if not name.startswith("_")} == {
        name for name in cuesta.__all__ if not name.startswith("_")
    }


def test_numbers_out_of_range_are_told_by_name(db, ks, tmp_path):
    from cuesta.id import Sequence, Snowflake, Snowflakes

    backups = cuesta.Backups(tmp_path / "kept")
    uses = {
        "block_bytes": lambda: db.keyspace("x", block_bytes=1 << 40),
        "filter_bits": lambda: db.keyspace("x", filter_bits=256),
        "blob_threshold": lambda: db.keyspace("x", blob_threshold=-1),
        "page_bytes": lambda: db.keyspace("x", page_bytes=1 << 32),
        "fill_percent": lambda: db.keyspace("x", fill_percent=-1),
        "attempts": lambda: db.transact(lambda tx: None, attempts=-1),
        "max_bytes": lambda: db.cache("c", max_bytes=-1),
        "max_entries": lambda: db.cache("c", max_entries=1 << 64),
        "commit": lambda: db.changes_since(-1),
        "limit": lambda: ks.scan(limit=1 << 70),
        "reserve": lambda: Sequence(ks, b"a", reserve=-1),
        "node": lambda: Snowflakes(ks, b"a", node=1 << 16),
        "epoch_ms": lambda: Snowflakes(ks, b"a", epoch_ms=-1),
        "number": lambda: Snowflake.of(1 << 64),
        "time_ms": lambda: backups.restore(tmp_path / "x", time_ms=-1),
        "keep": lambda: backups.purge(-1),
        "memory_budget": lambda: cuesta.repair(tmp_path, tmp_path / "x", memory_budget=-1),
    }
    for name, use in uses.items():
        with pytest.raises(cuesta.InvalidError, match=f"^{name}: .* is not a number from 0 to"):
            use()
    with pytest.raises(cuesta.InvalidError, match="attempts: with 0"):
        db.transact(lambda tx: None, attempts=0)
    with pytest.raises(TypeError, match="limit"):
        ks.scan(limit="1")
    with pytest.raises(TypeError, match="limit"):
        ks.scan(limit=1.5)


def test_compression_is_one_name_or_one_for_each_level(db, tmp_path):
    for wrong in ([], ["none"], ["zstd"] * 6, ["zstd"] * 8):
        with pytest.raises(cuesta.InvalidError, match=f"compression of {len(wrong)} levels"):
            db.keyspace("x", compression=wrong)
        with pytest.raises(cuesta.InvalidError, match="a list has one for each of 7"):
            cuesta.SegmentBuilder(tmp_path / "part", compression=wrong)
    db.keyspace("x", compression=["none"] * 6 + ["zstd"])
    db.keyspace("y", compression="zstd")


def test_files_and_paths_that_are_none_are_told_so(db, ks, tmp_path):
    with pytest.raises(TypeError, match=r"an open binary file, with write\(\), not str"):
        db.dump(str(tmp_path / "dump"))
    with pytest.raises(TypeError, match=r"an open binary file, with read\(\), not NoneType"):
        db.load(None)
    for path in ("part", tmp_path / "part", b"part"):
        with pytest.raises(TypeError, match=r"a list of paths, not .*: write \[path\]"):
            ks.ingest(path)


def test_stubs_know_the_names_of_compressions():
    import ast
    from pathlib import Path

    stubs = Path(cuesta.__file__).parent / "_cuesta"
    of_compression = [
        ast.unparse(argument.annotation)
        for name in ("database.pyi", "load.pyi")
        for function in ast.walk(ast.parse((stubs / name).read_text()))
        if isinstance(function, ast.FunctionDef)
        for argument in function.args.kwonlyargs
        if argument.arg == "compression"
    ]
    assert of_compression == ["_Compression | list[_Compression] | None"] * 2
