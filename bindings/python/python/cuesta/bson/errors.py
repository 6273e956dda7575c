"""What goes wrong between Python and BSON."""

from cuesta.errors import (
    BSONError,
    DocumentTooLarge,
    IntegerTooLarge,
    InvalidBSON,
    InvalidDocument,
    InvalidId,
    InvalidStringData,
)

__all__ = [
    "BSONError",
    "DocumentTooLarge",
    "IntegerTooLarge",
    "InvalidBSON",
    "InvalidDocument",
    "InvalidId",
    "InvalidStringData",
]
