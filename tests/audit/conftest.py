"""An empty log on each engine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import tables
from tests.support.audit import Bench

from strongroom.db.engine import Database

SUMDB = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
"""Where Debian's package golang-golang-x-mod-dev has it."""

# Not collected rather than skipped: what Go made is checked by test_c2sp.py wherever there is none.
collect_ignore = [] if shutil.which("go") and SUMDB.is_dir() else ["test_go.py"]


@pytest.fixture
def bench(database_url: str, tmp_path: Path) -> Iterator[Bench]:
    """An empty log on SQLite, then on PostgreSQL."""
    database = Database(database_url)
    (tmp_path / "log").mkdir()
    yield Bench(database, tmp_path / "log" / "checkpoint")
    database.close()


@pytest.fixture
def sqlite_bench(tmp_path: Path) -> Iterator[Bench]:
    """An empty log on SQLite only, for what both engines do alike."""
    database = Database(tables.copy_to(tmp_path / "vault.db"))
    yield Bench(database, tmp_path / "checkpoint")
    database.close()
