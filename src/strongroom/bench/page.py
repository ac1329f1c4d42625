"""The page of orders that the benchmark's upstream answers: 100 orders, about 182 KB, every order new on every request.

Each order shows all that a Restricted Data Token opens: twelve personal values. The people are invented.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

ORDERS: Final = 100
_PAGE_BYTES: Final = 182_000
_ID: Final = b"902-0000000-0000000"
_OPEN, _CLOSE = b'{"payload":{"Orders":[', b'],"CreatedBefore":"2026-01-01T00:00:00Z"}}'


@dataclass(frozen=True, slots=True)
class Page:
    """One page, cut at its order ids."""

    orders: tuple[bytes, ...]

    def body(self, first: int) -> bytes:
        """Return the page with orders numbered from `first` on."""
        numbered = zip(self.orders, range(first, first + len(self.orders)), strict=True)
        return _OPEN + b",".join([o.replace(_ID, order_id(n)) for o, n in numbered]) + _CLOSE


def order_id(number: int) -> bytes:
    """Return an order id of Amazon's form; 902 is a prefix that Amazon gives to test orders."""
    return b"902-%07d-%07d" % divmod(number, 10**7)


def make_page(now: datetime, *, searchable: bool) -> Page:
    """Return a page; `searchable` puts an e-mail address and a phone number in place of two other values.

    Both hold the order's id, so that no two orders share a search tag.
    """
    orders = [_order(number, now, searchable=searchable) for number in range(ORDERS)]
    target = (_PAGE_BYTES - len(_OPEN) - len(_CLOSE)) // ORDERS - 1
    return Page(tuple(_padded(order, target) for order in orders))


def _padded(order: dict[str, Any], target: int) -> bytes:
    missing = target - len(orjson.dumps(order))
    order["ShipServiceLevel"] += "-" * max(missing, 0)
    return orjson.dumps(order)


def _order(number: int, now: datetime, *, searchable: bool) -> dict[str, Any]:
    the_id = _ID.decode()
    bought = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    by = (now + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    address = {
        "Name": f"Beispiel Person {number}",
        "AddressLine1": f"Musterstraße {number}",
        "AddressLine2": f"Hinterhaus, {number}. Stock",
        "City": "Köln",
        "StateOrRegion": "Nordrhein-Westfalen",
        "PostalCode": f"50{number:03d}",
        "CountryCode": "DE",
        **({"Phone": f"+49 {the_id}"} if searchable else {"AddressLine3": f"Tor {number}"}),
        "AddressType": "Residential",
    }
    buyer = {
        "BuyerName": f"Käufer Beispiel {number}",
        "PurchaseOrderNumber": f"PO {number:05d}",
        **(
            {"BuyerEmail": f"{the_id}@marketplace.amazon.example"}
            if searchable
            else {"BuyerCounty": f"Kreis {number}"}
        ),
    }
    return {
        "AmazonOrderId": the_id,
        "SellerOrderId": the_id,
        "PurchaseDate": bought,
        "LastUpdateDate": bought,
        "OrderStatus": "Unshipped",
        "FulfillmentChannel": "MFN",
        "SalesChannel": "Amazon.de",
        "ShipServiceLevel": "Std DE Dom_4",
        "OrderTotal": {"CurrencyCode": "EUR", "Amount": f"{number + 10}.95"},
        "NumberOfItemsShipped": 0,
        "NumberOfItemsUnshipped": 1,
        "PaymentMethod": "Other",
        "PaymentMethodDetails": ["Standard"],
        "MarketplaceId": "A1PA6795UKMFR9",
        "ShipmentServiceLevelCategory": "Standard",
        "OrderType": "StandardOrder",
        "EarliestShipDate": bought,
        "LatestShipDate": by,
        "EarliestDeliveryDate": by,
        "LatestDeliveryDate": by,
        "IsBusinessOrder": False,
        "IsPrime": False,
        "IsPremiumOrder": False,
        "IsGlobalExpressEnabled": False,
        "IsReplacementOrder": False,
        "IsSoldByAB": False,
        "IsISPU": False,
        "IsAccessPointOrder": False,
        "HasRegulatedItems": False,
        "BuyerInvoicePreference": "INDIVIDUAL",
        "ShippingAddress": address,
        "BuyerInfo": buyer,
        "AutomatedShippingSettings": {"HasAutomatedShippingSettings": False},
    }
