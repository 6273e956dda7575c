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


def longest(base, operands):
    words = operands if base is None else [base, *operands]
    if not all(word.isalpha() for word in words):
        raise ValueError("no word")
    return max(words, key=len)


class Total:
    """Numbers as text, which are gone at 0."""

    combined = 0

    def merge(self, base, operands):
        total = int(base or b"0") + sum(map(int, operands))
        return bytearray(b"%d" % total) if total else None

    def check(self, operand):
        int(operand)

    def combine(self, operands):
        Total.combined += 1
        return b"%d" % sum(map(int, operands))


def test_operators_are_written_in_python(path):
    operators = {"longest": longest, "total": Total()}
    for round in range(2):
        with cuesta.open(path, merge_operators=operators) as db:
            words = db.keyspace("words", merge_operator="longest")
            totals = db.keyspace("totals", merge_operator="total")
            for word in (b"cat", b"caterpillar", b"cow"):
                words.merge(b"c", word)
                db.flush()
            for n in range(20):
                totals.merge(b"a", b"%d" % n)
                totals.merge(b"none", b"1" if n % 2 else b"-1")
            assert words[b"c"] == b"caterpillar"
            assert totals[b"a"] == b"%d" % (190 * (round + 1))
            assert b"none" not in totals
            db.compact()
            assert words[b"c"] == b"caterpillar"
            with pytest.raises(cuesta.InvalidError, match="ValueError: invalid literal"):
                totals.merge(b"a", b"x")
    assert Total.combined > 0
    with cuesta.open(path) as db, pytest.raises(cuesta.UnsupportedError, match="longest"):
        db.keyspace("words").merge(b"c", b"x")


def test_what_an_operator_raises_is_told(path):
    with cuesta.open(path, merge_operators={"longest": longest, "text": lambda *_: "x"}) as db:
        words = db.keyspace("words", merge_operator="longest")
        words.merge(b"a", b"1")
        with pytest.raises(cuesta.InvalidError, match="longest.*ValueError: no word"):
            words.get(b"a")
        words[b"a"] = b"whole"
        assert words[b"a"] == b"whole"
        texts = db.keyspace("texts", merge_operator="text")
        texts.merge(b"a", b"1")
        with pytest.raises(cuesta.InvalidError, match="merged value must be bytes-like"):
            texts.get(b"a")
    with pytest.raises(TypeError, match="neither a function"):
        cuesta.open(path, merge_operators={"none": 1})


def test_threads_merge_in_python(path):
    import threading

    with cuesta.open(path, durability="buffered", merge_operators={"total": Total()}) as db:
        totals = db.keyspace("totals", merge_operator="total")

        def work():
            for n in range(500):
                totals.merge(b"%d" % (n % 3), b"1")
                totals.get(b"0")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            db.flush()
        for thread in threads:
            thread.join()
        assert sum(int(value) for value in totals.values()) == 2000
