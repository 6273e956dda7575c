"""Accumulators: what $group makes of the values of a group, in the order they came.

Some are expressions, too, on an array or on their operands.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from . import numbers
from .arrays import count_of
from .expressions import OPERATORS, Scope, arguments, named
from .objects import merge_objects
from .order import check_sort, compare_keys, distinct, key, sort_key
from .values import MISSING, Refused, is_null, is_number

Values = list[Any]


def _numbers(values: Values) -> Values:
    return [value for value in values if is_number(value)]


def _there(values: Values) -> Values:
    return [value for value in values if not is_null(value)]


def add_up(values: Values) -> Any:
    """The sum of the numbers; of none it is 0."""
    return numbers.total(_numbers(values))


def average(values: Values) -> Any:
    """A double, or a decimal if one is among them; of no numbers null."""
    found = _numbers(values)
    if not found:
        return None
    if numbers.widest(*found) == "decimal":
        return numbers.divide(numbers.total(found), len(found))
    if not all(map(numbers.is_finite, found)):
        return sum(map(numbers.to_float, found))
    return numbers.float_of(sum(map(numbers.exact, found), Fraction(0)) / len(found))


def lowest(values: Values) -> Any:
    return min(_there(values), key=key, default=None)


def highest(values: Values) -> Any:
    return max(_there(values), key=key, default=None)


def _deviation(values: Values, *, sample: bool) -> Any:
    """The root of the mean square of the distance from the mean; a sample divides by one less."""
    found = [numbers.to_float(value) for value in _numbers(values)]
    count = len(found) - sample
    if count <= 0:
        return None
    if not all(math.isfinite(each) for each in found):
        return float("nan")
    exact = [Fraction(each) for each in found]
    mean = sum(exact, Fraction(0)) / len(exact)
    return math.sqrt(sum(((each - mean) ** 2 for each in exact), Fraction(0)) / count)


def deviation(values: Values) -> Any:
    return _deviation(values, sample=False)


def sample_deviation(values: Values) -> Any:
    return _deviation(values, sample=True)


def percentile(values: Values, p: Any) -> Any:
    """The lowest number that is not below the share p of all; always a double, null of none."""
    found = sorted((_numbers(values)), key=key)
    if not found:
        return None
    at = max(math.ceil(Fraction(numbers.to_float(p)) * len(found)) - 1, 0)
    return numbers.to_float(found[at])


def _shares(p: Any) -> Values:
    if not isinstance(p, list) or not p or not all(is_number(each) for each in p):
        raise Refused(7750301, "p is an array of numbers")
    if not all(0 <= numbers.to_float(each) <= 1 for each in p):
        raise Refused(7750303, "p is from 0 to 1")
    return p


# As expressions: of one operand that is an array its items, else the operands themselves.


def _of_operands(name: str, function: Callable[[Values], Any]) -> None:
    def call(operand: Any, scope: Scope) -> Any:
        if isinstance(operand, list) and len(operand) != 1:
            return function([scope.evaluate(each) for each in operand])
        value = scope.evaluate(operand[0] if isinstance(operand, list) else operand)
        return function(value if isinstance(value, list) else [value])

    OPERATORS[name] = call


_of_operands("$sum", add_up)
_of_operands("$avg", average)
_of_operands("$min", lowest)
_of_operands("$max", highest)
_of_operands("$stdDevPop", deviation)
_of_operands("$stdDevSamp", sample_deviation)


@named("$percentile", "input p method")
def _percentile(input: Any, p: Any, method: Any) -> Any:
    shares = _shares(p)
    _check_method(method)
    items = input if isinstance(input, list) else [input]
    return [percentile(items, each) for each in shares]


@named("$median", "input method")
def _median(input: Any, method: Any) -> Any:
    _check_method(method)
    return percentile(input if isinstance(input, list) else [input], 0.5)


def _check_method(method: Any) -> None:
    if method != "approximate":
        raise Refused(2, "the method is approximate")


# In $group. Each takes the operand as it is written and one scope for each document of the group.


def _each(function: Callable[[Values], Any]) -> Callable[[Any, list[Scope]], Any]:
    def call(operand: Any, scopes: list[Scope]) -> Any:
        if isinstance(operand, list):
            if len(operand) != 1:
                raise Refused(40237, "an accumulator takes one operand")
            operand = operand[0]
        return function([scope.evaluate(operand) for scope in scopes])

    return call


def _nulls(values: Values) -> Values:
    """What is missing is null where it cannot be left out."""
    return [None if value is MISSING else value for value in values]


def _count(operand: Any, scopes: list[Scope]) -> int:
    if operand != {}:
        raise Refused(14, "$count takes an empty document")
    return len(scopes)


def _n_of(name: str, choose: Callable[[Values, int], Values]) -> Callable[[Any, list[Scope]], Any]:
    """n may depend on the group alone, which is what `n` sees in the first document here."""

    def call(operand: Any, scopes: list[Scope]) -> Any:
        arguments(name, operand, "input n")
        count = count_of(scopes[0].evaluate(operand["n"]))
        return choose([scope.evaluate(operand["input"]) for scope in scopes], count)

    return call


def _ranked(name: str, *, top: bool, many: bool) -> Callable[[Any, list[Scope]], Any]:
    """The outputs of the documents that come first, or last, in an order of their own."""

    def call(operand: Any, scopes: list[Scope]) -> Any:
        arguments(name, operand, "sortBy output" + (" n" if many else ""))
        sort = check_sort(operand["sortBy"])

        def order(a: Any, b: Any) -> int:
            return compare_keys(a[0], b[0], sort)

        keyed = [(sort_key(scope.variables["ROOT"], sort), scope) for scope in scopes]
        ordered = [scope for _, scope in sorted(keyed, key=functools.cmp_to_key(order))]
        found = _nulls([scope.evaluate(operand["output"]) for scope in ordered])
        if not many:
            return found[0 if top else -1]
        count = count_of(scopes[0].evaluate(operand["n"]))
        return found[:count] if top else found[-count:]

    return call


def _percentile_of(operand: Any, scopes: list[Scope]) -> Any:
    arguments("$percentile", operand, "input p method")
    _check_method(operand["method"])
    values = [scope.evaluate(operand["input"]) for scope in scopes]
    return [percentile(values, each) for each in _shares(scopes[0].evaluate(operand["p"]))]


def _median_of(operand: Any, scopes: list[Scope]) -> Any:
    arguments("$median", operand, "input method")
    _check_method(operand["method"])
    return percentile([scope.evaluate(operand["input"]) for scope in scopes], 0.5)


ACCUMULATORS: dict[str, Callable[[Any, list[Scope]], Any]] = {
    "$sum": _each(add_up),
    "$avg": _each(average),
    "$min": _each(lowest),
    "$max": _each(highest),
    "$stdDevPop": _each(deviation),
    "$stdDevSamp": _each(sample_deviation),
    "$first": _each(lambda values: _nulls(values)[0]),
    "$last": _each(lambda values: _nulls(values)[-1]),
    "$push": _each(lambda values: [value for value in values if value is not MISSING]),
    "$addToSet": _each(lambda values: distinct([it for it in values if it is not MISSING])),
    "$mergeObjects": _each(lambda values: merge_objects(*values)),
    "$count": _count,
    "$firstN": _n_of("$firstN", lambda values, n: _nulls(values)[:n]),
    "$lastN": _n_of("$lastN", lambda values, n: _nulls(values)[-n:]),
    "$minN": _n_of("$minN", lambda values, n: sorted(_there(values), key=key)[:n]),
    "$maxN": _n_of("$maxN", lambda values, n: sorted(_there(values), key=key, reverse=True)[:n]),
    "$top": _ranked("$top", top=True, many=False),
    "$bottom": _ranked("$bottom", top=False, many=False),
    "$topN": _ranked("$topN", top=True, many=True),
    "$bottomN": _ranked("$bottomN", top=False, many=True),
    "$percentile": _percentile_of,
    "$median": _median_of,
}


def accumulate(name: str, operand: Any, scopes: list[Scope]) -> Any:
    return ACCUMULATORS[name](operand, scopes)
