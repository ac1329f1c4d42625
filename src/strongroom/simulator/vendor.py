"""What a vendor ships straight to buyers: Vendor Direct Fulfillment 2021-12-28, orders, labels and transactions.

Every order that the seller would ship counts as a purchase order. What is submitted becomes a transaction, under way
when it is first asked for and at its end from then on.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import SellerAccount
from strongroom.simulator.errors import SpApiError, invalid_input, not_found
from strongroom.simulator.labels import encoded, label
from strongroom.simulator.orders import Item, Order, Slots
from strongroom.simulator.shapes import Json, amount, instant, present

_MOST_AT_ONCE: Final = 100
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_END: Final = datetime(3000, 1, 1, tzinfo=UTC)
_FORMATS: Final = frozenset({"PNG", "ZPL"})
_STATES: Final = {"Shipped": "SHIPPED", "PartiallyShipped": "SHIPPED", "Canceled": "CANCELLED"}
_ADDRESS: Final = {
    "addressLine1": "address_line_1",
    "addressLine2": "address_line_2",
    "addressLine3": "address_line_3",
    "city": "city",
    "county": "county",
    "district": "district",
    "postalCode": "postal_code",
    "phone": "phone",
}


@dataclass(slots=True)
class _Transaction:
    seller: str
    error: SpApiError | None
    asked: int = 0


@dataclass(slots=True)
class _Labelled:
    seller: str
    containers: list[tuple[str, str]]
    """Identifier and tracking number of each."""
    made_at: datetime


class Vendor:
    """Purchase orders of every seller. Safe between threads."""

    def __init__(self, book: OrderBook, seed: int, clock: Callable[[], datetime]) -> None:
        """Show this book's orders as purchase orders."""
        self._book = book
        self._clock = clock
        self._rng = random.Random(f"{seed}/vendor")  # noqa: S311 - ids
        self._lock = threading.Lock()
        self._accepted: set[str] = set()
        self._labels: dict[str, _Labelled] = {}
        self._transactions: dict[str, _Transaction] = {}

    # -- orders --

    def get_orders(self, account: SellerAccount, query: Mapping[str, str]) -> Json:
        """Answer getOrders; `nextToken` is the number of the first that was left out."""
        after, before = (_instant(query, name) for name in ("createdAfter", "createdBefore"))
        found = [
            order
            for order in self._mine(account)
            if after <= order.created_at <= before
            and query.get("status") in (None, self._state(order))
        ]
        start, many = _number(query, "nextToken", 0), _number(query, "limit", _MOST_AT_ONCE)
        page = found[start : start + many]
        with_details = query.get("includeDetails", "true") == "true"
        more = {"nextToken": str(start + many)} if start + many < len(found) else None
        shown = [
            self._shown(order) if with_details else {"purchaseOrderNumber": number_of(order)}
            for order in page
        ]
        return present({"orders": shown, "pagination": more})

    def get_order(self, account: SellerAccount, number: str) -> Json:
        """Answer getOrder."""
        return self._shown(self._order(account, number))

    def acknowledge(self, account: SellerAccount, request: object) -> Json:
        """Answer submitAcknowledgement."""

        def accept(order: Order, entry: Mapping[str, Any]) -> None:
            if not entry.get("itemAcknowledgements") or not entry.get("vendorOrderNumber"):
                raise invalid_input("itemAcknowledgements and vendorOrderNumber are required")
            self._accepted.add(order.order_id)

        return self._submitted(account, request, "orderAcknowledgements", accept)

    # -- shipping --

    def request_labels(self, account: SellerAccount, request: object) -> Json:
        """Answer submitShippingLabelRequest: the labels are there as soon as they are asked for."""
        return self._submitted(
            account,
            request,
            "shippingLabelRequests",
            lambda order, entry: self._labelled(account, order, entry),
        )

    def create_labels(self, account: SellerAccount, number: str, request: object) -> Json:
        """Answer createShippingLabels."""
        order = self._order(account, number)
        with self._lock:
            self._labelled(account, order, request if isinstance(request, dict) else {})
        return self._label(order)

    def get_label(self, account: SellerAccount, number: str) -> Json:
        """Answer getShippingLabel."""
        order = self._order(account, number)
        if order.order_id not in self._labels:
            raise not_found("The requested shipping label was not found")
        return self._label(order)

    def get_labels(self, account: SellerAccount, query: Mapping[str, str]) -> Json:
        """Answer getShippingLabels."""
        after, before = (_instant(query, name) for name in ("createdAfter", "createdBefore"))
        shown = [
            self._label(order)
            for order in self._mine(account)
            if order.order_id in self._labels
            and after <= self._labels[order.order_id].made_at <= before
        ]
        return present({"shippingLabels": shown[: _number(query, "limit", _MOST_AT_ONCE)]})

    def get_slip(self, account: SellerAccount, number: str) -> Json:
        """Answer getPackingSlip."""
        order = self._order(account, number)
        return {
            "purchaseOrderNumber": number_of(order),
            "content": encoded(label("PDF", _lines(order))),
            "contentType": "application/pdf",
        }

    def confirm(self, account: SellerAccount, request: object) -> Json:
        """Answer submitShipmentConfirmations: the orders have left."""

        def ship(order: Order, entry: Mapping[str, Any]) -> None:
            details = entry.get("shipmentDetails") or {}
            if not details.get("shippedDate"):
                raise invalid_input("shippedDate is required")
            left_at = _instant(details, "shippedDate")
            self._book.update(
                order.order_id, {}, status="Shipped", shipped_at=left_at, delivered_at=None
            )

        return self._submitted(account, request, "shipmentConfirmations", ship)

    # -- transactions --

    def get_transaction(self, account: SellerAccount, id_: str) -> Json:
        """Answer getTransactionStatus."""
        with self._lock:
            found = self._transactions.get(id_)
            if found is None or found.seller != account.name:
                raise not_found("The requested transaction was not found")
            found.asked += 1
            shown: Json = {"transactionId": id_, "status": "Processing"}
            if found.asked > 1:
                shown["status"] = "Success" if found.error is None else "Failure"
            if found.asked > 1 and found.error is not None:
                fault = {"code": found.error.code, "message": found.error.message}
                shown["errors"] = {"errors": [fault]}
        return {"transactionStatus": shown}

    # -- private --

    def _submitted(
        self,
        account: SellerAccount,
        request: object,
        list_: str,
        work: Callable[[Order, Mapping[str, Any]], None],
    ) -> Json:
        """Do something for each entry of a list that was submitted; what fails shows in the transaction."""
        entries = request.get(list_) if isinstance(request, dict) else None
        if not isinstance(entries, list) or not entries:
            raise invalid_input(f"Request is missing required field: {list_}")
        error = None
        with self._lock:
            for entry in entries:
                try:
                    work(self._order(account, str(entry.get("purchaseOrderNumber"))), entry)
                except SpApiError as exc:
                    error = exc
            id_ = f"{self._rng.getrandbits(64):016x}"
            self._transactions[id_] = _Transaction(account.name, error)
        return {"transactionId": id_}

    def _labelled(self, account: SellerAccount, order: Order, entry: Mapping[str, Any]) -> None:
        if not entry.get("sellingParty") or not entry.get("shipFromParty"):
            raise invalid_input("sellingParty and shipFromParty are required")
        containers = entry.get("containers") or [{"containerIdentifier": "1"}]
        named = [
            (str(one.get("containerIdentifier")), f"DF{self._rng.randrange(10**12):012d}")
            for one in containers
        ]
        self._labels[order.order_id] = _Labelled(account.name, named, self._clock())

    def _label(self, order: Order) -> Json:
        printed = encoded(label("ZPL203", _lines(order)))
        return {
            "purchaseOrderNumber": number_of(order),
            "sellingParty": self._party(order, "VENDOR"),
            "shipFromParty": self._party(order, "WAREHOUSE"),
            "labelFormat": "ZPL",
            "labelData": [
                {
                    "packageIdentifier": identifier,
                    "trackingNumber": tracking,
                    "shipMethod": "SIM_GROUND",
                    "shipMethodName": "Simulated Ground",
                    "content": printed,
                }
                for identifier, tracking in self._labels[order.order_id].containers
            ],
        }

    def _shown(self, order: Order) -> Json:
        details = {
            "customerOrderNumber": order.order_id,
            "orderDate": instant(order.created_at),
            "orderStatus": self._state(order),
            "shipmentDetails": {
                "isPriorityShipment": order.prime,
                "isPslipRequired": True,
                "shipMethod": "SIM_GROUND",
                "shipmentDates": {"requiredShipDate": instant(order.created_at)},
                "messageToCustomer": str(order.slots.get("delivery.instructions", "")),
            },
            "sellingParty": self._party(order, "VENDOR"),
            "shipFromParty": self._party(order, "WAREHOUSE"),
            "shipToParty": _address(order.slots, "recipient", order.country_code),
            "billToParty": {"partyId": "AMAZON"},
            "items": [_item(order, item, sequence) for sequence, item in enumerate(order.items, 1)],
        }
        return {"purchaseOrderNumber": number_of(order), "orderDetails": details}

    def _party(self, order: Order, party: str) -> Json:
        slots = self._book.ship_from(order.outline.seller)
        return {"partyId": party, "address": _address(slots, "ship_from", "DE")}

    def _state(self, order: Order) -> str:
        return _STATES.get(order.status, "ACCEPTED" if order.order_id in self._accepted else "NEW")

    def _mine(self, account: SellerAccount) -> list[Order]:
        found = (self._book.find(id_, account.name) for id_ in self._book.ids(account.name))
        return [o for o in found if o is not None and o.slots and o.outline.channel == "MFN"]

    def _order(self, account: SellerAccount, number: str) -> Order:
        # 3-7-7 digits, as in the order's own id.
        id_ = f"{number[1:4]}-{number[4:11]}-{number[11:]}"
        order = self._book.find(id_, account.name)
        if order is None or not order.slots or number_of(order) != number:
            raise not_found("The requested purchase order was not found")
        return order


def number_of(order: Order) -> str:
    """Return an order's number as a purchase order."""
    return "D" + order.order_id.replace("-", "")


def _item(order: Order, item: Item, sequence: int) -> Json:
    gift = {"giftMessage": order.item_slot(item, "gift_message"), "giftWrapId": "1"}
    return present(
        {
            "itemSequenceNumber": str(sequence),
            "buyerProductIdentifier": item.asin,
            "vendorProductIdentifier": item.sku,
            "title": item.title,
            "orderedQuantity": {"amount": item.quantity, "unitOfMeasure": "Each"},
            "giftDetails": gift if gift["giftMessage"] else None,
            "netPrice": {
                "currencyCode": order.currency,
                "amount": amount(item.unit_price, order.currency),
            },
        }
    )


def _address(slots: Slots, whose: str, country: str) -> Json:
    found = {member: slots.get(f"{whose}.{name}") for member, name in _ADDRESS.items()}
    # The model wants a name and a region of everybody.
    wanted = {
        "name": slots.get(f"{whose}.name", "-"),
        "stateOrRegion": slots.get(f"{whose}.state", "-"),
    }
    return present({**found, **wanted, "countryCode": country})


def _lines(order: Order) -> list[str]:
    return [number_of(order), *map(str, _address(order.slots, "recipient", "").values())]


def _instant(given: Mapping[str, Any], name: str) -> datetime:
    """Return the instant of a member; where there is none, one that leaves nothing out."""
    value = given.get(name)
    if value is None:
        return _END if name.endswith("Before") else _BEGINNING
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as exc:
        raise invalid_input(f"Invalid {name}: not an ISO 8601 date") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    value = query.get(name, str(usual))
    if not value.isascii() or not value.isdigit():
        raise invalid_input(f"Invalid {name}")
    return int(value)
