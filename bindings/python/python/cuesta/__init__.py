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
reads, writes or waits. In a process made by os.fork() handles of its parent raise InvalidError, and
letting go of them does nothing: open the database there once the parent has closed it, or start
processes by "spawn". One process at a time may write (LockedError); others read along, by
mode="reader".

Every error of Cuesta is a cuesta.Error. Arguments of a wrong type are Python's own TypeError,
memory that is not contiguous is BufferError.
"""

from cuesta import bson, errors, id
from cuesta._cuesta import (
    Backup,
    BackupInfo,
    Backups,
    Batch,
    BulkLoad,
    BusyError,
    Cache,
    CacheStats,
    Change,
    Changes,
    Checkpoint,
    CommitHandle,
    ConflictError,
    CorruptError,
    Database,
    Dumped,
    Error,
    ExistsError,
    ExpiredError,
    FullError,
    InternalError,
    InvalidError,
    IoError,
    Keyspace,
    KeyspaceOptions,
    Loaded,
    LockedError,
    Loss,
    NotFoundError,
    Operation,
    PoisonedError,
    Purged,
    RecoveryReport,
    RepairReport,
    Restored,
    Savepoint,
    Scan,
    ScrubReport,
    SegmentBuilder,
    Snapshot,
    TimeoutError,
    Transaction,
    UnsupportedError,
    VerifyReport,
    Watch,
    __version__,
    open,
    repair,
)

__all__ = [
    "Backup",
    "BackupInfo",
    "Backups",
    "Batch",
    "BulkLoad",
    "BusyError",
    "Cache",
    "CacheStats",
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
    "KeyspaceOptions",
    "Loaded",
    "LockedError",
    "Loss",
    "NotFoundError",
    "Operation",
    "PoisonedError",
    "Purged",
    "RecoveryReport",
    "RepairReport",
    "Restored",
    "Savepoint",
    "Scan",
    "ScrubReport",
    "SegmentBuilder",
    "Snapshot",
    "TimeoutError",
    "Transaction",
    "UnsupportedError",
    "VerifyReport",
    "Watch",
    "__version__",
    "bson",
    "errors",
    "id",
    "open",
    "repair",
]
