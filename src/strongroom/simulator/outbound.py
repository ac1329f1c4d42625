"""Orders of other channels that Amazon fulfils: Fulfillment Outbound 2020-07-01."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.simulator.config import SellerAccount
from strongroom.simulator.errors import invalid_input, not_found
from strongroom.simulator.shapes import Json, instant, present

_REQUIRED: Final = (
    "sellerFulfillmentOrderId",
    "displayableOrderId",
    "displayableOrderDate",
    "displayableOrderComment",
    "shippingSpeedCategory",
    "destinationAddress",
    "items",
)
_ECHOED: Final = (
    "sellerFulfillmentOrderId",
    "marketplaceId",
    "displayableOrderId",
    "displayableOrderDate",
    "displayableOrderComment",
    "shippingSpeedCategory",
    "destinationAddress",
    "fulfillmentAction",
    "fulfillmentPolicy",
    "notificationEmails",
)
_ECHOED_OF_ITEMS: Final = (
    "sellerSku",
    "sellerFulfillmentOrderItemId",
    "quantity",
    "giftMessage",
    "displayableComment",
)


@dataclass(frozen=True, slots=True)
class _Order:
    account: SellerAccount
    asked: Mapping[str, Any]
    received_at: datetime


class Outbound:
    """Fulfillment orders of every seller. Safe between threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Begin without orders."""
        self._clock = clock
        self._lock = threading.Lock()
        self._orders: dict[tuple[str, str], _Order] = {}

    def create(self, account: SellerAccount, request: object) -> Json:
        """Answer createFulfillmentOrder."""
        asked = request if isinstance(request, dict) else {}
        missing = [name for name in _REQUIRED if not asked.get(name)]
        if missing or not isinstance(asked["destinationAddress"], dict):
            raise invalid_input(f"Request is missing required fields: {', '.join(missing)}")
        key = (account.name, str(asked["sellerFulfillmentOrderId"]))
        with self._lock:
            if key in self._orders:
                raise invalid_input("The sellerFulfillmentOrderId is in use")
            self._orders[key] = _Order(account, asked, self._clock())
        return {}

    def get(self, account: SellerAccount, order_id: str) -> Json:
        """Answer getFulfillmentOrder."""
        order = self._orders.get((account.name, order_id))
        if order is None:
            raise not_found("The requested fulfillment order was not found")
        items = [
            {
                **{name: item[name] for name in _ECHOED_OF_ITEMS if name in item},
                "cancelledQuantity": 0,
                "unfulfillableQuantity": 0,
            }
            for item in order.asked["items"]
        ]
        payload = {
            "fulfillmentOrder": self._shown(order),
            "fulfillmentOrderItems": items,
            "fulfillmentShipments": [],
            "returnItems": [],
            "returnAuthorizations": [],
        }
        return {"payload": payload}

    def list(self, account: SellerAccount) -> Json:
        """Answer listAllFulfillmentOrders."""
        with self._lock:
            mine = [order for order in self._orders.values() if order.account.name == account.name]
        return {"payload": {"fulfillmentOrders": [self._shown(order) for order in mine]}}

    def _shown(self, order: _Order) -> Json:
        shown = present({name: order.asked.get(name) for name in _ECHOED})
        return shown | {
            "marketplaceId": shown.get("marketplaceId", order.account.marketplace_ids[0]),
            "fulfillmentAction": shown.get("fulfillmentAction", "Ship"),
            "fulfillmentPolicy": shown.get("fulfillmentPolicy", "FillOrKill"),
            "receivedDate": instant(order.received_at),
            "fulfillmentOrderStatus": "Received",
            "statusUpdatedDate": instant(order.received_at),
        }
