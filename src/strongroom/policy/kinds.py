"""The kinds of data subjects beside the order, and how long what was seen of each is kept [2.1].

An order has a delivery to count from. The others have none: what is about a buyer or a recipient goes thirty days after
it was first seen, however often an app looks again; what is about the selling partner, their people and their places
goes thirty days after it was last of use.
"""

from collections.abc import Mapping
from typing import Final

from strongroom.policy.retention import Progress, SightedFacts

ORDER: Final = "order"
"""Dated by its delivery, from whatever view tells of it."""

CALL: Final = "call"
"""What nothing identifies but the call that showed it."""

_FIRST: Final = SightedFacts(Progress.FIRST_SEEN)
_LAST: Final = SightedFacts(Progress.LAST_SEEN)

KEPT: Final[Mapping[str, SightedFacts]] = {
    ORDER: SightedFacts(),
    CALL: _FIRST,
    # About buyers and recipients.
    "case": _FIRST,
    "claim": _FIRST,
    "delivery": _FIRST,
    "document": _FIRST,
    "feedback": _FIRST,
    "fulfillment_order": _FIRST,
    "invoice": _FIRST,
    "message": _FIRST,
    "offer": _FIRST,
    "package": _FIRST,
    "purchase_order": _FIRST,
    "return": _FIRST,
    "service_job": _FIRST,
    "shipment": _FIRST,
    "tracking": _FIRST,
    "transaction": _FIRST,
    # The selling partner, their people and their places.
    "account": _LAST,
    "application": _LAST,
    "bank_account": _LAST,
    "carrier_account": _LAST,
    "destination": _LAST,
    "inbound_plan": _LAST,
    "inbound_shipment": _LAST,
    "location": _LAST,
    "resource": _LAST,
    "seller": _LAST,
    "staff": _LAST,
    "subscription": _LAST,
    "supply_source": _LAST,
    "transfer": _LAST,
    "vendor": _LAST,
    "warehouse": _LAST,
}
"""By kind, what a document that shows one says of how long to keep it."""
