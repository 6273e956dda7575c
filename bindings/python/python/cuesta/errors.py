"""Errors of documents, by the names that pymongo has for them.

Each is a cuesta.Error and, where it comes from a database, also of the class of its kind: a
DuplicateKeyError is a cuesta.ExistsError. So both ways to handle errors work:

    except cuesta.errors.DuplicateKeyError: ...
    except cuesta.ExistsError: ...

Some are never raised, for there is no server that could be away: ConnectionFailure and its
subclasses, WriteConcernError and WTimeoutError are there so that code which handles them still runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cuesta._cuesta import Error, ExistsError, InvalidError, NotFoundError, TimeoutError

PyMongoError = Error


class BSONError(InvalidError):
    """Something is no BSON, or cannot be made BSON."""


class InvalidBSON(BSONError):
    """Bytes are no document."""


class InvalidDocument(BSONError):
    """An object cannot be made a document; the message names the path to what is in the way."""


class InvalidStringData(InvalidDocument, ValueError):
    """A str has surrogates, which UTF-8 cannot have."""


class IntegerTooLarge(InvalidDocument, OverflowError):
    """An int needs more than 64 bits. Here pymongo raises OverflowError, which this is too."""


class DocumentTooLarge(InvalidDocument):
    """A document is larger than 16 MiB."""


class InvalidId(BSONError):
    """Something is no ObjectId."""


class ConfigurationError(InvalidError):
    """Something is configured wrongly."""


class InvalidURI(ConfigurationError):
    """A URI is wrong."""


class InvalidOperation(InvalidError):
    """A client or cursor cannot do this now."""


class InvalidName(InvalidError):
    """A name that no database or collection may have."""


class CollectionInvalid(InvalidError):
    """A collection is not as it was to be."""


class ConnectionFailure(Error):
    """Never raised: there is no connection."""


class AutoReconnect(ConnectionFailure):
    """Never raised."""


class NetworkTimeout(AutoReconnect):
    """Never raised."""


class NotPrimaryError(AutoReconnect):
    """Never raised."""


class ServerSelectionTimeoutError(AutoReconnect):
    """Never raised."""


class OperationFailure(Error):
    """An operation failed, for a reason that has a number in MongoDB.

    It is also of the class of its kind, such as cuesta.InvalidError.
    """

    def __init__(
        self, error: str, code: int | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(error)
        self._code = code
        self._details = details

    @property
    def code(self) -> int | None:
        """MongoDB's number of the reason, such as 11000."""
        return self._code

    @property
    def details(self) -> Mapping[str, Any] | None:
        """What is known: code, codeName, errmsg, and what goes with the code."""
        return self._details


class CursorNotFound(OperationFailure, NotFoundError):
    """The cursor is closed, or has expired."""


class ExecutionTimeout(OperationFailure, TimeoutError):
    """It took longer than allowed."""


class WriteConcernError(OperationFailure):
    """Never raised: there are no other servers to write to."""


class WTimeoutError(WriteConcernError):
    """Never raised."""


class WriteError(OperationFailure):
    """A write failed."""


class DuplicateKeyError(WriteError, ExistsError):
    """A unique index has the key already; details has keyPattern and keyValue."""


class BulkWriteError(OperationFailure):
    """Some writes of several failed; details tells which, and what the others did."""

    def __init__(self, results: Mapping[str, Any]) -> None:
        super().__init__("some of the writes failed", 65, results)

    @property
    def details(self) -> Mapping[str, Any]:
        """As of bulk_write in pymongo: writeErrors, and counts such as nInserted."""
        return self._details or {}

    def __reduce__(self) -> tuple[type[BulkWriteError], tuple[Mapping[str, Any]]]:
        return type(self), (self.details,)


_CLASSES: dict[int, type[OperationFailure]] = {
    43: CursorNotFound,
    50: ExecutionTimeout,
    11000: DuplicateKeyError,
    # What only writes fail with.
    28: WriteError,
    40: WriteError,
    66: WriteError,
    121: WriteError,
}


# Classes that were made for both a class above and a kind.
_MADE: dict[tuple[type[OperationFailure], type[Error]], type[OperationFailure]] = {}


def _class_of(code: int, kind: type[Error]) -> type[OperationFailure]:
    """The class of a code that is also of the class of a kind."""
    known = _CLASSES.get(code, OperationFailure)
    if issubclass(known, kind):
        return known
    members = {"__module__": __name__, "__doc__": known.__doc__, "__reduce__": _reduce}
    if (known, kind) in _MADE:
        return _MADE[known, kind]
    made: type[OperationFailure] = type(known.__name__, (known, kind), members)
    return _MADE.setdefault((known, kind), made)


def _reduce(error: OperationFailure) -> tuple[Any, ...]:
    kind = next(base for base in type(error).__bases__ if not issubclass(base, OperationFailure))
    return _restored, (kind, str(error), error.code, error.details)


def _restored(
    kind: type[Error], message: str, code: int, details: Mapping[str, Any] | None
) -> OperationFailure:
    return _class_of(code, kind)(message, code, details)


def _of_code(
    kind: type[Error], message: str, code: int, name: str, bson: bytes | None
) -> OperationFailure | BSONError:
    """The error of a code. The native module calls it."""
    if code == 10334:
        return DocumentTooLarge(message)
    if code == 22 and bson is None:
        return InvalidBSON(message)
    from cuesta._cuesta import decode

    details = {"code": code, "codeName": name, "errmsg": message}
    if bson is not None:
        details.update(decode(bson))
    return _class_of(code, kind)(message, code, details)


__all__ = [
    "AutoReconnect",
    "BSONError",
    "BulkWriteError",
    "CollectionInvalid",
    "ConfigurationError",
    "ConnectionFailure",
    "CursorNotFound",
    "DocumentTooLarge",
    "DuplicateKeyError",
    "ExecutionTimeout",
    "IntegerTooLarge",
    "InvalidBSON",
    "InvalidDocument",
    "InvalidId",
    "InvalidName",
    "InvalidOperation",
    "InvalidStringData",
    "InvalidURI",
    "NetworkTimeout",
    "NotPrimaryError",
    "OperationFailure",
    "PyMongoError",
    "ServerSelectionTimeoutError",
    "WTimeoutError",
    "WriteConcernError",
    "WriteError",
]
