"""Expressions on documents, types and sizes, and the conversions between types."""

import decimal
import re
from collections.abc import Callable
from typing import Any

from . import numbers, times
from .expressions import Scope, arguments, named, operator, raw
from .strings import as_text
from .values import (
    DECIMAL128,
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    MISSING,
    NUMBERS,
    TYPES,
    Binary,
    Date,
    Decimal128,
    Int64,
    ObjectId,
    Refused,
    binary,
    bson_size,
    integral,
    is_null,
    is_number,
    type_name,
)


@raw("$getField")
def _get_field(operand: Any, scope: Scope) -> Any:
    """A field by its whole name, dots and dollars included."""
    if not isinstance(operand, dict) or not {"field", "input"} & operand.keys():
        operand = {"field": operand, "input": "$$CURRENT"}
    arguments("$getField", operand, "field input")
    name, value = scope.evaluate(operand["field"]), scope.evaluate(operand["input"])
    if not isinstance(name, str):
        raise Refused(3041704, "the name of a field is a string")
    if type_name(value) in ("null", "undefined"):
        return None
    return value.get(name, MISSING) if isinstance(value, dict) else MISSING


@raw("$setField")
def _set_field(operand: Any, scope: Scope) -> Any:
    arguments("$setField", operand, "field input value")
    return _with_field(operand, scope, scope.evaluate(operand["value"]))


@raw("$unsetField")
def _unset_field(operand: Any, scope: Scope) -> Any:
    arguments("$unsetField", operand, "field input")
    return _with_field(operand, scope, MISSING)


def _with_field(operand: Any, scope: Scope, value: Any) -> Any:
    """The document with a field set, or without it if the value is missing."""
    name, into = scope.evaluate(operand["field"]), scope.evaluate(operand["input"])
    if not isinstance(name, str):
        raise Refused(4161107, "the name of a field is a string")
    if is_null(into):
        return None
    if not isinstance(into, dict):
        raise Refused(4161105, "a document is wanted")
    if value is MISSING:
        return {each: into[each] for each in into if each != name}
    return {**into, name: value}


@operator("$mergeObjects", 0, None)
def merge_objects(*documents: Any) -> Any:
    """Later fields replace earlier ones where those stand; nulls add nothing."""
    merged: dict[str, Any] = {}
    for each in documents:
        if not is_null(each):
            if not isinstance(each, dict):
                raise Refused(40400, "a document is wanted")
            merged.update(each)
    return merged


@operator("$bsonSize", 1)
def _bson_size(value: Any) -> Any:
    if is_null(value):
        return None
    if not isinstance(value, dict):
        raise Refused(31393, "a document is wanted")
    return bson_size(value)


@operator("$binarySize", 1)
def _binary_size(value: Any) -> Any:
    if is_null(value):
        return None
    if isinstance(value, str):
        return len(value.encode())
    if type_name(value) != "binData":
        raise Refused(51276, "a string or a binary is wanted")
    return len(binary(value)[1])


@operator("$type", 1)
def _type(value: Any) -> str:
    return type_name(value)


@operator("$isNumber", 1)
def _is_number(value: Any) -> bool:
    return is_number(value)


def _fail() -> Any:
    raise Refused(241, "no such conversion")


def _to_bool(value: Any) -> Any:
    """Zero and false are false; all else that can be converted is true."""
    kind = type_name(value)
    if kind in NUMBERS:
        return not numbers.is_finite(value) or numbers.exact(value) != 0
    if kind == "bool":
        return value
    return True if kind in ("string", "objectId", "date", "binData") else _fail()


def _whole_in(value: Any, low: int, high: int) -> int:
    """Cut toward zero; what has no room is an error."""
    if not numbers.is_finite(value):
        return int(_fail())
    whole = int(numbers.exact(value))
    return whole if low <= whole <= high else int(_fail())


def _to_integer(value: Any, low: int, high: int) -> int:
    kind = type_name(value)
    if kind in NUMBERS:
        return _whole_in(value, low, high)
    if kind == "bool":
        return int(value)
    if kind == "string" and re.fullmatch(r"[+-]?\d+", value, re.ASCII):
        return _whole_in(Int64(int(value)), low, high)
    return int(_fail())


def _to_int(value: Any) -> int:
    return _fail() if type_name(value) == "date" else _to_integer(value, INT_MIN, INT_MAX)


def _to_long(value: Any) -> Int64:
    if type_name(value) == "date":
        return Int64(value.millis)
    return Int64(_to_integer(value, LONG_MIN, LONG_MAX))


_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)"


def _to_double(value: Any) -> float:
    kind = type_name(value)
    if kind in NUMBERS:
        found = numbers.to_float(value)
        overflow = abs(found) == numbers.INFINITY and numbers.is_finite(value)
        return _fail() if overflow else found
    if kind == "bool":
        return float(value)
    if kind == "date":
        return float(value.millis)
    if kind == "string" and re.fullmatch(_NUMBER, value, re.ASCII | re.I):
        found = float(value)
        finite = not re.search("inf|nan", value, re.I)
        return _fail() if finite and abs(found) == numbers.INFINITY else found
    return float(_fail())


def _to_decimal(value: Any) -> Decimal128:
    kind = type_name(value)
    if kind in NUMBERS:
        return Decimal128(numbers.to_decimal(value))
    if kind == "bool":
        return Decimal128(int(value))
    if kind == "date":
        return Decimal128(value.millis)
    if kind == "string" and re.fullmatch(_NUMBER, value, re.ASCII | re.I):
        return Decimal128(DECIMAL128.create_decimal(decimal.Decimal(value)))
    _fail()
    raise AssertionError


def _to_date(value: Any) -> Date:
    kind = type_name(value)
    if kind in ("date", "timestamp", "objectId"):
        return times.as_date(value)
    if kind in ("long", "double", "decimal"):
        return Date(_whole_in(value, LONG_MIN, LONG_MAX))
    if kind == "string":
        return times.parse_iso(value, None)
    _fail()
    raise AssertionError


def _to_object_id(value: Any) -> ObjectId:
    if isinstance(value, ObjectId):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{24}", value):
        return ObjectId.of(value)
    _fail()
    raise AssertionError


_UUID = "[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"


def _to_string(value: Any) -> str:
    kind = type_name(value)
    if kind in (*NUMBERS, "string", "date"):
        return as_text(value)
    if kind == "bool":
        return "true" if value else "false"
    if kind == "objectId":
        return str(value.data.hex())
    if kind == "binData" and binary(value)[0] == 4:
        text = binary(value)[1].hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return str(_fail())


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "bool": _to_bool,
    "int": _to_int,
    "long": _to_long,
    "double": _to_double,
    "decimal": _to_decimal,
    "date": _to_date,
    "objectId": _to_object_id,
    "string": _to_string,
}

for _name in CONVERSIONS:

    @operator("$to" + _name[0].upper() + _name[1:], 1)
    def _convert_to(value: Any, name: str = _name) -> Any:
        return None if is_null(value) else CONVERSIONS[name](value)


@operator("$toUUID", 1)
def _to_uuid(value: Any) -> Any:
    if is_null(value):
        return None
    if isinstance(value, str) and re.fullmatch(_UUID, value):
        return Binary(4, bytes.fromhex(value.replace("-", "")))
    return value if isinstance(value, Binary) and value.subtype == 4 else _fail()


@named("$convert", "input to", "onError onNull")
def _convert(input: Any, to: Any, onError: Any, onNull: Any) -> Any:
    """Null input is asked before errors; without onNull it gives null."""
    if is_null(input):
        return None if onNull is MISSING else onNull
    if is_null(to):
        return None
    name = to
    if is_number(to):
        name = next((name for name, number in TYPES.items() if number == integral(to)), None)
    if not isinstance(name, str) or name not in TYPES:
        raise Refused(2, "no such type")
    try:
        if name not in CONVERSIONS:
            raise Refused(241, "no conversion to that type")
        return CONVERSIONS[name](input)
    except Refused as refused:
        if refused.code == 241 and onError is not MISSING:
            return onError
        raise
