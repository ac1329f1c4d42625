"""Lets units on PostgreSQL take turns at what they all change, and hand it on before the disk has it.

Every unit has a connection of its own, but each moves the one head of the log. Between processes the server's row lock
orders them; threads of one process take turns here, first come, first served, so that none moves a head that another of
them is about to move, finds that it moved, and begins again.

A unit that others wait for gives its turn away as it commits: with `synchronous_commit` off, so that the server frees
the row without waiting for the disk; then a second transaction in the same message waits for the disk, and for a
synchronous standby. The server's log is written in order, so what that one waits for has the unit in it. No unit is
told that it is durable before that, and nobody in this process is handed before that what they read meanwhile
(docs/adr/0185-turns-at-the-head.md).
"""

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn
from sqlalchemy import Connection

from strongroom.db.group import named, undone
from strongroom.errors import Unavailable

LONGEST_SECONDS: Final = 10.0
"""How long a thread waits for its turn. Shorter than the server lets a transaction say nothing (`db/engine.py`)."""


def durable(*, for_session: bool) -> str:
    """Return the SQL that has commits wait for the disk: as the server is told to, but never not at all."""
    return (
        "set_config('synchronous_commit',"
        " coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'),"
        f" {str(not for_session).lower()})"
    )


_UNIT: Final = "strongroom.unit"
_WARNED: Final = "strongroom.warned"
_WAIT: Final = (
    f"SELECT {durable(for_session=False)}, pg_logical_emit_message(true, 'strongroom', '')"
)
# One message, so one server process: had the server died in between, there would be no answer.
_COMMIT_EARLY: Final = f"SET LOCAL synchronous_commit = off; COMMIT; {_WAIT}"
_SAID: Final = ["SET", "COMMIT", "SELECT 1"]
_FLUSH: Final = sa.text(_WAIT)
_LOOK_SECONDS: Final = 1.0
_IN_THE_WAY: Final = b"SELECT pg_backend_pid() = ANY (pg_blocking_pids($1))"


class Turns:
    """What threads have one after the other, in the order in which they came. Safe between threads."""

    def __init__(self, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._mutex = threading.Lock()
        self._queue: deque[threading.Lock] = deque()
        self._is_taken = False
        self._holder = 0

    def take(self, is_in_the_way: Callable[[float], bool] = lambda _seconds: False) -> None:
        """Wait for this thread's turn.

        Args:
            is_in_the_way: Asked each second, whether the turn cannot come while we wait; with the seconds that are
                left for the answer, which raises `Unavailable` where none came.

        Raises:
            Unavailable: it did not come in time, or cannot.
            RuntimeError: the thread has it already, and would wait for itself.

        """
        self.refuse_holder()
        place = None
        with self._mutex:
            if self._is_taken:
                place = threading.Lock()
                place.acquire()
                self._queue.append(place)
            self._is_taken = True
        if place is not None:
            self._wait(place, is_in_the_way)
        self._holder = threading.get_ident()

    def give(self) -> bool:
        """End this thread's turn; return whether another one has it now."""
        self._holder = 0
        with self._mutex:
            if self._queue:
                self._queue.popleft().release()
                return True
            self._is_taken = False
            return False

    def refuse_holder(self) -> None:
        """Refuse the thread whose turn it is. Raises: RuntimeError."""
        if self._holder == threading.get_ident():
            raise RuntimeError("another write of this thread is open")

    def _wait(self, place: threading.Lock, is_in_the_way: Callable[[float], bool]) -> None:
        # Not in seconds of ours: a server that is stopped does not answer whether we are in the way either.
        deadline = time.monotonic() + self._longest_seconds
        left = self._longest_seconds
        try:
            while not (has_come := place.acquire(timeout=min(left, _LOOK_SECONDS))):
                left = deadline - time.monotonic()
                if left <= 0 or is_in_the_way(left):
                    break
                left = max(0.0, deadline - time.monotonic())
        except BaseException:
            if not self._leave(place):
                self.give()
            raise
        if not has_come and self._leave(place):
            raise _held_up()

    def _leave(self, place: threading.Lock) -> bool:
        """Go without a turn; False where it has come in this very moment."""
        with self._mutex:
            if place not in self._queue:
                return False
            self._queue.remove(place)
            return True


def _held_up() -> Unavailable:
    return Unavailable(
        "database: a transaction that others wait for does not end",
        hint="try again; is the database's server slow, or stopped?",
    )


class _Unit:
    """One transaction, and whether it has the turn."""

    __slots__ = ("_connection", "_units", "has_turn")

    def __init__(self, units: "RowUnits", connection: Connection) -> None:
        self._units = units
        self._connection = connection
        self.has_turn = False

    def take(self) -> None:
        if not self.has_turn:
            self._units.turns.take(self._is_in_the_way)
            self.has_turn = True
            self._units.holder_pid = _driver(self._connection).info.backend_pid

    def give(self) -> bool:
        if not self.has_turn:
            return False
        self.has_turn = False
        return self._units.turns.give()

    def _is_in_the_way(self, seconds: float) -> bool:
        """Tell whether who has the turn waits for a row that this transaction has locked."""
        asked = [str(self._units.holder_pid).encode()]
        said = _answer(_driver(self._connection).pgconn, _IN_THE_WAY, asked, seconds)
        if said is None:
            # Its answer may still come, and would be taken for another's.
            self._connection.invalidate()
            raise _held_up()
        return said == b"t"


class _Flush:
    """A unit that others can see and the disk may not have yet."""

    __slots__ = ("ended", "is_kept")

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.is_kept = False


class RowUnits:
    """Hands out the units of one PostgreSQL database. Safe between threads."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.holder_pid = 0
        """The server's process of whoever has the turn."""
        self.doubts = 0
        """How many units ended so that nobody knows whether the disk, or the standby, has what others can see."""
        self._resolved = 0
        self._mutex = threading.Lock()
        self._flushing: set[_Flush] = set()

    @contextmanager
    def unit(self, engine: sa.Engine) -> Iterator[Connection]:
        """Give a transaction that is durable when the block ends without an error, and undone otherwise.

        Raises:
            Unavailable: the server does not answer, or has undone it.

        """
        doubts = self.doubts
        flushing: list[_Flush] = []
        with engine.connect() as connection:
            unit = connection.info[_UNIT] = _Unit(self, connection)
            is_ending = False
            try:
                with connection.begin():
                    yield connection
                    has_written = unit.has_turn
                    connection.info.pop(_WARNED, None)
                    self._commit(connection, unit)
                    is_ending = True
                _refuse_warned(connection)
                is_ending = False
            finally:
                if is_ending:
                    self._doubt()
                # After a failure, and after it was undone: whoever is next finds the head where it stood.
                unit.give()
            if not has_written:
                flushing = self.flushing()
                self.resolve(connection, doubts)
        settle(flushing)

    def flushing(self) -> list[_Flush]:
        """Return the units that a thread of this process could have seen by now, and the disk may not have yet."""
        if not self._flushing:
            return []
        with self._mutex:
            return list(self._flushing)

    def resolve(self, connection: Connection, before: int) -> None:
        """Flush where it is in doubt whether all is kept that this connection has seen since there were `before`.

        Over this very connection: one that was made since may be to a server that recovered, and lost it.

        Raises:
            Unavailable: it is in doubt still.

        """
        doubts = self.doubts
        if doubts == before and doubts <= self._resolved:
            return
        # For a standby the server would wait for ever; no timeout of its own ends that.
        end = threading.Timer(LONGEST_SECONDS, _driver(connection).cancel_safe)
        end.start()
        try:
            _flush(connection)
        finally:
            end.cancel()
            end.join()
        with self._mutex:
            self._resolved = max(self._resolved, doubts)

    def _doubt(self) -> None:
        with self._mutex:
            self.doubts += 1

    def _commit(self, connection: Connection, unit: _Unit) -> None:
        """Commit early where others wait; else leave it to the end of the block, which waits for the disk."""
        driver = _driver(connection)
        if driver.info.transaction_status == TransactionStatus.INERROR:
            # Somebody took a statement's failure for a small one: COMMIT would undo everything and say nothing.
            raise undone()
        # Before the COMMIT: who is next waits for the row at the server, which frees it sooner than we hear of it.
        if not unit.give():
            return
        flush = _Flush()
        with self._mutex:
            self._flushing.add(flush)
        try:
            _commit_early(driver)
            _refuse_warned(connection)
            flush.is_kept = True
        except psycopg.Error as exc:
            # Nobody knows what became of it, nor what the connection would say next.
            connection.invalidate()
            raise named(exc) from None
        finally:
            if not flush.is_kept:
                # Before others stop waiting for it.
                self._doubt()
            with self._mutex:
                self._flushing.discard(flush)
            flush.ended.set()


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    return connection.connection.driver_connection  # type: ignore[return-value]


def _answer(
    server: PGconn, question: bytes, parameters: list[bytes], seconds: float
) -> bytes | None:
    """Return the one value that answers a question; None where no answer came in time.

    The driver itself waits without end.
    """
    deadline = time.monotonic() + seconds
    server.send_query_params(question, parameters)
    server.flush()  # a question of so few bytes goes out whole
    poll = select.poll()
    poll.register(server.socket, select.POLLIN)
    said = None
    while True:
        while server.is_busy():
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return None
            server.consume_input()
        if (result := server.get_result()) is None:
            return said
        said = result.get_value(0, 0)


def take_turn(tx: Connection) -> None:
    """Have no other thread of this process in what units take turns at, until this `write()` has ended.

    Raises:
        Unavailable: the turn did not come in time.
        RuntimeError: another `write()` of this thread has it.

    """
    unit = tx.info.get(_UNIT)
    if unit is not None:  # on SQLite there is one writer at a time
        unit.take()


def flush(engine: sa.Engine) -> None:
    """Return once the server's disk, and its synchronous standby, have all that anybody could have seen by now."""
    with engine.connect() as connection:
        _flush(connection)


def _flush(connection: Connection) -> None:
    connection.info.pop(_WARNED, None)
    with connection.begin():
        connection.execute(_FLUSH)
    _refuse_warned(connection)


def settle(flushing: Iterable[_Flush]) -> None:
    """Return once the disk has these units. Raises: Unavailable: it is not known to have them."""
    for flush in flushing:
        if not flush.ended.wait(LONGEST_SECONDS) or not flush.is_kept:
            raise Unavailable(
                "database: what was read may not be kept",
                hint="is its server, or its standby, slow or stopped?",
            )


def hear_warnings(driver: "psycopg.Connection[Any]", info: dict[Any, Any]) -> None:
    """Have it known of a connection that its server warned: that is all it says of a commit no standby confirmed."""

    def hear(said: psycopg.errors.Diagnostic) -> None:
        if said.severity_nonlocalized == "WARNING":
            info[_WARNED] = True

    driver.add_notice_handler(hear)


def _refuse_warned(connection: Connection) -> None:
    if connection.info.pop(_WARNED, False):
        raise Unavailable(
            "database: it is not known whether a transaction is kept",
            hint="somebody ended its wait for the standby: is that slow or stopped?",
        )


def _commit_early(driver: "psycopg.Connection[Any]") -> None:
    with driver.cursor() as cursor:
        cursor.execute(_COMMIT_EARLY, prepare=False)
        said = [cursor.statusmessage]
        while cursor.nextset():
            said.append(cursor.statusmessage)
    if said != _SAID:
        raise undone()
