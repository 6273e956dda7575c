"""Identifiers: generators of what is never given out twice."""

import uuid
from types import TracebackType
from typing import final

from typing_extensions import Buffer

from cuesta._cuesta.keyspace import Keyspace

@final
class Sequence:
    """Ascending numbers from 1 on, each given out once, kept through restarts.

    It reserves some at a time, which costs one durable commit. A crash loses the rest of them: a
    gap. close(), or the end of a with block, gives it back.

    Raises InvalidError when the key holds something else, or for reserve=0.
    """

    def __new__(cls, keyspace: Keyspace, key: Buffer, *, reserve: int = 1000) -> Sequence: ...
    def give(self) -> int:
        """Gives out the next number. Raises as Database.transact() when it has to reserve."""

    def take(self, count: int) -> range:
        """Gives out some numbers that follow each other. Raises as give()."""

    def close(self) -> None:
        """Gives back what was reserved and not given out, unless others have reserved since."""

    def __enter__(self) -> Sequence: ...
    def __exit__(
        self, *_exception: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...

@final
class Snowflakes:
    """Ascending 63-bit numbers made of time, node (0 to 1,023) and count.

    epoch_ms is when time begins, in milliseconds since 1970: 2024-01-01 by default; they last 69
    years from then. Raises InvalidError for a node out of range.
    """

    def __new__(
        cls, keyspace: Keyspace, key: Buffer, *, node: int = 0, epoch_ms: int | None = None
    ) -> Snowflakes: ...
    def give(self) -> int:
        """Gives out a number that is greater than all before."""

    def time_ms(self, number: int) -> int:
        """When it gave out a number, in milliseconds since 1970; at most a little later."""

    def close(self) -> None:
        """Gives back the time that was reserved, unless others have reserved since.

        Without it the next generator of the key begins up to two seconds later, each time.
        """

    def __enter__(self) -> Snowflakes: ...
    def __exit__(
        self, *_exception: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...

@final
class Snowflake:
    """What a snowflake is made of, from Snowflake.of()."""

    @staticmethod
    def of(number: int) -> Snowflake:
        """Takes a number apart."""

    @property
    def ms(self) -> int:
        """Milliseconds since the epoch of its generator."""

    @property
    def node(self) -> int:
        """The node that made it."""

    @property
    def count(self) -> int:
        """Which one it was of its millisecond, from 0."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Uuids:
    """UUIDs of version 7, each greater than the one before."""

    def __new__(cls, keyspace: Keyspace, key: Buffer) -> Uuids: ...
    def give(self) -> uuid.UUID:
        """Gives out a UUID."""

    def close(self) -> None:
        """Gives back the time that was reserved, unless others have reserved since.

        Without it the next generator of the key begins up to two seconds later, each time.
        """

    def __enter__(self) -> Uuids: ...
    def __exit__(
        self, *_exception: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...

@final
class Ulids:
    """ULIDs, each greater than the one before."""

    def __new__(cls, keyspace: Keyspace, key: Buffer) -> Ulids: ...
    def give(self) -> str:
        """Gives out a ULID: 26 characters."""

    def close(self) -> None:
        """Gives back the time that was reserved, unless others have reserved since.

        Without it the next generator of the key begins up to two seconds later, each time.
        """

    def __enter__(self) -> Ulids: ...
    def __exit__(
        self, *_exception: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...
