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
"""

from cuesta import id
from cuesta._cuesta import (
    Backup,
    BackupInfo,
    Backups,
    Batch,
    BusyError,
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
    LockedError,
    NotFoundError,
    Operation,
    PoisonedError,
    Purged,
    RecoveryReport,
    Restored,
    Savepoint,
    Scan,
    ScrubReport,
    Snapshot,
    TimeoutError,
    Transaction,
    UnsupportedError,
    VerifyReport,
    Watch,
    __version__,
    open,
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
