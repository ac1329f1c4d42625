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
from contextlib import AbstractContextManager, contextmanager, suppress
from copy import copy
from time import monotonic
from typing import Final, Protocol, cast

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from strongroom.errors import Unavailable

MOST_UNITS: Final = 64
"""How many units one COMMIT holds: beyond that it costs each of them next to nothing."""

LONGEST_SECONDS: Final = 0.005
"""How long others join once a unit is done: who waits for its commit waits no longer than a slow disk makes it."""

# The library's own: SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB (sqlite.org/rescode.html); the low byte is the kind.
_UNSOUND: Final = frozenset({10, 11, 26})
_KIND: Final = 0xFF


class Failed(Unavailable):
    """The database engine refused; `code` is its own word for why."""

    def __init__(
        self, message: str, *, hint: str | None = None, code: str = "", is_unsound: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.is_unsound = is_unsound


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

    __slots__ = ("alone", "connection", "driver", "failure", "since", "sleeping", "units")

    def __init__(self, connection: Connection, driver: _Driver, *, alone: bool) -> None:
        self.connection = connection
        self.driver = driver
        self.alone = alone
        self.units = 0
        self.since = 0.0
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
        self.longest_seconds = LONGEST_SECONDS
        self.on_unsound: Callable[[Failed], None] = _nothing
        """Called once, by the thread that meets it, when nothing will be written any more."""

    def unit(self, *, alone: bool = False) -> AbstractContextManager[Connection]:
        """Give a transaction that is durable when the block ends without an error, and undone otherwise.

        `alone`: it takes long, so that nobody should wait for it who does not have to.

        Raises:
            Unavailable: nothing of the block was kept. Also what `check` raises.

        """
        return _Unit(self, alone=alone)

    def refuse_nested(self) -> None:
        """Refuse who is in a unit already. Raises: RuntimeError."""
        if self._holder == threading.get_ident():
            raise RuntimeError("another write of this thread is open")

    @contextmanager
    def pause(self) -> Iterator[Connection]:
        """Give the connection outside of any transaction, with no unit on it."""
        self._take(alone=True)
        try:
            self._refuse_unsound()
            with self._engine.connect() as connection:
                yield connection
        except (DBAPIError, sqlite3.Error) as exc:
            raise self._refused(exc) from None
        finally:
            self._go_on(waits=False)

    def _enter(self, *, alone: bool) -> _Group:
        """Return the open transaction, with a place to which its next unit can be undone."""
        self._take(alone=alone)
        try:
            group = self._group
            if group is None:
                return self._open(alone=alone)
            self._refuse_unsound()
            group.driver.execute("SAVEPOINT unit")
        except (DBAPIError, sqlite3.Error) as exc:
            refused = self._refused(exc)
            self._go_on(waits=False)
            raise refused from None
        except BaseException:
            self._go_on(waits=False)
            raise
        return group

    def _exit(self, group: _Group, error: BaseException | None) -> None:
        """End a unit: undo it where there was an error, or return once it is durable."""
        # The first has nothing before it: to undo the transaction is to undo it.
        is_first = group.units == 0
        raised = error
        if error is None:
            try:
                if not group.driver.in_transaction:
                    error = undone()  # by SQLite itself, and somebody took that for a small error
                elif not is_first:
                    group.driver.execute("RELEASE unit")
            except sqlite3.Error as exc:
                error = exc
        if error is not None:
            refused = self._refused(error)
            self._undo(group, is_first=is_first)
            # What others did before stands; this one need not wait for it.
            self._go_on(waits=False)
            if refused is raised:
                return  # as the block raised it
            raise refused from None
        group.units += 1
        if is_first:
            group.since = monotonic()
        sleep = self._go_on(waits=True)
        if sleep is not None:
            sleep.acquire()
        if group.failure is not None:
            # One error object in two threads would grow two tracebacks.
            raise copy(group.failure) from None

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
            self._go_on(waits=False)

    def _go_on(self, *, waits: bool) -> "threading.Lock | None":
        """End this thread's turn; return what its unit has to wait for, where another commits it."""
        self._holder = 0
        group = self._group
        try:
            if group is not None:
                if self._queue and not self._is_full(group):
                    sleep = _held() if waits else None
                    if self._pass_on(group, sleep):
                        return sleep
                self._commit(group)
        except BaseException:
            self._end_turn()
            raise
        self._end_turn()
        return None

    def _is_full(self, group: _Group) -> bool:
        return (
            group.alone
            or group.units >= MOST_UNITS
            or monotonic() - group.since > self.longest_seconds
        )

    def _pass_on(self, group: _Group, sleep: "threading.Lock | None") -> bool:
        """Hand the open transaction to who waits longest; False where that one wants none."""
        with self._mutex:
            if not self._queue or self._queue[0].alone:
                return False
            if sleep is not None:
                group.sleeping.append(sleep)
            self._queue.popleft().lock.release()
        return True

    def _end_turn(self) -> None:
        with self._mutex:
            if self._queue:
                self._queue.popleft().lock.release()
            else:
                self._is_taken = False

    # -- the transaction ---------------------------------------------------------------------------

    def _open(self, *, alone: bool) -> _Group:
        """Begin a transaction."""
        self._refuse_unsound()
        connection = self._engine.connect()
        try:
            connection.begin()
            self._check()
        except BaseException:
            connection.close()
            raise
        driver = cast("_Driver", connection.connection.driver_connection)
        self._group = _Group(connection, driver, alone=alone)
        return self._group

    def _refuse_unsound(self) -> None:
        if self._unsound:
            raise Unavailable(
                f"database: nothing is written any more after {self._unsound}",
                hint="check the disk, then start again",
            )

    def _undo(self, group: _Group, *, is_first: bool) -> None:
        """Undo the unit at hand; where that cannot be, or SQLite undid more, all of the transaction fail."""
        if not is_first and group.driver.in_transaction:
            try:
                group.driver.execute("ROLLBACK TO unit")
                group.driver.execute("RELEASE unit")
            except sqlite3.Error as exc:
                self._refused(exc)
            else:
                return
        self._end(group, undone())

    def _commit(self, group: _Group) -> None:
        """Make all units durable, or fail them all; they are woken in either case."""
        failure: BaseException | None = Unavailable("database: the commit was interrupted")
        try:
            self._refuse_unsound()
            group.connection.commit()
            self._check()
            failure = None
        except Exception as exc:  # noqa: BLE001 - each unit raises it in its own thread
            failure = self._refused(exc)
        finally:
            self._end(group, failure)

    def _end(self, group: _Group, failure: BaseException | None) -> None:
        self._group = None
        group.failure = failure
        with suppress(DBAPIError, sqlite3.Error):
            # A COMMIT that failed may leave it open, and SQLAlchemy takes it for ended.
            if group.driver.in_transaction:
                group.driver.execute("ROLLBACK")
        with suppress(DBAPIError, sqlite3.Error):
            group.connection.close()
        for sleep in group.sleeping:
            sleep.release()

    def _refused(self, error: BaseException) -> BaseException:
        """Return the error as ours; remember one after which nothing may be written any more."""
        if isinstance(error, DBAPIError):
            error = named(error.orig)
        elif isinstance(error, sqlite3.Error):
            error = named(error)
        if isinstance(error, Failed) and error.is_unsound and not self._unsound:
            self._unsound = error.code
            self.on_unsound(error)
        return error


class _Unit(AbstractContextManager[Connection]):
    """One unit of work. A class, because every write makes one and generators cost more."""

    __slots__ = ("_alone", "_commit", "_group")

    def __init__(self, commit: GroupCommit, *, alone: bool) -> None:
        self._commit = commit
        self._alone = alone

    def __enter__(self) -> Connection:
        self._group = self._commit._enter(alone=self._alone)  # noqa: SLF001 - one thing in two classes
        return self._group.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self._commit._exit(self._group, error)  # noqa: SLF001 - as above


def named(error: BaseException | None) -> Failed:
    """Return a driver's failure as ours: its own text may repeat a statement's parameters."""
    kind = type(error).__name__
    hint = None
    if kind == "OperationalError":
        hint = "is it running, and is there room on its disk?"
    return Failed(
        f"database: {kind}",
        hint=hint,
        code=getattr(error, "sqlite_errorname", kind),
        is_unsound=getattr(error, "sqlite_errorcode", 0) & _KIND in _UNSOUND,
    )


def undone() -> Unavailable:
    """Return what is raised where the engine itself has undone a transaction."""
    return Unavailable("database: the transaction was undone")


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


def _nothing(_failure: Failed) -> None:
    pass
