"""When an order's personal data must be gone [2.1]: from what was seen of it to the day its key is destroyed.

A carrier's own word of when a parcel arrived decides. No Orders model carries a delivery time: without such a word, an
order seen undelivered at an instant was delivered after it, so thirty days from that instant is never later than the
law allows; a promise made to the buyer proves nothing and never postpones.
"""

from datetime import timedelta
from enum import IntEnum
from typing import Final, NamedTuple

from strongroom.policy.limits import PENDING_WINDOW, RETENTION_AFTER_DELIVERY

DAY: Final = 86_400
"""Seconds of a UTC day."""


class Progress(IntEnum):
    """How far an order was, as one view of it told. Stored as a number: only append."""

    UNKNOWN = 0
    """The view does not say (an address, a list of items)."""
    PENDING = 1
    UNSHIPPED = 2
    PARTIAL = 3
    SHIPPED = 4
    """Handed over; whether it arrived is not said."""
    UNDELIVERED = 5
    """A carrier still has it."""
    DELIVERED = 6
    CANCELLED = 7
    FIRST_SEEN = 8
    """No order: counted from when it was first seen (policy/kinds.py)."""
    LAST_SEEN = 9
    """No order: counted from when it was last seen."""


_CLOCKS_DIFFER: Final = 300
"""Seconds by which Amazon's clock may be ahead of ours."""

_PENDING_SECONDS: Final = int(PENDING_WINDOW.total_seconds())
# A tuple: finding a member by identity is quicker than by its hash.
_FIRST_SEEN: Final = Progress.FIRST_SEEN
_LAST_SEEN: Final = Progress.LAST_SEEN
_OPEN: Final = (Progress.PENDING, Progress.UNSHIPPED, Progress.PARTIAL, Progress.UNDELIVERED)
HANDED_OVER: Final = (Progress.SHIPPED, Progress.UNDELIVERED, Progress.DELIVERED)
"""Nothing of such an order has still to be packed."""


class SightedFacts(NamedTuple):
    """What one document said of one order; instants are whole seconds since 1970, 0 where it said nothing."""

    status: Progress = Progress.UNKNOWN
    purchased_at: int = 0
    shipped_at: int = 0
    updated_at: int = 0
    delivered_at: int = 0
    """When a carrier says that it arrived; of an order of several parcels the last one."""


class DeliveryFacts(NamedTuple):
    """What is known of one order over all its views; instants as in `SightedFacts`."""

    status: Progress = Progress.UNKNOWN
    purchased_at: int = 0
    shipped_at: int = 0
    seen_open_at: int = 0
    """Midnight of the last day on which it was seen undelivered; by day, so that a daily pull is one write a day."""
    delivered_at: int = 0
    """When it arrived, by the word of a carrier; of several words the earliest."""


def learn(
    known: DeliveryFacts, seen: SightedFacts, now: int, *, stale: bool = False, reopens: bool = True
) -> DeliveryFacts:
    """Return what is known after `seen`.

    `stale` says that Amazon updated the order after this view was made; `reopens` that it is Amazon's answer to the
    question: a document or a message does not make open again what was handed over.
    """
    known = believed(known, now)
    if seen.status is _FIRST_SEEN or seen.status is _LAST_SEEN:
        return _looked_at(known, seen, now)
    if not reopens and known.status in HANDED_OVER and seen.status in _OPEN:
        seen = seen._replace(status=Progress.UNKNOWN)
    # A date still to come is a promise or an error, and would postpone: it counts as now.
    purchased_at = (stale and known.purchased_at) or min(seen.purchased_at, now)
    purchased_at = purchased_at or known.purchased_at
    delivered_at = known.delivered_at
    if seen.delivered_at:
        if seen.delivered_at < purchased_at:
            # Carriers use their numbers again: before it was bought, another parcel arrived.
            seen = seen._replace(status=Progress.UNKNOWN)
        else:
            told_at = min(seen.delivered_at, now)
            stands = delivered_at >= purchased_at and delivered_at
            delivered_at = min(told_at, delivered_at) if stands else told_at
    status = known.status
    if seen.status is not Progress.UNKNOWN and not stale and not _stands(status, seen.status):
        status = seen.status
    open_now = seen.status in _OPEN and status is seen.status and not stale
    return DeliveryFacts(
        status,
        purchased_at,
        max(min(seen.shipped_at, now), known.shipped_at),
        max(known.seen_open_at, now - now % DAY) if open_now else known.seen_open_at,
        delivered_at,
    )


def believed(facts: DeliveryFacts, now: int) -> DeliveryFacts:
    """Return facts without a sighting at an instant still to come: a clock that was wrong would postpone as long."""
    return facts if facts.seen_open_at <= now else facts._replace(seen_open_at=0)


def has_arrived(facts: DeliveryFacts) -> bool:
    """Say whether a carrier's word of an arrival stands: it can be one of this order."""
    return bool(facts.delivered_at) and facts.delivered_at >= facts.purchased_at


def _stands(known: Progress, seen: Progress) -> bool:
    """Say whether what is known is the stronger word: of two that contradict each other, the one that ends sooner."""
    if known is Progress.CANCELLED:
        return True
    if known is Progress.DELIVERED:
        # What arrived is not on its way again because somebody's list is behind.
        return seen is not Progress.CANCELLED
    # "Shipped" says less than what a carrier said.
    return known is Progress.UNDELIVERED and seen is Progress.SHIPPED


def _looked_at(known: DeliveryFacts, seen: SightedFacts, now: int) -> DeliveryFacts:
    """Return what is known of what has no delivery, after it was seen; a date that the view tells makes it older."""
    last = now - now % DAY if seen.status is _LAST_SEEN else 0
    first = min(at for at in (known.purchased_at, seen.purchased_at, now) if at)
    return DeliveryFacts(seen.status, first, 0, max(known.seen_open_at, last))


def dated(seen: SightedFacts, *, fresh: bool) -> SightedFacts:
    """Return what a document tells that was not made for this call: an old one does not say that anything is open."""
    return seen if fresh or seen.status not in _OPEN else seen._replace(status=Progress.UNKNOWN)


def unconfirmed(seen: SightedFacts) -> SightedFacts:
    """Return what a message tells that anybody may have put there.

    Nothing is destroyed because it says "cancelled", and it makes nothing that Amazon answers look old.
    """
    status = Progress.UNKNOWN if seen.status is Progress.CANCELLED else seen.status
    return seen._replace(status=status, updated_at=0)


def believable(seen: SightedFacts, now: int) -> SightedFacts:
    """Return what a document told, without an update that lies in the future: all that came after it would look old."""
    return seen if seen.updated_at <= now + _CLOCKS_DIFFER else seen._replace(updated_at=0)


def is_undated(seen: SightedFacts) -> bool:
    """Say whether a view tells too little to date an order by: no status, or an end without any date."""
    if seen.status is Progress.UNKNOWN:
        return True
    ended = seen.status is Progress.SHIPPED or seen.status is Progress.DELIVERED
    return ended and not (seen.purchased_at or seen.shipped_at or seen.delivered_at)


def stays_gone(seen: SightedFacts) -> bool:
    """Say whether what is destroyed is not stored again when it is seen again: its first day does not come twice."""
    return seen.status is _FIRST_SEEN


def disposal_day(facts: DeliveryFacts, now: int, copy_lifetime: timedelta) -> int | None:
    """Return the day, counted from 1970, at whose first instant the data is destroyed; None while delivery is unknown.

    A day that is not in the future means: now. `copy_lifetime` is how long a copy of the keystore may live: readers of
    such a copy must have lost it by the due instant too. An order nobody has seen undelivered for the length of a
    pending window gets its date from the last time somebody did.
    """
    facts = believed(facts, now)
    if facts.status is Progress.CANCELLED:
        return now // DAY
    if has_arrived(facts):
        delivered = facts.delivered_at
    elif is_pending(facts, now):
        return None
    else:
        delivered = max(facts.purchased_at, facts.shipped_at, facts.seen_open_at)
    due = delivered + int((RETENTION_AFTER_DELIVERY - copy_lifetime).total_seconds())
    return max(due // DAY, 0)


def is_pending(facts: DeliveryFacts, now: int) -> bool:
    """Say whether an order is under way, and was seen so lately enough."""
    facts = believed(facts, now)
    return facts.status in _OPEN and now - facts.seen_open_at < _PENDING_SECONDS


def pending_window(now: int) -> int:
    """Return the first day of the pending window that `now` falls into."""
    return now // DAY - now // DAY % PENDING_WINDOW.days


def pending_ends(first_day: int) -> int:
    """Return the instant, in seconds, at which the pending window that began on `first_day` takes no more records."""
    return (first_day + PENDING_WINDOW.days) * DAY
