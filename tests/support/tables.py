"""Databases whose tables are there already: made once in a run and copied, as making them takes longer than a test."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from strongroom.db import schema
from strongroom.db.engine import Database
from tests.support import scratch


def create(url: str) -> None:
    """Make the tables of vault and keystore in one empty database."""
    database = Database(url)
    with database.write() as tx:
        schema.vault.create_all(tx)
        schema.keystore.create_all(tx)
    database.close()


def copy_to(path: Path) -> str:
    """Return the URL of a new SQLite file with all tables."""
    shutil.copyfile(_made()[1], path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@cache
def _made() -> tuple[TemporaryDirectory[str], Path]:
    """Return the file that others are copies of, with what removes it at the end."""
    directory = TemporaryDirectory(prefix="sr-tables-", dir=scratch.place())
    path = Path(directory.name) / "made.db"
    create(f"sqlite:///{path}")
    return directory, path
