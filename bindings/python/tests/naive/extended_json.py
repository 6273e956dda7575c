"""MongoDB's extended JSON, version 2: reads the relaxed and the canonical form, writes the latter.

A number without a fraction is an int, or a long if it needs more than 32 bits; one with a fraction
or an exponent is a double.
"""

import base64
import datetime
import decimal
import json
import struct
from typing import Any

from .values import (
    Binary,
    Code,
    CodeWithScope,
    Date,
    DbPointer,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Symbol,
    Timestamp,
    Undefined,
    type_name,
)

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def loads(text: str) -> Any:
    return from_json(json.loads(text))


def dumps(value: Any) -> str:
    return json.dumps(to_json(value), ensure_ascii=False)


def from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        wrapped = _unwrap(value)
        return {name: from_json(value[name]) for name in value} if wrapped is None else wrapped
    if type(value) is int and not -(1 << 31) <= value < 1 << 31:
        return Int64(value)
    return value


def _date(content: Any) -> Date:
    if isinstance(content, dict):
        return Date(int(content["$numberLong"]))
    moment = datetime.datetime.fromisoformat(content)
    return Date((moment - EPOCH) // datetime.timedelta(milliseconds=1))


def _binary(content: dict[str, str]) -> bytes | Binary:
    data, subtype = base64.b64decode(content["base64"]), int(content["subType"], 16)
    return data if subtype == 0 else Binary(subtype, data)


# What an object with exactly these keys stands for; the function takes the values in this order.
_WRAPPERS = {
    ("$numberInt",): lambda text: int(text),
    ("$numberLong",): lambda text: Int64(text),
    ("$numberDouble",): lambda text: float(text),
    ("$numberDecimal",): lambda text: Decimal128(text),
    ("$oid",): lambda text: ObjectId.of(text),
    ("$date",): _date,
    ("$binary",): _binary,
    ("$uuid",): lambda text: Binary(4, bytes.fromhex(text.replace("-", ""))),
    ("$timestamp",): lambda content: Timestamp(content["t"], content["i"]),
    ("$regularExpression",): lambda it: Regex(it["pattern"], "".join(sorted(it["options"]))),
    ("$dbPointer",): lambda it: DbPointer(it["$ref"], ObjectId.of(it["$id"]["$oid"])),
    ("$code",): lambda text: Code(text),
    ("$code", "$scope"): lambda text, scope: CodeWithScope(text, from_json(scope)),
    ("$symbol",): lambda text: Symbol(text),
    ("$undefined",): lambda _: Undefined(),
    ("$minKey",): lambda _: MinKey(),
    ("$maxKey",): lambda _: MaxKey(),
}


def _unwrap(value: dict[str, Any]) -> Any:
    read: Any = _WRAPPERS.get(tuple(value))
    return None if read is None else read(*value.values())


def _double_text(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def decimal_text(value: decimal.Decimal) -> str:
    """As IEEE 754-2008 says: plain where the exponent is small, else with E and a sign."""
    if value.is_nan():
        return "NaN"
    return str(value)


def to_json(value: Any) -> Any:
    kind = type_name(value)
    if kind in ("null", "bool", "string"):
        return value
    if kind == "array":
        return [to_json(item) for item in value]
    if kind == "object":
        return {name: to_json(value[name]) for name in value}
    if kind == "binData":
        subtype, data = (0, value) if isinstance(value, bytes) else (value.subtype, value.data)
        text = base64.b64encode(data).decode()
        return {"$binary": {"base64": text, "subType": f"{subtype:02x}"}}
    if kind == "javascriptWithScope":
        return {"$code": value.text, "$scope": to_json(value.scope)}
    writers: dict[str, Any] = {
        "int": lambda: {"$numberInt": str(value)},
        "long": lambda: {"$numberLong": str(int(value))},
        "double": lambda: {"$numberDouble": _double_text(value)},
        "decimal": lambda: {"$numberDecimal": decimal_text(value.value)},
        "objectId": lambda: {"$oid": value.data.hex()},
        "date": lambda: {"$date": {"$numberLong": str(value.millis)}},
        "timestamp": lambda: {"$timestamp": {"t": value.seconds, "i": value.increment}},
        "regex": lambda: {
            "$regularExpression": {"pattern": value.pattern, "options": value.options}
        },
        "dbPointer": lambda: {
            "$dbPointer": {"$ref": value.namespace, "$id": {"$oid": value.id.data.hex()}}
        },
        "javascript": lambda: {"$code": value.text},
        "symbol": lambda: {"$symbol": value.text},
        "undefined": lambda: {"$undefined": True},
        "minKey": lambda: {"$minKey": 1},
        "maxKey": lambda: {"$maxKey": 1},
    }
    return writers[kind]()


def float_of_bits(bits: int) -> float:
    """A double by its bits, for tests of numbers that are hard to write."""
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
