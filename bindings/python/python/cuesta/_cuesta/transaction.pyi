"""Transactions: reads of one moment, writes of another,
and a commit only if nothing came between."""

from collections.abc import Iterable
from types import TracebackType
from typing import TypeVar, final, overload

from typing_extensions import Buffer

from cuesta._cuesta.handle import CommitHandle
from cuesta._cuesta.keyspace import Keyspace
from cuesta._cuesta.scan import Scan

_Default = TypeVar("_Default")

@final
class Transaction:
    """Reads and writes that happen at once or not at all, from Database.transaction().

    It sees all keyspaces as they were when it began, and its own writes; nobody else sees these
    before they are committed. As a context manager it is committed at the end, and rolled back if
    an exception comes by. The commit raises ConflictError if somebody else has written what it has
    used: what it read, ranges and absent keys included, or under snapshot isolation what it writes.
    Nothing was written then, and it may be tried again: Database.transact() does that.

        with db.transaction() as tx:
            left = int(tx.get(stock, b"apples", b"0"))
            tx.put(stock, b"apples", b"%d" % (left - 1))

    Use it from one thread at a time. Unless it asks for locks it never waits for others.
    """

    @property
    def seen(self) -> int:
        """The last commit that it sees; commits are counted from 1. A lock moves it on."""

    @overload
    def get(self, keyspace: Keyspace, key: Buffer, default: None = None) -> bytes | None:
        """The value of key, or default when it has none.

        Raises NotFoundError when there was no such keyspace; ExpiredError when snapshots and
        transactions hold too much memory and this is the oldest; FullError, CorruptError, IoError;
        InvalidError when the transaction has ended.
        """

    @overload
    def get(self, keyspace: Keyspace, key: Buffer, default: _Default) -> bytes | _Default: ...
    def get_many(self, keyspace: Keyspace, keys: Iterable[Buffer]) -> list[bytes | None]:
        """The values of many keys, in the order of keys; each counts as read. Raises as get()."""

    def contains(self, keyspace: Keyspace, key: Buffer) -> bool:
        """Whether key has a value. Raises as get()."""

    @overload
    def get_for_update(self, keyspace: Keyspace, key: Buffer, default: None = None) -> bytes | None:
        """Locks key and returns its value of now, or default when it has none.

        Waits while another transaction holds the lock, or one on a range with key in it; locks are
        held until the transaction ends. It sees everything as of now from then on, so the best time
        for locks is before other reads. Writes without locks are not held up.

        Raises TimeoutError when the lock is not to be had in time; ConflictError when waiting would
        be a deadlock, or when what was read before was written meanwhile; FullError; as get().
        Ctrl-C ends the wait, and the transaction may go on.
        """

    @overload
    def get_for_update(
        self, keyspace: Keyspace, key: Buffer, default: _Default
    ) -> bytes | _Default: ...
    def lock_range(
        self,
        keyspace: Keyspace,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
    ) -> None:
        """Locks all keys of a range, those that are not there included. As get_for_update()."""

    def put(
        self, keyspace: Keyspace, key: Buffer, value: Buffer, ttl: float | None = None
    ) -> None:
        """Sets the value of key in keyspace; with a ttl it is gone after so many seconds.

        Raises InvalidError when the key has more than 65,535 bytes or the value 4 GiB or more, for
        a keyspace of another database, and when the transaction has ended; FullError when open
        transactions hold more than half of the memory budget. The transaction is as it was.
        """

    def delete(self, keyspace: Keyspace, key: Buffer) -> None:
        """Removes key from keyspace, whether or not it is there. Raises as put()."""

    def delete_range(
        self,
        keyspace: Keyspace,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
    ) -> None:
        """Removes all keys of a range. As Keyspace.delete_range().

        Others that use a key within, or have looked for one there, conflict with it.
        """

    def merge(self, keyspace: Keyspace, key: Buffer, operand: Buffer) -> None:
        """Merges what key has with an operand. As Keyspace.merge().

        It reads nothing, so merges do not make serializable transactions fail.
        """

    def expiry(self, keyspace: Keyspace, key: Buffer) -> float | None:
        """How many seconds the value of key had to live when it began. As Keyspace.expiry()."""

    def scan(
        self,
        keyspace: Keyspace,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Scan[tuple[bytes, bytes]]:
        """Iterates over pairs of key and value, with what was written before the call.

        As Keyspace.scan(). What it has walked through counts as read once it is at its end, closed
        or gone, with what it read ahead: as many entries again, up to 1,024. All of the range
        counts if it is alive at the commit. Raises as get().
        """

    def note(self, note: Buffer) -> None:
        """Sets a note for those who read Database.changes_since(): who did it, or why.

        It is logged with the commit, which happens even if there is nothing else to write. Going
        back to a savepoint does not take it back.
        """

    def savepoint(self) -> Savepoint:
        """Marks what was written so far, to be able to come back to it."""

    def rollback_to(self, savepoint: Savepoint) -> None:
        """Takes back what was written since a savepoint, which stays; later ones are gone.

        What was read still counts, and locks stay. Raises InvalidError for a savepoint that is gone
        or of another transaction.
        """

    def release(self, savepoint: Savepoint) -> None:
        """Forgets a savepoint, and those made after it; what was written stays."""

    def commit(self) -> None:
        """Makes all writes visible at once, and durable as the transaction says. It is over then.

        Raises ConflictError when something that it used was written meanwhile, NotFoundError when
        a keyspace was dropped, FullError, InvalidError: nothing was written. Raises PoisonedError
        when a sync failed: whether it was written is unknown until the database is opened again.
        """

    def submit(self) -> CommitHandle:
        """Commits as far as the place in the order of commits; returns a handle for the rest.

        Raises as commit(), except for what only syncing can tell. The transaction is over then.
        """

    def rollback(self) -> None:
        """Takes everything back. Does nothing once it has ended."""

    def __enter__(self) -> Transaction: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        _exception: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None: ...

@final
class Savepoint:
    """A place among the writes of a transaction, from Transaction.savepoint()."""
