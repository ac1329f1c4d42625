"""An ordinary app, as a user of python-amazon-sp-api writes one: it pulls orders and keeps what it gets.

It is run as a process of its own and imports nothing of ours. What it is told comes as JSON on standard
input, what it got goes as JSON to standard output; whether it talks to Amazon or to a gateway, it
can't tell. The library is used as it is: everything set here is a parameter that it documents.
"""

from __future__ import annotations

import json
import ssl
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from sp_api.api import Orders, OrdersV20260101
from sp_api.auth import AccessTokenClient

# Who asks for these data elements needs a Restricted Data Token; the library gets it by itself.
RESTRICTED = ["buyerInfo", "shippingAddress", "buyerTaxInformation"]
DATASETS = [
    "BUYER",
    "RECIPIENT",
    "PROCEEDS",
    "PAYMENT",
    "TAX",
    "FULFILLMENT",
    "PACKAGES",
]
LOOKED_AT = 5
"""How many orders are looked at one by one."""


def main() -> None:
    """Pull everything and print it."""
    told = json.load(sys.stdin)
    settings = _settings(told)
    # Not as a context manager: inside one, the library keeps a restricted token for every later call.
    orders, orders_2026 = Orders(**settings), OrdersV20260101(**settings)
    json.dump(_pull(orders, orders_2026, told), sys.stdout, ensure_ascii=False)
    orders.close()
    orders_2026.close()


def _settings(told: dict[str, Any]) -> dict[str, Any]:
    class TokenClient(AccessTokenClient):  # type: ignore[misc] # the library has no types
        host = urllib.parse.urlsplit(told["endpoint"]).netloc

    return {
        "marketplace": SimpleNamespace(
            endpoint=told["endpoint"], marketplace_id=told["marketplaces"][0], region="eu-west-1"
        ),
        "refresh_token": told["refresh_token"],
        "credentials": {
            "lwa_app_id": told["client_id"],
            "lwa_client_secret": told["client_secret"],
        },
        "verify": ssl.create_default_context(cafile=told["ca"]),
        "auth_token_client_class": TokenClient,
    }


def _pull(orders: Any, orders_2026: Any, told: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - the library has no types
    query = {"MarketplaceIds": told["marketplaces"], "CreatedAfter": told["created_after"]}
    plain = list(_pages(orders.get_orders, "NextToken", query))
    whole = list(
        _pages(orders.get_orders, "NextToken", {**query, "RestrictedResources": RESTRICTED})
    )
    newest = whole[-1]["Orders"][-LOOKED_AT:]
    ids = [order["AmazonOrderId"] for order in newest]
    query = {
        "marketplaceIds": told["marketplaces"],
        "createdAfter": told["created_after"],
        "includedData": DATASETS,
    }
    return {
        "getOrders": plain,
        "getOrders with a restricted data token": whole,
        "getOrderItems": [
            orders.get_order_items(id_, RestrictedResources=RESTRICTED[:1]).payload for id_ in ids
        ],
        "searchOrders 2026-01-01": list(
            _pages(orders_2026.search_orders, "paginationToken", query)
        ),
        "getOrder 2026-01-01": [
            orders_2026.get_order(id_, includedData=DATASETS).payload for id_ in ids
        ],
    }


def _pages(
    call: Callable[..., Any], token_name: str, query: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    answer = call(**query)
    yield answer.payload
    while answer.next_token:
        answer = call(**query, **{token_name: answer.next_token})
        yield answer.payload


if __name__ == "__main__":
    main()
