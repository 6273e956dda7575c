"""Cuesta: an embedded database for every shape of data.

One directory, one log, one snapshot. Today it holds ordered keys in any number of keyspaces;
every batch is atomic across all of them, and durable when it returns.

    import cuesta

    with cuesta.open("people.db") as db:
        people = db.keyspace("people")
        emails = db.keyspace("emails")
        with db.batch() as batch:  # both or neither
            batch.put(people, b"ada", b"Ada Lovelace")
            batch.put(emails, b"ada@example.org", b"ada")
        for key, value in people.scan(prefix=b"a"):
            print(key, value)

Keys and values are bytes. Arguments may be any bytes-like object with contiguous memory (bytes,
bytearray, memoryview, array.array, numpy arrays of any type): a value is copied once, to where it
is committed from. A str raises TypeError: encode it. Results are bytes. Keys are ordered bytewise;
a key has at most 65,535 bytes, a value less than 4 GiB.

All handles may be used from many threads at once, and none of them holds up other threads while it
reads, writes or waits. A process made by os.fork() must not use handles of its parent: start
processes that use Cuesta by "spawn". One process at a time may write (LockedError).

Every error of Cuesta is a cuesta.Error. Arguments of a wrong type are Python's own TypeError,
memory that is not contiguous is BufferError, and a number out of range is OverflowError.
"""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, TypedDict, TypeVar, final, overload, type_check_only

from typing_extensions import Buffer

from cuesta import id as id
from cuesta._cuesta import (
    Batch,
    Change,
    Changes,
    CommitHandle,
    Operation,
    RecoveryReport,
    Savepoint,
    Scan,
    Snapshot,
    Transaction,
    VerifyReport,
    Watch,
)
from cuesta.keep import (
    Backup,
    BackupInfo,
    Backups,
    Checkpoint,
    Dumped,
    Purged,
    Restored,
    ScrubReport,
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
    "Snapshot",
    "TimeoutError",
    "Transaction",
    "UnsupportedError",
    "VerifyReport",
    "Watch",
    "__version__",
    "id",
    "open",
]

_Default = TypeVar("_Default")
_Result = TypeVar("_Result")
_Durability = Literal["sync", "interval", "buffered", "none"]
_Isolation = Literal["serializable", "snapshot"]

__version__: str

def open(
    path: str | os.PathLike[str],
    durability: _Durability = "sync",
    cache_size: int | None = None,
    read_only: bool = False,
    *,
    create: bool = True,
    sync_interval: float | None = None,
    background_threads: int | None = None,
    use_mmap: bool = True,
    strict_memory: bool = False,
    snapshot_budget: int | None = None,
    log_retention_bytes: int | None = None,
    log_retention_age: float | None = None,
    feed_retention_bytes: int | None = None,
    background_rate: int | None = None,
    scrub: int | None = None,
    archive_log: str | os.PathLike[str] | None = None,
) -> Database:
    """Opens the database in the directory path, recovering what a crash left.

    durability says what a commit survives once it has returned, unless its batch says otherwise:
        "sync"      power loss
        "interval"  a killed process; power loss may take the last sync_interval seconds (0.1)
        "buffered"  a killed process; power loss may take what was not synced for other reasons
        "none"      nothing; what came since the last sync may be lost with the process
    Whatever the durability, a crash leaves all commits up to some point, and nothing else.

    cache_size is the one budget, in bytes, for all memory: what is to be written, the block cache,
    buffers; 256 MiB by default, at least 1 MiB. Pages of mapped files are not counted.

    read_only opens a database that must exist, and changes nothing in its directory. Any number of
    handles and processes may read when none has it open for writing.
    create=False fails instead of creating a database.
    background_threads write and merge segments; 2 by default.
    use_mmap=False reads files instead of mapping them: damaged hardware then gives an IoError
    where a map would end the process, and all blocks are in the cache.
    strict_memory=True makes what would exceed cache_size fail with FullError; otherwise the block
    cache shrinks first, and then the budget is exceeded.
    snapshot_budget is how many bytes snapshots may keep from being freed: half of cache_size.
    log_retention_bytes and log_retention_age (seconds) keep the last of the log for
    Database.changes_since(); feed_retention_bytes is the most that a Changes which does not go on
    keeps (1 GiB).
    background_rate is how many bytes in a second flushes and merges may write. scrub reads
    everything again and again, so many bytes in a second: see Database.scrub_report().
    archive_log is a directory of backups that finished log segments are copied to, so that
    Backups.restore() goes to any commit.

    Raises LockedError when another handle or process has it open, naming the holder; NotFoundError
    when it must exist and does not; CorruptError for damaged files; UnsupportedError for files of
    a newer version; InvalidError for settings out of range; FullError, IoError.

        with cuesta.open("people.db", cache_size=64 << 20) as db:
            ...
    """

@final
class Database:
    """An open database, from open().

    As a context manager it is closed at the end. Otherwise it is closed by close(), or when the
    last handle of it is gone; handles alive when Python exits count as killed with the process.
    After close(), every call but close() raises InvalidError; snapshots and scans taken before
    go on.
    """

    @property
    def path(self) -> Path:
        """The directory it lies in, as given to open()."""

    @property
    def closed(self) -> bool:
        """Whether close() was called."""

    def keyspace(
        self,
        name: str,
        *,
        create: bool = True,
        compression: Literal["none", "lz4", "zstd"] | None = None,
        block_bytes: int | None = None,
        filter_bits: int | None = None,
        blob_threshold: int | None = None,
        ttl: float | None = None,
        merge_operator: str | None = None,
    ) -> Keyspace:
        """The keyspace of this name, created when missing. Creating one is durable.

        With create=False, raises NotFoundError when there is none. The other options count when it
        is created, and stay as they were otherwise: compression of all levels (by default the
        upper ones have none, the lower ones LZ4); bytes of a block before compression, 256 to
        1 MiB (8 KiB); filter bits per key, 0 to 32 (10); from how many bytes on values lie apart
        from their keys, at least 1 KiB, 0 for never (16 KiB); the seconds that values live which
        are put without a ttl (for ever); what merge() does: "add", "max" and "min" of 64-bit
        integers, 8 bytes little-endian, or "append".

        Raises UnsupportedError for another merge operator: those of one's own are written in Rust.
        Raises InvalidError for an empty name or one of more than 255 bytes, for options out of
        range, and when it is missing in a database open for reading; as Batch.commit() when it is
        created.
        """

    def keyspaces(self) -> list[str]:
        """Names of all keyspaces, sorted."""

    def rename_keyspace(self, old: str, new: str) -> None:
        """Renames a keyspace, durably. Handles stay good.

        Raises NotFoundError, or ExistsError when the new name is taken.
        """

    def drop_keyspace(self, name: str) -> None:
        """Drops a keyspace and everything in it, durably.

        Snapshots taken before still read it. Its handles raise NotFoundError from then on, and so
        does this for a name that there is not.
        """

    def batch(self, durability: _Durability | None = None) -> Batch:
        """An empty batch; committed with this durability instead of the database's."""

    def transaction(
        self,
        *,
        isolation: _Isolation = "serializable",
        durability: _Durability | None = None,
        lock_timeout: float | None = None,
    ) -> Transaction:
        """A transaction; committed with this durability instead of the database's.

        isolation says what it is protected from:
            "serializable"  everything: committed transactions might have run one after another
            "snapshot"      lost updates; what it only reads may be written by others meanwhile
        lock_timeout is how many seconds it waits for a lock: 10 by default, with 0 not at all.

        Raises PoisonedError when a sync failed earlier; InvalidError.
        """

    def transact(
        self,
        work: Callable[[Transaction], _Result],
        *,
        attempts: int = 100,
        isolation: _Isolation = "serializable",
        durability: _Durability | None = None,
        lock_timeout: float | None = None,
    ) -> _Result:
        """Calls work with a transaction, commits it, and returns what work returned.

        When there is a conflict it tries again, after a pause that grows; so work may be called
        many times and should do nothing but use the transaction. Other exceptions roll back and
        come out. Raises ConflictError when all attempts have failed; as Transaction.commit().

            def take_one(tx):
                left = int(tx.get(stock, b"apples", b"0"))
                if left > 0:
                    tx.put(stock, b"apples", b"%d" % (left - 1))
                return left > 0

            taken = db.transact(take_one)
        """

    def snapshot(self) -> Snapshot:
        """Everything committed so far, as it stays while the snapshot lives."""

    def watch(self) -> Watch:
        """Waits for any commit at all. As Keyspace.watch()."""

    def changes_since(self, commit: int = 0) -> Changes:
        """The commits after this number, in order; all that the log has from the first on for 0.

        Raises ExpiredError when the log does not reach back to there; InvalidError when there is
        no such commit yet.

            for change in db.changes_since(place):
                for operation in change.operations:
                    print(change.commit, operation.action, operation.keyspace, operation.key)
        """

    def checkpoint(self, path: str | os.PathLike[str]) -> Checkpoint:
        """Makes a directory a database of its own that holds what is committed now.

        Files that never change are linked where the file system can, so that this takes no time;
        neither database changes the other. Raises ExistsError when there are files in path;
        PoisonedError, CorruptError, FullError, IoError.
        """

    def backup(self, path: str | os.PathLike[str]) -> Backup:
        """Makes a backup of what is committed now in a directory of backups of this database.

        Files that an earlier backup has are not copied again. Raises InvalidError when there are
        backups of another database; LockedError, CorruptError, PoisonedError, FullError, IoError.
        """

    def dump(self, file: IO[bytes]) -> Dumped:
        """Writes everything as of one moment, as lines of JSON, to an open binary file.

        Raises ExpiredError, CorruptError; IoError for what writing raises: what was written then is
        refused by load().

            with gzip.open("people.dump.gz", "xb") as file:
                db.dump(file)
        """

    def load(self, file: IO[bytes], *, overwrite: bool = False) -> Dumped:
        """Takes in what dump() wrote, from an open binary file.

        Raises ExistsError when a keyspace is there already, unless overwrite=True puts entries over
        those with the same keys; CorruptError for a dump that is cut off or changed.
        """

    def scrub_report(self) -> ScrubReport:
        """What reading everything in the background has found: see open(scrub=...)."""

    def verify(self) -> VerifyReport:
        """Checks every checksum and invariant of everything stored. Reads all of it.

        Damage is in the report; raises only for what prevents checking, such as IoError.
        """

    def stats(self) -> _Stats:
        """Counters, gauges and latencies since the database was opened.

            "counters"   numbers by name, such as "commits", "log_syncs", "flushes", "cache_hits"
            "gauges"     numbers by name, such as "commit" (the last one), "memtable_bytes",
                         "cache_bytes", "memory_budget_bytes", "log_retained_bytes", "snapshots"
            "latencies"  dicts of count, and of mean, p50, p99, p999 and max in seconds, by name
            "pressure"   how far unmerged data presses: commits are slowed from 1, wait from 2 on
            "failure"    why background work fails, or None
            "keyspaces"  dicts of memtable_bytes, segments, segment_bytes and entries, by name
        """

    def recovery(self) -> RecoveryReport:
        """What opening the database found and repaired."""

    def sync(self) -> None:
        """Makes every commit so far durable, whatever its durability.

        Raises PoisonedError when syncing failed, now or earlier.
        """

    def flush(self) -> None:
        """Writes everything in memory to segments, and waits for it.

        Raises FullError, IoError, PoisonedError; InvalidError when open for reading.
        """

    def compact(self) -> None:
        """Merges all segments down as far as it goes, and waits for it.

        Scans are fastest, and the space is smallest, afterwards. Raises as flush().
        """

    def settle(self) -> None:
        """Waits until background work has nothing left to do. Raises as flush()."""

    def close(self) -> None:
        """Closes the database: all commits become durable. Closing it again does nothing.

        Raises what syncing raises; the database is closed all the same.
        """

    def __enter__(self) -> Database: ...
    def __exit__(
        self, *_exception: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...

@final
class Keyspace:
    """An ordered dict of bytes, from Database.keyspace().

    Single writes are batches of one, as durable as the database was opened for. Reads see what was
    committed when they began; a scan sees one moment for all of its life. There is no len(): it
    would have to read all keys.

        people[b"ada"] = b"Ada Lovelace"
        if b"ada" in people:
            del people[b"ada"]
        for key in people: ...
        for key, value in people.items(): ...
    """

    @property
    def name(self) -> str:
        """The name that it had when the handle was made."""

    def put(self, key: Buffer, value: Buffer, ttl: float | None = None) -> None:
        """Sets the value of key; with a ttl it is gone after so many seconds.

        Raises InvalidError when the key has more than 65,535 bytes or the value 4 GiB or more; as
        Batch.commit().
        """

    @overload
    def get(self, key: Buffer, default: None = None) -> bytes | None:
        """The value of key, or default when it has none.

        Raises NotFoundError when the keyspace was dropped; CorruptError, IoError.
        """

    @overload
    def get(self, key: Buffer, default: _Default) -> bytes | _Default: ...
    def delete(self, key: Buffer) -> None:
        """Removes key, whether or not it is there. Raises as put()."""

    def delete_range(
        self,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
    ) -> None:
        """Removes the keys from start to before end that begin with prefix, in one small write.

        Raises InvalidError when none of the three is given: see clear(). As put().
        """

    def clear(self) -> None:
        """Removes all keys; the keyspace stays. Raises as put()."""

    def compare_and_swap(self, key: Buffer, expected: Buffer | None, new: Buffer | None) -> bool:
        """Gives key the value new if its value is expected; returns whether it did.

        None is no value: expected=None creates, new=None removes. Nothing can come between the
        comparison and the write. Raises as put().

            if leases.compare_and_swap(b"job", None, b"ada"): ...
        """

    def expiry(self, key: Buffer) -> float | None:
        """How many seconds the value of key has to live: math.inf if it stays, None without one.

        Raises as get().
        """

    def merge(self, key: Buffer, operand: Buffer) -> None:
        """Merges what key has with an operand, as the merge operator of the keyspace says.

        It reads nothing. Raises InvalidError when the keyspace has no merge operator or that
        refuses the operand; else as put().
        """

    def watch(
        self,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
    ) -> Watch:
        """Waits for changes of the keys from start to before end that begin with prefix.

        Raises UnsupportedError for a database open for reading; NotFoundError, PoisonedError.
        """

    def watch_key(self, key: Buffer) -> Watch:
        """Waits for changes of one key. As watch()."""

    def scan(
        self,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Scan[tuple[bytes, bytes]]:
        """Iterates over pairs of key and value, in the order of keys.

        From start to before end, with keys that begin with prefix; all of these if several are
        given, and everything if none. reverse=True goes from the last to the first; limit is how
        many pairs there are at most. It sees what was committed when it was made; entries are read
        as they are needed, some ahead. Raises as get(); ExpiredError when snapshots hold too much
        memory and this is the oldest.

            for key, value in events.scan(b"2031-01-01", b"2031-02-01", limit=10): ...
        """

    def items(
        self,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Scan[tuple[bytes, bytes]]:
        """Iterates over pairs of key and value: the same as scan()."""

    def keys(
        self,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Scan[bytes]:
        """Iterates over keys, as scan() does over pairs."""

    def values(
        self,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Scan[bytes]:
        """Iterates over values in the order of their keys, as scan() does over pairs."""

    def __getitem__(self, key: Buffer, /) -> bytes:
        """The value of key. Raises NotFoundError, which is a KeyError, when it has none."""

    def __setitem__(self, key: Buffer, value: Buffer, /) -> None:
        """The same as put()."""

    def __delitem__(self, key: Buffer, /) -> None:
        """The same as delete(): no error when the key is not there."""

    def __contains__(self, key: Buffer, /) -> bool: ...
    def __iter__(self) -> Scan[bytes]: ...

@type_check_only
class _Latency(TypedDict):
    count: int
    mean: float
    p50: float
    p99: float
    p999: float
    max: float

@type_check_only
class _KeyspaceStats(TypedDict):
    memtable_bytes: int
    segments: int
    segment_bytes: int
    entries: int

@type_check_only
class _Stats(TypedDict):
    counters: dict[str, int]
    gauges: dict[str, int]
    latencies: dict[str, _Latency]
    pressure: float
    failure: str | None
    keyspaces: dict[str, _KeyspaceStats]

class Error(Exception):
    """What every error of Cuesta is; its class says what to do about it."""

class ConflictError(Error):
    """Another transaction got there first: retry."""

class InvalidError(Error):
    """The call is wrong: fix it."""

class NotFoundError(Error, KeyError):
    """There is no such thing."""

class ExistsError(Error):
    """There is such a thing already."""

class CorruptError(Error):
    """Stored bytes are damaged: repair, or restore a backup."""

class UnsupportedError(Error):
    """A newer format or a missing feature: upgrade."""

class FullError(Error):
    """Out of disk space or memory budget: free space or raise the budget."""

class IoError(Error):
    """The operating system refused."""

class PoisonedError(Error):
    """A write or sync failed and its outcome is unknown: reopen the database."""

class ExpiredError(Error):
    """The snapshot is gone: take a new one."""

class TimeoutError(Error):
    """It took too long."""

class LockedError(Error):
    """The directory is in use by another handle or process."""

class BusyError(Error):
    """Too much is going on: retry later."""

class InternalError(Error):
    """A bug in Cuesta: report it."""
