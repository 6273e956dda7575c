"""Extended JSON, version 2: documents as JSON that keeps their types.

dumps({"at": ObjectId("0123456789ab0123456789ab")})
'{"at":{"$oid":"0123456789ab0123456789ab"}}'
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from cuesta._cuesta import from_json, to_json


class JSONMode:
    """How types are written that JSON does not have."""

    RELAXED = 1
    """Numbers and dates as people write them."""
    CANONICAL = 2
    """Every type is kept."""


class JSONOptions(NamedTuple):
    """How JSON is written."""

    json_mode: int = JSONMode.RELAXED


RELAXED_JSON_OPTIONS = JSONOptions(JSONMode.RELAXED)
CANONICAL_JSON_OPTIONS = JSONOptions(JSONMode.CANONICAL)
DEFAULT_JSON_OPTIONS = RELAXED_JSON_OPTIONS


def dumps(obj: Any, *, json_options: JSONOptions = DEFAULT_JSON_OPTIONS, **kwargs: Any) -> str:
    """A document, or any value that one can hold, as JSON.

    Without arguments of json.dumps, such as indent, it is on one line and without blanks. Raises
    InvalidDocument for what documents cannot hold.
    """
    text = to_json(obj, json_options.json_mode == JSONMode.CANONICAL)
    return json.dumps(json.loads(text), **kwargs) if kwargs else text


def loads(s: str | bytes | bytearray, *, codec_options: Any = None) -> Any:
    """The document, or other value, that JSON tells, in either style.

    Raises OperationFailure, which is an InvalidError, with the offset where it is not that.
    """
    return from_json(s if isinstance(s, str) else bytes(s).decode(), codec_options)


__all__ = [
    "CANONICAL_JSON_OPTIONS",
    "DEFAULT_JSON_OPTIONS",
    "RELAXED_JSON_OPTIONS",
    "JSONMode",
    "JSONOptions",
    "dumps",
    "loads",
]
