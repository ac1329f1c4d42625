"""Clients wait as Amazon's usage plans ask, and reach the last page all the same.

The simulator's clock runs a thousand times as fast, so that its plans can be kept in a test: a call
to getOrders every six tenths of a second. Its tokens end within seconds too, so they are renewed on
the way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from spapi.rest import ApiException
from tests.clients.conftest import NOW, TWO_YEARS_BACK, Shop, open_shop
from tests.clients.views import AmazonClient, CommunityClient

from strongroom.simulator import SellerAccount

PACE = 1000
PLAN = 0.1  # of the published plan: two calls at once, then one every ten minutes


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give a shop whose Amazon throttles."""
    began = time.monotonic()

    def clock() -> datetime:
        return NOW + PACE * timedelta(seconds=time.monotonic() - began)

    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("busy")
        sellers = (SellerAccount("alpha"), SellerAccount("beta"))
        yield open_shop(directory, stack, orders=120, sellers=sellers, throttle=PLAN, clock=clock)


def throttled(shop: Shop, seller: str) -> int:
    """Return how often Amazon answered 429 to a seller's calls."""
    return len([r for r in shop.simulator.requests if r.seller == seller and r.status == 429])


def test_the_library_s_own_retries_reach_the_last_page(busy: Shop) -> None:
    # Without RDT: the library asks for the next one with the last one when a call in between failed.
    client = busy.client(CommunityClient, "alpha")
    pages = list(
        client.pages(restricted=False, tries=20, CreatedAfter=TWO_YEARS_BACK, MaxResultsPerPage=10)
    )
    assert len(pages) == 6
    got = [order["AmazonOrderId"] for page in pages for order in page]
    assert sorted(got) == sorted(busy.simulator.order_ids("alpha"))
    assert throttled(busy, "alpha") > 0


def test_amazon_s_client_sees_429_and_goes_on(busy: Shop) -> None:
    """It repeats nothing by itself: the caller catches, waits and asks again."""
    client = busy.client(AmazonClient, "beta")

    refusals: list[ApiException] = []

    def calmly(call: Any, *arguments: Any, **query: Any) -> Any:
        while len(refusals) < 100:
            try:
                return call(*arguments, **query)
            except ApiException as exc:
                refusals.append(exc)
                time.sleep(0.2)
        raise AssertionError("throttled for ever")

    got: list[str] = []
    asked: dict[str, Any] = {"created_after": TWO_YEARS_BACK, "max_results_per_page": 10}
    marketplaces = list(busy.simulator.seller("beta").marketplace_ids)
    while asked:
        payload = calmly(client._orders.get_orders, marketplaces, **asked).payload
        got += [order.amazon_order_id for order in payload.orders]
        asked = {"next_token": payload.next_token} if payload.next_token else {}
    assert sorted(got) == sorted(busy.simulator.order_ids("beta"))
    assert throttled(busy, "beta") > 0
    assert {refusal.status for refusal in refusals} == {429}
    assert {refusal.headers["x-amzn-RateLimit-Limit"] for refusal in refusals} == {"0.00167"}
    assert all("QuotaExceeded" in refusal.body for refusal in refusals)
