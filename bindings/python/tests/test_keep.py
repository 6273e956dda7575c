"""Copies of databases: backups and dumps."""

import gzip
import io

import pytest

import cuesta


def test_a_backup_is_restored(path, tmp_path):
    kept = tmp_path / "kept"
    with cuesta.open(path, archive_log=kept) as db:
        ks = db.keyspace("things")
        ks[b"a"] = b"1"
        made = db.backup(kept)
        ks[b"a"] = b"2"
    backups = cuesta.Backups(kept)
    (info,) = backups.list()
    assert (info.number, info.commit) == (made.number, made.commit)
    assert backups.check() == []
    for place, to, value in [("old", {"backup": made.number}, b"1"), ("new", {}, b"2")]:
        restored = backups.restore(tmp_path / place, **to)
        assert restored.backup == made.number
        with cuesta.open(tmp_path / place) as copy:
            assert copy.keyspace("things")[b"a"] == value
    with pytest.raises(cuesta.InvalidError, match="more than one"):
        backups.restore(tmp_path / "x", backup=1, commit=2)
    with pytest.raises(cuesta.NotFoundError):
        backups.restore(tmp_path / "x", commit=10**6)
    assert backups.purge(keep=1).backups == 0


def test_a_dump_is_loaded(db, ks, path, tmp_path):
    ks[b"a"] = b"\xff"
    with gzip.open(tmp_path / "dump.gz", "xb") as file:
        dumped = db.dump(file)
    assert (dumped.keyspaces, dumped.entries) == (1, 1)
    with gzip.open(tmp_path / "dump.gz") as file, pytest.raises(cuesta.ExistsError):
        db.load(file)
    with gzip.open(tmp_path / "dump.gz") as file:
        text = file.read()
    db.load(io.BytesIO(text), overwrite=True)
    with cuesta.open(tmp_path / "other") as other:
        with pytest.raises(cuesta.CorruptError):
            other.load(io.BytesIO(text[:-5]))
        assert other.load(io.BytesIO(text)).entries == 1
        assert other.keyspace("things")[b"a"] == b"\xff"


def test_a_file_that_cannot_be_written_to_is_an_error(db, ks):
    ks[b"a"] = b"1"
    file = io.BytesIO()
    file.close()
    with pytest.raises(cuesta.IoError):
        db.dump(file)
    with pytest.raises(cuesta.IoError):
        db.load(io.StringIO("text"), overwrite=True)


def test_a_scrub_tells_what_it_found(path):
    with cuesta.open(path, scrub=1 << 20, background_rate=64 << 20) as db:
        db.keyspace("things")[b"a"] = b"1"
        assert db.scrub_report().problems == []


def test_a_dump_skips_what_cannot_be_merged_if_told_to(db, tmp_path):
    sums = db.keyspace("sums", merge_operator="add")
    sums[b"good"] = (1).to_bytes(8, "little")
    sums[b"word"] = b"word"
    sums.merge(b"word", (1).to_bytes(8, "little"))
    with open(tmp_path / "dump", "xb") as file, pytest.raises(cuesta.InvalidError, match="sums.*word"):
        db.dump(file)
    with open(tmp_path / "dump", "wb") as file:
        dumped = db.dump(file, skip_unmergeable=True)
    assert (dumped.entries, dumped.unmerged) == (1, [("sums", b"word")])
    assert b'"good"' in (tmp_path / "dump").read_bytes()


def test_an_interrupted_operator_is_not_skipped(path, tmp_path):
    def interrupted(base, operands):
        raise KeyboardInterrupt

    with cuesta.open(path, merge_operators={"interrupted": interrupted}) as db:
        ks = db.keyspace("ks", merge_operator="interrupted")
        ks.merge(b"a", b"1")
        with pytest.raises(KeyboardInterrupt):
            db.dump(io.BytesIO(), skip_unmergeable=True)
