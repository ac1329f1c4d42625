"""The fixtures keep their word: both engines, private, fresh, durable."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.support import postgres


def _execute(url: str, *statements: str) -> list[object]:
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        results = [connection.execute(sa.text(statement)) for statement in statements]
        return [row[0] for row in results[-1]] if results[-1].returns_rows else []


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(database_url: str, turn: int) -> None:
    _execute(database_url, "CREATE TABLE seen (turn integer)", f"INSERT INTO seen VALUES ({turn})")
    assert _execute(database_url, "SELECT turn FROM seen") == [turn]


def test_server_is_durable_and_has_no_port(postgres_url: str) -> None:
    for setting, value in {"fsync": "on", "listen_addresses": ""}.items():
        assert _execute(postgres_url, f"SHOW {setting}") == [value]


def test_others_cannot_enter_its_directory(postgres_cluster: postgres.Cluster) -> None:
    assert postgres_cluster.directory.stat().st_mode & 0o077 == 0


def test_database_is_dropped_even_while_in_use(postgres_cluster: postgres.Cluster) -> None:
    with postgres_cluster.database() as url:
        engine = sa.create_engine(url)
        held = engine.connect()
        held.execute(sa.text("SELECT 1"))
    names = _execute(postgres_cluster.url("postgres"), "SELECT datname FROM pg_database")
    assert sa.make_url(url).database not in names
    held.invalidate()
    held.close()
    engine.dispose()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_server_ends_with_a_killed_test_run() -> None:
    code = (
        "import time; from tests.support import postgres; c = postgres.start();"
        "print(c.pid, c.directory, flush=True); time.sleep(60)"
    )
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root
    ) as run:
        assert run.stdout is not None
        pid, directory = run.stdout.readline().split()
        server = psutil.Process(int(pid))
        os.kill(run.pid, signal.SIGKILL)
        psutil.wait_procs([server], timeout=20)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    subprocess.run(["rm", "-rf", directory], check=True)


def test_missing_server_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "OLDEST_VERSION", 99)
    with pytest.raises(postgres.PostgresMissingError, match="install PostgreSQL"):
        postgres.start()


MARKED = """
import pytest

@pytest.mark.clause("2.1", "2.6-a")
def test_chosen(): ...

@pytest.mark.clause("2.6")
def test_other(): ...

@pytest.mark.long
@pytest.mark.clause("2.1")
def test_patient(): ...
"""


def _pytest(file: Path, *options: str) -> str:
    """Run pytest on a file outside the tree with this tree's options and settings."""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest"]
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-v", *options, file],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize(
    ("options", "run"),
    [
        ([], {"chosen", "other"}),
        (["--clause", "2.1"], {"chosen"}),
        (["--clause", "2.1", "--long"], {"chosen", "patient"}),
    ],
)
def test_options_select_by_clause_and_length(
    tmp_path: Path, options: list[str], run: set[str]
) -> None:
    file = tmp_path / "test_marked.py"
    file.write_text(MARKED)
    said = _pytest(file, *options)
    assert {n for n in ("chosen", "other", "patient") if f"test_{n} PASSED" in said} == run


def test_mistyped_clause_stops_the_run(tmp_path: Path) -> None:
    file = tmp_path / "test_marked.py"
    file.write_text(MARKED.replace('"2.6"', '"2.61"'))
    assert "'2.61' is no clause id" in _pytest(file)
