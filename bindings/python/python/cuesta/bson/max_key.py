"""MaxKey: greater than all other values."""


class MaxKey:
    """Greater than all other values."""

    __slots__ = ()
    _type_marker = 127

    def __eq__(self, other: object) -> bool:
        return getattr(other, "_type_marker", None) == 127

    def __hash__(self) -> int:
        return hash(127)

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return self == other

    def __gt__(self, other: object) -> bool:
        return not self == other

    def __ge__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "MaxKey()"


__all__ = ["MaxKey"]
