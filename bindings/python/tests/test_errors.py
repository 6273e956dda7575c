"""One exception for each kind of error."""

import builtins
import copy
import errno
import pickle

import pytest

import cuesta
from cuesta import bson, errors

KINDS = [
    "Conflict", "Invalid", "NotFound", "Exists", "Corrupt", "Unsupported", "Full", "Io", "Poisoned",
    "Expired", "Timeout", "Locked", "Busy", "Internal",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_exception(kind):
    error = getattr(cuesta, kind + "Error")
    assert issubclass(error, cuesta.Error)
    assert error.__module__ == "cuesta" and error.__name__ == kind + "Error"
    assert error.__doc__ and f"{kind}Error" in cuesta.__all__
    assert str(error("what happened")) == "what happened"
    again = pickle.loads(pickle.dumps(error("what happened")))
    assert type(again) is error and again.args == ("what happened",)


def test_the_family_of_exceptions():
    assert issubclass(cuesta.Error, Exception)
    assert issubclass(cuesta.NotFoundError, KeyError)
    assert issubclass(cuesta.TimeoutError, builtins.TimeoutError)
    assert issubclass(cuesta.IoError, OSError)
    kinds = [kind for kind in KINDS if kind not in ("Io", "Timeout")]
    assert not any(issubclass(getattr(cuesta, kind + "Error"), OSError) for kind in kinds)
    with pytest.raises(LookupError):
        raise cuesta.NotFoundError("x")


def test_existing(db, ks):
    db.keyspace("others")
    with pytest.raises(cuesta.ExistsError, match="others"):
        db.rename_keyspace("things", "others")


def test_not_existing(db):
    with pytest.raises(cuesta.NotFoundError, match="others"):
        db.rename_keyspace("others", "things")
    with pytest.raises(cuesta.NotFoundError, match="others"):
        db.drop_keyspace("others")


def test_what_the_operating_system_refuses(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(cuesta.IoError, match="file"):
        cuesta.open(tmp_path / "file" / "db")
    with pytest.raises(OSError, match="part") as told:
        cuesta.SegmentBuilder(tmp_path / "nowhere" / "part")
    assert told.value.errno == errno.ENOENT and "nowhere" in str(told.value)


def test_what_takes_too_long(db, ks):
    holder = db.transaction()
    holder.get_for_update(ks, b"a")
    with db.transaction(lock_timeout=0.01) as tx, pytest.raises(builtins.TimeoutError) as told:
        tx.get_for_update(ks, b"a")
    assert isinstance(told.value, cuesta.TimeoutError) and told.value.errno is None


def damage(file, offset, count=64):
    content = bytearray(file.read_bytes())
    for at in range(offset, min(offset + count, len(content))):
        content[at] ^= 0xFF
    file.write_bytes(content)


def test_damage_of_a_segment_is_found(path):
    with cuesta.open(path) as db:
        ks = db.keyspace("things")
        with db.batch() as batch:
            for i in range(20_000):
                batch.put(ks, b"%06d" % i, b"value %d" % i)
        db.compact()
    (segment,) = path.glob("*.seg")
    damage(segment, segment.stat().st_size // 3)
    with cuesta.open(path) as db:
        report = db.verify()
        assert not report.is_sound and "checksum" in report.problems[0]
        assert "problems" in repr(report) and "0 problems" not in repr(report)
        ks = db.keyspace("things")
        # Everything before the damage is given, then the failure: from either end.
        for reverse in (False, True):
            scan, given = ks.keys(reverse=reverse), []
            with pytest.raises(cuesta.CorruptError, match="checksum"):
                given.extend(scan)
            assert list(scan) == []
            numbers = range(20_000)[::-1] if reverse else range(20_000)
            assert given == [b"%06d" % i for i in numbers][: len(given)] != []
            with pytest.raises(cuesta.CorruptError, match="checksum"):
                numbers = numbers[len(given) :]
                ks[b"%06d" % numbers[0]]


def test_damage_of_the_log_is_found(path):
    with cuesta.open(path) as db:
        ks = db.keyspace("things")
        for i in range(100):
            ks[b"%06d" % i] = b"value %d" % i
    logs = [file for file in path.iterdir() if b"value 50" in file.read_bytes()]
    for file in logs:
        damage(file, file.read_bytes().index(b"value 50"), 1)
    with pytest.raises(cuesta.CorruptError, match="log segment 1 is damaged at byte"):
        with cuesta.open(path) as db:
            raise cuesta.CorruptError("; ".join(db.verify().problems))


def test_a_foreign_directory_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database")
    with pytest.raises(cuesta.Error):
        cuesta.open(tmp_path, create=False)
    assert (tmp_path / "notes.txt").read_text() == "not a database"


def test_errors_of_documents_have_names_of_pymongo_and_classes_of_kinds():
    assert errors.PyMongoError is cuesta.Error
    assert issubclass(errors.DuplicateKeyError, (errors.WriteError, cuesta.ExistsError))
    assert issubclass(errors.CursorNotFound, KeyError)
    assert issubclass(errors.InvalidId, cuesta.InvalidError)
    pymongo = pytest.importorskip("pymongo.errors")
    for name in errors.__all__:
        theirs = getattr(pymongo, name, None) or getattr(
            pytest.importorskip("bson.errors"), name, 0
        )
        assert theirs or name == "IntegerTooLarge"


@pytest.mark.parametrize(
    ("kind", "code", "name"),
    [
        (cuesta.ExistsError, 11000, "DuplicateKeyError"),
        (cuesta.InvalidError, 9, "OperationFailure"),
        (cuesta.InvalidError, 66, "WriteError"),
        (cuesta.NotFoundError, 26, "OperationFailure"),
        (cuesta.TimeoutError, 50, "ExecutionTimeout"),
        (cuesta.IoError, 1, "OperationFailure"),
    ],
)
def test_an_error_with_a_code_is_of_its_name_and_of_its_kind(kind, code, name):
    details = bson.encode({"keyValue": {"a": 1}})
    error = errors._of_code(kind, "it is so", code, "Name", details)
    again = [pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)]
    for one in (error, *again):
        assert isinstance(one, (getattr(errors, name))) and isinstance(one, kind)
        assert type(one) is type(error) and type(one).__name__ == name
        assert str(one) == "it is so" and one.code == code
        assert one.details == {
            "code": code,
            "codeName": "Name",
            "errmsg": "it is so",
            "keyValue": {"a": 1},
        }


def test_errors_of_many_writes_tell_them():
    error = errors.BulkWriteError({"nInserted": 1, "writeErrors": [{"index": 1}]})
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert one.code == 65 and one.details["nInserted"] == 1
