"""BSON: documents as bytes, and the types that Python lacks, by the names that pymongo has.

    from cuesta.bson import ObjectId, decode, encode

    data = encode({"_id": ObjectId(), "name": "Cuesta", "tags": ["ridge"]})
    assert decode(data)["name"] == "Cuesta"

Python's own types are written so, and read back as what is on the right where that differs:

    int               int32 if it fits, else int64 -> Int64; else IntegerTooLarge
    float, str, bool, None, dict
    list, tuple       array -> list
    bytes             binary of subtype 0
    datetime          milliseconds, a naive one in UTC -> naive in UTC
    uuid.UUID         binary of subtype 4
    re.Pattern        regular expression -> Regex
    any Mapping       document -> dict

decimal.Decimal is refused, as pymongo refuses it: make it a Decimal128. Objects of pymongo's own
classes are written as those here are, and so are OrderedDict, SON and RawBSONDocument.
"""

from __future__ import annotations

from cuesta._cuesta import Decimal128, ObjectId, decode, decode_all, encode
from cuesta.bson.binary import Binary
from cuesta.bson.code import Code
from cuesta.bson.codec_options import DEFAULT_CODEC_OPTIONS, CodecOptions
from cuesta.bson.dbref import DBRef
from cuesta.bson.int64 import Int64
from cuesta.bson.max_key import MaxKey
from cuesta.bson.min_key import MinKey
from cuesta.bson.regex import Regex
from cuesta.bson.son import SON
from cuesta.bson.timestamp import Timestamp
from cuesta.errors import InvalidBSON


def is_valid(bson: bytes) -> bool:
    """Whether bytes are a document."""
    if not isinstance(bson, bytes):
        raise TypeError("BSON data must be an instance of bytes")
    try:
        decode(bson)
    except InvalidBSON:
        return False
    return True


__all__ = [
    "DEFAULT_CODEC_OPTIONS",
    "SON",
    "Binary",
    "Code",
    "CodecOptions",
    "DBRef",
    "Decimal128",
    "Int64",
    "MaxKey",
    "MinKey",
    "ObjectId",
    "Regex",
    "Timestamp",
    "decode",
    "decode_all",
    "encode",
    "is_valid",
]
