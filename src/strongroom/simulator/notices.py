"""Notifications v1: where an application's notifications go, what a selling partner subscribed it to, and what is told.

Nothing here reaches a queue: what Amazon would send is kept with the ARN it is for, and whoever runs the simulator
carries it there.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Final

from strongroom.simulator.config import SellerAccount
from strongroom.simulator.errors import SpApiError, invalid_input, not_found
from strongroom.simulator.orders import Order
from strongroom.simulator.shapes import Json, instant, present

_ARN: Final = re.compile(r"arn:aws:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_TYPE: Final = re.compile(r"[A-Z0-9_]{3,80}")


@dataclass(frozen=True, slots=True)
class Told:
    """One notification and the ARN of the queue that Amazon would send it to."""

    arn: str
    notification: Json


@dataclass(frozen=True, slots=True)
class _Destination:
    id: str
    application: str
    name: str
    arn: str

    def shown(self) -> Json:
        resource = {"sqs": {"arn": self.arn}}
        return {"name": self.name, "destinationId": self.id, "resource": resource}


@dataclass(frozen=True, slots=True)
class _Subscription:
    id: str
    seller: str
    application: str
    type: str
    version: str
    destination: str
    directive: Any

    def shown(self) -> Json:
        return present(
            {
                "subscriptionId": self.id,
                "payloadVersion": self.version,
                "destinationId": self.destination,
                "processingDirective": self.directive,
            }
        )


class Notices:
    """Destinations and subscriptions of every application. Safe between threads."""

    def __init__(self, seed: int, clock: Callable[[], datetime]) -> None:
        """Begin without any."""
        self._clock = clock
        self._rng = Random(f"{seed}/notices")  # noqa: S311 - ids
        self._lock = threading.Lock()
        self._destinations: dict[str, _Destination] = {}
        self._subscriptions: dict[str, _Subscription] = {}
        self._told: list[Told] = []

    # -- destinations: grantless --

    def create_destination(self, account: SellerAccount, request: object) -> Json:
        """Answer createDestination."""
        asked = request if isinstance(request, dict) else {}
        resource = asked.get("resourceSpecification")
        sqs = resource.get("sqs") if isinstance(resource, dict) else None
        arn = sqs.get("arn") if isinstance(sqs, dict) else None
        name = asked.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise invalid_input("Invalid name")
        if not isinstance(arn, str) or not _ARN.fullmatch(arn):
            raise invalid_input("Invalid resourceSpecification")
        with self._lock:
            if any(arn == one.arn or name == one.name for one in self._own(account)):
                raise SpApiError(409, "Conflict", "The destination exists already")
            made = _Destination(self._id(), account.client_id, name, arn)
            self._destinations[made.id] = made
        return {"payload": made.shown()}

    def get_destinations(self, account: SellerAccount) -> Json:
        """Answer getDestinations."""
        with self._lock:
            return {"payload": [one.shown() for one in self._own(account)]}

    def get_destination(self, account: SellerAccount, id_: str) -> Json:
        """Answer getDestination."""
        with self._lock:
            return {"payload": self._destination(account, id_).shown()}

    def delete_destination(self, account: SellerAccount, id_: str) -> Json:
        """Answer deleteDestination."""
        with self._lock:
            self._destination(account, id_)
            if any(one.destination == id_ for one in self._subscriptions.values()):
                raise SpApiError(409, "Conflict", "The destination has subscriptions")
            del self._destinations[id_]
        return {}

    # -- subscriptions --

    def subscribe(self, account: SellerAccount, type_: str, request: object) -> Json:
        """Answer createSubscription."""
        asked = request if isinstance(request, dict) else {}
        version, destination = asked.get("payloadVersion"), asked.get("destinationId")
        if not _TYPE.fullmatch(type_):
            raise invalid_input("Invalid notificationType")
        if not isinstance(version, str) or not isinstance(destination, str):
            raise invalid_input("payloadVersion and destinationId are required")
        with self._lock:
            self._destination(account, destination)
            if self._of(account, type_, version) is not None:
                raise SpApiError(409, "Conflict", "The subscription exists already")
            made = _Subscription(
                self._id(),
                account.name,
                account.client_id,
                type_,
                version,
                destination,
                asked.get("processingDirective"),
            )
            self._subscriptions[made.id] = made
        return {"payload": made.shown()}

    def get_subscription(
        self, account: SellerAccount, type_: str, query: Mapping[str, str]
    ) -> Json:
        """Answer getSubscription."""
        with self._lock:
            found = self._of(account, type_, query.get("payloadVersion"))
        if found is None:
            raise not_found("The requested subscription was not found")
        return {"payload": found.shown()}

    def get_subscription_by_id(self, account: SellerAccount, type_: str, id_: str) -> Json:
        """Answer getSubscriptionById: grantless."""
        with self._lock:
            return {"payload": self._subscription(account, type_, id_).shown()}

    def unsubscribe(self, account: SellerAccount, type_: str, id_: str) -> Json:
        """Answer deleteSubscriptionById: grantless."""
        with self._lock:
            del self._subscriptions[self._subscription(account, type_, id_).id]
        return {}

    # -- what is told --

    def order_changed(self, account: SellerAccount, order: Order) -> None:
        """Tell whoever subscribed to ORDER_CHANGE of an order's change."""
        changed_at = instant(order.updated_at)
        summary = {
            "MarketplaceId": order.marketplace_id,
            "OrderStatus": order.status,
            "PurchaseDate": instant(order.created_at),
            "DestinationPostalCode": order.slots.get("recipient.postal_code"),
            "FulfillmentType": order.outline.channel,
            "OrderType": "StandardOrder",
            "OrderItems": [
                {
                    "OrderItemId": item.item_id,
                    "SellerSKU": item.sku,
                    "SupplySourceId": None,
                    "Quantity": item.quantity,
                    "QuantityShipped": item.quantity_shipped,
                }
                for item in order.items
            ],
        }
        change = {
            "NotificationLevel": "OrderLevel",
            "SellerId": account.selling_partner_id,
            "AmazonOrderId": order.order_id,
            "OrderChangeType": "OrderStatusChange",
            "OrderChangeTrigger": {
                "TimeOfOrderChange": changed_at,
                "ChangeReason": "Order status changed",
            },
            "Summary": summary,
        }
        self._tell(account, "ORDER_CHANGE", {"OrderChangeNotification": change})

    def take(self) -> list[Told]:
        """Return what was told since the last time, oldest first."""
        with self._lock:
            told, self._told = self._told, []
        return told

    # -- private --

    def _tell(self, account: SellerAccount, type_: str, payload: Json) -> None:
        at = instant(self._clock())
        with self._lock:
            for one in self._subscriptions.values():
                if (one.seller, one.type) != (account.name, type_):
                    continue
                notification = {
                    "NotificationVersion": "1.0",
                    "NotificationType": type_,
                    "PayloadVersion": one.version,
                    "EventTime": at,
                    "Payload": payload,
                    "NotificationMetadata": {
                        "ApplicationId": account.client_id,
                        "SubscriptionId": one.id,
                        "PublishTime": at,
                        "NotificationId": self._id(),
                    },
                }
                self._told.append(Told(self._destinations[one.destination].arn, notification))

    def _own(self, account: SellerAccount) -> list[_Destination]:
        return [one for one in self._destinations.values() if one.application == account.client_id]

    def _destination(self, account: SellerAccount, id_: str) -> _Destination:
        for one in self._own(account):
            if one.id == id_:
                return one
        raise not_found("The requested destination was not found")

    def _of(self, account: SellerAccount, type_: str, version: str | None) -> _Subscription | None:
        for one in self._subscriptions.values():
            if (one.seller, one.type) == (account.name, type_) and version in (None, one.version):
                return one
        return None

    def _subscription(self, account: SellerAccount, type_: str, id_: str) -> _Subscription:
        found = self._subscriptions.get(id_)
        if found is None or (found.application, found.type) != (account.client_id, type_):
            raise not_found("The requested subscription was not found")
        return found

    def _id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
