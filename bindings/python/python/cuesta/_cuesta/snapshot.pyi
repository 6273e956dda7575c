"""Snapshots: all keyspaces as of one moment."""

from collections.abc import Iterable
from types import TracebackType
from typing import TypeVar, final, overload

from typing_extensions import Buffer

from cuesta._cuesta.keyspace import Keyspace
from cuesta._cuesta.scan import Scan

_Default = TypeVar("_Default")

@final
class Snapshot:
    """Everything that was committed at one moment, in all keyspaces, from Database.snapshot().

    It does not hold up writers, but keeps what it sees from being freed until it is closed or
    gone; if snapshots keep too much, the oldest one raises ExpiredError. As a context manager it
    is closed at the end.

        with db.snapshot() as now:
            for key, value in now.scan(people): ...
    """

    @property
    def commit(self) -> int:
        """The last commit in it; commits are counted from 1."""

    @overload
    def get(self, keyspace: Keyspace, key: Buffer, default: None = None) -> bytes | None:
        """The value that key had, or default when it had none.

        Raises NotFoundError when there was no such keyspace; ExpiredError; CorruptError, IoError;
        InvalidError when the snapshot is closed or the keyspace is of another database.
        """

    @overload
    def get(self, keyspace: Keyspace, key: Buffer, default: _Default) -> bytes | _Default: ...
    def get_many(self, keyspace: Keyspace, keys: Iterable[Buffer]) -> list[bytes | None]:
        """The values that many keys had, in the order of keys. Raises as get()."""

    def contains(self, keyspace: Keyspace, key: Buffer) -> bool:
        """Whether key had a value. Raises as get()."""

    def expiry(self, keyspace: Keyspace, key: Buffer) -> float | None:
        """How many seconds the value of key had to live. As Keyspace.expiry()."""

    def scan(
        self,
        keyspace: Keyspace,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Scan[tuple[bytes, bytes]]:
        """Iterates over pairs of key and value, as Keyspace.scan() does. Raises as get()."""

    def close(self) -> None:
        """Forgets the moment, so that what it held can be freed. Scans of it go on."""

    def __enter__(self) -> Snapshot: ...
    def __exit__(
        self, *_exception: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...
