"""Binary: bytes that say what they are."""

from __future__ import annotations

import uuid
from typing import Any

BINARY_SUBTYPE = 0
FUNCTION_SUBTYPE = 1
OLD_BINARY_SUBTYPE = 2
OLD_UUID_SUBTYPE = 3
UUID_SUBTYPE = 4
MD5_SUBTYPE = 5
COLUMN_SUBTYPE = 7
SENSITIVE_SUBTYPE = 8
VECTOR_SUBTYPE = 9
USER_DEFINED_SUBTYPE = 128


class UuidRepresentation:
    """What uuid.UUID is to BSON. Only UNSPECIFIED and STANDARD are supported here."""

    UNSPECIFIED = 0
    STANDARD = 4
    PYTHON_LEGACY = 3
    JAVA_LEGACY = 5
    CSHARP_LEGACY = 6


class Binary(bytes):
    """Bytes with a subtype, from 0 to 255. Those of subtype 0 are read as bytes."""

    _type_marker = 5
    __subtype: int

    def __new__(cls, data: Any, subtype: int = BINARY_SUBTYPE) -> Binary:
        if not isinstance(subtype, int):
            raise TypeError(f"subtype must be an int, not {type(subtype).__name__}")
        if not 0 <= subtype < 256:
            raise ValueError(f"subtype {subtype} is not from 0 to 255")
        self = bytes.__new__(cls, memoryview(data).tobytes())
        self.__subtype = subtype
        return self

    @classmethod
    def from_uuid(
        cls, uuid: uuid.UUID, uuid_representation: int = UuidRepresentation.STANDARD
    ) -> Binary:
        """The bytes of a UUID, of subtype 4."""
        if uuid_representation != UuidRepresentation.STANDARD:
            raise ValueError(f"UUID representation {uuid_representation} is not supported")
        return cls(uuid.bytes, UUID_SUBTYPE)

    def as_uuid(self, uuid_representation: int = UuidRepresentation.STANDARD) -> uuid.UUID:
        """The UUID that bytes of subtype 4 are."""
        if uuid_representation != UuidRepresentation.STANDARD:
            raise ValueError(f"UUID representation {uuid_representation} is not supported")
        if self.subtype != UUID_SUBTYPE:
            raise ValueError(f"binary of subtype {self.subtype} is not a UUID, which has 4")
        return uuid.UUID(bytes=bytes(self))

    @property
    def subtype(self) -> int:
        """What the bytes are: 0 plain, 4 a UUID, 5 an MD5, from 128 on what you like."""
        return self.__subtype

    def __getnewargs__(self) -> tuple[bytes, int]:  # type: ignore[override]
        return bytes(self), self.__subtype

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bytes) and getattr(other, "_type_marker", None) == 5:
            same: bool = self.subtype == getattr(other, "subtype", None)
            return same and bytes(self) == bytes(other)
        # Not even bytes, which are no Binary.
        return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((bytes(self), self.__subtype))

    def __repr__(self) -> str:
        return f"Binary({bytes(self)!r}, {self.__subtype})"


__all__ = [
    "BINARY_SUBTYPE",
    "COLUMN_SUBTYPE",
    "FUNCTION_SUBTYPE",
    "MD5_SUBTYPE",
    "OLD_BINARY_SUBTYPE",
    "OLD_UUID_SUBTYPE",
    "SENSITIVE_SUBTYPE",
    "USER_DEFINED_SUBTYPE",
    "UUID_SUBTYPE",
    "VECTOR_SUBTYPE",
    "Binary",
    "UuidRepresentation",
]
