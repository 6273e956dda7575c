"""Numbers of four types: which type a result has, and how one becomes another.

The type of a result is the widest of its operands: int, long, double, decimal. An int that has no
room in 32 bits becomes a long, a long that has no room in 64 bits a double.
"""

import decimal
from fractions import Fraction
from typing import Any

from .values import (
    DECIMAL128,
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    NUMBERS,
    Decimal128,
    Int64,
    Refused,
    type_name,
)

INFINITY = float("inf")


def widest(*values: Any) -> str:
    return max((type_name(value) for value in values), key=NUMBERS.index)


def whole(number: int, kind: str) -> Any:
    """A whole result: an int if all operands were ints and it fits, else a long, else a double."""
    if kind == "int" and INT_MIN <= number <= INT_MAX:
        return number
    return Int64(number) if LONG_MIN <= number <= LONG_MAX else float(number)


def to_float(value: Any) -> float:
    """As a double, rounded to the nearest."""
    if type_name(value) == "decimal":
        if value.value.is_nan():
            return float("nan")
        return float(value.value)
    return float(value)


def to_decimal(value: Any) -> decimal.Decimal:
    """As a decimal. A double is taken with 15 digits, as it is shown: 0.1 is 0.100000000000000."""
    if type_name(value) == "decimal":
        found: decimal.Decimal = value.value
        return found
    if type_name(value) == "double":
        if value != value or value in (INFINITY, -INFINITY):
            return decimal.Decimal(value)
        if value == 0:
            return decimal.Decimal("-0" if str(value) == "-0.0" else "0")
        return decimal.Decimal(f"{value:.14e}")
    return decimal.Decimal(int(value))


def is_finite(value: Any) -> bool:
    number = to_float(value) if type_name(value) != "decimal" else value.value
    return number == number and number not in (INFINITY, -INFINITY)


def exact(value: Any) -> Fraction:
    """The exact value of a finite number."""
    return Fraction(value.value if type_name(value) == "decimal" else value)


def decimal_of(fraction: Fraction) -> Decimal128:
    """The nearest decimal of 34 digits."""
    top, bottom = (decimal.Decimal(part) for part in fraction.as_integer_ratio())
    wide = decimal.Context(prec=6200, Emin=-9999, Emax=9999, traps=[])
    return Decimal128(DECIMAL128.plus(wide.divide(top, bottom)))


def float_of(fraction: Fraction) -> float:
    try:
        return float(fraction)
    except OverflowError:
        return INFINITY if fraction > 0 else -INFINITY


def total(numbers: list[Any]) -> Any:
    """The sum. Doubles are added exactly and rounded once; compensated summation comes near it."""
    kind = widest(0, *numbers)
    if kind in ("int", "long"):
        return whole(sum(int(number) for number in numbers), kind)
    special = [to_float(number) for number in numbers if not is_finite(number)]
    if special:
        return special_result(sum(special), kind)
    if kind == "double":
        return float_of(sum((exact(number) for number in numbers), Fraction(0)))
    # Decimals keep their trailing zeros, so they are added as decimals; the rest is exact.
    rest = sum((exact(number) for number in numbers if type_name(number) != "decimal"), Fraction(0))
    found = decimal_of(rest).value
    for number in numbers:
        if type_name(number) == "decimal":
            found = DECIMAL128.add(found, number.value)
    return Decimal128(found)


def special_result(value: float, kind: str) -> Any:
    """A NaN or an infinity in the type of the result."""
    return Decimal128(decimal.Decimal(value)) if kind == "decimal" else value


def subtract(a: Any, b: Any) -> Any:
    kind = widest(a, b)
    if kind == "decimal":
        return Decimal128(DECIMAL128.subtract(to_decimal(a), to_decimal(b)))
    if kind == "double":
        return to_float(a) - to_float(b)
    return whole(int(a) - int(b), kind)


def multiply(a: Any, b: Any) -> Any:
    kind = widest(a, b)
    if kind == "decimal":
        return Decimal128(DECIMAL128.multiply(to_decimal(a), to_decimal(b)))
    if kind == "double":
        return to_float(a) * to_float(b)
    return whole(int(a) * int(b), kind)


def divide(a: Any, b: Any) -> Any:
    """Always a double, or a decimal if an operand is one."""
    if widest(a, b) == "decimal":
        if to_decimal(b) == 0:
            raise Refused(2, "division by zero")
        return Decimal128(DECIMAL128.divide(to_decimal(a), to_decimal(b)))
    if to_float(b) == 0:
        raise Refused(2, "division by zero")
    return to_float(a) / to_float(b)


def remainder(a: Any, b: Any) -> Any:
    """What is left of division that cuts toward zero: it has the sign of the dividend."""
    kind = widest(a, b)
    if kind in ("int", "long"):
        if b == 0:
            raise Refused(16610, "modulo by zero")
        rest = abs(int(a)) % abs(int(b))
        return whole(rest if a >= 0 else -rest, kind)
    if is_finite(b) and exact(b) == 0:
        raise Refused(16610, "modulo by zero")
    if not is_finite(a) or to_float(b) != to_float(b):
        return special_result(float("nan"), kind)
    if not is_finite(b):
        return a if type_name(a) == kind else convert(a, kind)
    x, y = (
        (Fraction(to_decimal(a)), Fraction(to_decimal(b)))
        if kind == "decimal"
        else (exact(to_float(a)), exact(to_float(b)))
    )
    rest_exact = abs(x) % abs(y) * (1 if x >= 0 else -1)
    if kind == "decimal":
        return Decimal128(to_decimal_plain(rest_exact, to_decimal(a), to_decimal(b)))
    found = float_of(rest_exact)
    return -found if found == 0 and str(to_float(a)).startswith("-") else found


def to_decimal_plain(fraction: Fraction, a: decimal.Decimal, b: decimal.Decimal) -> decimal.Decimal:
    """A remainder with as many places as its operands have."""
    places = min(int(a.as_tuple().exponent), int(b.as_tuple().exponent))
    wide = decimal.Context(prec=6200, Emin=-9999, Emax=9999, traps=[])
    return decimal_of(fraction).value.quantize(decimal.Decimal((0, (1,), places)), context=wide)


def convert(value: Any, kind: str) -> Any:
    """A number as another type, without checks of room."""
    if kind == "decimal":
        return Decimal128(to_decimal(value))
    if kind == "double":
        return to_float(value)
    return int(value) if kind == "int" else Int64(value)
