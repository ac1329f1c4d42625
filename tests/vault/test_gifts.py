"""What goes into a parcel leaves its record once the parcel is handed over, and the record stays."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Gone, NotFound, Tampered
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting
from strongroom.vault import store
from tests.vault.conftest import APP, NAME, NOW, World, order

pytestmark = pytest.mark.clause("2.1")

GIFT, OTHER = "item:123.gift_message", "item:123.serial_number"
DAY = timedelta(days=1)
VALUES = {NAME: "Jürgen Groß", GIFT: "Alles Gute!", OTHER: "SN-1"}


def put(world: World, seen: Sighting, at=NOW) -> dict[object, str]:
    (placed,) = world.vault.put(1, [seen], caller=APP, op="ordersV0.getOrders", now=at)
    return {key: placed.token(key) for key in seen.slots}


@pytest.mark.parametrize("status", [Progress.SHIPPED, Progress.UNDELIVERED, Progress.DELIVERED])
def test_a_gift_message_goes_at_shipment_and_the_rest_stays(world: World, status: Progress) -> None:
    world.grant(days=90)
    tokens = put(world, order(slots=dict(VALUES)))
    assert world.read(tokens[GIFT]) == "Alles Gute!"
    put(world, Sighting("order", order().id, {}, SightedFacts(status, int(NOW.timestamp()) - 99)))
    with pytest.raises(NotFound):
        world.read(tokens[GIFT])
    assert world.read(tokens[NAME]) == "Jürgen Groß"
    assert world.read(tokens[OTHER]) == "SN-1"
    trimmed = [one for one in world.events() if one[0] == "vault.record.trimmed"]
    assert trimmed == [("vault.record.trimmed", "success", None)]


def test_an_order_that_ships_in_part_keeps_what_is_still_to_be_packed(world: World) -> None:
    world.grant(days=90)
    tokens = put(world, order(slots=dict(VALUES), status=Progress.PARTIAL))
    assert world.read(tokens[GIFT]) == "Alles Gute!"


def test_a_gift_message_of_a_shipped_order_is_not_stored(world: World) -> None:
    """An app reads the items again, after the parcel went: tokens come back, and stand for nothing."""
    world.grant(days=90)
    shipped = order(slots=dict(VALUES), status=Progress.SHIPPED)
    items = Sighting("order", order().id, dict(VALUES), SightedFacts())
    for seen in (shipped, items):
        tokens = put(world, seen)
        with pytest.raises(NotFound):
            world.read(tokens[GIFT])
        assert world.read(tokens[OTHER]) == "SN-1"
    assert "vault.record.trimmed" not in [type_ for type_, *_ in world.events()]


def test_a_long_gift_message_is_not_left_beside_its_record(world: World) -> None:
    world.grant(days=90)
    tokens = put(world, order(slots={**VALUES, GIFT: "x" * 200_000, OTHER: "y" * 200_000}))
    put(world, Sighting("order", order().id, {}, order(status=Progress.SHIPPED).facts))
    with pytest.raises(NotFound):
        world.read(tokens[GIFT])
    assert world.read(tokens[OTHER]) == "y" * 200_000
    with world.database.read() as tx:
        assert len(tx.execute(schema.record_value.select()).all()) == 1


def test_old_copies_of_a_gift_message_end_with_their_window(sqlite_world: World) -> None:
    """The record goes on under a fresh DEK: what opens it today does not open what a copy of then holds."""
    world = sqlite_world
    put(world, order(slots=dict(VALUES)))
    world.database.truncate_wal()
    copy = world.directory / "then.db"
    shutil.copy(world.directory / "vault.db", copy)
    put(world, order(slots=dict(VALUES), status=Progress.SHIPPED, purchased=NOW), at=NOW + DAY)
    for days in range(1, 7):
        world.vault.sweep(NOW + days * DAY)
    world.grant(days=90)
    with world.database.read() as tx:
        now = store.by_number(tx, 1024)
    assert now is not None
    box = world.vault._box(1)
    then = Database(f"sqlite:///{copy}")
    try:
        with then.read() as tx:
            old = store.by_number(tx, 1024)
        assert old is not None
        with pytest.raises(Gone):
            box.open(old, box.dek(old))
        with pytest.raises(Tampered):
            box.open(old, box.dek(now))
    finally:
        then.close()
