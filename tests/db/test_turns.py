"""Units on PostgreSQL take turns: in order, for a bounded time, given on whatever happens, told once durable."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa
from tests.support import postgres
from tests.support.postgres import EMPTY, Cluster

from strongroom.db.engine import Database, Transaction
from strongroom.db.turns import _COMMIT_EARLY, _FLUSH, Turns, take_turn
from strongroom.errors import Unavailable

pytestmark = pytest.mark.clause("2.6")

PUT = sa.text("INSERT INTO kept VALUES (:number)")
KEPT = sa.text("SELECT number FROM kept ORDER BY number")


class Undone(Exception):
    """Ends a unit without a commit."""


@pytest.fixture
def database(postgres_cluster: Cluster) -> Iterator[Database]:
    """A database with one table."""
    with postgres_cluster.database(EMPTY) as url:
        yield from opened(url)


@pytest.fixture
def slow() -> Iterator[tuple[Cluster, Database]]:
    """A database of a server of its own, whose commits a test can hold up."""
    cluster = postgres.start()
    try:
        for database in opened(cluster.url("postgres")):
            yield cluster, database
    finally:
        cluster.stop()


def opened(url: str) -> Iterator[Database]:
    found = Database(url)
    with found.write() as tx:
        tx.execute(sa.text("CREATE TABLE kept (number integer PRIMARY KEY)"))
    yield found
    found.close()


def await_standby(cluster: Cluster, name: str) -> None:
    cluster.await_standby(name)
    time.sleep(0.2)


def kept(database: Database) -> list[int]:
    with database.read() as tx:
        return list(tx.execute(KEPT).scalars())


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def queued(turns: Turns, number: int) -> Callable[[], bool]:
    return lambda: len(turns._queue) == number


def put(database: Database, number: int) -> None:
    with database.write() as tx:
        take_turn(tx)
        tx.execute(PUT, {"number": number})


def test_turns_go_to_who_waits_longest() -> None:
    turns, order = Turns(), []

    def work(number: int) -> None:
        turns.take()
        order.append(number)
        turns.give()

    turns.take()
    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            pool.submit(work, number)
            until(queued(turns, number + 1))
        assert turns.give()
    assert order == list(range(8))
    turns.take()
    assert not turns.give()


def test_who_waits_too_long_is_refused_and_leaves_no_gap_in_the_queue() -> None:
    turns = Turns(longest_seconds=0.2)
    turns.take()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(turns.take) for _ in range(3)]
        for each in waiting:
            with pytest.raises(Unavailable, match="does not end"):
                each.result(5)
        assert not turns.give()
        pool.submit(turns.take).result(5)


def test_a_thread_never_waits_for_itself(database: Database) -> None:
    with database.write() as tx:
        take_turn(tx)
        take_turn(tx)  # the same unit has it
        with pytest.raises(RuntimeError, match="another write of this thread"):
            put(database, 1)
        with pytest.raises(RuntimeError, match="another write of this thread"):
            database.refuse_nested()
    put(database, 2)
    assert kept(database) == [2]


def test_who_is_next_sees_what_was_committed_or_that_it_was_undone(database: Database) -> None:
    """The turn is given on by a commit, by an error of the block, and by one of the server."""

    def fail(number: int) -> None:
        with database.write() as tx:
            take_turn(tx)
            tx.execute(PUT, {"number": number})
            raise Undone

    def break_off(_number: int) -> None:
        with database.write() as tx:
            take_turn(tx)
            tx.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    works = [put, fail, break_off, put]
    with ThreadPoolExecutor(8) as pool:
        found: list[Future[None]] = []
        for number in range(80):
            work = works[number % 4]
            found.append(
                pool.submit(work, database, number) if work is put else pool.submit(work, number)
            )
        raised = [type(each.exception(30)) for each in found]
    assert raised[1::4] == [Undone] * 20
    assert set(raised[0::4] + raised[3::4]) == {type(None)}
    assert kept(database) == sorted([*range(0, 80, 4), *range(3, 80, 4)])


def test_a_failure_that_was_taken_for_a_small_one_does_not_pass_for_a_commit(
    database: Database,
) -> None:
    """PostgreSQL answers the COMMIT of a transaction that failed with ROLLBACK, and with no error."""

    def overlook(turn: Callable[[Transaction], None]) -> None:
        with database.write() as tx:
            turn(tx)
            tx.execute(PUT, {"number": 2})
            with pytest.raises(sa.exc.IntegrityError):
                tx.execute(PUT, {"number": 1})

    put(database, 1)
    for turn in (take_turn, lambda _tx: None):
        with pytest.raises(Unavailable, match="undone"):
            overlook(turn)
    assert kept(database) == [1]


def test_a_row_locked_before_the_turn_ends_in_a_refusal_not_in_a_standstill(
    database: Database,
) -> None:
    """One has the turn and waits for a row, whose holder waits for the turn: the server sees no deadlock."""
    put(database, 1)
    change = sa.text("UPDATE kept SET number = number + :by WHERE number = 1")
    has_row, has_turn = threading.Event(), threading.Event()

    def row_first() -> None:
        with database.write() as tx:
            tx.execute(change, {"by": 10})
            has_row.set()
            has_turn.wait(5)
            take_turn(tx)

    def turn_first() -> None:
        has_row.wait(5)
        with database.write() as tx:
            take_turn(tx)
            has_turn.set()
            tx.execute(change, {"by": 20})

    def neither() -> None:
        has_turn.wait(5)
        put(database, 3)

    begun = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        first, second, third = (pool.submit(work) for work in (row_first, turn_first, neither))
        assert isinstance(first.exception(10), Unavailable)
        second.result(10)
        third.result(10)  # waited as long, and stands in nobody's way
    assert time.monotonic() - begun < 4  # not the whole time for which a turn is waited for
    assert kept(database) == [3, 21]


def test_nobody_is_told_before_the_standby_has_it_and_nobody_waits_for_the_row(
    slow: tuple[Cluster, Database],
) -> None:
    cluster, database = slow
    turns, seen = database._rows.turns, threading.Event()
    with ThreadPoolExecutor(4) as pool:
        turns.take()
        first = pool.submit(put, database, 1)
        until(queued(turns, 1))
        second = pool.submit(put, database, 2)
        until(queued(turns, 2))
        await_standby(cluster, "nobody")
        turns.give()

        def look() -> list[int]:
            with database.read() as reading:
                found = list(reading.execute(KEPT).scalars())
                seen.set()
            return found

        # The first gave its turn away as it committed, so that the second has moved on to its own commit.
        until(lambda: not turns._is_taken)
        reader = pool.submit(look)
        assert seen.wait(5)
        assert not first.done()
        assert not second.done()
        time.sleep(0.1)
        assert not reader.done()
        await_standby(cluster, "")
        first.result(10)
        second.result(10)
        assert 1 in reader.result(10)
    assert kept(database) == [1, 2]


def test_who_waits_for_a_standby_when_the_server_dies_is_told_nothing_good(
    slow: tuple[Cluster, Database],
) -> None:
    cluster, database = slow
    turns = database._rows.turns
    with ThreadPoolExecutor(3) as pool:
        turns.take()
        units = [pool.submit(put, database, 1)]
        until(queued(turns, 1))
        units.append(pool.submit(put, database, 2))
        until(queued(turns, 2))
        await_standby(cluster, "nobody")
        turns.give()
        until(lambda: not turns._is_taken)
        time.sleep(0.1)
        os.kill(cluster.pid, signal.SIGQUIT)  # at once, as in a crash
        for unit in units:
            assert isinstance(unit.exception(10), Unavailable)
    with pytest.raises(Unavailable):
        kept(database)


@pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
def test_after_a_commit_of_which_nobody_knows_readers_wait_for_the_disk_or_are_refused(
    slow: tuple[Cluster, Database], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """What a server does whose wait for the standby is cancelled: it warns, says COMMIT, and shows the unit to all."""
    monkeypatch.setattr("strongroom.db.turns.LONGEST_SECONDS", 0.5)
    cluster, database = slow
    turns = database._rows.turns
    with ThreadPoolExecutor(2) as pool:
        turns.take()
        first = pool.submit(put, database, 1)
        until(queued(turns, 1))
        second = pool.submit(put, database, 2)  # has nobody behind it: its COMMIT waits by itself
        until(queued(turns, 2))
        await_standby(cluster, "nobody")
        turns.give()
        waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        until(lambda: cluster.order(f"SELECT count(*) {waits}") == 2)
        cluster.order(f"SELECT count({end}(pid)) {waits}")
        for unit in (first, second):
            assert isinstance(unit.exception(10), Unavailable)
    assert database._rows.flushing() == []
    for _ in range(2):
        with pytest.raises(Unavailable, match="not known"):
            kept(database)
    with pytest.raises(Unavailable, match="not known"), database.write() as tx:
        tx.execute(KEPT)
    cluster.await_standby("")
    until(lambda: cluster.order("SHOW synchronous_standby_names") == "")
    assert kept(database) == [1, 2]
    await_standby(cluster, "nobody")
    assert kept(database) == [1, 2]  # and is in doubt no more: nothing is waited for
    with database.write() as tx:
        tx.execute(KEPT)
    cluster.await_standby("")


def test_a_server_that_is_told_to_be_careless_is_not_with_us(postgres_cluster: Cluster) -> None:
    with postgres_cluster.database(EMPTY) as url:
        for level, ours in (("off", "on"), ("remote_apply", "remote_apply")):
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
                name = psycopg.sql.Identifier(connection.info.dbname)
                connection.execute(
                    psycopg.sql.SQL(f"ALTER DATABASE {{}} SET synchronous_commit = {level}").format(
                        name
                    )
                )
            database = Database(url)
            with database.write() as tx:
                found = tx.execute(sa.text("SHOW synchronous_commit")).scalar_one()
            database.close()
            assert found == ours


def test_a_server_that_turns_careless_later_is_not_with_us_either(
    slow: tuple[Cluster, Database],
) -> None:
    """A reload reaches every session that did not say for itself what it wants."""
    cluster, database = slow
    level = sa.text("SHOW synchronous_commit")
    cluster.order("ALTER SYSTEM SET synchronous_commit = off")
    cluster.order("SELECT pg_reload_conf()")
    with psycopg.connect(cluster.url("postgres").replace("+psycopg", "")) as connection:
        until(lambda: connection.execute("SHOW synchronous_commit").fetchone() == ("off",))
    with database.write() as tx:
        assert tx.execute(level).scalar_one() == "on"
        # Even where somebody has it off for this very session, what the others wait for waits for the disk.
        tx.execute(sa.text("SET synchronous_commit = off"))
    with database.write() as tx:
        assert tx.execute(level).scalar_one() == "off"
        tx.execute(_FLUSH)
        assert tx.execute(level).scalar_one() == "on"
    assert _COMMIT_EARLY.endswith(_FLUSH.text)


def test_more_units_than_connections_wait_and_a_lost_connection_is_replaced(
    database: Database,
) -> None:
    with ThreadPoolExecutor(40) as pool:
        for each in [pool.submit(put, database, number) for number in range(120)]:
            each.result(30)
    with database.read() as tx:
        assert tx.execute(sa.text("SELECT count(*) FROM kept")).scalar_one() == 120
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert tx.execute(sa.text(sessions)).scalar_one() <= 15
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tx.execute(sa.text(others))
    time.sleep(0.2)
    for number in range(200, 220):
        put(database, number)
