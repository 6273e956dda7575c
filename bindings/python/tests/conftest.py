"""What the tests share: a database in a folder of its own, and keyspaces of both engines."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import cuesta

# A keyspace with one of these is of engine "lsm".
LSM_OPTIONS = {"compression", "block_bytes", "filter_bits", "blob_threshold"}


@pytest.fixture(params=["lsm", "btree"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs twice: keyspaces that it creates without naming an engine are of this one."""
    keyspace = cuesta.Database.keyspace

    @functools.wraps(keyspace)
    def of_engine(db, name, *, engine=None, **options):
        if engine is None and not LSM_OPTIONS & options.keys() and name not in db.keyspaces():
            engine = request.param
        return keyspace(db, name, engine=engine, **options)

    if request.param != "lsm":
        monkeypatch.setattr(cuesta.Database, "keyspace", of_engine)
    return request.param


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db"


@pytest.fixture
def db(path: Path) -> Iterator[cuesta.Database]:
    with cuesta.open(path, durability="buffered") as db:
        yield db


@pytest.fixture
def ks(db: cuesta.Database) -> cuesta.Keyspace:
    return db.keyspace("things")
