"""Which fact and which rule led to an order's date of disposal, in words for whoever asks [2.1]. Pure.

The rules are data (`disposal.toml`). The date itself is `retention.disposal_day`'s: this file explains it and adds
nothing. What it says holds statuses, instants and who said so: no personal data.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Final, NamedTuple

from strongroom.policy.retention import (
    DAY,
    DeliveryFacts,
    Progress,
    believed,
    disposal_day,
    has_arrived,
    is_pending,
)

ORDERS: Final = "orders"
"""Who says what the record's own row keeps: the Orders API in either version, or a report."""

SEEN: Final = "views"
"""Of an order seen undelivered: whatever view showed it last."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of disposal, as `disposal.toml` has it; `days` None: it has not begun to count."""

    id: str
    counts_from: str
    days: int | None
    clause: str
    says: str


@dataclass(frozen=True, slots=True)
class Part:
    """What leaves a record before the record's own day."""

    id: str
    goes_at: str
    slots: tuple[str, ...]
    clause: str
    says: str


class Told(NamedTuple):
    """What one origin beside the Orders API said last of a delivery, and when we heard it."""

    origin: str
    status: Progress
    said_at: int
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a delivery; `at` in seconds since 1970, 0 where it tells of no instant."""

    what: str
    origin: str
    at: int
    heard_at: datetime | None
    decides: bool
    why: str


@dataclass(frozen=True, slots=True)
class Dating:
    """A date, the rule it follows from, and every fact there is; `due_at` None: it has none yet."""

    rule: Rule
    due_at: int | None
    facts: tuple[Fact, ...]
    words: str


def _read() -> tuple[dict[str, Rule], tuple[Part, ...]]:
    text = resources.files(__package__).joinpath("disposal.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    rules = {row["id"]: Rule(**{"days": None, **row}) for row in data["rule"]}
    parts = tuple(Part(**{**row, "slots": tuple(row["slots"])}) for row in data["part"])
    return rules, parts


_READ: Final = _read()
RULES: Final[Mapping[str, Rule]] = _READ[0]
PARTS: Final[Sequence[Part]] = _READ[1]

_PACKED: Final = frozenset(
    slot for part in PARTS if part.goes_at == "shipment" for slot in part.slots
)


def is_packed(name: str) -> bool:
    """Say whether a dynamic slot's name, its id hashed or not, is of what goes into the parcel."""
    kind, _, rest = name.partition(":")
    field = rest.partition(".")[2].partition(":")[0]
    return f"{kind}.{field}" in _PACKED


def rule_of(facts: DeliveryFacts, now: int) -> Rule:
    """Return the rule that dates an order of which these facts are known."""
    return RULES[_rule_id(believed(facts, now), now)]


def explain(
    facts: DeliveryFacts, told: Iterable[Told], now: datetime, copy_lifetime: timedelta
) -> Dating:
    """Return the date of an order and how it came about."""
    seconds = int(now.timestamp())
    facts = believed(facts, seconds)
    rule = rule_of(facts, seconds)
    day = disposal_day(facts, seconds, copy_lifetime)
    due_at = None if day is None else day * DAY
    listed = (*_of_row(facts, rule.id), *(_of_told(one, facts, rule.id) for one in told))
    return Dating(rule, due_at, listed, _words(rule, facts, due_at, copy_lifetime))


_BY_STATUS: Final = {
    Progress.CANCELLED: "cancelled",
    Progress.FIRST_SEEN: "first_seen",
    Progress.LAST_SEEN: "last_seen",
}


def _rule_id(facts: DeliveryFacts, now: int) -> str:
    if facts.status in _BY_STATUS:
        return _BY_STATUS[facts.status]
    if has_arrived(facts):
        return "carrier"
    if is_pending(facts, now):
        return "open"
    by_instant = {
        0: "unknown",
        facts.purchased_at: "purchased",
        facts.seen_open_at: "seen_undelivered",
        facts.shipped_at: "shipped",
    }
    latest = max(by_instant)
    return by_instant[latest] if latest else "unknown"


_COUNTS: Final = {
    "carrier": "a carrier's word of its arrival is stronger",
    "open": "it was seen undelivered since, so nothing counts yet",
    "cancelled": "it was cancelled",
    "shipped": "it arrived after it was shipped, which was later",
    "seen_undelivered": "it arrived after it was last seen undelivered, which was later",
}


def _of_row(facts: DeliveryFacts, rule: str) -> Iterable[Fact]:
    """Return what the record's own row keeps."""
    names = {"first_seen": ("first_seen", "", ""), "last_seen": ("first_seen", "", "last_seen")}
    what = names.get(rule, ("purchased", "shipped", "seen_undelivered"))
    if facts.status is Progress.CANCELLED:
        yield Fact("cancelled", ORDERS, 0, None, decides=True, why="what is cancelled goes at once")
    for name, origin, at in zip(
        what,
        (ORDERS, ORDERS, SEEN),
        (facts.purchased_at, facts.shipped_at, facts.seen_open_at),
        strict=True,
    ):
        if not (name and at):
            continue
        decides = name == rule or (rule == "open" and name == "seen_undelivered")
        why = RULES[rule].says if decides else _COUNTS.get(rule, "a later instant decides")
        if rule == "carrier" and name == "seen_undelivered" and at > facts.delivered_at:
            why = "it contradicts the carrier, whose word is stronger"
        yield Fact(name, origin, at, None, decides=decides, why=why)
    if facts.delivered_at and not has_arrived(facts):
        yield Fact(
            "arrived", "carrier", facts.delivered_at, None, decides=False, why=_EARLIER_PARCEL
        )


_EARLIER_PARCEL: Final = "it is before the purchase: the number was another parcel's then"
_STATUS: Final = {
    Progress.PENDING: "under_way",
    Progress.UNSHIPPED: "under_way",
    Progress.PARTIAL: "under_way",
    Progress.UNDELIVERED: "under_way",
    Progress.SHIPPED: "handed_over",
    Progress.DELIVERED: "arrived",
    Progress.CANCELLED: "cancelled",
    Progress.FIRST_SEEN: "first_seen",
    Progress.LAST_SEEN: "last_seen",
    Progress.UNKNOWN: "changed",
}


def _of_told(one: Told, facts: DeliveryFacts, rule: str) -> Fact:
    """Return what somebody else said, and whether it is what decided."""
    what = _STATUS[one.status]
    decides, why = False, _COUNTS.get(rule, "it tells of no arrival")
    if one.status is Progress.DELIVERED and one.said_at:
        if one.said_at < facts.purchased_at:
            why = _EARLIER_PARCEL
        elif rule == "carrier":
            decides = min(one.said_at, int(one.heard_at.timestamp())) == facts.delivered_at
            why = RULES[rule].says if decides else "another word of its arrival is earlier"
    elif one.status is Progress.DELIVERED:
        why = "it says that it arrived and not when"
    elif one.status is Progress.CANCELLED and rule != "cancelled":
        why = "the Orders API has to say it too before anything is destroyed"
    return Fact(what, one.origin, one.said_at, one.heard_at, decides=decides, why=why)


def _words(rule: Rule, facts: DeliveryFacts, due_at: int | None, copy_lifetime: timedelta) -> str:
    start = {
        "carrier": facts.delivered_at,
        "shipped": facts.shipped_at,
        "seen_undelivered": facts.seen_open_at,
        "purchased": facts.purchased_at,
        "first_seen": facts.purchased_at,
        "last_seen": max(facts.purchased_at, facts.seen_open_at),
    }.get(rule.id, 0)
    if due_at is None:
        seen = instant(facts.seen_open_at)
        return f"No date yet: {rule.says}. It was last seen undelivered on {seen[:10]}."
    if not start:
        return f"Due: {rule.says}."
    hours = int(copy_lifetime.total_seconds()) // 3600
    return (
        f"Destroyed at {instant(due_at)}: {rule.says}. {rule.days} days from {rule.counts_from} "
        f"({instant(start)}), less the {hours} hours that a copy of the keystore may live, and of that day the "
        "first instant. No date that was promised counts."
    )


def instant(seconds: int) -> str:
    """Return an instant as text."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
