"""Two clients as their users have them, each showing the same views of an order as plain documents.

Neither is changed or reached into: an endpoint, the token endpoint's host, credentials and a CA are
set in the ways they document.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import spapi
from sp_api.api import Orders, OrdersV20260101, Tokens
from sp_api.auth import AccessTokenClient
from sp_api.util import load_all_pages, throttle_retry
from spapi.api.orders_v0.orders_v0_api import OrdersV0Api
from spapi.api.orders_v2026_01_01.get_order_api import GetOrderApi
from spapi.api.orders_v2026_01_01.search_orders_api import SearchOrdersApi
from spapi.api.tokens_v2021_03_01.tokens_api import TokensApi
from tests.support.client import EVERY_DATASET, EVERY_ELEMENT, MARKETPLACES, ORDERS

MARKETPLACE_LIST = MARKETPLACES.split(",")
DATASETS = EVERY_DATASET.split(",")
ONE_ORDER_VIEWS = (
    "order",
    "order_rdt",
    "address",
    "buyer",
    "items",
    "items_rdt",
    "items_buyer",
    "regulated",
    "order_2026",
)
_PAUSE = 0.2


@dataclass(frozen=True)
class Login:
    """Where a client is pointed to and what it shows there."""

    endpoint: str
    client_id: str
    client_secret: str
    refresh_token: str
    trust: Any
    """An `ssl.SSLContext` for python-amazon-sp-api, which hands it to httpx."""
    ca_path: Path


class CommunityClient:
    """python-amazon-sp-api. Not for several threads at once."""

    name = "python-amazon-sp-api"

    def __init__(self, login: Login) -> None:
        class TokenClient(AccessTokenClient):
            host = urllib.parse.urlsplit(login.endpoint).netloc

        self._settings: dict[str, Any] = {
            "marketplace": SimpleNamespace(
                endpoint=login.endpoint, marketplace_id=MARKETPLACE_LIST[0], region="eu-west-1"
            ),
            "refresh_token": login.refresh_token,
            "credentials": {
                "lwa_app_id": login.client_id,
                "lwa_client_secret": login.client_secret,
            },
            "verify": login.trust,
            "auth_token_client_class": TokenClient,
        }
        self._restricted: dict[str, Any] = {}
        self._open: list[Any] = []
        self._orders = self._make(Orders)
        self._orders_2026 = self._make(OrdersV20260101)
        self._tokens = self._make(Tokens)

    def close(self) -> None:
        for client in self._open:
            client.close()
            client._auth._transport.close()

    def login(self) -> None:
        """Fetch the access token now, for its cache is shared and not made for threads."""
        assert self._orders.auth.access_token

    def pages(self, *, restricted: bool, tries: int = 1, **query: Any) -> Iterator[list[Any]]:
        """Yield the orders of each page of getOrders, by the library's own helpers."""

        @throttle_retry(tries=tries, delay=_PAUSE, rate=1.3)
        def page(**asked: Any) -> Any:
            return self._orders.get_orders(**asked)

        if restricted:
            query["RestrictedResources"] = EVERY_ELEMENT
        query["MarketplaceIds"] = MARKETPLACES
        for answer in load_all_pages(throttle_by_seconds=0)(page)(**query):
            yield answer.payload["Orders"]

    def pages_2026(self, **query: Any) -> Iterator[list[Any]]:
        """Yield the orders of each page of searchOrders."""
        query |= {"marketplaceIds": MARKETPLACE_LIST, "includedData": DATASETS}
        pages = load_all_pages(throttle_by_seconds=0, next_token_param="paginationToken")
        for answer in pages(self._orders_2026.search_orders)(**query):
            yield answer.payload["orders"]

    def view(self, view: str, order_id: str) -> Any:
        """Return one view of one order."""
        if view == "order":
            return self._orders.get_order(order_id).payload
        if view == "order_rdt":
            answer = self._orders.get_order(order_id, RestrictedResources=EVERY_ELEMENT)
            return answer.payload
        if view == "items":
            return self._orders.get_order_items(order_id).payload
        if view == "items_rdt":
            answer = self._orders.get_order_items(order_id, RestrictedResources=["buyerInfo"])
            return answer.payload
        if view == "order_2026":
            return self._orders_2026.get_order(order_id, includedData=DATASETS).payload["order"]
        suffix, method = _RESTRICTED[view]
        client = self._restricted_orders(suffix)
        return getattr(client, method)(order_id).payload

    def _restricted_orders(self, suffix: str) -> Any:
        if suffix not in self._restricted:
            resource = {"method": "GET", "path": f"{ORDERS}/{{orderId}}{suffix}"}
            made = self._tokens.create_restricted_data_token(restrictedResources=[resource])
            token = made.payload["restrictedDataToken"]
            self._restricted[suffix] = self._make(Orders, restricted_data_token=token)
        return self._restricted[suffix]

    def _make(self, kind: Callable[..., Any], **more: Any) -> Any:
        client = kind(**self._settings, **more)
        self._open.append(client)
        return client


class AmazonClient:
    """Amazon's own amzn-sp-api, whose models check every answer. Not for several threads at once.

    Its token endpoint is called by requests, which takes its CA from REQUESTS_CA_BUNDLE.
    """

    name = "amzn-sp-api"

    def __init__(self, login: Login) -> None:
        self._login = login
        self._restricted: dict[str, OrdersV0Api] = {}
        self._open: list[Any] = []
        client = self._make()
        self._orders = OrdersV0Api(client)
        self._get_2026 = GetOrderApi(client)
        self._search_2026 = SearchOrdersApi(client)
        self._tokens = TokensApi(client)

    def close(self) -> None:
        for client in self._open:
            client.rest_client.pool_manager.clear()

    def login(self) -> None:
        """Nothing to do: the access token was fetched with the first client."""

    def pages(self, *, restricted: bool, tries: int = 1, **query: Any) -> Iterator[list[Any]]:
        """Yield the orders of each page of getOrders."""
        del tries
        api = self._restricted_api(ORDERS, EVERY_ELEMENT) if restricted else self._orders
        asked = {_snake(name): value for name, value in query.items()}
        while True:
            answer = api.get_orders(MARKETPLACE_LIST, **asked)
            yield [self._plain(order) for order in answer.payload.orders]
            if answer.payload.next_token is None:
                return
            asked = {"next_token": answer.payload.next_token}

    def pages_2026(self, **query: Any) -> Iterator[list[Any]]:
        """Yield the orders of each page of searchOrders."""
        asked = {_snake(name): value for name, value in query.items()}
        asked |= {"marketplace_ids": MARKETPLACE_LIST, "included_data": DATASETS}
        while True:
            answer = self._search_2026.search_orders(**asked)
            yield [self._plain(order) for order in answer.orders]
            if answer.pagination is None or answer.pagination.next_token is None:
                return
            asked["pagination_token"] = answer.pagination.next_token

    def view(self, view: str, order_id: str) -> Any:
        """Return one view of one order, as Amazon's models understood it."""
        if view == "order_2026":
            answer = self._get_2026.get_order(order_id, included_data=DATASETS)
            return self._plain(answer.order)
        if view == "order":
            return self._plain(self._orders.get_order(order_id).payload)
        if view == "items":
            return self._plain(self._orders.get_order_items(order_id).payload)
        suffix, method = _RESTRICTED[view]
        elements = _ELEMENTS.get(view, [])
        api = self._restricted_api(f"{ORDERS}/{{orderId}}{suffix}", elements)
        return self._plain(getattr(api, method)(order_id).payload)

    def _restricted_api(self, path: str, elements: list[str]) -> OrdersV0Api:
        if path not in self._restricted:
            resource = {"method": "GET", "path": path}
            if elements:
                resource["dataElements"] = elements
            made = self._tokens.create_restricted_data_token({"restrictedResources": [resource]})
            client = self._make()
            # Where this client keeps the token it sends: it has no setting for another one.
            client.configuration.access_token_cache.token_info = {
                "access_token": made.restricted_data_token,
                "expires_at": 4_000_000_000.0,
            }
            self._restricted[path] = OrdersV0Api(client)
        return self._restricted[path]

    def _make(self) -> Any:
        settings = spapi.Configuration()
        settings.ssl_ca_cert = str(self._login.ca_path)
        spapi.Configuration.set_default(settings)
        config = spapi.SPAPIConfig(
            self._login.client_id, self._login.client_secret, self._login.refresh_token, "EU"
        )
        client = spapi.SPAPIClient(
            config,
            oauth_endpoint=f"{self._login.endpoint}/auth/o2/token",
            endpoint=self._login.endpoint,
        ).api_client
        self._open.append(client)
        return client

    def _plain(self, model: Any) -> Any:
        return _as_amazon(self._orders.api_client.sanitize_for_serialization(model))


def _as_amazon(document: Any) -> Any:
    """Return instants as Amazon writes them: where python-dateutil is there, the client parses and formats them."""
    if isinstance(document, dict):
        return {name: _as_amazon(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_as_amazon(value) for value in document]
    if isinstance(document, str) and _UTC.fullmatch(document):
        return document.removesuffix("+00:00") + "Z"
    return document


_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00")
_RESTRICTED = {
    "order_rdt": ("", "get_order"),
    "items_rdt": ("/orderItems", "get_order_items"),
    "address": ("/address", "get_order_address"),
    "buyer": ("/buyerInfo", "get_order_buyer_info"),
    "items_buyer": ("/orderItems/buyerInfo", "get_order_items_buyer_info"),
    "regulated": ("/regulatedInfo", "get_order_regulated_info"),
}
_ELEMENTS = {"order_rdt": EVERY_ELEMENT, "items_rdt": ["buyerInfo"]}


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
