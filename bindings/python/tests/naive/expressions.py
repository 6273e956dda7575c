"""Aggregation expressions: what they are made of. The operators are in the files beside this one.

An expression is a value; evaluating it gives a value, or MISSING.
"""

from collections.abc import Callable
from typing import Any

from .order import compare, equal
from .values import MISSING, Refused, integral, is_null, is_number


class Scope:
    """What an expression sees: its document and variables."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables

    def with_variables(self, **more: Any) -> "Scope":
        return Scope({**self.variables, **more})

    def evaluate(self, expression: Any) -> Any:
        return _evaluate(expression, self)


# An operator takes its operand as it is written, and evaluates what is in it.
Operator = Callable[[Any, Scope], Any]
Function = Callable[..., Any]
OPERATORS: dict[str, Operator] = {}
# Operators that name their operands; the names are checked before anything is evaluated.
_UNEVALUATED = ("$literal",)


def raw(name: str) -> Callable[[Operator], Operator]:
    """An operator that evaluates its operand by itself."""

    def register(function: Operator) -> Operator:
        OPERATORS[name] = function
        return function

    return register


def operator(name: str, least: int, most: int | None = -1) -> Callable[[Function], Function]:
    """An operator on so many operands, evaluated; `most` is as `least` unless given; None: any."""
    limit = least if most == -1 else most

    def register(function: Function) -> Function:
        def call(operand: Any, scope: Scope) -> Any:
            # One operand may stand without an array around it.
            operands = operand if isinstance(operand, list) else [operand]
            if len(operands) < least or (limit is not None and len(operands) > limit):
                raise Refused(16020, f"{name} takes another number of operands")
            return function(*[scope.evaluate(each) for each in operands])

        OPERATORS[name] = call
        return function

    return register


def named(name: str, required: str, optional: str = "") -> Callable[[Function], Function]:
    """An operator whose operands have names; those that are not given are MISSING."""
    must, may = required.split(), optional.split()

    def register(function: Function) -> Function:
        def call(operand: Any, scope: Scope) -> Any:
            arguments(name, operand, required, optional)
            given = {each: scope.evaluate(operand.get(each, MISSING)) for each in must + may}
            return function(**given)

        OPERATORS[name] = call
        return function

    return register


def arguments(name: str, operand: Any, required: str, optional: str = "") -> dict[str, Any]:
    """Checks the names in a document of operands."""
    if not isinstance(operand, dict):
        raise Refused(9, f"{name} takes a document")
    for each in operand:
        if each not in required.split() + optional.split():
            raise Refused(9, f"{name} does not know {each}")
    for each in required.split():
        if each not in operand:
            raise Refused(9, f"{name} needs {each}")
    return operand


def evaluate(expression: Any, document: Any, variables: dict[str, Any] | None = None) -> Any:
    """The value of an expression for a document. Variables: those of `let`, and NOW."""
    scope = {"ROOT": document, "CURRENT": document, **(variables or {})}
    return _evaluate(expression, Scope(scope))


def _evaluate(expression: Any, scope: Scope) -> Any:
    if isinstance(expression, str) and expression.startswith("$$"):
        name, *path = expression[2:].split(".")
        if name == "REMOVE":
            return MISSING
        if name not in scope.variables:
            raise Refused(17276, f"undefined variable: {name}")
        return follow(scope.variables[name], path)
    if isinstance(expression, str) and expression.startswith("$"):
        return follow(scope.variables["CURRENT"], field_path(expression[1:]))
    if isinstance(expression, list):
        items = [_evaluate(each, scope) for each in expression]
        return [None if item is MISSING else item for item in items]
    if isinstance(expression, dict):
        first = next(iter(expression), "")
        if first.startswith("$"):
            _check_operator(expression)
            return OPERATORS[first](expression[first], scope)
        fields = {name: _evaluate(_plain(name, each), scope) for name, each in expression.items()}
        return {name: value for name, value in fields.items() if value is not MISSING}
    return expression


def _plain(name: str, expression: Any) -> Any:
    """A field of a document that an expression builds has a plain name."""
    if name.startswith("$"):
        raise Refused(16410, f"no field is named {name}")
    if "." in name:
        raise Refused(16412, f"no dot in the name of a field: {name}")
    return expression


def field_path(text: str) -> list[str]:
    path = text.split(".")
    if "" in path:
        raise Refused(40353 if text.endswith(".") else 15998, "empty name in the path of a field")
    if any(name.startswith("$") for name in path):
        raise Refused(16410, "a name in the path of a field starts with $")
    return path


def follow(value: Any, path: list[str]) -> Any:
    """What the path of a field gives. Names are names only; in an array each document is asked, and
    the answer is the array of what they have. What is no document is left out."""
    if not path:
        return value
    if isinstance(value, dict):
        return follow(value.get(path[0], MISSING), path[1:])
    if isinstance(value, list):
        found = [follow(each, path) for each in value if isinstance(each, dict)]
        return [each for each in found if each is not MISSING]
    return MISSING


def _check_operator(expression: dict[str, Any]) -> None:
    first = next(iter(expression))
    if len(expression) != 1:
        raise Refused(15983, "an operator stands alone in its document")
    if first not in OPERATORS:
        raise Refused(168, f"unrecognized expression {first}")


def check(expression: Any) -> None:
    """Refuses operators that do not exist, wherever they stand."""
    if isinstance(expression, list):
        for each in expression:
            check(each)
    if isinstance(expression, dict):
        first = next(iter(expression), "")
        if first.startswith("$"):
            _check_operator(expression)
        if first not in _UNEVALUATED:
            for each in expression.values():
                check(each)


def truthy(value: Any) -> bool:
    """What counts as true: all but false, null, undefined, missing and zero."""
    if is_null(value):
        return False
    return not equal(value, 0) if is_number(value) else value is not False


def whole_number(value: Any, code: int, message: str = "a whole number is wanted") -> int:
    """A number without fraction that has room in 32 bits."""
    number = integral(value) if is_number(value) else None
    if number is None or not -(1 << 31) <= number < 1 << 31:
        raise Refused(code, message)
    return number


@raw("$literal")
def _literal(operand: Any, scope: Scope) -> Any:
    return operand


raw("$const")(_literal)


@raw("$let")
def _let(operand: Any, scope: Scope) -> Any:
    """Variables are evaluated outside, and seen by `in` alone."""
    arguments("$let", operand, "vars in")
    if not isinstance(operand["vars"], dict):
        raise Refused(16876, "$let takes a document of variables")
    for name in operand["vars"]:
        check_variable(name)
    values = {name: scope.evaluate(each) for name, each in operand["vars"].items()}
    return scope.with_variables(**values).evaluate(operand["in"])


def check_variable(name: str) -> str:
    """A name of a variable begins with a lower-case letter (or is CURRENT)."""
    plain = name.replace("_", "a")
    if name != "CURRENT" and not (name[:1].islower() or ord(name[:1] or "0") > 127):
        raise Refused(9, f"{name} may not name a variable")
    if not all(each.isalnum() or ord(each) > 127 for each in plain):
        raise Refused(9, f"{name} may not name a variable")
    return name


@operator("$cmp", 2)
def _cmp(a: Any, b: Any) -> int:
    return compare(a, b)


def _comparison(name: str, accepted: tuple[int, ...]) -> None:
    """Whole values are compared by the one order, whatever their kinds; missing is below null."""
    operator(name, 2)(lambda a, b: compare(a, b) in accepted)


_comparison("$eq", (0,))
_comparison("$ne", (-1, 1))
_comparison("$gt", (1,))
_comparison("$gte", (0, 1))
_comparison("$lt", (-1,))
_comparison("$lte", (-1, 0))


@raw("$and")
def _and(operand: Any, scope: Scope) -> bool:
    """Stops at the first that is false; of nothing it is true."""
    return all(truthy(scope.evaluate(each)) for each in _listed(operand))


@raw("$or")
def _or(operand: Any, scope: Scope) -> bool:
    return any(truthy(scope.evaluate(each)) for each in _listed(operand))


def _listed(operand: Any) -> list[Any]:
    return operand if isinstance(operand, list) else [operand]


@operator("$not", 1)
def _not(value: Any) -> bool:
    return not truthy(value)


@raw("$cond")
def _cond(operand: Any, scope: Scope) -> Any:
    """Evaluates one of its branches only."""
    if isinstance(operand, list):
        if len(operand) != 3:
            raise Refused(16020, "$cond takes three operands")
        operand = dict(zip(("if", "then", "else"), operand, strict=True))
    arguments("$cond", operand, "if then else")
    return scope.evaluate(operand["then" if truthy(scope.evaluate(operand["if"])) else "else"])


@raw("$ifNull")
def _if_null(operand: Any, scope: Scope) -> Any:
    """The first that is neither null nor missing, else the last."""
    if not isinstance(operand, list) or len(operand) < 2:
        raise Refused(1257300, "$ifNull takes two operands or more")
    for each in operand[:-1]:
        value = scope.evaluate(each)
        if not is_null(value):
            return value
    return scope.evaluate(operand[-1])


@raw("$switch")
def _switch(operand: Any, scope: Scope) -> Any:
    arguments("$switch", operand, "branches", "default")
    if not isinstance(operand["branches"], list) or not operand["branches"]:
        raise Refused(40068, "$switch needs branches")
    for branch in operand["branches"]:
        arguments("$switch", branch, "case then")
        if truthy(scope.evaluate(branch["case"])):
            return scope.evaluate(branch["then"])
    if "default" not in operand:
        raise Refused(40066, "no branch of $switch matched, and it has no default")
    return scope.evaluate(operand["default"])


for _unsupported in ("$function", "$accumulator", "$meta"):

    @raw(_unsupported)
    def _refuse(operand: Any, scope: Scope, name: str = _unsupported) -> Any:
        raise Refused(238, f"{name} is not supported")
