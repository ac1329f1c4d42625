"""What leaves toward Amazon: told with the request it was opened for, and never what only canaries have."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest

from strongroom.crypto.token import find_tokens
from strongroom.leaks.markers import Markers
from strongroom.simulator import Fault
from strongroom.terms import Action
from strongroom.vault.flock import Flock
from tests.gateway.conftest import CONSOLE, ORDERS, RECENT, SEARCH, Shop, code, unshipped

pytestmark = pytest.mark.clause("2.6")


def flock(shop: Shop) -> Flock:
    if not shop.door.vault.canaries.markers():
        shop.door.vault.plant(CONSOLE, shop.app.seller, 3, shop.door.clock())
    with shop.door.database.read() as tx:
        return shop.door.vault.canaries._flock(tx, shop.app.seller)


def email_token(shop: Shop) -> str:
    order_id = unshipped(shop)
    rdt = shop.door.rdt(shop.app, f"{ORDERS}/{{orderId}}/buyerInfo")
    info = shop.door.get(shop.app, f"{ORDERS}/{order_id}/buyerInfo", rdt)
    found: str = info.json["payload"]["BuyerEmail"]
    return found


def of_type(shop: Shop, name: str) -> list[dict[str, Any]]:
    return [event for event in shop.door.events() if event["type"] == name]


def test_a_value_that_goes_back_to_amazon_is_told_with_its_request(shop: Shop) -> None:
    token = email_token(shop)
    shop.door.grant(shop.app, Action.RELAY)

    assert shop.door.get(shop.app, f"{SEARCH}&BuyerEmail={quote(token)}").status == 200

    (told,) = of_type(shop, "egress.delivered")
    revealed = of_type(shop, "vault.record.revealed")[-1]
    assert (told["outcome"], told["n"], told["op"]) == ("success", 1, "ordersV0.getOrders")
    assert told["req"] == revealed["req"]


def test_one_that_amazon_never_answered_is_told_as_not_delivered(shop: Shop) -> None:
    token = email_token(shop)
    shop.door.grant(shop.app, Action.RELAY)
    shop.simulator.add_fault(Fault("reset", count=9))

    assert shop.door.get(shop.app, f"{SEARCH}&BuyerEmail={quote(token)}").status >= 500

    (told,) = of_type(shop, "egress.delivered")
    assert (told["outcome"], told["n"]) == ("failure", 1)


@pytest.mark.parametrize("how", ["order", "email", "upper", "base64", "hex"])
def test_what_only_a_canary_has_never_reaches_amazon(shop: Shop, how: str) -> None:
    """The app has it from somewhere, and not from us: refused as a token without a grant is."""
    known = flock(shop)
    canary = next(iter(known.alive.values()))
    value = known.inventor.email(canary.number)
    shown = {
        "order": known.inventor.order(canary.number),
        "email": value,
        "upper": value.upper(),
        "base64": base64.b64encode(value.encode()).decode(),
        "hex": value.encode().hex(),
    }[how]
    sent = len(shop.simulator.requests)

    answer = shop.door.get(shop.app, f"{SEARCH}&SellerOrderId={quote(shown)}")

    assert (answer.status, code(answer)) == (403, "Unauthorized")
    assert len(shop.simulator.requests) == sent
    last = shop.door.events()[-1]
    assert (last["type"], last["outcome"], last["reason"]) == ("egress.refused", "denied", "canary")
    assert last["actor"]["id"] == shop.app.principal


def test_a_canary_s_token_freezes_the_app_and_its_value_stays_here(shop: Shop) -> None:
    known = flock(shop)
    canary = next(iter(known.alive.values()))
    token = shop.door.vault._mint.record(canary.record).token(16)
    shop.door.grant(shop.app, Action.RELAY)
    sent = len(shop.simulator.requests)

    answer = shop.door.get(shop.app, f"{SEARCH}&BuyerEmail={token.lower()}@token.invalid")

    assert answer.status == 403
    assert len(shop.simulator.requests) == sent
    assert len(of_type(shop, "canary.touched")) == len(of_type(shop, "principal.suspended")) == 1
    assert len(of_type(shop, "egress.refused")) == 1
    (told,) = of_type(shop, "egress.delivered")
    assert told["outcome"] == "failure"


def test_whoever_tries_record_numbers_in_tokens_of_his_own_making_learns_nothing(
    shop: Shop,
) -> None:
    """A forged token of a canary is answered as one of any other record is, and touches nothing."""
    known = flock(shop)
    canary = next(iter(known.alive.values()))
    shop.door.grant(shop.app, Action.RELAY)
    rdt = shop.door.rdt(shop.app, ORDERS, "buyerInfo", "shippingAddress")
    real = find_tokens(shop.door.get(shop.app, RECENT, rdt).body.decode())[0]
    fake = shop.door.vault._mint.record(canary.record).token(16)
    answers = []
    for token in (real, fake):
        forged = token[:-8] + "00000000"
        for target in (f"{SEARCH}&BuyerEmail={forged}", f"{SEARCH}&SellerOrderId={forged}"):
            answer = shop.door.get(shop.app, target)
            answers.append((answer.status, answer.json))

    assert answers[:2] == answers[2:]
    assert of_type(shop, "canary.touched") == of_type(shop, "egress.refused") == []


def test_markers_are_found_across_the_parts_of_a_body_and_renewed(shop: Shop) -> None:
    known = flock(shop)
    markers = Markers(shop.door.vault.canaries)
    canaries = list(known.alive.values())
    body = b"x" * 500 + known.inventor.order(canaries[0].number).encode() + b"y" * 500
    stream = markers.stream()
    for start in range(0, len(body), 7):
        stream.feed(body[start : start + 7])
    assert stream.found() == shop.app.seller
    assert markers.find(b"nothing of them", b"302-1234567-1234567") is None

    shop.door.vault.plant(CONSOLE, shop.app.seller, 1, shop.door.clock())
    newest = max(known.alive.values(), key=lambda canary: canary.number)
    assert markers.find(known.inventor.email(newest.number).encode()) == shop.app.seller
    token = shop.door.vault._mint.record(newest.record).token(8)
    assert markers.find(f"ship to {token}".encode()) == shop.app.seller
    assert "@" not in repr(markers)
