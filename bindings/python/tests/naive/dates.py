"""Expressions on dates."""

import datetime
import re
from collections.abc import Callable
from typing import Any

from . import times
from .expressions import OPERATORS, Scope, arguments, named, operator, whole_number
from .times import UTC, Zone, as_date
from .values import (
    LONG_MAX,
    LONG_MIN,
    MISSING,
    Date,
    Int64,
    Refused,
    integral,
    is_null,
    is_number,
    type_name,
)

_MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def _zone(value: Any) -> Zone | None:
    """The zone, UTC if none is given; None if it is null."""
    if value is MISSING:
        return UTC
    return None if is_null(value) else Zone(value)


def _part(name: str, by: Callable[[datetime.datetime], Any]) -> None:
    """One part of a date, which stands alone or beside a time zone."""

    def call(operand: Any, scope: Scope) -> Any:
        if isinstance(operand, list):
            if len(operand) != 1:
                raise Refused(40536, f"{name} takes one date")
            operand = operand[0]
        zone: Zone | None = UTC
        if isinstance(operand, dict) and not next(iter(operand), "").startswith("$"):
            arguments(name, operand, "date", "timezone")
            zone = _zone(scope.evaluate(operand.get("timezone", MISSING)))
            operand = operand["date"]
        value = scope.evaluate(operand)
        return None if is_null(value) or zone is None else by(zone.local(as_date(value)))

    OPERATORS[name] = call


def _sunday_week(wall: datetime.datetime) -> int:
    """Weeks begin on Sunday; the days before the first one are of week 0."""
    return int(wall.strftime("%U"))


_part("$year", lambda wall: wall.year)
_part("$month", lambda wall: wall.month)
_part("$dayOfMonth", lambda wall: wall.day)
_part("$hour", lambda wall: wall.hour)
_part("$minute", lambda wall: wall.minute)
_part("$second", lambda wall: wall.second)
_part("$millisecond", lambda wall: wall.microsecond // 1000)
_part("$dayOfYear", lambda wall: wall.timetuple().tm_yday)
_part("$dayOfWeek", lambda wall: wall.isoweekday() % 7 + 1)  # Sunday is 1
_part("$week", _sunday_week)
_part("$isoDayOfWeek", lambda wall: wall.isoweekday())  # Monday is 1
_part("$isoWeek", lambda wall: wall.isocalendar().week)
_part("$isoWeekYear", lambda wall: Int64(wall.isocalendar().year))


@named("$dateToParts", "date", "timezone iso8601")
def _date_to_parts(date: Any, timezone: Any, iso8601: Any) -> Any:
    zone = _zone(timezone)
    if is_null(date) or zone is None or (is_null(iso8601) and iso8601 is not MISSING):
        return None
    if iso8601 is not MISSING and not isinstance(iso8601, bool):
        raise Refused(40521, "iso8601 is true or false")
    wall = zone.local(as_date(date))
    clock = {
        "hour": wall.hour,
        "minute": wall.minute,
        "second": wall.second,
        "millisecond": wall.microsecond // 1000,
    }
    if iso8601 is True:
        year, week, day = wall.isocalendar()
        return {"isoWeekYear": year, "isoWeek": week, "isoDayOfWeek": day, **clock}
    return {"year": wall.year, "month": wall.month, "day": wall.day, **clock}


def _date_from_parts(operand: Any, scope: Scope) -> Any:
    """Parts beyond their range carry over: month 13 is January of the next year, day 0 the day
    before the first."""
    week_year = isinstance(operand, dict) and "isoWeekYear" in operand
    calendar = "isoWeekYear isoWeek isoDayOfWeek" if week_year else "year month day"
    clock = "hour minute second millisecond"
    first, *others = calendar.split()
    arguments("$dateFromParts", operand, first, " ".join(others) + " " + clock + " timezone")
    values = {name: scope.evaluate(each) for name, each in operand.items()}
    zone = _zone(values.pop("timezone", MISSING))
    if zone is None or any(is_null(each) for each in values.values()):
        return None
    parts = {name: whole_number(value, 40515) for name, value in values.items()}
    year = parts[first]
    if not 1 <= year <= 9999:
        raise Refused(40523, "years are from 1 to 9999")
    for name in (*others, *clock.split()):
        # Milliseconds and seconds have more room.
        if name not in ("second", "millisecond") and not -32768 <= parts.get(name, 0) <= 32767:
            raise Refused(31034, f"{name} out of range")
    try:
        if week_year:
            weeks, days = parts.get("isoWeek", 1) - 1, parts.get("isoDayOfWeek", 1) - 1
            wall = datetime.datetime.fromisocalendar(year, 1, 1)
            wall += datetime.timedelta(weeks=weeks, days=days)
        else:
            months = year * 12 + parts.get("month", 1) - 1
            wall = datetime.datetime(months // 12, months % 12 + 1, 1)
            wall += datetime.timedelta(days=parts.get("day", 1) - 1)
        wall += datetime.timedelta(
            hours=parts.get("hour", 0),
            minutes=parts.get("minute", 0),
            seconds=parts.get("second", 0),
            milliseconds=parts.get("millisecond", 0),
        )
    except (ValueError, OverflowError) as error:
        raise Refused(2, "the date is out of range") from error
    return zone.of_local(wall)


OPERATORS["$dateFromParts"] = _date_from_parts


@named("$dateToString", "date", "format timezone onNull")
def _date_to_string(date: Any, format: Any, timezone: Any, onNull: Any) -> Any:
    zone = _zone(timezone)
    if format is not MISSING and not is_null(format) and not isinstance(format, str):
        raise Refused(18533, "a format is a string")
    if is_null(date) or zone is None or (format is not MISSING and is_null(format)):
        return None if onNull is MISSING else onNull
    when = as_date(date)
    if format is MISSING:
        format = "%Y-%m-%dT%H:%M:%S.%L" + ("Z" if timezone is MISSING or zone is UTC else "")
        if zone.info is datetime.UTC and not format.endswith("Z"):
            format += "Z"
    return _formatted(format, when, zone)


def _formatted(format: str, when: Date, zone: Zone) -> str:
    wall = zone.local(when)
    minutes = int(zone.offset(when).total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    iso = wall.isocalendar()
    letters = {
        "d": f"{wall.day:02}",
        "G": f"{iso.year:04}",
        "H": f"{wall.hour:02}",
        "L": f"{wall.microsecond // 1000:03}",
        "m": f"{wall.month:02}",
        "M": f"{wall.minute:02}",
        "S": f"{wall.second:02}",
        "u": str(iso.weekday),
        "U": f"{_sunday_week(wall):02}",
        "V": f"{iso.week:02}",
        "w": str(wall.isoweekday() % 7 + 1),
        "j": f"{wall.timetuple().tm_yday:03}",
        "Y": f"{wall.year:04}",
        "b": _MONTH_NAMES[wall.month - 1][:3],
        "B": _MONTH_NAMES[wall.month - 1],
        "z": f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}",
        "Z": f"{sign}{abs(minutes)}",
        "%": "%",
    }

    def letter(match: "re.Match[str]") -> str:
        if match[1] not in letters:
            raise Refused(18536, f"a format does not know %{match[1]}")
        return letters[match[1]]

    if re.search(r"(?<!%)(%%)*%$", format):
        raise Refused(18535, "a format ends with a single %")
    return re.sub(r"%(.)", letter, format, flags=re.S)


# How a format reads each part.
_READ = {
    "Y": r"(?P<Y>\d{4})",
    "m": r"(?P<m>\d{2})",
    "d": r"(?P<d>\d{2})",
    "H": r"(?P<H>\d{2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "L": r"(?P<L>\d{3})",
    "j": r"(?P<j>\d{3})",
    "G": r"(?P<G>\d{4})",
    "V": r"(?P<V>\d{2})",
    "u": r"(?P<u>\d)",
    "b": r"(?P<b>[A-Za-z]{3})",
    "B": r"(?P<B>[A-Za-z]+)",
    "z": r"(?P<z>Z|[+-]\d\d:?\d\d)",
    "Z": r"(?P<Z>[+-]\d+)",
    "%": "%",
}


def _parse(format: str, text: str, zone: Zone | None) -> Date:
    pieces = re.split(r"%(.)", format)
    for name in pieces[1::2]:
        if name not in _READ:
            raise Refused(18536, f"a format does not know %{name}")
    pattern = "".join(
        _READ[piece] if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)
    )
    match = re.fullmatch(pattern, text)
    if match is None:
        raise Refused(241, "the text is not as the format says")
    got = match.groupdict()
    number = {name: int(value) for name, value in got.items() if name not in "bBzZ"}
    for name, length in (("b", 3), ("B", None)):
        if name in got:
            names = [month[:length].lower() for month in _MONTH_NAMES]
            if got[name].lower() not in names:
                raise Refused(241, "no such month")
            number["m"] = names.index(got[name].lower()) + 1
    try:
        if "G" in number:
            wall = datetime.datetime.fromisocalendar(
                number["G"], number.get("V", 1), number.get("u", 1)
            )
        elif "Y" in number and "j" in number:
            wall = datetime.datetime(number["Y"], 1, 1) + datetime.timedelta(days=number["j"] - 1)
            if wall.year != number["Y"]:
                raise Refused(241, "no such day")
        elif all(name in number for name in "Ymd"):
            wall = datetime.datetime(number["Y"], number["m"], number["d"])
        else:
            raise Refused(241, "an incomplete date")
        wall = wall.replace(
            hour=number.get("H", 0),
            minute=number.get("M", 0),
            second=number.get("S", 0),
            microsecond=number.get("L", 0) * 1000,
        )
    except ValueError as error:
        raise Refused(241, "no such date") from error
    if "z" in got or "Z" in got:
        if zone is not None:
            raise Refused(241, "a time zone twice")
        if "Z" in got:
            return times.of_moment(wall - datetime.timedelta(minutes=int(got["Z"])))
        zone = UTC if got["z"] == "Z" else Zone(got["z"])
    return (zone or UTC).of_local(wall)


@named("$dateFromString", "dateString", "format timezone onError onNull")
def _date_from_string(
    dateString: Any, format: Any, timezone: Any, onError: Any, onNull: Any
) -> Any:
    if is_null(dateString):
        return None if onNull is MISSING else onNull
    if (format is not MISSING and is_null(format)) or (
        timezone is not MISSING and is_null(timezone)
    ):
        return None
    if format is not MISSING and not isinstance(format, str):
        raise Refused(40684, "a format is a string")
    zone = None if timezone is MISSING else Zone(timezone)
    try:
        if not isinstance(dateString, str):
            raise Refused(241, "the text of a date is a string")
        if format is MISSING:
            return times.parse_iso(dateString, zone)
        return _parse(str(format), dateString, zone)
    except Refused as refused:
        if refused.code == 241 and onError is not MISSING:
            return onError
        raise


def _unit(value: Any) -> str | None:
    if is_null(value):
        return None
    if not isinstance(value, str) or value not in times.UNITS:
        raise Refused(9, "no such unit of time")
    return value


def _shifted(name: str, sign: int) -> None:
    def function(startDate: Any, unit: Any, amount: Any, timezone: Any) -> Any:
        zone, length = _zone(timezone), _unit(unit)
        if is_null(startDate) or length is None or is_null(amount) or zone is None:
            return None
        count = integral(amount) if is_number(amount) else None
        if count is None or not LONG_MIN <= count <= LONG_MAX:
            raise Refused(5166405, f"{name} moves by a whole number")
        return times.add(as_date(startDate, 5166403), length, sign * count, zone)

    named(name, "startDate unit amount", "timezone")(function)


_shifted("$dateAdd", 1)
_shifted("$dateSubtract", -1)


def _week_start(value: Any) -> str | None:
    """A day by its name or its first three letters; Sunday if none is given."""
    if value is MISSING:
        return "sunday"
    if is_null(value):
        return None
    text = value.lower() if isinstance(value, str) else ""
    for day in times.WEEKDAYS:
        if text in (day, day[:3]):
            return day
    raise Refused(9, "no such day of the week")


@named("$dateDiff", "startDate endDate unit", "timezone startOfWeek")
def _date_diff(startDate: Any, endDate: Any, unit: Any, timezone: Any, startOfWeek: Any) -> Any:
    zone, length = _zone(timezone), _unit(unit)
    if is_null(startDate) or is_null(endDate) or length is None or zone is None:
        return None
    first = _week_start(startOfWeek) if length == "week" else "sunday"
    if first is None:
        return None
    start, end = as_date(startDate, 5166307), as_date(endDate, 5166307)
    return Int64(times.difference(start, end, length, zone, first))


@named("$dateTrunc", "date unit", "binSize timezone startOfWeek")
def _date_trunc(date: Any, unit: Any, binSize: Any, timezone: Any, startOfWeek: Any) -> Any:
    zone, length = _zone(timezone), _unit(unit)
    if (
        is_null(date)
        or length is None
        or zone is None
        or (binSize is not MISSING and is_null(binSize))
    ):
        return None
    first = _week_start(startOfWeek) if length == "week" else "sunday"
    if first is None:
        return None
    size = 1 if binSize is MISSING else integral(binSize) if is_number(binSize) else None
    if size is None or size <= 0:
        raise Refused(5439017, "the size of a bin is a whole number from 1")
    return times.truncate(as_date(date, 5439012), length, size, zone, first)


def _timestamp(name: str, by: Callable[[Any], int]) -> None:
    def function(value: Any) -> Any:
        if is_null(value):
            return None
        if type_name(value) != "timestamp":
            raise Refused(5687301, f"{name} takes a timestamp")
        return Int64(by(value))

    operator(name, 1)(function)


_timestamp("$tsSecond", lambda it: it.seconds)
_timestamp("$tsIncrement", lambda it: it.increment)
