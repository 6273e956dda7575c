"""Regex: a regular expression as it is stored, which Python may not be able to compile."""

from __future__ import annotations

import re
from typing import Any

_FLAGS = {"i": re.I, "l": re.L, "m": re.M, "s": re.S, "u": re.U, "x": re.X}


class Regex:
    """A pattern and flags: those of re, or letters such as "im"."""

    __slots__ = ("flags", "pattern")
    _type_marker = 11

    def __init__(self, pattern: str | bytes, flags: str | int = 0) -> None:
        if not isinstance(pattern, (str, bytes)):
            raise TypeError(f"pattern must be str or bytes, not {type(pattern).__name__}")
        if isinstance(flags, str):
            number = 0
            for letter in flags:
                number |= int(_FLAGS.get(letter, 0))
        elif isinstance(flags, int):
            number = int(flags)
        else:
            raise TypeError(f"flags must be str or int, not {type(flags).__name__}")
        self.pattern = pattern
        self.flags = number

    @classmethod
    def from_native(cls, regex: re.Pattern[Any]) -> Regex:
        """The same expression."""
        if not isinstance(regex, re.Pattern):
            raise TypeError(f"regex must be a re.Pattern, not {type(regex).__name__}")
        return cls(regex.pattern, regex.flags)

    def try_compile(self) -> re.Pattern[Any]:
        """The expression for the module re. Raises re.error if it has none like it."""
        return re.compile(self.pattern, self.flags)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Regex):
            return NotImplemented
        return self.pattern == other.pattern and self.flags == other.flags

    def __hash__(self) -> int:
        return hash((self.pattern, self.flags))

    def __reduce__(self) -> tuple[type[Regex], tuple[str | bytes, int]]:
        return type(self), (self.pattern, self.flags)

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r}, {self.flags!r})"


__all__ = ["Regex"]
