"""Measures a day of disposal: what destroying its key costs, however many records it locks, and how fast rows go.

The records of the day are copies of one that was sealed: what is destroyed and removed is not looked into.
"""

import itertools
import time
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.app import System, machine_clock
from strongroom.bench.figures import Part, Row
from strongroom.bench.stage import Stage, register
from strongroom.db import schema
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import Caller, PeriodId, Scalar, SellerId
from strongroom.vault import PeriodKind

_BATCH: Final = 500
_FEW: Final = 1_000
_FIRST: Final = 1 << 30
"""Far above the numbers of real records, and within a token's forty bits."""
_NAME, _EMAIL = 8, 16
_RECORD_BYTES: Final = 600


def measure(stage: Stage, *, records: int) -> list[Row]:
    """Return the rows of a day of so many records, beside a day of a few."""
    few_records = min(_FEW, records)
    with stage.system() as system:
        seller, caller, _app = register(system, "https://127.0.0.1:1", None)
        few, many = (
            _destroy(system, _filled(system, seller, caller, count, day))
            for day, count in ((1, few_records), (2, records))
        )
        began = time.perf_counter()
        report = system.vault.sweep(machine_clock())
        took = time.perf_counter() - began
    return [
        Row(
            Part.DISPOSAL,
            f"destroy the key of a day with {records:,} records",
            "ms",
            many * 1000,
            f"a day with {few_records:,}",
            few * 1000,
            100.0,
        ),
        Row(
            Part.DISPOSAL,
            "remove the rows of a destroyed day",
            "/s",
            report.purged / took,
            "",
            None,
            40_000.0,
        ),
    ]


def _destroy(system: System, period: PeriodId) -> float:
    began = time.perf_counter()
    system.keystore.destroy([period], machine_clock())
    return time.perf_counter() - began


def _filled(system: System, seller: SellerId, caller: Caller, count: int, day: int) -> PeriodId:
    """Put so many records under a key of their own, and return it."""
    now = machine_clock()
    today = int(now.timestamp()) // 86_400
    facts = SightedFacts(Progress.SHIPPED, int((now - timedelta(days=day)).timestamp()))
    slots: dict[SlotKey, Scalar] = {_NAME: "Jane Doe", _EMAIL: f"{day}@example.invalid"}
    (placed,) = system.vault.put(
        seller,
        [Sighting("order", f"902-{day}", slots, facts)],
        caller=caller,
        op="ordersV0.getOrders",
        now=now,
    )
    period, _made = system.keystore.period(seller, PeriodKind.DAY, today + 400 + day, now)
    with system.database.read() as tx:
        query = sa.select(schema.record_key)
        query = query.where(schema.record_key.c.record_number == placed.number)
        key = dict(tx.execute(query).mappings().one())
    numbers = range(_FIRST * day, _FIRST * day + count)
    for start in range(0, count, _BATCH * 10):
        chunk = numbers[start : start + _BATCH * 10]
        with system.database.write() as tx:
            tx.execute(
                schema.record.insert(),
                [
                    {
                        "number": number,
                        "seller_id": seller,
                        "subject_ref": number.to_bytes(16, "big"),
                        "state": 1,
                        "version": 1,
                        "slot_names": "",
                        "blob": bytes(_RECORD_BYTES),
                        "source_updated": 0,
                    }
                    for number in chunk
                ],
            )
            tx.execute(
                schema.record_key.insert(),
                [{**key, "record_number": number, "period_id": period.id} for number in chunk],
            )
            tags = itertools.chain.from_iterable(
                ((number * 2, number), (number * 2 + 1, number)) for number in chunk
            )
            tx.execute(
                schema.search_tag.insert(),
                [
                    {"period_id": period.id, "tag": tag, "record_number": number}
                    for tag, number in tags
                ],
            )
    return period.id
