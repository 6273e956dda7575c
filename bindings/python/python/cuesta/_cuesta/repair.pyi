import os
from typing import Literal, final

from cuesta._cuesta.operator import _Operators

@final
class Loss:
    """Something that is lost, or may be, from RepairReport.losses. str() is a line of text."""

    @property
    def keyspace(self) -> str | None:
        """The keyspace that it belongs to, if it belongs to one."""

    @property
    def lost(
        self,
    ) -> Literal["keys", "value", "deletes", "base", "commits", "file", "other"]:
        """What it is.

        "keys"     what was newest of keys from first_key to last_key (None is the end of all keys);
                   older content of them may be there
        "value"    the value of first_key, which is gone
        "deletes"  deletes of ranges from first_key to before last_key: what was deleted may be back
        "base"     what operands of first_key build on
        "commits"  commits from first_commit to last_commit, or parts of them
        "file"     a file, or a part of it
        """

    @property
    def first_key(self) -> bytes | None:
        """The key, or the first of them."""

    @property
    def last_key(self) -> bytes | None:
        """The key, or the last of them; of deletes, the first key behind them."""

    @property
    def first_commit(self) -> int | None:
        """The number of the first commit."""

    @property
    def last_commit(self) -> int | None:
        """The number of the last commit."""

    @property
    def file(self) -> str | None:
        """The name of the file."""

    @property
    def why(self) -> str:
        """Why it is lost."""

@final
class RepairReport:
    """What a repair has saved, and what not, from repair()."""

    @property
    def is_whole(self) -> bool:
        """Whether everything was saved."""

    @property
    def keyspaces(self) -> int:
        """Keyspaces in the new database."""

    @property
    def segments(self) -> int:
        """Segments that were looked for."""

    @property
    def segment_bytes(self) -> int:
        """Bytes saved out of them."""

    @property
    def log_commits(self) -> int:
        """Commits that were read in the log."""

    @property
    def last_commit(self) -> int:
        """The last of them."""

    @property
    def losses(self) -> list[Loss]:
        """What is lost or may be, the first ten thousand."""

    @property
    def loss_count(self) -> int:
        """All of them."""

    @property
    def seconds(self) -> float:
        """Time it took, in seconds."""

def repair(
    damaged: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    memory_budget: int | None = None,
    merge_operators: _Operators | None = None,
) -> RepairReport:
    """Makes the directory path a new database out of what is intact in the directory damaged.

    Any file may be damaged or missing there; nothing in it changes. Newer writes win over older
    ones. What is lost or may be is in the report. memory_budget and merge_operators are as in open();
    a value that does not fit the budget raises FullError.

    Raises ExistsError when there are files in path; NotFoundError when there is nothing of a
    database in damaged; LockedError while it is open for writing; FullError, IoError. Damage is no
    error. If it is interrupted, remove path and begin again.
    """
