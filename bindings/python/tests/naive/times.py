"""Dates and time zones, without the expressions on them.

A moment is a count of milliseconds in UTC. Calendars are Python's: years 1 to 9999.
"""

import datetime
import re
import zoneinfo
from typing import Any

from .values import Date, ObjectId, Refused, Timestamp, type_name

EPOCH = datetime.datetime(1970, 1, 1)
MILLI = datetime.timedelta(milliseconds=1)


def moment(date: Date) -> datetime.datetime:
    """The date and time in UTC."""
    try:
        return EPOCH + date.millis * MILLI
    except OverflowError as error:
        raise Refused(2, "a date outside the years 1 to 9999") from error


def of_moment(when: datetime.datetime) -> Date:
    return Date((when - EPOCH) // MILLI)


def iso_text(date: Date) -> str:
    return moment(date).isoformat(timespec="milliseconds") + "Z"


def as_date(value: Any, code: int = 16006) -> Date:
    """Timestamps and ObjectIds know a second."""
    kind = type_name(value)
    if kind == "date":
        return Date(value.millis)
    if isinstance(value, Timestamp):
        return Date(value.seconds * 1000)
    if isinstance(value, ObjectId):
        return Date(int.from_bytes(value.data[:4], "big") * 1000)
    raise Refused(code, f"{kind} is no date")


class Zone:
    """An offset (+hh, +hhmm, +hh:mm), or a zone by its name."""

    def __init__(self, name: Any) -> None:
        if not isinstance(name, str):
            raise Refused(40517, "a time zone is a string")
        offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)?", name)
        self.info: datetime.tzinfo
        if offset:
            sign, hours, minutes = offset.groups()
            delta = datetime.timedelta(hours=int(hours), minutes=int(minutes or 0))
            self.info = datetime.timezone(delta if sign == "+" else -delta)
        elif name in ("UTC", "GMT", "Z", "z"):
            self.info = datetime.UTC
        else:
            try:
                self.info = zoneinfo.ZoneInfo(name)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
                raise Refused(40485, f"unknown time zone {name}") from error

    def offset(self, date: Date) -> datetime.timedelta:
        aware = moment(date).replace(tzinfo=datetime.UTC).astimezone(self.info)
        return aware.utcoffset() or datetime.timedelta(0)

    def local(self, date: Date) -> datetime.datetime:
        """What a clock on the wall shows."""
        return moment(date) + self.offset(date)

    def of_local(self, wall: datetime.datetime) -> Date:
        """The moment at which a clock on the wall shows that; the first one if there are two, and
        what it would be without the change if the clock leaps over it."""
        aware = wall.replace(tzinfo=self.info, fold=0)
        return of_moment(wall - (aware.utcoffset() or datetime.timedelta(0)))


UTC = Zone("UTC")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNITS = (
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
)
_LENGTHS = {"week": 604_800_000, "day": 86_400_000, "hour": 3_600_000, "minute": 60_000}
LENGTHS = {**_LENGTHS, "second": 1000, "millisecond": 1}
MONTHS = {"year": 12, "quarter": 3, "month": 1}


def add(date: Date, unit: str, amount: int, zone: Zone) -> Date:
    """Months move the day back to the last of the month if needed; days and weeks keep the clock on
    the wall, shorter units count real time."""
    try:
        if unit in MONTHS:
            wall = zone.local(date)
            months = wall.year * 12 + wall.month - 1 + amount * MONTHS[unit]
            year, month = months // 12, months % 12 + 1
            day = min(wall.day, days_in_month(year, month))
            return zone.of_local(wall.replace(year=year, month=month, day=day))
        if unit in ("week", "day"):
            days = amount * (7 if unit == "week" else 1)
            return zone.of_local(zone.local(date) + datetime.timedelta(days=days))
        return of_moment(moment(date) + amount * LENGTHS[unit] * MILLI)
    except (ValueError, OverflowError) as error:
        raise Refused(5166406, "the date moves out of range") from error


def days_in_month(year: int, month: int) -> int:
    following = (year + month // 12, month % 12 + 1)
    return (datetime.date(*following, 1) - datetime.date(year, month, 1)).days


def start_of_week(wall: datetime.datetime, first: str) -> datetime.datetime:
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - datetime.timedelta(days=(wall.weekday() - WEEKDAYS.index(first)) % 7)


def difference(start: Date, end: Date, unit: str, zone: Zone, first: str) -> int:
    """How many borders of the unit lie between, by the clock on the wall."""
    a, b = zone.local(start), zone.local(end)
    if unit in MONTHS:
        months = [(wall.year * 12 + wall.month - 1) // MONTHS[unit] for wall in (a, b)]
        return months[1] - months[0]
    if unit == "week":
        return (start_of_week(b, first) - start_of_week(a, first)).days // 7
    if unit == "day":
        return (b.date() - a.date()).days
    if unit == "hour":
        # An hour that a clock shows twice counts twice.
        offset = zone.offset(start) // MILLI, zone.offset(end) // MILLI
        hours = [
            (it.millis + by) // LENGTHS[unit] for it, by in zip((start, end), offset, strict=True)
        ]
        return hours[1] - hours[0] + (offset[0] - offset[1]) // LENGTHS[unit]
    return end.millis // LENGTHS[unit] - start.millis // LENGTHS[unit]


def truncate(date: Date, unit: str, size: int, zone: Zone, first: str) -> Date:
    """The start of the bin that holds the date. Bins are counted from the year 2000; those of weeks
    from the first start of a week in it."""
    reference = datetime.datetime(2000, 1, 1)
    wall = zone.local(date)
    if unit in MONTHS:
        step = size * MONTHS[unit]
        months = ((wall.year - 2000) * 12 + wall.month - 1) // step * step
        year, month = 2000 + months // 12, months % 12 + 1
        if year < 1:
            raise Refused(2, "the bin starts out of range")
        return zone.of_local(datetime.datetime(year, month, 1))
    if unit in ("week", "day"):
        if unit == "week":
            late = start_of_week(reference, first) != reference
            days = datetime.timedelta(days=7 if late else 0)
            reference = start_of_week(reference, first) + days
        step = size * (7 if unit == "week" else 1)
        days_since = (wall - reference).days // step * step
        return zone.of_local(reference + datetime.timedelta(days=days_since))
    # Shorter bins are counted in real time from the reference as the zone has it.
    from_millis = zone.of_local(reference).millis
    length = size * LENGTHS[unit]
    return Date(from_millis + (date.millis - from_millis) // length * length)


_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
)


def parse_iso(text: str, zone: Zone | None) -> Date:
    """ISO 8601's plain spelling. A zone may be in the text or be given, not both."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise Refused(241, "not a date")
    *numbers, fraction, offset = match.groups()
    if offset and zone is not None:
        raise Refused(241, "a time zone twice")
    year, month, day, hour, minute, second = (int(each or 0) for each in numbers)
    millis = int((fraction or "0").ljust(3, "0")[:3])
    try:
        wall = datetime.datetime(year, month, day, hour, minute, second, millis * 1000)
    except ValueError as error:
        raise Refused(241, "no such date") from error
    return (Zone(offset) if offset else zone or UTC).of_local(wall)
