"""A keyspace: an ordered dict of bytes."""

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Literal, TypeVar, final, overload

from typing_extensions import Buffer

from cuesta._cuesta.scan import Scan
from cuesta._cuesta.watch import Watch

_Default = TypeVar("_Default")

@final
class Loaded:
    """What a load has done, from BulkLoad.finish() and Keyspace.ingest()."""

    @property
    def commit(self) -> int:
        """Its place in the order of commits; of a load without keys, that of the last one."""

    @property
    def entries(self) -> int:
        """How many keys it has."""

@final
class KeyspaceOptions:
    """What a keyspace was created with, defaults included, from Keyspace.options.

    The same that Database.keyspace() takes.
    """

    @property
    def engine(self) -> Literal["lsm", "btree"]:
        """How its keys lie on disk. What counts for the other engine alone is as by default."""

    @property
    def compression(self) -> list[Literal["none", "lz4", "zstd"]]:
        """Of an LSM tree: how each of 7 levels is compressed, newest data first."""

    @property
    def block_bytes(self) -> int:
        """Of an LSM tree: bytes of a block before compression."""

    @property
    def filter_bits(self) -> int:
        """Of an LSM tree: filter bits per key."""

    @property
    def blob_threshold(self) -> int:
        """Of an LSM tree: from how many bytes on values lie apart from their keys; 0 for never."""

    @property
    def page_bytes(self) -> int:
        """Of a B+tree: bytes of a page."""

    @property
    def fill_percent(self) -> int:
        """Of a B+tree: how full pages are written that are written in order, in percent."""

    @property
    def ttl(self) -> float | None:
        """The seconds that values live which are put without a ttl; None for ever."""

    @property
    def merge_operator(self) -> str | None:
        """What merge() does, or None."""

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

    @property
    def options(self) -> KeyspaceOptions:
        """What it was created with. Raises NotFoundError when it was dropped."""

    def put(self, key: Buffer, value: Buffer, ttl: float | None = None) -> None:
        """Sets the value of key; with a ttl it is gone after so many seconds, or stays with math.inf.

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
    def get_many(self, keys: Iterable[Buffer]) -> list[bytes | None]:
        """The values of many keys, in the order of keys, as of one moment; None for those without.

        Faster than one after the other where blocks have to be read. Raises as get().
        """

    def delete(self, key: Buffer) -> None:
        """Removes key, whether or not it is there. Raises as put()."""

    def delete_range(
        self,
        start: Buffer | None = None,
        end: Buffer | None = None,
        prefix: Buffer | None = None,
    ) -> None:
        """Removes the keys from start to before end that begin with prefix, in one small write.

        Raises InvalidError when none of the three is given, for an empty prefix, and when start is
        behind end: start=b"" is that of all keys, as clear(). As put().
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

    def ingest(self, paths: Sequence[str | PathLike[str]]) -> Loaded:
        """Makes the keys in files of SegmentBuilders part of the keyspace, all at once.

        The files are read and every checksum compared; then they are linked where possible, else
        copied. They may be removed afterwards, but must not be changed. Raises InvalidError when
        keys of two files lie among each other, CorruptError for a damaged file, and as
        BulkLoad.finish(); nothing was ingested then.
        """
