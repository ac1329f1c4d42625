"""Lets units of several threads share one durable COMMIT on SQLite's one writing connection.

A commit waits for the disk, and that is nearly all a small unit costs. So a thread that has done its unit while others
wait for theirs hands the open transaction on and sleeps; the last, or one of many, commits for all. A unit that fails
is undone alone, by its SAVEPOINT. No unit is told that it is durable before the COMMIT that holds it is, and when that
fails, all of it fail. Turns are first come, first served; a thread alone does what it did without any of this.

After an error of input or output nothing is ever written again: which pages the kernel still has is unknown then, and
an fsync that is repeated may succeed and have kept nothing (docs/adr/0130-units-share-a-commit.md, 0131).
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from time import monotonic
from typing import Final, Protocol, cast

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from strongroom.errors import StrongroomError, Unavailable

MOST_UNITS: Final = 64
"""How many units one COMMIT holds: beyond that it costs each of them next to nothing."""

LONGEST_SECONDS: Final = 0.005
"""How long units join a transaction that is open: no longer than a commit on a slow disk takes."""

# The library's own: SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB (sqlite.org/rescode.html); the low byte is the kind.
_UNSOUND: Final = frozenset({10, 11, 26})
_KIND: Final = 0xFF


class _Driver(Protocol):
    """What is asked of the driver's own connection."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, /) -> object: ...


class _Turn:
    """One thread's place in the queue; released when it is that thread's turn."""

    __slots__ = ("alone", "lock")

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.lock = _held()


class _Group:
    """The units of one transaction: how many are done, who of them sleeps, and what became of them all."""

    __slots__ = ("alone", "began", "connection", "driver", "failure", "sleeping", "units")

    def __init__(self, connection: Connection, driver: _Driver, *, alone: bool) -> None:
        self.connection = connection
        self.driver = driver
        self.alone = alone
        self.began = monotonic()
        self.units = 0
        self.sleeping: list[threading.Lock] = []
        self.failure: BaseException | None = None


class GroupCommit:
    """Hands out units of work on one SQLite connection. Safe between threads.

    `check` is called after BEGIN and again after COMMIT, before any unit is told: what it raises, all of them raise.
    """

    def __init__(self, engine: sa.Engine, check: Callable[[], None]) -> None:
        self._engine = engine
        self._check = check
        self._mutex = threading.Lock()
        self._queue: deque[_Turn] = deque()
        self._is_taken = False
        self._holder = 0
        self._group: _Group | None = None
        self._unsound = ""
        self.on_unsound: Callable[[], None] = _nothing
        """Called once, by the thread that meets it, when nothing will be written any more."""

    @contextmanager
    def unit(self, *, alone: bool = False) -> Iterator[Connection]:
        """Give a transaction that is durable when the block ends without an error, and undone otherwise.

        `alone`: it takes long, so that nobody should wait for it who does not have to.

        Raises:
            Unavailable: nothing of the block was kept. Also what `check` raises.

        """
        self._take(alone=alone)
        try:
            group = self._open(alone=alone)
            with self._undone_alone(group):
                yield group.connection
        except BaseException:
            # What others did before stands; this one need not wait for it.
            self._go_on(None)
            raise
        sleep = _held()
        if self._go_on(sleep):
            sleep.acquire()
        if group.failure is not None:
            raise _again(group.failure) from None

    @contextmanager
    def pause(self) -> Iterator[Connection]:
        """Give the connection outside of any transaction, with no unit on it."""
        self._take(alone=True)
        try:
            with self._noted(), named_failures(), self._engine.connect() as connection:
                yield connection
        finally:
            self._go_on(None)

    # -- turns -----------------------------------------------------------------------------------

    def _take(self, *, alone: bool) -> None:
        """Wait until it is this thread's turn."""
        me = threading.get_ident()
        if self._holder == me:
            # It would end the first one's transaction, whose commit would then succeed and keep nothing.
            raise RuntimeError("another write of this thread is open")
        turn = None
        with self._mutex:
            if self._is_taken:
                turn = _Turn(alone=alone)
                self._queue.append(turn)
            self._is_taken = True
        if turn is not None:
            try:
                turn.lock.acquire()
            except BaseException:
                self._give_back(turn)
                raise
        self._holder = me

    def _give_back(self, turn: _Turn) -> None:
        """Leave the queue; a turn that has come meanwhile is the next one's."""
        with self._mutex:
            has_come = turn not in self._queue
            if not has_come:
                self._queue.remove(turn)
        if has_come:
            self._go_on(None)

    def _go_on(self, sleep: "threading.Lock | None") -> bool:
        """End this thread's turn. True: its unit waits for another's COMMIT, which then releases `sleep`."""
        self._holder = 0
        group = self._group
        if group is not None and self._pass_on(group, sleep):
            return sleep is not None
        try:
            if group is not None:
                self._commit(group)
        finally:
            with self._mutex:
                if self._queue:
                    self._queue.popleft().lock.release()
                else:
                    self._is_taken = False
        return False

    def _pass_on(self, group: _Group, sleep: "threading.Lock | None") -> bool:
        """Hand the open transaction to who waits longest; False where it is time to commit."""
        if group.alone or group.units >= MOST_UNITS or monotonic() - group.began > LONGEST_SECONDS:
            return False
        with self._mutex:
            if not self._queue or self._queue[0].alone:
                return False
            if sleep is not None:
                group.sleeping.append(sleep)
            self._queue.popleft().lock.release()
        return True

    # -- the transaction ---------------------------------------------------------------------------

    def _open(self, *, alone: bool) -> _Group:
        """Return the open transaction, or begin one."""
        if self._unsound:
            raise Unavailable(
                f"database: nothing is written any more after {self._unsound}",
                hint="check the disk, then start again",
            )
        if self._group is not None:
            return self._group
        with self._noted(), named_failures():
            connection = self._engine.connect()
            try:
                connection.begin()
                driver = cast("_Driver", connection.connection.driver_connection)
                self._check()
            except BaseException:
                connection.close()
                raise
        self._group = _Group(connection, driver, alone=alone)
        return self._group

    @contextmanager
    def _undone_alone(self, group: _Group) -> Iterator[None]:
        """Count the block as a unit of the transaction when it ends, or undo it and no other."""
        # The first has nothing before it: to undo the transaction is to undo it.
        is_first = group.units == 0
        try:
            with self._noted(), named_failures():
                if not is_first:
                    group.driver.execute("SAVEPOINT unit")
                yield
                if not group.driver.in_transaction:
                    # SQLite undid all by itself, and somebody took the error for a small one.
                    raise Unavailable("database: the transaction was undone")  # noqa: TRY301 - as any failure of the unit
                if not is_first:
                    group.driver.execute("RELEASE unit")
        except BaseException:
            self._undo(group, is_first=is_first)
            raise
        group.units += 1

    def _undo(self, group: _Group, *, is_first: bool) -> None:
        """Undo the unit at hand; where that cannot be, or SQLite undid more, all of the transaction fail."""
        if not is_first and group.driver.in_transaction:
            try:
                with self._noted(), named_failures():
                    group.driver.execute("ROLLBACK TO unit")
                    group.driver.execute("RELEASE unit")
            except (StrongroomError, sqlite3.Error):
                pass
            else:
                return
        self._end(group, Unavailable("database: the transaction was undone"))

    def _commit(self, group: _Group) -> None:
        """Make all units durable, or fail them all; they are woken in either case."""
        failure: BaseException | None = Unavailable("database: the commit was interrupted")
        try:
            with self._noted(), named_failures():
                group.connection.commit()
            self._check()
            failure = None
        except Exception as exc:  # noqa: BLE001 - each unit raises it in its own thread
            failure = exc
        finally:
            self._end(group, failure)

    def _end(self, group: _Group, failure: BaseException | None) -> None:
        self._group = None
        group.failure = failure
        with suppress(DBAPIError, sqlite3.Error):
            group.connection.close()  # undoes what is open
        for sleep in group.sleeping:
            sleep.release()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Remember a failure after which nothing may be written any more."""
        try:
            yield
        except Failed as exc:
            if exc.is_unsound and not self._unsound:
                self._unsound = exc.code
                self.on_unsound()
            raise


class Failed(Unavailable):
    """The database engine refused; `code` is its own word for why."""

    def __init__(
        self, message: str, *, hint: str | None = None, code: str = "", is_unsound: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.is_unsound = is_unsound


@contextmanager
def named_failures() -> Iterator[None]:
    """Turn a driver's failure into ours: its own text may repeat a statement's parameters."""
    try:
        yield
    except DBAPIError as exc:
        raise _named(exc.orig) from None
    except sqlite3.Error as exc:
        raise _named(exc) from None


def _named(error: BaseException | None) -> Failed:
    kind = type(error).__name__
    code = getattr(error, "sqlite_errorname", "")
    number = getattr(error, "sqlite_errorcode", 0)
    hint = None
    if kind == "OperationalError":
        hint = "is it running, and is there room on its disk?"
    return Failed(
        f"database: {kind}",
        hint=hint,
        code=code or kind,
        is_unsound=number & _KIND in _UNSOUND,
    )


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


def _again(failure: BaseException) -> BaseException:
    """Return the failure as another thread raises it: one error object in two threads grows two tracebacks."""
    return copy(failure)


def _nothing() -> None:
    pass
