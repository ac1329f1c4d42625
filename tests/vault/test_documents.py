"""What reports add to the vault: which type a document is, and values as of the day they were written down."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.errors import Gone
from strongroom.policy.retention import Progress
from strongroom.policy.sighting import OLDEST, Sighting
from strongroom.terms import SellerId
from strongroom.vault import KnownDocument, SeenDocument
from tests.vault.conftest import APP, CITY, NAME, NOW, World, order

SELLER = SellerId(1)


def test_a_documents_type_is_remembered_for_its_seller(world: World) -> None:
    first = KnownDocument("amzn1.a", "GET_ONE", NOW - timedelta(hours=1))
    store = world.vault.documents
    store.remember(SELLER, [first, KnownDocument("amzn1.b", "GET_TWO", NOW)], NOW)
    assert store.find(SELLER, "amzn1.a") == SeenDocument(NOW, "GET_ONE", first.made_at)
    assert store.find(SellerId(2), "amzn1.a") is None
    assert store.find(SELLER, "amzn1.c") is None


@pytest.mark.clause("2.1")
def test_the_first_time_a_document_is_seen_stays_the_first(world: World) -> None:
    store = world.vault.documents
    later = NOW + timedelta(days=3)
    assert store.see(SELLER, "amzn1.a", NOW) == SeenDocument(NOW)
    assert store.see(SELLER, "amzn1.a", later) == SeenDocument(NOW)
    store.remember(SELLER, [KnownDocument("amzn1.a", "GET_ONE", None)], later)
    assert store.see(SELLER, "amzn1.a", later) == SeenDocument(NOW, "GET_ONE")
    assert store.see(SellerId(2), "amzn1.a", later) == SeenDocument(later)


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
    report = order(status=Progress.UNKNOWN, purchased=NOW - timedelta(days=20))
    report.as_of = int(NOW.timestamp())
    (token,) = world.put(report)
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


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("sweep", [False, True])
@pytest.mark.parametrize("status", [Progress.UNSHIPPED, Progress.SHIPPED])
def test_a_document_brings_no_destroyed_order_back(
    sqlite_world: World, status: Progress, sweep: bool
) -> None:
    """The same view from the API does: Amazon says so now."""
    world = sqlite_world
    world.grant(days=89)
    (token,) = world.put(order(status=Progress.SHIPPED))
    later = NOW + timedelta(days=40)
    if sweep:
        world.vault.sweep(later)
    for as_of in (OLDEST, int(later.timestamp())):
        report = order(status=status, purchased=later)
        report.as_of = as_of
        world.put(report, now=later)
        world.vault.sweep(later)
        world.put(report, now=later)
        with pytest.raises(Gone):
            world.read(token, later)
    world.put(order(status=Progress.UNSHIPPED, purchased=later), now=later)
    assert world.read(token, later) == "Jürgen Groß"


@pytest.mark.clause("2.1")
def test_a_view_with_a_date_and_no_status_brings_no_cancelled_order_back(
    sqlite_world: World,
) -> None:
    """A record that was gone when it came remembers nothing: by its date alone the order would look alive."""
    world = sqlite_world
    world.grant()
    cancelled = order(status=Progress.CANCELLED)
    world.put(cancelled)
    for as_of in (0, OLDEST, int(NOW.timestamp())):
        view = Sighting("order", cancelled.id, {NAME: "Anna"}, as_of=as_of)
        view.facts = order(status=Progress.UNKNOWN).facts
        (token,) = world.put(view)
        with pytest.raises(Gone):
            world.read(token)


@pytest.mark.clause("2.1")
def test_a_document_of_unknown_age_only_adds(sqlite_world: World) -> None:
    world = sqlite_world
    world.grant(days=60)
    (token,) = world.put(order(status=Progress.SHIPPED))
    report = order(slots={NAME: "Old Name"}, status=Progress.UNKNOWN, purchased=NOW)
    report.as_of = OLDEST
    world.put(report)
    assert world.read(token) == "Jürgen Groß"
    with pytest.raises(Gone):  # its purchase date postpones nothing either
        world.read(token, now=NOW + timedelta(days=29))
