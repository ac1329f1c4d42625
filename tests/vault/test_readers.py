"""Who may read now, asked of the database at once: it is what the rule of a grant's state says of each row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.policy.grants import READING
from strongroom.policy.limits import REVIEW_EVERY, REVIEW_GRACE
from strongroom.terms import Action
from strongroom.vault.granted import grant_row, select_grants
from strongroom.vault.grants_listed import readers

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
LATEST = REVIEW_EVERY + REVIEW_GRACE

pytestmark = pytest.mark.clause("1.2", "1.3")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    with database.write() as tx:
        schema.vault.create_all(tx)
        people = {"kind": "person", "created_at": NOW}
        ends = {1: None, 2: NOW - TICK, 3: NOW, 4: None, 5: None, 6: None}
        rows = [people | {"id": i, "name": f"p{i}", "ended_at": at} for i, at in ends.items()]
        tx.execute(sa.insert(schema.principal), rows)
        held = {"frozen": False, "why": "test", "since": NOW, "lifted_at": None}
        tx.execute(
            sa.insert(schema.principal_suspension),
            [
                held | {"principal_id": 4, "until": None},
                held | {"principal_id": 5, "until": NOW},
                held | {"principal_id": 6, "until": NOW + TICK, "lifted_at": NOW},
            ],
        )
        tx.execute(sa.insert(schema.grant), list(_grants()))
    yield database
    database.close()


def _grants() -> Iterator[dict[str, object]]:
    """Give one grant for each mixture of instants at the edge of what counts."""
    edges = (NOW - TICK, NOW, NOW + TICK)
    old = (NOW - LATEST, NOW - LATEST + TICK)
    due = (None, NOW - REVIEW_GRACE, NOW - REVIEW_GRACE + TICK)
    mixtures = product((None, *edges, *old), edges, (None, NOW), due, (None, *old))
    for number, (approved, expires, revoked, review_by, reviewed) in enumerate(mixtures):
        yield {
            "principal_id": number % 6 + 1,
            "action": list(Action)[number % len(Action)].value,
            "purpose": "fulfilment",
            # Of each its own, so that none stands for another.
            "categories": "name" if number % 2 else "name,phone",
            "sellers": "*",
            "requested_by": 1,
            "one_person": False,
            "created_at": NOW,
            "approved_at": approved,
            "expires_at": expires,
            "revoked_at": revoked,
            "review_by": review_by,
            "reviewed_at": reviewed,
        }


@pytest.mark.parametrize("at", [NOW - TICK, NOW])
def test_the_database_finds_whom_the_rule_lets_read(database: Database, at: datetime) -> None:
    table, said = schema.grant, []
    with database.write() as tx:
        for number in tx.execute(sa.select(table.c.id)).scalars().all():
            # One at a time: of several that say the same one would do.
            tx.execute(sa.update(table).values(action=Action.AUDIT.value))
            action = list(READING)[number % len(READING)].value
            tx.execute(sa.update(table).where(table.c.id == number).values(action=action))
            row = grant_row(tx.execute(select_grants().where(table.c.id == number)).one())
            said.append(row.state(at))
            expected = [(row.grant.principal, row.grant.categories)] * (said[-1] == "active")
            found = [(one.principal, one.categories) for one in readers(tx, at)]
            assert found == expected, (number, row)
    assert {"active", "ended", "suspended", "expired", "pending", "revoked"} <= set(said)
