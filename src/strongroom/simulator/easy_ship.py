"""Parcels that Amazon's carrier fetches: Easy Ship 2022-03-23. A package's status follows its order's progress."""

from __future__ import annotations

import io
import random
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import SellerAccount
from strongroom.simulator.errors import SpApiError, invalid_input, not_found
from strongroom.simulator.labels import label
from strongroom.simulator.orders import Order
from strongroom.simulator.reports import Cabinet
from strongroom.simulator.shapes import Json, instant, present

_FORMATS: Final = {"PDF": "PDF", "ZPL": "ZPL203"}
_FIRST_SLOT: Final = timedelta(hours=20)
_SLOT: Final = timedelta(hours=3)
_SLOTS: Final = 3
_CARRIED: Final = timedelta(hours=12)
"""From the pickup to the fulfilment centre that is near the buyer."""


@dataclass(slots=True)
class _Package:
    id: str
    order: str
    items: list[Any]
    slot: Mapping[str, Any]
    own_mark: str | None
    tracking: str


class EasyShip:
    """Packages of every seller. Safe between threads."""

    def __init__(
        self, book: OrderBook, cabinet: Cabinet, seed: int, clock: Callable[[], datetime]
    ) -> None:
        """Ship this book's orders; labels of a bulk lie in the cabinet."""
        self._book = book
        self._cabinet = cabinet
        self._clock = clock
        self._rng = random.Random(f"{seed}/easy-ship")  # noqa: S311 - ids
        self._lock = threading.Lock()
        self._packages: dict[str, _Package] = {}

    def list_slots(self, account: SellerAccount, request: object) -> Json:
        """Answer listHandoverSlots."""
        asked = _object(request, "marketplaceId", "packageDimensions", "packageWeight")
        order = self._order(account, asked.get("amazonOrderId"))
        return {"amazonOrderId": order.order_id, "timeSlots": self._slots()}

    def create(self, account: SellerAccount, request: object) -> Json:
        """Answer createScheduledPackage."""
        asked = _object(request, "marketplaceId", "packageDetails")
        return self._shown(self._schedule(account, asked, asked["packageDetails"]))

    def create_bulk(self, account: SellerAccount, request: object) -> Json:
        """Answer createScheduledPackageBulk: one archive of labels for all of them."""
        asked = _object(request, "marketplaceId", "orderScheduleDetailsList", "labelFormat")
        form = _FORMATS.get(str(asked["labelFormat"]))
        if form is None:
            raise invalid_input("The label format is not available")
        made: list[_Package] = []
        rejected: list[Json] = []
        for entry in asked["orderScheduleDetailsList"]:
            try:
                made.append(self._schedule(account, entry, entry.get("packageDetails") or {}))
            except SpApiError as error:
                fault = {"code": error.code, "message": error.message}
                rejected.append({"amazonOrderId": str(entry.get("amazonOrderId")), "error": fault})
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for package in made:
                order = self._order(account, package.order)
                name = f"{package.id}.{form[:3].lower()}"
                archive.writestr(zipfile.ZipInfo(name), label(form, _lines(order)))
        url = self._cabinet.file(packed.getvalue(), "application/zip") if made else None
        return present(
            {
                "scheduledPackages": [self._shown(package) for package in made],
                "rejectedOrders": rejected,
                "printableDocumentsUrl": url,
            }
        )

    def get(self, account: SellerAccount, query: Mapping[str, str]) -> Json:
        """Answer getScheduledPackage."""
        if "marketplaceId" not in query:
            raise invalid_input("marketplaceId is required")
        return self._shown(self._package(account, query.get("amazonOrderId")))

    def update(self, account: SellerAccount, request: object) -> Json:
        """Answer updateScheduledPackages: another time for each of them."""
        asked = _object(request, "marketplaceId", "updatePackageDetailsList")
        changed = []
        for entry in asked["updatePackageDetailsList"]:
            package = self._package(account, entry["scheduledPackageId"].get("amazonOrderId"))
            package.slot = self._slot(entry.get("packageTimeSlot"))
            changed.append(self._shown(package))
        return {"packages": changed}

    def _schedule(
        self, account: SellerAccount, entry: Mapping[str, Any], details: Mapping[str, Any]
    ) -> _Package:
        order = self._order(account, entry.get("amazonOrderId"))
        if order.order_id in self._packages:
            raise invalid_input("The order has been scheduled already")
        if order.status != "Unshipped" or order.outline.channel != "MFN":
            raise invalid_input("The order is not one that Easy Ship can ship")
        slot = self._slot(details.get("packageTimeSlot") or self._slots()[0])
        items = details.get("packageItems") or [{"orderItemId": i.item_id} for i in order.items]
        with self._lock:
            package = _Package(
                f"{self._rng.getrandbits(64):016x}",
                order.order_id,
                list(items),
                slot,
                details.get("packageIdentifier"),
                f"ES{self._rng.randrange(10**12):012d}",
            )
            self._packages[order.order_id] = package
        return package

    def _shown(self, package: _Package) -> Json:
        return present(
            {
                "scheduledPackageId": {"amazonOrderId": package.order, "packageId": package.id},
                "packageDimensions": {"length": 20.0, "width": 10.0, "height": 5.0, "unit": "cm"},
                "packageWeight": {"value": 500.0, "unit": "grams"},
                "packageItems": package.items,
                "packageTimeSlot": package.slot,
                "packageIdentifier": package.own_mark,
                "invoice": {"invoiceNumber": f"INV-{package.id[:8]}"},
                "packageStatus": self._status(package.order),
                "trackingDetails": {"trackingId": package.tracking},
            }
        )

    def _status(self, order_id: str) -> str:
        order, now = self._book.find(order_id), self._clock()
        if order is None or order.shipped_at is None or order.shipped_at > now:
            return "ReadyForPickup"
        if order.delivered_at is not None and order.delivered_at <= now:
            return "Delivered"
        return "AtDestinationFC" if now - order.shipped_at >= _CARRIED else "PickedUp"

    def _slots(self) -> list[Json]:
        first = self._clock() + _FIRST_SLOT
        starts = [first + number * _SLOT for number in range(_SLOTS)]
        return [
            {
                "slotId": f"slot-{number}",
                "startTime": instant(start),
                "endTime": instant(start + _SLOT),
                "handoverMethod": "PICKUP",
            }
            for number, start in enumerate(starts)
        ]

    def _slot(self, asked: object) -> Json:
        wanted = asked.get("slotId") if isinstance(asked, dict) else None
        for slot in self._slots():
            if slot["slotId"] == wanted:
                return slot
        raise invalid_input("The time slot is not available")

    def _order(self, account: SellerAccount, order_id: object) -> Order:
        order = self._book.find(str(order_id), account.name)
        if order is None or not order.slots:
            raise not_found("The requested order was not found")
        return order

    def _package(self, account: SellerAccount, order_id: object) -> _Package:
        package = self._packages.get(self._order(account, order_id).order_id)
        if package is None:
            raise not_found("The requested package was not found")
        return package


def _object(request: object, *required: str) -> Mapping[str, Any]:
    asked = request if isinstance(request, dict) else {}
    missing = [name for name in required if not asked.get(name)]
    if missing:
        raise invalid_input(f"Request is missing required fields: {', '.join(missing)}")
    return asked


def _lines(order: Order) -> list[str]:
    names = ("name", "address_line_1", "postal_code", "city", "phone")
    found = (order.slots.get(f"recipient.{name}") for name in names)
    return [order.order_id, *(str(value) for value in found if value)]
