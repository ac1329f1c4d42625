"""Somebody tries to tell canaries from real orders, to read around them, and to be rid of them."""

from __future__ import annotations

import itertools
import random  # noqa: TID251 - seeded, so that a failure comes again
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.attacker import owning
from tests.vault.conftest import (
    APP,
    CITY,
    CONSOLE,
    EMAIL,
    LINE_1,
    NAME,
    NOW,
    PHONE,
    World,
    order,
)

from strongroom.audit.event_types import EventType
from strongroom.db import schema
from strongroom.errors import StrongroomError
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import Sighting
from strongroom.terms import Purpose, RecordNumber, SellerId

pytestmark = pytest.mark.clause("2.6")

SELLER = SellerId(1)
PAGES, PAGE = 24, 100
FIRST = ("Ann", "Bartholomew", "Chloe", "Dimitri", "Ed", "Florentine", "Gus", "Henrietta")
LAST = ("Abel", "Brandenburger", "Cox", "Dunkelmann", "Ernst", "Fitzpatrick", "Gray", "Hu")
COLUMNS = (
    "number",
    "size",
    "version",
    "updated",
    "names",
    "period",
    "wrapped",
    "due",
    "past",
    "status",
    "bought",
    "shipped",
    "open",
)
STREETS = ("Oak Lane", "Upper Brook Street", "Hauptstraße", "Rue Verte", "Am Alten Kirchweg")


def shop_traffic(world: World, pages: int = PAGES) -> set[int]:
    """A month of a shop: pages of new orders, addresses one by one, shipments; return the real records' numbers."""
    rng, numbers, real = random.Random(7), itertools.count(1), set()
    for day in range(pages):
        now = NOW - timedelta(hours=4 * (pages - day))
        page = []
        for _ in range(PAGE):
            n = next(numbers)
            slots: dict[int, Any] = {
                NAME: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
                EMAIL: f"{rng.getrandbits(70):015x}"[:15] + "@marketplace.amazon.de",
            }
            if rng.random() < 0.6:
                slots |= {
                    LINE_1: f"{rng.choice(STREETS)} {rng.randrange(1, 300)}",
                    CITY: rng.choice(("Köln", "Ulm", "Frankfurt am Main")),
                    PHONE: f"+49 151 {rng.randrange(10**7, 10**8)}",
                }
            purchased = now - timedelta(seconds=rng.randrange(30 * 3600))
            page.append(
                order(f"902-{n:07d}-{rng.randrange(10**7):07d}", slots, purchased=purchased)
            )
        placed = world.vault.put(SELLER, page, caller=APP, op="ordersV0.getOrders", now=now)
        real.update(place.number for place in placed)
        shipped = [
            order(one.id, dict(one.slots), status=Progress.SHIPPED, purchased=_bought(one))
            for one in page
            if rng.random() < 0.7
        ]
        later = now + timedelta(hours=3)
        for one in rng.sample(page, 30):
            alone = order(one.id, {13: "NRW"}, status=Progress.UNKNOWN)
            world.vault.put(SELLER, [alone], caller=APP, op="ordersV0.getOrderAddress", now=later)
        world.vault.put(SELLER, shipped, caller=APP, op="ordersV0.getOrders", now=later)
    return real


def _bought(sighting: Sighting) -> Any:
    return NOW.fromtimestamp(sighting.facts.purchased_at, NOW.tzinfo)


def truth(world: World) -> set[int]:
    with world.database.read() as tx:
        flock = world.vault.canaries._flock(tx, SELLER)
    return {canary.record for canary in flock.alive.values()}


def likelihood(of: list[float], among: list[float]) -> float:
    """How often one of the first is greater than one of the second: 0.5 where a value says nothing (AUC)."""
    wins = sum((a > b) + 0.5 * (a == b) for a in of for b in among)
    return wins / (len(of) * len(among))


def test_a_reader_of_every_table_and_of_the_log_cannot_tell_them(sqlite_world: World) -> None:
    """Sizes, dates, states, versions, keys, periods, tags, numbers' places, and mentions in events."""
    world = sqlite_world
    real = shop_traffic(world)
    canaries = truth(world)
    assert len(canaries) >= 15

    record, key, tag = schema.record.c, schema.record_key.c, schema.search_tag.c
    with world.database.read() as tx:
        rows = tx.execute(
            sa.select(
                record.number,
                sa.func.length(record.blob),
                record.version,
                record.source_updated,
                sa.func.length(record.slot_names),
                key.period_id,
                sa.func.length(key.wrapped_dek),
                key.due_at,
                sa.func.length(key.past_periods),
                key.status,
                key.purchased_at,
                key.shipped_at,
                key.seen_open_at,
            ).join(schema.record_key, record.number == key.record_number)
        ).all()
        tags = Counter(tx.execute(sa.select(tag.record_number)).scalars())
    mentioned: Counter[int] = Counter()
    first: dict[int, int] = {}
    size_of_event: dict[int, int] = {}
    for entry in world.audit.events():
        for number in entry.body.get("records", ()):
            mentioned[number] += 1
            first.setdefault(number, entry.seq)
            size_of_event.setdefault(number, entry.body["n"])

    looks: dict[str, Callable[[Any], float]] = {
        name: (lambda row, place=place: float(row[place] or 0))
        for place, name in enumerate(COLUMNS)
    }
    looks |= {
        "tags": lambda row: float(tags[row[0]]),
        "mentions": lambda row: float(mentioned[row[0]]),
        "place in its document": lambda row: float(row[0] - _least(first, row[0])),
        "size of its document": lambda row: float(size_of_event.get(row[0], 0)),
        "second of the purchase": lambda row: float(row[10] % 60),
    }
    assert {row[0] for row in rows} == real | canaries
    for name, look in looks.items():
        found = likelihood(
            [look(row) for row in rows if row[0] in canaries],
            [look(row) for row in rows if row[0] in real],
        )
        # Four standard deviations of chance for so many canaries.
        assert abs(found - 0.5) < 4 * 0.29 / len(canaries) ** 0.5, (name, found)


def _least(first: dict[int, int], number: int) -> int:
    """The lowest number that the same event named first."""
    event = first.get(number)
    return min(n for n in range(number - 2 * PAGE, number + 1) if first.get(n) == event)


def test_every_record_is_named_by_an_event_of_an_app_and_canaries_are_too(
    sqlite_world: World,
) -> None:
    """What no event named, or one of the system's, would stand out."""
    shop_traffic(sqlite_world, 4)

    named: dict[int, int] = {}
    for entry in sqlite_world.audit.of_types((EventType.GATEWAY_RESPONSE_SEALED,)):
        named.update(dict.fromkeys(entry.body.get("records", ()), entry.body["actor"]["id"]))
        assert entry.body["n"] >= len(entry.body.get("records", ()))

    canaries = truth(sqlite_world)
    assert canaries
    assert {named[number] for number in canaries} == {APP.principal}


def test_no_table_and_no_column_is_about_canaries() -> None:
    for table in schema.vault.tables.values():
        assert "canar" not in table.name
        assert not [column.name for column in table.columns if "canar" in column.name]


def test_nothing_in_the_log_names_a_canary_that_nobody_touched(sqlite_world: World) -> None:
    shop_traffic(sqlite_world, 4)
    sqlite_world.vault.canaries.record(NOW)
    sqlite_world.vault.plant(CONSOLE, SELLER, 2, NOW)

    for entry in sqlite_world.audit.events():
        if entry.type.startswith("canary."):
            assert "records" not in entry.body
            assert "obj" not in entry.body


def test_an_answer_has_the_shape_of_any_other(sqlite_world: World) -> None:
    real = sorted(shop_traffic(sqlite_world, 2))
    sqlite_world.grant()
    (canary, *_) = truth(sqlite_world)
    mint = sqlite_world.vault._mint

    revealed = [
        sqlite_world.vault.reveal(
            APP, mint.record(RecordNumber(n)).token(NAME), purpose=Purpose.FULFILMENT, now=NOW
        )
        for n in (real[0], canary)
    ]

    first, second = revealed
    assert (first.slot, first.category, first.seller) == (
        second.slot,
        second.category,
        second.seller,
    )
    assert str(second.value.unwrap()).istitle() == str(first.value.unwrap()).istitle()


@pytest.mark.parametrize("in_order", [True, False])
def test_who_reads_record_after_record_meets_one_soon(sqlite_world: World, in_order: bool) -> None:
    """By number, as tokens show them, or at random: 1 % of the records stop him within the day's budget of an app."""
    shop_traffic(sqlite_world, 10)
    sqlite_world.grant()
    first, last = 1024, 1024 * 3
    numbers = list(range(first, last))
    if not in_order:
        random.Random(3).shuffle(numbers)

    read = 0
    for number in numbers:
        try:
            described = sqlite_world.vault.describe(APP, RecordNumber(number), now=NOW)
        except StrongroomError:
            continue
        token = next(iter(described.tokens.values()))
        sqlite_world.vault.reveal(APP, token, purpose=Purpose.FULFILMENT, now=NOW)
        read += 1
        if next(sqlite_world.audit.of_types((EventType.CANARY_TOUCHED,)), None):
            break

    assert read < 1000
    table = schema.principal_suspension.c
    with sqlite_world.database.read() as tx:
        (row,) = tx.execute(sa.select(table.principal_id, table.frozen, table.until)).all()
    assert tuple(row) == (APP.principal, True, None)


def test_an_insider_who_deletes_them_is_told_of(sqlite_world: World) -> None:
    world = sqlite_world
    shop_traffic(world, 4)
    world.vault.canaries.record(NOW)
    (doomed, *_) = truth(world)
    with owning(world.database) as tx:
        tx.execute(schema.record.delete().where(schema.record.c.number == doomed))
    world.reopen()

    (standing, _other) = world.vault.canaries.record(NOW)

    assert standing.missing == 1
    (told,) = [e.body for e in world.audit.of_types((EventType.RECORD_TAMPERED,))]
    assert (told["op"], told["n"], told["seller"]) == ("canary.missing", 1, SELLER)


def test_an_insider_who_gives_one_another_reference_is_told_of(sqlite_world: World) -> None:
    """Then its token no longer leads to it as a canary; that it is missing shows all the same."""
    world = sqlite_world
    shop_traffic(world, 4)
    world.vault.canaries.record(NOW)
    (doomed, *_) = truth(world)
    with owning(world.database) as tx:
        tx.execute(
            schema.record.update()
            .where(schema.record.c.number == doomed)
            .values(subject_ref=bytes(16))
        )
    world.reopen()

    (standing, _other) = world.vault.canaries.standings(NOW)
    assert standing.missing == 1


def test_an_insider_who_lifts_the_suspension_leaves_the_touch_in_the_log(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    shop_traffic(world, 4)
    world.grant()
    (canary, *_) = truth(world)
    token = world.vault._mint.record(RecordNumber(canary)).token(NAME)
    world.read(token)
    with owning(world.database) as tx:
        tx.execute(schema.principal_suspension.delete())

    world.read(token)

    assert len(list(world.audit.of_types((EventType.CANARY_TOUCHED,)))) == 2
    with world.database.read() as tx:
        assert len(tx.execute(sa.select(schema.principal_suspension)).all()) == 1


def test_another_key_makes_other_orders(make_world: Callable[[str], World]) -> None:
    """Who knows the code and another home's canaries knows nothing of these."""
    orders = []
    for name in ("one", "two"):
        world = make_world(name)
        shop_traffic(world, 2)
        with world.database.read() as tx:
            flock = world.vault.canaries._flock(tx, SELLER)
        orders.append({flock.inventor.order(n) for n in range(100)})
    assert not orders[0] & orders[1]
