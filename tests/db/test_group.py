"""Units of several threads under one COMMIT: each durable on return, undone alone, and failed with its commit."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from strongroom.db.engine import Database, Transaction
from strongroom.db.group import MOST_UNITS
from strongroom.errors import StrongroomError, Tampered, Unavailable

ADD = "INSERT INTO t VALUES (?)"


class Undone(Exception):
    """Ends a unit without keeping it."""


class Stage:
    """A database, the commits it made, and what happens at the next one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(f"sqlite:///{path}")
        with self.database.write() as tx:
            tx.exec_driver_sql("CREATE TABLE t (x INTEGER PRIMARY KEY)")
        self.database._group.longest_seconds = 60.0  # whatever else runs on this machine
        self.commits = 0
        self.at_commit: Callable[[], None] = lambda: None
        self._threads: list[threading.Thread] = []
        event.listen(self.database._writer, "commit", self._commit)

    def _commit(self, _connection: object) -> None:
        self.commits += 1
        self.at_commit()

    def kept(self) -> list[int]:
        """Return what another connection finds."""
        with sqlite3.connect(self.path) as other:
            found = [row[0] for row in other.execute("SELECT x FROM t ORDER BY x")]
        other.close()
        return found

    @contextmanager
    def behind(self, *works: Callable[[], None]) -> Iterator[list[BaseException | None]]:
        """Let the works queue, in their order, behind the block; give what each raised once the block has ended."""
        raised: list[BaseException | None] = [None] * len(works)

        def run(place: int, work: Callable[[], None]) -> None:
            try:
                work()
            except (StrongroomError, Undone) as exc:
                raised[place] = exc

        with self.database.write() as tx:
            tx.exec_driver_sql(ADD, (0,))
            for place, work in enumerate(works):
                thread = threading.Thread(target=run, args=(place, work))
                thread.start()
                self._threads.append(thread)
                while len(self.database._group._queue) <= place:
                    time.sleep(0.0005)
            yield raised
        self.ended()

    def ended(self) -> None:
        """Wait for the works, which a block that raised has not waited for."""
        for thread in self._threads:
            thread.join()

    def adding(
        self, number: int, then: Callable[[Transaction], None] = lambda _tx: None, **options: bool
    ) -> Callable[[], None]:
        def work() -> None:
            with self.database.write(**options) as tx:
                tx.exec_driver_sql(ADD, (number,))
                then(tx)

        return work


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "test.db")
    yield stage
    stage.database.close()


def undo(_tx: Transaction) -> None:
    raise Undone


def test_units_that_wait_share_one_commit(stage: Stage) -> None:
    with stage.behind(*(stage.adding(number) for number in range(1, 9))) as raised:
        pass

    assert raised == [None] * 8
    assert stage.commits == 1
    assert stage.kept() == list(range(9))


def test_a_unit_that_fails_is_undone_alone(stage: Stage) -> None:
    works = [stage.adding(1), stage.adding(2, undo), stage.adding(3), stage.adding(4, undo)]
    with stage.behind(*works) as raised:
        pass

    assert [type(error) for error in raised] == [type(None), Undone, type(None), Undone]
    assert stage.kept() == [0, 1, 3]
    assert stage.commits == 1


def test_the_first_unit_fails_without_those_behind_it(stage: Stage) -> None:
    with pytest.raises(Undone), stage.behind(stage.adding(1), stage.adding(2)):
        raise Undone
    stage.ended()

    assert stage.kept() == [1, 2]


def test_no_unit_returns_before_the_commit_that_holds_it(stage: Stage) -> None:
    seen: list[list[int]] = []
    works = [stage.adding(number) for number in range(1, 6)]

    def then_look(work: Callable[[], None]) -> Callable[[], None]:
        def both() -> None:
            work()
            seen.append(stage.kept())

        return both

    with stage.behind(*map(then_look, works)):
        assert stage.kept() == []

    assert seen == [list(range(6))] * 5


def test_when_the_commit_fails_every_unit_of_it_fails(stage: Stage) -> None:
    def fail() -> None:
        raise sqlite3.OperationalError("disk full, and some parameters")

    stage.at_commit = fail
    with (
        pytest.raises(Unavailable),
        stage.behind(stage.adding(1), stage.adding(2, undo), stage.adding(3)) as raised,
    ):
        pass
    stage.ended()

    assert [type(error).__name__ for error in raised] == ["Failed", "Undone", "Failed"]
    assert all("parameters" not in str(error) for error in raised)
    assert stage.kept() == []
    stage.at_commit = lambda: None
    stage.adding(7)()
    assert stage.kept() == [7]


def test_a_transaction_that_sqlite_undid_is_nobodys_success(stage: Stage) -> None:
    """Python's commit() does nothing, without an error, when there is no transaction any more."""

    def lose(tx: Transaction) -> None:
        tx.exec_driver_sql("ROLLBACK")

    with (
        pytest.raises(Unavailable, match="undone"),
        stage.behind(stage.adding(1), stage.adding(2, lose), stage.adding(3)) as raised,
    ):
        pass
    stage.ended()

    assert [type(error) for error in raised] == [Unavailable, Unavailable, type(None)]
    assert stage.kept() == [3]


def test_a_commit_holds_so_many_units_and_no_more(stage: Stage) -> None:
    works = [stage.adding(number) for number in range(1, MOST_UNITS + 2)]
    with stage.behind(*works) as raised:
        pass

    assert set(raised) == {None}
    assert stage.commits >= 2
    assert len(stage.kept()) == len(works) + 1


def test_a_long_unit_keeps_nobody_waiting_for_it(stage: Stage) -> None:
    done: list[str] = []

    def slow(_tx: Transaction) -> None:
        time.sleep(0.05)
        done.append("long")

    def quick() -> None:
        stage.adding(1)()
        done.append("quick")

    with stage.behind(quick, stage.adding(2, slow, alone=True), stage.adding(3)):
        pass

    assert done == ["quick", "long"]
    assert stage.kept() == [0, 1, 2, 3]
    assert stage.commits == 3


def test_turns_are_first_come_first_served(stage: Stage) -> None:
    order: list[int] = []
    works = [
        stage.adding(number, lambda _tx, number=number: order.append(number))  # type: ignore[misc]
        for number in range(1, 30)
    ]
    with stage.behind(*works):
        pass

    assert order == list(range(1, 30))


def test_a_thread_alone_needs_no_savepoint(stage: Stage) -> None:
    statements: list[str] = []
    with stage.database.write() as tx:
        driver = tx.connection.driver_connection
        driver.set_trace_callback(statements.append)  # type: ignore[union-attr]
    with stage.database.write() as tx:
        tx.exec_driver_sql(ADD, (1,))
    driver.set_trace_callback(None)  # type: ignore[union-attr]

    assert [statement.split()[0] for statement in statements if "INSERT" not in statement] == [
        "COMMIT",
        "BEGIN",
        "COMMIT",
    ]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CORRUPT])
def test_after_an_error_of_the_disk_nothing_is_written_any_more(stage: Stage, code: int) -> None:
    """An fsync that is tried again may succeed and have kept nothing."""
    told: list[str] = []
    stage.database.on_unsound(lambda failure: told.append(failure.code))

    def fail() -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error

    stage.at_commit = fail
    for _ in range(2):
        with pytest.raises(Unavailable):
            stage.adding(1)()
    stage.at_commit = lambda: None
    with pytest.raises(Unavailable, match="after SQLITE_IOERR_FSYNC"):
        stage.adding(1)()

    assert told == ["SQLITE_IOERR_FSYNC"]
    assert stage.kept() == []


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY])
def test_what_passes_is_refused_only_while_it_lasts(stage: Stage, code: int) -> None:
    def fail() -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = code
        raise error

    stage.at_commit = fail
    with pytest.raises(Unavailable):
        stage.adding(1)()
    stage.at_commit = lambda: None
    stage.adding(2)()

    assert stage.kept() == [2]


@pytest.mark.clause("2.6")
def test_a_file_removed_during_a_unit_acknowledges_none_of_its_commit(stage: Stage) -> None:
    with (
        pytest.raises(Tampered, match="removed or replaced"),
        stage.behind(stage.adding(1), stage.adding(2)) as raised,
    ):
        stage.path.unlink()
    stage.ended()

    assert [type(error) for error in raised] == [Tampered, Tampered]


def test_many_threads_keep_what_they_were_told_and_no_more(stage: Stage) -> None:
    kept: set[int] = set()
    # As a disk: in memory a commit may be over before anybody waits for it.
    stage.at_commit = lambda: time.sleep(0.002)

    def work(thread: int) -> None:
        for number in range(40):
            wanted = 1 + thread * 1000 + number
            try:
                stage.adding(wanted, undo if number % 7 == 3 else lambda _tx: None)()
            except Undone:
                continue
            kept.add(wanted)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(stage.kept()) == kept
    assert len(kept) == 24 * 34
    assert stage.commits < len(kept) / 2
