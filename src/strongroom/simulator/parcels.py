"""Labels bought: Merchant Fulfillment v0 and Shipping v2, with the people of the order or of the request on them."""

from __future__ import annotations

import gzip
import hashlib
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from strongroom.simulator.book import OrderBook
from strongroom.simulator.config import SellerAccount
from strongroom.simulator.errors import invalid_input, not_found
from strongroom.simulator.labels import encoded, label
from strongroom.simulator.orders import Order, Slots
from strongroom.simulator.shapes import Json, instant, present

_SERVICE: Final = "SIM-STANDARD"
_RATE: Final = {"CurrencyCode": "EUR", "Amount": 4.9}
_FORMATS: Final = {"PDF": "application/pdf", "ZPL203": "application/zpl", "PNG": "image/png"}

_V0: Final = {
    "Name": "name",
    "AddressLine1": "address_line_1",
    "AddressLine2": "address_line_2",
    "AddressLine3": "address_line_3",
    "City": "city",
    "StateOrProvinceCode": "state",
    "PostalCode": "postal_code",
    "Phone": "phone",
}


@dataclass(slots=True)
class _Shipment:
    seller: str
    id: str
    order: str
    shipped_from: Json
    items: list[Any]
    format: str
    tracking: str
    created_at: datetime
    status: str = "Purchased"


@dataclass(slots=True)
class _Quote:
    seller: str
    to: Mapping[str, Any]
    packages: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Bought:
    seller: str
    documents: Json


class Parcels:
    """Shipments of every seller. Safe between threads."""

    def __init__(self, book: OrderBook, seed: int, clock: Callable[[], datetime]) -> None:
        """Ship this book's orders, and whatever Shipping v2 is asked to ship."""
        self._book = book
        self._clock = clock
        self._rng = random.Random(f"{seed}/parcels")  # noqa: S311 - ids and pictures
        self._lock = threading.Lock()
        self._shipments: dict[str, _Shipment] = {}
        self._quotes: dict[str, _Quote] = {}
        self._bought: dict[str, _Bought] = {}

    # -- Merchant Fulfillment v0 --

    def get_services(self, account: SellerAccount, request: object) -> Json:
        """Answer getEligibleShipmentServices."""
        self._ordered(account, _details(request))
        return {"payload": {"ShippingServiceList": [self._service("PDF")]}}

    def create_shipment(self, account: SellerAccount, request: object) -> Json:
        """Answer createShipment."""
        details = _details(request)
        order = self._ordered(account, details)
        wanted = details.get("ShippingServiceOptions", {}).get("LabelFormat", "PDF")
        if wanted not in _FORMATS:
            raise invalid_input("The label format is not available")
        with self._lock:
            shipment = _Shipment(
                account.name,
                f"{self._rng.getrandbits(64):016x}",
                order.order_id,
                dict(details.get("ShipFromAddress", {})),
                list(details.get("ItemList", [])),
                wanted,
                self._tracking(),
                self._clock(),
            )
            self._shipments[shipment.id] = shipment
        return {"payload": self._shown(shipment, order)}

    def get_shipment(self, account: SellerAccount, shipment_id: str) -> Json:
        """Answer getShipment."""
        return {"payload": self._shown(*self._shipment(account, shipment_id))}

    def cancel_shipment(self, account: SellerAccount, shipment_id: str) -> Json:
        """Answer cancelShipment."""
        shipment, order = self._shipment(account, shipment_id)
        shipment.status = "RefundPending"
        return {"payload": self._shown(shipment, order)}

    # -- Shipping v2 --

    def get_rates(self, account: SellerAccount, request: object) -> Json:
        """Answer getRates."""
        asked = request if isinstance(request, dict) else {}
        to = asked.get("shipTo")
        if not isinstance(to, dict) or not to.get("addressLine1") or not asked.get("packages"):
            raise invalid_input("The request lacks shipTo or packages")
        packages = [
            str(package.get("packageClientReferenceId", "")) for package in asked["packages"]
        ]
        with self._lock:
            token = f"quote-{self._rng.getrandbits(64):016x}"
            self._quotes[token] = _Quote(account.name, to, packages)
        rate = {
            "rateId": f"{token}-1",
            "carrierId": "SIM",
            "carrierName": "Simulated Parcels",
            "serviceId": _SERVICE,
            "serviceName": "Standard",
            "totalCharge": {"value": 4.9, "unit": "EUR"},
            "promise": self._promise(),
            "requiresAdditionalInputs": False,
            "supportedDocumentSpecifications": [
                {
                    "format": name,
                    "size": {"length": 6.0, "width": 4.0, "unit": "INCH"},
                    "printOptions": [
                        {
                            "supportedPageLayouts": ["DEFAULT"],
                            "supportedFileJoiningOptions": [False],
                            "supportedDocumentDetails": [{"name": "LABEL", "isMandatory": True}],
                        }
                    ],
                }
                for name in ("PDF", "ZPL", "PNG")
            ],
        }
        return {"payload": {"requestToken": token, "rates": [rate]}}

    def purchase(self, account: SellerAccount, request: object) -> Json:
        """Answer purchaseShipment."""
        asked = request if isinstance(request, dict) else {}
        specified = asked.get("requestedDocumentSpecification", {})
        quote = self._quotes.get(str(asked.get("requestToken")))
        if quote is None or quote.seller != account.name:
            raise invalid_input("The requestToken is not valid")
        form = {"ZPL": "ZPL203"}.get(specified.get("format"), specified.get("format", "PDF"))
        lines = [str(quote.to[name]) for name in sorted(quote.to) if quote.to[name]]
        with self._lock:
            shipment = f"{self._rng.getrandbits(64):016x}"
            details = [
                {
                    "packageClientReferenceId": package,
                    "trackingId": self._tracking(),
                    "packageDocuments": [
                        {
                            "type": "LABEL",
                            "format": specified.get("format", "PDF"),
                            "contents": encoded(label(form, lines)),
                        }
                    ],
                }
                for package in quote.packages
            ]
            self._bought[shipment] = _Bought(account.name, {"details": details})
        payload = {
            "shipmentId": shipment,
            "packageDocumentDetails": details,
            "promise": self._promise(),
        }
        return {"payload": payload}

    def get_documents(
        self, account: SellerAccount, shipment_id: str, query: Mapping[str, str]
    ) -> Json:
        """Answer getShipmentDocuments."""
        bought = self._bought.get(shipment_id)
        if bought is None or bought.seller != account.name:
            raise not_found("The requested shipment was not found")
        for detail in bought.documents["details"]:
            if detail["packageClientReferenceId"] == query.get("packageClientReferenceId"):
                return {"payload": {"shipmentId": shipment_id, "packageDocumentDetail": detail}}
        raise invalid_input("The package is not part of the shipment")

    # -- private --

    def _ordered(self, account: SellerAccount, details: Mapping[str, Any]) -> Order:
        order = self._book.find(str(details.get("AmazonOrderId")), account.name)
        if order is None or not order.slots:
            raise not_found("The requested order was not found")
        return order

    def _shipment(self, account: SellerAccount, shipment_id: str) -> tuple[_Shipment, Order]:
        shipment = self._shipments.get(shipment_id)
        order = self._book.find(shipment.order, account.name) if shipment is not None else None
        if shipment is None or order is None:
            raise not_found("The requested shipment was not found")
        return shipment, order

    def _service(self, form: str) -> Json:
        return {
            "ShippingServiceName": "Simulated Parcels Standard",
            "CarrierName": "SIM",
            "ShippingServiceId": _SERVICE,
            "ShippingServiceOfferId": "sim-offer-1",
            "ShipDate": instant(self._clock()),
            "Rate": _RATE,
            "RateWithAdjustments": _RATE,
            "AdjustmentItemList": [],
            "ShippingServiceOptions": {
                "DeliveryExperience": "NoTracking",
                "CarrierWillPickUp": False,
                "LabelFormat": form,
            },
            "RequiresAdditionalSellerInputs": False,
        }

    def _shown(self, shipment: _Shipment, order: Order) -> Json:
        to = _address(order.slots, "recipient", order.country_code)
        printed = label(shipment.format, [order.order_id, *map(str, to.values())])
        return present(
            {
                "ShipmentId": shipment.id,
                "AmazonOrderId": order.order_id,
                "ItemList": shipment.items,
                "ShipFromAddress": shipment.shipped_from,
                "ShipToAddress": to,
                "PackageDimensions": {
                    "Length": 20,
                    "Width": 10,
                    "Height": 5,
                    "Unit": "centimeters",
                },
                "Weight": {"Value": 500, "Unit": "g"},
                "Insurance": {"CurrencyCode": "EUR", "Amount": 0},
                "ShippingService": self._service(shipment.format),
                "Label": {
                    "Dimensions": {"Length": 6, "Width": 4, "Unit": "inches"},
                    "FileContents": {
                        "Contents": encoded(gzip.compress(printed, mtime=0)),
                        "FileType": _FORMATS[shipment.format],
                        "Checksum": encoded(hashlib.md5(printed, usedforsecurity=False).digest()),
                    },
                    "LabelFormat": shipment.format,
                },
                "Status": shipment.status,
                "TrackingId": shipment.tracking,
                "CreatedDate": instant(shipment.created_at),
            }
        )

    def _promise(self) -> Json:
        return {"deliveryWindow": {"start": instant(self._clock()), "end": instant(self._clock())}}

    def _tracking(self) -> str:
        return f"SIM{self._rng.randrange(10**12):012d}"


def _details(request: object) -> Mapping[str, Any]:
    details = request.get("ShipmentRequestDetails") if isinstance(request, dict) else None
    if not isinstance(details, dict) or not isinstance(details.get("ShipFromAddress"), dict):
        raise invalid_input("Request is missing required field: ShipmentRequestDetails")
    return details


def _address(slots: Slots, whose: str, country: str) -> Json:
    found = {member: slots.get(f"{whose}.{name}") for member, name in _V0.items()}
    # Amazon's model wants both of everybody.
    wanted = {"Email": slots.get("buyer.email", "none@example.com"), "Phone": found["Phone"] or "0"}
    return present({**found, **wanted, "CountryCode": country})
