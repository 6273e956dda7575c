"""These tests need no database: they run once, not for each engine."""

import pytest


@pytest.fixture(autouse=True)
def engine() -> None:
    """In place of the fixture of the same name that all other tests have."""
