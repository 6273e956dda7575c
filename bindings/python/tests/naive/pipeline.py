"""Aggregation pipelines: each stage makes a list of documents of a list of documents.

The order of what $group gives is left open by MongoDB; here it is the order of first appearance.
"""

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .accumulators import ACCUMULATORS, accumulate
from .expressions import Scope, arguments, check, evaluate, field_path
from .filters import compile_filter
from .order import compare, equal, key, rank, sort_documents
from .projection import Projection, add_fields, computed_fields, unset
from .values import MISSING, Int64, Refused, integral, is_null, is_number

Documents = list[Any]
Stage = Callable[[Any, Documents, "Context"], Documents]
STAGES: dict[str, Stage] = {}


class Context:
    """What stages see beside their documents: other collections, and variables."""

    def __init__(self, collections: dict[str, Documents], variables: dict[str, Any]) -> None:
        self.collections = collections
        self.variables = variables

    def scope(self, document: Any) -> Scope:
        return Scope({"ROOT": document, "CURRENT": document, **self.variables})


def run(
    pipeline: Any,
    documents: Documents,
    collections: dict[str, Documents] | None = None,
    variables: dict[str, Any] | None = None,
) -> Documents:
    """What a pipeline makes of documents."""
    return _run(pipeline, documents, Context(collections or {}, variables or {}))


def _run(pipeline: Any, documents: Documents, context: Context) -> Documents:
    if not isinstance(pipeline, list):
        raise Refused(14, "a pipeline is an array")
    for stage in pipeline:
        if not isinstance(stage, dict) or len(stage) != 1:
            raise Refused(40323, "a stage is a document of one field")
        [(name, operand)] = stage.items()
        if name not in STAGES:
            raise Refused(40324, f"unrecognized stage {name}")
        documents = STAGES[name](operand, documents, context)
    return documents


def _stage(name: str) -> Callable[[Stage], Stage]:
    def register(function: Stage) -> Stage:
        STAGES[name] = function
        return function

    return register


@_stage("$match")
def _match(operand: Any, documents: Documents, context: Context) -> Documents:
    if not isinstance(operand, dict):
        raise Refused(15959, "$match takes a filter")
    condition = compile_filter(operand, context.variables)
    return [document for document in documents if condition(document)]


@_stage("$project")
def _project(operand: Any, documents: Documents, context: Context) -> Documents:
    if not isinstance(operand, dict):
        raise Refused(15969, "$project takes a document")
    projection = Projection(operand, of_find=False)
    return [projection.apply(each, variables=context.variables) for each in documents]


@_stage("$addFields")
def _add_fields(operand: Any, documents: Documents, context: Context) -> Documents:
    computed_fields(operand)
    return [add_fields(each, operand, context.variables) for each in documents]


STAGES["$set"] = _add_fields


@_stage("$unset")
def _unset(operand: Any, documents: Documents, context: Context) -> Documents:
    unset({}, operand)
    return [unset(each, operand) for each in documents]


@_stage("$replaceRoot")
def _replace_root(operand: Any, documents: Documents, context: Context) -> Documents:
    arguments("$replaceRoot", operand, "newRoot")
    return _replace_with(operand["newRoot"], documents, context)


@_stage("$replaceWith")
def _replace_with(operand: Any, documents: Documents, context: Context) -> Documents:
    check(operand)
    roots = [context.scope(document).evaluate(operand) for document in documents]
    if not all(isinstance(root, dict) for root in roots):
        raise Refused(40228, "the new root is a document")
    return roots


@_stage("$sort")
def _sort(operand: Any, documents: Documents, context: Context) -> Documents:
    if not isinstance(operand, dict):
        raise Refused(15973, "$sort takes a document")
    return sort_documents(documents, operand)


def _count_of(operand: Any, least: int, code: int) -> int:
    count = integral(operand) if is_number(operand) else None
    if count is None or count < least:
        raise Refused(code, f"a whole number from {least} is wanted")
    return count


@_stage("$limit")
def _limit(operand: Any, documents: Documents, context: Context) -> Documents:
    if is_number(operand) and equal(operand, 0):
        raise Refused(15958, "the limit is above 0")
    return documents[: _count_of(operand, 1, 5107201)]


@_stage("$skip")
def _skip(operand: Any, documents: Documents, context: Context) -> Documents:
    return documents[_count_of(operand, 0, 5107200) :]


@_stage("$count")
def _count(operand: Any, documents: Documents, context: Context) -> Documents:
    if not isinstance(operand, str):
        raise Refused(40156, "$count takes a name")
    if not operand:
        raise Refused(40157, "a name that is not empty")
    if operand.startswith("$"):
        raise Refused(40158, "a name without $")
    if "." in operand:
        raise Refused(40160, "a name without dots")
    return [{operand: len(documents)}] if documents else []


@_stage("$unwind")
def _unwind(operand: Any, documents: Documents, context: Context) -> Documents:
    """A document for each element. What is no array is as an array of itself, without a position;
    null, nothing and the empty array give no document, unless they are preserved."""
    if isinstance(operand, str):
        operand = {"path": operand}
    if not isinstance(operand, dict):
        raise Refused(15981, "$unwind takes a path or a document")
    for name in operand:
        if name not in ("path", "includeArrayIndex", "preserveNullAndEmptyArrays"):
            raise Refused(28811, f"$unwind does not know {name}")
    if "path" not in operand:
        raise Refused(28812, "$unwind needs a path")
    if not isinstance(operand["path"], str):
        raise Refused(28808, "the path is a string")
    if not operand["path"].startswith("$"):
        raise Refused(28818, "the path begins with $")
    path = field_path(operand["path"][1:])
    preserve = operand.get("preserveNullAndEmptyArrays", False)
    if not isinstance(preserve, bool):
        raise Refused(28809, "preserveNullAndEmptyArrays is true or false")
    index = operand.get("includeArrayIndex")
    if index is not None and (not isinstance(index, str) or not index):
        raise Refused(28810, "includeArrayIndex is a name")
    if index is not None and index.startswith("$"):
        raise Refused(28822, "includeArrayIndex has no $")
    found = []
    for document in documents:
        for value, at in _elements(_at(document, path), preserve=preserve):
            unwound = _with(document, path, value)
            found.append(unwound if index is None else _with(unwound, index.split("."), at))
    return found


def _elements(value: Any, *, preserve: bool) -> list[tuple[Any, Any]]:
    if isinstance(value, list) and value:
        return [(each, Int64(at)) for at, each in enumerate(value)]
    if isinstance(value, list):
        return [(MISSING, None)] if preserve else []
    if is_null(value):
        return [(value, None)] if preserve else []
    return [(value, None)]


def _at(document: Any, path: list[str]) -> Any:
    """What is at a path that goes through documents only."""
    for name in path:
        document = document.get(name, MISSING) if isinstance(document, dict) else MISSING
    return document


def _with(document: Any, path: list[str], value: Any) -> Any:
    """The document with a field set, or taken away if the value is missing."""
    if not path:
        return value
    inside = document if isinstance(document, dict) else {}
    if value is MISSING and path[0] not in inside:
        return document
    changed = _with(inside.get(path[0], MISSING), path[1:], value)
    if changed is MISSING:
        return {name: inside[name] for name in inside if name != path[0]}
    return {**inside, path[0]: changed}


def _groups(by: Any, documents: Documents, context: Context) -> list[tuple[Any, list[Scope]]]:
    """Documents by the value of an expression. Missing is null; numbers of different types are one
    group if they are equal, which has the value of its first document."""
    check(by)
    groups: list[tuple[Any, list[Scope]]] = []
    for document in documents:
        scope = context.scope(document)
        value = scope.evaluate(by)
        value = None if value is MISSING else value
        members = next((each for known, each in groups if equal(known, value)), None)
        if members is None:
            groups.append((value, [scope]))
        else:
            members.append(scope)
    return groups


def _outputs(fields: dict[str, Any], scopes: list[Scope]) -> dict[str, Any]:
    return {
        name: accumulate(next(iter(each)), each[next(iter(each))], scopes)
        for name, each in fields.items()
    }


def _check_outputs(fields: Any) -> dict[str, Any]:
    for name, each in fields.items():
        if name.startswith("$"):
            raise Refused(40236, "the name of a field has no $")
        if "." in name:
            raise Refused(40235, "the name of a field has no dot")
        if not isinstance(each, dict):
            raise Refused(40234, "a field of a group is an accumulator")
        if len(each) != 1:
            raise Refused(40238, "a field of a group is one accumulator")
        [(accumulator, operand)] = each.items()
        if accumulator not in ACCUMULATORS:
            raise Refused(15952, f"unknown group operator {accumulator}")
        check(operand)
    return dict(fields)


@_stage("$group")
def _group(operand: Any, documents: Documents, context: Context) -> Documents:
    if not isinstance(operand, dict):
        raise Refused(15947, "$group takes a document")
    if "_id" not in operand:
        raise Refused(15955, "$group needs an _id")
    fields = _check_outputs({name: operand[name] for name in operand if name != "_id"})
    groups = _groups(operand["_id"], documents, context)
    return [{"_id": value, **_outputs(fields, scopes)} for value, scopes in groups]


@_stage("$sortByCount")
def _sort_by_count(operand: Any, documents: Documents, context: Context) -> Documents:
    if not (isinstance(operand, str) and operand.startswith("$")) and not (
        isinstance(operand, dict) and next(iter(operand), "").startswith("$")
    ):
        raise Refused(40147, "$sortByCount takes an expression")
    counted = _group({"_id": operand, "count": {"$sum": 1}}, documents, context)
    return sort_documents(counted, {"count": -1})


@_stage("$bucket")
def _bucket(operand: Any, documents: Documents, context: Context) -> Documents:
    """A bucket has what is not below its boundary and below the next; the default has the rest."""
    if not isinstance(operand, dict):
        raise Refused(40201, "$bucket takes a document")
    for name in operand:
        if name not in ("groupBy", "boundaries", "default", "output"):
            raise Refused(40197, f"$bucket does not know {name}")
    if "groupBy" not in operand or "boundaries" not in operand:
        raise Refused(40198, "$bucket needs groupBy and boundaries")
    boundaries = _boundaries(operand["boundaries"])
    check(operand["groupBy"])
    has_default = "default" in operand
    fields = _check_outputs(operand.get("output", {"count": {"$sum": 1}}))
    if has_default and rank(operand["default"]) == rank(boundaries[0]):
        low, high = boundaries[0], boundaries[-1]
        if compare(operand["default"], low) >= 0 and compare(operand["default"], high) < 0:
            raise Refused(40199, "the default lies within the boundaries")
    found: list[tuple[Any, list[Scope]]] = []
    for document in documents:
        scope = context.scope(document)
        value = scope.evaluate(operand["groupBy"])
        value = None if value is MISSING else value
        inside = compare(value, boundaries[0]) >= 0 and compare(value, boundaries[-1]) < 0
        if not inside and not has_default:
            raise Refused(40066, "no bucket for a value, and no default")
        lower = [each for each in boundaries if compare(each, value) <= 0]
        bucket = lower[-1] if inside else operand["default"]
        members = next((each for known, each in found if equal(known, bucket)), None)
        if members is None:
            found.append((bucket, [scope]))
        else:
            members.append(scope)
    found.sort(key=lambda each: key(each[0]))
    return [{"_id": value, **_outputs(fields, scopes)} for value, scopes in found]


def _boundaries(operand: Any) -> list[Any]:
    if not isinstance(operand, list):
        raise Refused(40200, "boundaries are an array")
    if len(operand) < 2:
        raise Refused(40192, "at least two boundaries")
    boundaries = [evaluate(each, {}) for each in operand]
    for a, b in itertools.pairwise(boundaries):
        if rank(a) != rank(b):
            raise Refused(40193, "boundaries are of one kind")
        if compare(a, b) >= 0:
            raise Refused(40194, "boundaries ascend")
    return boundaries


@_stage("$bucketAuto")
def _bucket_auto(operand: Any, documents: Documents, context: Context) -> Documents:
    """Buckets of about the same number of documents; equal values are never apart. A bucket ends
    where the next one begins, and the last one with its own highest value."""
    arguments("$bucketAuto", operand, "groupBy buckets", "output granularity")
    if "granularity" in operand:
        raise Refused(238, "granularity is not supported")
    count = _count_of(operand["buckets"], 1, 40243)
    fields = _check_outputs(operand.get("output", {"count": {"$sum": 1}}))
    check(operand["groupBy"])
    keyed = []
    for document in documents:
        value = context.scope(document).evaluate(operand["groupBy"])
        keyed.append((None if value is MISSING else value, context.scope(document)))
    keyed.sort(key=lambda each: key(each[0]))
    size = max(int(Fraction(len(keyed), count) + Fraction(1, 2)), 1)
    buckets: list[list[tuple[Any, Scope]]] = []
    while keyed:
        take = size if len(buckets) + 1 < count else len(keyed)
        while take < len(keyed) and equal(keyed[take][0], keyed[take - 1][0]):
            take += 1
        buckets.append(keyed[:take])
        keyed = keyed[take:]
    found = []
    for at, bucket in enumerate(buckets):
        end = buckets[at + 1][0][0] if at + 1 < len(buckets) else bucket[-1][0]
        bounds = {"min": bucket[0][0], "max": end}
        found.append({"_id": bounds, **_outputs(fields, [scope for _, scope in bucket])})
    return found


@_stage("$facet")
def _facet(operand: Any, documents: Documents, context: Context) -> Documents:
    """Several pipelines over the same documents; one document with all their results."""
    if not isinstance(operand, dict) or not operand:
        raise Refused(40169, "$facet names at least one pipeline")
    for pipeline in operand.values():
        for stage in pipeline if isinstance(pipeline, list) else []:
            if next(iter(stage), "") in ("$facet", "$out", "$merge"):
                raise Refused(40600, "not a stage for $facet")
    return [{name: _run(each, documents, context) for name, each in operand.items()}]


@_stage("$unionWith")
def _union_with(operand: Any, documents: Documents, context: Context) -> Documents:
    if isinstance(operand, str):
        operand = {"coll": operand}
    arguments("$unionWith", operand, "coll", "pipeline")
    others = context.collections.get(operand["coll"], [])
    plain = Context(context.collections, {})
    return documents + _run(operand.get("pipeline", []), others, plain)


@_stage("$lookup")
def _lookup(operand: Any, documents: Documents, context: Context) -> Documents:
    """Joins by equality of two fields, or by a pipeline that sees variables, or by both."""
    if not isinstance(operand, dict):
        raise Refused(9, "$lookup takes a document")
    names = "localField foreignField let pipeline"
    arguments("$lookup", operand, "from as", names)
    if ("localField" in operand) != ("foreignField" in operand) or not (
        "localField" in operand or "pipeline" in operand
    ):
        raise Refused(9, "$lookup needs localField and foreignField, or a pipeline")
    others = context.collections.get(operand["from"], [])
    _run(operand.get("pipeline", []), [], context)  # refuses wrong stages, without documents, too
    check(list(operand.get("let", {}).values()))
    found = []
    for document in documents:
        joined = others
        if "localField" in operand:
            condition = _joins(document, operand["localField"], operand["foreignField"])
            joined = [other for other in others if condition(other)]
        scope = context.scope(document)
        let = {name: scope.evaluate(each) for name, each in operand.get("let", {}).items()}
        inner = Context(context.collections, {**context.variables, **let})
        joined = _run(operand.get("pipeline", []), joined, inner)
        found.append(_with(document, operand["as"].split("."), joined))
    return found


def _joins(document: Any, local: str, foreign: str) -> Callable[[Any], Any]:
    """Equal as in a filter; an array joins with each of its elements; missing is as null."""
    value = _local(document, local.split("."))
    values = value if isinstance(value, list) else [None if value is MISSING else value]
    conditions = [compile_filter({foreign: {"$eq": each}}) for each in values]
    return lambda other: any(condition(other) for condition in conditions)


def _local(value: Any, path: list[str]) -> Any:
    """The local values, those in documents in arrays, too."""
    if not path:
        return value
    if isinstance(value, list):
        found = [_local(each, path) for each in value if isinstance(each, dict)]
        flat = [it if isinstance(it, list) else [it] for it in found if it is not MISSING]
        return [each for each_list in flat for each in each_list]
    return _local(value.get(path[0], MISSING), path[1:]) if isinstance(value, dict) else MISSING
