"""Identifiers."""

import time
import uuid

import pytest

import cuesta
from cuesta.id import Sequence, Snowflake, Snowflakes, Ulids, Uuids


def test_a_sequence_goes_on_where_it_was_closed(ks):
    with Sequence(ks, b"orders") as orders:
        assert [orders.give(), orders.give()] == [1, 2]
        assert list(orders.take(3)) == [3, 4, 5]
    with pytest.raises(cuesta.InvalidError, match="closed"):
        orders.give()
    orders.close()
    assert cuesta.id.Sequence(ks, b"orders", reserve=1).give() == 6


def test_all_kinds_ascend_from_one_opening_to_the_next(path):
    for kind in (Snowflakes, Uuids, Ulids):
        given = []
        for _ in range(2):
            with cuesta.open(path) as db:
                generator = kind(db.keyspace("ids"), kind.__name__.encode())
                given += [generator.give() for _ in range(50)]
        assert given == sorted(set(given)), kind


def test_identifiers_are_of_pythons_types(ks):
    given = Uuids(ks, b"u").give()
    assert isinstance(given, uuid.UUID) and given.version == 7
    assert len(Ulids(ks, b"l").give()) == 26
    number = Snowflakes(ks, b"s", node=5).give()
    assert number >> 12 & 1023 == 5 and number < 1 << 63


def test_a_generator_refuses_what_is_wrong(db, ks):
    ks[b"taken"] = b"text"
    with pytest.raises(cuesta.InvalidError):
        Sequence(ks, b"taken")
    with pytest.raises(cuesta.InvalidError):
        Sequence(ks, b"a", reserve=0)
    with pytest.raises(cuesta.InvalidError):
        Snowflakes(ks, b"a", node=1024)
    ulids = Ulids(ks, b"b")
    db.close()
    with pytest.raises(cuesta.InvalidError, match="closed"):
        ulids.give()


def test_a_snowflake_is_taken_apart(ks):
    flakes = Snowflakes(ks, b"s", node=7, epoch_ms=1_600_000_000_000)
    before = time.time_ns() // 1_000_000
    number = flakes.give()
    parts = Snowflake.of(number)
    assert (parts.node, parts.count) == (7, 0)
    assert parts.ms + 1_600_000_000_000 == flakes.time_ms(number)
    assert before <= flakes.time_ms(number) <= before + 60_000
    assert parts == Snowflake.of(number) != Snowflake.of(number + 1)
    assert len({parts, Snowflake.of(number)}) == 1 and "node 7" in repr(parts)


def test_a_generator_that_is_closed_gives_its_time_back(ks):
    for kind in (Snowflakes, Uuids, Ulids):
        key = kind.__name__.encode()
        for _ in range(5):
            with kind(ks, key) as generator:
                generator.give()
        with pytest.raises(cuesta.InvalidError, match="closed"):
            generator.give()
        generator.close()
    # Without close() each opening would begin up to two seconds later than the one before.
    with Snowflakes(ks, b"Snowflakes") as flakes:
        assert flakes.time_ms(flakes.give()) < time.time_ns() // 1_000_000 + 2_000
