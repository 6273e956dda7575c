"""What an update makes of a document.

An operator is a function of the value that is there (or MISSING) and its operand. All else is about
paths: expanding the positional parts, creating what is not there, refusing what conflicts.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from . import numbers
from .arrays import sorted_items
from .filters import compile_filter, is_expression, matches, position
from .order import compare, contains, equal
from .pipeline import run
from .values import (
    MISSING,
    Date,
    Refused,
    Regex,
    Timestamp,
    integral,
    is_number,
    type_name,
)

Path = list[str]
# A step of an update: where, by which operator, with what.
Step = tuple[Path, str, Any]

# The time where nobody asks for it.
NEVER = Date(0)
# Operators that leave alone what is not there; all others create the path.
_NEVER_CREATES = ("$unset", "$pop", "$pull", "$pullAll")


def apply(
    document: Any,
    update: Any,
    *,
    filter: Any = None,
    array_filters: Any = (),
    now: Date = NEVER,
    inserting: bool = False,
) -> Any:
    """The document after an update. The filter that found it tells the positional `$` where."""
    if isinstance(update, list):
        changed = _by_pipeline(document, update, now)
    elif _is_replacement(update):
        if array_filters:
            raise Refused(9, "array filters in a replacement")
        changed = _replaced(document, update)
    else:
        at = position(filter, document) if filter is not None else None
        changed = _by_operators(document, update, at, list(array_filters), now, inserting)
    if "_id" in document and not ("_id" in changed and equal(changed["_id"], document["_id"])):
        raise Refused(66, "_id is immutable")
    return changed


def _is_replacement(update: Any) -> bool:
    """The first name tells."""
    if not isinstance(update, dict):
        raise Refused(9, "an update is a document or a pipeline")
    return not next(iter(update), "").startswith("$")


def _replaced(document: Any, replacement: Any) -> Any:
    """All but the _id, which comes first."""
    if any(name.startswith("$") for name in replacement):
        raise Refused(52, "operators in a replacement")
    if "_id" in document and "_id" not in replacement:
        return {"_id": document["_id"], **replacement}
    return dict(replacement)


def _by_pipeline(document: Any, stages: list[Any], now: Date) -> Any:
    allowed = ("$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith")
    for stage in stages:
        if not isinstance(stage, dict) or next(iter(stage), "") not in allowed:
            raise Refused(72, "not a stage for updates")
    [changed] = run(stages, [document], variables={"NOW": now})
    if "_id" in document and "_id" not in changed:
        changed = {"_id": document["_id"], **changed}
    return changed


def _by_operators(
    document: Any, update: Any, at: int | None, filters: list[Any], now: Date, inserting: bool
) -> Any:
    by_name = _array_filters(filters)
    steps = list(_steps(update))
    _check_conflicts(steps)
    used = {part[2:-1] for path, _, _ in steps for part in path if part.startswith("$[")} - {""}
    if by_name.keys() - used:
        raise Refused(9, "an array filter that the update does not use")
    if used - by_name.keys():
        raise Refused(2, "no array filter of that name")
    # Fields are made in the order of their paths, whatever the order of the update.
    steps.sort(key=_by_path)
    for path, operator, operand in steps:
        if operator == "$setOnInsert" and not inserting:
            continue
        if operator == "$rename":
            document = _renamed(document, operand.split("."), path)
            continue
        function = _function(operator, operand, now)
        creates = operator not in _NEVER_CREATES
        for place in list(_places(document, path, at, by_name)):
            document = _change(document, place, function, creates=creates)
    return document


def _steps(update: Any) -> Iterator[Step]:
    for operator, fields in update.items():
        if operator not in OPERATORS and operator not in ("$rename", "$currentDate"):
            raise Refused(9, f"unknown modifier: {operator}")
        if not isinstance(fields, dict):
            raise Refused(9, f"{operator} takes a document of fields")
        for path, operand in fields.items():
            _check_path(path)
            if operator != "$rename":
                _function(operator, operand, Date(0))  # refuses wrong operands
                yield (path.split("."), operator, operand)
                continue
            if not isinstance(operand, str):
                raise Refused(2, "$rename takes the path of a field")
            _check_path(operand)
            if any(part.startswith("$") for part in (path + "." + operand).split(".")):
                raise Refused(2, "$rename with a positional path")
            if operand == path:
                raise Refused(2, "$rename to the same name")
            # The step stands where the new name is, and has the old one as its operand.
            yield (operand.split("."), operator, path)


def _check_path(path: str) -> None:
    parts = path.split(".")
    if "" in parts:
        raise Refused(56, "empty name in a path")
    if parts[0].startswith("$["):
        raise Refused(2, "a path begins with the name of a field")
    if parts[0] == "$":
        raise Refused(2, "a path begins with the name of a field")
    if parts.count("$") > 1:
        raise Refused(2, "two positional parts in a path")
    for part in parts:
        if part.startswith("$") and part != "$" and not re.fullmatch(r"\$\[\w*\]", part):
            raise Refused(52, f"{part} is no name for a field")


def _check_conflicts(steps: list[Step]) -> None:
    """No path twice, and none below another."""
    paths = [path for path, _, _ in steps]
    paths += [operand.split(".") for _, operator, operand in steps if operator == "$rename"]
    for at, path in enumerate(paths):
        for other in paths[at + 1 :]:
            short = min(len(path), len(other))
            if path[:short] == other[:short]:
                raise Refused(40, f"conflict at {'.'.join(path)}")


def _compare_paths(a: Path, b: Path) -> int:
    """Part by part: two numbers as numbers, else as text."""
    for x, y in zip(a, b, strict=False):
        if x != y:
            if x.isdigit() and y.isdigit() and int(x) != int(y):
                return -1 if int(x) < int(y) else 1
            return -1 if x.encode() < y.encode() else 1
    return len(a) - len(b)


def _by_path(step: Step) -> Any:
    return functools.cmp_to_key(_compare_paths)(step[0])


def _array_filters(filters: list[Any]) -> dict[str, Any]:
    """Each filter by the one name that all its paths begin with."""
    found: dict[str, Any] = {}
    for filter in filters:
        names = set(_first_names(filter))
        if len(names) != 1:
            raise Refused(9, "an array filter is about one name")
        name = names.pop()
        if not re.fullmatch("[a-z][a-zA-Z0-9]*", name):
            raise Refused(2, "the name of an array filter starts with a small letter")
        if name in found:
            raise Refused(9, "two array filters of one name")
        compile_filter(filter)
        found[name] = filter
    return found


def _first_names(filter: Any) -> Iterator[str]:
    if not isinstance(filter, dict):
        raise Refused(14, "an array filter is a document")
    for name, operand in filter.items():
        if name in ("$and", "$or", "$nor"):
            for each in operand:
                yield from _first_names(each)
        else:
            yield name.split(".")[0]


def _places(value: Any, path: Path, at: int | None, filters: dict[str, Any]) -> Iterator[Path]:
    """The paths that a path with positional parts stands for."""
    if not path:
        yield []
        return
    first, rest = path[0], path[1:]
    indices: list[int]
    if not first.startswith("$"):
        for found in _places(_step(value, first), rest, at, filters):
            yield [first, *found]
        return
    if first == "$":
        if at is None:
            raise Refused(2, "the filter matched no element of an array")
        indices = [at]
    elif not isinstance(value, list):
        raise Refused(2, f"{first} needs an array that is there")
    else:
        name = first[2:-1]
        indices = [
            index
            for index, each in enumerate(value)
            if not name or matches(filters[name], {name: each})
        ]
    for index in indices:
        for found in _places(_step(value, str(index)), rest, at, filters):
            yield [str(index), *found]


def _step(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name, MISSING)
    if isinstance(value, list) and _is_index(name) and int(name) < len(value):
        return value[int(name)]
    return MISSING


def _is_index(name: str) -> bool:
    return re.fullmatch(r"0|[1-9]\d*", name) is not None


def _change(value: Any, path: Path, function: Callable[[Any], Any], *, creates: bool) -> Any:
    """The value with a function applied at a path; MISSING from it takes the field away."""
    if not path:
        return function(value)
    name, rest = path[0], path[1:]
    if value is MISSING:
        if not creates:
            return MISSING
        value = {}  # what is created is a document, for numbers in the path, too
    if isinstance(value, dict):
        changed = _change(value.get(name, MISSING), rest, function, creates=creates)
        if changed is MISSING:
            return {each: value[each] for each in value if each != name}
        return {**value, name: changed}
    if isinstance(value, list) and _is_index(name):
        index = int(name)
        if index < len(value):
            changed = _change(value[index], rest, function, creates=creates)
            # A position is not taken away, it becomes null.
            changed = None if changed is MISSING else changed
            return [*value[:index], changed, *value[index + 1 :]]
        if not creates:
            return value
        gap = [None] * (index - len(value))
        return [*value, *gap, _change(MISSING, rest, function, creates=True)]
    if not creates:
        return value
    raise Refused(28, f"no field {name} can be made there")


def _renamed(document: Any, source: Path, target: Path) -> Any:
    """Takes the value away at one path and sets it at the other; neither goes through an array."""
    value: Any = document
    for name in source:
        if isinstance(value, list):
            raise Refused(2, "$rename from an array")
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    if value is MISSING:
        return document
    into: Any = document
    for name in target[:-1]:
        into = into.get(name, MISSING) if isinstance(into, dict) else MISSING
        if isinstance(into, list):
            raise Refused(2, "$rename into an array")
    document = _change(document, source, lambda _: MISSING, creates=False)
    return _change(document, target, lambda _: value, creates=True)


# Operators. Each gives a function of the value that is there, after checking its operand.

Function = Callable[[Any], Any]


def _function(operator: str, operand: Any, now: Date) -> Function:
    if operator == "$currentDate":
        return _current_date(operand, now)
    return OPERATORS[operator](operand)


def _set(operand: Any) -> Function:
    return lambda value: operand


def _unset(operand: Any) -> Function:
    return lambda value: MISSING


def _arithmetic(by: Callable[[Any, Any], Any], start: int) -> Callable[[Any], Function]:
    """$inc and $mul. What is missing counts as `start` of the operand's type. A long that has no
    room is an error, not a double."""

    def of(operand: Any) -> Function:
        if not is_number(operand):
            raise Refused(14, "a number is wanted")

        def function(value: Any) -> Any:
            if value is MISSING:
                return operand if by is _plus else numbers.convert(start, type_name(operand))
            if not is_number(value):
                raise Refused(14, "only a number can be changed by a number")
            found = by(value, operand)
            if type_name(found) == "double" and numbers.widest(value, operand) != "double":
                raise Refused(2, "the result has no room")
            return found

        return function

    return of


def _plus(a: Any, b: Any) -> Any:
    return numbers.total([a, b])


def _bound(wanted: int) -> Callable[[Any], Function]:
    """$min and $max, in the order of all values."""

    def of(operand: Any) -> Function:
        def function(value: Any) -> Any:
            return operand if value is MISSING or compare(operand, value) == wanted else value

        return function

    return of


def _current_date(operand: Any, now: Date) -> Function:
    stamp = Timestamp(now.millis // 1000, 1)
    if isinstance(operand, bool):
        return lambda value: now
    if (
        isinstance(operand, dict)
        and list(operand) == ["$type"]
        and isinstance(operand["$type"], str)
    ):
        if operand["$type"] == "date":
            return lambda value: now
        if operand["$type"] == "timestamp":
            return lambda value: stamp
    raise Refused(2, "$currentDate takes true, or a $type of date or timestamp")


def _array(value: Any, code: int = 2) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(code, "an array is wanted")
    return value


def _each(operand: Any, modifiers: tuple[str, ...]) -> dict[str, Any] | None:
    """The modifiers of $push or $addToSet, or None if the operand is a value."""
    if not isinstance(operand, dict) or next(iter(operand), "") == "":
        return None
    if "$each" not in operand:
        return None
    if any(name not in modifiers for name in operand):
        raise Refused(2, "unknown modifier beside $each")
    _array(operand["$each"])
    return operand


def _push(operand: Any) -> Function:
    """Inserts, then sorts, then cuts."""
    modifiers = _each(operand, ("$each", "$slice", "$sort", "$position"))
    if modifiers is None:
        return lambda value: [*([] if value is MISSING else _array(value)), operand]
    slice = _modifier(modifiers, "$slice")
    place = _modifier(modifiers, "$position")
    sort = modifiers.get("$sort")
    if "$sort" in modifiers:
        _check_push_sort(sort)

    def function(value: Any) -> Any:
        items = [] if value is MISSING else list(_array(value))
        at = len(items) if place is None else place
        # Positions beyond an end are that end; negative ones count from behind.
        at = max(len(items) + at, 0) if at < 0 else min(at, len(items))
        items[at:at] = modifiers["$each"]
        if sort is not None:
            items = _push_sorted(items, sort)
        if slice is None:
            return items
        return items[:slice] if slice >= 0 else items[slice:]

    return function


def _modifier(modifiers: dict[str, Any], name: str) -> int | None:
    if name not in modifiers:
        return None
    number = integral(modifiers[name]) if is_number(modifiers[name]) else None
    if number is None:
        raise Refused(2, f"{name} takes a whole number")
    return number


def _check_push_sort(sort: Any) -> None:
    directions = sort.values() if isinstance(sort, dict) else [sort]
    if not directions or any(
        not is_number(each) or not (equal(each, 1) or equal(each, -1)) for each in directions
    ):
        raise Refused(2, "$sort takes 1 or -1, or fields with these")


def _push_sorted(items: list[Any], sort: Any) -> list[Any]:
    """By whole items, or by fields of them, which do not look into arrays."""
    if not isinstance(sort, dict):
        return sorted_items(items, sort)

    def field(item: Any, path: str) -> Any:
        for name in path.split("."):
            item = item.get(name) if isinstance(item, dict) else None
        return item

    def order(a: Any, b: Any) -> int:
        for path, direction in sort.items():
            found = compare(field(a, path), field(b, path))
            if found:
                return found if direction > 0 else -found
        return 0

    return sorted(items, key=functools.cmp_to_key(order))


def _add_to_set(operand: Any) -> Function:
    modifiers = _each(operand, ("$each",))
    added = [operand] if modifiers is None else modifiers["$each"]

    def function(value: Any) -> Any:
        items = [] if value is MISSING else list(_array(value))
        for each in added:
            if not contains(items, each):
                items.append(each)
        return items

    return function


def _pull(operand: Any) -> Function:
    """A document is a filter for documents, operators one for values, all else an equal value."""
    if isinstance(operand, Regex) or is_expression(operand):
        condition = compile_filter({"x": operand})
        return _without(lambda item: bool(condition({"x": item})))
    if isinstance(operand, dict):
        inside = compile_filter(operand)
        return _without(lambda item: isinstance(item, dict) and bool(inside(item)))
    return _without(lambda item: equal(item, operand))


def _pull_all(operand: Any) -> Function:
    unwanted = _array(operand)
    return _without(lambda item: contains(unwanted, item))


def _without(unwanted: Callable[[Any], bool]) -> Function:
    def function(value: Any) -> Any:
        if value is MISSING:
            return MISSING
        return [item for item in _array(value) if not unwanted(item)]

    return function


def _pop(operand: Any) -> Function:
    if not is_number(operand) or not (equal(operand, 1) or equal(operand, -1)):
        raise Refused(9, "$pop takes 1 or -1")

    def function(value: Any) -> Any:
        if value is MISSING:
            return MISSING
        items = _array(value, 14)
        return items[:-1] if equal(operand, 1) else items[1:]

    return function


def _bit(operand: Any) -> Function:
    """Ints and longs only. What is missing is a 0 as wide as the operand."""
    if not isinstance(operand, dict) or not operand:
        raise Refused(2, "$bit takes and, or, xor")
    for name, mask in operand.items():
        if name not in ("and", "or", "xor") or type_name(mask) not in ("int", "long"):
            raise Refused(2, "$bit takes and, or, xor with an int or a long")

    def function(value: Any) -> Any:
        if value is MISSING:
            value = numbers.convert(0, numbers.widest(*operand.values()))
        for name, mask in operand.items():
            if type_name(value) not in ("int", "long"):
                raise Refused(2, "$bit changes ints and longs")
            a, b = int(value), int(mask)
            found = {"and": a & b, "or": a | b, "xor": a ^ b}[name]
            value = numbers.convert(found, numbers.widest(value, mask))
        return value

    return function


OPERATORS: dict[str, Callable[[Any], Function]] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
    "$inc": _arithmetic(_plus, 0),
    "$mul": _arithmetic(numbers.multiply, 0),
    "$min": _bound(-1),
    "$max": _bound(1),
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pullAll": _pull_all,
    "$pop": _pop,
    "$bit": _bit,
}


def upsert(
    filter: Any,
    update: Any,
    *,
    array_filters: Any = (),
    now: Date = NEVER,
    new_id: Any = MISSING,
) -> Any:
    """The document that an upsert inserts where the filter found none. `new_id` is used if neither
    the filter nor the update gives an _id; it comes first."""
    found = dict(_equalities(filter))
    start: Any = {}
    if not isinstance(update, list) and _is_replacement(update):
        start = {"_id": found["_id"]} if "_id" in found else {}
    else:
        for path in sorted(found, key=lambda it: it.encode()):
            start = _change(start, path.split("."), _set(found[path]), creates=True)
    changed = apply(start, update, array_filters=array_filters, now=now, inserting=True)
    if "_id" not in changed and new_id is not MISSING:
        changed["_id"] = new_id
    if "_id" not in changed:
        return changed
    return {"_id": changed["_id"], **changed}


def _equalities(filter: Any) -> Iterator[tuple[str, Any]]:
    """Paths that a filter says are equal to something, on its own or inside of $and."""
    found: list[tuple[str, Any]] = list(_all_equalities(filter))
    for at, (path, _) in enumerate(found):
        for other, _ in found[at + 1 :]:
            a, b = path.split("."), other.split(".")
            short = min(len(a), len(b))
            if a[:short] == b[:short]:
                raise Refused(54, f"two values for {path}")
    yield from found


def _all_equalities(filter: Any) -> Iterator[tuple[str, Any]]:
    compile_filter(filter)
    for name, operand in filter.items():
        if name == "$and" or (name == "$or" and len(operand) == 1):
            for each in operand:
                yield from _all_equalities(each)
        elif name.startswith("$") or isinstance(operand, Regex):
            continue
        elif not is_expression(operand):
            yield name, operand
        else:
            if "$eq" in operand:
                yield name, operand["$eq"]
            if len(operand.get("$all", [])) == 1 and not is_expression(operand["$all"][0]):
                yield name, operand["$all"][0]
