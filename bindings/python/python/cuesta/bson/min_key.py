"""MinKey: less than all other values."""


class MinKey:
    """Less than all other values."""

    __slots__ = ()
    _type_marker = 255

    def __eq__(self, other: object) -> bool:
        return getattr(other, "_type_marker", None) == 255

    def __hash__(self) -> int:
        return hash(255)

    def __lt__(self, other: object) -> bool:
        return not self == other

    def __le__(self, other: object) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return False

    def __ge__(self, other: object) -> bool:
        return self == other

    def __repr__(self) -> str:
        return "MinKey()"


__all__ = ["MinKey"]
