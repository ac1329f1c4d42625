"""A private PostgreSQL for one test run.

The cluster lives in a temporary directory, listens on a Unix socket in it and nowhere else, keeps
fsync on (the durability tests rely on it), and ends with the run: `stop` is called by the fixture,
and on Linux the kernel stops the server should the test process be killed.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.support import scratch

OLDEST_VERSION = 15
USER = "strongroom"
EMPTY = "template1"
MADE = "made"

# Settings of the server, not of the system: no port, one directory, real durability.
SERVER_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "logging_collector": "off",
    "max_connections": "100",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
}

START_TIMEOUT_SECONDS = 60
REMEDY = (
    "install PostgreSQL 15 or newer (as root on Debian `make test` does it; else: apt-get install"
    " postgresql), or name its folder in STRONGROOM_TEST_PG_BIN"
)


class PostgresMissingError(Exception):
    """PostgreSQL could not be found or started; the message holds the remedy."""


class Cluster:
    """A running server that makes databases."""

    def __init__(
        self,
        directory: Path,
        process: subprocess.Popen[bytes],
        as_user: list[str],
        programs: Path,
    ) -> None:
        self.directory = directory
        self._process = process
        self._as_user = as_user
        self._programs = programs
        self._template = EMPTY
        self._numbers = count(1)

    @property
    def pid(self) -> int:
        """The postmaster's process id, for tests that kill it."""
        return self._process.pid

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database of this cluster."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.directory}"

    def prepare(self, create: Callable[[str], None]) -> None:
        """Have `create` make the tables that every database begins with from now on."""
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(MADE)))
        create(self.url(MADE))
        self._template = MADE

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """Yield the URL of a fresh copy of `template`, else of what was prepared; drop it afterwards, open or not."""
        template = template or self._template
        name = f"test_{next(self._numbers)}"
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        try:
            yield self.url(name)
        finally:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def standby(self) -> Cluster:
        """Return a standby of this server, which streams what it writes."""
        directory = Path(tempfile.mkdtemp(prefix="sr-pg-", dir=scratch.place()))
        try:
            as_user = _become_unprivileged(directory)
            _as_owner(
                as_user,
                [
                    self._programs / "pg_basebackup",
                    f"--host={self.directory}",
                    f"--username={USER}",
                    f"--pgdata={directory / 'data'}",
                    "--write-recovery-conf",
                    "--wal-method=stream",
                    "--checkpoint=fast",
                    "--no-sync",
                ],
                directory,
            )
            return _serve(as_user, self._programs, directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    def order(self, statement: str) -> Any:
        """Run one statement of an operator, which waits for no standby; return the first column of its row."""
        connection = self._connect()
        try:
            connection.execute("SET synchronous_commit = local")
            found = connection.execute(sql.SQL(statement))
            row = found.fetchone() if found.description else None
        finally:
            connection.close()
        return row and row[0]

    def await_standby(self, names: str) -> None:
        """Have each commit wait for a standby of these names from now on; for none where it is empty."""
        self.order(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.order("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Let a standby take over."""
        assert self.order("SELECT pg_promote(true, 60)")

    def kill(self) -> None:
        """End the server and what it started at once, without a word to anybody."""
        self.signal_all(signal.SIGKILL)
        self._process.wait(timeout=20)

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and to what it started."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        for pid in [self.pid, *map(int, children.split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def halt(self) -> None:
        """Stop the server and keep its files."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=20)

    def resume(self) -> None:
        """Serve the files again."""
        self._process = _serve(self._as_user, self._programs, self.directory)._process

    def is_ready(self) -> bool:
        """Return whether the server takes connections."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server, kill it if it lingers, and remove its files."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(timeout=20)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.directory), dbname="postgres", user=USER, autocommit=True
        )

    def _run(self, statement: sql.Composed) -> None:
        # `with connect()` would open a transaction, in which no database can be made.
        connection = self._connect()
        try:
            connection.execute(statement)
        finally:
            connection.close()


def start() -> Cluster:
    """Return a running cluster of its own.

    Raises: PostgresMissingError with the remedy.
    """
    programs = _find_programs()
    # Not pytest's tmp_path: another user must reach it, and a socket path holds 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="sr-pg-", dir=scratch.place()))
    try:
        as_user = _become_unprivileged(directory)
        _make_cluster(as_user, programs, directory)
        return _serve(as_user, programs, directory)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def _find_programs() -> Path:
    named = os.environ.get("STRONGROOM_TEST_PG_BIN")
    on_path = shutil.which("initdb")
    candidates = [
        *([Path(named)] if named else []),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True),
        *([Path(on_path).parent] if on_path else []),
    ]
    for programs in candidates:
        if (programs / "postgres").exists() and _version_of(programs) >= OLDEST_VERSION:
            return programs
    raise PostgresMissingError(REMEDY)


def _version_of(programs: Path) -> int:
    try:
        said = subprocess.run(
            [programs / "initdb", "--version"], check=True, capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    # "initdb (PostgreSQL) 15.8 (Debian 15.8-1)", or "16beta1"
    digits = said.split(")", 1)[-1].split(".")[0].strip()
    return int(digits) if digits.isdigit() else 0


def _become_unprivileged(directory: Path) -> list[str]:
    """Return the command prefix that runs a program as the cluster's owner.

    PostgreSQL refuses to run as root, so root lends the directory to another user.
    """
    # Without it a killed test run would leave the server behind.
    watch = ["--pdeathsig", "INT"]
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0:
        return [setpriv, *watch, "--"] if setpriv else []

    owner = _pick_owner()
    os.chown(directory, owner.pw_uid, owner.pw_gid)
    if setpriv:
        ids = ["--reuid", str(owner.pw_uid), "--regid", str(owner.pw_gid), "--clear-groups"]
        return [setpriv, *watch, *ids, "--"]
    runuser = shutil.which("runuser")
    if runuser:
        return [runuser, "-u", owner.pw_name, "--"]
    message = "root needs setpriv or runuser (package util-linux) to start PostgreSQL"
    raise PostgresMissingError(message)


def _pick_owner() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    message = "root needs a user `postgres` or `nobody` to run PostgreSQL as"
    raise PostgresMissingError(message)


def _make_cluster(as_user: list[str], programs: Path, directory: Path) -> None:
    _as_owner(
        as_user,
        [
            programs / "initdb",
            f"--pgdata={directory / 'data'}",
            f"--username={USER}",
            # The directory's mode keeps others out; there is no port.
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            # Only the empty cluster goes unsynced: the server itself syncs.
            "--no-sync",
        ],
        directory,
    )


def _as_owner(as_user: list[str], command: list[Path | str], directory: Path) -> None:
    done = subprocess.run(
        [*as_user, *command], check=False, capture_output=True, text=True, cwd=directory
    )
    if done.returncode != 0:
        message = f"{Path(command[0]).name} failed: {done.stderr.strip()}; {REMEDY}"
        raise PostgresMissingError(message)


def _serve(as_user: list[str], programs: Path, directory: Path) -> Cluster:
    log = directory / "server.log"
    settings = {**SERVER_SETTINGS, "unix_socket_directories": str(directory)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *as_user,
                programs / "postgres",
                "-D",
                directory / "data",
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            # Ctrl-C goes to the tests, which then stop the server in order.
            start_new_session=True,
        )
    cluster = Cluster(directory, process, as_user, programs)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if cluster.is_ready():
            return cluster
        time.sleep(0.02)
    said = log.read_text(errors="replace").strip()
    cluster.stop()
    message = f"PostgreSQL did not start: {said}; {REMEDY}"
    raise PostgresMissingError(message)
