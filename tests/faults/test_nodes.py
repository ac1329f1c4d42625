"""Two nodes on one PostgreSQL: the server dies under them, one is stopped and goes on, and the log is one."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.faults.hurting import Writing, lost, prepare, start
from tests.support.postgres import EMPTY, Cluster
from tests.support.recording import Place
from tests.support.tally import Tally

pytestmark = pytest.mark.clause("2.6")


@pytest.fixture
def place(postgres_cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    """Give a log whose databases are both on the server."""
    with postgres_cluster.database(EMPTY) as url, postgres_cluster.database(EMPTY) as keys:
        place = Place(tmp_path, url, keys)
        prepare(place)
        yield place


def backends(url: str) -> list[int]:
    """Return the server's processes that serve this database."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return [row[0] for row in found]


def crash(cluster: Cluster, url: str) -> None:
    """Kill a process of the server: it ends all of them without a word and recovers from its log."""
    os.kill(backends(url)[0], signal.SIGKILL)
    deadline = time.monotonic() + 30
    time.sleep(0.2)
    while not cluster.is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(*writings: Writing) -> list[str]:
    """Wait for the processes and return what they acknowledged."""
    for writing in writings:
        writing.end(120)
    return [ref for writing in writings for ref in writing.acknowledged]


@pytest.mark.parametrize("crashes", [2, pytest.param(15, marks=pytest.mark.long)])
@pytest.mark.timeout(600)
def test_a_server_killed_under_two_racing_nodes_loses_nothing_it_acknowledged(
    postgres_cluster: Cluster, place: Place, tally: Tally, crashes: int
) -> None:
    nodes = [start(place, boot=f"boot-{number}", threads=4, each=60 * crashes) for number in (1, 2)]
    for _ in range(crashes):
        for node in nodes:
            node.read(30)
        with contextlib.suppress(IndexError):
            crash(postgres_cluster, place.url)
    acknowledged = ended(*nodes)
    tally.add(crashes, acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    assert any(node.said("refused") for node in nodes)


@pytest.mark.long
def test_a_node_that_was_stopped_goes_on_where_the_log_has_moved(
    place: Place, tally: Tally
) -> None:
    first = start(place, boot="boot-1", threads=3, each=100_000)
    other = start(place, boot="boot-2", threads=3, each=100_000)
    first.read(10)
    other.read(10)
    first.drain()
    # It may hold the head's lock: then the server ends its transaction after a while.
    other.read(40)
    first.resume()
    first.read(60)
    for node in (first, other):
        node.process.kill()
    acknowledged = ended(first, other)
    tally.add(acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    assert {ref.split(".")[0] for ref in acknowledged} == {"boot-1", "boot-2"}
