"""Copies of databases: checkpoints, backups, dumps; and what looking for damage has found."""

from cuesta._cuesta import (
    Backup,
    BackupInfo,
    Backups,
    Checkpoint,
    Dumped,
    Purged,
    Restored,
    ScrubReport,
)

__all__ = [
    "Backup",
    "BackupInfo",
    "Backups",
    "Checkpoint",
    "Dumped",
    "Purged",
    "Restored",
    "ScrubReport",
]
