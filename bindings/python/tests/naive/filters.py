"""Which documents a filter matches.

A condition on a path is asked of *candidates*: the values that the path leads to. A path goes
through every array that it meets, and an array at its end gives each of its elements and itself.
"""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from .expressions import check, evaluate, truthy
from .order import compare, equal, rank
from .values import (
    LONG_MAX,
    LONG_MIN,
    MISSING,
    NUMBERS,
    TYPES,
    Refused,
    Regex,
    binary,
    integral,
    is_number,
    type_name,
)

# A candidate: the value, and the position in the outermost array that was gone through, or None.
Candidate = tuple[Any, int | None]


def candidates(value: Any, path: list[str], ends_in_arrays: bool = True) -> Iterator[Candidate]:
    """All values that a path leads to. Where a field is not there, that is one candidate: MISSING.
    With `ends_in_arrays` an array at the end of the path gives its elements, too."""
    # Down through documents to the first array, or to the end.
    while path and isinstance(value, dict):
        value, path = value.get(path[0], MISSING), path[1:]
    if not isinstance(value, list):
        # A path that goes on below something that has no fields leads to nothing.
        yield (MISSING if path else value, None)
        return
    if not path:
        if ends_in_arrays:
            yield from ((element, at) for at, element in enumerate(value))
        yield (value, None)
        return
    for at, element in enumerate(value):
        if isinstance(element, dict):
            for found, _ in candidates(element, path, ends_in_arrays):
                yield (found, at)
        # A number in a path is a position as well as the name of a field. A position may be
        # followed by another one, but not by a name: elements of arrays in arrays are not entered.
        if path[0] == str(at):
            if len(path) == 1:
                yield (element, at)
            elif isinstance(element, list):
                named = {str(inner): each for inner, each in enumerate(element)}
                for found, _ in candidates(named, path[1:], ends_in_arrays):
                    yield (found, at)
            elif isinstance(element, dict):
                for found, _ in candidates(element, path[1:], ends_in_arrays):
                    yield (found, at)


class Match:
    """The outcome for a document; `position` is where an array matched, for the positional `$`."""

    def __init__(self, matched: bool, position: int | None = None) -> None:
        self.matched = matched
        self.position = position

    def __bool__(self) -> bool:
        return self.matched


# What is asked of one value. `Test` gives the answer; elements of arrays were laid out before.
Test = Callable[[Any], bool]
# What is asked of a document.
Condition = Callable[[Any], Match]


def matches(filter: Any, document: Any, variables: dict[str, Any] | None = None) -> bool:
    return bool(compile_filter(filter, variables)(document))


def position(filter: Any, document: Any) -> int | None:
    """Where the array of a filter on one array matched."""
    return compile_filter(filter)(document).position


def compile_filter(filter: Any, variables: dict[str, Any] | None = None) -> Condition:
    """The condition that a filter states. Refuses wrong filters whatever the documents are."""
    if not isinstance(filter, dict):
        raise Refused(2, "a filter is a document")
    parts = []
    for name, operand in filter.items():
        if name.startswith("$"):
            parts.append(_top_level(name, operand, variables))
        else:
            parts += _on_path(name, operand)
    return _all(parts)


def _all(parts: list[Condition]) -> Condition:
    def judge(document: Any) -> Match:
        found = None
        for part in parts:
            match = part(document)
            if not match:
                return Match(False)
            found = match.position if match.position is not None else found
        return Match(True, found)

    return judge


def _any(parts: list[Condition]) -> Condition:
    def judge(document: Any) -> Match:
        return next((match for match in (part(document) for part in parts) if match), Match(False))

    return judge


def _not(part: Condition) -> Condition:
    return lambda document: Match(not part(document))


def _top_level(name: str, operand: Any, variables: dict[str, Any] | None) -> Condition:
    if name in ("$and", "$or", "$nor"):
        if not isinstance(operand, list) or not operand:
            raise Refused(2, f"{name} takes an array that is not empty")
        parts = [compile_filter(each, variables) for each in operand]
        if name == "$and":
            return _all(parts)
        return _any(parts) if name == "$or" else _not(_any(parts))
    if name == "$expr":
        check(operand)
        known = variables or {}
        return lambda document: Match(truthy(evaluate(operand, document, known)))
    if name == "$comment":
        return lambda document: Match(True)
    if name in ("$alwaysTrue", "$alwaysFalse"):
        if integral(operand) != 1:
            raise Refused(9, f"{name} takes 1")
        return lambda document: Match(name == "$alwaysTrue")
    raise Refused(2, f"unknown top level operator: {name}")


def is_expression(operand: Any) -> bool:
    """Whether a document holds operators: its first name tells. DBRefs are plain documents."""
    first = next(iter(operand), "") if isinstance(operand, dict) else ""
    return first.startswith("$") and first not in ("$ref", "$id", "$db")


def _on_path(name: str, operand: Any) -> list[Condition]:
    path = name.split(".")
    if not is_expression(operand):
        if isinstance(operand, Regex):
            return [_leaf(path, _regex(operand))]
        return [_leaf(path, _equals(operand))]
    return [_condition(path, operator, each, operand) for operator, each in _operators(operand)]


def _operators(operand: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "$options" in operand and "$regex" not in operand:
        raise Refused(2, "$options needs a $regex")
    for operator, each in operand.items():
        if operator not in ("$options", "$comment"):
            yield operator, each


def _leaf(path: list[str], test: Test) -> Condition:
    """True if any candidate passes."""

    def judge(document: Any) -> Match:
        for value, at in candidates(document, path):
            if test(value):
                return Match(True, at)
        return Match(False)

    return judge


def _array_leaf(path: list[str], test: Callable[[list[Any]], Match]) -> Condition:
    """True if an array at the end of the path passes as a whole."""

    def judge(document: Any) -> Match:
        for value, at in candidates(document, path, ends_in_arrays=False):
            if isinstance(value, list):
                match = test(value)
                if match:
                    return Match(True, match.position if at is None else at)
        return Match(False)

    return judge


def _condition(path: list[str], operator: str, operand: Any, around: dict[str, Any]) -> Condition:
    """One operator on a path, as a condition on documents."""
    if operator in ("$ne", "$nin"):
        if operator == "$ne" and isinstance(operand, Regex):
            raise Refused(2, "$ne takes no regex")
        return _not(_condition(path, {"$ne": "$eq", "$nin": "$in"}[operator], operand, around))
    if operator == "$not":
        return _not(_all(_negated(path, operand)))
    if operator == "$exists":
        there = _leaf(path, lambda value: value is not MISSING)
        return there if truthy(operand) else _not(there)
    if operator == "$all":
        return _all_of(path, operand)
    if operator == "$elemMatch":
        return _array_leaf(path, _elem_match(operand))
    if operator == "$size":
        size = _size(operand)
        return _array_leaf(path, lambda array: Match(len(array) == size))
    return _leaf(path, _value_test(operator, operand, around))


def _negated(path: list[str], operand: Any) -> list[Condition]:
    if isinstance(operand, Regex):
        return _on_path(".".join(path), operand)
    if not isinstance(operand, dict) or not operand or not is_expression(operand):
        raise Refused(2, "$not takes a regex or a document of operators")
    return _on_path(".".join(path), operand)


def _size(operand: Any) -> int:
    size = integral(operand)
    if size is None or size < 0:
        raise Refused(2, "$size takes a whole number from 0")
    return size


def _all_of(path: list[str], operand: Any) -> Condition:
    """$all is an $and of equalities (or of $elemMatch); of nothing it matches nothing."""
    if not isinstance(operand, list):
        raise Refused(2, "$all takes an array")
    if not operand:
        return lambda document: Match(False)
    marks = [isinstance(each, dict) and next(iter(each), "") == "$elemMatch" for each in operand]
    if any(marks):
        if not all(marks):
            raise Refused(2, "$all takes $elemMatch alone or values alone")
        return _all([_array_leaf(path, _elem_match(each["$elemMatch"])) for each in operand])
    if any(is_expression(each) for each in operand):
        raise Refused(2, "no operators in $all")
    return _all([part for each in operand for part in _on_path(".".join(path), each)])


def _elem_match(operand: Any) -> Callable[[list[Any]], Match]:
    """True if one element fulfils all conditions: as a value, or as a document."""
    if not isinstance(operand, dict):
        raise Refused(2, "$elemMatch takes a document")
    logical = next(iter(operand), "") in ("$and", "$or", "$nor", "$expr", "$comment")
    if is_expression(operand) and not logical:
        tests = [_single(name, each, operand) for name, each in _operators(operand)]

        def passes(element: Any) -> bool:
            return all(test(element) for test in tests)
    else:
        condition = compile_filter(operand)

        def passes(element: Any) -> bool:
            # An array is a document whose names are positions.
            if isinstance(element, list):
                element = {str(at): each for at, each in enumerate(element)}
            return isinstance(element, dict) and bool(condition(element))

    def find(array: list[Any]) -> Match:
        found = next((at for at, element in enumerate(array) if passes(element)), None)
        return Match(found is not None, found)

    return find


def _single(operator: str, operand: Any, around: dict[str, Any]) -> Test:
    """One operator asked of a value itself, without entering it if it is an array."""
    if operator in ("$ne", "$nin"):
        if operator == "$ne" and isinstance(operand, Regex):
            raise Refused(2, "$ne takes no regex")
        positive = _single({"$ne": "$eq", "$nin": "$in"}[operator], operand, around)
        return lambda value: not positive(value)
    if operator == "$not":
        if isinstance(operand, Regex):
            return lambda value: not _regex(operand)(value)
        if not is_expression(operand):
            raise Refused(2, "$not takes a regex or a document of operators")
        tests = [_single(name, each, operand) for name, each in _operators(operand)]
        return lambda value: not all(test(value) for test in tests)
    if operator == "$exists":
        return lambda value: truthy(operand)
    if operator == "$size":
        size = _size(operand)
        return lambda value: isinstance(value, list) and len(value) == size
    if operator == "$elemMatch":
        find = _elem_match(operand)
        return lambda value: isinstance(value, list) and bool(find(value))
    if operator == "$all":
        whole = _all_of(["x"], operand)
        if operand and any(isinstance(each, dict) and "$elemMatch" in each for each in operand):
            return lambda value: bool(whole({"x": value}))
        return lambda value: bool(operand) and all(_equal_or_regex(each)(value) for each in operand)
    return _value_test(operator, operand, around)


def _value_test(operator: str, operand: Any, around: dict[str, Any]) -> Test:
    """Operators that look at one value."""
    if operator == "$eq":
        return _equals(operand)
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        return _ordered(operator, operand)
    if operator == "$in":
        if not isinstance(operand, list):
            raise Refused(2, "$in takes an array")
        if any(is_expression(each) for each in operand):
            raise Refused(2, "no operators in $in")
        tests = [_equal_or_regex(each) for each in operand]
        return lambda value: any(test(value) for test in tests)
    if operator == "$regex":
        return _regex(_regex_of(operand, around))
    if operator == "$mod":
        return _mod(operand)
    if operator == "$type":
        names = _type_names(operand)
        return lambda value: type_name(value) in names
    if operator in ("$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear"):
        return _bits(operator, operand)
    raise Refused(2, f"unknown operator: {operator}")


def _equals(operand: Any) -> Test:
    """Equal in the order of all values; null also equals what is missing or undefined."""
    if type_name(operand) == "undefined":
        raise Refused(2, "nothing is compared with undefined")
    if operand is None:
        return lambda value: type_name(value) in ("null", "missing", "undefined")
    return lambda value: value is not MISSING and equal(value, operand)


def _equal_or_regex(operand: Any) -> Test:
    return _regex(operand) if isinstance(operand, Regex) else _equals(operand)


def _is_nan(value: Any) -> bool:
    return is_number(value) and equal(value, float("nan"))


def _ordered(operator: str, operand: Any) -> Test:
    """Compares within one kind only; MinKey and MaxKey compare with everything, and with what is
    missing, too."""
    kind = type_name(operand)
    if kind == "regex":
        raise Refused(2, f"{operator} takes no regex")
    if kind == "undefined":
        raise Refused(2, "nothing is compared with undefined")
    with_equal = operator in ("$gte", "$lte")
    if kind == "null":
        # Nothing is less or greater than null within its kind.
        return _equals(None) if with_equal else (lambda value: False)

    def judge(value: Any) -> bool:
        if rank(value) != rank(operand) and kind not in ("minKey", "maxKey"):
            return False
        if _is_nan(value) or _is_nan(operand):
            return with_equal and _is_nan(value) and _is_nan(operand)
        found = compare(value, operand)
        return (with_equal and found == 0) or found == (1 if operator in ("$gt", "$gte") else -1)

    return judge


def _regex_of(operand: Any, around: dict[str, Any]) -> Regex:
    options = around.get("$options", "")
    if isinstance(operand, Regex):
        if "$options" in around and operand.options:
            raise Refused(51074, "options set in $regex and in $options")
        return Regex(operand.pattern, options if "$options" in around else operand.options)
    if not isinstance(operand, str):
        raise Refused(2, "$regex takes a string or a regex")
    if not isinstance(options, str):
        raise Refused(2, "$options takes a string")
    return Regex(operand, options)


def python_regex(regex: Regex) -> "re.Pattern[str]":
    """PCRE's flags i, m, s, x, and u, which changes nothing."""
    flags = re.RegexFlag(0)
    for option in regex.options:
        if option not in "imsxu":
            raise Refused(51108, f"invalid flag in regex options: {option}")
        flags |= {"i": re.I, "m": re.M, "s": re.S, "x": re.X}.get(option, re.RegexFlag(0))
    try:
        return re.compile(regex.pattern, flags)
    except re.error as error:
        raise Refused(51091, "the regex is invalid") from error


def _regex(regex: Regex) -> Test:
    """Finds the pattern anywhere in a string; a stored regex matches if it is the same."""
    pattern = python_regex(regex)

    def judge(value: Any) -> bool:
        if type_name(value) == "symbol":
            value = value.text
        if isinstance(value, str):
            return pattern.search(value) is not None
        return isinstance(value, Regex) and equal(value, regex)

    return judge


def _whole_part(value: Any) -> int | None:
    """A number without its fraction, if it is finite and has room in 64 bits."""
    if not is_number(value) or _is_nan(value):
        return None
    number = value.value if type_name(value) == "decimal" else value
    if number in (float("inf"), float("-inf")):
        return None
    whole = int(Fraction(number))
    return whole if LONG_MIN <= whole <= LONG_MAX else None


def _mod(operand: Any) -> Test:
    """The remainder of division as C takes it: with the sign of the dividend."""
    if not isinstance(operand, list) or len(operand) != 2:
        raise Refused(2, "$mod takes an array of divisor and remainder")
    divisor, remainder = _whole_part(operand[0]), _whole_part(operand[1])
    if divisor is None or remainder is None:
        raise Refused(2, "$mod takes numbers")
    if divisor == 0:
        raise Refused(2, "divisor cannot be 0")

    def judge(value: Any) -> bool:
        whole = _whole_part(value)
        if whole is None:
            return False
        rest = abs(whole) % abs(divisor)
        return (rest if whole >= 0 else -rest) == remainder

    return judge


def _type_names(operand: Any) -> set[str]:
    names: set[str] = set()
    for each in operand if isinstance(operand, list) else [operand]:
        if each == "number" and isinstance(each, str):
            names.update(NUMBERS)
        elif isinstance(each, str) and each in TYPES:
            names.add(each)
        elif is_number(each) and integral(each) in TYPES.values():
            names.update(name for name, number in TYPES.items() if number == integral(each))
        else:
            raise Refused(2, f"unknown type {each}")
    if not names:
        raise Refused(9, "$type names at least one type")
    return names


def _bit_positions(operand: Any) -> list[int]:
    """The bits that a mask names: a number, a binary, or a list of positions."""
    if isinstance(operand, list):
        positions = [integral(each) for each in operand]
        if any(each is None or each < 0 for each in positions):
            raise Refused(2, "bits are whole numbers from 0")
        return [each for each in positions if each is not None]
    if is_number(operand):
        mask = integral(operand)
        if mask is None or not 0 <= mask <= LONG_MAX:
            raise Refused(2 if mask is not None else 9, "a mask is a whole number from 0")
        return [bit for bit in range(64) if mask >> bit & 1]
    if type_name(operand) == "binData":
        data = binary(operand)[1]
        return [bit for bit in range(8 * len(data)) if data[bit // 8] >> bit % 8 & 1]
    raise Refused(2, "a mask is a number, a binary or an array of positions")


def _bits(operator: str, operand: Any) -> Test:
    """Numbers are 64-bit two's complement and go on with their sign; binaries end with zeros."""
    positions = _bit_positions(operand)
    wanted = operator.endswith("Set")
    quantity = all if "All" in operator else any

    def judge(value: Any) -> bool:
        if type_name(value) == "binData":
            data = binary(value)[1]
            number = int.from_bytes(data, "little")
        else:
            whole = integral(value)
            if whole is None or not LONG_MIN <= whole <= LONG_MAX:
                return False
            number = whole
        return quantity(bool(number >> bit & 1) == wanted for bit in positions)

    return judge
