"""Timestamp: seconds and a counter within the second."""

from __future__ import annotations

import datetime


class Timestamp:
    """Seconds since 1970 and a counter within the second, each from 0 to 4,294,967,295.

    For moments use datetime. A naive datetime as the time is in UTC.
    """

    __slots__ = ("_inc", "_time")
    _type_marker = 17

    def __init__(self, time: datetime.datetime | int, inc: int) -> None:
        if isinstance(time, datetime.datetime):
            if time.tzinfo is None:
                time = time.replace(tzinfo=datetime.UTC)
            time = int(time.timestamp() // 1)
        for name, number in (("time", time), ("inc", inc)):
            if not isinstance(number, int):
                raise TypeError(f"{name} must be an int, not {type(number).__name__}")
            if not 0 <= number < 1 << 32:
                raise ValueError(f"{name} of {number} is not from 0 to 4294967295")
        self._time = time
        self._inc = inc

    @property
    def time(self) -> int:
        """Seconds since 1970."""
        return self._time

    @property
    def inc(self) -> int:
        """The counter."""
        return self._inc

    def as_datetime(self) -> datetime.datetime:
        """The moment, aware and in UTC, without the counter."""
        return datetime.datetime.fromtimestamp(self._time, datetime.UTC)

    def _key(self) -> tuple[int, int]:
        return self._time, self._inc

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __lt__(self, other: Timestamp) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self._key() < other._key()

    def __le__(self, other: Timestamp) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self._key() <= other._key()

    def __gt__(self, other: Timestamp) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self._key() > other._key()

    def __ge__(self, other: Timestamp) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self._key() >= other._key()

    def __reduce__(self) -> tuple[type[Timestamp], tuple[int, int]]:
        return type(self), self._key()

    def __repr__(self) -> str:
        return f"Timestamp({self._time}, {self._inc})"


__all__ = ["Timestamp"]
