"""MongoDB's language over Python values: the slowest and most obvious implementation.

It is an oracle for tests: it shares no code and no structure with the product, and nothing here is
done for speed. Where MongoDB's documentation leaves something open, a comment says so.

    matches({"a": {"$gt": 1}}, {"a": [0, 2]})            True
    apply({"a": 1}, {"$inc": {"a": 1}})                  {"a": 2}
    run([{"$group": {"_id": "$a"}}], documents)          documents
    Projection({"a": 1}).apply(document)                 a document
    evaluate({"$add": ["$a", 1]}, document)              a value, or MISSING

What MongoDB refuses raises `Refused` with the number of the error.
"""

# These register the operators of expressions.
from . import accumulators, arithmetic, arrays, dates, objects, strings
from .expressions import OPERATORS, evaluate
from .filters import matches
from .order import compare, equal, key, sort_documents
from .pipeline import run
from .projection import Projection
from .updates import apply, upsert
from .values import MISSING, Refused, identical

__all__ = [
    "MISSING",
    "OPERATORS",
    "Projection",
    "Refused",
    "accumulators",
    "apply",
    "arithmetic",
    "arrays",
    "compare",
    "dates",
    "equal",
    "evaluate",
    "identical",
    "key",
    "matches",
    "objects",
    "run",
    "sort_documents",
    "strings",
    "upsert",
]
