"""Ranges of keys: bounds, prefixes, both directions, limits, laziness."""

import random

import pytest

import cuesta

LETTERS = [b"a", b"b", b"ba", b"bb", b"bb\x00", b"bc", b"c", b"d", b"\xff", b"\xff\xff", b"\xff\xffa"]


@pytest.fixture(params=["in memory", "in segments"])
def letters(request, db):
    ks = db.keyspace("letters")
    for letter in LETTERS:
        ks[letter] = letter * 2
    if request.param == "in segments":
        db.flush()
    return ks


def keys(scan):
    pairs = list(scan)
    assert all(value == key * 2 for key, value in pairs)
    return [key for key, _ in pairs]


def test_a_scan_without_bounds_gives_everything(letters):
    assert keys(letters.scan()) == LETTERS
    assert keys(letters.scan(reverse=True)) == LETTERS[::-1]


def test_a_scan_yields_tuples_of_bytes(letters):
    pair = next(letters.scan())
    assert pair == (b"a", b"aa")
    assert type(pair) is tuple and [type(part) for part in pair] == [bytes, bytes]


def test_the_start_is_in_the_range_and_the_end_is_not(letters):
    assert keys(letters.scan(b"b", b"c")) == [b"b", b"ba", b"bb", b"bb\x00", b"bc"]
    assert keys(letters.scan(start=b"bb")) == LETTERS[3:]
    assert keys(letters.scan(end=b"bb")) == [b"a", b"b", b"ba"]
    assert keys(letters.scan(b"bb", b"bb\x00")) == [b"bb"]


def test_the_other_direction_has_the_same_bounds(letters):
    assert keys(letters.scan(b"b", b"c", reverse=True)) == [b"bc", b"bb\x00", b"bb", b"ba", b"b"]


@pytest.mark.parametrize("reverse", [False, True])
def test_empty_ranges_are_empty(letters, reverse):
    for start, end in [(b"x", b"y"), (b"b", b"b"), (b"c", b"a"), (b"bbb", b"bb"), (None, b"")]:
        assert keys(letters.scan(start, end, reverse=reverse)) == []


def test_prefixes(letters):
    assert keys(letters.scan(prefix=b"b")) == [b"b", b"ba", b"bb", b"bb\x00", b"bc"]
    assert keys(letters.scan(prefix=b"bb")) == [b"bb", b"bb\x00"]
    assert keys(letters.scan(prefix=b"bb", reverse=True)) == [b"bb\x00", b"bb"]
    assert keys(letters.scan(prefix=b"")) == LETTERS
    assert keys(letters.scan(prefix=b"x")) == []


def test_a_prefix_of_highest_bytes_has_no_end(letters):
    assert keys(letters.scan(prefix=b"\xff")) == [b"\xff", b"\xff\xff", b"\xff\xffa"]
    assert keys(letters.scan(prefix=b"\xff\xff", reverse=True)) == [b"\xff\xffa", b"\xff\xff"]


def test_a_prefix_and_bounds_are_intersected(letters):
    assert keys(letters.scan(start=b"bb", prefix=b"b")) == [b"bb", b"bb\x00", b"bc"]
    assert keys(letters.scan(end=b"bb", prefix=b"b")) == [b"b", b"ba"]
    assert keys(letters.scan(b"a", b"z", b"b")) == [b"b", b"ba", b"bb", b"bb\x00", b"bc"]
    assert keys(letters.scan(b"c", b"d", b"b")) == []


def test_limits(letters):
    assert keys(letters.scan(limit=2)) == [b"a", b"b"]
    assert keys(letters.scan(limit=2, reverse=True)) == [b"\xff\xffa", b"\xff\xff"]
    assert keys(letters.scan(prefix=b"bb", limit=100)) == [b"bb", b"bb\x00"]
    assert keys(letters.scan(limit=0)) == []
    assert keys(letters.scan(None, None, None, True, 1)) == [b"\xff\xffa"]
    with pytest.raises(cuesta.InvalidError, match="-1"):
        letters.scan(limit=-1)


def test_keys_values_and_items_take_the_same_arguments(letters):
    assert list(letters.keys(prefix=b"bb", reverse=True)) == [b"bb\x00", b"bb"]
    assert list(letters.values(b"a", b"ba", limit=2)) == [b"aa", b"bb"]
    assert list(letters.items(end=b"b")) == [(b"a", b"aa")]


def test_a_scan_is_an_iterator_that_stays_at_its_end(letters):
    scan = letters.scan(limit=1)
    assert iter(scan) is scan
    assert next(scan) == (b"a", b"aa")
    for _ in range(3):
        with pytest.raises(StopIteration):
            next(scan)


def test_a_closed_scan_is_at_its_end(letters):
    scan = letters.scan()
    next(scan)
    scan.close()
    assert list(scan) == []
    scan.close()


def test_a_scan_sees_one_moment(ks):
    for i in range(100):
        ks[b"%03d" % i] = b"old"
    scan = ks.scan()
    first = next(scan)
    for i in range(100):
        ks[b"%03d" % i] = b"new"
        ks[b"%03d+" % i] = b"new"
    assert [first, *scan] == [(b"%03d" % i, b"old") for i in range(100)]


def test_writing_while_scanning(ks):
    for i in range(3000):
        ks[b"%05d" % i] = b"x"
    for key in ks:
        del ks[key]
    assert list(ks) == []


@pytest.mark.parametrize("count", [15, 16, 17, 48, 49, 1023, 1024, 1025, 5000])
def test_chunks_join_without_a_seam(ks, db, count):
    with db.batch() as batch:
        for i in range(count):
            batch.put(ks, b"%06d" % i, b"%d" % i)
    expected = [(b"%06d" % i, b"%d" % i) for i in range(count)]
    assert list(ks.scan()) == expected
    assert list(ks.scan(reverse=True)) == expected[::-1]
    assert list(ks.scan(limit=count - 1)) == expected[:-1]


def test_chunks_of_large_values_join_without_a_seam(ks):
    values = [random.Random(i).randbytes(300_000) for i in range(20)]
    for i, value in enumerate(values):
        ks[b"%02d" % i] = value
    assert list(ks.values()) == values
    assert list(ks.values(reverse=True)) == values[::-1]


def test_an_abandoned_scan_forgets_its_moment(db, ks):
    for i in range(100):
        ks[b"%03d" % i] = b"x"
    scan = ks.scan()
    next(scan)
    assert db.stats()["gauges"]["snapshots"] == 1
    del scan
    assert db.stats()["gauges"]["snapshots"] == 0
    scan = ks.scan()
    assert len(list(scan)) == 100
    assert db.stats()["gauges"]["snapshots"] == 0


def test_a_scan_goes_on_elsewhere(ks):
    for n in range(200):
        ks[b"%03d" % n] = b""
    keys = ks.keys(b"010", b"190")
    assert next(keys) == b"010"
    keys.seek(b"0505")
    assert [next(keys), next(keys)] == [b"051", b"052"]
    keys.seek(b"02")
    assert next(keys) == b"020"
    keys.seek(b"000")
    assert next(keys) == b"010", "the range stays"
    keys.seek(b"195")
    assert list(keys) == []
    with pytest.raises(cuesta.InvalidError, match="at its end"):
        keys.seek(b"020")
    back = ks.keys(reverse=True, limit=3)
    assert next(back) == b"199"
    back.seek(b"1005")
    assert list(back) == [b"100", b"099"], "what was read and not given does not count"


def test_many_keys_are_asked_for_at_once(db, ks):
    for n in range(0, 100, 2):
        ks[b"%02d" % n] = b"%d" % n
    wanted = [b"04", b"03", bytearray(b"98"), b"04", memoryview(b"00")]
    found = [b"4", None, b"98", b"4", b"0"]
    assert ks.get_many(wanted) == found
    assert ks.get_many(iter(wanted)) == found and ks.get_many([]) == []
    with db.snapshot() as then, db.transaction() as tx:
        tx.put(ks, b"03", b"mine")
        assert tx.get_many(ks, wanted)[1] == b"mine"
        assert then.get_many(ks, wanted) == found
    with pytest.raises(TypeError):
        ks.get_many([b"a", "b"])
    with pytest.raises(TypeError):
        ks.get_many(5)
