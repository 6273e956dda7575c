"""Batches: writes that happen together or not at all."""

from types import TracebackType
from typing import Literal, final

from typing_extensions import Buffer

from cuesta._cuesta.handle import CommitHandle
from cuesta._cuesta.keyspace import Keyspace

@final
class Batch:
    """Writes to any keyspaces that become visible and durable together, from Database.batch().

    As a context manager it is committed at the end, and discarded if an exception comes by. The
    last write of a key wins. Nothing is visible before it is committed.

        with db.batch(durability="buffered") as batch:
            batch.put(people, b"ada", b"Ada Lovelace")
            batch.delete(people, b"bob")
    """

    def put(
        self, keyspace: Keyspace, key: Buffer, value: Buffer, ttl: float | None = None
    ) -> None:
        """Sets the value of key in keyspace; with a ttl it is gone after so many seconds.

        Raises InvalidError when the key has more than 65,535 bytes or the value 4 GiB or more, for
        a keyspace of another database, and for a batch that is over; the batch is as it was.
        """

    def delete(self, keyspace: Keyspace, key: Buffer) -> None:
        """Removes key from keyspace, whether or not it is there. Raises as put()."""

    def merge(self, keyspace: Keyspace, key: Buffer, operand: Buffer) -> None:
        """Merges what key has with an operand. As Keyspace.merge()."""

    def delete_range(
        self,
        keyspace: Keyspace,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
    ) -> None:
        """Removes all keys of a range. As Keyspace.delete_range().

        Those that were written to the batch before are gone too; what comes afterwards stays.
        """

    def note(self, note: Buffer) -> None:
        """Sets a note for those who read Database.changes_since(): who did it, or why."""

    def clear(self) -> None:
        """Forgets all writes so far."""

    def commit(self) -> None:
        """Commits all writes at once; an empty batch commits nothing. The batch is over then.

        Raises NotFoundError when a keyspace was dropped, FullError when the batch exceeds half of
        the memory budget or the disk is full, InvalidError when the database is closed or open for
        reading: nothing was written. Raises PoisonedError when a sync failed: whether it was
        written is unknown until the database is opened again.
        """

    def submit(self) -> CommitHandle:
        """Commits as far as the place in the order of commits; returns a handle for the rest.

        So one thread has many commits under way, and they share syncs. Raises as commit(), except
        for what only syncing can tell. The batch is over then.
        """

    def __len__(self) -> int:
        """Writes so far."""

    def __bool__(self) -> Literal[True]: ...
    def __enter__(self) -> Batch: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        _exception: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None: ...
