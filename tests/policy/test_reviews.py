"""When access must have been reviewed, what is marked, and who may decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.test_grants import GRANT

from strongroom.errors import Malformed
from strongroom.policy.grants import (
    Allow,
    Deny,
    DenyReason,
    Grant,
    check_reason,
    decide,
    is_narrower,
    may_break_glass,
    state,
    terms,
)
from strongroom.policy.matrix import matrix
from strongroom.policy.reviews import (
    Mark,
    Seen,
    Verdict,
    first_review,
    marks,
    may_decide,
    population_hash,
    suspended_from,
)
from strongroom.policy.roles import built_in, parse
from strongroom.terms import Action, Category, PrincipalId, Purpose, SellerId

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


def ask(grant: Grant, now: datetime, **how: object) -> object:
    return decide(
        [grant],
        action=grant.action,
        purpose=grant.purpose,
        category=Category.NAME,
        seller=SellerId(1),
        now=now,
        **how,  # type: ignore[arg-type]
    )


@pytest.mark.clause("1.2")
def test_an_unconfirmed_grant_is_suspended_on_day_91() -> None:
    grant = replace(GRANT, approved_at=NOW, expires_at=NOW + 200 * DAY)
    assert ask(grant, NOW + 91 * DAY - MOMENT) == Allow(7)
    assert ask(grant, NOW + 91 * DAY) == Deny(DenyReason.GRANT_SUSPENDED)
    confirmed = replace(grant, reviewed_at=NOW + 80 * DAY, review_by=NOW + 170 * DAY)
    assert ask(confirmed, NOW + 91 * DAY) == Allow(7)
    assert state(grant, NOW + 91 * DAY) == "suspended"


@pytest.mark.clause("1.2")
@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 2000))
def test_no_review_date_postpones_more_than_91_days(approved: int, reviewed: int, by: int) -> None:
    """An edited `review_by` can only shorten."""
    at, again = NOW + approved * DAY, NOW + (approved + reviewed) * DAY
    assert suspended_from(at, None, NOW + by * DAY) <= at + 91 * DAY
    assert suspended_from(at, again, NOW + by * DAY) <= again + 91 * DAY


@pytest.mark.clause("1.2")
@given(st.integers(0, 5000))
def test_the_first_review_is_the_end_of_the_cycle(days: int) -> None:
    due = first_review(NOW, NOW + days * DAY)
    assert (due - NOW) % (90 * DAY) == timedelta(0)
    assert timedelta(0) < due - (NOW + days * DAY) <= 90 * DAY


@pytest.mark.clause("1.2")
def test_a_principals_end_ends_its_grants() -> None:
    grant = replace(GRANT, principal_ends_at=NOW)
    assert ask(grant, NOW - MOMENT) == Allow(7)
    assert ask(grant, NOW) == Deny(DenyReason.PRINCIPAL_ENDED)


@pytest.mark.clause("1.3")
def test_a_spent_grant_is_passed_over() -> None:
    assert ask(GRANT, NOW, spent={7}) == Deny(DenyReason.BUDGET_SPENT)


SEEN = Seen("a", "a", effective=True, since=NOW - DAY, reads=3, orphaned=False, last_active_at=NOW)


@pytest.mark.clause("1.2")
@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (SEEN, {Mark.UNCHANGED}),
        (replace(SEEN, before=None), {Mark.NEW}),
        (replace(SEEN, before="b"), {Mark.CHANGED}),
        (replace(SEEN, effective=False), {Mark.REMOVED}),
        (replace(SEEN, reads=0), {Mark.UNCHANGED, Mark.UNUSED}),
        (replace(SEEN, orphaned=True), {Mark.UNCHANGED, Mark.ORPHANED}),
        (
            replace(SEEN, since=NOW - 99 * DAY, last_active_at=NOW - 30 * DAY),
            {Mark.UNCHANGED, Mark.DORMANT},
        ),
        # Nobody sleeps before having been let in.
        (replace(SEEN, last_active_at=None), {Mark.UNCHANGED}),
    ],
)
def test_marks(seen: Seen, found: set[Mark]) -> None:
    assert set(marks(seen, NOW)) == found


@pytest.mark.clause("1.2")
def test_nobody_keeps_access_of_their_own_and_everybody_gives_it_up() -> None:
    own = frozenset({PrincipalId(3)})
    for verdict in Verdict:
        assert may_decide(PrincipalId(4), own, verdict)
        assert may_decide(PrincipalId(3), own, verdict) == (verdict is Verdict.REVOKE)


def test_a_populations_hash_is_of_its_lines_in_order() -> None:
    assert population_hash([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert population_hash(["a", "b"]) != population_hash(["b", "a"])
    assert population_hash(["ab"]) != population_hash(["a", "b"])


# -- matrix, roles, reasons --------------------------------------------------------------------------


@pytest.mark.clause("1.3")
def test_the_matrix_says_what_the_door_says() -> None:
    phone = replace(GRANT, id=8, categories=frozenset({Category.PHONE}), sellers=None)
    dead = replace(GRANT, id=9, categories=frozenset(Category), expires_at=NOW)
    rows = [GRANT, phone, dead]
    cells = matrix({GRANT.principal: rows}, [SellerId(1), SellerId(2)], NOW)
    assert [(cell.seller, set(cell.categories), cell.grants) for cell in cells] == [
        (1, {Category.NAME, Category.ADDRESS, Category.PHONE}, (7, 8)),
        (2, {Category.PHONE}, (8,)),
    ]
    for cell in cells:
        for category in Category:
            verdict = decide(
                rows,
                action=cell.action,
                purpose=cell.purpose,
                category=category,
                seller=cell.seller,
                now=NOW,
            )
            assert isinstance(verdict, Allow) == (category in cell.categories)


@pytest.mark.clause("1.3")
def test_administering_lets_nobody_read() -> None:
    """Whatever an operator's grants say, none of the actions that bring data out is among them."""
    operator = replace(GRANT, action=Action.ADMINISTER, categories=frozenset(Category))
    for action in set(Action) - {Action.ADMINISTER}:
        verdict = decide(
            [operator],
            action=action,
            purpose=operator.purpose,
            category=Category.NAME,
            seller=SellerId(1),
            now=NOW,
        )
        assert verdict == Deny(DenyReason.WRONG_ACTION)
    assert matrix({operator.principal: [operator]}, [SellerId(1)], NOW) == []


@pytest.mark.clause("1.3")
def test_only_who_administers_all_of_the_sellers_breaks_their_glass() -> None:
    operator = replace(GRANT, action=Action.ADMINISTER)
    one, both = {SellerId(1)}, {SellerId(1), SellerId(2)}
    assert may_break_glass([operator], one, NOW)
    assert not may_break_glass([operator], both, NOW)
    assert not may_break_glass([operator], set(), NOW)
    assert not may_break_glass([GRANT], one, NOW)
    assert not may_break_glass([replace(operator, expires_at=NOW)], one, NOW)


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    "wider",
    [
        {},
        {"categories": frozenset({Category.NAME, Category.PHONE})},
        {"categories": frozenset()},
        {"sellers": None},
        {"sellers": frozenset({SellerId(2)})},
        {"expires_at": GRANT.expires_at + DAY},
        {"budget": None, "expires_at": GRANT.expires_at - MOMENT},
        {"budget": 6},
        {"purpose": Purpose.TAX},
        {"action": Action.EXPORT},
    ],
)
def test_a_change_is_less_and_nothing_more(wider: dict[str, object]) -> None:
    before = replace(GRANT, budget=5)
    assert not is_narrower(replace(before, **wider), before)  # type: ignore[arg-type]
    less = replace(before, categories=frozenset({Category.NAME}), budget=4)
    assert is_narrower(less, before)
    assert terms(less) != terms(before)


@pytest.mark.clause("1.3")
def test_the_roles_a_home_begins_with_keep_operators_from_reading() -> None:
    roles = built_in()
    assert {"label-printing", "operator"} <= roles.keys()
    for role in roles.values():
        actions = {line.action for line in role.lines}
        assert actions == {Action.ADMINISTER} or Action.ADMINISTER not in actions
        assert role.stamp.startswith(f"{role.name}@")


LINE = {"action": "reveal", "purpose": "tax", "categories": ["name"]}


@pytest.mark.clause("1.3")
@pytest.mark.parametrize(
    "document",
    [
        {},
        {"lines": []},
        {"lines": [LINE] * 21},
        {"lines": [LINE], "more": 1},
        {"lines": [{**LINE, "action": "read"}]},
        {"lines": [{**LINE, "categories": []}]},
        {"lines": [{**LINE, "budget": 0}]},
        {"lines": [{**LINE, "budget": True}]},
        {"lines": [{**LINE, "sellers": ["*"]}]},
        {"lines": [LINE, {**LINE, "action": "administer"}]},
    ],
)
def test_a_role_of_another_form_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        parse("packing", document)


@pytest.mark.clause("1.3")
@pytest.mark.parametrize("name", ["", "P", "packing!", "a" * 50])
def test_a_role_has_a_plain_name(name: str) -> None:
    with pytest.raises(Malformed):
        parse(name, {"lines": [LINE]})


@pytest.mark.clause("1.3", "2.6")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "x" * 121,
        "ask jane@example.com",
        "order 902-1000001-0000001",
        "call 030 1234567",
        "a\x00b c",
    ],
)
def test_a_reason_that_could_name_somebody_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        check_reason(text)
    assert not text.strip() or text not in caught.value.message


def test_a_reason_says_what_the_work_is() -> None:
    assert check_reason("  labels for   depot 12 ") == "labels for depot 12"
