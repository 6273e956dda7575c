"""BSON's values in Python, for the naive evaluator.

Python's own types stand for most of them: None, bool, int, float, str, bytes, list, dict (which
keeps the order of its fields). The rest are the small classes below. An int within 32 bits is
BSON's int; one that is an `Int64`, or is larger, is BSON's long. A date is `Date`, milliseconds
since 1970, because datetime ends at year 9999.

Python says `1 == True == 1.0` and `{"a": 1, "b": 2} == {"b": 2, "a": 1}`; BSON does not. So nothing
here compares values with `==`: `order.compare` is MongoDB's order, `identical` is "the same bytes".
"""

import decimal
import struct
from dataclasses import dataclass, field
from typing import Any

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
LONG_MIN, LONG_MAX = -(1 << 63), (1 << 63) - 1


class Refused(Exception):
    """MongoDB documents an error here; `code` is its number, 2 (BadValue) where none is known."""

    def __init__(self, code: int = 2, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class _Missing:
    """What a field is that is not there. Never inside of a document or an array."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


class Int64(int):
    """BSON's long, also where the number would fit 32 bits."""

    def __repr__(self) -> str:
        return f"Int64({int(self)})"


@dataclass(frozen=True)
class Decimal128:
    """IEEE 754 decimal with 34 digits; 1.0 and 1.00 are equal, but not identical."""

    value: decimal.Decimal

    def __init__(self, value: str | int | decimal.Decimal) -> None:
        object.__setattr__(self, "value", DECIMAL128.create_decimal(value))


# clamp=1 gives the exponents that the interchange format can store.
DECIMAL128 = decimal.Context(
    prec=34, rounding=decimal.ROUND_HALF_EVEN, Emin=-6143, Emax=6144, clamp=1, traps=[]
)


@dataclass(frozen=True)
class ObjectId:
    data: bytes

    @staticmethod
    def of(text: str) -> "ObjectId":
        return ObjectId(bytes.fromhex(text))


@dataclass(frozen=True)
class Date:
    millis: int


@dataclass(frozen=True)
class Timestamp:
    seconds: int
    increment: int


@dataclass(frozen=True)
class Binary:
    """Bytes with a subtype. Python's bytes are those of subtype 0."""

    subtype: int
    data: bytes


@dataclass(frozen=True)
class Regex:
    pattern: str
    options: str = ""


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class CodeWithScope:
    text: str
    scope: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Symbol:
    text: str


@dataclass(frozen=True)
class DbPointer:
    namespace: str
    id: ObjectId


@dataclass(frozen=True)
class Undefined:
    pass


@dataclass(frozen=True)
class MinKey:
    pass


@dataclass(frozen=True)
class MaxKey:
    pass


# Every type: its name as $type says it, and its number in BSON.
TYPES = {
    "double": 1,
    "string": 2,
    "object": 3,
    "array": 4,
    "binData": 5,
    "undefined": 6,
    "objectId": 7,
    "bool": 8,
    "date": 9,
    "null": 10,
    "regex": 11,
    "dbPointer": 12,
    "javascript": 13,
    "symbol": 14,
    "javascriptWithScope": 15,
    "int": 16,
    "timestamp": 17,
    "long": 18,
    "decimal": 19,
    "minKey": -1,
    "maxKey": 127,
}
NUMBERS = ("int", "long", "double", "decimal")

_CLASSES = {
    float: "double",
    str: "string",
    dict: "object",
    list: "array",
    bytes: "binData",
    Binary: "binData",
    Undefined: "undefined",
    ObjectId: "objectId",
    bool: "bool",
    Date: "date",
    type(None): "null",
    Regex: "regex",
    DbPointer: "dbPointer",
    Code: "javascript",
    Symbol: "symbol",
    CodeWithScope: "javascriptWithScope",
    Timestamp: "timestamp",
    Int64: "long",
    Decimal128: "decimal",
    MinKey: "minKey",
    MaxKey: "maxKey",
    _Missing: "missing",
}


def type_name(value: Any) -> str:
    if type(value) is int:
        return "int" if INT_MIN <= value <= INT_MAX else "long"
    return _CLASSES[type(value)]


def is_number(value: Any) -> bool:
    return type_name(value) in NUMBERS


def is_null(value: Any) -> bool:
    """Null, undefined or not there: what most expressions answer with null."""
    return type_name(value) in ("null", "undefined", "missing")


def binary(value: Any) -> tuple[int, bytes]:
    """Subtype and bytes of a binary."""
    return (value.subtype, value.data) if isinstance(value, Binary) else (0, value)


def integral(value: Any) -> int | None:
    """A number of any type as an int, if it is whole; else None."""
    kind = type_name(value)
    if kind in ("int", "long"):
        return int(value)
    if kind == "double":
        return int(value) if value.is_integer() else None
    if kind == "decimal":
        number = value.value
        return int(number) if number.is_finite() and number == number.to_integral_value() else None
    return None


def identical(a: Any, b: Any) -> bool:
    """Whether two values have the same bytes: types, order of fields, signs and zeros and all."""
    if type_name(a) != type_name(b):
        return False
    kind = type_name(a)
    if kind == "double":
        return (a != a and b != b) or struct.pack("<d", a) == struct.pack("<d", b)
    if kind == "decimal":
        if a.value.is_nan() or b.value.is_nan():
            return bool(a.value.is_nan() and b.value.is_nan())
        return bool(a.value.as_tuple() == b.value.as_tuple())
    if kind == "array":
        return len(a) == len(b) and all(map(identical, a, b))
    if kind == "object":
        return list(a) == list(b) and all(identical(a[name], b[name]) for name in a)
    if kind == "binData":
        return binary(a) == binary(b)
    if kind == "javascriptWithScope":
        return a.text == b.text and identical(a.scope, b.scope)
    return bool(a == b)


def bson_size(document: dict[str, Any]) -> int:
    """The number of bytes of a document in BSON."""
    return 4 + sum(1 + len(name.encode()) + 1 + _size(document[name]) for name in document) + 1


def _size(value: Any) -> int:
    kind = type_name(value)
    if kind in ("null", "undefined", "minKey", "maxKey"):
        return 0
    if kind == "object":
        return bson_size(value)
    if kind == "array":
        return bson_size({str(at): item for at, item in enumerate(value)})
    if kind == "string":
        return 4 + len(value.encode()) + 1
    if kind in ("javascript", "symbol"):
        return 4 + len(value.text.encode()) + 1
    if kind == "javascriptWithScope":
        return 4 + 4 + len(value.text.encode()) + 1 + bson_size(value.scope)
    if kind == "binData":
        subtype, data = binary(value)
        return 4 + 1 + len(data) + (4 if subtype == 2 else 0)
    if kind == "regex":
        return len(value.pattern.encode()) + 1 + len(value.options.encode()) + 1
    if kind == "dbPointer":
        return 4 + len(value.namespace.encode()) + 1 + 12
    return {"bool": 1, "int": 4, "objectId": 12, "decimal": 16}.get(kind, 8)
