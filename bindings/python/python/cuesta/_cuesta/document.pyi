"""Documents: BSON to and from Python's own objects, and the types that Python lacks."""

import datetime
import decimal
from collections.abc import Mapping
from typing import Any

from typing_extensions import Buffer, Self

class ObjectId:
    """Twelve bytes that identify a document: seconds, the process that made it, a counter.

    ObjectId() gives out a new one; ObjectId(oid) is made of 12 bytes, a str of 24 hexadecimal
    digits, or another ObjectId, pymongo's too, and equals those of the same bytes. Ordered by its
    bytes, and so by the second. Raises InvalidId for what is none.
    """

    _type_marker: int
    def __new__(cls, oid: str | bytes | ObjectId | None = None) -> Self: ...
    @classmethod
    def from_datetime(cls, generation_time: datetime.datetime) -> Self:
        """The least one of a second, to compare with; a naive datetime is in UTC."""

    @staticmethod
    def is_valid(oid: object) -> bool:
        """Whether ObjectId(oid) would not raise."""

    @property
    def binary(self) -> bytes:
        """The twelve bytes."""

    @property
    def generation_time(self) -> datetime.datetime:
        """When it was made, to the second; aware, in UTC."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __lt__(self, other: ObjectId, /) -> bool: ...
    def __le__(self, other: ObjectId, /) -> bool: ...
    def __gt__(self, other: ObjectId, /) -> bool: ...
    def __ge__(self, other: ObjectId, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]: ...

class Decimal128:
    """A decimal number of 34 digits, IEEE 754's decimal128.

    Made of str, decimal.Decimal, or the upper and lower 64 bits. Raises decimal.Inexact for more
    digits than fit, decimal.InvalidOperation for what is no number. Equal are those of the same
    bytes: 1.0 and 1.00 differ. To compute, use to_decimal().
    """

    _type_marker: int
    def __new__(cls, value: str | decimal.Decimal | tuple[int, int] | Decimal128) -> Self: ...
    @classmethod
    def from_bid(cls, value: bytes) -> Self:
        """The number of the sixteen bytes that it has in BSON."""

    @property
    def bid(self) -> bytes:
        """The sixteen bytes that it has in BSON."""

    def to_decimal(self) -> decimal.Decimal:
        """The same number."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Self], tuple[tuple[int, int]]]: ...

def encode(
    document: Mapping[str, Any], check_keys: bool = False, codec_options: Any = None
) -> bytes:
    """The BSON bytes of a document: a dict, another mapping, or what is BSON already.

    _id comes first, the other fields in their order. check_keys refuses names that begin with $ or
    hold a dot. Raises InvalidDocument for what cannot be written, and names the path to it.
    """

def decode(data: Buffer, codec_options: Any = None) -> dict[str, Any]:
    """The document that BSON bytes are. Raises InvalidBSON, with the offset, if they are none."""

def decode_all(data: Buffer, codec_options: Any = None) -> list[dict[str, Any]]:
    """The documents that follow each other in bytes. Raises as decode()."""

def to_json(value: Any, canonical: bool) -> str:
    """A value as extended JSON; see cuesta.bson.json_util."""

def from_json(text: str, codec_options: Any = None) -> Any:
    """The value that extended JSON tells; see cuesta.bson.json_util."""
