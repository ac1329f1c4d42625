"""Holds what the vault's door opened against what left [2.6]. Pure.

Each request has an id. The door's events carry it, and so does the event that says whether the answer left. A record
that was read and of whose answer nothing is said may have gone anywhere; so may one that left and was never read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType

OPENED: Final = frozenset({EventType.RECORD_REVEALED, EventType.RECORD_SEARCHED})
DELIVERED: Final = frozenset({EventType.API_REQUEST_ANSWERED, EventType.EGRESS_DELIVERED})


@dataclass(frozen=True, slots=True)
class Opened:
    """Records that the door let out to one request; `read` are those whose values it opened for the answer."""

    req: str | None
    read: frozenset[str]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one request's answer, and how many records it told of."""

    req: str | None
    n: int
    left: bool


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Counts of records, over requests."""

    opened: int = 0
    delivered: int = 0
    undelivered: int = 0
    """Opened, and the answer is known not to have left with them."""
    unmatched: int = 0
    """Opened without a word of what became of them, or left without having been opened."""


def reconcile(opened: Iterable[Opened], delivered: Iterable[Delivered]) -> Reconciled:
    """Return how the records opened and the records delivered go together, request by request."""
    read: dict[str, set[str]] = {}
    nameless = 0
    for one in opened:
        if one.req is None:
            nameless += len(one.read)
        else:
            read.setdefault(one.req, set()).update(one.read)
    left: dict[str, int] = {}
    for answer in delivered:
        if answer.req is not None:
            left[answer.req] = left.get(answer.req, 0) + (answer.n if answer.left else 0)
    total, gone, kept, unmatched = nameless, 0, 0, nameless
    for req, records in read.items():
        count = len(records)
        total += count
        if req not in left:
            unmatched += count
            continue
        gone += min(left[req], count)
        kept += max(count - left[req], 0)
    return Reconciled(total, gone, kept, unmatched + _never_opened(read, left))


def opened_of(body: Mapping[str, Any]) -> Opened | None:
    """Return what an entry of the door says was opened; None where it was refused, gone or nothing was found."""
    if body.get("outcome") != Outcome.SUCCESS.value:
        return None
    if body["type"] == EventType.RECORD_REVEALED.value:
        return Opened(body.get("req"), frozenset({body["obj"]["ref"]}))
    if "op" in body:
        return None  # the leak scanner compares tags; it opens and answers nothing
    named = {str(number) for number in body.get("records", ())}
    if "obj" in body:
        named.add(body["obj"]["ref"])
    return Opened(body.get("req"), frozenset(named)) if named else None


def delivered_of(body: Mapping[str, Any]) -> Delivered:
    """Return what an entry says of an answer."""
    return Delivered(
        body.get("req"), body.get("n", 0), left=body["outcome"] == Outcome.SUCCESS.value
    )


def _never_opened(read: Mapping[str, set[str]], left: Mapping[str, int]) -> int:
    """Return by how many records more left than were opened for the same request."""
    return sum(max(count - len(read[req]), 0) for req, count in left.items() if req in read)
