"""Opens a database and hands out transactions: `read()` for a consistent view, `write()` for one durable unit.

SQLite is the embedded default and PostgreSQL the production engine; both run the same Core statements. Whatever a
`write()` block did is durable when the block ends, or never happened. On SQLite one connection writes and checkpoints:
versions up to 3.51.2 can corrupt the WAL when several do. Writes of several threads share its COMMIT (`db/group.py`).
Nothing outside this room, and no page of a database, ever holds a plaintext.
"""

import os
import secrets
import select
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, StaticPool

from strongroom.db.group import Failed, GroupCommit, named
from strongroom.db.moments import Moments
from strongroom.db.turns import RowUnits, durable, flush, hear_warnings, settle
from strongroom.errors import Conflict, Denied, Misconfigured, Tampered, Unavailable

Transaction = Connection
"""One open transaction: what `read()` and `write()` give and every store's method takes."""

_BUSY_TIMEOUT_MS: Final = 5_000
_LONGEST_IDLE: Final = "30s"
"""After which the server ends a transaction whose node says nothing: one that was stopped may hold the log's head."""
_MOST_CONNECTIONS: Final = 15
"""Of one process, all kept: to begin one costs the server more than ten units."""
_CHANGED: Final = "strongroom.changed"
_LIBPQ_PLACES: Final = frozenset({"PGHOST", "PGHOSTADDR", "PGSERVICE"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An instant, stored as whole microseconds since 1970 UTC, so that both engines sort and compare it alike."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Return microseconds; a naive instant is a programming error."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must carry its time zone")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """Return the instant in UTC."""
        del dialect
        if value is None:
            return None
        seconds, micros = divmod(value, 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


class Database:
    """One database, by SQLAlchemy URL (`sqlite:///path` or `postgresql+psycopg://…`).

    Safe to share between threads: on SQLite writers take turns, readers each have a connection of their own.

    Raises:
        Misconfigured: the engine is not one of the two, refuses a setting that durability or erasure needs, or would
            be reached over a network without verified TLS [1.5].

    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if not self.is_sqlite and parsed.drivername != "postgresql+psycopg":
            raise Misconfigured(
                f"database driver {parsed.drivername} is not supported",
                hint="use sqlite:///PATH or postgresql+psycopg://…",
            )
        if not self.is_sqlite:
            _refuse_open_network(parsed)
        self.path = Path(parsed.database) if self.is_sqlite and parsed.database else None
        self._lock = threading.Lock()
        self._moments = Moments()
        self.kept = self._moments.kept
        """Within `at_once()`, returns for a key what was made for it first."""
        self._versions: dict[str, int] = {}
        self._next_version = count(1)
        self._files = () if self.path is None else (str(self.path), f"{self.path}-wal")
        self._inodes: tuple[int, ...] = ()
        self._handles: dict[str, int] = {}
        if self.is_sqlite:
            arguments: dict[str, Any] = {
                "connect_args": {
                    "check_same_thread": False,
                    "isolation_level": None,
                    "timeout": 5.0,
                }
            }
            self._writer = sa.create_engine(
                url, poolclass=StaticPool, hide_parameters=True, **arguments
            )
            self._reader = sa.create_engine(
                url, poolclass=NullPool, hide_parameters=True, **arguments
            )
            event.listen(self._writer, "connect", _prepare_sqlite_writer)
            event.listen(self._reader, "connect", _prepare_sqlite_reader)
            event.listen(self._writer, "begin", _begin_immediate)
            event.listen(self._reader, "begin", _begin_deferred)
            self._group = GroupCommit(self._writer, self._refuse_replaced_file)
        else:
            self._writer = _postgres(url)
            self._reader = _reading(self._writer)
            self._rows = RowUnits()

    @staticmethod
    def within(directory: Path, url: str) -> str:
        """Return the URL with a relative SQLite path taken from `directory`, not from where the process was started.

        Raises:
            Misconfigured: it is no URL.

        """
        parsed = _parse(url)
        if parsed.get_backend_name() != "sqlite" or not parsed.database:
            return url
        path = (directory / parsed.database).resolve()
        return parsed.set(database=str(path)).render_as_string(hide_password=False)

    @staticmethod
    def place(url: str) -> tuple[object, ...]:
        """Return where a URL leads: two that lead to one database give the same, whatever else they say."""
        parsed = _parse(url)
        if parsed.get_backend_name() == "sqlite":
            return (str(Path(parsed.database or "").resolve()),)
        host = parsed.query.get("host", parsed.host)
        return host, parsed.query.get("port", str(parsed.port or 5432)), parsed.database

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Give a transaction that sees one consistent state and writes nothing.

        What it saw of this process's own writes is durable when the block ends.

        Raises:
            Unavailable: the database does not answer, or it is not known whether it keeps what was seen.

        """
        if (held := self._moments.transaction) is not None:
            with _named_failures():
                yield held
            return
        doubts = 0 if self.is_sqlite else self._rows.doubts
        with _named_failures(), self._reader.connect() as connection:
            with connection.begin():
                yield connection
            if self.is_sqlite:
                return
            flushing = self._rows.flushing()
            self._rows.resolve(connection, doubts)
        settle(flushing)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Have every `read()` of this thread see the same state, until the block ends or the thread writes.

        Raises:
            Unavailable: as `read`.

        """
        if self._moments.transaction is not None:
            yield
            return
        with self.read() as tx, self._moments.of(tx):
            yield

    @contextmanager
    def write(self, *, alone: bool = False) -> Iterator[Transaction]:
        """Give a transaction that is durable when the block ends without an error, and undone otherwise.

        On SQLite one block runs at a time, and those of several threads share a COMMIT; each is undone without the
        others. `alone`: it takes long, so no other waits for it. On PostgreSQL statements lock rows.

        Raises:
            Unavailable: the database does not answer or its disk is full; nothing of the block was kept. After an
                error of input or output, every write from then on.
            Tampered: the SQLite file was removed or replaced under us; nothing more is written.

        """
        self._moments.end()
        changed: set[str] = set()
        with self._group.unit(alone=alone) if self.is_sqlite else self._write_rows() as connection:
            connection.info[_CHANGED] = changed
            yield connection
        # After the commit: what is read under the new number has the change in it.
        for name in changed:
            self._versions[name] = next(self._next_version)

    def refuse_nested(self) -> None:
        """Refuse a thread that is in a `write()` already, before it waits for another one. Raises: RuntimeError."""
        if self.is_sqlite:
            self._group.refuse_nested()
        else:
            self._rows.turns.refuse_holder()

    def flush(self) -> None:
        """Return once all that anybody could have seen by now is durable, whoever wrote it.

        Raises:
            Unavailable: the database does not answer.

        """
        # On SQLite nobody sees what is not durable.
        if not self.is_sqlite:
            with _named_failures():
                flush(self._writer)

    def version(self, name: str) -> int:
        """Return another number after every durable change that `mark_changed` told of, through this object."""
        return self._versions.get(name, 0)

    @contextmanager
    def _write_rows(self) -> Iterator[Transaction]:
        with _named_failures(), self._rows.unit(self._writer) as connection:
            yield connection

    def on_unsound(self, stop: Callable[[Failed], None]) -> None:
        """Have `stop` called, by whichever thread meets it, once nothing may be written any more to a SQLite file."""
        if self.is_sqlite:
            self._group.on_unsound = stop

    def switch(self, url: str, tables: Collection[str]) -> None:
        """Reach the same PostgreSQL database by another URL from now on: a new password, or another role.

        Transactions that are open end on their own connections; the next ones use the new URL. `tables` are those that
        whoever it names has to own, as the role before does.

        Raises:
            Conflict: this is a SQLite file, which has no password, or the URL leads to another database.
            Misconfigured: the URL has the wrong form, or leads over a network without verified TLS [1.5].
            Denied: the role it names does not own the tables.
            Unavailable: it does not connect; nothing changed.

        """
        parsed = _parse(url)
        if self.is_sqlite or parsed.drivername != "postgresql+psycopg":
            raise Conflict("only a PostgreSQL database has a password", hint="SQLite has files")
        _refuse_open_network(parsed)
        engine = _postgres(url)
        with self._lock:
            try:
                with _named_failures():
                    self._refuse_elsewhere(engine)
                    _refuse_stranger(engine, tables)
            except BaseException:
                engine.dispose()
                raise
            before, self._writer = self._writer, engine
            self._reader = _reading(engine)
        # What is in use is closed when it is given back: a pool that was disposed of would keep it.
        event.listen(before.pool, "checkin", _close_returned)
        before.dispose()

    def _refuse_elsewhere(self, engine: sa.Engine) -> None:
        """Refuse a connection to another database: there a lock that is held here is free."""
        number = int.from_bytes(secrets.token_bytes(8), signed=True)
        wanted = sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal(number, sa.BigInteger)))
        with self._writer.begin() as here:
            if not here.execute(wanted).scalar_one():  # pragma: no cover - one chance in 2**64
                raise Unavailable("try again")
            with engine.begin() as there:
                if there.execute(wanted).scalar_one():
                    raise Conflict(
                        "the URL leads to another database",
                        hint="a password is rotated in place; moving is another matter",
                    )

    def truncate_wal(self) -> bool:
        """Move the whole write-ahead log into the file and cut it to nothing; False while a reader holds it open.

        Erased bytes stay in the log until this succeeds [2.1]. Always True on PostgreSQL, where files keep old bytes
        whatever is done and only destroyed keys count.
        """
        if not self.is_sqlite:
            return True
        with self._group.pause() as connection:
            raw = connection.connection.driver_connection
            if raw is None:
                return False
            raw.execute("PRAGMA busy_timeout=0")  # the caller decides how long to try
            try:
                row = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                raw.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
            busy, log_frames, _moved = row
            return bool(busy == 0 and log_frames == 0)

    def standbys(self) -> list[str]:
        """Return the names of the servers that follow this one on PostgreSQL, as far as it may be asked; sorted."""
        if self.is_sqlite:
            return []
        with self.read() as tx:
            rows = tx.execute(sa.text("SELECT application_name FROM pg_stat_replication"))
            return sorted({str(row.application_name) for row in rows})

    def raw_bytes(self) -> Iterator[tuple[str, bytes]]:
        """Give name and bytes of each file of a SQLite database, as they lie on the disk; nothing on PostgreSQL.

        The handles stay open as long as the connections. Closing any handle on a file drops every lock that this
        process has on it (POSIX); the next program that closes the file then takes itself for the last one and removes
        the write-ahead log under ours (sqlite.org/howtocorrupt.html, 2.2).
        """
        for file in self._files:
            handle = self._handles.get(file)
            if handle is None and Path(file).exists():
                handle = self._handles[file] = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            if handle is not None:
                yield Path(file).name, _whole(handle)

    def _refuse_replaced_file(self) -> None:
        """Refuse to write into a file that no longer has its name: what is committed there is lost in silence."""
        try:
            inodes = tuple(os.stat(file).st_ino for file in self._files)  # noqa: PTH116 - twice a write: a Path costs more than the call
        except FileNotFoundError:
            inodes = ()
        if not self._inodes:
            self._inodes = inodes
        elif inodes != self._inodes:
            raise Tampered(
                f"{self.path} was removed or replaced while it was open",
                hint="stop, find out by whom, and restore it from a copy",
            )

    def close(self) -> None:
        """Close every connection; the last SQLite connection also folds the log into the file."""
        self._writer.dispose()
        self._reader.dispose()
        while self._handles:
            os.close(self._handles.popitem()[1])
        self._inodes = ()


def mark_changed(tx: Transaction, name: str) -> None:
    """Have what is remembered of `name` read anew once this `write()` is durable."""
    tx.info[_CHANGED].add(name)


class Bulk:
    """One statement for many rows, compiled once for each engine.

    SQLAlchemy builds and checks a dictionary of parameters for every row, which on the gateway's hot path costs more
    than SQLite's own work; here the rows are tuples in the order of `parameters`.
    """

    def __init__(
        self, statement: sa.Insert | sa.Update | sa.Delete, parameters: Sequence[str]
    ) -> None:
        self._statement = statement
        self._parameters = tuple(parameters)
        self._sql = ""
        self._order: Callable[[Sequence[Any]], tuple[Any, ...]] | None = None
        self._is_ordered = False

    def run(self, tx: Transaction, rows: Sequence[Sequence[Any]]) -> None:
        """Execute the statement once for each row; each value is what the column's own type stores."""
        if tx.dialect.name != "sqlite":
            names = self._parameters
            tx.execute(self._statement, [dict(zip(names, row, strict=True)) for row in rows])
            return
        if self._order is None:
            compiled = self._statement.compile(dialect=tx.dialect, column_keys=self._parameters)
            wanted = [self._parameters.index(name) for name in compiled.positiontup or ()]
            self._sql = str(compiled)
            self._order = itemgetter(*wanted)
            self._is_ordered = wanted == list(range(len(self._parameters)))
        if not self._is_ordered:
            rows = [self._order(row) for row in rows]
        tx.exec_driver_sql(self._sql, cast("list[tuple[Any, ...]]", rows))


def _close_returned(_connection: object, record: ConnectionPoolEntry) -> None:
    record.invalidate()


def _postgres(url: str) -> sa.Engine:
    engine = sa.create_engine(
        url, hide_parameters=True, pool_size=_MOST_CONNECTIONS, max_overflow=0
    )
    event.listen(engine, "connect", _prepare_postgres)
    event.listen(engine, "checkout", _refuse_ended)
    return engine


def _refuse_ended(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 - psycopg's own object
    """Have the pool open another connection where the server has ended this one.

    It says something then, or closes: a look at the socket, instead of a question and its answer for each unit.
    """
    if connection.closed:
        raise DisconnectionError
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    if watch.poll(0):
        raise DisconnectionError


def _prepare_postgres(connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - psycopg's own object
    hear_warnings(connection, record.info)
    connection.execute(f"SET idle_in_transaction_session_timeout = '{_LONGEST_IDLE}'")
    # Said by the session itself: else whoever turns it off for the server reaches us by a reload, and nothing would be
    # durable when it is said to be.
    connection.execute(f"SELECT {durable(for_session=True)}")
    connection.commit()


def _reading(writer: sa.Engine) -> sa.Engine:
    # Its default gives each statement a state of its own.
    return writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _refuse_stranger(engine: sa.Engine, tables: Collection[str]) -> None:
    """Refuse a role that could not do everything with the tables, migrations included."""
    owned = sa.text(
        "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
        " AND tablename = ANY(:tables) AND pg_has_role(tableowner, 'USAGE')"
    )
    with engine.begin() as there:
        if there.execute(owned, {"tables": list(tables)}).scalar_one() != len(tables):
            raise Denied(
                "the role that the URL names does not own the tables",
                hint="GRANT the role before to the new one, or keep the role",
            )


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # Its own message repeats the URL, password included.
        raise Misconfigured(
            "a database URL has the wrong form",
            hint="use sqlite:///PATH or postgresql+psycopg://…",
        ) from None


def _refuse_open_network(url: URL) -> None:
    """Refuse a PostgreSQL server that is neither behind a local socket nor behind verified TLS [1.5]."""
    given = url.query.get("host", url.host or "")
    hosts = given.split(",") if isinstance(given, str) else given
    is_local = all(not host or host.startswith("/") for host in hosts)
    if "service" in url.query or "hostaddr" in url.query:
        raise Misconfigured(
            "a PostgreSQL URL must name its host itself, not by service or hostaddr",
            hint="use host= and port=",
        )
    if not given and _LIBPQ_PLACES & os.environ.keys():
        is_local = False  # libpq would take the host from there
    if not is_local and url.query.get("sslmode") != "verify-full":
        raise Misconfigured(
            "PostgreSQL over a network needs sslmode=verify-full",
            hint="add ?sslmode=verify-full&sslrootcert=FILE, or use its local socket",
        )


def _whole(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    parts: list[bytes] = []
    done = 0
    while done < size and (part := os.pread(handle, size - done, done)):
        parts.append(part)
        done += len(part)
    return b"".join(parts)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _prepare_sqlite_writer(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's own object
    """Set, and read back, what durability and erasure rest on: bundled libraries differ in their defaults."""
    wanted = (
        ("journal_mode", "WAL", "wal"),
        ("synchronous", "FULL", 2),
        ("secure_delete", "ON", 1),
        ("foreign_keys", "ON", 1),
        ("temp_store", "MEMORY", 2),
        ("trusted_schema", "OFF", 0),
    )
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    for name, setting, expected in wanted:
        connection.execute(f"PRAGMA {name}={setting}")
        (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
        if actual != expected:
            raise Misconfigured(
                f"sqlite does not accept {name}={setting}",
                hint="use another build of SQLite, or PostgreSQL",
            )


def _prepare_sqlite_reader(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's own object
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA temp_store=MEMORY")


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except DBAPIError as exc:
        raise named(exc.orig) from None
    except PoolTimeoutError:
        raise Unavailable(
            "database: too many transactions are open", hint="try again; is its server slow?"
        ) from None
