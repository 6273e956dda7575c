"""Identifiers: numbers and names that are never given out twice.

What a generator may give out is reserved durably in a key of a keyspace beforehand; so what it
gives grows through restarts and crashes, and when the clock of the machine steps back. Several of
one key at a time never give the same. Not for secrets: who knows one may guess others.

    orders = cuesta.id.Sequence(db.keyspace("ids"), b"orders")
    number = orders.give()
"""

from cuesta._cuesta import Sequence, Snowflake, Snowflakes, Ulids, Uuids

__all__ = ["Sequence", "Snowflake", "Snowflakes", "Ulids", "Uuids"]
