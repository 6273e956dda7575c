"""Single keys: get, put, delete, and the same as a dict."""

import pytest

import cuesta


def test_what_is_put_is_there(ks):
    assert ks.put(b"key", b"value") is None
    assert ks.get(b"key") == b"value"
    assert type(ks.get(b"key")) is bytes
    ks.put(b"key", b"other")
    assert ks.get(b"key") == b"other"


def test_a_missing_key_gives_the_default(ks):
    assert ks.get(b"key") is None
    assert ks.get(b"key", b"default") == b"default"
    marker = object()
    assert ks.get(b"key", marker) is marker
    assert ks.get(key=b"key", default=7) == 7


def test_an_empty_value_is_a_value(ks):
    ks.put(b"key", b"")
    assert ks.get(b"key", b"default") == b""
    assert b"key" in ks


def test_an_empty_key_is_a_key(ks):
    ks[b""] = b"value"
    assert ks[b""] == b"value"
    assert list(ks) == [b""]


def test_what_is_deleted_is_gone(ks):
    ks.put(b"key", b"value")
    assert ks.delete(b"key") is None
    assert ks.get(b"key") is None
    ks.delete(b"key")


def test_a_keyspace_works_like_a_dict(ks):
    ks[b"b"] = b"2"
    ks[b"a"] = b"1"
    assert ks[b"a"] == b"1"
    assert b"a" in ks and b"c" not in ks
    assert list(ks) == [b"a", b"b"]
    assert list(ks.keys()) == [b"a", b"b"]
    assert list(ks.values()) == [b"1", b"2"]
    assert dict(ks.items()) == {b"a": b"1", b"b": b"2"}
    del ks[b"a"]
    assert b"a" not in ks
    del ks[b"a"]


def test_a_keyspace_has_no_length_and_is_true(ks):
    with pytest.raises(TypeError):
        len(ks)
    assert ks


def test_a_missing_item_is_a_key_error(ks):
    with pytest.raises(KeyError) as caught:
        ks[b"key\xff"]
    assert isinstance(caught.value, cuesta.NotFoundError)
    assert str(caught.value) == 'there is no key b"key\\xff" in keyspace "things"'
    with pytest.raises(cuesta.NotFoundError, match=r"\.\.\. of 1000 bytes"):
        ks[b"k" * 1000]


def test_keyspaces_do_not_share_keys(db):
    a, b = db.keyspace("a"), db.keyspace("b")
    a[b"key"] = b"of a"
    assert b"key" not in b
    assert db.keyspace("a")[b"key"] == b"of a"


def test_keyspaces_are_listed_renamed_and_dropped(db):
    assert db.keyspaces() == []
    b = db.keyspace("b")
    db.keyspace("a")
    assert db.keyspaces() == ["a", "b"]
    b[b"key"] = b"value"
    db.rename_keyspace("b", "c")
    assert db.keyspaces() == ["a", "c"]
    assert b[b"key"] == b"value"
    assert b.name == "b" and db.keyspace("c").name == "c"
    db.drop_keyspace("c")
    assert db.keyspaces() == ["a"]
    for use in (lambda: b.get(b"key"), lambda: b.put(b"key", b""), lambda: list(b)):
        with pytest.raises(cuesta.NotFoundError):
            use()
    assert b"key" not in db.keyspace("c")


def test_a_keyspace_of_any_name_in_any_script(db):
    name = "na\u00efve \u6570\u636e \U0001f980 / .. \0"
    db.keyspace(name)[b"k"] = b"v"
    assert db.keyspaces() == [name]
    for wrong in ("", "x" * 256):
        with pytest.raises(cuesta.InvalidError):
            db.keyspace(wrong)


def test_a_keyspace_that_must_exist(db):
    with pytest.raises(cuesta.NotFoundError):
        db.keyspace("things", create=False)
    db.keyspace("things")
    db.keyspace("things", create=False)


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_options_of_a_keyspace(db, compression):
    ks = db.keyspace("x", compression=compression, block_bytes=4096, filter_bits=12)
    for i in range(2000):
        ks[b"%05d" % i] = b"value " * 20
    db.compact()
    assert list(ks.values()) == [b"value " * 20] * 2000
    with pytest.raises(cuesta.InvalidError):
        db.keyspace("y", block_bytes=1)
    with pytest.raises(cuesta.InvalidError, match="zip"):
        db.keyspace("y", compression="zip")


def test_large_values(db, ks):
    large = bytes(range(256)) * (10 << 12)
    assert len(large) == 10 << 20
    ks[b"large"] = large
    ks[b"small"] = b"x"
    assert ks[b"large"] == large
    db.flush()
    assert ks[b"large"] == large
    assert dict(ks.items()) == {b"large": large, b"small": b"x"}
    assert db.verify().is_sound


def test_long_keys(db, ks):
    ks[b"k" * 65535] = b"value"
    assert ks[b"k" * 65535] == b"value"
    with pytest.raises(cuesta.InvalidError, match="65"):
        ks[b"k" * 65536] = b"value"
    db.flush()
    assert list(ks) == [b"k" * 65535]


def test_names_of_handles(db, ks, path):
    assert repr(ks) == '<cuesta.Keyspace "things">'
    assert str(path) in repr(db)
    assert db.path == path


def test_levels_are_compressed_alike_or_each_its_own_way(db):
    for kind in ("zstd", ["none", "none", "lz4", "lz4", "zstd", "zstd", "zstd"], ("lz4",) * 7):
        ks = db.keyspace(f"like {kind}", compression=kind)
        ks[b"a"] = b"x" * 10_000
        db.compact()
        assert ks[b"a"] == b"x" * 10_000
    for wrong in ("snappy", ["none"] * 6 + ["snappy"]):
        with pytest.raises(cuesta.InvalidError, match="snappy"):
            db.keyspace("wrong", compression=wrong)
    with pytest.raises(TypeError):
        db.keyspace("wrong", compression=[1])
    assert "wrong" not in db.keyspaces()


def test_options_are_read_back(db):
    plain = db.keyspace("plain").options
    assert isinstance(plain, cuesta.KeyspaceOptions)
    assert plain.compression == ["none"] * 3 + ["lz4"] * 4
    assert (plain.block_bytes, plain.filter_bits, plain.blob_threshold) == (8192, 10, 16384)
    assert (plain.ttl, plain.merge_operator) == (None, None)
    visits = db.keyspace("visits", compression="zstd", ttl=1.5, merge_operator="add", filter_bits=12)
    options = visits.options
    assert options.compression == ["zstd"] * 7
    assert (options.ttl, options.merge_operator, options.filter_bits) == (1.5, "add", 12)
    assert 'merge_operator="add"' in repr(options)
    with pytest.raises(AttributeError):
        options.ttl = 2.0
    db.drop_keyspace("visits")
    with pytest.raises(cuesta.NotFoundError):
        _ = visits.options


def test_a_keyspace_has_the_engine_that_it_was_created_with(path):
    with cuesta.open(path) as db:
        cities = db.keyspace("cities", engine="btree", page_bytes=8192, fill_percent=100, ttl=60)
        options = cities.options
        assert (options.engine, options.page_bytes, options.fill_percent) == ("btree", 8192, 100)
        assert repr(options) == (
            '<cuesta.KeyspaceOptions engine="btree" page_bytes=8192 fill_percent=100 ttl=60>'
        )
        log = db.keyspace("log", engine="lsm")
        assert log.options.engine == "lsm" and 'engine="lsm" block_bytes=8192' in repr(log.options)
        with db.batch() as batch:
            for n in range(1000):
                batch.put(cities, b"%03d" % n, b"x" * n)
                batch.put(log, b"%03d" % n, b"x" * n)
        engines = {name: of["engine"] for name, of in db.stats()["keyspaces"].items()}
        assert engines == {"cities": "btree", "log": "lsm"}
    with cuesta.open(path) as db:
        for options in ({}, {"engine": "btree"}, {"page_bytes": 8192}):
            cities = db.keyspace("cities", **options)
        assert cities.options.engine == "btree"
        assert list(cities.items()) == list(db.keyspace("log").items())
        with pytest.raises(cuesta.InvalidError, match='"cities" was created with engine btree'):
            db.keyspace("cities", engine="lsm")
        with pytest.raises(cuesta.InvalidError, match='"log" was created with engine lsm'):
            db.keyspace("log", engine="btree")
        with pytest.raises(cuesta.InvalidError, match="created with page_bytes 8192"):
            db.keyspace("cities", page_bytes=4096)


OF_THE_OTHER = [
    ("lsm", {"page_bytes": 8192}),
    ("lsm", {"fill_percent": 80}),
    ("btree", {"compression": "zstd"}),
    ("btree", {"compression": ["none"] * 7}),
    ("btree", {"block_bytes": 8192}),
    ("btree", {"filter_bits": 10}),
    ("btree", {"blob_threshold": 0}),
]


@pytest.mark.parametrize(("engine", "options"), OF_THE_OTHER)
def test_options_of_the_other_engine_are_refused(db, engine, options):
    (name,) = options
    for there in (False, True):
        if there:
            db.keyspace("x", engine=engine)
        with pytest.raises(cuesta.InvalidError, match=f"{name}.* is of engine .* one of engine {engine}"):
            db.keyspace("x", engine=engine, **options)
        assert ("x" in db.keyspaces()) == there


def test_engines_are_told_by_name(db):
    for wrong in ("", "BTREE", "b+tree"):
        with pytest.raises(cuesta.InvalidError, match='is not one of "lsm", "btree"'):
            db.keyspace("x", engine=wrong)
    with pytest.raises(TypeError):
        db.keyspace("x", engine=1)
    for wrong in ({"page_bytes": 5000}, {"page_bytes": 512}, {"fill_percent": 101}):
        with pytest.raises(cuesta.InvalidError, match=next(iter(wrong))):
            db.keyspace("x", engine="btree", **wrong)
    assert db.keyspaces() == []
