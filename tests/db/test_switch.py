"""A PostgreSQL database that gets a new password or role while it is in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from tests.support import postgres

from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Misconfigured, Unavailable

pytestmark = pytest.mark.clause("1.4", "2.5")

TABLES = ("system_secret", "seller")
WHO = sa.text("SELECT current_user")


@pytest.fixture
def database(postgres_database: str) -> Iterator[Database]:
    found = Database(postgres_database)
    with found.write() as tx:
        schema.vault.create_all(tx)
    yield found
    found.close()


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """Give the name of a second role that may do what the first one may."""
    with database.write() as tx:
        tx.execute(sa.text("CREATE ROLE second LOGIN IN ROLE strongroom"))
    yield "second"
    with database.write() as tx:
        tx.execute(sa.text("SET ROLE strongroom"))
        tx.execute(sa.text("DROP ROLE second"))


def url_of(url: str, **changes: str) -> str:
    return make_url(url).set(**changes).render_as_string(hide_password=False)


def users(database: Database) -> set[str]:
    found = set()
    for opened in (database.read, database.write):
        with opened() as tx:
            found.add(tx.execute(WHO).scalar_one())
    return found


def test_new_transactions_use_the_new_url_and_open_ones_end_on_the_old(
    database: Database, postgres_database: str, role: str
) -> None:
    other = url_of(postgres_database, username=role, password="new")
    with database.write() as tx:
        tx.execute(sa.text("CREATE TABLE kept (number integer)"))
        database.switch(other, TABLES)
        assert tx.execute(WHO).scalar_one() == postgres.USER
        tx.execute(sa.text("INSERT INTO kept VALUES (1)"))
        assert users(database) == {role}
    with database.read() as tx:
        assert tx.execute(sa.text("SELECT number FROM kept")).scalar_one() == 1
        assert tx.execute(sa.text("SHOW transaction_read_only")).scalar_one() == "on"
        # Nothing holds a connection of the old role any more.
        count = sa.text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = :user AND datname = current_database()"
        )
        assert tx.execute(count, {"user": postgres.USER}).scalar_one() == 0
    with database.write() as tx:
        tx.execute(sa.text("SET ROLE strongroom"))
        tx.execute(sa.text("DROP TABLE kept"))
    database.switch(postgres_database, TABLES)
    assert users(database) == {postgres.USER}


def test_another_database_is_refused_even_with_the_same_tables(
    database: Database, postgres_cluster: postgres.Cluster, postgres_database: str
) -> None:
    """A restored copy, a test system, the keystore: the home would go on with another's rows."""
    with postgres_cluster.database() as copy:
        twin = Database(copy)
        with twin.write() as tx:
            schema.vault.create_all(tx)
        twin.close()
        with pytest.raises(Conflict, match="another database"):
            database.switch(copy, TABLES)
    assert users(database) == {postgres.USER}


def test_a_role_that_does_not_own_the_tables_is_refused(
    database: Database, postgres_database: str
) -> None:
    with database.write() as tx:
        tx.execute(sa.text("CREATE ROLE reader LOGIN"))
        tx.execute(sa.text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    try:
        with pytest.raises(Denied, match="own"):
            database.switch(url_of(postgres_database, username="reader"), TABLES)
        assert users(database) == {postgres.USER}
    finally:
        with database.write() as tx:
            tx.execute(sa.text("DROP OWNED BY reader"))
            tx.execute(sa.text("DROP ROLE reader"))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("sqlite:///other.db", Conflict),
        ("no url, jane.roe@example.com", Misconfigured),
        ("postgresql+psycopg://u:jane.roe@db.example.com/vault", Misconfigured),
    ],
)
def test_a_url_that_is_none_or_unsafe_is_refused_without_being_repeated(
    database: Database, url: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        database.switch(url, TABLES)
    assert "jane" not in str(caught.value)


def test_a_role_that_may_not_come_in_changes_nothing(
    database: Database, postgres_database: str
) -> None:
    with pytest.raises(Unavailable) as caught:
        database.switch(url_of(postgres_database, username="nobody-here", password="pw42"), TABLES)
    assert "pw42" not in str(caught.value)
    assert "nobody-here" not in str(caught.value)
    assert users(database) == {postgres.USER}


def test_a_file_has_no_password(tmp_path: Path, postgres_database: str) -> None:
    database = Database(f"sqlite:///{tmp_path / 'vault.db'}")
    with pytest.raises(Conflict):
        database.switch(postgres_database, TABLES)
    database.close()
