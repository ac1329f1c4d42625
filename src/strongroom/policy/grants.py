"""Who may do what with whose data, and why: one decision over rows [1.3].

Nothing is allowed that no row allows. A row names a principal, an action, a purpose, categories of data and selling
partners, was approved by somebody else than its requester (or by the one person of a home that declared having one),
and ends. It also stops counting when its principal's end has come, while the principal is suspended, when no review
confirmed it in time, and when its records of the day are spent [1.2].
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import orjson

from strongroom.errors import Denied, Malformed
from strongroom.policy.leaving import has_ended
from strongroom.policy.purposes import may_serve
from strongroom.policy.reviews import suspended_from
from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId


class DenyReason(StrEnum):
    """Why no grant covers a request; of several grants the nearest one's reason is told."""

    NO_GRANT = "no_grant"
    WRONG_ACTION = "wrong_action"
    WRONG_SELLER = "wrong_seller"
    WRONG_PURPOSE = "wrong_purpose"
    WRONG_CATEGORY = "wrong_category"
    REVOKED = "revoked"
    PRINCIPAL_ENDED = "principal_ended"
    GRANT_EXPIRED = "grant_expired"
    GRANT_PENDING = "grant_pending"
    GRANT_SUSPENDED = "grant_suspended"
    SUSPENDED = "suspended"
    """Its principal is: an alarm's doing, until somebody lifts it [2.6]."""
    BUDGET_SPENT = "budget_spent"
    RESTRICTED = "restricted"
    """Whose data it is had it restricted, or objected [2.2]."""


_NEARNESS = tuple(DenyReason)

BREAK_GLASS: Final = "break_glass"
"""The kind of a grant that somebody took without approval; reviewed by itself."""

FIRST_ADMINISTRATOR: Final = "first_administrator"
"""The kind of the grant that a home's first administrator gets by the link of `init`; nobody else was there to ask."""

_SHORTEST_REASON: Final = 3
_LONGEST_REASON: Final = 120
_MOST_DIGITS: Final = 6

READING: Final = (Action.REVEAL, Action.SEARCH, Action.RELAY, Action.EXPORT)
"""What brings personal data out. `administer` and `audit` are not among them and imply none of them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One row. `sellers` None means every selling partner; `budget` is records a UTC day, None without limit.

    `review_by` is the instant by which a review must have confirmed it; `principal_ends_at` its
    principal's own end; until `suspended_until` the principal is suspended and no grant of its counts.
    """

    id: int
    principal: PrincipalId
    action: Action
    purpose: Purpose
    categories: frozenset[Category]
    sellers: frozenset[SellerId] | None
    approved_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None = None
    kind: str | None = None
    budget: int | None = None
    review_by: datetime | None = None
    reviewed_at: datetime | None = None
    principal_ends_at: datetime | None = None
    suspended_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """The grant that allows the request."""

    grant: int


@dataclass(frozen=True, slots=True)
class Deny:
    """No grant allows the request; how the nearest one fell short."""

    reason: DenyReason


Decision = Allow | Deny


class NotGranted(Denied):
    """No grant covers it; `reason` is how the nearest one fell short, for whoever may be told."""

    def __init__(self, message: str, reason: DenyReason) -> None:
        super().__init__(message)
        self.reason = reason


def decide(
    grants: Iterable[Grant],
    *,
    action: Action,
    purpose: Purpose,
    category: Category | None,
    seller: SellerId,
    now: datetime,
    spent: Collection[int] = (),
) -> Decision:
    """Return the first grant that covers all of the request, or why none does.

    `category` None asks for no category's value, only whether the principal may act at all. `grants` are those of one
    principal: the caller fetched them by the principal it authenticated. `spent` are the numbers of grants whose
    records of the day do not suffice.
    """
    nearest = DenyReason.NO_GRANT
    for grant in grants:
        missing = _missing(grant, action, purpose, category, seller, now)
        if missing is None and grant.id in spent:
            missing = DenyReason.BUDGET_SPENT
        if missing is None:
            return Allow(grant.id)
        if _NEARNESS.index(missing) > _NEARNESS.index(nearest):
            nearest = missing
    return Deny(nearest)


def state(grant: Grant, now: datetime) -> str:
    """Return `rejected`, `revoked`, `ended`, `expired`, `pending`, `suspended` or `active`."""
    missing = _unusable(grant, now)
    if missing is DenyReason.REVOKED and grant.approved_at is None:
        return "rejected"
    return "active" if missing is None else _STATES[missing]


def may_break_glass(grants: Iterable[Grant], sellers: Collection[SellerId], now: datetime) -> bool:
    """Tell whether a person is trusted with emergencies: who administers all of these selling partners."""
    covering = [
        grant.sellers
        for grant in grants
        if grant.action is Action.ADMINISTER and _unusable(grant, now) is None
    ]
    return bool(sellers) and all(any(s is None or id_ in s for s in covering) for id_ in sellers)


def may_read_log(grants: Iterable[Grant], now: datetime) -> Decision:
    """Return the first grant that lets one principal read the log, or why none does.

    The log is of all selling partners at once, so only a grant for all of them counts; whatever for.
    """
    nearest = DenyReason.NO_GRANT
    for grant in grants:
        if grant.action is not Action.AUDIT:
            missing: DenyReason | None = DenyReason.WRONG_ACTION
        elif grant.sellers is not None:
            missing = DenyReason.WRONG_SELLER
        else:
            missing = _unusable(grant, now)
        if missing is None:
            return Allow(grant.id)
        if _NEARNESS.index(missing) > _NEARNESS.index(nearest):
            nearest = missing
    return Deny(nearest)


def may_erase(grants: Iterable[Grant], seller: SellerId, now: datetime) -> Decision:
    """Return the first grant that lets one principal erase records of a selling partner, or why none does.

    Whatever for and of whatever category: a record is erased whole.
    """
    nearest = DenyReason.NO_GRANT
    for grant in grants:
        missing = _missing(grant, Action.ERASE, grant.purpose, None, seller, now)
        if missing is None:
            return Allow(grant.id)
        if _NEARNESS.index(missing) > _NEARNESS.index(nearest):
            nearest = missing
    return Deny(nearest)


def may_sync(grants: Iterable[Grant], seller: SellerId, now: datetime) -> frozenset[Category]:
    """Return the categories that one principal's living grants let it bring into the vault; none: it may not."""
    return frozenset[Category]().union(
        *(
            grant.categories
            for grant in grants
            if grant.action is Action.SYNC
            and _missing(grant, grant.action, grant.purpose, None, seller, now) is None
        )
    )


def is_narrower(after: Grant, before: Grant) -> bool:
    """Tell whether a changed grant allows nothing that it did not allow before, and less in something."""
    same = (after.id, after.principal, after.action, after.purpose)
    return (
        same == (before.id, before.principal, before.action, before.purpose)
        and after != before
        and after.categories <= before.categories
        and bool(after.categories)
        and _is_within(after.sellers, before.sellers)
        and after.expires_at <= before.expires_at
        and (before.budget is None or (after.budget is not None and after.budget <= before.budget))
    )


def terms(grant: Grant) -> str:
    """Return all that a grant allows, as one canonical text: equal texts allow the same."""
    sellers = grant.sellers
    document = {
        "grant": grant.id,
        "principal": grant.principal,
        "action": grant.action.value,
        "purpose": grant.purpose.value,
        "categories": sorted(category.value for category in grant.categories),
        "sellers": None if sellers is None else sorted(sellers),
        "budget": grant.budget,
        "kind": grant.kind,
        "expires_at": grant.expires_at.isoformat(),
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def check_purpose(action: Action, purpose: Purpose, categories: Iterable[Category]) -> None:
    """Refuse what `decide` would never allow anything by; of several categories those count that serve the purpose.

    Raises:
        Malformed: none of the categories serves it.

    """
    if action in READING and not any(may_serve(purpose, category) for category in categories):
        raise Malformed(
            f"nobody needs {', '.join(sorted(categories))} for {purpose.value}, so no grant lets it out for that",
            hint="name the purpose that it is needed for",
        )


def check_reason(text: str) -> str:
    """Return a stated reason as it is kept in the row.

    Raises:
        Malformed: it is longer than a line, or has an `@` or as many digits as an order id or a phone
            number: a reason says what the work is, never whom it is about.

    """
    text = " ".join(text.split())
    digits = sum(character.isdigit() for character in text)
    if not _SHORTEST_REASON <= len(text) <= _LONGEST_REASON or not text.isprintable():
        raise Malformed(f"a reason has {_SHORTEST_REASON} to {_LONGEST_REASON} characters")
    if "@" in text or digits > _MOST_DIGITS:
        raise Malformed("a reason names no person and no order", hint="say what the work is")
    return text


def _is_within(inner: frozenset[SellerId] | None, outer: frozenset[SellerId] | None) -> bool:
    return outer is None or (inner is not None and bool(inner) and inner <= outer)


def readable(grants: Iterable[Grant], seller: SellerId, now: datetime) -> frozenset[Category]:
    """Return the categories of a selling partner's data that one principal's living grants let out, whatever for."""
    return frozenset[Category]().union(
        *(
            {category for category in grant.categories if may_serve(grant.purpose, category)}
            for grant in grants
            if grant.action in READING
            and _missing(grant, grant.action, grant.purpose, None, seller, now) is None
        )
    )


def _missing(
    grant: Grant,
    action: Action,
    purpose: Purpose,
    category: Category | None,
    seller: SellerId,
    now: datetime,
) -> DenyReason | None:
    if grant.action is not action:
        return DenyReason.WRONG_ACTION
    if grant.sellers is not None and seller not in grant.sellers:
        return DenyReason.WRONG_SELLER
    if grant.purpose is not purpose:
        return DenyReason.WRONG_PURPOSE
    if category is not None and category not in grant.categories:
        return DenyReason.WRONG_CATEGORY
    if category is not None and not may_serve(purpose, category):
        # A grant from before the table said so, or from a role of somebody's own.
        return DenyReason.WRONG_PURPOSE
    return _unusable(grant, now)


def _unusable(grant: Grant, now: datetime) -> DenyReason | None:  # noqa: PLR0911 - one for each reason
    if grant.revoked_at is not None:
        # Never planned ahead: where it stands later than `now`, it is `now` that is old.
        return DenyReason.REVOKED
    if has_ended(grant.principal_ends_at, now):
        return DenyReason.PRINCIPAL_ENDED
    if grant.suspended_until is not None and now < grant.suspended_until:
        return DenyReason.SUSPENDED
    if grant.expires_at <= now:
        return DenyReason.GRANT_EXPIRED
    if grant.approved_at is None or grant.approved_at > now:
        return DenyReason.GRANT_PENDING
    if suspended_from(grant.approved_at, grant.reviewed_at, grant.review_by) <= now:
        return DenyReason.GRANT_SUSPENDED
    return None


_STATES: Final = {
    DenyReason.REVOKED: "revoked",
    DenyReason.PRINCIPAL_ENDED: "ended",
    DenyReason.GRANT_EXPIRED: "expired",
    DenyReason.GRANT_PENDING: "pending",
    DenyReason.GRANT_SUSPENDED: "suspended",
    DenyReason.SUSPENDED: "suspended",
}
