"""Iterators over a range of keys."""

from collections.abc import Iterator
from typing import Generic, TypeVar, final

from typing_extensions import Buffer

_Part = TypeVar("_Part", bytes, tuple[bytes, bytes])

@final
class Scan(Iterator[_Part], Generic[_Part]):
    """Entries of a keyspace in the order of their keys, as of one moment: an iterator.

    It keeps that moment from being freed until it is at its end, closed or gone. After an error it
    is at its end. Threads that share one get each entry once.
    """

    def __next__(self) -> _Part: ...
    def __iter__(self) -> Scan[_Part]: ...
    def seek(self, key: Buffer) -> None:
        """Goes on with the first key at or after key; backwards, with the last at or before it.

        Keys out of the range of the scan are no part of it. Raises InvalidError once it is at its
        end or closed; as Keyspace.get().
        """

    def close(self) -> None:
        """Ends it."""
