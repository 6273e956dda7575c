"""Commits that are waited for later, by threads or in coroutines of asyncio."""

from collections.abc import Generator
from typing import Any, final

@final
class CommitHandle:
    """A commit that becomes visible and durable by itself, from submit() of batch or transaction.

    Wait for it, ask it now and then, or await it in a coroutine of asyncio. Commits happen in the
    order of their submit(), whether or not anybody waits.

        handles = []
        for order in orders:
            with db.batch() as batch:
                batch.put(ks, order, b"new")
                handles.append(batch.submit())
        for handle in handles:
            handle.wait()
    """

    @property
    def commit(self) -> int:
        """Its place in the order; commits are counted from 1."""

    @property
    def done(self) -> bool:
        """Whether wait() returns or raises at once."""

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the commit is visible, and as durable as it was to be.

        Raises TimeoutError when it is not after so many seconds: it goes on. Raises PoisonedError
        when a sync failed: whether it was written is unknown until the database is opened again.
        Ctrl-C ends the wait, not the commit.
        """

    def __await__(self) -> Generator[Any, None, None]: ...
