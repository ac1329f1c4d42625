"""Who may do what with whose data, and why: one decision over rows [1.3].

Nothing is allowed that no row allows. A row names a principal, an action, a purpose, categories of data and selling
partners, was approved by somebody else than its requester (or by the one person of a home that declared having one),
and ends.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId


class DenyReason(StrEnum):
    """Why no grant covers a request; of several grants the nearest one's reason is told."""

    NO_GRANT = "no_grant"
    WRONG_ACTION = "wrong_action"
    WRONG_SELLER = "wrong_seller"
    WRONG_PURPOSE = "wrong_purpose"
    WRONG_CATEGORY = "wrong_category"
    REVOKED = "revoked"
    GRANT_EXPIRED = "grant_expired"
    GRANT_PENDING = "grant_pending"


_NEARNESS = tuple(DenyReason)


@dataclass(frozen=True, slots=True)
class Grant:
    """One row. `sellers` None means every selling partner."""

    id: int
    principal: PrincipalId
    action: Action
    purpose: Purpose
    categories: frozenset[Category]
    sellers: frozenset[SellerId] | None
    approved_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Allow:
    """The grant that allows the request."""

    grant: int


@dataclass(frozen=True, slots=True)
class Deny:
    """No grant allows the request; how the nearest one fell short."""

    reason: DenyReason


Decision = Allow | Deny


def decide(
    grants: Iterable[Grant],
    *,
    action: Action,
    purpose: Purpose,
    category: Category | None,
    seller: SellerId,
    now: datetime,
) -> Decision:
    """Return the first grant that covers all of the request, or why none does.

    `category` None asks for no category's value, only whether the principal may act at all. `grants` are those of one
    principal: the caller fetched them by the principal it authenticated.
    """
    nearest = DenyReason.NO_GRANT
    for grant in grants:
        missing = _missing(grant, action, purpose, category, seller, now)
        if missing is None:
            return Allow(grant.id)
        if _NEARNESS.index(missing) > _NEARNESS.index(nearest):
            nearest = missing
    return Deny(nearest)


def _missing(  # noqa: PLR0911 - one line for each thing that a grant says
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
    if grant.revoked_at is not None and grant.revoked_at <= now:
        return DenyReason.REVOKED
    if grant.expires_at <= now:
        return DenyReason.GRANT_EXPIRED
    if grant.approved_at is None or grant.approved_at > now:
        return DenyReason.GRANT_PENDING
    return None
