"""Calls beyond Amazon's usage plan: a short queue, then an honest 429, for that selling partner and operation alone."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from strongroom.gateway.answers import Refusal
from strongroom.gateway.pacing import Pace
from strongroom.gateway.upstream import Reply
from strongroom.policy.catalogue import Catalogue
from strongroom.terms import SellerId
from tests.gateway.conftest import (
    ORDERS,
    SEARCH,
    MakeDoor,
    clean_simulator,
    make_door,
    open_shop,
    simulator,
    unshipped,
)
from tests.gateway.test_upstream import seller

__all__ = ["clean_simulator", "make_door", "simulator"]

pytestmark = pytest.mark.clause("2.6")

AMAZON = seller("https://sellingpartnerapi-eu.amazon.com", None)
OPERATIONS = Catalogue.load().operations
GET_ORDERS = OPERATIONS["ordersV0.getOrders"]
GET_ORDER = OPERATIONS["ordersV0.getOrder"]


def test_a_storm_of_one_selling_partner_ends_in_429_and_slows_no_other(
    make_door: MakeDoor, clean_simulator
) -> None:
    shop = open_shop(make_door(plans_everywhere=True, queue_seconds=0.2), clean_simulator)
    token = shop.door.token(shop.app)
    statuses = [shop.door.get(shop.app, SEARCH, token).status for _ in range(22)]
    assert statuses == [200] * 20 + [429] * 2
    calls = len(clean_simulator.requests)
    refused = shop.door.get(shop.app, SEARCH, token)
    assert len(clean_simulator.requests) == calls, "nothing goes to Amazon"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-amzn-ratelimit-limit"] == "0.0167"
    assert refused.json["errors"][0]["code"] == "QuotaExceeded"
    assert shop.door.events()[-1]["reason"] == "rate_limited"
    order = f"{ORDERS}/{unshipped(shop)}"
    assert shop.door.get(shop.app, order, token).status == 200, "another operation"
    assert shop.door.get(shop.other, SEARCH).status == 200, "another selling partner"


def test_who_comes_a_little_early_waits_for_the_place() -> None:
    async def calls() -> list[float]:
        pace, waited = Pace(0.5), []
        pace.heard(AMAZON, GET_ORDERS, Reply(200, {"x-amzn-ratelimit-limit": "20.0"}, b""))
        for _ in range(22):
            began = time.monotonic()
            await pace.turn(AMAZON, GET_ORDERS)
            waited.append(time.monotonic() - began)
        return waited

    waited = asyncio.run(calls())
    assert max(waited[:20]) < 0.04
    assert all(0.02 < wait < 0.4 for wait in waited[20:])


def test_amazons_own_429_empties_the_bucket() -> None:
    async def calls() -> None:
        pace = Pace(0.0)
        pace.heard(AMAZON, GET_ORDER, Reply(429, {}, b""))
        with pytest.raises(Refusal) as caught:
            await pace.turn(AMAZON, GET_ORDER)
        assert dict(caught.value.answer.headers)[b"retry-after"] == b"2"
        await pace.turn(replace(AMAZON, id=SellerId(2)), GET_ORDER)

    asyncio.run(calls())


def test_other_endpoints_have_no_such_plans() -> None:
    async def calls() -> None:
        for endpoint in ("https://localhost:1", "https://amazon.com.evil.example"):
            pace = Pace(0.0)
            for _ in range(100):
                await pace.turn(replace(AMAZON, endpoint=endpoint), GET_ORDERS)

    asyncio.run(calls())


def test_what_is_no_rate_is_not_learned() -> None:
    async def calls() -> None:
        pace = Pace(0.0)
        for text in ("", "fast", "1e9", "-1", "99999999", "0"):
            pace.heard(AMAZON, GET_ORDERS, Reply(200, {"x-amzn-ratelimit-limit": text}, b""))
        for _ in range(20):
            await pace.turn(AMAZON, GET_ORDERS)
        with pytest.raises(Refusal):
            await pace.turn(AMAZON, GET_ORDERS)

    asyncio.run(calls())
