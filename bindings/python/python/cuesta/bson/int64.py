"""Int64: an int that is stored with 64 bits even where 32 would do."""


class Int64(int):
    """An int that is stored with 64 bits; in all else an int."""

    __slots__ = ()
    _type_marker = 18


__all__ = ["Int64"]
