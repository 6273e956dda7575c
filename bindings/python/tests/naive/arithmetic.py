"""Expressions on numbers. Null, undefined or missing among the operands makes the answer null."""

import decimal
import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from . import numbers
from .expressions import Function, operator, raw, whole_number
from .values import (
    DECIMAL128,
    LONG_MAX,
    LONG_MIN,
    Date,
    Decimal128,
    Int64,
    Refused,
    is_null,
    is_number,
    type_name,
)


def numeric(
    name: str, least: int, most: int | None = -1, code: int = 14
) -> Callable[[Function], Function]:
    """An operator that takes numbers only, and answers null to null."""

    def register(function: Function) -> Function:
        def call(*operands: Any) -> Any:
            if any(is_null(each) for each in operands):
                return None
            if not all(is_number(each) for each in operands):
                raise Refused(code, f"{name} takes numbers")
            return function(*operands)

        return operator(name, least, most)(call)

    return register


def moved(date: Date, millis: int) -> Date:
    if not LONG_MIN <= date.millis + millis <= LONG_MAX:
        raise Refused(2, "date out of range")
    return Date(date.millis + millis)


def rounded_millis(value: Any) -> int:
    """A number of milliseconds, rounded to the nearest whole one, halves away from zero."""
    if not numbers.is_finite(value):
        raise Refused(2, "date out of range")
    number = numbers.exact(value)
    nearest = int(abs(number) + Fraction(1, 2))
    return nearest if number >= 0 else -nearest


@operator("$add", 0, None)
def _add(*operands: Any) -> Any:
    """A date plus milliseconds is a date; two dates cannot be added."""
    if any(is_null(each) for each in operands):
        return None
    dates = [each for each in operands if type_name(each) == "date"]
    plain = [each for each in operands if type_name(each) != "date"]
    if len(dates) > 1:
        raise Refused(16612, "only one date in an $add")
    if not all(is_number(each) for each in plain):
        raise Refused(14, "$add takes numbers and dates")
    added = numbers.total(plain)
    return moved(dates[0], rounded_millis(added)) if dates else added


@operator("$subtract", 2)
def _subtract(a: Any, b: Any) -> Any:
    """Date minus date is a long of milliseconds; date minus number a date."""
    if is_null(a) or is_null(b):
        return None
    if type_name(a) == "date" and type_name(b) == "date":
        return Int64(a.millis - b.millis)
    if type_name(a) == "date" and is_number(b):
        return moved(a, -rounded_millis(b))
    if not (is_number(a) and is_number(b)):
        raise Refused(14, "$subtract takes numbers and dates")
    return numbers.subtract(a, b)


@operator("$multiply", 0, None)
def _multiply(*operands: Any) -> Any:
    if any(is_null(each) for each in operands):
        return None
    if not all(is_number(each) for each in operands):
        raise Refused(14, "$multiply takes numbers")
    product: Any = 1
    for each in operands:
        product = numbers.multiply(product, each)
    return product


numeric("$divide", 2)(numbers.divide)
numeric("$mod", 2, code=16611)(numbers.remainder)


@numeric("$abs", 1, code=28765)
def _abs(value: Any) -> Any:
    kind = type_name(value)
    if kind == "double":
        return abs(value)
    if kind == "decimal":
        return Decimal128(value.value.copy_abs())
    if int(value) == LONG_MIN:
        raise Refused(28680, "the lowest long has no absolute value")
    return numbers.whole(abs(int(value)), kind)


def _to_whole(rounding: str, by: Callable[[Any], int]) -> Callable[[Any], Any]:
    """Rounds to a whole number of the same type; zeros keep their sign."""

    def function(value: Any) -> Any:
        kind = type_name(value)
        if kind == "decimal":
            return Decimal128(value.value.to_integral_value(rounding=rounding))
        if kind == "double" and numbers.is_finite(value):
            return math.copysign(abs(float(by(value))), value)
        return value

    return function


numeric("$ceil", 1, code=28765)(_to_whole(decimal.ROUND_CEILING, math.ceil))
numeric("$floor", 1, code=28765)(_to_whole(decimal.ROUND_FLOOR, math.floor))


def _to_places(name: str, rounding: str) -> None:
    """Rounds at so many places after the point, or before it if negative."""

    def function(value: Any, places: Any = 0) -> Any:
        if is_null(value) or is_null(places):
            return None
        if not is_number(value):
            raise Refused(51081, f"{name} takes a number")
        at = whole_number(places, 51082)
        if not -20 <= at <= 100:
            raise Refused(51083, "places are from -20 to 100")
        kind = type_name(value)
        if not numbers.is_finite(value):
            return value
        wide = decimal.Context(prec=7000, Emin=-9999, Emax=9999, rounding=rounding, traps=[])
        plain = value.value if kind == "decimal" else decimal.Decimal(value)
        if int(plain.as_tuple().exponent) >= -at:
            return value
        found = wide.quantize(plain, decimal.Decimal((0, (1,), -at)))
        if kind == "decimal":
            return Decimal128(found)
        if kind == "double":
            return float(found)
        if not LONG_MIN <= int(found) <= LONG_MAX:
            raise Refused(51080, "no room for the rounded number")
        return numbers.whole(int(found), kind)

    operator(name, 1, 2)(function)


_to_places("$round", decimal.ROUND_HALF_EVEN)
_to_places("$trunc", decimal.ROUND_DOWN)


def _real(
    name: str,
    by: Callable[[float], float],
    by_decimal: Callable[[decimal.Decimal], decimal.Decimal] | None = None,
    *,
    allowed: Callable[[Any], bool] = lambda value: True,
    code: int = 50989,
) -> None:
    """A function of real numbers: doubles, and decimals where one is there. NaN stays NaN."""

    def function(value: Any) -> Any:
        kind = "decimal" if type_name(value) == "decimal" else "double"
        if numbers.to_float(value) != numbers.to_float(value):
            return numbers.special_result(float("nan"), kind)
        if not allowed(value.value if kind == "decimal" else float(value)):
            raise Refused(code, f"{name} is not defined there")
        if kind == "decimal" and by_decimal is not None:
            return Decimal128(by_decimal(value.value))
        try:
            found = by(numbers.to_float(value))
        except OverflowError:
            found = (
                numbers.INFINITY if value > 0 or name in ("$exp", "$cosh") else -numbers.INFINITY
            )
        # Decimals' trigonometry is as exact as doubles are here, which is not all that MongoDB has.
        return Decimal128(numbers.to_decimal(found)) if kind == "decimal" else found

    numeric(name, 1, code=28765)(function)


_real("$exp", math.exp, DECIMAL128.exp)
_real("$sqrt", math.sqrt, DECIMAL128.sqrt, allowed=lambda x: x >= 0, code=28714)
_real("$ln", math.log, DECIMAL128.ln, allowed=lambda x: x > 0, code=28766)
_real("$log10", math.log10, DECIMAL128.log10, allowed=lambda x: x > 0, code=28761)


def _finite(x: Any) -> bool:
    return bool(abs(x) != numbers.INFINITY)


def _atanh(x: float) -> float:
    return math.copysign(numbers.INFINITY, x) if abs(x) == 1 else math.atanh(x)


_real("$sin", math.sin, allowed=_finite)
_real("$cos", math.cos, allowed=_finite)
_real("$tan", math.tan, allowed=_finite)
_real("$asin", math.asin, allowed=lambda x: -1 <= x <= 1)
_real("$acos", math.acos, allowed=lambda x: -1 <= x <= 1)
_real("$atan", math.atan)
_real("$sinh", math.sinh)
_real("$cosh", math.cosh)
_real("$tanh", math.tanh)
_real("$asinh", math.asinh)
_real("$acosh", math.acosh, allowed=lambda x: x >= 1)
_real("$atanh", _atanh, allowed=lambda x: -1 <= x <= 1)
_real("$degreesToRadians", lambda x: x * (math.pi / 180))
_real("$radiansToDegrees", lambda x: x * (180 / math.pi))


@numeric("$atan2", 2, code=51044)
def _atan2(y: Any, x: Any) -> Any:
    found = math.atan2(numbers.to_float(y), numbers.to_float(x))
    if numbers.widest(y, x) == "decimal":
        return Decimal128(numbers.to_decimal(found))
    return found


@operator("$log", 2)
def _log(value: Any, base: Any) -> Any:
    if is_null(value) or is_null(base):
        return None
    if not is_number(value):
        raise Refused(28756, "$log takes numbers")
    if not is_number(base):
        raise Refused(28757, "$log takes numbers")
    x, b = numbers.to_float(value), numbers.to_float(base)
    kind = "decimal" if numbers.widest(value, base) == "decimal" else "double"
    if x != x or b != b:
        return numbers.special_result(float("nan"), kind)
    if x <= 0:
        raise Refused(28758, "$log takes positive numbers")
    if b <= 0 or b == 1:
        raise Refused(28759, "the base of $log is positive and not 1")
    if kind == "decimal":
        logs = [DECIMAL128.ln(numbers.to_decimal(each)) for each in (value, base)]
        return Decimal128(DECIMAL128.divide(*logs))
    return math.log(x) / math.log(b)


@operator("$pow", 2)
def _pow(base: Any, exponent: Any) -> Any:
    """Whole numbers to a power give a whole number, unless it has no room or the power is < 0."""
    if is_null(base) or is_null(exponent):
        return None
    if not is_number(base):
        raise Refused(28762, "$pow takes numbers")
    if not is_number(exponent):
        raise Refused(28763, "$pow takes numbers")
    x, y = numbers.to_float(base), numbers.to_float(exponent)
    if x == 0 and y < 0:
        raise Refused(28764, "0 has no power below 0")
    kind = numbers.widest(base, exponent)
    if kind == "decimal":
        a, b = numbers.to_decimal(base), numbers.to_decimal(exponent)
        return Decimal128(decimal.Decimal(1) if b == 0 else DECIMAL128.power(a, b))
    if kind in ("int", "long"):
        if exponent >= 0 and (abs(base) <= 1 or exponent < 64):
            return numbers.whole(int(base) ** int(exponent), kind)
        if abs(base) == 1:
            return numbers.whole(int(base) ** (int(exponent) % 2), kind)
    try:
        return x**y if x >= 0 or y.is_integer() or y != y or not _finite(y) else float("nan")
    except OverflowError:
        return -numbers.INFINITY if x < 0 and y % 2 == 1 else numbers.INFINITY


def _bits(name: str, start: int, by: Callable[[int, int], int]) -> None:
    """Bits of ints and longs; of no operands it is what changes nothing."""

    def function(*operands: Any) -> Any:
        if any(is_null(each) for each in operands):
            return None
        if any(type_name(each) not in ("int", "long") for each in operands):
            raise Refused(14, f"{name} takes ints and longs")
        found = start
        for each in operands:
            found = by(found, int(each))
        return numbers.convert(found, numbers.widest(0, *operands))

    operator(name, 0, None)(function)


_bits("$bitAnd", -1, lambda a, b: a & b)
_bits("$bitOr", 0, lambda a, b: a | b)
_bits("$bitXor", 0, lambda a, b: a ^ b)


@operator("$bitNot", 1)
def _bit_not(value: Any) -> Any:
    if is_null(value):
        return None
    if type_name(value) not in ("int", "long"):
        raise Refused(14, "$bitNot takes an int or a long")
    return numbers.convert(~int(value), type_name(value))


@raw("$rand")
def _rand(operand: Any, scope: Any) -> float:
    """The only operator whose answer cannot be foretold."""
    if operand not in ({}, []):
        raise Refused(3040501, "$rand takes nothing")
    return random.random()
