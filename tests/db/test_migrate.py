"""Migrated tables are exactly those the code works with, on both engines."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from strongroom.db.engine import Database
from strongroom.db.migrate import MIGRATIONS, Schema, revision_of, upgrade
from strongroom.errors import Misconfigured, Unavailable


@pytest.fixture(params=list(Schema))
def which(request) -> Schema:
    return request.param


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    yield database
    database.close()


SQLITE_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
POSTGRES_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position"""
POSTGRES_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"""
POSTGRES_INDEXES = """
    SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2"""
POSTGRES_TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal ORDER BY 1, 2"""
POSTGRES_FUNCTIONS = """
    SELECT proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace ORDER BY 1"""
POSTGRES_SEQUENCES = """
    SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"""
POSTGRES_SCHEMA = (
    POSTGRES_COLUMNS,
    POSTGRES_CONSTRAINTS,
    POSTGRES_INDEXES,
    POSTGRES_TRIGGERS,
    POSTGRES_FUNCTIONS,
    POSTGRES_SEQUENCES,
)


def described(database: Database) -> list[tuple[object, ...]]:
    """Return the schema in the engine's own words, triggers included, Alembic's table left out."""
    with database.read() as tx:
        if database.is_sqlite:
            rows = tx.execute(sa.text(SQLITE_SCHEMA)).all()
            rows = [(*row[:3], " ".join((row[3] or "").split())) for row in rows]
        else:
            rows = [row for query in POSTGRES_SCHEMA for row in tx.execute(sa.text(query))]
    tables = [tuple(row) for row in rows if "sqlite_sequence" not in row]
    return [row for row in tables if not any("alembic" in str(value) for value in row)]


def test_migrated_tables_are_those_the_code_uses(database, which):
    assert upgrade(database, which)
    migrated = described(database)
    with database.write() as tx:
        which.metadata.drop_all(tx)
    assert described(database) == []
    with database.write() as tx:
        which.metadata.create_all(tx)
    # A table's own text keeps its column order: rows are written by position nowhere, but backups
    # and people read them side by side.
    assert migrated == described(database)


def test_a_database_that_is_up_to_date_is_left_alone(database, which):
    assert upgrade(database, which)
    before = described(database)
    assert not upgrade(database, which)
    assert described(database) == before
    with database.read() as tx:
        assert revision_of(tx) == which.newest


def test_the_newest_revision_is_stated_and_history_is_one_line(which):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(MIGRATIONS / which.value))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [which.newest]
    for revision in script.walk_revisions():
        assert Path(revision.path).name.startswith(f"{revision.revision}_")


def test_a_newer_database_is_refused(database, which):
    upgrade(database, which)
    with database.write() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="does not know"):
        upgrade(database, which)


def test_tables_nobody_migrated_are_refused(database, which):
    with database.write() as tx:
        which.metadata.create_all(tx)
    with pytest.raises(Misconfigured, match="tables but no revision"):
        upgrade(database, which)


def test_a_migration_that_fails_leaves_nothing_behind(database, which):
    last = which.metadata.sorted_tables[-1]
    with database.write() as tx:
        # Something of that name that is no table of ours, so that creating it fails at the end.
        tx.execute(sa.text(f'CREATE VIEW "{last.name}" AS SELECT 1 AS one'))
    with pytest.raises(Unavailable):
        upgrade(database, which)
    with database.read() as tx:
        assert sa.inspect(tx).get_table_names() == []


def test_migrations_keep_every_row(database):
    """Upgrading twice, or opening an old home with a new version, must never empty a table."""
    upgrade(database, Schema.VAULT)
    table = Schema.VAULT.metadata.tables["audit_checkpoint"]
    with database.write() as tx:
        tx.execute(sa.text("INSERT INTO audit_checkpoint VALUES (1, 'note', 0)"))
    upgrade(database, Schema.VAULT)
    with database.read() as tx:
        assert tx.execute(sa.select(table.c.size)).scalars().all() == [1]


def test_a_path_with_a_percent_sign_is_no_trouble(tmp_path, which):
    home = tmp_path / "50%d"
    home.mkdir()
    database = Database(f"sqlite:///{home / 'vault.db'}")
    upgrade(database, which)
    database.close()
    connection = sqlite3.connect(home / "vault.db")
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert which.metadata.tables.keys() <= tables
