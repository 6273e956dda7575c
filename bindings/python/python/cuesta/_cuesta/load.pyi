"""Bulk loads: very many keys in order; and files of such keys, prepared apart."""

from os import PathLike
from types import TracebackType
from typing import Literal, final

from typing_extensions import Buffer

from cuesta._cuesta.keyspace import Keyspace, Loaded

_Compression = Literal["none", "lz4", "zstd"]

@final
class BulkLoad:
    """Very many keys that ascend, of any keyspaces, from Database.bulk_load().

    They go straight into files, at a fraction of what batches cost, and become visible at once, as
    one commit, durable and newer than all commits before. As a context manager it is finished at
    the end, and discarded if an exception comes by.

        with db.bulk_load() as load:
            for number in range(1_000_000):
                load.put(squares, number.to_bytes(8), str(number * number).encode())
    """

    def put(
        self, keyspace: Keyspace, key: Buffer, value: Buffer, ttl: float | None = None
    ) -> None:
        """Gives key a value in keyspace; with a ttl it is gone after so many seconds.

        Within a keyspace, keys come in their order, each once. Raises InvalidError, naming both,
        for a key that comes too late, as Batch.put(), and for a load that is over.
        """

    def ingest(self, keyspace: Keyspace, path: str | PathLike[str]) -> None:
        """Adds the keys of a prepared file. As Keyspace.ingest()."""

    def note(self, note: Buffer) -> None:
        """Sets a note for those who read Database.changes_since(): who did it, or why."""

    def finish(self) -> Loaded:
        """Makes everything visible and durable at once; the load is over then.

        Raises NotFoundError when a keyspace was dropped, FullError when the disk is full, and
        InvalidError when the database is closed or open for reading: nothing was loaded. Raises
        PoisonedError when it is unknown until the database is opened again.
        """

    def discard(self) -> None:
        """Forgets everything; nothing happens to a load that is over."""

    def __len__(self) -> int:
        """Keys so far."""

    def __bool__(self) -> Literal[True]: ...
    def __enter__(self) -> BulkLoad: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        _exception: BaseException | None,
        _traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class SegmentBuilder:
    """Writes a file of keys that ascend, apart from any database, for Keyspace.ingest().

    As a context manager it is finished at the end, and the file removed if an exception comes by.
    """

    def __new__(
        cls,
        path: str | PathLike[str],
        *,
        compression: _Compression | list[_Compression] | None = None,
        block_bytes: int | None = None,
        filter_bits: int | None = None,
        ttl: float | None = None,
    ) -> SegmentBuilder:
        """Begins the file. Options as in Database.keyspace(). Raises ExistsError when there is
        a file."""

    def put(self, key: Buffer, value: Buffer, ttl: float | None = None) -> None:
        """Gives key a value. Keys come in their order, each once. Raises as BulkLoad.put()."""

    def finish(self) -> int:
        """Ends the file and makes it durable; how many keys it has."""

    def discard(self) -> None:
        """Removes the file, unless it was finished."""

    def __enter__(self) -> SegmentBuilder: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        _exception: BaseException | None,
        _traceback: TracebackType | None,
        /,
    ) -> None: ...
