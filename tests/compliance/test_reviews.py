"""Two campaigns in a row, on both engines: population, marks, real reads, baseline."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.vault.conftest import APP, CONSOLE, NOW, OTHER_APP, World, order

from strongroom.compliance import AccessView, Reviews
from strongroom.policy.reviews import Verdict, population_hash
from strongroom.terms import SellerId
from strongroom.vault.roles import RoleStore

pytestmark = pytest.mark.clause("1.2")

DAY = timedelta(days=1)


def test_two_campaigns(world: World) -> None:
    reviews = Reviews(world.database, world.audit, world.grants)
    view = AccessView(
        world.database, world.audit, world.grants, RoleStore(world.database, world.audit)
    )
    used, idle = world.grant(days=90), world.grant(OTHER_APP, days=90)
    (token,) = world.put(order(), now=NOW + DAY)
    for _ in range(3):
        world.read(token, NOW + DAY)

    start = NOW + 75 * DAY
    first = reviews.start(CONSOLE, start)
    assert (first.row_count, first.started_at) == (2, start)
    assert "FROM access_grant" in first.query
    assert ":" not in first.query.replace("::", "")
    _, items = reviews.show(first.id)
    assert [(i.grant.grant.id, i.reads, set(i.marks)) for i in items] == [
        (used, 3, {"new", "dormant"}),
        (idle, 0, {"new", "unused", "dormant"}),
    ]
    assert items[0].last_read_at == NOW + DAY
    reviews.decide(CONSOLE, items[0].id, Verdict.KEEP, start, lifetime=90 * DAY)
    reviews.decide(CONSOLE, items[1].id, Verdict.REVOKE, start)
    closed = reviews.close(CONSOLE, first.id, start)
    assert (closed.proved, closed.suspended) == ((idle,), ())
    events = [event for event in world.events() if event[0].startswith("review.")]
    assert [name for name, *_ in events] == [
        "review.started",
        "review.decided",
        "review.decided",
        "review.closed",
    ]

    # A grant approved after a campaign began belongs to the next one.
    later = start + 14 * DAY
    fresh = world.grant(OTHER_APP, days=90, now=later)
    drift = view.drift(CONSOLE, later)
    assert (drift.baseline, drift.added, drift.removed, drift.changed) == (1, [fresh], [], [])
    assert drift.digest == closed.baseline
    cells = view.matrix([SellerId(1)], later)
    assert {(why.cell.principal, why.cell.grants) for why in cells} == {
        (APP.principal, (used,)),
        (OTHER_APP.principal, (fresh,)),
    }
    assert {why.last_used_at for why in cells} == {NOW + DAY, None}

    second = reviews.start(CONSOLE, start + 76 * DAY)
    _, items = reviews.show(second.id)
    assert [(i.grant.grant.id, i.reads, set(i.marks)) for i in items] == [
        (used, 0, {"unchanged", "unused", "dormant"}),
        (fresh, 0, {"new", "unused", "dormant"}),
    ]
    assert world.audit.verify().ok


def test_a_grant_that_ended_between_reviews_is_shown_as_removed(world: World) -> None:
    reviews = Reviews(world.database, world.audit, world.grants)
    grant = world.grant(days=90)
    first = reviews.start(CONSOLE, NOW)
    (item,) = reviews.show(first.id)[1]
    reviews.decide(CONSOLE, item.id, Verdict.KEEP, NOW)
    reviews.close(CONSOLE, first.id, NOW)
    world.grants.revoke(CONSOLE, grant, NOW + DAY)

    second = reviews.start(CONSOLE, NOW + 2 * DAY)
    (item,) = reviews.show(second.id)[1]
    assert (item.marks, item.decision) == (("removed",), None)
    # It has no effect: nothing is left to decide about.
    closed = reviews.close(CONSOLE, second.id, NOW + 2 * DAY)
    assert closed.baseline == population_hash([])


def test_only_what_a_campaign_confirmed_is_its_baseline(world: World) -> None:
    """A grant approved while it was open was looked at by nobody: it is new, in drift and next time."""
    reviews = Reviews(world.database, world.audit, world.grants)
    view = AccessView(
        world.database, world.audit, world.grants, RoleStore(world.database, world.audit)
    )
    kept = world.grant(days=90)
    first = reviews.start(CONSOLE, NOW)
    (item,) = reviews.show(first.id)[1]
    slipped_in = world.grant(OTHER_APP, days=90)
    reviews.decide(CONSOLE, item.id, Verdict.KEEP, NOW)
    reviews.close(CONSOLE, first.id, NOW)
    assert view.drift(CONSOLE, NOW).added == [slipped_in]

    second = reviews.start(CONSOLE, NOW + DAY)
    _, items = reviews.show(second.id)
    assert [(i.grant.grant.id, i.marks[0]) for i in items] == [
        (kept, "unchanged"),
        (slipped_in, "new"),
    ]
