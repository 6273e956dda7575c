"""The native module. Each file here describes what the Rust file of the same name defines."""

from cuesta._cuesta.error import (
    BusyError as BusyError,
    ConflictError as ConflictError,
    CorruptError as CorruptError,
    Error as Error,
    ExistsError as ExistsError,
    ExpiredError as ExpiredError,
    FullError as FullError,
    InternalError as InternalError,
    InvalidError as InvalidError,
    IoError as IoError,
    LockedError as LockedError,
    NotFoundError as NotFoundError,
    PoisonedError as PoisonedError,
    TimeoutError as TimeoutError,
    UnsupportedError as UnsupportedError,
)
from cuesta._cuesta.document import (
    Decimal128 as Decimal128,
    ObjectId as ObjectId,
    decode as decode,
    decode_all as decode_all,
    encode as encode,
    from_json as from_json,
    to_json as to_json,
)
from cuesta._cuesta.scan import Scan as Scan
from cuesta._cuesta.watch import Watch as Watch
from cuesta._cuesta.keyspace import (
    Keyspace as Keyspace,
    KeyspaceOptions as KeyspaceOptions,
    Loaded as Loaded,
)
from cuesta._cuesta.id import (
    Sequence as Sequence,
    Snowflake as Snowflake,
    Snowflakes as Snowflakes,
    Ulids as Ulids,
    Uuids as Uuids,
)
from cuesta._cuesta.snapshot import Snapshot as Snapshot
from cuesta._cuesta.handle import CommitHandle as CommitHandle
from cuesta._cuesta.batch import Batch as Batch
from cuesta._cuesta.load import BulkLoad as BulkLoad, SegmentBuilder as SegmentBuilder
from cuesta._cuesta.transaction import (
    Savepoint as Savepoint,
    Transaction as Transaction,
)
from cuesta._cuesta.cache import Cache as Cache, CacheStats as CacheStats
from cuesta._cuesta.feed import (
    Change as Change,
    Changes as Changes,
    Operation as Operation,
)
from cuesta._cuesta.keep import (
    Backup as Backup,
    BackupInfo as BackupInfo,
    Backups as Backups,
    Checkpoint as Checkpoint,
    Dumped as Dumped,
    Purged as Purged,
    Restored as Restored,
    ScrubReport as ScrubReport,
)
from cuesta._cuesta.repair import (
    Loss as Loss,
    RepairReport as RepairReport,
    repair as repair,
)
from cuesta._cuesta.report import (
    RecoveryReport as RecoveryReport,
    VerifyReport as VerifyReport,
)
from cuesta._cuesta.database import (
    Database as Database,
    open as open,
)

__version__: str
