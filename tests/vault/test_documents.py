"""What reports add to the vault: which type a document is, and values as of the day they were written down."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.errors import Gone
from strongroom.policy.retention import Progress
from strongroom.terms import SellerId
from strongroom.vault import KnownDocument
from tests.vault.conftest import APP, CITY, NAME, NOW, World, order

SELLER = SellerId(1)


def test_a_documents_type_is_remembered_for_its_seller(world: World) -> None:
    first = KnownDocument("amzn1.a", "GET_ONE", NOW - timedelta(hours=1))
    store = world.vault.documents
    store.remember(SELLER, [first, KnownDocument("amzn1.b", "GET_TWO", NOW)], NOW)
    assert store.find(SELLER, "amzn1.a") == first
    assert store.find(SellerId(2), "amzn1.a") is None
    assert store.find(SELLER, "amzn1.c") is None


def test_documents_are_forgotten_after_their_reports(world: World) -> None:
    store = world.vault.documents
    store.remember(SELLER, [KnownDocument("amzn1.a", "GET_ONE", NOW)], NOW)
    late = NOW + timedelta(days=101)
    store.remember(SELLER, [KnownDocument("amzn1.b", "GET_ONE", late)], late)
    assert store.find(SELLER, "amzn1.a") is None


@pytest.mark.clause("2.1")
def test_a_purchase_date_alone_says_when_data_goes(sqlite_world: World) -> None:
    world = sqlite_world
    world.grant(days=60)
    (token,) = world.put(order(status=Progress.UNKNOWN, purchased=NOW - timedelta(days=20)))
    assert world.read(token) == "Jürgen Groß"
    with pytest.raises(Gone):
        world.read(token, now=NOW + timedelta(days=10))


@pytest.mark.clause("2.1")
def test_a_report_does_not_take_back_what_is_known_of_an_open_order(sqlite_world: World) -> None:
    world = sqlite_world
    world.put(order())
    world.grant(days=60)
    (token,) = world.put(order(status=Progress.UNKNOWN))
    assert world.vault.sweep(NOW + timedelta(days=1)) is not None
    assert world.read(token, now=NOW + timedelta(days=1)) == "Jürgen Groß"


def test_an_older_report_adds_and_does_not_replace(sqlite_world: World) -> None:
    world = sqlite_world
    world.grant()
    world.put(order(slots={NAME: "New Name"}, updated=NOW - timedelta(hours=1)))
    report = order(slots={NAME: "Old Name", CITY: "Köln"}, status=Progress.UNKNOWN)
    report.as_of = int((NOW - timedelta(days=2)).timestamp())
    (name,) = world.put(report)
    (placed,) = world.vault.put(SELLER, [report], caller=APP, op="ordersV0.getOrders", now=NOW)
    assert world.read(name) == "New Name"
    assert world.read(placed.token(CITY)) == "Köln"
