"""Messages to the buyer of an order: which may be sent, and what was (Messaging v1)."""

from __future__ import annotations

import threading
from typing import Final

from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import SellerAccount
from strongroom.simulator.details import COUNTRIES
from strongroom.simulator.errors import invalid_input, not_found
from strongroom.simulator.orders import Order
from strongroom.simulator.shapes import Json

ACTIONS: Final = {
    "confirmCustomizationDetails": "text",
    "confirmDeliveryDetails": "text",
    "legalDisclosure": "attachments",
    "confirmOrderDetails": "text",
    "confirmServiceDetails": "text",
    "warranty": "attachments",
    "digitalAccessKey": "text",
    "unexpectedProblem": "text",
    "invoice": "attachments",
}
"""By the end of its path, what a message can't do without."""

_MOST_CHARACTERS: Final = 2_000
_LOCALES: Final = {"US": "en-US", "DE": "de-DE", "JP": "ja-JP"}


class Messages:
    """Messages of every seller. Safe between threads."""

    def __init__(self, book: OrderBook) -> None:
        """Send to the buyers of this book's orders."""
        self._book = book
        self._lock = threading.Lock()
        self._sent: dict[str, list[Json]] = {}

    def get_actions(self, account: SellerAccount, order_id: str) -> Json:
        """Answer getMessagingActionsForOrder."""
        self._order(account, order_id)
        base = f"/messaging/v1/orders/{order_id}"
        links = [{"href": f"{base}/messages/{name}", "name": name} for name in ACTIONS]
        shown = [
            {
                "_links": {
                    "self": link,
                    "schema": {"href": f"{link['href']}/schema", "name": link["name"]},
                },
                "_embedded": {
                    "schema": {
                        "_links": {
                            "self": {"href": f"{link['href']}/schema", "name": link["name"]}
                        },
                        "payload": {"title": link["name"]},
                    }
                },
                "payload": {"name": link["name"]},
            }
            for link in links
        ]
        return {
            "_links": {"self": {"href": base}, "actions": links},
            "_embedded": {"actions": shown},
        }

    def get_attributes(self, account: SellerAccount, order_id: str) -> Json:
        """Answer GetAttributes."""
        country = COUNTRIES[self._order(account, order_id).marketplace_id].code
        return {"buyer": {"locale": _LOCALES[country]}}

    def send(self, account: SellerAccount, order_id: str, action: str, request: object) -> Json:
        """Answer an operation that sends a message; `action` is the end of its path."""
        self._order(account, order_id)
        asked = request if isinstance(request, dict) else {}
        needed = ACTIONS[action]
        if not asked.get(needed):
            raise invalid_input(f"Request is missing required field: {needed}")
        if len(str(asked.get("text", ""))) > _MOST_CHARACTERS:
            raise invalid_input("The text is too long")
        with self._lock:
            self._sent.setdefault(order_id, []).append({"action": action, **asked})
        return {}

    def sent(self, order_id: str) -> list[Json]:
        """Return what the buyer of an order was told, oldest first."""
        with self._lock:
            return list(self._sent.get(order_id, ()))

    def _order(self, account: SellerAccount, order_id: str) -> Order:
        order = self._book.find(order_id, account.name)
        if order is None or not order.slots:
            raise not_found("The requested order was not found")
        return order
