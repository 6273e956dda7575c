"""ObjectId, Decimal128 and the other types by themselves: made, compared, copied, pickled."""

import copy
import datetime
import decimal
import os
import pickle
import threading
import time
import uuid

import pytest
from cuesta import errors
from cuesta.bson import (
    SON,
    Binary,
    Code,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)

HEX = "0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def engine():
    """Identifiers have no engine: each test runs once."""


def test_an_id_is_made_of_text_bytes_and_ids():
    id = ObjectId(HEX)
    assert id == ObjectId(bytes.fromhex(HEX)) == ObjectId(id) == ObjectId(HEX.upper())
    assert str(id) == HEX and repr(id) == f"ObjectId('{HEX}')" and id.binary == bytes.fromhex(HEX)
    assert hash(id) == hash(ObjectId(HEX)) and len({id, ObjectId(HEX), ObjectId()}) == 2


@pytest.mark.parametrize("wrong", ["", "0" * 23, "g" * 24, b"short", "é" * 12, "\ud800" * 24])
def test_what_is_no_id_is_an_error(wrong):
    with pytest.raises(errors.InvalidId, match="12 bytes"):
        ObjectId(wrong)
    assert not ObjectId.is_valid(wrong)


def test_other_classes_are_no_ids():
    for wrong in (1, 1.5, [HEX], object()):
        with pytest.raises(TypeError):
            ObjectId(wrong)
        assert not ObjectId.is_valid(wrong)
    assert not ObjectId.is_valid(None) and ObjectId.is_valid(HEX)
    assert ObjectId(HEX) != HEX
    with pytest.raises(TypeError):
        ObjectId(HEX) < HEX


def test_new_ids_differ_and_tell_when():
    before = int(time.time())
    ids = [ObjectId() for _ in range(1000)]
    assert len(set(ids)) == 1000 and len({id.binary[4:9] for id in ids}) == 1
    made = ids[0].generation_time
    assert made.tzinfo is datetime.UTC
    assert before <= made.timestamp() <= time.time()


def test_ids_are_ordered_by_second():
    first = ObjectId.from_datetime(datetime.datetime(2024, 1, 1))
    second = ObjectId.from_datetime(datetime.datetime(2024, 1, 1, 0, 0, 1))
    assert first < second and second > first and first <= first and first >= first
    assert first.generation_time == datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    with pytest.raises(errors.InvalidId):
        ObjectId.from_datetime(datetime.datetime(1969, 1, 1))


def test_threads_get_different_ids():
    given = []
    work = [threading.Thread(target=lambda: given.extend(ObjectId() for _ in range(2000)))]
    work += [threading.Thread(target=lambda: given.extend(ObjectId() for _ in range(2000)))]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(set(given)) == 4000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_forked_processes_give_ids_of_their_own():
    ours = ObjectId()
    givers = {ours.binary[4:9]}
    for _ in range(2):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, ObjectId().binary)
            os._exit(0)
        givers.add(os.read(read, 12)[4:9])
        os.waitpid(pid, 0)
        os.close(read)
        os.close(write)
    assert len(givers) == 3
    assert ObjectId().binary[4:9] == ours.binary[4:9]


EVERYTHING = [
    ObjectId(HEX),
    Decimal128("1.50"),
    Int64(7),
    Binary(b"abc", 128),
    Regex("^a", "i"),
    Timestamp(1, 2),
    Code("a", {"b": 1}),
    Code("a"),
    DBRef("places", 1, "db", more=2),
    MinKey(),
    MaxKey(),
    SON([("b", 1), ("a", 2)]),
]


@pytest.mark.parametrize("value", EVERYTHING, ids=repr)
def test_values_are_copied_and_pickled(value):
    copies = [copy.copy(value), copy.deepcopy(value)]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        copies.append(pickle.loads(pickle.dumps(value, protocol)))
    for again in copies:
        assert again == value and type(again) is type(value) and repr(again) == repr(value)


def test_classes_of_one_s_own_are_kept():
    class Name(ObjectId):
        pass

    name = Name(HEX)
    assert isinstance(name, Name) and name == ObjectId(HEX)
    assert type(Name.from_datetime(datetime.datetime(2024, 1, 1))) is Name


def test_ids_of_pymongo_are_equal():
    bson = pytest.importorskip("bson")
    ours, theirs = ObjectId(HEX), bson.ObjectId(HEX)
    assert ours == theirs and hash(ours) == hash(theirs) and ObjectId(theirs) == ours
    assert ours <= theirs


def test_decimals_are_exact():
    number = Decimal128("-1234567890123456789012345678901234E-3")
    assert str(number.to_decimal()) == "-1234567890123456789012345678901.234"
    assert Decimal128(decimal.Decimal("1.50")) == Decimal128("1.50") != Decimal128("1.5")
    assert Decimal128.from_bid(number.bid) == number and hash(Decimal128.from_bid(number.bid))
    assert str(Decimal128("NaN")) == "NaN" and Decimal128("-Infinity").to_decimal() < 0
    with pytest.raises(decimal.Inexact):
        Decimal128("1" * 35)
    with pytest.raises(decimal.InvalidOperation):
        Decimal128("one")
    with pytest.raises(TypeError):
        Decimal128(1.5)


@pytest.mark.parametrize("text", ["0", "-0", "1E+6111", "1E-6176", "0.1", "9" * 34, "-12E5"])
def test_decimals_have_the_bytes_of_pymongo(text):
    bson = pytest.importorskip("bson")
    theirs = bson.Decimal128(text)
    assert Decimal128(text).bid == theirs.bid and str(Decimal128(text)) == str(theirs)
    assert Decimal128(text) == theirs


def test_a_uuid_is_binary_of_subtype_4():
    name = uuid.UUID(int=5)
    assert Binary.from_uuid(name).subtype == 4 and Binary.from_uuid(name).as_uuid() == name
    with pytest.raises(ValueError, match="subtype 0"):
        Binary(b"a").as_uuid()
    for subtype in (-1, 256):
        with pytest.raises(ValueError, match="0 to 255"):
            Binary(b"a", subtype)


def test_timestamps_have_bounds():
    assert Timestamp(datetime.datetime(1970, 1, 2), 1).time == 86_400
    assert Timestamp(5, 1).as_datetime().timestamp() == 5
    for wrong in ((-1, 0), (0, 1 << 32)):
        with pytest.raises(ValueError, match="4294967295"):
            Timestamp(*wrong)
