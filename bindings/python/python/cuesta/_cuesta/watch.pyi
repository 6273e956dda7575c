"""Waiting until something changes."""

from typing import final

@final
class Watch:
    """Tells when something changes, from watch() of a database or keyspace, and watch_key().

    It tells of every commit that writes there and becomes visible after it was made; of several
    that come before anybody asks, once. So watch first, then look: nothing is missed. That a value
    passes its time to live is no change.

        watch = jobs.watch(prefix=b"new/")
        while not (found := list(jobs.scan(prefix=b"new/", limit=1))):
            watch.wait()
    """

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for a change that was not told yet; returns the number of a commit that made it.

        None when there was none within so many seconds. Raises PoisonedError after a failed sync,
        InvalidError once the database is closed. Ctrl-C ends it.
        """

    def take(self) -> int | None:
        """As wait(), without waiting."""
