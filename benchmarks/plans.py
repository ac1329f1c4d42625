"""Times a plan on one page of getOrders: extract and replace, without minting; see ADR 0031.

python benchmarks/plans.py
"""

import random
import time
from collections.abc import Callable
from typing import Any

import orjson

from strongroom.gateway import shapes
from strongroom.gateway.extraction import Pairs
from strongroom.gateway.transform import Plan
from strongroom.policy.catalogue import Catalogue
from strongroom.policy.sighting import SlotKey

Admit = Callable[..., tuple[Any, shapes.Layout]]

ORDERS = 100
ROUNDS = 200


def page(seed: int = 1) -> bytes:
    """Return a page as Amazon sends it for an RDT with all elements: some members come and go."""
    rng = random.Random(seed)
    return orjson.dumps(
        {"payload": {"Orders": [order(rng) for _ in range(ORDERS)], "NextToken": "next"}}
    )


def order(rng: random.Random) -> dict[str, object]:
    def word() -> str:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 12))).title()

    address = {
        "Name": f"{word()} {word()}",
        "AddressLine1": f"{rng.randint(1, 999)} {word()} Street",
        "City": word(),
        "StateOrRegion": "WA",
        "PostalCode": f"{rng.randint(10_000, 99_999)}-{rng.randint(1000, 9999)}",
        "CountryCode": "US",
        "Phone": f"+1 206 {rng.randint(100, 999)} {rng.randint(1000, 9999)} ext. 12345",
        "AddressType": "Residential",
    }
    if rng.random() < 0.3:
        address["AddressLine2"] = "Apt 5"
    buyer = {
        "BuyerEmail": f"{rng.getrandbits(60):x}@marketplace.amazon.com",
        "BuyerName": f"{word()} {word()}",
    }
    if rng.random() < 0.2:
        buyer["PurchaseOrderNumber"] = "PO-33"
    when = f"2026-08-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:13:14Z"
    flags = ("IsBusinessOrder", "IsPrime", "IsPremiumOrder", "IsGlobalExpressEnabled")
    more = ("IsReplacementOrder", "IsSoldByAB", "IsIBA", "IsISPU", "IsAccessPointOrder")
    return {
        "AmazonOrderId": f"902-{rng.randint(10**6, 10**7 - 1)}-{rng.randint(10**6, 10**7 - 1)}",
        "PurchaseDate": when,
        "LastUpdateDate": when,
        "OrderStatus": rng.choice(("Unshipped", "Shipped", "PartiallyShipped")),
        "FulfillmentChannel": "MFN",
        "SalesChannel": "Amazon.com",
        "ShipServiceLevel": "Std US D2D Dom",
        "OrderTotal": {"CurrencyCode": "USD", "Amount": f"{rng.randint(5, 200)}.99"},
        "NumberOfItemsShipped": 0,
        "NumberOfItemsUnshipped": 1,
        "PaymentMethod": "Other",
        "PaymentMethodDetails": ["Standard"],
        "MarketplaceId": "ATVPDKIKX0DER",
        "ShipmentServiceLevelCategory": "Standard",
        "OrderType": "StandardOrder",
        "EarliestShipDate": when,
        "LatestShipDate": when,
        "EarliestDeliveryDate": when,
        "LatestDeliveryDate": when,
        **dict.fromkeys((*flags, *more), False),
        "DefaultShipFromLocationAddress": {
            "Name": "Demo Seller",
            "AddressLine1": f"{rng.randint(1, 999)} {word()} Way",
            "City": "Seattle",
            "StateOrRegion": "WA",
            "PostalCode": "98101",
            "CountryCode": "US",
        },
        "ShippingAddress": address,
        "BuyerInfo": buyer,
        "AutomatedShippingSettings": {"HasAutomatedShippingSettings": False},
        "HasRegulatedItems": False,
        **({"BuyerInvoicePreference": "INDIVIDUAL"} if rng.random() < 0.1 else {}),
    }


class Tokens:
    """Tokens already minted."""

    def __init__(self) -> None:
        self._tokens: dict[SlotKey, str] = {slot: f"ST{slot:018d}" for slot in range(128)}

    def token(self, key: SlotKey, /) -> str:
        return self._tokens[key]

    def fill(self, holder: dict[str, Any], places: Pairs, /) -> None:
        tokens = self._tokens
        for member, key in places:
            holder[member] = tokens[key]


def measure(plan: Plan, body: bytes) -> tuple[float, float, int]:
    """Return the best times of extract and replace, in milliseconds, and how many values there were."""
    placed = [Tokens()] * ORDERS
    best = [1.0, 1.0]
    for _ in range(ROUNDS):
        document = orjson.loads(body)
        begin = time.perf_counter()
        found = plan.extract(document)
        middle = time.perf_counter()
        plan.replace(found, placed)
        end = time.perf_counter()
        best = [min(best[0], middle - begin), min(best[1], end - middle)]
        values = sum(len(sighting.slots) for sighting in found.sightings)
        del found, document  # or the next round would pay for their end
    return best[0] * 1e3, best[1] * 1e3, values


def forgetting(admit: Admit) -> Admit:
    """Return the slow path with layouts that fit no later object."""

    def changed(*args: object) -> tuple[Any, shapes.Layout]:
        right, layout = admit(*args)
        layout.signature = [object]
        return right, layout

    return changed


def main() -> None:
    operation = Catalogue.load().operations["ordersV0.getOrders"]
    body = page()
    learned = measure(Plan(operation), body)
    shapes.Shape.admit = forgetting(shapes.Shape.admit)  # type: ignore[method-assign]
    shapes.MAX_LAYOUTS = 0  # type: ignore[misc]
    slow = measure(Plan(operation), body)
    print(f"{len(body):,} bytes, {ORDERS} orders, {learned[2] / ORDERS:.1f} values each, ms")
    print(f"{'':18} {'extract':>8} {'replace':>8}")
    for name, (extract, replace, _) in (("learned layouts", learned), ("member by member", slow)):
        print(f"{name:18} {extract:8.3f} {replace:8.3f}")


if __name__ == "__main__":
    main()
