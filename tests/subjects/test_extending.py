"""More time for an answer: once, on a ground of the law, told within its first day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.subjects.conftest import (
    BY_EMAIL,
    CONSOLE,
    NOW,
    REVIEWER,
    World,
    make_world,
    sqlite_world,
    world,
)

from strongroom.errors import Conflict, Denied, Malformed
from strongroom.policy.laws import IdentityCheck, Longer, Outcome, Refusal, RequestKind
from strongroom.subjects import Requests, longer_letter
from strongroom.subjects.extending import Extensions
from strongroom.terms import PrincipalId

__all__ = ["make_world", "sqlite_world", "world"]

pytestmark = pytest.mark.clause("2.2")


class Desk:
    """Requests and their extensions over one world."""

    def __init__(self, world: World) -> None:
        self.requests = Requests(
            world.database,
            world.audit,
            world.vault,
            world.keystore.secret("subject-requests", NOW),
            world.environment,
            administrators=lambda _now: frozenset[PrincipalId](),
        )
        self.extensions = Extensions(world.database, world.audit)

    def open(self, law: str = "gdpr") -> int:
        """Take a request in; return its number."""
        return self.requests.open(
            CONSOLE, RequestKind.ACCESS, law, BY_EMAIL, received_at=NOW, now=NOW
        ).id


def test_the_later_day_counts_and_the_earlier_one_stays_written(world: World) -> None:
    desk = Desk(world)
    number = desk.open()
    before = desk.requests.show(number).request.due_at
    assert f"{before:%Y-%m-%d}" == "2026-04-10"
    later = desk.extensions.extend(CONSOLE, number, Longer.COMPLEX, NOW + timedelta(days=20))
    assert f"{later.due_at:%Y-%m-%d}" == "2026-06-10"
    kept = desk.extensions.of(number)
    assert kept is not None
    assert (kept.ground, kept.due_before) == (Longer.COMPLEX, before)
    assert ("subject.request.extended", "success", None) in world.events()
    assert desk.requests.watch(before) == []
    assert desk.requests.watch(later.due_at) == [(number, "near"), (number, "over")]


def test_a_request_that_was_told_of_before_is_told_of_again_near_its_later_day(
    world: World,
) -> None:
    desk = Desk(world)
    number = desk.open()
    due = desk.requests.show(number).request.due_at
    assert desk.requests.watch(due - timedelta(days=3)) == [(number, "near")]
    later = desk.extensions.extend(CONSOLE, number, Longer.MANY, due - timedelta(days=2))
    assert desk.requests.watch(later.due_at - timedelta(days=3)) == [(number, "near")]


def test_more_time_is_taken_once_and_not_after_the_first_day(world: World) -> None:
    desk = Desk(world)
    number, late = desk.open(), desk.open()
    desk.extensions.extend(CONSOLE, number, Longer.COMPLEX, NOW)
    with pytest.raises(Conflict, match="once"):
        desk.extensions.extend(CONSOLE, number, Longer.COMPLEX, NOW)
    due = desk.requests.show(late).request.due_at
    with pytest.raises(Conflict, match="has gone by"):
        desk.extensions.extend(CONSOLE, late, Longer.COMPLEX, due)
    assert desk.requests.show(late).request.due_at == due


def test_a_law_without_more_time_gives_none(world: World) -> None:
    desk = Desk(world)
    number = desk.open("lgpd")
    with pytest.raises(Malformed, match="no more time"):
        desk.extensions.extend(CONSOLE, number, Longer.COMPLEX, NOW)
    assert desk.extensions.of(number) is None


def test_only_who_handles_it_takes_more_time(world: World) -> None:
    desk = Desk(world)
    number = desk.open()
    with pytest.raises(Denied):
        desk.extensions.extend(REVIEWER, number, Longer.COMPLEX, NOW)
    assert ("subject.request.extended", "denied", "not_authorized") in world.events()


def test_the_letter_says_why_until_when_and_by_which_article(world: World) -> None:
    desk = Desk(world)
    asked = desk.extensions.extend(CONSOLE, desk.open(), Longer.COMPLEX, NOW)
    text = longer_letter(
        asked.id,
        asked.kind,
        asked.law,
        Longer.COMPLEX,
        received_at=asked.received_at,
        until=asked.due_at,
        now=NOW,
    )
    for part in ("because it is complex", "2026-06-10", "Article 12(3)", "[Name]"):
        assert part in text


def test_a_refusal_names_its_ground_and_nothing_else_does(world: World) -> None:
    desk = Desk(world)
    number = desk.open()
    desk.requests.verify(CONSOLE, number, IdentityCheck.IN_PERSON, NOW)
    with pytest.raises(Malformed, match="names a ground"):
        desk.requests.reply(CONSOLE, number, Outcome.REFUSED, NOW)
    with pytest.raises(Malformed, match="names a ground"):
        desk.requests.reply(CONSOLE, number, Outcome.GRANTED, NOW, Refusal.EXCESSIVE)
    shown = desk.requests.reply(CONSOLE, number, Outcome.REFUSED, NOW, Refusal.EXCESSIVE)
    assert shown.steps[-1].detail == "refused excessive"
