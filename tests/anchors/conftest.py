"""A log on each engine, and witnesses that run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.db.engine import Database
from tests.support import tables
from tests.support.anchors import Bound, Other, other
from tests.support.audit import Bench


@pytest.fixture
def bench(database_url: str, tmp_path: Path) -> Iterator[Bench]:
    """An empty log on SQLite, then on PostgreSQL."""
    database = Database(database_url)
    (tmp_path / "log").mkdir()
    yield Bench(database, tmp_path / "log" / "checkpoint")
    database.close()


@pytest.fixture
def bound(bench: Bench) -> Bound:
    """Give a log with three entries, and nothing that binds it yet."""
    found = Bound.of(bench)
    found.grow(3)
    return found


@pytest.fixture
def sqlite_bound(tmp_path: Path) -> Iterator[Bound]:
    """The same on SQLite only, for what both engines do alike."""
    database = Database(tables.copy_to(tmp_path / "vault.db"))
    found = Bound.of(Bench(database, tmp_path / "checkpoint"))
    found.grow(3)
    yield found
    database.close()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Other]:
    """Give a witness that follows nobody yet."""
    with other(tmp_path / "witness") as found:
        yield found
