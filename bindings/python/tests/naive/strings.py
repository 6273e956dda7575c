"""Expressions on strings. "CP" counts code points, "bytes" counts bytes of UTF-8."""

from typing import Any

from .expressions import named, operator, whole_number
from .extended_json import decimal_text
from .filters import python_regex
from .times import iso_text
from .values import MISSING, Refused, Regex, is_null, is_number, type_name

# What trimming takes away if nothing else is said.
_BLANKS = (
    "\0 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
)


def as_text(value: Any, code: int = 16007) -> str:
    """Numbers and dates are strings too, where an operator is lenient; null is empty."""
    kind = type_name(value)
    if is_null(value):
        return ""
    if kind == "string":
        return str(value)
    if kind == "symbol":
        return str(value.text)
    if kind in ("int", "long"):
        return str(int(value))
    if kind == "double":
        return double_text(value)
    if kind == "decimal":
        return decimal_text(value.value)
    if kind == "date":
        return iso_text(value)
    raise Refused(code, f"{kind} is no string")


def double_text(value: float) -> str:
    """The shortest digits that mean the number; whole numbers without a point."""
    if value != value:
        return "NaN"
    if abs(value) == float("inf"):
        return "Infinity" if value > 0 else "-Infinity"
    if value.is_integer() and abs(value) < 1e15:
        return "-0" if str(value) == "-0.0" else str(int(value))
    return repr(value)


def _string(value: Any, code: int) -> str:
    if type_name(value) != "string":
        raise Refused(code, "a string is wanted")
    return str(value)


@operator("$concat", 0, None)
def _concat(*parts: Any) -> Any:
    if any(is_null(part) for part in parts):
        return None
    return "".join(_string(part, 16702) for part in parts)


@operator("$toLower", 1)
def _to_lower(value: Any) -> str:
    """Letters of ASCII only."""
    return "".join(each.lower() if each.isascii() else each for each in as_text(value))


@operator("$toUpper", 1)
def _to_upper(value: Any) -> str:
    return "".join(each.upper() if each.isascii() else each for each in as_text(value))


@operator("$strcasecmp", 2)
def _strcasecmp(a: Any, b: Any) -> int:
    x, y = _to_upper(a).encode(), _to_upper(b).encode()
    return int(x > y) - int(x < y)


@operator("$strLenBytes", 1)
def _str_len_bytes(value: Any) -> int:
    return len(_string(value, 34473).encode())


@operator("$strLenCP", 1)
def _str_len_cp(value: Any) -> int:
    return len(_string(value, 34471))


def _index(text: Any, sub: Any, start: Any, end: Any, codes: tuple[int, int], *, of: str) -> Any:
    """Where `sub` stands first, from `start` and before `end`, or -1."""
    if is_null(text):
        return None
    whole, part = _string(text, codes[0]), _string(sub, codes[1])
    found_in: Any = whole.encode() if of == "bytes" else whole
    wanted: Any = part.encode() if of == "bytes" else part
    low = 0 if start is None else _position(start)
    high = len(found_in) if end is None else min(_position(end), len(found_in))
    if low > len(found_in) or high < low:
        return -1
    return found_in.find(wanted, low, high)


def _position(value: Any) -> int:
    at = whole_number(value, 40096)
    if at < 0:
        raise Refused(40097, "positions are from 0")
    return at


@operator("$indexOfBytes", 2, 4)
def _index_of_bytes(text: Any, sub: Any, start: Any = None, end: Any = None) -> Any:
    return _index(text, sub, start, end, (40091, 40092), of="bytes")


@operator("$indexOfCP", 2, 4)
def _index_of_cp(text: Any, sub: Any, start: Any = None, end: Any = None) -> Any:
    return _index(text, sub, start, end, (40093, 40094), of="code points")


@operator("$split", 2)
def _split(text: Any, separator: Any) -> Any:
    if is_null(text) or is_null(separator):
        return None
    whole, between = _string(text, 40085), _string(separator, 40086)
    if not between:
        raise Refused(40087, "the separator of $split is not empty")
    return list(whole.split(between))


@operator("$substrBytes", 3)
def _substr_bytes(text: Any, start: Any, length: Any) -> str:
    """So many bytes from a byte on, all that follow if the length is negative. Both ends must be
    ends of characters."""
    data = as_text(text).encode()
    low, count = _number(start, 16034), _number(length, 16035)
    if low < 0:
        raise Refused(50752, "$substrBytes starts at 0 or later")
    if low > len(data):
        return ""
    high = len(data) if count < 0 else min(low + count, len(data))
    for at, code in ((low, 28656), (high, 28657)):
        if at < len(data) and data[at] & 0xC0 == 0x80:
            raise Refused(code, "$substrBytes would cut a character")
    return data[low:high].decode()


operator("$substr", 3)(_substr_bytes)


def _number(value: Any, code: int) -> int:
    if not is_number(value):
        raise Refused(code, "a number is wanted")
    return int(value.value if type_name(value) == "decimal" else value)


@operator("$substrCP", 3)
def _substr_cp(text: Any, start: Any, length: Any) -> str:
    whole = as_text(text)
    low, count = whole_number(start, 34450), whole_number(length, 34452)
    if low < 0:
        raise Refused(34455, "$substrCP starts at 0 or later")
    if count < 0:
        raise Refused(34454, "$substrCP takes no negative length")
    return whole[low : low + count]


def _trimmed(name: str, *, left: bool, right: bool) -> None:
    def function(input: Any, chars: Any) -> Any:
        # Not given is not the same as null.
        if is_null(input) or chars is None:
            return None
        text = _string(input, 50699)
        unwanted = _BLANKS if chars is MISSING else _string(chars, 50700)
        text = text.lstrip(unwanted) if left else text
        return text.rstrip(unwanted) if right else text

    named(name, "input", "chars")(function)


_trimmed("$trim", left=True, right=True)
_trimmed("$ltrim", left=True, right=False)
_trimmed("$rtrim", left=False, right=True)


def _replaced(name: str, count: int) -> None:
    def function(input: Any, find: Any, replacement: Any) -> Any:
        for value, code in ((input, 51746), (find, 51745), (replacement, 51744)):
            if not is_null(value):
                _string(value, code)
        if is_null(input) or is_null(find) or is_null(replacement):
            return None
        return input.replace(find, replacement, count)

    named(name, "input find replacement")(function)


_replaced("$replaceOne", 1)
_replaced("$replaceAll", -1)


def _pattern(regex: Any, options: Any) -> Any:
    """A compiled regex, or None if it is null."""
    if is_null(regex):
        return None
    if isinstance(regex, Regex):
        if not is_null(options) and regex.options:
            raise Refused(51107, "options set in regex and in options")
        return python_regex(Regex(regex.pattern, regex.options if is_null(options) else options))
    text = _string(regex, 51105)
    return python_regex(Regex(text, "" if is_null(options) else _string(options, 51106)))


def _found(match: Any) -> dict[str, Any]:
    return {"match": match[0], "idx": match.start(), "captures": list(match.groups())}


@named("$regexMatch", "input regex", "options")
def _regex_match(input: Any, regex: Any, options: Any) -> bool:
    pattern = _pattern(regex, options)
    if is_null(input) or pattern is None:
        return False
    return pattern.search(_string(input, 51104)) is not None


@named("$regexFind", "input regex", "options")
def _regex_find(input: Any, regex: Any, options: Any) -> Any:
    pattern = _pattern(regex, options)
    if is_null(input) or pattern is None:
        return None
    match = pattern.search(_string(input, 51104))
    return None if match is None else _found(match)


@named("$regexFindAll", "input regex", "options")
def _regex_find_all(input: Any, regex: Any, options: Any) -> list[Any]:
    """One after another; what is found does not overlap."""
    pattern = _pattern(regex, options)
    if is_null(input) or pattern is None:
        return []
    return [_found(match) for match in pattern.finditer(_string(input, 51104))]
