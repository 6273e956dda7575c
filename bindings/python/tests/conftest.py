"""What the tests share: a database in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cuesta


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
