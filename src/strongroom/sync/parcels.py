"""Which carriers an order's page gives something to ask for, and what their answers say of its arrival [2.1]. Pure.

Pages come with tokens in the place of tracking numbers. A promise of a date is not looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strongroom.gateway.facts import shipping_tracking
from strongroom.policy.retention import Progress, SightedFacts

_EASY_SHIP: Final = "AMAZON_EASY_SHIP"
_AMAZONS_OWN: Final = "AMZN"
"""How the names of the carriers begin that Shipping v2 follows."""

_NEVER: Final = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel that Shipping v2 can be asked for; the tracking number is a token."""

    tracking: str
    carrier: str


@dataclass(frozen=True, slots=True)
class ToAsk:
    """What to ask for one order that was shipped."""

    order: str
    marketplace: str
    easy_ship: bool
    parcels: tuple[Parcel, ...]


def to_ask(orders: Iterable[Any]) -> list[ToAsk]:
    """Return the shipped orders of a page for which some carrier can be asked."""
    return [wanted for order in orders if (wanted := _wanted(order)) is not None]


def arrival(histories: Sequence[Any]) -> SightedFacts | None:
    """Return when an order arrived, given what Shipping v2 answered of each of its parcels; None: not all of it has."""
    told = [shipping_tracking(history) for history in histories if isinstance(history, dict)]
    if not histories or len(told) < len(histories):
        return None
    if any(facts.status is not Progress.DELIVERED for facts in told):
        return None
    return SightedFacts(Progress.DELIVERED, delivered_at=max(facts.delivered_at for facts in told))


def _wanted(order: Any) -> ToAsk | None:  # noqa: ANN401 - any JSON
    id_, status = _at(order, "orderId"), _at(order, "fulfillment", "fulfillmentStatus")
    if not isinstance(id_, str) or status != "SHIPPED":
        return None
    marketplace = _at(order, "salesChannel", "marketplaceId")
    programs, packages = _at(order, "programs"), _at(order, "packages")
    easy_ship = isinstance(programs, list) and _EASY_SHIP in programs
    easy_ship = easy_ship and isinstance(marketplace, str)
    parcels = _parcels(packages) if isinstance(packages, list) else ()
    if not (easy_ship or parcels):
        return None
    return ToAsk(id_, marketplace if isinstance(marketplace, str) else "", easy_ship, parcels)


def _parcels(packages: list[Any]) -> tuple[Parcel, ...]:
    """Return an order's parcels where every one of them can be followed: one alone says nothing of the others."""
    sent = [p for p in packages if _at(p, "packageStatus", "status") != _NEVER]
    found = [(_at(package, "trackingNumber"), _at(package, "carrier")) for package in sent]
    parcels = tuple(
        Parcel(tracking, carrier)
        for tracking, carrier in found
        if isinstance(tracking, str)
        and isinstance(carrier, str)
        and carrier.startswith(_AMAZONS_OWN)
    )
    return parcels if len(parcels) == len(sent) else ()


def _at(value: Any, *path: str) -> Any:  # noqa: ANN401 - any JSON
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
