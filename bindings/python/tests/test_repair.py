"""Repairs: what is intact is saved, and what is lost is told."""

import shutil

import pytest

import cuesta


def test_a_damaged_database_is_repaired(path, tmp_path):
    with cuesta.open(path) as db:
        things = db.keyspace("things", engine="lsm")
        for n in range(100):
            things[b"%03d" % n] = b"value"
        db.flush()
        things[b"late"] = b"1"
    whole = cuesta.repair(path, tmp_path / "whole")
    assert (whole.is_whole, whole.losses, whole.keyspaces) == (True, [], 1)
    for file in [*path.glob("manifest-*"), path / "identity"]:
        file.unlink()
    with pytest.raises(cuesta.CorruptError):
        cuesta.open(path)
    report = cuesta.repair(path, tmp_path / "new", memory_budget=8 << 20)
    assert (report.is_whole, report.loss_count) == (False, 2)
    assert sorted(loss.lost for loss in report.losses) == ["file", "file"]
    assert {loss.file for loss in report.losses} == {"identity", "manifest-00000001"}
    assert all(loss.why in str(loss) and loss.keyspace is None for loss in report.losses)
    for place in ["whole", "new"]:
        with cuesta.open(tmp_path / place) as db:
            things = db.keyspace("things")
            assert things[b"late"] == b"1"
            assert sum(1 for _ in things.scan()) == 101
            assert db.verify().is_sound


def test_operands_are_merged_by_operators_of_python(path, tmp_path):
    operators = {"join": lambda base, operands: b"-".join([base or b"", *operands])}
    with cuesta.open(path, merge_operators=operators) as db:
        words = db.keyspace("words", merge_operator="join")
        words[b"a"] = b"1"
        db.flush()
        words.merge(b"a", b"2")
    assert cuesta.repair(path, tmp_path / "new", merge_operators=operators).is_whole
    with cuesta.open(tmp_path / "new", merge_operators=operators) as db:
        assert db.keyspace("words")[b"a"] == b"1-2"


def test_what_is_in_the_way_or_missing_is_an_error(db, path, tmp_path):
    with pytest.raises(cuesta.LockedError):
        cuesta.repair(path, tmp_path / "new")
    with pytest.raises(cuesta.NotFoundError):
        cuesta.repair(tmp_path / "nothing", tmp_path / "new")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    db.close()
    with pytest.raises(cuesta.ExistsError):
        cuesta.repair(path, tmp_path / "full")
    shutil.rmtree(tmp_path / "full")
