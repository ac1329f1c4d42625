"""What a transaction promises on either engine, and what SQLite is made to promise."""

import sqlite3
import subprocess
import sys
import threading
import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database, UtcDateTime
from strongroom.errors import Misconfigured, StrongroomError, Tampered, Unavailable

SECRET = "ada.lovelace@example.com"
NOTE = schema.drift
ROW = {
    "operation": "getOrder",
    "path": "orders",
    "kind": "new",
    "count": 1,
    "first_seen_at": datetime(2026, 1, 1, tzinfo=UTC),
    "last_seen_at": datetime(2026, 1, 1, tzinfo=UTC),
}


class Undone(Exception):
    """Ends a transaction without a commit."""


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    with database.write() as tx:
        schema.vault.create_all(tx)
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'vault.db'}")
    with database.write() as tx:
        schema.vault.create_all(tx)
    yield database
    database.close()


def add(tx, **changes) -> None:
    tx.execute(sa.insert(NOTE), {**ROW, **changes})


def counts(database: Database) -> list[int]:
    with database.read() as tx:
        return list(tx.execute(sa.select(NOTE.c.count).order_by(NOTE.c.count)).scalars())


def fail_after_adding(database: Database) -> None:
    with database.write() as tx:
        add(tx)
        raise Undone


def elsewhere(database: Database, **changes) -> None:
    """Write by another thread."""

    def write() -> None:
        with database.write() as tx:
            add(tx, **changes)

    other = threading.Thread(target=write)
    other.start()
    other.join()


def test_reads_at_once_see_one_state(database):
    elsewhere(database, count=1)
    with database.at_once():
        assert counts(database) == [1]
        elsewhere(database, count=2, path="other")
        with database.at_once():
            assert counts(database) == [1]
        assert counts(database) == [1]
    assert counts(database) == [1, 2]


def test_who_writes_within_sees_what_was_written_from_then_on(database):
    with database.at_once():
        assert counts(database) == []
        with database.write() as tx:
            add(tx, count=3)
        assert counts(database) == [3]
        assert database.kept("n", lambda: counts(database)) == [3]
        with database.write() as tx:
            add(tx, count=4, path="other")
        assert database.kept("n", lambda: counts(database)) == [3, 4]


def test_what_was_made_of_one_state_is_made_once_and_forgotten_with_it(database):
    made = []

    def make() -> int:
        made.append(1)
        return len(made)

    assert [database.kept("n", make) for _ in range(2)] == [1, 2]
    for _ in range(2):
        with database.at_once():
            assert database.kept("n", make) == database.kept("n", make)
    assert len(made) == 4
    with pytest.raises(Undone):
        keep_and_fail(database, make)
    assert [database.kept("n", make) for _ in range(2)] == [6, 7]


def keep_and_fail(database: Database, make) -> None:
    with database.at_once():
        assert database.kept("n", make) == 5
        raise Undone


def test_another_thread_is_of_no_moment(database):
    seen = []
    with database.at_once():
        assert counts(database) == []
        elsewhere(database, count=5)
        other = threading.Thread(target=lambda: seen.append(counts(database)))
        other.start()
        other.join()
    assert seen == [[5]]


def test_a_write_is_kept_whole_or_not_at_all(database):
    with pytest.raises(Undone):
        fail_after_adding(database)
    assert counts(database) == []
    with database.write() as tx:
        add(tx, count=1)
        add(tx, path="other", count=2)
    assert counts(database) == [1, 2]


def write_within_write(database: Database) -> None:
    with database.write() as tx:
        add(tx, count=1)
        with database.write() as inner:
            add(inner, path="other", count=2)


def test_on_sqlite_a_write_within_a_write_is_refused_and_keeps_nothing(sqlite):
    """The inner one would end the outer one's transaction, whose commit would then keep nothing."""
    with pytest.raises(RuntimeError, match="another write"):
        write_within_write(sqlite)
    assert counts(sqlite) == []
    with sqlite.write() as tx:
        add(tx, count=3)
    assert counts(sqlite) == [3]


def test_on_sqlite_the_log_is_not_truncated_within_a_write(sqlite):
    with sqlite.write() as tx:
        add(tx, count=1)
        with pytest.raises(RuntimeError, match="another write"):
            sqlite.truncate_wal()
    assert counts(sqlite) == [1]


def test_writers_queue(sqlite):
    def work(start: int) -> None:
        for number in range(start, start + 25):
            with sqlite.write() as tx:
                add(tx, path=str(number), count=number)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts(sqlite)) == 100


def test_a_read_sees_one_state(database):
    with database.write() as tx:
        add(tx, count=1)
    with database.read() as tx:
        query = sa.select(sa.func.count()).select_from(NOTE)
        assert tx.execute(query).scalar_one() == 1
        with database.write() as other:
            add(other, path="other", count=2)
        assert tx.execute(query).scalar_one() == 1
    assert counts(database) == [1, 2]


def write_while_reading(database: Database) -> None:
    with database.read() as tx:
        add(tx)


def test_a_read_writes_nothing(database):
    with pytest.raises(Unavailable):
        write_while_reading(database)
    assert counts(database) == []


def add_twice(database: Database) -> None:
    with database.write() as tx:
        add(tx, path=SECRET)
        add(tx, path=SECRET)


def add_too_much(database: Database) -> None:
    with database.write() as tx:
        tx.execute(sa.insert(NOTE), {**ROW, "path": SECRET, "kind": None})


def ask_nonsense(database: Database) -> None:
    with database.read() as tx:
        tx.execute(sa.text("SELECT missing FROM nowhere WHERE x = :x"), {"x": SECRET})


@pytest.mark.clause("2.6")
@pytest.mark.parametrize("fail", [add_twice, add_too_much, ask_nonsense])
def test_errors_never_carry_parameters(database, fail):
    """A statement's parameters, and the driver's own words about them, may be anything."""
    with pytest.raises(StrongroomError) as failure:
        fail(database)
    printed = "".join(traceback.format_exception(failure.value))
    assert "ada.lovelace" not in printed
    assert counts(database) == []


def test_a_database_that_does_not_answer_is_unavailable(tmp_path):
    elsewhere = Database("postgresql+psycopg://nobody@/nothing?host=/nonexistent")
    with pytest.raises(Unavailable, match="database: OperationalError"), elsewhere.read():
        pass
    elsewhere.close()
    folder = Database(f"sqlite:///{tmp_path}")
    with pytest.raises(Unavailable), folder.write():
        pass
    folder.close()


@pytest.mark.parametrize("url", ["postgresql://x@/y", "postgresql+psycopg2://x@/y"])
def test_other_drivers_are_refused(url):
    with pytest.raises(Misconfigured, match="not supported"):
        Database(url)


def test_sqlite_in_memory_is_refused():
    """It has no write-ahead log, and so no durability."""
    database = Database("sqlite://")
    with pytest.raises(Misconfigured, match="journal_mode"), database.write():
        pass
    database.close()


@pytest.mark.clause("2.1")
@pytest.mark.parametrize(
    ("pragma", "expected"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("secure_delete", 1),
        ("foreign_keys", 1),
        ("temp_store", 2),
        ("trusted_schema", 0),
        ("busy_timeout", 5000),
    ],
)
def test_sqlite_writes_with_the_settings_durability_and_erasure_need(sqlite, pragma, expected):
    with sqlite.write() as tx:
        assert tx.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == expected
    sqlite.truncate_wal()
    with sqlite.write() as tx:
        assert tx.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == expected


def test_sqlite_readers_cannot_write(sqlite):
    with sqlite.read() as tx:
        assert tx.exec_driver_sql("PRAGMA query_only").scalar_one() == 1
        assert tx.exec_driver_sql("PRAGMA temp_store").scalar_one() == 2


def files_holding(directory: Path, needle: bytes) -> set[str]:
    return {path.name for path in directory.iterdir() if needle in path.read_bytes()}


@pytest.mark.clause("2.1")
def test_erased_bytes_are_gone_from_every_file_once_the_log_is_truncated(sqlite, tmp_path):
    mark = "erase-me-3c1f"
    with sqlite.write() as tx:
        add(tx, path=mark)
    assert sqlite.truncate_wal()
    assert files_holding(tmp_path, mark.encode()) == {"vault.db"}
    with sqlite.write() as tx:
        tx.execute(sa.delete(NOTE))
    assert files_holding(tmp_path, mark.encode()) == {"vault.db"}, "the erasure is in the log only"
    assert sqlite.truncate_wal()
    assert files_holding(tmp_path, mark.encode()) == set()
    assert (tmp_path / "vault.db-wal").stat().st_size == 0


@pytest.mark.clause("2.1")
def test_an_open_reader_keeps_the_log_from_being_truncated_and_that_is_told(sqlite):
    with sqlite.write() as tx:
        add(tx, count=1)
    with sqlite.read() as reader:
        assert reader.execute(sa.select(NOTE.c.count)).all()
        with sqlite.write() as tx:
            tx.execute(sa.delete(NOTE))
        assert not sqlite.truncate_wal()
    assert sqlite.truncate_wal()


def test_postgres_has_nothing_to_truncate(postgres_database):
    database = Database(postgres_database)
    assert database.truncate_wal()
    database.close()


def test_a_second_process_waits_for_a_write_and_then_gives_up(sqlite, tmp_path):
    with sqlite.write() as tx:
        add(tx)
        other = sqlite3.connect(tmp_path / "vault.db", timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_instants_are_stored_to_the_microsecond_and_come_back_in_utc(database):
    east = timezone(timedelta(hours=9))
    at = datetime(2026, 7, 1, 8, 59, 59, 999999, east)
    early = datetime(1969, 12, 31, 23, 59, 59, 1, UTC)
    with database.write() as tx:
        add(tx, first_seen_at=at, last_seen_at=early)
    with database.read() as tx:
        row = tx.execute(sa.select(NOTE)).one()
    assert (row.first_seen_at, row.first_seen_at.tzinfo) == (at, UTC)
    assert row.last_seen_at == early


def test_naive_instants_are_refused():
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(naive, sa.create_engine("sqlite://").dialect)


@pytest.mark.clause("2.6")
@pytest.mark.parametrize("name", ["test.db", "test.db-wal"])
@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_removed_or_replaced_under_us_is_not_written_to_any_more(
    tmp_path: Path, name: str, replaced: bool
) -> None:
    """What is committed into a file without a name is lost in silence."""
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    with database.write() as tx:
        tx.exec_driver_sql("CREATE TABLE t (x)")
    (tmp_path / name).unlink()
    if replaced:
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(Tampered, match="removed or replaced"), database.write() as tx:
        tx.exec_driver_sql("INSERT INTO t VALUES (1)")
    database.close()


def test_reading_the_files_leaves_the_locks_of_the_connections_in_place(tmp_path: Path) -> None:
    """Else another program that closes the file removes the log under us."""
    path = tmp_path / "test.db"
    database = Database(f"sqlite:///{path}")
    with database.write() as tx:
        tx.exec_driver_sql("CREATE TABLE t (x)")

    assert {name for name, _ in database.raw_bytes()} == {"test.db", "test.db-wal"}
    other = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t'); c.close()"
    subprocess.run([sys.executable, "-c", other, str(path)], check=True)
    with database.write() as tx:
        tx.exec_driver_sql("INSERT INTO t VALUES (1)")

    with sqlite3.connect(path) as elsewhere:
        assert elsewhere.execute("SELECT count(*) FROM t").fetchone() == (1,)
    elsewhere.close()
    database.close()


@pytest.mark.clause("1.5")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u@db.example/x",
        "postgresql+psycopg://u@db.example/x?sslmode=require",
        "postgresql+psycopg://u@127.0.0.1/x",
        "postgresql+psycopg:///x?host=/run/pg,db.example",
        "postgresql+psycopg://u@/x?hostaddr=10.1.2.3",
        "postgresql+psycopg://u@/x?host=/run/pg&hostaddr=10.1.2.3",
        "postgresql+psycopg://u@/x?service=prod",
    ],
)
def test_postgresql_over_a_network_without_verified_tls_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"verify-full|hostaddr"):
        Database(url)


@pytest.mark.clause("1.5")
@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_a_host_from_the_environment_is_a_network_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "db.example")

    with pytest.raises(Misconfigured, match="verify-full"):
        Database("postgresql+psycopg:///x")


@pytest.mark.clause("1.5")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u@db.example/x?sslmode=verify-full",
        "postgresql+psycopg://u@/x?host=/run/postgresql",
        "postgresql+psycopg:///x",
    ],
)
def test_postgresql_behind_verified_tls_or_a_local_socket_is_taken(url: str) -> None:
    Database(url).close()


def test_a_url_of_the_wrong_form_is_named_without_its_password() -> None:
    with pytest.raises(Misconfigured) as refused:
        Database("no://:hunter2:@@")

    assert "hunter2" not in str(refused.value)


@pytest.mark.clause("2.4")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sqlite:////home/a.db", "sqlite:////home/x/../a.db", True),
        ("sqlite:////home/a.db", "sqlite:////home/b.db", False),
        ("postgresql+psycopg:///a", "postgresql+psycopg:///a?application_name=x", True),
        ("postgresql+psycopg://u@/a?host=/run", "postgresql+psycopg://v@/a?host=/run", True),
        ("postgresql+psycopg:///a", "postgresql+psycopg:///b", False),
    ],
)
def test_two_urls_of_one_database_are_known_as_such(one: str, other: str, same: bool) -> None:
    assert (Database.place(one) == Database.place(other)) is same


def test_a_relative_path_is_taken_from_the_home(tmp_path: Path) -> None:
    assert Database.within(tmp_path, "sqlite:///x.db") == f"sqlite:///{tmp_path}/x.db"
