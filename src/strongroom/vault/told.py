"""Keeps what carriers and notifications said of a delivery, each with who said so, of when, and when we heard it [2.1].

What the Orders API says is kept merged, in the record's own row: it comes with every page. What others say comes seldom
and decides as well, so each of them has a row. No personal data: a status and instants.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.policy.dating import Told
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.terms import PeriodId, RecordNumber

ORIGINS: Final = frozenset(
    {
        "OrderChangeNotification.ORDER_CHANGE",
        "FulfillmentOrderStatusNotification.FULFILLMENT_ORDER_STATUS",
        "easyShip_2022-03-23.getScheduledPackage",
        "easyShip_2022-03-23.createScheduledPackage",
        "easyShip_2022-03-23.updateScheduledPackages",
        "fulfillmentOutbound_2020-07-01.getFulfillmentOrder",
        "fulfillmentOutbound_2020-07-01.getPackageTrackingDetails",
        "fulfillmentOutbound_2026-07-04.getOrder",
        "fulfillmentOutbound_2026-07-04.listOrders",
        "shippingV2.getTracking",
    }
)

_table: Final = schema.delivery_fact


def keep(
    tx: Transaction,
    origin: str,
    told: Iterable[tuple[RecordNumber, Sighting]],
    now: datetime,
) -> None:
    """Keep what one document said of deliveries; an origin's latest word stands for its earlier ones."""
    if origin not in ORIGINS:
        return
    for number, sighting in told:
        # What is still to come is a promise or an error, and would postpone: it counts as now.
        said_at = min(_said_at(sighting.facts), int(now.timestamp()))
        if sighting.facts.status is Progress.UNKNOWN and not said_at:
            continue
        here = (_table.c.record_number == number, _table.c.origin == origin)
        values = {"status": int(sighting.facts.status), "said_at": said_at, "seen_at": now}
        if not tx.execute(_table.update().where(*here).values(**values)).rowcount:
            tx.execute(_table.insert().values(record_number=number, origin=origin, **values))


def _said_at(facts: SightedFacts) -> int:
    """Return the instant that a fact is about: the delivery's or the change's, else the purchase's."""
    return facts.delivered_at or facts.shipped_at or facts.updated_at or facts.purchased_at


def of(tx: Transaction, number: RecordNumber) -> list[Told]:
    """Return what others than the Orders API said of one record's delivery, by who said it."""
    query = sa.select(_table).where(_table.c.record_number == number).order_by(_table.c.origin)
    return [
        Told(row.origin, Progress(row.status), row.said_at, row.seen_at)
        for row in tx.execute(query)
    ]


def undelivered(tx: Transaction, periods: Iterable[PeriodId], most: int) -> list[sa.Row[Any]]:
    """Return the keys' rows of records that lie under pending periods, those longest unseen first."""
    key = schema.record_key.c
    query = (
        sa.select(
            key.record_number,
            key.seller_id,
            key.status,
            key.purchased_at,
            key.seen_open_at,
            key.period_id,
        )
        .where(key.period_id.in_(list(periods)))
        .order_by(key.seen_open_at, key.record_number)
        .limit(most)
    )
    return list(tx.execute(query))
