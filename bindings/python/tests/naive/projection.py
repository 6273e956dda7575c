"""Projections of find, and the stages $project, $addFields and $unset, which share their rules."""

from typing import Any

from .expressions import Scope, check, field_path, truthy
from .filters import Match, compile_filter
from .values import MISSING, Refused, integral, is_number

INCLUDE, EXCLUDE = "include", "exclude"


class Computed:
    """A field that an expression gives."""

    def __init__(self, expression: Any) -> None:
        check(expression)
        self.expression = expression


class Special:
    """What only find has: $slice, $elemMatch, and the positional `.$`."""

    def __init__(self, operator: str, operand: Any) -> None:
        self.operator = operator
        self.operand = operand


# A tree: names to INCLUDE, EXCLUDE, Computed, or a tree of the fields inside.
Tree = dict[str, Any]


def _flat(spec: dict[str, Any], prefix: str, *, of_find: bool) -> list[tuple[str, Any]]:
    """Every path that a projection names, with what becomes of it."""
    found: list[tuple[str, Any]] = []
    for name, value in spec.items():
        path = prefix + name
        if of_find and path.endswith(".$"):
            found.append((path[:-2], Special(".$", value)))
            continue
        if name.startswith("$") or not name:
            raise Refused(16410 if name else 40352, f"not the path of a field: {path}")
        field_path(path)
        if isinstance(value, bool) or is_number(value):
            found.append((path, INCLUDE if truthy(value) else EXCLUDE))
        elif not isinstance(value, dict) or next(iter(value), "").startswith("$"):
            operator = next(iter(value), "") if isinstance(value, dict) else ""
            if of_find and operator in ("$slice", "$elemMatch") and not _is_slice_of(value):
                found.append((path, Special(operator, value[operator])))
            else:
                found.append((path, Computed(value)))
        elif not value:
            raise Refused(51270, "an empty document in a projection")
        else:
            found += _flat(value, path + ".", of_find=of_find)
    return found


def _is_slice_of(value: dict[str, Any]) -> bool:
    """The expression $slice, whose first operand is an array, and not find's."""
    operand = value.get("$slice")
    return isinstance(operand, list) and not all(map(is_number, operand))


def _tree(paths: list[tuple[str, Any]]) -> Tree:
    """The paths as a tree. No path may be there twice or go on below another."""
    tree: Tree = {}
    for path, what in paths:
        *parents, last = path.split(".")
        at = tree
        for name in parents:
            at = at.setdefault(name, {})
            if not isinstance(at, dict):
                raise Refused(31249, f"path collision at {path}")
        if last in at:
            raise Refused(31250 if not isinstance(at[last], dict) else 31249, "path collision")
        at[last] = what
    return tree


def _computes(tree: Tree) -> bool:
    return any(
        isinstance(child, Computed) or (isinstance(child, dict) and _computes(child))
        for child in tree.values()
    )


def _apply(value: Any, tree: Tree, scope: Scope, *, keep: bool) -> Any:
    """The value with what the tree says; fields that it does not name stay if `keep`. In arrays
    each element is projected. What has no fields inside is kept or not as others are, or replaced
    where something is computed below it."""
    if isinstance(value, list):
        found = [_apply(each, tree, scope, keep=keep) for each in value]
        return [each for each in found if each is not MISSING]
    if not isinstance(value, dict):
        if not _computes(tree):
            return value if keep else MISSING
        value = {}
    out: dict[str, Any] = {}
    for name, each in value.items():
        child = tree.get(name)
        if child == INCLUDE or (child is None and keep) or (isinstance(child, Computed) and keep):
            out[name] = each
        elif isinstance(child, dict):
            out[name] = _apply(each, child, scope, keep=keep)
    for name, child in tree.items():
        if isinstance(child, Computed):
            out[name] = scope.evaluate(child.expression)
        elif isinstance(child, dict) and _computes(child) and name not in value:
            out[name] = _apply(MISSING, child, scope, keep=keep)
    return {name: each for name, each in out.items() if each is not MISSING}


def _scope(document: Any, variables: dict[str, Any]) -> Scope:
    return Scope({"ROOT": document, "CURRENT": document, **variables})


def add_fields(document: Any, spec: Any, variables: dict[str, Any]) -> Any:
    """$addFields and $set: all is computed, and all else stays."""
    return _apply(document, computed_fields(spec), _scope(document, variables), keep=True)


def computed_fields(spec: Any) -> Tree:
    """The fields of $addFields, checked."""
    if not isinstance(spec, dict) or not spec:
        raise Refused(40272 if not isinstance(spec, dict) else 40177, "fields are wanted")
    return _tree([(path, Computed(value)) for path, value in _computed_paths(spec, "")])


def _computed_paths(spec: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    """Here numbers are values, and documents without operators are fields inside of fields."""
    found: list[tuple[str, Any]] = []
    for name, value in spec.items():
        field_path(prefix + name)
        plain = isinstance(value, dict) and value and not next(iter(value)).startswith("$")
        if plain:
            found += _computed_paths(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def unset(document: Any, spec: Any) -> Any:
    names = [spec] if isinstance(spec, str) else spec
    if not isinstance(names, list) or not names or not all(isinstance(it, str) for it in names):
        raise Refused(31002, "$unset takes a path or an array of paths")
    for name in names:
        field_path(name)
    tree = _tree([(name, EXCLUDE) for name in names])
    return _apply(document, tree, _scope(document, {}), keep=True)


class Projection:
    """A projection of find (or of $project, with `of_find=False`), checked."""

    def __init__(self, spec: Any, *, of_find: bool = True) -> None:
        if not isinstance(spec, dict) or (not spec and not of_find):
            raise Refused(51272, "a projection names at least one field")
        paths = _flat(spec, "", of_find=of_find)
        plain = [(path, what) for path, what in paths if not isinstance(what, Special)]
        self.specials = [(path, what) for path, what in paths if isinstance(what, Special)]
        others = [what for path, what in plain if path != "_id"]
        includes = any(what != EXCLUDE for what in others)
        if includes and any(what == EXCLUDE for what in others):
            raise Refused(31254 if others[0] != EXCLUDE else 31253, "inclusion and exclusion mixed")
        own_id = next((what for path, what in plain if path == "_id"), None)
        picks = any(what.operator != "$slice" for _, what in self.specials)
        if not others and own_id not in (None, EXCLUDE):
            includes = True
        if picks and any(what == EXCLUDE for what in others):
            raise Refused(31255 if of_find else 2, "$elemMatch or .$ in an exclusion")
        self.keeps = not (includes or (picks and not others))
        tree_of = list(plain)
        if not self.keeps:
            # The rest of find's operators work on what was included; $elemMatch adds by itself.
            tree_of += [
                (path, INCLUDE) for path, it in self.specials if it.operator != "$elemMatch"
            ]
            if own_id is None:
                tree_of.insert(0, ("_id", INCLUDE))
        self.tree = _tree(tree_of)
        _tree(paths)  # collisions of all paths
        self._check_specials()

    def _check_specials(self) -> None:
        if sum(it.operator == ".$" for _, it in self.specials) > 1:
            raise Refused(31276, "only one positional projection")
        for path, it in self.specials:
            if it.operator == "$slice":
                _slice_of(it.operand)
            if it.operator == "$elemMatch":
                if "." in path:
                    raise Refused(31275, "$elemMatch below the top")
                if not isinstance(it.operand, dict):
                    raise Refused(31274, "$elemMatch takes a document")
                compile_filter({"x": {"$elemMatch": it.operand}})

    def apply(
        self, document: Any, filter: Any = None, variables: dict[str, Any] | None = None
    ) -> Any:
        found = _apply(document, self.tree, _scope(document, variables or {}), keep=self.keeps)
        for path, it in self.specials:
            if it.operator == "$slice":
                found = _change(
                    found, path.split("."), lambda array, it=it: _sliced(array, it.operand)
                )
            elif it.operator == ".$":
                matched = compile_filter(filter or {})(document)
                found = _positional(found, path.split("."), matched)
            else:
                found.pop(path, None)
                array = document.get(path)
                condition = compile_filter({"x": {"$elemMatch": it.operand}})
                at = condition({"x": array}).position if isinstance(array, list) else None
                if at is not None:
                    found[path] = [array[at]]
        return found


def _slice_of(operand: Any) -> tuple[int | None, int]:
    """How many to skip (None: not given), and how many to take."""
    if isinstance(operand, list):
        if len(operand) != 2:
            raise Refused(28667, "$slice takes one or two numbers")
        skip, take = (integral(each) for each in operand)
        if skip is None or take is None:
            raise Refused(28667, "$slice takes whole numbers")
        if take <= 0:
            raise Refused(28729, "$slice takes more than 0")
        return skip, take
    take = integral(operand) if is_number(operand) else None
    if take is None:
        raise Refused(28667, "$slice takes one or two numbers")
    return None, take


def _sliced(array: Any, operand: Any) -> Any:
    if not isinstance(array, list):
        return array
    skip, take = _slice_of(operand)
    if skip is None:
        return array[:take] if take >= 0 else array[take:]
    start = skip if skip >= 0 else max(len(array) + skip, 0)
    return array[start : start + take]


def _change(value: Any, path: list[str], change: Any) -> Any:
    """The value with a change of what is at the path, in documents in arrays, too."""
    if isinstance(value, list) and path:
        return [_change(each, path, change) for each in value]
    if not path:
        return change(value)
    if isinstance(value, dict) and path[0] in value:
        return {**value, path[0]: _change(value[path[0]], path[1:], change)}
    return value


def _positional(value: Any, path: list[str], matched: Match) -> Any:
    """The first array on the path keeps the element that matched alone."""
    if isinstance(value, list):
        if matched.position is None or matched.position >= len(value):
            raise Refused(51246, "nothing matched that a positional projection could take")
        return [value[matched.position]]
    if isinstance(value, dict) and path and path[0] in value:
        return {**value, path[0]: _positional(value[path[0]], path[1:], matched)}
    return value
