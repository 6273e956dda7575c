"""Code: text that is JavaScript. It is never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Code(str):
    """JavaScript as text, with the values of its variables if there is a scope."""

    _type_marker = 13
    __scope: Mapping[str, Any] | None

    def __new__(cls, code: str, scope: Mapping[str, Any] | None = None, **kwargs: Any) -> Code:
        if not isinstance(code, str):
            raise TypeError(f"code must be a str, not {type(code).__name__}")
        of_code = getattr(code, "scope", None)
        if scope is not None and not isinstance(scope, Mapping):
            raise TypeError(f"scope must be a mapping, not {type(scope).__name__}")
        merged = None
        if of_code is not None or scope is not None or kwargs:
            merged = {**(of_code or {}), **(scope or {}), **kwargs}
        self = str.__new__(cls, code)
        self.__scope = merged
        return self

    @property
    def scope(self) -> Mapping[str, Any] | None:
        """The values of its variables, if any."""
        return self.__scope

    def __getnewargs__(self) -> tuple[str, Mapping[str, Any] | None]:  # type: ignore[override]
        return str(self), self.__scope

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Code):
            return self.__scope == other.__scope and str(self) == str(other)
        return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __repr__(self) -> str:
        return f"Code({str.__repr__(self)}, {self.__scope!r})"


__all__ = ["Code"]
