"""Keeping access that nobody confirmed, widening it by the back door, and reviewing oneself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.vault.conftest import APP, CONSOLE, NOW, OTHER_APP, REVIEWER, World, order

from strongroom.compliance import AccessView, Drift, Narrowing, Reviews
from strongroom.db import schema
from strongroom.errors import Conflict, Denied, Malformed, Tampered
from strongroom.policy.reviews import Verdict
from strongroom.terms import Action, AuthMethod, Caller, Category, PrincipalId, Purpose, SellerId
from strongroom.terms import PrincipalKind as Kind
from strongroom.vault import GrantStore, Wish
from strongroom.vault.roles import RoleStore

pytestmark = pytest.mark.clause("1.2", "1.3")

DAY = timedelta(days=1)
THIRD = Caller(PrincipalId(5), Kind.PERSON, "cleo", AuthMethod.CREDENTIAL)


class Desk:
    """A world of two persons, with what reviews its access."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.grants = world.grants = GrantStore(world.database, world.audit, one_person=False)
        self.roles = RoleStore(world.database, world.audit)
        self.reviews = Reviews(world.database, world.audit, self.grants)
        self.view = AccessView(world.database, world.audit, self.grants, self.roles)
        with world.database.write() as tx:
            tx.execute(
                schema.principal.insert().values(
                    id=THIRD.principal, name="cleo", kind="person", created_at=NOW
                )
            )
            tx.execute(
                schema.principal.update()
                .where(schema.principal.c.id == APP.principal)
                .values(owner_id=REVIEWER.principal)
            )

    def give(self, caller: Caller = APP, *, days: int = 90, **how: object) -> int:
        grant = self.world.grant(caller, days=days, **how)  # type: ignore[arg-type]
        self.grants.approve(THIRD, grant, NOW)
        return grant

    def drift(self) -> Drift:
        return self.view.drift(CONSOLE, NOW)

    def edit(self, grant: int, **values: object) -> None:
        """Do what somebody with the database in hand does."""
        with self.world.database.write() as tx:
            tx.execute(schema.grant.update().where(schema.grant.c.id == grant).values(**values))


@pytest.fixture
def desk(sqlite_world: World) -> Desk:
    return Desk(sqlite_world)


def is_recorded(desk: Desk, *event: str | None) -> bool:
    return event in desk.world.events()


# -- reviewing -------------------------------------------------------------------------------------


def test_nobody_keeps_access_of_their_own(desk: Desk) -> None:
    """Not one's own grant, nor that of an app one answers for; giving it up is anybody's right."""
    own, apps = desk.give(REVIEWER), desk.give(APP)
    campaign = desk.reviews.start(CONSOLE, NOW)
    _, items = desk.reviews.show(campaign.id)
    assert [item.grant.grant.id for item in items] == [own, apps]
    for item in items:
        for verdict in (Verdict.KEEP, Verdict.CHANGE):
            with pytest.raises(Denied, match="their own"):
                desk.reviews.decide(
                    REVIEWER, item.id, verdict, NOW, narrowing=Narrowing(lifetime=DAY)
                )
            assert desk.world.events()[-1] == ("review.decided", "denied", "self_review")
    desk.reviews.decide(REVIEWER, items[0].id, Verdict.REVOKE, NOW)
    desk.reviews.decide(THIRD, items[1].id, Verdict.KEEP, NOW)


def test_programs_review_nothing(desk: Desk) -> None:
    desk.give()
    for attempt in (
        lambda: desk.reviews.start(OTHER_APP, NOW),
        lambda: desk.reviews.decide(OTHER_APP, 1, Verdict.KEEP, NOW),
        lambda: desk.reviews.close(OTHER_APP, 1, NOW),
    ):
        with pytest.raises(Denied):
            attempt()


def test_who_asked_for_a_grant_does_not_prolong_it(desk: Desk) -> None:
    desk.give(days=30)
    campaign = desk.reviews.start(CONSOLE, NOW)
    (item,) = desk.reviews.show(campaign.id)[1]
    with pytest.raises(Denied, match="another person"):
        desk.reviews.decide(CONSOLE, item.id, Verdict.KEEP, NOW, lifetime=90 * DAY)
    for lifetime in (timedelta(0), 91 * DAY):
        with pytest.raises(Malformed):
            desk.reviews.decide(THIRD, item.id, Verdict.KEEP, NOW, lifetime=lifetime)
    kept = desk.reviews.decide(THIRD, item.id, Verdict.KEEP, NOW, lifetime=90 * DAY)
    assert kept.grant.grant.expires_at == NOW + 90 * DAY


def test_who_answers_for_an_app_does_not_prolong_what_it_asked_for(desk: Desk) -> None:
    """Asked for by the app of one's own for a principal of somebody else: one's own all the same."""
    grant = desk.give(OTHER_APP, days=30)
    desk.edit(grant, requested_by=APP.principal)
    campaign = desk.reviews.start(CONSOLE, NOW)
    (item,) = desk.reviews.show(campaign.id)[1]
    with pytest.raises(Denied, match="another person"):
        desk.reviews.decide(REVIEWER, item.id, Verdict.KEEP, NOW, lifetime=90 * DAY)
    desk.reviews.decide(THIRD, item.id, Verdict.KEEP, NOW, lifetime=90 * DAY)


@pytest.mark.parametrize("days", [0, -1, 91, 10_000_000, -10_000_000])
def test_an_end_beyond_the_calendar_is_refused_in_words(desk: Desk, days: int) -> None:
    desk.give()
    campaign = desk.reviews.start(CONSOLE, NOW)
    (item,) = desk.reviews.show(campaign.id)[1]
    narrowing = Narrowing(lifetime=days * DAY)
    with pytest.raises(Malformed, match="between 1 and 90 days"):
        desk.reviews.decide(THIRD, item.id, Verdict.CHANGE, NOW, narrowing=narrowing)


def test_a_change_never_widens(desk: Desk) -> None:
    grant = desk.give(categories=frozenset({Category.NAME, Category.PHONE}), days=30)
    campaign = desk.reviews.start(CONSOLE, NOW)
    (item,) = desk.reviews.show(campaign.id)[1]
    for wider in (
        Narrowing(),
        Narrowing(categories=frozenset(Category)),
        Narrowing(lifetime=31 * DAY),
        Narrowing(budget=0),
    ):
        with pytest.raises(Malformed):
            desk.reviews.decide(THIRD, item.id, Verdict.CHANGE, NOW, narrowing=wider)
    less = Narrowing(categories=frozenset({Category.PHONE}), budget=3)
    desk.reviews.decide(THIRD, item.id, Verdict.CHANGE, NOW, narrowing=less)
    (token,) = desk.world.put(order())
    with pytest.raises(Denied, match="wrong_category"):
        desk.world.read(token)
    closed = desk.reviews.close(THIRD, campaign.id, NOW)
    assert closed.proved == (grant,)


def test_a_revocation_that_was_undone_keeps_the_campaign_open(desk: Desk) -> None:
    grant = desk.give()
    campaign = desk.reviews.start(CONSOLE, NOW)
    (item,) = desk.reviews.show(campaign.id)[1]
    desk.reviews.decide(THIRD, item.id, Verdict.REVOKE, NOW)
    desk.edit(grant, revoked_at=None)
    with pytest.raises(Conflict, match="did not happen"):
        desk.reviews.close(THIRD, campaign.id, NOW)
    desk.edit(grant, revoked_at=NOW)
    assert desk.reviews.close(THIRD, campaign.id, NOW).proved == (grant,)
    with pytest.raises(Conflict, match="is closed"):
        desk.reviews.close(THIRD, campaign.id, NOW)


def test_a_population_that_was_edited_shows(desk: Desk) -> None:
    desk.give()
    campaign = desk.reviews.start(CONSOLE, NOW)
    with desk.world.database.write() as tx:
        tx.execute(schema.review_item.update().values(content='{"terms":{},"reads":9}'))
    with pytest.raises(Tampered):
        desk.reviews.show(campaign.id)
    with pytest.raises(Tampered):
        desk.reviews.close(CONSOLE, campaign.id, NOW)


def test_a_grant_that_nobody_confirmed_opens_nothing_on_day_91(desk: Desk) -> None:
    """Prolonged by hand, with the date of its review moved as well: no row postpones day 91."""
    world = desk.world
    grant = desk.give()
    desk.edit(grant, expires_at=NOW + 900 * DAY, review_by=NOW + 900 * DAY)
    (token,) = world.put(order(), now=NOW + 89 * DAY)
    assert world.read(token, NOW + 90 * DAY) == "Jürgen Groß"
    with pytest.raises(Denied, match="grant_suspended"):
        world.read(token, NOW + 91 * DAY)


# -- widening --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edited",
    [
        {"categories": "name,tax_id"},
        {"sellers": "*"},
        {"expires_at": NOW + 300 * DAY},
        {"budget": 1_000_000},
        {"principal_id": OTHER_APP.principal},
        {"purpose": "tax"},
        {"action": "export"},
    ],
)
def test_a_row_that_was_edited_is_drift(desk: Desk, edited: dict[str, object]) -> None:
    grant = desk.give(categories=frozenset({Category.NAME}), sellers=frozenset({SellerId(1)}))
    assert desk.drift().tampered == []
    desk.edit(grant, **edited)
    assert desk.drift().tampered == [grant]
    assert desk.world.events()[-1][:2] == ("grant.drift.seen", "failure")


def test_a_row_that_approved_itself_is_drift(desk: Desk) -> None:
    grant = desk.world.grant()
    desk.edit(grant, approved_by=REVIEWER.principal, approved_at=NOW)
    assert desk.drift().tampered == [grant]


def test_a_row_from_nowhere_is_drift(desk: Desk) -> None:
    grant = desk.give()
    with desk.world.database.write() as tx:
        row = tx.execute(sa.select(schema.grant)).mappings().one()
        tx.execute(schema.grant.insert().values(**{**row, "id": grant + 1}))
    assert desk.drift().tampered == [grant + 1]


def test_editing_a_role_gives_nobody_more(desk: Desk) -> None:
    """A grant carries what it says; the role it came from is not asked again."""
    line = {"action": "reveal", "purpose": "fulfilment", "categories": ["tracking"]}
    made = desk.roles.set(CONSOLE, "packing", {"lines": [line]}, NOW)
    (token,) = desk.world.put(order())
    wish = Wish(
        APP.principal,
        Action.REVEAL,
        Purpose.FULFILMENT,
        made.role.lines[0].categories,
        None,
        30 * DAY,
        role=made.role.stamp,
    )
    (row,) = desk.grants.request(CONSOLE, [wish], NOW)
    desk.grants.approve(THIRD, row.grant.id, NOW)
    wide = {**line, "categories": ["tracking", "name"]}
    desk.roles.set(CONSOLE, "packing", {"lines": [wide]}, NOW)
    with pytest.raises(Denied, match="wrong_category"):
        desk.world.read(token)
    drift = desk.drift()
    assert (drift.outdated_roles, drift.tampered) == ([row.grant.id], [])
    assert is_recorded(desk, "role.changed", "success", None)


def test_an_operator_reads_nothing_whatever_the_role_says(desk: Desk) -> None:
    (token,) = desk.world.put(order())
    desk.give(REVIEWER, action=Action.ADMINISTER)
    for action in (Action.REVEAL, Action.RELAY, Action.EXPORT):
        with pytest.raises(Denied, match="wrong_action"):
            desk.world.vault.reveal(
                REVIEWER, token, purpose=Purpose.FULFILMENT, now=NOW, action=action
            )
    with pytest.raises(Denied):
        desk.world.vault.find(
            REVIEWER,
            purpose=Purpose.FULFILMENT,
            now=NOW,
            sellers=[SellerId(1)],
            email="a@example.com",
        )
    with pytest.raises(Malformed, match="administers and reads"):
        desk.roles.set(
            CONSOLE,
            "both",
            {
                "lines": [
                    {"action": action, "purpose": "incident", "categories": ["name"]}
                    for action in ("administer", "reveal")
                ]
            },
            NOW,
        )


# -- breaking the glass ----------------------------------------------------------------------------


def glass(desk: Desk, caller: Caller, **how: object) -> Callable[[], object]:
    said: dict[str, object] = {
        "sellers": frozenset({SellerId(1)}),
        "lifetime": timedelta(hours=4),
        "reason": "wrong labels",
    }
    wish = Wish(
        PrincipalId(99),
        Action.EXPORT,
        Purpose.INCIDENT,
        frozenset({Category.NAME}),
        **{**said, **how},  # type: ignore[arg-type]
    )
    return lambda: desk.grants.break_glass(caller, wish, NOW)


@pytest.mark.parametrize("caller", [APP, THIRD])
def test_a_program_or_anybody_does_not_break_the_glass(desk: Desk, caller: Caller) -> None:
    with pytest.raises(Denied):
        glass(desk, caller)()
    assert desk.world.events()[-1] == ("grant.glass.broken", "denied", "not_authorized")


def test_a_broken_glass_is_short_ones_own_and_for_revealing(desk: Desk) -> None:
    for wrong in (
        {"lifetime": timedelta(hours=4, microseconds=1)},
        {"reason": None},
        {"reason": "for jane@example.com"},
    ):
        with pytest.raises(Malformed):
            glass(desk, CONSOLE, **wrong)()
    with pytest.raises(Denied):
        glass(desk, CONSOLE, sellers=None)()
    glass(desk, CONSOLE)()
    (row,) = desk.grants.all()
    assert (row.grant.principal, row.grant.action) == (CONSOLE.principal, Action.REVEAL)
    (item,) = desk.reviews.broken_glass()
    with pytest.raises(Denied):
        desk.reviews.decide(CONSOLE, item.id, Verdict.KEEP, NOW)
    desk.reviews.decide(THIRD, item.id, Verdict.REVOKE, NOW)
    assert desk.reviews.broken_glass() == []
    assert desk.grants.all()[0].state(NOW) == "revoked"


@pytest.mark.parametrize("verdict", [Verdict.KEEP, Verdict.REVOKE])
def test_who_broke_the_glass_never_closes_its_review(desk: Desk, verdict: Verdict) -> None:
    """Giving the grant up is one's own right; that nobody else looked at it is not."""
    glass(desk, CONSOLE)()
    (item,) = desk.reviews.broken_glass()
    desk.grants.revoke(CONSOLE, item.grant.grant.id, NOW)
    with pytest.raises(Denied, match="their own"):
        desk.reviews.decide(CONSOLE, item.id, verdict, NOW)
    assert desk.world.events()[-1] == ("review.decided", "denied", "self_review")
    assert [waiting.id for waiting in desk.reviews.broken_glass()] == [item.id]
    desk.reviews.decide(THIRD, item.id, verdict, NOW)
    assert desk.reviews.broken_glass() == []


def test_no_second_glass_is_broken_before_somebody_looked_at_the_first(desk: Desk) -> None:
    """Four hours again and again, for the three days in which a review may still come."""
    glass(desk, CONSOLE)()
    with pytest.raises(Denied, match="review_overdue"):
        glass(desk, CONSOLE)()
    glass(desk, REVIEWER)()
    item, _others = desk.reviews.broken_glass()
    desk.reviews.decide(THIRD, item.id, Verdict.KEEP, NOW)
    glass(desk, CONSOLE)()


def test_one_person_alone_closes_a_glass_by_giving_it_up(desk: Desk) -> None:
    """Nobody else is there: without this the first glass would be the last."""
    world = desk.world
    alone = desk.grants = GrantStore(world.database, world.audit, one_person=True)
    reviews = Reviews(world.database, world.audit, alone)
    glass(desk, CONSOLE)()
    (item,) = reviews.broken_glass()
    with pytest.raises(Denied, match="their own"):
        reviews.decide(CONSOLE, item.id, Verdict.KEEP, NOW)
    reviews.decide(CONSOLE, item.id, Verdict.REVOKE, NOW)
    glass(desk, CONSOLE)()


# -- leaving ---------------------------------------------------------------------------------------


def test_a_caller_from_before_the_end_reads_nothing_after_it(desk: Desk) -> None:
    """Whoever holds a checked caller, or a living token, is asked again at the door."""
    (token,) = desk.world.put(order())
    desk.give()
    with desk.world.database.write() as tx:
        tx.execute(
            schema.principal.update()
            .where(schema.principal.c.id == APP.principal)
            .values(ended_at=NOW + DAY)
        )
    assert desk.world.read(token, NOW + DAY - timedelta(microseconds=1)) == "Jürgen Groß"
    with pytest.raises(Denied, match="principal_ended"):
        desk.world.read(token, NOW + DAY)
