"""Expressions on arrays and on sets, which are arrays whose order and duplicates do not count."""

import functools
from typing import Any

from .expressions import (
    Scope,
    arguments,
    check_variable,
    named,
    operator,
    raw,
    truthy,
    whole_number,
)
from .order import (
    check_sort,
    compare,
    compare_keys,
    contains,
    distinct,
    equal,
    key,
    sort_key,
)
from .values import MISSING, Refused, integral, is_null, is_number


def _array(value: Any, code: int) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(code, "an array is wanted")
    return value


@operator("$arrayElemAt", 2)
def _array_elem_at(array: Any, index: Any) -> Any:
    """A negative index counts from the end; beyond either end nothing is there."""
    if is_null(array) or is_null(index):
        return None
    items, at = _array(array, 28689), whole_number(index, 28691)
    return items[at] if -len(items) <= at < len(items) else MISSING


def _end(name: str, index: int) -> None:
    def function(array: Any) -> Any:
        if is_null(array):
            return None
        return next(iter(_array(array, 28689)[index:] if index else array), MISSING)

    operator(name, 1)(function)


_end("$first", 0)
_end("$last", -1)


def count_of(n: Any) -> int:
    """How many the operators on the first, last, lowest and highest n take: at least one."""
    count = integral(n) if is_number(n) else None
    if count is None:
        raise Refused(5787902, "n is a whole number")
    if count <= 0:
        raise Refused(5787908, "n is above 0")
    return count


@named("$firstN", "n input")
def _first_n(n: Any, input: Any) -> list[Any]:
    return _array(input, 5788200)[: count_of(n)]


@named("$lastN", "n input")
def _last_n(n: Any, input: Any) -> list[Any]:
    return _array(input, 5788200)[-count_of(n) :]


@named("$minN", "n input")
def _min_n(n: Any, input: Any) -> list[Any]:
    return sorted(_there(_array(input, 5788200)), key=key)[: count_of(n)]


@named("$maxN", "n input")
def _max_n(n: Any, input: Any) -> list[Any]:
    return sorted(_there(_array(input, 5788200)), key=key, reverse=True)[: count_of(n)]


def _there(items: list[Any]) -> list[Any]:
    return [item for item in items if not is_null(item)]


@operator("$arrayToObject", 1)
def _array_to_object(array: Any) -> Any:
    """Of pairs, or of documents with k and v. The last of equal names counts."""
    if is_null(array):
        return None
    items = _array(array, 40386)
    pairs = []
    for item in items:
        if type(item) is not type(items[0]):
            raise Refused(
                40391 if isinstance(item, list) else 40392, "pairs or documents, not both"
            )
        if isinstance(item, list):
            if len(item) != 2:
                raise Refused(40397, "a pair has two items")
            pairs.append(tuple(item))
        elif isinstance(item, dict):
            if set(item) != {"k", "v"}:
                raise Refused(40392, "k and v are wanted")
            pairs.append((item["k"], item["v"]))
        else:
            raise Refused(40398, "pairs or documents are wanted")
    if not all(isinstance(name, str) for name, _ in pairs):
        raise Refused(40395, "names are strings")
    return dict(pairs)


@operator("$objectToArray", 1)
def _object_to_array(value: Any) -> Any:
    if is_null(value):
        return None
    if not isinstance(value, dict):
        raise Refused(40390, "a document is wanted")
    return [{"k": name, "v": each} for name, each in value.items()]


@operator("$concatArrays", 0, None)
def _concat_arrays(*arrays: Any) -> Any:
    if any(is_null(array) for array in arrays):
        return None
    return [item for array in arrays for item in _array(array, 28664)]


@raw("$filter")
def _filter(operand: Any, scope: Scope) -> Any:
    arguments("$filter", operand, "input cond", "as limit")
    name = check_variable(operand.get("as", "this"))
    items = scope.evaluate(operand["input"])
    if is_null(items):
        return None
    limit = scope.evaluate(operand.get("limit", MISSING))
    most = None if is_null(limit) else whole_number(limit, 327391)
    if most is not None and most <= 0:
        raise Refused(327392, "the limit of $filter is above 0")
    kept = [
        item
        for item in _array(items, 28651)
        if truthy(scope.with_variables(**{name: item}).evaluate(operand["cond"]))
    ]
    return kept[:most]


@raw("$map")
def _map(operand: Any, scope: Scope) -> Any:
    arguments("$map", operand, "input in", "as")
    name = check_variable(operand.get("as", "this"))
    items = scope.evaluate(operand["input"])
    if is_null(items):
        return None
    found = [
        scope.with_variables(**{name: item}).evaluate(operand["in"])
        for item in _array(items, 16883)
    ]
    return [None if item is MISSING else item for item in found]


@raw("$reduce")
def _reduce(operand: Any, scope: Scope) -> Any:
    """From left to right; $$value is what came of those before, $$this the item."""
    arguments("$reduce", operand, "input initialValue in")
    items = scope.evaluate(operand["input"])
    if is_null(items):
        return None
    value = scope.evaluate(operand["initialValue"])
    for item in _array(items, 40080):
        value = scope.with_variables(this=item, value=value).evaluate(operand["in"])
    return value


@operator("$in", 2)
def _in(value: Any, array: Any) -> bool:
    return any(equal(value, item) for item in _array(array, 40081))


@operator("$indexOfArray", 2, 4)
def _index_of_array(array: Any, value: Any, start: Any = 0, end: Any = None) -> Any:
    if is_null(array):
        return None
    items = _array(array, 40090)
    low = whole_number(start, 40096)
    high = len(items) if end is None else whole_number(end, 40096)
    if low < 0 or high < 0:
        raise Refused(40097, "positions are from 0")
    positions = range(low, min(high, len(items)))
    return next((at for at in positions if equal(items[at], value)), -1)


@operator("$isArray", 1)
def _is_array(value: Any) -> bool:
    return isinstance(value, list)


@operator("$range", 2, 3)
def _range(start: Any, end: Any, step: Any = 1) -> list[int]:
    """Without its end. A negative step counts down."""
    low, high = whole_number(start, 34444), whole_number(end, 34446)
    by = whole_number(step, 34448)
    if by == 0:
        raise Refused(34449, "a step of 0 gets nowhere")
    return list(range(low, high, by))


@operator("$reverseArray", 1)
def _reverse_array(array: Any) -> Any:
    return None if is_null(array) else _array(array, 34435)[::-1]


@operator("$size", 1)
def _size(array: Any) -> int:
    return len(_array(array, 17124))


@operator("$slice", 2, 3)
def _slice(array: Any, first: Any, count: Any = MISSING) -> Any:
    """So many from the start, or from the end if negative; or from a position on."""
    if is_null(array) or is_null(first):
        return None
    items, at = _array(array, 28724), whole_number(first, 28726)
    if count is MISSING:
        return items[:at] if at >= 0 else items[at:]
    if is_null(count):
        return None
    many = whole_number(count, 28728)
    if many <= 0:
        raise Refused(28729, "a slice from a position takes more than 0")
    at = at if at >= 0 else max(len(items) + at, 0)
    return items[at : at + many]


@raw("$sortArray")
def _sort_array(operand: Any, scope: Scope) -> Any:
    """By whole items (1 or -1), or by fields of documents."""
    arguments("$sortArray", operand, "input sortBy")
    items, by = scope.evaluate(operand["input"]), operand["sortBy"]
    if isinstance(by, dict):
        by = check_sort(by)
    elif not is_number(by) or not (equal(by, 1) or equal(by, -1)):
        raise Refused(2942505, "a direction is 1 or -1")
    return None if is_null(items) else sorted_items(_array(items, 2942504), by)


def sorted_items(items: list[Any], by: Any) -> list[Any]:
    if not isinstance(by, dict):
        return sorted(items, key=key, reverse=False) if by > 0 else _descending(items)
    keys = [(sort_key(item, by), item) for item in items]

    def order(a: Any, b: Any) -> int:
        return compare_keys(a[0], b[0], by)

    return [item for _, item in sorted(keys, key=functools.cmp_to_key(order))]


def _descending(items: list[Any]) -> list[Any]:
    """Those that are equal keep their order."""
    return sorted(items, key=functools.cmp_to_key(lambda a, b: compare(b, a)))


@raw("$zip")
def _zip(operand: Any, scope: Scope) -> Any:
    """Items at the same position, as far as the shortest array goes, or the longest."""
    arguments("$zip", operand, "inputs", "useLongestLength defaults")
    longest = operand.get("useLongestLength", False)
    if not isinstance(longest, bool):
        raise Refused(34463, "useLongestLength is true or false")
    if "defaults" in operand and not longest:
        raise Refused(34466, "defaults are for the longest length")
    inputs = [scope.evaluate(each) for each in _array(operand["inputs"], 34461)]
    if not inputs:
        raise Refused(34465, "$zip needs arrays")
    if any(is_null(array) for array in inputs):
        return None
    arrays = [_array(array, 34468) for array in inputs]
    defaults = scope.evaluate(operand.get("defaults", [None] * len(arrays)))
    if len(_array(defaults, 34462)) != len(arrays):
        raise Refused(34467, "one default for each array")
    length = (max if longest else min)(map(len, arrays))
    return [
        [
            array[at] if at < len(array) else default
            for array, default in zip(arrays, defaults, strict=True)
        ]
        for at in range(length)
    ]


# Sets. Where MongoDB leaves the order of a result open, it is ascending here.


@operator("$setUnion", 0, None)
def _set_union(*sets: Any) -> Any:
    if any(is_null(each) for each in sets):
        return None
    return sorted(distinct([item for each in sets for item in _array(each, 17043)]), key=key)


@operator("$setIntersection", 0, None)
def _set_intersection(*sets: Any) -> Any:
    if any(is_null(each) for each in sets):
        return None
    arrays = [_array(each, 17047) for each in sets]
    common = [item for item in (arrays or [[]])[0] if all(contains(each, item) for each in arrays)]
    return sorted(distinct(common), key=key)


@operator("$setDifference", 2)
def _set_difference(a: Any, b: Any) -> Any:
    """What is in the first and not in the second, in the order of the first."""
    if is_null(a) or is_null(b):
        return None
    first, second = _array(a, 17048), _array(b, 17049)
    return distinct([item for item in first if not contains(second, item)])


@operator("$setEquals", 2, None)
def _set_equals(*sets: Any) -> bool:
    arrays = [_array(each, 17044) for each in sets]
    return all(_subset(arrays[0], each) and _subset(each, arrays[0]) for each in arrays)


@operator("$setIsSubset", 2)
def _set_is_subset(a: Any, b: Any) -> bool:
    return _subset(_array(a, 17046), _array(b, 17042))


def _subset(a: list[Any], b: list[Any]) -> bool:
    return all(contains(b, item) for item in a)


@operator("$allElementsTrue", 1)
def _all_elements_true(array: Any) -> bool:
    return all(map(truthy, _array(array, 17040)))


@operator("$anyElementTrue", 1)
def _any_element_true(array: Any) -> bool:
    return any(map(truthy, _array(array, 17041)))
