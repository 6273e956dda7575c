"""Copies of databases: checkpoints, backups, dumps; and what looking for damage has found."""

import builtins
import os
from typing import final

from cuesta._cuesta.error import Error

@final
class Checkpoint:
    """What a checkpoint is made of, from Database.checkpoint()."""

    @property
    def commit(self) -> int:
        """The last commit in it."""

    @property
    def linked_files(self) -> int:
        """Files that both databases share."""

    @property
    def linked_bytes(self) -> int:
        """Bytes of them."""

    @property
    def copied_files(self) -> int:
        """Files that were copied."""

    @property
    def copied_bytes(self) -> int:
        """Bytes of them."""

    @property
    def log_bytes(self) -> int:
        """Bytes of log copied."""

    @property
    def seconds(self) -> float:
        """Time it took, in seconds."""

@final
class Backup:
    """What making a backup has taken, from Database.backup()."""

    @property
    def number(self) -> int:
        """Its number."""

    @property
    def commit(self) -> int:
        """The last commit in it."""

    @property
    def copied_files(self) -> int:
        """Files copied."""

    @property
    def copied_bytes(self) -> int:
        """Bytes of them."""

    @property
    def kept_files(self) -> int:
        """Files that earlier backups had."""

    @property
    def kept_bytes(self) -> int:
        """Bytes of them."""

    @property
    def log_bytes(self) -> int:
        """Bytes of log copied."""

    @property
    def seconds(self) -> float:
        """Time it took, in seconds."""

@final
class BackupInfo:
    """A backup that is there, from Backups.list()."""

    @property
    def number(self) -> int:
        """Its number."""

    @property
    def database(self) -> str:
        """The database that it is of."""

    @property
    def commit(self) -> int:
        """The last commit in it."""

    @property
    def commit_ms(self) -> int:
        """The time of that commit, milliseconds since 1970 UTC."""

    @property
    def made_ms(self) -> int:
        """When it was made, milliseconds since 1970 UTC."""

    @property
    def files(self) -> int:
        """Data files."""

    @property
    def bytes(self) -> int:
        """Bytes of data files and log."""

@final
class Restored:
    """What was restored, from Backups.restore()."""

    @property
    def backup(self) -> int:
        """The backup that it began with."""

    @property
    def commit(self) -> int:
        """The last commit."""

    @property
    def from_archive(self) -> int:
        """Commits that came from the archive of the log."""

    @property
    def seconds(self) -> float:
        """Time it took, in seconds."""

@final
class Purged:
    """What removing backups has given back, from Backups.purge()."""

    @property
    def backups(self) -> int:
        """Backups removed."""

    @property
    def files(self) -> int:
        """Files removed."""

    @property
    def bytes(self) -> int:
        """Bytes of them."""

@final
class Dumped:
    """What a dump holds, or a load has put in, from Database.dump() and load()."""

    @property
    def keyspaces(self) -> int:
        """Keyspaces."""

    @property
    def entries(self) -> int:
        """Entries in them."""

    @property
    def bytes(self) -> int:
        """Bytes of the dump."""

    @property
    def commit(self) -> int:
        """The last commit of the database that was dumped."""

    @property
    def unmerged(self) -> list[tuple[str, builtins.bytes]]:
        """Keyspace and key of what was left out: see Database.dump(skip_unmergeable=True)."""

@final
class ScrubReport:
    """What reading everything in the background has found, from Database.scrub_report()."""

    @property
    def passes(self) -> int:
        """Times that everything was read."""

    @property
    def segments(self) -> int:
        """Segments read."""

    @property
    def bytes(self) -> int:
        """Bytes of them."""

    @property
    def problems(self) -> list[str]:
        """What is wrong, one line each."""

@final
class Backups:
    """A directory of backups, which Database.backup() makes. Nothing is read before it is asked."""

    def __new__(cls, path: str | os.PathLike[str]) -> Backups: ...
    def list(self) -> builtins.list[BackupInfo | Error]:
        """Every backup, oldest first; in place of one that is damaged, an exception.

        Raises NotFoundError when there are none; LockedError while one is made; IoError.
        """

    def check(self) -> builtins.list[str]:
        """Reads every file of every backup; returns what is wrong, one line each."""

    def restore(
        self,
        path: str | os.PathLike[str],
        *,
        backup: int | None = None,
        commit: int | None = None,
        time_ms: int | None = None,
    ) -> Restored:
        """Makes a directory a database out of a backup, and of the archived log behind it.

        Up to a backup, a commit, or the last commit at or before a time (milliseconds since 1970
        UTC); up to the latest commit without them. Raises NotFoundError when backups and archive do
        not reach there; ExistsError when there are files in path; CorruptError, LockedError.
        """

    def purge(self, keep: int) -> Purged:
        """Removes all but the newest backups, and what only they need.

        Raises InvalidError for keep=0; CorruptError when one to keep is damaged.
        """
