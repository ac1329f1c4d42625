"""One decision over rows: nothing is allowed that no row allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import Malformed
from strongroom.policy.grants import (
    Allow,
    Decision,
    Deny,
    DenyReason,
    Grant,
    check_purpose,
    decide,
    readable,
)
from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GRANT = Grant(
    7,
    PrincipalId(3),
    Action.REVEAL,
    Purpose.FULFILMENT,
    frozenset({Category.NAME, Category.ADDRESS}),
    frozenset({SellerId(1)}),
    NOW - HOUR,
    NOW + HOUR,
)


def ask(*grants: Grant, category: Category | None = Category.NAME, seller: int = 1) -> Decision:
    """Ask to reveal for fulfilment now."""
    return decide(
        grants,
        action=Action.REVEAL,
        purpose=Purpose.FULFILMENT,
        category=category,
        seller=SellerId(seller),
        now=NOW,
    )


@pytest.mark.clause("1.3")
def test_a_fitting_grant_allows_and_is_named() -> None:
    assert ask(GRANT) == Allow(7)
    assert ask(GRANT, category=None) == Allow(7)


@pytest.mark.clause("1.3", "2.1")
def test_a_grant_lets_nothing_out_for_what_it_does_not_serve() -> None:
    everything = replace(GRANT, categories=frozenset(Category))
    assert ask(everything, category=Category.PHONE) == Allow(7)
    assert ask(everything, category=Category.NETWORK) == Deny(DenyReason.WRONG_PURPOSE)
    with pytest.raises(Malformed, match="network"):
        check_purpose(Action.REVEAL, Purpose.FULFILMENT, [Category.NETWORK])
    check_purpose(Action.REVEAL, Purpose.FULFILMENT, list(Category))
    check_purpose(Action.AUDIT, Purpose.TAX, [Category.PHONE])
    seen = readable([everything], SellerId(1), NOW)
    assert seen == set(Category) - {Category.NETWORK, Category.PAYMENT}


@pytest.mark.clause("1.3")
def test_a_grant_for_all_sellers_covers_each() -> None:
    assert ask(replace(GRANT, sellers=None), seller=99) == Allow(7)


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        (replace(GRANT, action=Action.SEARCH), DenyReason.WRONG_ACTION),
        (replace(GRANT, purpose=Purpose.TAX), DenyReason.WRONG_PURPOSE),
        (replace(GRANT, sellers=frozenset({SellerId(2)})), DenyReason.WRONG_SELLER),
        (replace(GRANT, categories=frozenset({Category.PHONE})), DenyReason.WRONG_CATEGORY),
        (replace(GRANT, revoked_at=NOW), DenyReason.REVOKED),
        (replace(GRANT, revoked_at=NOW + HOUR), DenyReason.REVOKED),
        (replace(GRANT, expires_at=NOW), DenyReason.GRANT_EXPIRED),
        (replace(GRANT, approved_at=None), DenyReason.GRANT_PENDING),
        (replace(GRANT, approved_at=NOW + HOUR), DenyReason.GRANT_PENDING),
    ],
)
def test_each_thing_a_grant_says_can_refuse(grant: Grant, reason: DenyReason) -> None:
    assert ask(grant) == Deny(reason)


@pytest.mark.clause("1.3")
def test_no_grant_is_a_refusal() -> None:
    assert ask() == Deny(DenyReason.NO_GRANT)


def test_the_nearest_grant_tells_why() -> None:
    far = replace(GRANT, action=Action.EXPORT)
    near = replace(GRANT, expires_at=NOW - HOUR)

    assert ask(far, near) == ask(near, far) == Deny(DenyReason.GRANT_EXPIRED)


@pytest.mark.clause("1.3")
@given(st.permutations([replace(GRANT, purpose=p) for p in Purpose if p is not Purpose.FULFILMENT]))
def test_grants_never_add_up_to_more_than_one_of_them_says(grants: list[Grant]) -> None:
    """A purpose here and a category there are not a grant for both."""
    other = replace(GRANT, categories=frozenset({Category.PHONE}))

    assert isinstance(ask(*grants, other), Deny)
