"""Changes without reading."""

import pytest

import cuesta


def number(n):
    return n.to_bytes(8, "little", signed=True)


def test_numbers_are_added_up(db):
    visits = db.keyspace("visits", merge_operator="add")
    visits.merge(b"home", number(3))
    with db.batch() as batch:
        batch.merge(visits, b"home", bytearray(number(-5)))
        assert len(batch) == 1
    with db.transaction() as tx:
        tx.merge(visits, b"home", number(1))
        assert tx.get(visits, b"home") == number(-1)
    assert visits[b"home"] == number(-1)


def test_merges_do_not_make_transactions_fail(db):
    visits = db.keyspace("visits", merge_operator="add")
    with db.transaction() as one, db.transaction() as other:
        one.merge(visits, b"home", number(1))
        other.merge(visits, b"home", number(1))
    assert visits[b"home"] == number(2)


def test_what_cannot_merge_says_so(db, ks):
    with pytest.raises(cuesta.InvalidError):
        ks.merge(b"a", b"1")
    visits = db.keyspace("visits", merge_operator="max")
    with pytest.raises(cuesta.InvalidError):
        visits.merge(b"a", b"1")
    with pytest.raises(cuesta.UnsupportedError, match="median"):
        db.keyspace("x", merge_operator="median")
    with pytest.raises(TypeError, match="operand"):
        visits.merge(b"a", "1")
