"""A home on each engine, to be backed up and restored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import postgres
from tests.support.restored import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A home on SQLite."""
    made = Shop(tmp_path)
    made.make()
    return made


@pytest.fixture(params=["sqlite", "postgres"])
def any_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """A home whose vault is on SQLite, then on PostgreSQL."""
    made = Shop(tmp_path)
    if request.param == "postgres":
        made.environ = {"STRONGROOM_VAULT__URL": request.getfixturevalue("empty_postgres")}
        made.restored_url = request.getfixturevalue("other_postgres")
    made.make()
    return made


@pytest.fixture
def empty_postgres(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    with postgres_cluster.database(postgres.EMPTY) as url:
        yield url


@pytest.fixture
def other_postgres(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    with postgres_cluster.database(postgres.EMPTY) as url:
        yield url
