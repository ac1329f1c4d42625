"""Corrections and restrictions against Amazon's own answers, through the gateway."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from strongroom.policy.laws import IdentityCheck, RequestKind
from strongroom.subjects import Requests
from strongroom.terms import Action, Category, PrincipalId, Purpose
from strongroom.vault.rights import Sought
from tests.gateway.conftest import CONSOLE, ORDERS, SEARCH, Shop, code, unshipped

pytestmark = pytest.mark.clause("2.2")


def requests_of(shop: Shop) -> Requests:
    """Give the people at the console what answering takes."""
    door = shop.door
    for action in (Action.SEARCH, Action.EXPORT, Action.RECTIFY):
        door.grants.add(
            CONSOLE,
            principal=CONSOLE.principal,
            action=action,
            purpose=Purpose.SUBJECT_REQUEST,
            categories=frozenset(Category),
            sellers=None,
            lifetime=timedelta(days=30),
            now=door.clock(),
        )
    return Requests(
        door.database,
        door.audit,
        door.vault,
        door.keystore.secret("subject-requests", door.clock()),
        door.environment,
        administrators=lambda _now: frozenset[PrincipalId](),
    )


def found(shop: Shop, requests: Requests, kind: RequestKind, order: str) -> tuple[int, int]:
    """Take in a request about an order, proved; return its number and its record's."""
    now = shop.door.clock()
    sought = Sought(order=order, name=str(shop.simulator.truth(order)["recipient.name"]))
    number = requests.open(CONSOLE, kind, "gdpr", sought, received_at=now, now=now).id
    requests.verify(CONSOLE, number, IdentityCheck.ORDER_DETAILS, now)
    (record,) = requests.find(CONSOLE, number, [shop.app.seller], now)
    return number, record.record


def test_a_correction_survives_the_next_pulls_from_amazon(shop: Shop) -> None:
    order = unshipped(shop)
    path = f"{ORDERS}/{order}/address"
    rdt = shop.door.rdt(shop.app, path)
    shop.door.get(shop.app, f"{ORDERS}/{order}")
    before = shop.door.get(shop.app, path, rdt).json["payload"]["ShippingAddress"]
    requests = requests_of(shop)
    number, record = found(shop, requests, RequestKind.RECTIFY, order)
    now = shop.door.clock()
    requests.rectify(CONSOLE, number, record, "recipient.city", "Kirchheim", now)
    shop.door.grant(shop.app)
    caller = shop.door.accounts.check_client(shop.app.client_id, shop.app.client_secret, now)
    for _ in range(2):
        shop.door.clock.advance(minutes=5)
        shop.door.get(shop.app, SEARCH)
        after = shop.door.get(shop.app, path, rdt).json["payload"]["ShippingAddress"]
        assert after == before, "the same tokens"
        revealed = shop.door.vault.reveal(
            caller, after["City"], purpose=Purpose.FULFILMENT, now=shop.door.clock()
        )
        assert revealed.value.unwrap() == "Kirchheim"
        name = shop.door.vault.reveal(
            caller, after["Name"], purpose=Purpose.FULFILMENT, now=shop.door.clock()
        )
        assert name.value.unwrap() == shop.simulator.truth(order)["recipient.name"]


@pytest.mark.clause("1.3", "2.6")
def test_a_token_of_what_is_restricted_is_not_put_back_toward_amazon(shop: Shop) -> None:
    order = unshipped(shop)
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{{orderId}}/buyerInfo")
    shop.door.get(shop.app, f"{ORDERS}/{order}")
    info = shop.door.get(shop.app, f"{ORDERS}/{order}/buyerInfo", rdt)
    address = shop.door.rdt(shop.app, f"{ORDERS}/{order}/address")
    shop.door.get(shop.app, f"{ORDERS}/{order}/address", address)
    target = f"{SEARCH}&BuyerEmail={quote(info.json['payload']['BuyerEmail'])}"
    shop.door.grant(shop.app, Action.RELAY)
    assert shop.door.get(shop.app, target).status == 200
    requests = requests_of(shop)
    number, _record = found(shop, requests, RequestKind.RESTRICT, order)
    requests.stop(CONSOLE, number, shop.door.clock())
    asked = len(shop.simulator.requests)
    refused = shop.door.get(shop.app, target)
    assert (refused.status, code(refused)) == (403, "Unauthorized")
    assert len(shop.simulator.requests) == asked, "Amazon was not asked"
    denied = [e for e in shop.door.events() if e["type"] == "vault.record.revealed"][-1]
    assert (denied["outcome"], denied["reason"]) == ("denied", "restricted")
    # What Amazon sends goes on being kept, under the same tokens.
    again = shop.door.get(shop.app, f"{ORDERS}/{order}/buyerInfo", rdt)
    assert again.json == info.json
