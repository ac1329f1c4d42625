"""The tables of syncs, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.sync.checkpoints import REMEMBERED, Checkpoint, Checkpoints, Subscription
from strongroom.terms import SellerId

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACME, GLOBEX = SellerId(1), SellerId(2)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    with opened.write() as tx:
        for id_, name in ((ACME, "acme"), (GLOBEX, "globex")):
            tx.execute(
                schema.seller.insert().values(
                    id=id_, name=name, region="eu", marketplaces="", endpoint="", lwa_url="",
                    secrets=b"", created_at=NOW,
                )
            )  # fmt: skip
    yield opened
    opened.close()


def test_a_place_is_kept_for_each_partner_and_stream(database: Database) -> None:
    checkpoints = Checkpoints(database)
    assert checkpoints.of(ACME, "orders") == Checkpoint()
    place = Checkpoint(NOW, NOW, NOW + timedelta(hours=1), 7, "ticket", "50000000001")
    checkpoints.put(ACME, "orders", place, NOW)
    checkpoints.put(ACME, "report.X", Checkpoint(), NOW)
    assert checkpoints.of(ACME, "orders") == place
    assert place.under_way
    assert not checkpoints.of(GLOBEX, "orders").under_way
    checkpoints.put(ACME, "orders", Checkpoint(NOW), NOW)
    assert checkpoints.of(ACME, "orders") == Checkpoint(NOW)


def test_a_subscription_stays_whose_it_is(database: Database) -> None:
    checkpoints = Checkpoints(database)
    assert checkpoints.subscription("s-1") is None
    for merchant, expected in ((None, None), ("aa", "aa"), ("bb", "aa")):
        with database.write() as tx:
            checkpoints.adopt(tx, Subscription("s-1", ACME, merchant), NOW)
        assert checkpoints.subscription("s-1") == Subscription("s-1", ACME, expected)
    assert checkpoints.merchants() == {"aa": ACME}
    checkpoints.state(ACME, "cc")
    assert checkpoints.merchants() == {"cc": ACME}
    assert (checkpoints.subscribed(ACME), checkpoints.subscribed(GLOBEX)) == (1, 0)


def test_a_notification_is_remembered_for_as_long_as_a_queue_may_have_it(
    database: Database,
) -> None:
    checkpoints = Checkpoints(database)
    with database.write() as tx:
        checkpoints.passed(tx, ACME, "n-1", NOW)
    assert checkpoints.was_passed(ACME, "n-1")
    assert not checkpoints.was_passed(GLOBEX, "n-1")
    checkpoints.forget_old(NOW + timedelta(days=14))
    assert checkpoints.was_passed(ACME, "n-1")
    checkpoints.forget_old(NOW + REMEMBERED + timedelta(seconds=1))
    assert not checkpoints.was_passed(ACME, "n-1")
