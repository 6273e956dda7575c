"""BSON: documents to bytes and back, next to pymongo's bson where that is installed."""

import collections
import datetime
import enum
import gc
import math
import random
import re
import struct
import threading
import tracemalloc
import uuid
from types import MappingProxyType

import cuesta
import pytest
from cuesta import errors
from cuesta.bson import (
    SON,
    Binary,
    Code,
    CodecOptions,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
    decode,
    decode_all,
    encode,
    is_valid,
    json_util,
)
from cuesta.bson.binary import UuidRepresentation

MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 1, 250_000)


@pytest.fixture(autouse=True)
def engine():
    """Documents have no engine: each test runs once."""


class Made:
    """Random documents, the same for the same seed. `bson` is a module with the classes."""

    def __init__(self, seed, bson):
        self.random = random.Random(seed)
        self.bson = bson

    def text(self):
        alphabet = "abc xyzäß€\U0001f984\0"
        return "".join(self.random.choices(alphabet, k=self.random.randrange(12)))

    def bytes(self, count):
        return self.random.randbytes(count)

    def plain(self):
        pick = self.random
        moment = MOMENT + datetime.timedelta(milliseconds=pick.randrange(-(10**13), 10**13))
        return pick.choice(
            [
                None,
                True,
                False,
                pick.randrange(-(2**31), 2**31),
                pick.choice([0, -1, 2**31 - 1, -(2**31)]),
                pick.choice([2**31, -(2**31) - 1, 2**63 - 1, -(2**63)]),
                pick.uniform(-1e9, 1e9),
                pick.choice([0.0, -0.0, math.inf, -math.inf, 5e-324]),
                self.text(),
                "x" * pick.randrange(300),
                self.bytes(pick.randrange(9)),
                moment,
                uuid.UUID(bytes=self.bytes(16)),
            ]
        )

    def own(self):
        pick, bson = self.random, self.bson
        return pick.choice(
            [
                bson.Int64(pick.randrange(-(2**63), 2**63)),
                bson.ObjectId(self.bytes(12)),
                bson.Decimal128(f"{pick.randrange(10**20)}E{pick.randrange(-50, 50)}"),
                bson.Binary(self.bytes(5), pick.choice([0, 2, 3, 5, 128, 255])),
                bson.Regex(self.text().replace("\0", ""), pick.choice(["", "i", "imsux"])),
                bson.Timestamp(pick.randrange(2**32), pick.randrange(2**32)),
                bson.Code(self.text()),
                bson.Code(self.text(), {"a": pick.randrange(9)}),
                bson.DBRef("places", pick.randrange(9), pick.choice([None, "db"])),
                bson.MinKey(),
                bson.MaxKey(),
            ]
        )

    def value(self, depth):
        kind = self.random.randrange(10)
        if depth and kind == 0:
            return self.document(depth - 1)
        if depth and kind == 1:
            return [self.value(depth - 1) for _ in range(self.random.randrange(14))]
        return self.own() if kind == 2 else self.plain()

    def document(self, depth=3):
        fields = {}
        for _ in range(self.random.randrange(9)):
            name = self.random.choice(["_id", "name", "ä", self.text().replace("\0", ""), "a" * 40])
            fields[name] = self.value(depth)
        return fields


def told(value):
    """A value as text that tells all of it, whichever module its class is of."""
    marker = getattr(value, "_type_marker", None)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {told(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(told, value)) + "]"
    if marker in (7, 19):
        return f"{marker} {value!s}"
    if marker == 5:
        return f"binary {bytes(value)!r} {value.subtype}"
    if marker == 13:
        return f"code {str(value)!r} {dict(value.scope) if value.scope is not None else None}"
    if marker == 11:
        return f"regex {value.pattern!r} {int(value.flags)}"
    if marker == 17:
        return f"timestamp {value.time} {value.inc}"
    if marker == 18:
        return f"long {int(value)}"
    if marker == 100:
        return f"reference {told(dict(value.as_doc()))}"
    if marker in (127, 255):
        return f"key {marker}"
    return f"{type(value).__name__} {value!r}"


def read_back(value):
    """What a value is once it was written and read: ints may become longs, binary bytes."""
    if isinstance(value, dict):
        return {name: read_back(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [read_back(item) for item in value]
    if type(value) is int and not -(2**31) <= value < 2**31:
        return Int64(value)
    if isinstance(value, Binary) and value.subtype == 0:
        return bytes(value)
    if isinstance(value, datetime.datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return value


def id_first(document):
    first = {name: document[name] for name in document if name == "_id"}
    return first | document


@pytest.mark.parametrize("seed", range(300))
def test_documents_come_back(seed):
    document = Made(seed, cuesta.bson).document()
    data = encode(document)
    assert told(decode(data)) == told(id_first(read_back(document)))
    assert encode(decode(data)) == data
    assert decode(memoryview(bytearray(data))) == decode(data)
    assert is_valid(data)


@pytest.mark.parametrize("seed", range(300))
def test_bytes_and_objects_are_those_of_pymongo(seed):
    bson = pytest.importorskip("bson")
    raw_bson = pytest.importorskip("bson.raw_bson")
    options = bson.CodecOptions(uuid_representation=UuidRepresentation.STANDARD)
    theirs = Made(seed, bson).document()
    data = bson.encode(theirs, codec_options=options)
    assert encode(Made(seed, cuesta.bson).document()) == data
    assert encode(theirs) == data, "objects of pymongo's classes"
    assert told(decode(data)) == told(bson.decode(data, options))
    assert told(decode(data, options)) == told(bson.decode(data, options))
    assert encode(bson.SON(theirs)) == data
    assert encode(raw_bson.RawBSONDocument(data)) == data


@pytest.mark.parametrize("seed", range(200))
def test_damaged_bytes_are_errors_where_they_are_for_pymongo_or_read(seed):
    pick = random.Random(seed)
    data = bytearray(encode(Made(seed, cuesta.bson).document()))
    for _ in range(20):
        damaged = bytearray(data)
        for _ in range(pick.randrange(1, 4)):
            damaged[pick.randrange(len(damaged))] = pick.randrange(256)
        try:
            decode(damaged)
        except errors.InvalidBSON as error:
            assert "at byte" in str(error)
    for end in range(len(data)):
        with pytest.raises(errors.InvalidBSON):
            decode(data[:end])


def test_objects_of_the_standard_library_are_written():
    class Colour(enum.IntEnum):
        RED = 1

    class Name(str):
        pass

    Point = collections.namedtuple("Point", "x y")
    zone = datetime.timezone(datetime.timedelta(hours=2))
    document = collections.OrderedDict(
        colour=Colour.RED,
        name=Name("a"),
        point=Point(1, 2.5),
        proxy=MappingProxyType({"b": 1}),
        pattern=re.compile("^a", re.I),
        raw=re.compile(b"^a"),
        aware=MOMENT.replace(tzinfo=zone, microsecond=999_999),
    )
    document.move_to_end("colour")
    back = decode(encode(document))
    assert list(back) == ["name", "point", "proxy", "pattern", "raw", "aware", "colour"]
    assert back["colour"] == 1 and type(back["colour"]) is int
    assert back["name"] == "a" and back["point"] == [1, 2.5] and back["proxy"] == {"b": 1}
    assert back["pattern"] == Regex("^a", "iu") and back["raw"] == Regex("^a")
    expected = MOMENT.replace(microsecond=999_000) - datetime.timedelta(hours=2)
    assert back["aware"] == expected


def test_moments_before_1970_are_cut_towards_the_past():
    before = datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999)
    assert decode(encode({"at": before}))["at"] == before.replace(microsecond=999_000)
    for edge in (datetime.datetime.min, datetime.datetime.max.replace(microsecond=999_000)):
        assert decode(encode({"at": edge}))["at"] == edge
    beyond = struct.pack("<iB3sqB", 17, 9, b"at\0", 2**62, 0)
    with pytest.raises(errors.InvalidBSON, match="out of the range of datetime"):
        decode(beyond)


def test_options_say_what_is_read():
    data = encode({"at": MOMENT, "id": uuid.UUID(int=7), "in": {"b": [{"c": 1}]}})
    utc = datetime.UTC
    assert decode(data, CodecOptions(tz_aware=True))["at"] == MOMENT.replace(tzinfo=utc)
    zone = datetime.timezone(datetime.timedelta(hours=-5))
    there = decode(data, CodecOptions(tz_aware=True, tzinfo=zone))["at"]
    assert there.tzinfo is zone and there == MOMENT.replace(tzinfo=utc)
    binary = decode(data, CodecOptions(uuid_representation=UuidRepresentation.UNSPECIFIED))["id"]
    assert binary.subtype == 4 and binary.as_uuid() == uuid.UUID(int=7)
    document = decode(data, CodecOptions(document_class=SON))
    assert type(document) is SON and type(document["in"]["b"][0]) is SON
    with pytest.raises(cuesta.UnsupportedError, match="uuid_representation"):
        decode(data, CodecOptions(uuid_representation=UuidRepresentation.JAVA_LEGACY))
    with pytest.raises(cuesta.InvalidError, match="tz_aware"):
        decode(data, CodecOptions(tzinfo=zone))


def test_options_of_pymongo_that_are_not_here_are_refused():
    bson = pytest.importorskip("bson")
    from bson.codec_options import DatetimeConversion, TypeRegistry

    data = encode({"a": 1})
    assert decode(data, bson.CodecOptions()) == {"a": 1}
    for options, name in [
        ({"datetime_conversion": DatetimeConversion.DATETIME_MS}, "datetime_conversion"),
        ({"unicode_decode_error_handler": "ignore"}, "unicode_decode_error_handler"),
        ({"type_registry": TypeRegistry(fallback_encoder=str)}, "type_registry"),
    ]:
        with pytest.raises(cuesta.UnsupportedError, match=name):
            decode(data, bson.CodecOptions(**options))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (2**63, OverflowError, "9223372036854775808 does not fit"),
        ({1, 2}, errors.InvalidDocument, "class set: make it a list"),
        (object(), errors.InvalidDocument, "class object"),
        (bytearray(b"a"), errors.InvalidDocument, "make it bytes"),
        (datetime.date(2024, 1, 1), errors.InvalidDocument, "make it a datetime"),
        (__import__("decimal").Decimal(1), errors.InvalidDocument, "make it a Decimal128"),
        ("a\ud800", ValueError, "surrogates"),
        ({"\ud800": 1}, errors.InvalidStringData, "surrogates"),
        ({"a\0": 1}, errors.InvalidDocument, "zero byte"),
        ({1: 1}, errors.InvalidDocument, "this one is 1"),
        ({b"a": 1}, errors.InvalidDocument, "names of fields are str"),
        (Regex("a\0"), errors.InvalidDocument, "zero byte"),
    ],
)
def test_what_cannot_be_written_is_named(value, error, message):
    with pytest.raises(error, match=message) as raised:
        encode({"a": 1, "places": [0, {"at": value}]})
    if not isinstance(value, int):
        assert str(raised.value).startswith("places.1.at: ")
    assert isinstance(raised.value, (cuesta.InvalidError, errors.InvalidDocument))


def test_a_very_long_int_is_not_shown():
    with pytest.raises(errors.IntegerTooLarge, match="an int of 70001 bits"):
        encode({"a": -(2**70000)})


def test_a_document_is_a_mapping():
    for wrong in (None, 1, [("a", 1)], "a", ObjectId()):
        with pytest.raises(TypeError, match="a document is a dict"):
            encode(wrong)
    for wrong in ("a", None, 1):
        with pytest.raises(TypeError, match="bytes-like"):
            decode(wrong)


def test_names_are_checked_on_demand():
    assert decode(encode({"$a": 1, "b.c": 2})) == {"$a": 1, "b.c": 2}
    for name in ("$a", "b.c"):
        with pytest.raises(errors.InvalidDocument, match="begins with"):
            encode({"a": {name: 1}}, check_keys=True)


def test_nesting_and_size_have_limits():
    inner: dict = {}
    for _ in range(99):
        inner = {"a": inner}
    assert decode(encode(inner)) == inner
    with pytest.raises(errors.InvalidDocument, match="100 levels"):
        encode({"a": inner})
    endless: list = []
    endless.append(endless)
    with pytest.raises(errors.InvalidDocument, match="contains itself"):
        encode({"a": endless})
    with pytest.raises(errors.DocumentTooLarge, match="16777216"):
        encode({"a": "x" * (16 << 20)})
    with pytest.raises(errors.DocumentTooLarge):
        encode({"a": [b"x" * 1000] * 17_000})
    deep = b"\x05\0\0\0\0"
    for _ in range(200):
        deep = struct.pack("<i", len(deep) + 8) + b"\x03a\0" + deep + b"\0"
    with pytest.raises(errors.InvalidBSON, match="100 levels"):
        decode(deep)


def test_a_dict_that_changes_meanwhile_is_an_error():
    document: dict = {}

    class Changing(dict):
        def items(self):
            document["more"] = 1
            return super().items()

    document.update(a=Changing(b=1), c=1)
    with pytest.raises(RuntimeError, match="changed while"):
        encode(document)


def test_what_objects_raise_comes_out():
    class Angry(dict):
        def items(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        encode({"a": Angry()})


def test_documents_that_look_like_references_are_none():
    for document in ({"$ref": 1, "$id": 2}, {"$ref": "a"}, {"$ref": "a", "$id": 1, "$db": 2}):
        assert decode(encode({"a": document})) == {"a": document}
    document = {"$ref": "a", "$id": 1, "more": 2}
    reference = decode(encode({"a": document}))["a"]
    assert reference == DBRef("a", 1, more=2) and reference.more == 2
    assert decode(encode(document)) == document  # the outermost one never is


def test_deprecated_types_are_read():
    def field(kind, body):
        return struct.pack("<i", len(body) + 8) + bytes([kind]) + b"a\0" + body + b"\0"

    assert decode(field(6, b"")) == {"a": None}
    assert decode(field(14, b"\x02\0\0\0s\0")) == {"a": "s"}
    pointer = decode(field(12, b"\x02\0\0\0s\0" + bytes(12)))["a"]
    assert pointer == DBRef("s", ObjectId(bytes(12)))
    with pytest.raises(errors.InvalidBSON, match="unknown type 0x20"):
        decode(field(0x20, b""))


def test_all_documents_of_bytes_are_read():
    documents = [{"a": 1}, {}, {"b": [1, "x"]}]
    data = b"".join(map(encode, documents))
    assert decode_all(data) == decode_all(bytearray(data)) == documents
    assert decode_all(b"") == []
    for wrong in (data + b"\0", data[:-1], b"\0\0\0\0"):
        with pytest.raises(errors.InvalidBSON):
            decode_all(wrong)


def test_json_keeps_types():
    document = {"_id": ObjectId("0123456789ab0123456789ab"), "n": Int64(5), "at": MOMENT}
    relaxed = json_util.dumps(document)
    assert relaxed == (
        '{"_id":{"$oid":"0123456789ab0123456789ab"},"n":5,'
        '"at":{"$date":"2024-02-29T12:30:01.250Z"}}'
    )
    canonical = json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS)
    assert told(json_util.loads(canonical)) == told(document)
    assert json_util.loads(relaxed) == document
    assert json_util.loads(json_util.dumps([1, "a", None])) == [1, "a", None]
    assert json_util.dumps({"a": 1}, indent=1) == '{\n "a": 1\n}'
    with pytest.raises(errors.OperationFailure) as raised:
        json_util.loads("{")
    assert raised.value.code == 9 and isinstance(raised.value, cuesta.InvalidError)


def test_reading_and_writing_leave_nothing_behind():
    data = [encode(Made(seed, cuesta.bson).document()) for seed in range(40)]

    def once():
        for one in data:
            encode(decode(one))
            for broken in (one[:-1], one + b"\0"):
                with pytest.raises(errors.InvalidBSON):
                    decode(broken)
        for wrong in (object(), 2**64, "\ud800"):
            with pytest.raises(errors.InvalidDocument):
                encode({"a": [wrong]})

    def held_after(rounds):
        for _ in range(rounds):
            once()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        # Python keeps up to 2,000 tuples of a size for later: they are there after this.
        before = held_after(100)
        grown = held_after(60) - before
    finally:
        tracemalloc.stop()
    assert grown < 60_000  # an object for each document would be more than 130,000


def test_threads_read_and_write_at_once():
    documents = [Made(seed, cuesta.bson).document() for seed in range(30)]
    expected = [encode(document) for document in documents]
    wrong = []

    def work():
        for _ in range(20):
            for document, data in zip(documents, expected, strict=True):
                if encode(document) != data or encode(decode(data)) != data:
                    wrong.append(data)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_reading_within_reading_works():
    class Reading(dict):
        def __setitem__(self, name, value):
            super().__setitem__(name, (value, decode(encode({"within": name}))))

    back = decode(encode({"a": 1, "b": 2}), CodecOptions(document_class=Reading))
    assert back == {"a": (1, {"within": "a"}), "b": (2, {"within": "b"})}


def test_marks_that_are_no_numbers_are_none():
    class Mock:
        _type_marker = "7"

    with pytest.raises(errors.InvalidDocument, match="Mock"):
        encode({"a": Mock()})


def test_binary_and_others_say_what_they_are():
    assert repr(Binary(b"a", 5)) == "Binary(b'a', 5)" and Binary(b"a") != b"a"
    assert Code("a") == Code("a") != Code("a", {"b": 1})
    assert MinKey() < 1 and MaxKey() > "a" and MinKey() < MaxKey() and MinKey() == MinKey()
    assert Timestamp(1, 2) < Timestamp(2, 0)
    assert Decimal128("1.50").to_decimal() == __import__("decimal").Decimal("1.5")
