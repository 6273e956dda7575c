"""Exceptions: a class for each kind of error, all of them below Error."""

import builtins

class Error(Exception):
    """What every error of Cuesta is; its class says what to do about it."""

class ConflictError(Error):
    """Another transaction got there first: retry."""

class InvalidError(Error):
    """The call is wrong: fix it."""

class NotFoundError(Error, KeyError):
    """There is no such thing."""

class ExistsError(Error):
    """There is such a thing already."""

class CorruptError(Error):
    """Stored bytes are damaged: repair, or restore a backup."""

class UnsupportedError(Error):
    """A newer format or a missing feature: upgrade."""

class FullError(Error):
    """Out of disk space or memory budget: free space or raise the budget."""

class IoError(Error, OSError):
    """The operating system refused; errno is its number, if it has given one."""

class PoisonedError(Error):
    """A write or sync failed and its outcome is unknown: reopen the database."""

class ExpiredError(Error):
    """The snapshot is gone: take a new one."""

class TimeoutError(Error, builtins.TimeoutError):
    """It took too long."""

class LockedError(Error):
    """The directory is in use by another handle or process."""

class BusyError(Error):
    """Too much is going on: retry later."""

class InternalError(Error):
    """A bug in Cuesta: report it."""
