"""What cuesta takes from its native module; here are batches, transactions,
their handles, what tells of changes, and reports."""

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar, final, overload

from typing_extensions import Buffer

from cuesta import (
    BusyError as BusyError,
    ConflictError as ConflictError,
    CorruptError as CorruptError,
    Database as Database,
    Error as Error,
    ExistsError as ExistsError,
    ExpiredError as ExpiredError,
    FullError as FullError,
    InternalError as InternalError,
    InvalidError as InvalidError,
    IoError as IoError,
    Keyspace as Keyspace,
    LockedError as LockedError,
    NotFoundError as NotFoundError,
    PoisonedError as PoisonedError,
    TimeoutError as TimeoutError,
    UnsupportedError as UnsupportedError,
    __version__ as __version__,
    open as open,
)
from cuesta.keep import (
    Backup as Backup,
    BackupInfo as BackupInfo,
    Backups as Backups,
    Checkpoint as Checkpoint,
    Dumped as Dumped,
    Purged as Purged,
    Restored as Restored,
    ScrubReport as ScrubReport,
)
from cuesta.id import (
    Sequence as Sequence,
    Snowflakes as Snowflakes,
    Ulids as Ulids,
    Uuids as Uuids,
)

__all__ = [
    "Backup",
    "BackupInfo",
    "Backups",
    "Batch",
    "BusyError",
    "Change",
    "Changes",
    "Checkpoint",
    "CommitHandle",
    "ConflictError",
    "CorruptError",
    "Database",
    "Dumped",
    "Error",
    "ExistsError",
    "ExpiredError",
    "FullError",
    "InternalError",
    "InvalidError",
    "IoError",
    "Keyspace",
    "LockedError",
    "NotFoundError",
    "Operation",
    "PoisonedError",
    "Purged",
    "RecoveryReport",
    "Restored",
    "Savepoint",
    "Scan",
    "ScrubReport",
    "Sequence",
    "Snapshot",
    "Snowflakes",
    "TimeoutError",
    "Transaction",
    "Ulids",
    "UnsupportedError",
    "Uuids",
    "VerifyReport",
    "Watch",
    "__version__",
    "open",
]

_Default = TypeVar("_Default")
_Part = TypeVar("_Part", bytes, tuple[bytes, bytes])

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
        """Adds a note for those who read Database.changes_since(): who did it, or why."""

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

@final
class CommitHandle:
    """A commit that becomes visible and durable by itself, from submit() of batch or transaction.

    Wait for it, ask it now and then, or await it in a coroutine of asyncio. Commits happen in the
    order of their submit(), whether or not anybody waits.

        handles = []
        for order in orders:
            with db.batch() as batch:
                batch.put(ks, order, b"new")
                handles.append(batch.submit())
        for handle in handles:
            handle.wait()
    """

    @property
    def commit(self) -> int:
        """Its place in the order; commits are counted from 1."""

    @property
    def done(self) -> bool:
        """Whether wait() returns or raises at once."""

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the commit is visible, and as durable as it was to be.

        Raises TimeoutError when it is not after so many seconds: it goes on. Raises PoisonedError
        when a sync failed: whether it was written is unknown until the database is opened again.
        """

    def __await__(self) -> Generator[Any, None, None]: ...

@final
class Watch:
    """Tells when something changes, from watch() of a database or keyspace, and watch_key().

    It tells of every commit that writes there and becomes visible after it was made; of several
    that come before anybody asks, once. So watch first, then look: nothing is missed. That a value
    passes its time to live is no change.

        watch = jobs.watch(prefix=b"new/")
        while not (found := list(jobs.scan(prefix=b"new/", limit=1))):
            watch.wait()
    """

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for a change that was not told yet; returns the number of a commit that made it.

        None when there was none within so many seconds. Raises PoisonedError after a failed sync,
        InvalidError once the database is closed. Ctrl-C ends it.
        """

    def take(self) -> int | None:
        """As wait(), without waiting."""

@final
class Changes:
    """The commits of a database in order, from Database.changes_since(): an iterator.

    It ends at the last visible one, and goes on when there are more. Commits that are not "sync"
    are handed out before they are durable.
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
        """The note that the batch carries."""

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
        "create", "rename", "drop"; else "other"."""

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
    def renamed_to(self) -> str | None:
        """The new name of the keyspace."""

@final
class VerifyReport:
    """What Database.verify() checked and found."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""

    @property
    def problems(self) -> list[str]:
        """What is wrong, one line each; empty when all is well."""

    @property
    def indexes(self) -> int:
        """Keyspaces checked."""

    @property
    def segments(self) -> int:
        """Segments checked, every byte of them."""

    @property
    def bytes(self) -> int:
        """Bytes of these segments."""

    @property
    def entries(self) -> int:
        """Entries in these segments, deletions included."""

    @property
    def log_segments(self) -> int:
        """Log segments checked."""

    @property
    def log_commits(self) -> int:
        """Commits in them."""

@final
class RecoveryReport:
    """What opening a database found and repaired."""

    @property
    def created(self) -> bool:
        """Whether the database was created."""

    @property
    def closed(self) -> bool:
        """Whether it had been closed in order."""

    @property
    def torn_bytes(self) -> int:
        """Bytes of a tail of the log that was cut: commits never acknowledged as durable."""

    @property
    def torn_manifest(self) -> str | None:
        """A tail of the manifest that was cut, in words."""

    @property
    def replayed(self) -> int:
        """Commits applied from the log."""

    @property
    def removed(self) -> int:
        """Files of unfinished work that were removed."""

    @property
    def seconds(self) -> float:
        """Time it took, in seconds."""

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

@final
class Scan(Iterator[_Part], Generic[_Part]):
    """Entries of a keyspace in the order of their keys, as of one moment: an iterator.

    It keeps that moment from being freed until it is at its end, closed or gone. After an error it
    is at its end. Threads that share one get each entry once.
    """

    def __next__(self) -> _Part: ...
    def __iter__(self) -> Scan[_Part]: ...
    def close(self) -> None:
        """Ends it."""
