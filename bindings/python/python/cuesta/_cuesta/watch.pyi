"""Waiting until something changes."""

from collections.abc import Awaitable, Generator
from typing import Any, final

@final
class Watch:
    """Tells when something changes, from watch() of a database or keyspace, and watch_key().

    It tells of every commit that writes there and becomes visible after it was made; of several
    that come before anybody asks, once. So watch first, then look: nothing is missed. That a value
    passes its time to live is no change.

        watch = jobs.watch(prefix=b"new/")
        while not (found := list(jobs.scan(prefix=b"new/", limit=1))):
            watch.wait()

    In asyncio, await it for the next change, or iterate:

        async for commit in jobs.watch(prefix=b"new/"): ...

    One thread or coroutine waits with it at a time. A coroutine that is cancelled while it waits
    misses nothing: who waits next is told.
    """

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for a change that was not told yet; returns the number of a commit that made it.

        None when there was none within so many seconds. Raises PoisonedError after a failed sync,
        InvalidError once the database is closed. Ctrl-C ends it.
        """

    def take(self) -> int | None:
        """As wait(), without waiting."""

    def __await__(self) -> Generator[Any, None, int]: ...
    def __aiter__(self) -> Watch: ...
    def __anext__(self) -> Awaitable[int]: ...
