"""MongoDB's one order over all values, and the keys by which documents are sorted."""

import functools
from fractions import Fraction
from typing import Any

from .values import MISSING, Refused, Undefined, binary, type_name

# Values of different kinds are ordered by kind alone. Kinds on one line are one kind.
_KINDS = (
    ("minKey",),
    ("missing", "undefined"),
    ("null",),
    ("int", "long", "double", "decimal"),
    ("string", "symbol"),
    ("object",),
    ("array",),
    ("binData",),
    ("objectId",),
    ("bool",),
    ("date",),
    ("timestamp",),
    ("regex",),
    ("dbPointer",),
    ("javascript",),
    ("javascriptWithScope",),
    ("maxKey",),
)
_RANKS = {name: rank for rank, names in enumerate(_KINDS) for name in names}


def rank(value: Any) -> int:
    """The place of a value's kind among the kinds."""
    return _RANKS[type_name(value)]


def _sign(a: Any, b: Any) -> int:
    return int(a > b) - int(a < b)


def _number(value: Any) -> tuple[int, Fraction]:
    """A number as a pair that Python orders exactly: class (NaN lowest), and the exact value."""
    number = value.value if type_name(value) == "decimal" else value
    if number != number:
        return (0, Fraction(0))
    if number in (float("inf"), float("-inf")):
        return (3, Fraction(0)) if number > 0 else (1, Fraction(0))
    return (2, Fraction(number))


def compare(a: Any, b: Any) -> int:
    """-1, 0 or 1. Numbers compare by their exact value whatever their types, NaN is equal to itself
    and below all of them, and -0.0 equals 0."""
    if rank(a) != rank(b):
        return _sign(rank(a), rank(b))
    kind = type_name(a)
    if kind in ("int", "long", "double", "decimal"):
        return _sign(_number(a), _number(b))
    if kind in ("string", "symbol"):
        # By the bytes of UTF-8.
        texts = [(it if isinstance(it, str) else it.text).encode() for it in (a, b)]
        return _sign(*texts)
    if kind == "object":
        return _compare_documents(a, b)
    if kind == "array":
        for x, y in zip(a, b, strict=False):
            if compare(x, y) != 0:
                return compare(x, y)
        return _sign(len(a), len(b))
    if kind == "javascriptWithScope":
        return _sign(a.text.encode(), b.text.encode()) or compare(a.scope, b.scope)
    return _sign(_plain(a), _plain(b))


def _compare_documents(a: dict[str, Any], b: dict[str, Any]) -> int:
    """Field by field in the order they stand: kind of the value, name, value; then the number."""
    for x, y in zip(a, b, strict=False):
        found = _sign(rank(a[x]), rank(b[y])) or _sign(x.encode(), y.encode())
        found = found or compare(a[x], b[y])
        if found != 0:
            return found
    return _sign(len(a), len(b))


def _plain(value: Any) -> Any:
    """Values of one kind as something that Python orders in the same way."""
    kind = type_name(value)
    if kind == "binData":
        subtype, data = binary(value)
        return (len(data), subtype, data)
    if kind == "objectId":
        return value.data
    if kind == "bool":
        return value
    if kind == "date":
        return value.millis
    if kind == "timestamp":
        return (value.seconds, value.increment)
    if kind == "regex":
        return (value.pattern.encode(), value.options.encode())
    if kind == "dbPointer":
        return (len(value.namespace.encode()), value.namespace.encode(), value.id.data)
    if kind == "javascript":
        return value.text.encode()
    return 0  # the kinds of one value, and missing beside undefined


def equal(a: Any, b: Any) -> bool:
    return compare(a, b) == 0


key = functools.cmp_to_key(compare)


def contains(values: list[Any], value: Any) -> bool:
    return any(equal(value, each) for each in values)


def distinct(values: list[Any]) -> list[Any]:
    """Without those that equal an earlier one."""
    found: list[Any] = []
    for value in values:
        if not contains(found, value):
            found.append(value)
    return found


# Sorting documents. The path of each field of the sort meets arrays or does not:
#   - none: the value there, and null where there is nothing;
#   - an array at its end: each element is a candidate (elements that are arrays as wholes), and an
#     empty array counts as undefined, which is below null;
#   - an array before: each element is followed; those that are no documents have nothing there.
# Ascending order takes the lowest candidate, descending the highest. Two fields may go through the
# same array: then a candidate is a pair from one element. Two different arrays are refused.


class _Final:
    """A value that is not looked into any more."""

    def __init__(self, value: Any) -> None:
        self.value = None if value is MISSING else value


def _advance(value: Any, path: list[str]) -> tuple[Any, list[str]]:
    """Follows a path to its end or to an array that must be expanded."""
    while path:
        if isinstance(value, list):
            if not (path[0].isdigit() and int(path[0]) < len(value)):
                break
            value, path = value[int(path[0])], path[1:]
        else:
            value = value.get(path[0], MISSING) if isinstance(value, dict) else MISSING
            path = path[1:]
    return value, path


def _tuples(states: list[Any]) -> list[tuple[Any, ...]]:
    states = [it if isinstance(it, _Final) else _advance(*it) for it in states]
    open_arrays = [it[0] for it in states if not isinstance(it, _Final) and type(it[0]) is list]
    if not open_arrays:
        return [tuple(it if isinstance(it, _Final) else _Final(it[0]) for it in states)]
    array = open_arrays[0]
    if any(other is not array for other in open_arrays):
        raise Refused(2, "cannot sort by two arrays beside each other")

    def step(state: Any, element: Any) -> Any:
        if isinstance(state, _Final) or state[0] is not array:
            return state
        if not state[1]:
            return _Final(element)
        return (element if isinstance(element, dict) else MISSING, state[1])

    found = []
    for element in array or [Undefined()]:
        found += _tuples([step(state, element) for state in states])
    return found


def sort_key(document: Any, sort: dict[str, int]) -> tuple[Any, ...]:
    """The values by which a document is sorted."""
    candidates = _tuples([(document, path.split(".")) for path in sort])
    values = [tuple(final.value for final in each) for each in candidates]

    def order(a: tuple[Any, ...], b: tuple[Any, ...]) -> int:
        return compare_keys(a, b, sort)

    return min(values, key=functools.cmp_to_key(order))


def compare_keys(a: tuple[Any, ...], b: tuple[Any, ...], sort: dict[str, int]) -> int:
    for x, y, direction in zip(a, b, sort.values(), strict=True):
        if compare(x, y) != 0:
            return compare(x, y) * (1 if direction > 0 else -1)
    return 0


def check_sort(sort: dict[str, Any]) -> dict[str, int]:
    if not isinstance(sort, dict) or not sort:
        raise Refused(15976, "a sort names at least one field")
    for path, direction in sort.items():
        if type_name(direction) not in ("int", "long", "double") or direction not in (1, -1):
            raise Refused(15975, "a direction is 1 or -1")
        if not path or path.startswith("$") or "" in path.split("."):
            raise Refused(2, "not the path of a field")
    return {path: int(direction) for path, direction in sort.items()}


def sort_documents(documents: list[Any], sort: dict[str, Any]) -> list[Any]:
    """Sorted; those of equal keys keep their order."""
    checked = check_sort(sort)
    keyed = [(sort_key(document, checked), document) for document in documents]

    def order(a: Any, b: Any) -> int:
        return compare_keys(a[0], b[0], checked)

    return [document for _, document in sorted(keyed, key=functools.cmp_to_key(order))]
