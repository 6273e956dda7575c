"""SON: a dict that tells its order, for code written before dict did."""

from __future__ import annotations

from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class SON(dict[_K, _V]):
    """A dict whose equality with another SON takes the order of the fields into account."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SON):
            return len(self) == len(other) and list(self.items()) == list(other.items())
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def copy(self) -> SON[_K, _V]:
        """The same fields in the same order."""
        return SON(self)

    def to_dict(self) -> dict[_K, _V]:
        """The same as a dict, and so all SON within."""
        return {key: _plain(value) for key, value in self.items()}

    def __repr__(self) -> str:
        return f"SON({list(self.items())!r})"


def _plain(value: _V) -> _V:
    if isinstance(value, list):
        return [_plain(item) for item in value]  # type: ignore[return-value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}  # type: ignore[return-value]
    return value


__all__ = ["SON"]
