"""Many threads and two processes that append to one log on PostgreSQL: the head moves on, and nobody asks twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.faults.hurting import lost, prepare, start
from tests.support.audit import NOW, Bench, revealed
from tests.support.postgres import EMPTY, Cluster
from tests.support.recording import Place

from strongroom.db.engine import Database
from strongroom.db.schema import period_replacement

pytestmark = pytest.mark.clause("2.6")


@pytest.fixture
def bench(postgres_database: str, tmp_path: Path) -> Iterator[Bench]:
    """An empty log on PostgreSQL."""
    database = Database(postgres_database)
    yield Bench(database, tmp_path / "checkpoint")
    database.close()


class Undone(Exception):
    """Ends a unit without a commit."""


def test_threads_of_one_process_never_find_the_head_moved(bench: Bench) -> None:
    """Each that did would ask for it anew, and while it asks the next one moves it."""
    log, asked = bench.start(), []
    bench.fill(log, 1)
    sa.event.listen(
        bench.database._writer,
        "before_cursor_execute",
        lambda _c, _cursor, sql, *_rest: asked.append(sql) if sql.startswith("SELECT") else None,
    )

    def work(start: int) -> None:
        for number in range(start, start + 15):
            bench.fill(log, 1, start=number)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert asked == []
    assert [entry.body["nseq"] for entry in log.events()] == list(range(121))
    assert log.verify().faults == []


def test_units_that_fail_among_others_take_only_their_own_events_along(bench: Bench) -> None:
    log, undone = bench.start(), []

    def work(start: int) -> None:
        for number in range(start, start + 12):
            try:
                unit(number)
            except Undone:
                undone.append(number)

    def unit(number: int) -> None:
        with bench.database.write() as tx:
            row = {"period_id": number, "replace_by": 2}
            tx.execute(sa.insert(period_replacement), row)
            log.append(tx, revealed(number), now=NOW)
            if number % 3 == 0:
                raise Undone

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with bench.database.read() as tx:
        rows = set(tx.execute(sa.select(period_replacement.c.period_id)).scalars())
    assert {int(entry.body["obj"]["ref"]) for entry in log.events()} == rows
    assert not rows & set(undone)
    assert len(rows) + len(undone) == 72
    assert [entry.body["nseq"] for entry in log.events()] == list(range(len(rows)))
    assert log.verify().faults == []


def test_two_processes_of_many_threads_refuse_nothing_and_lose_nothing(
    postgres_cluster: Cluster, tmp_path: Path
) -> None:
    with postgres_cluster.database(EMPTY) as url, postgres_cluster.database(EMPTY) as keys:
        place = Place(tmp_path, url, keys)
        prepare(place)
        nodes = [start(place, boot=f"boot-{number}", threads=3, each=12) for number in (1, 2)]
        for node in nodes:
            node.end(60)
            assert node.said("refused") == []
        acknowledged = [ref for node in nodes for ref in node.acknowledged]
        assert len(acknowledged) == 72
        assert lost(place, acknowledged) == 0
