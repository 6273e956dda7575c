"""Random documents, and filters, updates, projections and pipelines over them, by seed.

Fields are few and numbers near each other, so that conditions are often met. What MongoDB leaves
open is not asked:

- Doubles in arithmetic are small multiples of a quarter: their sums are exact in every order.
- What has no order of its own is sorted: groups by $sort, sets by $sortArray.
- A filter for the positional `$` has one condition on an array.
- Groups are by one value, not by documents with fields that may be missing.
- Numbers in paths are asked for values that are there, not for null.
"""

import random
from collections.abc import Callable
from typing import Any

from .values import (
    Binary,
    Date,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Refused,
    Regex,
    Timestamp,
)

NAMES = ("a", "b", "c", "d")
PATHS = ("a", "b", "c", "d", "a.a", "a.b", "b.a", "b.c", "c.a.b", "a.b.c")
POSITIONS = ("a.0", "a.1", "b.0.a", "c.1.b", "a.0.1")
WORDS = ("", "a", "A", "ab", "abc", "b", "B c", "x\ny", "caf\u00e9", "\U0001f600", "12", "-3.5")
PATTERNS = ("a", "^a", "b$", "[a-c]+", "^$", "A", ".", "a.*c", "^12")
# The same number in every type, and numbers near it.
NUMBERS = (
    *(0, 1, 2, 3, -1, 5, 10),
    *(Int64(0), Int64(1), Int64(2), Int64(-1), Int64(1 << 40)),
    *(0.0, 1.0, 1.5, 2.0, -1.0, 0.25, -0.5),
    *(Decimal128("0"), Decimal128("1"), Decimal128("1.0"), Decimal128("1.5"), Decimal128("2.25")),
)
EXTREMES = (
    *((1 << 31) - 1, -(1 << 31), Int64((1 << 63) - 1), Int64(-(1 << 63)), Int64((1 << 53) + 1)),
    *(-0.0, float("nan"), float("inf"), float("-inf"), float(1 << 53), 5e-324, 1.7e308, 0.1),
    *(Decimal128("NaN"), Decimal128("Infinity"), Decimal128("-0"), Decimal128("0.1")),
    *(Decimal128("1E+6111"), Decimal128("1E-6176"), Decimal128("9007199254740993")),
)
TYPE_NAMES = (
    *("double", "string", "object", "array", "binData", "objectId", "bool", "date", "null"),
    *("regex", "int", "timestamp", "long", "decimal", "minKey", "maxKey", "number"),
)

OPERATORS = (
    *("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$type"),
    *("$regex", "$mod", "$all", "$size"),
    *("$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear"),
)


def outcome(function: Callable[..., Any], *given: Any, **named: Any) -> tuple[str, Any]:
    """("value", what a function gives), or ("refused", the code of the error)."""
    try:
        return ("value", function(*given, **named))
    except Refused as refused:
        return ("refused", refused.code)


class Generator:
    """All that follows from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.one_of = self.random.choice

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def some(self, make: Callable[[], Any], least: int, most: int) -> list[Any]:
        return [make() for _ in range(self.random.randint(least, most))]

    # Values and documents.

    def number(self) -> Any:
        return self.one_of(NUMBERS if self.chance(0.85) else EXTREMES)

    def scalar(self) -> Any:
        """A value that is neither an array nor a document, of any type."""
        kind = self.random.random()
        if kind < 0.5:
            return self.number()
        if kind < 0.7:
            return self.one_of(WORDS)
        return self.one_of(
            (
                *(None, None, True, False),
                Date(self.one_of((0, 1, -1, 86_400_000, 1_700_000_000_123))),
                Timestamp(self.one_of((0, 1, 4_000_000_000)), self.one_of((0, 1))),
                ObjectId(bytes(11) + bytes([self.random.randrange(3)])),
                self.random.randbytes(self.random.randrange(3)),
                Binary(self.one_of((0x80, 5)), self.random.randbytes(2)),
                Regex(self.one_of(PATTERNS), self.one_of(("", "i"))),
                *(MinKey(), MaxKey()),
            )
        )

    def value(self, depth: int = 2) -> Any:
        kind = self.random.random()
        if depth and kind < 0.18:
            return self.some(lambda: self.value(depth - 1), 0, 3)
        if depth and kind < 0.36:
            return self.fields(depth - 1)
        return self.scalar()

    def fields(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.randint(0, 3))
        return {name: self.value(depth) for name in names}

    def document(self, id: Any) -> dict[str, Any]:
        return {"_id": id, **self.fields(3)}

    def documents(self, count: int) -> list[dict[str, Any]]:
        """With ascending whole numbers as their _id."""
        return [self.document(id) for id in range(count)]

    # Filters.

    def path(self) -> str:
        return self.one_of(PATHS)

    def filter(self, depth: int = 2) -> dict[str, Any]:
        kind = self.random.random()
        if depth and kind < 0.25:
            name = self.one_of(("$and", "$or", "$nor"))
            return {name: self.some(lambda: self.filter(depth - 1), 1, 3)}
        if depth and kind < 0.3:
            return {"$expr": self.condition(depth)}
        return {self.path(): self.predicate(depth) for _ in range(self.random.randint(1, 2))}

    def predicate(self, depth: int) -> Any:
        """What is asked of one path: a value, or operators."""
        if self.chance(0.2):
            return self.value(1)
        asked: dict[str, Any] = {}
        for _ in range(self.random.choices((1, 2), (4, 1))[0]):
            name, operand = self.operator(depth)
            asked[name] = operand
        return asked

    def operator(self, depth: int) -> tuple[str, Any]:
        if depth and self.chance(0.15):
            return ("$not", self.predicate_of_operators(depth - 1))
        if depth and self.chance(0.15):
            if self.chance(0.5):
                return ("$elemMatch", self.filter(depth - 1))
            return ("$elemMatch", self.predicate_of_operators(depth - 1))
        name = self.one_of(OPERATORS)
        if name in ("$eq", "$gt", "$gte", "$lt", "$lte", "$ne"):
            return (name, self.not_a_regex())
        if name in ("$in", "$nin"):
            return (name, self.some(lambda: self.value(1), 0, 3))
        operands: dict[str, Callable[[], Any]] = {
            "$exists": lambda: self.chance(0.6),
            "$type": lambda: self.one_of(TYPE_NAMES),
            "$regex": lambda: self.one_of(PATTERNS),
            "$mod": lambda: [self.one_of((1, 2, 3, -2, Int64(5), 2.0)), self.one_of((0, 1, -1))],
            "$all": lambda: self.some(lambda: self.value(1), 1, 2),
            "$size": lambda: self.random.randrange(4),
        }
        if name in operands:
            return (name, operands[name]())
        mask = self.random.randrange(8)
        return (name, self.one_of((mask, Int64(mask), [0, 2], [mask], bytes([mask]))))

    def predicate_of_operators(self, depth: int) -> dict[str, Any]:
        return dict([self.operator(depth)])

    def not_a_regex(self) -> Any:
        while isinstance(value := self.value(1), Regex):
            pass
        return value

    # Updates.

    def update(self) -> dict[str, Any]:
        """Operators on different fields. Some are refused by the documents that they meet."""
        update: dict[str, Any] = {}
        for name in self.random.sample(NAMES, self.random.randint(1, 3)):
            operator, operand = self.modifier(name)
            path = self.one_of((name, name, f"{name}.{self.one_of(NAMES)}", f"{name}.1"))
            update.setdefault(operator, {})[path] = operand
        return update

    def modifier(self, name: str) -> tuple[str, Any]:
        """An operator and its operand for a field."""
        choices: list[Callable[[], tuple[str, Any]]] = [
            lambda: ("$set", self.value()),
            lambda: ("$unset", ""),
            lambda: ("$inc", self.one_of(NUMBERS)),
            lambda: ("$mul", self.one_of(NUMBERS)),
            lambda: (self.one_of(("$min", "$max")), self.value(1)),
            lambda: ("$setOnInsert", self.value(1)),
            lambda: ("$currentDate", self.one_of((True, {"$type": "date"}))),
            lambda: ("$rename", self.one_of(("e", "f")) + name),
            lambda: ("$push", self.one_of((self.value(1), self.push()))),
            lambda: ("$addToSet", self.one_of((self.value(1), {"$each": self.values()}))),
            lambda: ("$pull", self.one_of((self.value(1), self.predicate_of_operators(0)))),
            lambda: ("$pullAll", self.values()),
            lambda: ("$pop", self.one_of((1, -1))),
            lambda: ("$bit", {self.one_of(("and", "or", "xor")): self.one_of((5, Int64(6)))}),
        ]
        return self.one_of(choices)()

    def values(self) -> list[Any]:
        return self.some(lambda: self.value(1), 0, 3)

    def push(self) -> dict[str, Any]:
        modifiers: dict[str, Any] = {"$each": self.values()}
        if self.chance(0.4):
            modifiers["$position"] = self.random.randint(-3, 3)
        if self.chance(0.4):
            modifiers["$sort"] = self.one_of((1, -1, {"a": 1}, {"b": -1, "a": 1}))
        if self.chance(0.4):
            modifiers["$slice"] = self.random.randint(-3, 3)
        return modifiers

    def positional(self) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
        """A filter, an update with positional parts, and its array filters."""
        name = self.one_of(NAMES)
        kind = self.random.randrange(3)
        change = self.one_of(({"$set": self.value(1)}, {"$unset": ""}, {"$inc": 1}, {"$mul": 2}))
        [(operator, operand)] = change.items()
        tail = self.one_of(("", "", ".a"))
        if kind == 0:
            condition = self.one_of(({"$gte": self.number()}, {"$elemMatch": {"$exists": True}}))
            return ({name: condition}, {operator: {f"{name}.${tail}": operand}}, [])
        if kind == 1:
            return ({}, {operator: {f"{name}.$[]{tail}": operand}}, [])
        of = {"e" + self.one_of(("", ".a")): self.predicate_of_operators(0)}
        return ({}, {operator: {f"{name}.$[e]{tail}": operand}}, [of])

    # Projections, sorts, expressions, pipelines.

    def projection(self) -> dict[str, Any]:
        """An inclusion or an exclusion, with computed fields in an inclusion."""
        include = self.chance(0.6)
        spec: dict[str, Any] = {} if self.chance(0.7) else {"_id": 0}
        for name in self.random.sample(NAMES, self.random.randint(1, 3)):
            path = self.one_of((name, f"{name}.{self.one_of(NAMES)}"))
            spec[path] = self.one_of((1, True)) if include else self.one_of((0, False))
        if include and self.chance(0.4):
            spec["z"] = self.expression(1)
        return spec

    def sort(self) -> dict[str, int]:
        """One path may lead through an array, so _id is all that comes beside it."""
        return {self.path(): self.one_of((1, -1)), "_id": 1}

    def condition(self, depth: int) -> dict[str, Any]:
        name = self.one_of(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"))
        return {name: [self.expression(depth - 1), self.literal()]}

    def literal(self) -> dict[str, Any]:
        return {"$literal": self.value(1)}

    def expression(self, depth: int) -> Any:
        kind = self.random.random()
        if not depth or kind < 0.3:
            return "$" + self.path() if kind < 0.2 else self.literal()
        parts = self.some(lambda: self.expression(depth - 1), 2, 2)
        text = [{"$cond": [{"$eq": [{"$type": it}, "string"]}, it, "ab"]} for it in parts]
        items = [{"$cond": [{"$isArray": [it]}, it, ["$a", 1]]} for it in parts]
        plain = [{"$cond": [{"$isNumber": it}, it, 2]} for it in (self.one_of(NUMBERS), "$a")]
        return self.one_of(
            (
                {"$ifNull": parts},
                {"$cond": [self.condition(depth), *parts]},
                {"$cmp": parts},
                {"$and": parts},
                {"$or": parts},
                {"$not": parts[:1]},
                {"$type": parts[0]},
                {"$isNumber": parts[0]},
                {"$add": plain},
                {"$subtract": plain},
                {"$multiply": plain},
                {"$concat": text},
                {"$toUpper": text[0]},
                {"$strLenCP": text[0]},
                {"$strLenBytes": text[0]},
                {"$indexOfCP": text},
                {"$substrCP": [text[0], 1, 2]},
                {"$regexMatch": {"input": text[0], "regex": self.one_of(PATTERNS)}},
                {"$size": items[0]},
                {"$concatArrays": items},
                {"$arrayElemAt": [items[0], self.random.randint(-2, 2)]},
                {"$slice": [items[0], self.random.randint(-2, 2)]},
                {"$reverseArray": items[0]},
                {"$in": [parts[0], items[0]]},
                {"$indexOfArray": [items[0], parts[1]]},
                {"$sortArray": {"input": items[0], "sortBy": self.one_of((1, -1))}},
                {"$setDifference": items},
                {"$setEquals": items},
                {"$setIsSubset": items},
                {"$size": {"$setUnion": items}},
                {"$map": {"input": items[0], "in": {"$type": "$$this"}}},
                {"$filter": {"input": items[0], "cond": {"$gt": ["$$this", parts[1]]}}},
                {"$mergeObjects": [{"x": parts[0]}, {"y": parts[1]}]},
                {"$max": items[0]},
                {"$min": items[0]},
                {"x": parts[0], "y": parts[1]},
                parts,
            )
        )

    def accumulator(self) -> dict[str, Any]:
        field = "$" + self.path()
        number = {"$cond": [{"$in": [{"$type": field}, ["int", "long"]]}, field, 1]}
        return self.one_of(
            (
                {"$sum": number},
                {"$avg": number},
                {"$min": field},
                {"$max": field},
                {"$push": field},
                {"$count": {}},
                {"$first": field},
                {"$last": field},
                {"$firstN": {"input": field, "n": 2}},
                {"$lastN": {"input": field, "n": 2}},
                {"$minN": {"input": field, "n": 2}},
                {"$maxN": {"input": field, "n": 2}},
                {"$top": {"sortBy": self.sort(), "output": "$_id"}},
                {"$bottomN": {"sortBy": self.sort(), "output": "$_id", "n": 2}},
            )
        )

    def stage(self) -> list[dict[str, Any]]:
        """One stage, with a $sort behind it where its order is open."""
        path = "$" + self.path()
        group = {"_id": path, "x": self.accumulator(), "n": {"$sum": 1}}
        choices: list[list[dict[str, Any]]] = [
            [{"$match": self.filter()}],
            [{"$project": self.projection()}],
            [{"$addFields": {self.path(): self.expression(2)}}],
            [{"$unset": self.one_of(PATHS)}],
            [{"$sort": self.sort()}],
            [{"$skip": self.random.randrange(4)}],
            [{"$limit": self.random.randint(1, 8)}],
            [{"$unwind": {"path": path, "preserveNullAndEmptyArrays": self.chance(0.5)}}],
            [{"$unwind": {"path": path, "includeArrayIndex": "i"}}],
            [{"$group": group}, {"$sort": {"_id": 1}}],
            [{"$sortByCount": path}, {"$sort": {"count": -1, "_id": 1}}],
            [{"$count": "n"}],
            [{"$replaceWith": {"$mergeObjects": [{"_id": "$_id"}, {"x": self.expression(2)}]}}],
            [{"$bucket": {"groupBy": path, "boundaries": [0, 1, 2, 10], "default": "other"}}],
            [{"$bucketAuto": {"groupBy": "$_id", "buckets": self.random.randint(1, 4)}}],
            [{"$facet": {"x": [{"$match": self.filter()}], "y": [{"$count": "n"}]}}],
            [{"$lookup": {"from": "other", "localField": "_id", "foreignField": "a", "as": "j"}}],
            [{"$unionWith": {"coll": "other", "pipeline": [{"$limit": 3}]}}],
        ]
        return self.one_of(choices)

    def pipeline(self) -> list[dict[str, Any]]:
        return [stage for stages in self.some(self.stage, 1, 3) for stage in stages]
