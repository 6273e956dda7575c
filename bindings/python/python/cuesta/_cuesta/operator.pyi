"""Merge operators that are written in Python."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, type_check_only

from typing_extensions import Buffer

@type_check_only
class _MergeOperator(Protocol):
    """What merges values: see open(). It may have two methods more.

    check(operand) raises for an operand that is not to be written. combine(operands) returns one
    operand for several that follow each other, or None if that takes a base.
    """

    def merge(self, base: bytes | None, operands: list[bytes], /) -> Buffer | None: ...

_Operators: TypeAlias = dict[
    str, _MergeOperator | Callable[[bytes | None, list[bytes]], Buffer | None]
]
