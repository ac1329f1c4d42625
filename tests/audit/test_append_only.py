"""The database refuses to change what is recorded, until its owner takes the triggers away."""

import pytest
import sqlalchemy as sa
from tests.support.attacker import owning
from tests.support.audit import NOW, Bench

from strongroom.db.schema import audit_checkpoint, audit_event, audit_head, audit_tile
from strongroom.errors import Unavailable

pytestmark = pytest.mark.clause("2.6")

TABLES = (audit_checkpoint, audit_event, audit_head, audit_tile)
REFUSED = (
    "UPDATE audit_event SET outcome = 'failure' WHERE seq = 3",
    "UPDATE audit_event SET body = NULL WHERE seq = 3",
    "UPDATE audit_event SET seq = 9999 WHERE seq = 3",
    "DELETE FROM audit_event WHERE seq = 3",
    "DELETE FROM audit_event",
    "UPDATE audit_checkpoint SET note = 'x'",
    "DELETE FROM audit_checkpoint",
    "UPDATE audit_tile SET width = width WHERE level = 0",
    "UPDATE audit_tile SET hashes = hashes WHERE level = 1",
    "UPDATE audit_tile SET n = 7 WHERE level = 1",
    "UPDATE audit_tile SET width = width + 1 WHERE level = 1",
    "DELETE FROM audit_tile WHERE level = 1",
)
SQLITE = (
    (
        "REPLACE INTO audit_event SELECT seq, ts, type, actor, 'failure', obj_ref, body, leaf_hash"
        " FROM audit_event WHERE seq = 3"
    ),
    "REPLACE INTO audit_checkpoint SELECT size, 'x', stored_at FROM audit_checkpoint",
    "REPLACE INTO audit_tile SELECT level, n, width, zeroblob(32) FROM audit_tile WHERE level = 1",
    # One hash more, as growing has it, but over another past.
    "UPDATE audit_tile SET width = width + 1, hashes = zeroblob(32 * (width + 1)) WHERE level = 1",
)
POSTGRES = (
    "TRUNCATE audit_event",
    "TRUNCATE audit_checkpoint",
    "TRUNCATE audit_tile",
    (
        "INSERT INTO audit_event SELECT * FROM audit_event WHERE seq = 3"
        " ON CONFLICT (seq) DO UPDATE SET outcome = 'failure'"
    ),
    (
        "UPDATE audit_tile SET width = width + 1,"
        " hashes = decode(repeat('00', 32 * (width + 1)), 'hex') WHERE level = 1"
    ),
)


def rows(bench: Bench) -> list[list[object]]:
    with bench.database.read() as tx:
        return [sorted(map(repr, tx.execute(sa.select(table)))) for table in TABLES]


def test_nothing_recorded_is_changed_or_deleted(bench):
    log = bench.start()
    bench.fill(log, 600)
    log.checkpoint(NOW)
    before = rows(bench)
    for statement in REFUSED + (SQLITE if bench.database.is_sqlite else POSTGRES):
        with pytest.raises(Unavailable), bench.database.write() as tx:
            tx.execute(sa.text(statement))
    assert rows(bench) == before
    # What is added goes on, level above level.
    bench.fill(log, 600, start=600)
    log.checkpoint(NOW)
    assert log.verify().faults == []


def test_the_owner_takes_the_triggers_away_and_the_tree_still_tells(bench):
    """A stated limit: triggers are no evidence."""
    log = bench.start()
    bench.fill(log, 10)
    with owning(bench.database) as tx:
        tx.execute(sa.text(REFUSED[0]))
    assert log.verify().faults == ["event.column: a column of event 3 contradicts its body"]
