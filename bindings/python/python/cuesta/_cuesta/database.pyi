"""Opening and closing, and what concerns all keyspaces."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, TypeVar, final

from cuesta._cuesta.batch import Batch
from cuesta._cuesta.cache import Cache
from cuesta._cuesta.feed import Changes
from cuesta._cuesta.keep import Backup, Checkpoint, Dumped, ScrubReport
from cuesta._cuesta.keyspace import Keyspace
from cuesta._cuesta.load import BulkLoad, _Compression
from cuesta._cuesta.operator import _Operators
from cuesta._cuesta.report import RecoveryReport, VerifyReport, _Stats
from cuesta._cuesta.snapshot import Snapshot
from cuesta._cuesta.transaction import Transaction
from cuesta._cuesta.watch import Watch

_Result = TypeVar("_Result")
_Durability = Literal["sync", "interval", "buffered", "none"]
_Isolation = Literal["serializable", "snapshot"]
_Engine = Literal["lsm", "btree"]

def open(
    path: str | os.PathLike[str],
    durability: _Durability = "sync",
    memory_budget: int | None = None,
    read_only: bool = False,
    *,
    create: bool = True,
    mode: Literal["write", "read", "reader"] | None = None,
    sync_interval: float | None = None,
    background_threads: int | None = None,
    use_mmap: bool = True,
    strict_memory: bool = False,
    snapshot_budget: int | None = None,
    log_segment_bytes: int | None = None,
    log_retention_bytes: int | None = None,
    log_retention_age: float | None = None,
    feed_retention_bytes: int | None = None,
    background_rate: int | None = None,
    scrub: int | None = None,
    archive_log: str | os.PathLike[str] | None = None,
    merge_operators: _Operators | None = None,
    refresh_interval: float | None = None,
) -> Database:
    """Opens the database in the directory path, recovering what a crash left.

    durability says what a commit survives once it has returned, unless its batch says otherwise:
        "sync"      power loss
        "interval"  a killed process; power loss may take the last sync_interval seconds (0.1)
        "buffered"  a killed process; power loss may take what was not synced for other reasons
        "none"      nothing; what came since the last sync may be lost with the process
    Whatever the durability, a crash leaves all commits up to some point, and nothing else.

    memory_budget is the one budget, in bytes, for all memory: what is to be written, the block cache,
    buffers; 256 MiB by default, at least 1 MiB. Pages of mapped files are not counted.

    mode="reader" opens a database that must exist, and that another process may have open for
    writing, now or later: any number of processes read along. They see what was published
    refresh_interval seconds (0.01) ago at the latest, and by Database.refresh() and wait_for() at
    once. They change nothing, and no writer waits for them.
    read_only, or mode="read", opens a database that must exist, and changes nothing in its
    directory. Any number of handles and processes may read when none has it open for writing.
    Options for what is written (durability, log_retention_bytes, log_retention_age, archive_log)
    are refused in both, and refresh_interval everywhere but in mode="reader".
    create=False fails instead of creating a database.
    background_threads write and merge segments; 2 by default.
    use_mmap=False reads files instead of mapping them: damaged hardware then gives an IoError
    where a map would end the process, and all blocks are in the cache.
    strict_memory=True makes what would exceed memory_budget fail with FullError; otherwise the block
    cache shrinks first, and then the budget is exceeded.
    snapshot_budget is how many bytes snapshots may keep from being freed: half of memory_budget.
    log_segment_bytes is how large a file of the log is (64 MiB).
    log_retention_bytes and log_retention_age (seconds) keep the last of the log for
    Database.changes_since(); feed_retention_bytes is the most that a Changes which does not go on
    keeps (1 GiB).
    background_rate is how many bytes in a second flushes and merges may write. scrub reads
    everything again and again, so many bytes in a second: see Database.scrub_report().
    archive_log is a directory of backups that finished log segments are copied to, so that
    Backups.restore() goes to any commit.
    merge_operators are functions by name, for keyspaces that name them: each returns the value, or
    None for no value, that comes of the value there was (or None) and a list of operands, oldest
    first. Merging some of them first must give the same. It is called in threads of the database
    too, while locks are held: it must use nothing of the database. What it raises is an
    InvalidError for who reads the key, or comes out as it is if it is no Exception, as Ctrl-C.
    Keyspaces that name one not given here cannot be merged.

    Raises LockedError when another handle or process has it open, naming the holder; NotFoundError
    when it must exist and does not; CorruptError for damaged files; UnsupportedError for files of
    a newer version; InvalidError for settings out of range; FullError, IoError.

        with cuesta.open("people.db", memory_budget=64 << 20) as db:
            ...
    """

@final
class Database:
    """An open database, from open().

    As a context manager it is closed at the end. Otherwise it is closed by close(), or when the
    last handle of it is gone; handles alive when Python exits count as killed with the process.
    After close(), every call but close() raises InvalidError; snapshots and scans taken before
    go on. In a child made by os.fork() every call but close(), which does nothing there, raises
    InvalidError.
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
        engine: _Engine | None = None,
        compression: _Compression | list[_Compression] | None = None,
        block_bytes: int | None = None,
        filter_bits: int | None = None,
        blob_threshold: int | None = None,
        page_bytes: int | None = None,
        fill_percent: int | None = None,
        ttl: float | None = None,
        merge_operator: str | None = None,
    ) -> Keyspace:
        """The keyspace of this name, created when missing. Creating one is durable.

        With create=False, raises NotFoundError when there is none. The other options count when it
        is created, and must be what it was created with otherwise. engine says how keys lie on disk:
            "lsm"    a log-structured merge tree, the default: for what is written often
            "btree"  a copy-on-write B+tree: for what is read far more often than written
        Of "lsm" alone: compression of all levels, or a
        list of one for each of 7, newest data first (by default the upper ones have none, the lower ones LZ4);
        bytes of a block before compression, 256 to 1 MiB (8 KiB); filter bits per key, 0 to 32
        (10); from how many bytes on values lie apart from their keys, at least 1 KiB, 0 for never
        (16 KiB).
        Of "btree" alone: bytes of a page, a power of two from 1 to 64 KiB (4 KiB); how full pages
        are written that are written in order, 50 to 100 percent (90).
        Of both: the seconds that values live which are put without a ttl (math.inf); what merge()
        does: "add", "max" and "min" of 64-bit integers, 8 bytes little-endian, "append", or one of
        open(merge_operators=...).

        Raises UnsupportedError for another merge operator; InvalidError for an empty name or one of
        more than 255 bytes, for options out of range, of the other engine, or other ones than it
        has; NotFoundError when it is missing in a database that is open for reading; as
        Batch.commit() when it is created.

            cities = db.keyspace("cities", engine="btree", page_bytes=8192)
        """

    @property
    def is_reader(self) -> bool:
        """Whether it reads along with a process that writes: mode="reader"."""

    def refresh(self) -> int:
        """Sees, with mode="reader", all that the writer has published by now. Gives the number of
        the last commit that is seen; without mode="reader", of the last one.

        Raises NotFoundError, from then on, when the directory was removed or replaced: open it
        again. CorruptError, UnsupportedError, IoError: what was seen before is seen on.
        """

    def wait_for(self, commit: int, timeout: float | None = None) -> bool:
        """Waits until the commit of this number is seen here, for timeout seconds at most. Gives
        whether it is: False says that it did not come in time, and that what is read now may be
        from before it. Ctrl-C ends it.

        Raises what refresh() raises.
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

    def bulk_load(self) -> BulkLoad:
        """A bulk load: very many keys that ascend, as one commit, at a fraction of the cost."""

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
        come out. Raises InvalidError for attempts=0; ConflictError when all attempts have failed; as Transaction.commit().

            def take_one(tx):
                left = int(tx.get(stock, b"apples", b"0"))
                if left > 0:
                    tx.put(stock, b"apples", b"%d" % (left - 1))
                return left > 0

            taken = db.transact(take_one)
        """

    def cache(
        self,
        name: str,
        *,
        max_bytes: int | None = None,
        max_entries: int | None = None,
        policy: Literal["lru", "tiny_lfu"] = "lru",
        ttl: float | None = None,
        memory_only: bool = False,
        durability: _Durability = "none",
    ) -> Cache:
        """The cache of this name, which all share that open it, with the same options.

        It holds at most so many bytes of keys and values, 64 more for each entry, or so many
        entries, or both. policy says what a full one lets go of:
            "lru"       what was used longest ago
            "tiny_lfu"  what was used least often of late, so that scans push out nothing
        ttl is how many seconds values live that are put without one. Values lie in the keyspace
        "cache:" and the name, and are there again after reopening; with memory_only=True they lie
        in memory, until the last handle is gone. durability is that of its writes.

        Raises InvalidError without a bound, or when it is open with other options; as keyspace().
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

    def dump(self, file: IO[bytes], *, skip_unmergeable: bool = False) -> Dumped:
        """Writes everything as of one moment, as lines of JSON, to an open binary file.

        Raises ExpiredError, CorruptError; IoError for what writing raises, unless it is no Exception,
        as Ctrl-C: what was written then is refused by load(). InvalidError for a key whose operands
        do not fit its value, unless skip_unmergeable=True leaves such keys out: they are in the
        result, as unmerged.

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
            "keyspaces"  dicts of engine, memtable_bytes, segments, segment_bytes, entries, and blob_bytes
                         (large values) in files of blob_file_bytes, by name
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
