"""What was committed, in order."""

from collections.abc import Awaitable
from typing import final

@final
class Changes:
    """The commits of a database in order, from Database.changes_since(): an iterator.

    It ends at the last visible one, and goes on when there are more. Commits that are not "sync"
    are handed out before they are durable.

    In asyncio it waits for those to come, and has no end:

        async for change in db.changes_since(place): ...

    One thread or coroutine waits with it at a time. A coroutine that is cancelled while it waits
    takes nothing.
    """

    @property
    def place(self) -> int:
        """The last commit that was handed out: what changes_since() takes to go on from here."""

    def wait(self, timeout: float | None = None) -> Change | None:
        """The next commit, waiting for it if need be; None when there was none in time.

        Raises ExpiredError when it stood still for so long that the log is gone; InvalidError once
        the database is closed; UnsupportedError when it is open for reading and all was handed out.
        """

    def __iter__(self) -> Changes: ...
    def __next__(self) -> Change: ...
    def __aiter__(self) -> Changes: ...
    def __anext__(self) -> Awaitable[Change]: ...

@final
class Change:
    """One commit, from Changes."""

    @property
    def commit(self) -> int:
        """Its number; commits are counted from 1."""

    @property
    def time_ms(self) -> int:
        """When it was committed, in milliseconds since 1970-01-01 UTC."""

    @property
    def note(self) -> bytes | None:
        """The note that the batch or transaction carries."""

    @property
    def operations(self) -> list[Operation]:
        """What was done, by keyspace and key; made anew by each call."""

@final
class Operation:
    """One operation of a commit, from Change.operations."""

    @property
    def keyspace(self) -> str | None:
        """Name of the keyspace right before the commit; None when it is not known any more."""

    @property
    def keyspace_id(self) -> int:
        """Number of the keyspace, which it keeps under all its names."""

    @property
    def action(self) -> str:
        """What was done: "put", "merge", "delete", "delete_range",
        "load", "create", "rename", "drop"; else "other"."""

    @property
    def key(self) -> bytes | None:
        """The key, if it is about one."""

    @property
    def value(self) -> bytes | None:
        """The value that was put."""

    @property
    def operands(self) -> tuple[bytes, ...]:
        """What was merged, oldest first."""

    @property
    def expiry_ms(self) -> int | None:
        """When the value expires, in milliseconds since 1970-01-01 UTC."""

    @property
    def start(self) -> bytes | None:
        """The first key of a range that was deleted."""

    @property
    def end(self) -> bytes | None:
        """The first key behind that range; None when it goes to the last key."""

    @property
    def first(self) -> bytes | None:
        """The first key of a bulk load, whose keys the keyspace has."""

    @property
    def last(self) -> bytes | None:
        """The last key of a bulk load."""

    @property
    def entries(self) -> int | None:
        """How many keys a bulk load has."""

    @property
    def renamed_to(self) -> str | None:
        """The new name of the keyspace."""
