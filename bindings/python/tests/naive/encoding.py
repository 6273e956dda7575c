"""Values as BSON bytes and back, so that the same values can be put to the product.

Bytes that are wrong are not asked about: the product's reader has tests of its own for them.
"""

import decimal
import struct
from typing import Any

from .values import (
    TYPES,
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
    binary,
    type_name,
)

_EXPONENT_BIAS = 6176


def encode(document: dict[str, Any]) -> bytes:
    """A document: its length, its elements, a zero."""
    inside = b"".join(_element(name, value) for name, value in document.items())
    return struct.pack("<i", len(inside) + 5) + inside + b"\0"


def _element(name: str, value: Any) -> bytes:
    return struct.pack("<b", TYPES[type_name(value)]) + _cstring(name) + _value(value)


def _cstring(text: str) -> bytes:
    return text.encode() + b"\0"


def _string(text: str) -> bytes:
    data = _cstring(text)
    return struct.pack("<i", len(data)) + data


def _value(value: Any) -> bytes:
    kind = type_name(value)
    if kind == "array":
        return encode({str(at): item for at, item in enumerate(value)})
    if kind == "binData":
        subtype, data = binary(value)
        # The old subtype 2 has its length twice.
        data = struct.pack("<i", len(data)) + data if subtype == 2 else data
        return struct.pack("<iB", len(data), subtype) + data
    if kind == "javascriptWithScope":
        inside = _string(value.text) + encode(value.scope)
        return struct.pack("<i", len(inside) + 4) + inside
    writers: dict[str, Any] = {
        "double": lambda: struct.pack("<d", value),
        "string": lambda: _string(value),
        "object": lambda: encode(value),
        "objectId": lambda: value.data,
        "bool": lambda: bytes([value]),
        "date": lambda: struct.pack("<q", value.millis),
        "regex": lambda: _cstring(value.pattern) + _cstring(value.options),
        "dbPointer": lambda: _string(value.namespace) + value.id.data,
        "javascript": lambda: _string(value.text),
        "symbol": lambda: _string(value.text),
        "int": lambda: struct.pack("<i", value),
        "timestamp": lambda: struct.pack("<II", value.increment, value.seconds),
        "long": lambda: struct.pack("<q", value),
        "decimal": lambda: _decimal(value.value),
    }
    return bytes(writers[kind]()) if kind in writers else b""


def _decimal(value: decimal.Decimal) -> bytes:
    """IEEE 754's binary encoding: sign, exponent from -6176, and a whole number of 34 digits."""
    sign, digits, exponent = value.as_tuple()
    bits = sign << 127
    if exponent == "F":
        bits |= 0b11110 << 122
    elif isinstance(exponent, str):
        bits = 0b11111 << 122
    else:
        bits |= (exponent + _EXPONENT_BIAS) << 113 | int("".join(map(str, digits)))
    return bits.to_bytes(16, "little")


def decode(data: bytes) -> dict[str, Any]:
    document, rest = _document(data)
    assert not rest, "bytes behind the document"
    return document


def _document(data: bytes) -> tuple[dict[str, Any], bytes]:
    [length] = struct.unpack_from("<i", data)
    inside, rest = data[4 : length - 1], data[length:]
    found: dict[str, Any] = {}
    while inside:
        number, inside = struct.unpack("<b", inside[:1])[0], inside[1:]
        name, inside = _take_cstring(inside)
        kind = next(kind for kind, code in TYPES.items() if code == number)
        found[name], inside = _take(kind, inside)
    return found, rest


def _take_cstring(data: bytes) -> tuple[str, bytes]:
    text, _, rest = data.partition(b"\0")
    return text.decode(), rest


def _take_string(data: bytes) -> tuple[str, bytes]:
    [length] = struct.unpack_from("<i", data)
    return data[4 : 3 + length].decode(), data[4 + length :]


def _take(kind: str, data: bytes) -> tuple[Any, bytes]:
    """The value of a kind at the start of the bytes, and the bytes behind it."""
    constants = {"null": None, "undefined": Undefined(), "minKey": MinKey(), "maxKey": MaxKey()}
    if kind in constants:
        return constants[kind], data
    if kind == "object":
        return _document(data)
    if kind == "array":
        document, rest = _document(data)
        return list(document.values()), rest
    if kind in ("string", "javascript", "symbol"):
        text, rest = _take_string(data)
        return {"string": str, "javascript": Code, "symbol": Symbol}[kind](text), rest
    if kind == "regex":
        pattern, rest = _take_cstring(data)
        options, rest = _take_cstring(rest)
        return Regex(pattern, options), rest
    if kind == "dbPointer":
        namespace, rest = _take_string(data)
        return DbPointer(namespace, ObjectId(rest[:12])), rest[12:]
    if kind == "javascriptWithScope":
        text, rest = _take_string(data[4:])
        scope, rest = _document(rest)
        return CodeWithScope(text, scope), rest
    if kind == "binData":
        length, subtype = struct.unpack_from("<iB", data)
        content, rest = data[5 : 5 + length], data[5 + length :]
        content = content[4:] if subtype == 2 else content
        return content if subtype == 0 else Binary(subtype, content), rest
    size = {"bool": 1, "int": 4, "objectId": 12, "decimal": 16}.get(kind, 8)
    return _fixed(kind, data[:size]), data[size:]


def _fixed(kind: str, data: bytes) -> Any:
    readers: dict[str, Any] = {
        "double": lambda: struct.unpack("<d", data)[0],
        "objectId": lambda: ObjectId(data),
        "bool": lambda: data != b"\0",
        "date": lambda: Date(struct.unpack("<q", data)[0]),
        "int": lambda: struct.unpack("<i", data)[0],
        "timestamp": lambda: Timestamp(*reversed(struct.unpack("<II", data))),
        "long": lambda: Int64(struct.unpack("<q", data)[0]),
        "decimal": lambda: _read_decimal(int.from_bytes(data, "little")),
    }
    return readers[kind]()


def _read_decimal(bits: int) -> Decimal128:
    sign = bits >> 127
    if bits >> 122 & 0b11111 == 0b11111:
        return Decimal128("NaN")
    if bits >> 122 & 0b11111 == 0b11110:
        return Decimal128("-Infinity" if sign else "Infinity")
    if bits >> 125 & 0b11 == 0b11:
        # More than 34 digits, which counts as zero.
        return Decimal128(decimal.Decimal((sign, (0,), (bits >> 111 & 0x3FFF) - _EXPONENT_BIAS)))
    number, exponent = bits & ((1 << 113) - 1), (bits >> 113 & 0x3FFF) - _EXPONENT_BIAS
    number = number if number < 10**34 else 0
    return Decimal128(decimal.Decimal((sign, tuple(map(int, str(number))), exponent)))
