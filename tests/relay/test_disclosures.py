"""What was told to whom, on both engines: rows and event are one."""

from __future__ import annotations

import pytest
from tests.vault.conftest import APP, CITY, CONSOLE, NAME, NOW, World, order, world

from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role, Targets
from strongroom.relay import Disclosures
from strongroom.terms import Action, Category, Purpose, RecordNumber

__all__ = ["world"]

pytestmark = pytest.mark.clause("1.6", "2.2")


def test_a_disclosure_is_found_by_record_and_by_destination(world: World) -> None:
    targets = Targets(
        world.database,
        world.keystore.secret("deliveries", NOW),
        world.audit,
        world.environment,
        one_person=True,
    )
    party = Party("h.example", 443, "/", (Category.NAME,), (Purpose.FULFILMENT,))
    target = targets.request_add(Role.PARTY, "parcels", party, CONSOLE, NOW)
    assert [one.name for one in targets.in_effect(Role.PARTY)] == ["parcels"]
    world.grant(action=Action.RELAY)
    seen = order("902-1000001-0000001", {NAME: "Zoe", CITY: "Bonn", "item:7.gift_message": "hi"})
    (placed,) = world.vault.put(
        seller=1, sightings=[seen], caller=APP, op="ordersV0.getOrder", now=NOW
    )
    told = [
        world.vault.reveal(
            APP, placed.token(slot), purpose=Purpose.FULFILMENT, now=NOW, action=Action.RELAY
        )
        for slot in (NAME, "item:7.gift_message")
    ]
    disclosures = Disclosures(world.database, world.audit)
    disclosures.note(APP, target.id, told, purpose=Purpose.FULFILMENT, now=NOW, req="r-1")
    (row,) = disclosures.of_destination(target.id)
    assert disclosures.of_record(told[0].seller, placed.number) == [row]
    assert disclosures.of_record(told[0].seller, RecordNumber(1)) == []
    assert row.fields == ("item:*.gift_message", "recipient.name"), (
        "an item's id is nobody's business"
    )
    assert row.categories == (Category.FREE_TEXT, Category.NAME)
    assert (row.at, row.principal, row.purpose, row.req) == (
        NOW,
        APP.principal,
        Purpose.FULFILMENT,
        "r-1",
    )
    body = list(world.audit.events())[-1].body
    assert (body["type"], body["n"], body["records"]) == ("relay.disclosed", 2, [placed.number])
