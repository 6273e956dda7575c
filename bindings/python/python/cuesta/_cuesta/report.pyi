"""What a database tells about itself: statistics, and what verifying and recovery found."""

from typing import Literal, TypedDict, final, type_check_only

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
    engine: Literal["lsm", "btree"]
    memtable_bytes: int
    segments: int
    segment_bytes: int
    entries: int
    blob_bytes: int
    blob_file_bytes: int

@type_check_only
class _Stats(TypedDict):
    counters: dict[str, int]
    gauges: dict[str, int]
    latencies: dict[str, _Latency]
    pressure: float
    failure: str | None
    keyspaces: dict[str, _KeyspaceStats]
