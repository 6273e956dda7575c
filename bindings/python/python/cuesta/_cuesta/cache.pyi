"""Caches: bounded maps that let go of what is used least."""

import builtins
from collections.abc import Callable
from typing import Literal, TypeVar, final, overload

from typing_extensions import Buffer

_Default = TypeVar("_Default")

@final
class Cache:
    """A bounded map, from Database.cache().

    It is for what can be had again. A full one lets go of what its policy says, whenever something
    is put; so what was put may be gone at any time.

        pages = db.cache("pages", max_bytes=64 << 20, policy="tiny_lfu", ttl=3600)
        page = pages.get_or_insert_with(b"/home", lambda: render("/home"))
    """

    @property
    def name(self) -> str:
        """The name it was opened with."""

    @property
    def bytes(self) -> int:
        """Bytes of entries, as they count against the bound: 64 more than key and value."""

    @overload
    def get(self, key: Buffer, default: None = None) -> builtins.bytes | None:
        """The value of key if it is here, or default; a use of it. Raises as Keyspace.get()."""

    @overload
    def get(self, key: Buffer, default: _Default) -> builtins.bytes | _Default: ...
    def put(self, key: Buffer, value: Buffer, ttl: float | None = None) -> None:
        """Sets the value of key; with a ttl it is gone after so many seconds.

        A value that is too large, or that the policy does not prefer to what would have to go, is
        not taken: the key has none then. Raises as Keyspace.put().
        """

    def remove(self, key: Buffer) -> bool:
        """Removes key; whether it was here. Raises as put()."""

    def clear(self) -> None:
        """Removes everything, in one small write. Raises as put()."""

    def get_or_insert_with(self, key: Buffer, load: Callable[[], Buffer]) -> builtins.bytes:
        """The value of key; if there is none, what load() returns, which is put.

        Of all threads that ask for a key at a time one loads and the others wait for it. If load()
        raises, its caller gets the exception, and one of the others loads next. load() may use the
        cache, but waits for ever for the key that it loads. Raises as get() and put().
        """

    def stats(self) -> CacheStats:
        """Hits, misses, what came and what went, since the first of its handles was opened."""

    def __contains__(self, key: Buffer, /) -> bool:
        """Whether key is here, which does not count as a use."""

    def __len__(self) -> int:
        """Entries whose time is not over."""

    def __bool__(self) -> Literal[True]: ...

@final
class CacheStats:
    """A cache at one moment, from Cache.stats()."""

    @property
    def hits(self) -> int:
        """Reads that found a value."""

    @property
    def misses(self) -> int:
        """Reads that found none."""

    @property
    def hit_rate(self) -> float:
        """The part of reads that found a value, 0 to 1."""

    @property
    def insertions(self) -> int:
        """Values put, overwritten ones included."""

    @property
    def evictions(self) -> int:
        """Entries let go of because of a bound."""

    @property
    def expirations(self) -> int:
        """Entries let go of because their time was over."""

    @property
    def rejections(self) -> int:
        """Values that were not taken: too large, or used less than what would have had to go."""

    @property
    def entries(self) -> int:
        """Entries now."""

    @property
    def bytes(self) -> int:
        """Bytes now, as they count against the bound."""

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory now, values in a keyspace not included."""
