"""What an order is in the simulator: business facts and, apart from them, its personal data.

Personal data lives in `slots`, a mapping of canonical slot (`recipient.name`) to value; every
view of Amazon's reads from there, so all views of one order always agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Status = Literal["Pending", "Unshipped", "PartiallyShipped", "Shipped", "Canceled"]
Slots = Mapping[str, str | float]

STATUSES: tuple[Status, ...] = ("Pending", "Unshipped", "PartiallyShipped", "Shipped", "Canceled")


@dataclass(frozen=True, slots=True)
class Outline:
    """The cheap part of an order, held for every order; enough to search and to page."""

    order_id: str
    seller: str
    marketplace_id: str
    status: Status
    channel: Literal["MFN", "AFN"]
    created_at: datetime
    updated_at: datetime
    shipped_at: datetime | None
    delivered_at: datetime | None
    split: bool  # was shipped in more than one go, whatever its status now


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order; `unit_price` is in the currency's smallest unit."""

    item_id: str
    asin: str
    sku: str
    title: str
    quantity: int
    quantity_shipped: int
    unit_price: int
    gift_wrap: bool
    deemed_reseller: bool


@dataclass(frozen=True, slots=True)
class Package:
    """One parcel of an order, as Orders 2026-01-01 shows it."""

    reference: str
    status: str
    carrier: str
    service: str
    shipped_at: datetime
    items: tuple[tuple[str, int], ...]  # order item id, quantity


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it stands now; `slots` holds only what Amazon would show in this status."""

    outline: Outline
    business: bool
    prime: bool
    regulated: bool
    currency: str
    items: tuple[Item, ...]
    packages: tuple[Package, ...]
    address_type: str
    country_code: str
    card_brand: str
    slots: Slots

    @property
    def order_id(self) -> str:
        """Return Amazon's order id, in 3-7-7 form."""
        return self.outline.order_id

    @property
    def status(self) -> Status:
        """Return the order's status in the words of Orders v0."""
        return self.outline.status

    @property
    def created_at(self) -> datetime:
        """Return when the order was placed."""
        return self.outline.created_at

    @property
    def updated_at(self) -> datetime:
        """Return when the order last changed."""
        return self.outline.updated_at

    @property
    def shipped_at(self) -> datetime | None:
        """Return when the last parcel left, if any has."""
        return self.outline.shipped_at

    @property
    def delivered_at(self) -> datetime | None:
        """Return when the order arrived; no Orders view shows this instant."""
        return self.outline.delivered_at

    @property
    def marketplace_id(self) -> str:
        """Return where the order was placed."""
        return self.outline.marketplace_id

    @property
    def total(self) -> int:
        """Return the price of all items, in the currency's smallest unit."""
        return sum(item.unit_price * item.quantity for item in self.items)

    def item_slot(self, item: Item, name: str) -> str | float | None:
        """Return one item's personal value, or nothing."""
        return self.slots.get(f"item:{item.item_id}.{name}")
