"""What an order's document says of its delivery, in the words of `policy.retention` [2.1].

Reads Amazon's own statements only; a promise of a date is none. Anything unreadable counts as not said.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from strongroom.gateway.extraction import Json, Object
from strongroom.policy.retention import DAY, Progress, SightedFacts

_STATUS_V0: Final[Mapping[str, Progress]] = {
    "Pending": Progress.PENDING,
    "PendingAvailability": Progress.PENDING,
    "Unshipped": Progress.UNSHIPPED,
    "InvoiceUnconfirmed": Progress.UNSHIPPED,
    "PartiallyShipped": Progress.PARTIAL,
    "Shipped": Progress.SHIPPED,
    "Canceled": Progress.CANCELLED,
    # Nothing will be delivered, so nothing remains to be done with an address.
    "Unfulfillable": Progress.CANCELLED,
}

# A parcel that is lost, refused or on its way back will never be delivered: it says no more than "shipped", since
# "undelivered" would keep the buyer's data for as long as anybody looks.
_EASY_SHIP: Final[Mapping[str, Progress]] = {
    "PickedUp": Progress.UNDELIVERED,
    "DroppedOff": Progress.UNDELIVERED,
    "AtOriginFC": Progress.UNDELIVERED,
    "AtDestinationFC": Progress.UNDELIVERED,
    "OutForDelivery": Progress.UNDELIVERED,
    "Delivered": Progress.DELIVERED,
}

_STATUS_2026: Final[Mapping[str, Progress]] = {
    "PENDING_AVAILABILITY": Progress.PENDING,
    "PENDING": Progress.PENDING,
    "UNSHIPPED": Progress.UNSHIPPED,
    "PARTIALLY_SHIPPED": Progress.PARTIAL,
    "SHIPPED": Progress.SHIPPED,
    "CANCELLED": Progress.CANCELLED,
    "UNFULFILLABLE": Progress.CANCELLED,
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# An instant in Amazon's usual form, 2026-08-01T12:13:14Z, is the sum of three look-ups: a third of the price of
# parsing it, and every order has two.
_USUAL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_DAYS: Final[dict[str, int]] = {}
_MINUTES: Final = {f"T{m // 60:02d}:{m % 60:02d}": m * 60 for m in range(24 * 60)}
_SECONDS: Final = {f":{second:02d}Z": second for second in range(60)}
_MANY_DAYS: Final = 4096

# Looking a member up in its enumeration is slow.
_UNKNOWN: Final = Progress.UNKNOWN
_SHIPPED: Final = Progress.SHIPPED

_UNDER_WAY: Final = frozenset({"PENDING", "IN_TRANSIT"})
_ARRIVED: Final = "DELIVERED"
_NEVER: Final = "CANCELLED"

# An order of ours or Amazon's that nobody will deliver: nothing remains to be done with an address.
_MCF_ENDED: Final = frozenset({"CANCELLED", "UNFULFILLABLE", "INVALID"})
_MCF_COMPLETE: Final = frozenset(
    {"COMPLETE", "COMPLETEPARTIALLED", "COMPLETE_PARTIALLED", "COMPLETE_PARTIAL"}
)
_MCF_ARRIVED: Final = frozenset({"EVENT_301", "EVENT_804"})
"""Delivered; picked up from a locker."""
_ARRIVALS: Final = frozenset({"Delivered"})
_MILESTONES: Final = frozenset({"DELIVERED", "CUSTOMER_PICKUP_COMPLETED"})
_NOT_SO: Final = frozenset({"PREDICTED", "REVERTED"})
"""What a milestone says of itself that did not come to pass."""
_AT_ONCE: Final = 1
"""The second after 1970 began: due since then."""


def nothing(order: Object) -> SightedFacts:
    """Return the facts of a view that shows no dates and no status."""
    del order
    return _NOTHING


def order_v0(order: Object) -> SightedFacts:
    """Return the facts of an order of Orders v0, whose own members have the types they should have."""
    get = order.get
    status = _STATUS_V0.get(get("OrderStatus", ""), _UNKNOWN)
    if status is _SHIPPED and "EasyShipShipmentStatus" in order:
        status = _EASY_SHIP.get(get("EasyShipShipmentStatus", ""), status)
    said = status, seconds(get("PurchaseDate")), 0, seconds(get("LastUpdateDate")), 0
    # Every order of every page passes here; a named tuple's own constructor takes twice as long.
    return tuple.__new__(SightedFacts, said)


def order_2026(order: Object) -> SightedFacts:
    """Return the facts of an order of Orders 2026-01-01."""
    get = order.get
    status = _STATUS_2026.get(
        _word(_inner(get("fulfillment"), "fulfillmentStatus")), Progress.UNKNOWN
    )
    packages = get("packages")
    shipped_at = 0
    if type(packages) is list:
        shipped_at = max((seconds(_inner(package, "shipTime")) for package in packages), default=0)
        if status is Progress.SHIPPED:
            status = _carried(_inner(_inner(p, "packageStatus"), "status") for p in packages)
    return SightedFacts(
        status, seconds(get("createdTime")), shipped_at, seconds(get("lastUpdatedTime"))
    )


def order_change(order: Object) -> SightedFacts:
    """Return the facts of an ORDER_CHANGE notification; the delivery dates in it are promises, and say nothing."""
    told = order.get("Summary")
    status = _STATUS_V0.get(_word(_inner(told, "OrderStatus")), _UNKNOWN)
    if status is _SHIPPED:
        status = _EASY_SHIP.get(_word(_inner(told, "EasyShipShipmentStatus")), status)
    changed = seconds(_inner(order.get("OrderChangeTrigger"), "TimeOfOrderChange"))
    return SightedFacts(status, seconds(_inner(told, "PurchaseDate")), 0, changed)


def easy_ship(package: Object) -> SightedFacts:
    """Return the facts of a scheduled package of Easy Ship: its carrier's word, without a time."""
    return SightedFacts(_EASY_SHIP.get(_word(package.get("packageStatus")), _UNKNOWN))


def since(kept: SightedFacts, told: SightedFacts) -> SightedFacts:
    """Return how long to keep what is no order, counted from its delivery where the view tells of one.

    Never later than from when it was first seen (`policy.kinds`): an earlier delivery makes it go earlier.
    """
    if told.status is Progress.CANCELLED:
        return kept._replace(purchased_at=_AT_ONCE)
    at = told.delivered_at or told.shipped_at
    return kept._replace(purchased_at=at) if at else kept


def mcf_order(result: Object) -> SightedFacts:
    """Return the facts of a fulfilment order of MCF: ended at once where cancelled, else when its last parcel left.

    An order that is not complete has parcels to come, and says nothing. Arrival dates are estimates.
    """
    order, shipments = result.get("fulfillmentOrder"), result.get("fulfillmentShipments")
    status = _inner(order, "fulfillmentOrderStatus")
    return _left(status, shipments, "fulfillmentShipmentStatus", "shippingDate")


def mcf_order_2026(order: Object) -> SightedFacts:
    """Return the facts of a fulfilment order of MCF 2026-07-04, as `mcf_order` does.

    Its shipments come where they were asked for.
    """
    return _left(order.get("status"), order.get("shipments"), "status", "shipTime")


def mcf_notified(order: Object) -> SightedFacts:
    """Return the facts of a FULFILLMENT_ORDER_STATUS notification: of the order's own end alone."""
    status = _word(order.get("FulfillmentOrderStatus")).upper()
    return SightedFacts(Progress.CANCELLED) if status in _MCF_ENDED else _NOTHING


def mcf_package(details: Object) -> SightedFacts:
    """Return the facts of a parcel of MCF, by its carrier's events; of several deliveries the first."""
    return _arrival(details, "trackingEvents", "eventCode", "eventDate", _MCF_ARRIVED)


def shipping_tracking(result: Object) -> SightedFacts:
    """Return the facts of a parcel of Shipping v2, by its carrier's events; one on its way back arrived nowhere."""
    history = result.get("eventHistory")
    if type(history) is not list:
        return _NOTHING
    forward = [e for e in history if _inner(e, "shipmentType") != "RETURNS"]
    return _arrival({"eventHistory": forward}, "eventHistory", "eventCode", "eventTime", _ARRIVALS)


def tracked(detail: Object) -> SightedFacts:
    """Return the facts of a parcel of the Tracking API, by its milestones; of several arrivals the first."""
    history = detail.get("milestoneHistory")
    if type(history) is not list:
        return _NOTHING
    told = (
        seconds(_inner(milestone, "occurredAt"))
        for milestone in history
        if _word(_inner(status := _inner(milestone, "status"), "code")) in _MILESTONES
        and _word(_inner(status, "subCode")) not in _NOT_SO
    )
    first = min((moment for moment in told if moment), default=0)
    return SightedFacts(Progress.DELIVERED, 0, first) if first else _NOTHING


def _left(said: Json, shipments: Json, status: str, at: str) -> SightedFacts:
    """Return what an order of MCF that says `said` tells of its last parcel, or that there will be none."""
    word = _word(said).upper()
    if word in _MCF_ENDED:
        return SightedFacts(Progress.CANCELLED)
    if word not in _MCF_COMPLETE or type(shipments) is not list:
        return _NOTHING
    left = (
        seconds(_inner(shipment, at))
        for shipment in shipments
        # The date of one that is pending is an estimate.
        if _word(_inner(shipment, status)).upper() == "SHIPPED"
    )
    return SightedFacts(Progress.SHIPPED, 0, max(left, default=0))


def _arrival(view: Object, list_: str, code: str, at: str, arrived: frozenset[str]) -> SightedFacts:
    """Return when a carrier says that a parcel arrived: the earliest of what it says."""
    events = view.get(list_)
    told = [
        seconds(_inner(event, at))
        for event in (events if type(events) is list else ())
        if _word(_inner(event, code)) in arrived
    ]
    first = min((moment for moment in told if moment), default=0)
    return SightedFacts(Progress.DELIVERED, delivered_at=first) if first else _NOTHING


def seconds(text: Json) -> int:
    """Return an instant of Amazon's (ISO 8601) as whole seconds since 1970; 0 for anything else."""
    try:
        return _DAYS[text[:10]] + _MINUTES[text[10:16]] + _SECONDS[text[16:]]
    except (KeyError, TypeError):
        return _parsed(text)


def _parsed(text: Json) -> int:
    """Return what `seconds` does, for any form, and remember the day."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        stamp = int((moment - _EPOCH).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return 0
    midnight = stamp - stamp % DAY
    if _USUAL.fullmatch(text) and midnight > 0 and len(_DAYS) < _MANY_DAYS:
        _DAYS[text[:10]] = midnight
    return max(stamp, 0)


def _carried(packages: Iterable[Json]) -> Progress:
    """Return what the packages of a shipped order say: one under way decides, then all of them having arrived."""
    said = {_word(status) for status in packages} - {_NEVER}
    if said & _UNDER_WAY:
        return Progress.UNDELIVERED
    return Progress.DELIVERED if said == {_ARRIVED} else Progress.SHIPPED


def _inner(value: Json, name: str) -> Json:
    return value.get(name) if type(value) is dict else None


def _word(value: Json) -> str:
    return value if type(value) is str else ""


_NOTHING: Final = SightedFacts()

READERS: Final[Mapping[str, Callable[[Object], SightedFacts]]] = {
    "": nothing,
    "order_v0": order_v0,
    "order_2026": order_2026,
    "order_change": order_change,
    "easy_ship": easy_ship,
    "mcf_order": mcf_order,
    "mcf_order_2026": mcf_order_2026,
    "mcf_notified": mcf_notified,
    "mcf_package": mcf_package,
    "shipping_tracking": shipping_tracking,
    "tracked": tracked,
}
"""By the name a model file gives."""
