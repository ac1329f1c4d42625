"""Fixtures and options that every test may use.

`database_url` runs a test on SQLite and on PostgreSQL; a store test asks for nothing else. Its tables are there.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support import postgres, scratch, tables, tally

# Read by pytest when the first test asks for a directory; the workers of a parallel run inherit it.
os.environ["PYTEST_DEBUG_TEMPROOT"] = str(scratch.place())

# "2.1" as the policy prints it, or one duty of it, "2.1-a".
CLAUSE_ID = re.compile(r"[0-4](\.[1-7])?(-[a-z]+)*")

hypothesis.settings.register_profile(
    "strongroom",
    # A busy machine is not a failing test.
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    # The same examples everywhere in CI: a red build means a change broke something.
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("strongroom")


def pytest_configure() -> None:
    """Let the commands under test be interrupted: what runs in the background may have inherited otherwise."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long and --clause."""
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too")
    parser.addoption("--clause", metavar="ID", help="run only the tests that hold this clause")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check the clause marks, put them into reports, and select by the options."""
    wanted = config.getoption("--clause")
    run_long = config.getoption("--long")
    kept, left_out = [], []
    for item in items:
        clauses = _clauses(item)
        item.user_properties.extend(("clause", clause) for clause in clauses)
        chosen = wanted is None or wanted in clauses
        if chosen and (run_long or item.get_closest_marker("long") is None):
            kept.append(item)
        else:
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the fault tests of this run counted."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    if line := tally.told(reports):
        terminalreporter.section("faults")
        terminalreporter.write_line(line)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by what they are, not by what they hold: some differ from one process to the next."""
    return "bytes" if isinstance(val, bytes) and not (val.isascii() and val.isalnum()) else None


def _clauses(item: pytest.Item) -> list[str]:
    clauses = []
    for mark in item.iter_markers("clause"):
        if not mark.args or mark.kwargs:
            message = f"{item.nodeid}: mark it as @pytest.mark.clause('2.1')"
            raise pytest.UsageError(message)
        for clause in mark.args:
            if not isinstance(clause, str) or not CLAUSE_ID.fullmatch(clause):
                message = f"{item.nodeid}: {clause!r} is no clause id, such as '2.1' or '2.1-a'"
                raise pytest.UsageError(message)
            clauses.append(clause)
    return clauses


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """The run's private PostgreSQL server; a test fails, never skips, where it can't start."""
    try:
        cluster = postgres.start()
    except postgres.PostgresMissingError as exc:
        pytest.fail(str(exc), pytrace=False)
    try:
        cluster.prepare(tables.create)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: postgres.Cluster) -> str:
    """URL of the server's maintenance database; for a database to write to see the next one."""
    return postgres_cluster.url("postgres")


@pytest.fixture
def postgres_database(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    """URL of a PostgreSQL database with tables and no rows, dropped after the test."""
    with postgres_cluster.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database with tables and no rows: a SQLite file, then a PostgreSQL database."""
    if request.param == "sqlite":
        return tables.copy_to(tmp_path / "test.db")
    # Asked for by name, so that the SQLite half needs no server.
    url: str = request.getfixturevalue("postgres_database")
    return url
