"""The house looks at orders' dates itself: without an app, for dates alone, bounded, and going on where it was."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.db import schema
from strongroom.errors import NotFound
from strongroom.gateway.inside import Standing
from strongroom.gateway.lwa import HOUSE
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.simulator import Fault, FaultKind
from strongroom.sync import Dates, State
from strongroom.sync.dates import CHANGED, STILL_OPEN, TRACKING
from strongroom.sync.parcels import Parcel, arrival, to_ask
from strongroom.terms import SYSTEM
from tests.sync.conftest import BEGINNING, Pulling

pytestmark = pytest.mark.clause("2.1")


def order(**changes: Any) -> dict[str, Any]:
    return {
        "orderId": "902-1",
        "programs": ["PRIME"],
        "salesChannel": {"marketplaceId": "A21TJRUUN4KGV"},
        "fulfillment": {"fulfillmentStatus": "SHIPPED"},
        "packages": [package()],
        **changes,
    }


def package(**changes: Any) -> dict[str, Any]:
    return {
        "carrier": "AMZN_UK",
        "trackingNumber": "STTOKEN",
        "packageStatus": {"status": "IN_TRANSIT"},
        **changes,
    }


def history(*events: tuple[str, str, str]) -> dict[str, Any]:
    keys = ("eventCode", "eventTime", "shipmentType")
    return {"eventHistory": [dict(zip(keys, event, strict=True)) for event in events]}


def test_orders_are_looked_at_without_an_app(pulling: Pulling) -> None:
    """No app's authorization or grant is used; what is asked for are dates, and what comes is in the vault."""
    with pulling.door.database.write() as tx:
        tx.execute(schema.grant.delete())
    runs = Dates(pulling.sync).look()
    assert {(run.stream, run.state) for run in runs} == {
        (CHANGED, State.DONE),
        (STILL_OPEN, State.DONE),
    }
    assert sum(run.seen for run in runs) > 0
    asked = [r for r in pulling.simulator.requests if r.operation.endswith("searchOrders")]
    assert asked
    assert not any("BUYER" in repr(request) or "RECIPIENT" in repr(request) for request in asked)
    started = pulling.events("sync.started", "sync.finished")
    assert {outcome for _, outcome, _ in started} == {"success"}
    with pulling.door.database.read() as tx:
        assert tx.execute(schema.record_key.select()).first() is not None


def test_a_partner_that_waits_for_its_consent_is_not_asked_for(pulling: Pulling) -> None:
    names = {run.seller for run in Dates(pulling.sync).look()}
    waiting = {s.name for s in pulling.sync.sellers.all() if not s.credentials.refresh_token}
    assert names
    assert names.isdisjoint(waiting)


def test_the_house_may_ask_for_dates_and_for_nothing_else(pulling: Pulling) -> None:
    standing = Standing(SYSTEM.principal, pulling.app.seller, HOUSE)
    with pulling.sync.inside.opened() as line:
        for path in ("/orders/v0/orders/902-1/address", "/orders/v0/orders/902-1/buyerInfo",
                     "/orders/2026-01-01/orders/902-1", "/sellers/v1/marketplaceParticipations"):  # fmt: skip
            assert line.ask(standing, "GET", path).status == 403
        app = Standing(pulling.app.principal, pulling.app.seller, HOUSE)
        assert line.ask(app, "GET", "/orders/2026-01-01/orders").status == 403


def test_a_look_that_was_cut_off_goes_on(pulling: Pulling) -> None:
    pulling.sync.steps_left = 1
    cut = Dates(pulling.sync).look()
    assert State.STOPPED in {run.state for run in cut}
    pulling.sync.steps_left = None
    again = Dates(pulling.sync).look()
    assert {run.state for run in again} == {State.DONE}
    assert any(run.resumed for run in again)


def test_what_amazon_refuses_is_recorded_and_is_no_fault_of_ours(pulling: Pulling) -> None:
    body = b'{"errors":[{"code":"Unauthorized","message":"no"}]}'
    pulling.simulator.add_fault(
        Fault(FaultKind.BODY, operation="searchOrders", body=body,
              content_type="application/json", status=403)
    )  # fmt: skip
    runs = Dates(pulling.sync).look()
    assert {run.state for run in runs} == {State.REFUSED}


def test_carriers_are_asked_only_where_there_is_something_to_ask_for() -> None:
    (found,) = to_ask([order()])
    assert found.parcels == (Parcel("STTOKEN", "AMZN_UK"),)
    assert not found.easy_ship
    (scheduled,) = to_ask([order(programs=["AMAZON_EASY_SHIP"], packages=[])])
    assert scheduled.easy_ship
    nothing = [
        order(fulfillment={"fulfillmentStatus": "UNSHIPPED"}),
        order(packages=[package(carrier="DHL")]),
        order(packages=[package(), package(carrier="DHL")]),
        order(packages=[package(trackingNumber=None)]),
        order(packages=[]),
        order(orderId=7),
        "x",
    ]
    assert to_ask(nothing) == []
    (one,) = to_ask([order(packages=[package(), package(packageStatus={"status": "CANCELLED"})])])
    assert len(one.parcels) == 1


def test_an_order_arrived_with_the_last_of_its_parcels() -> None:
    first = history(("Delivered", "2026-03-05T10:00:00Z", "FORWARD"))
    last = history(
        ("Delivered", "2026-03-07T10:00:00Z", "FORWARD"),
        ("Delivered", "2026-03-06T10:00:00Z", "FORWARD"),
        ("Delivered", "2026-03-20T10:00:00Z", "RETURNS"),
    )
    under_way = history(("InTransit", "2026-03-07T10:00:00Z", "FORWARD"))
    assert arrival([first, last]) == SightedFacts(Progress.DELIVERED, delivered_at=1772791200)
    assert arrival([first, under_way]) is None
    assert arrival([]) is None
    assert arrival([first, None]) is None


class Carrier:
    """Answers for one parcel, and knows no other."""

    def get(self, _path: str, **asked: str) -> Any:
        if asked != {"trackingId": "STTOKEN", "carrierId": "AMZN_UK"}:
            raise NotFound("nobody knows this parcel")
        return {"payload": history(("Delivered", "2026-03-10T11:00:00Z", "FORWARD"))}


def test_a_carriers_answer_becomes_a_fact_of_the_order(pulling: Pulling) -> None:
    pulling.orders(since=BEGINNING)
    known = next(
        one.outline.order_id for one in pulling.simulator.orders("acme")
        if one.outline.status == "Unshipped"
    )  # fmt: skip
    (wanted,) = to_ask([order(orderId=known)])
    Dates(pulling.sync)._follow(Carrier(), pulling.app.seller, wanted)  # type: ignore[arg-type]
    with pulling.door.database.read() as tx:
        (told,) = tx.execute(schema.delivery_fact.select()).all()
        keys = schema.record_key.select().where(schema.record_key.c.delivered_at > 0)
        (row,) = tx.execute(keys).all()
    at = 1773140400
    assert (told.origin, told.status, told.said_at) == (TRACKING, Progress.DELIVERED, at)
    assert (row.record_number, row.delivered_at) == (told.record_number, at)
    assert row.due_at == (at + 29 * 86_400) // 86_400 * 86_400
