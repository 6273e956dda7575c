"""Deleting ranges of keys."""

import pytest

import cuesta


@pytest.fixture
def letters(ks):
    for letter in b"abcdef":
        ks[bytes([letter])] = b""
    return ks


def test_a_range_goes_at_once(letters):
    letters.delete_range(b"b", b"d")
    assert list(letters) == [b"a", b"d", b"e", b"f"]
    letters.delete_range(prefix=b"e")
    letters.delete_range(end=bytearray(b"b"))
    assert list(letters) == [b"d", b"f"]
    letters.clear()
    assert list(letters) == []


def test_batches_and_transactions_delete_ranges(db, letters):
    with db.batch() as batch:
        batch.put(letters, b"bb", b"")
        batch.delete_range(letters, b"b", b"d")
        batch.put(letters, b"c", b"")
    assert list(letters) == [b"a", b"c", b"d", b"e", b"f"]
    with db.transaction() as tx:
        tx.delete_range(letters, b"d")
        assert [key for key, _ in tx.scan(letters)] == [b"a", b"c"]
    operation = list(db.changes_since())[-1].operations[0]
    assert (operation.action, operation.start, operation.end) == ("delete_range", b"d", None)


def test_all_keys_go_only_when_it_is_said(db, letters):
    with pytest.raises(cuesta.InvalidError, match="all keys"):
        letters.delete_range()
    with db.batch() as batch, pytest.raises(cuesta.InvalidError):
        batch.delete_range(letters)
    assert len(list(letters)) == 6


def test_ranges_that_are_none_are_refused(db, letters):
    batch, tx = db.batch(), db.transaction()
    for delete in (
        letters.delete_range,
        lambda *args, **named: batch.delete_range(letters, *args, **named),
        lambda *args, **named: tx.delete_range(letters, *args, **named),
    ):
        with pytest.raises(cuesta.InvalidError, match=r'say start=b"" to delete them, or clear'):
            delete(prefix=b"")
        with pytest.raises(cuesta.InvalidError, match="start is greater"):
            delete(b"c", b"b")
        delete(b"c", b"c")
    batch.commit(), tx.commit()
    assert len(list(letters)) == 6
    letters.delete_range(b"")
    assert list(letters) == []
