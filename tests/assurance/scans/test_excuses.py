"""Why a finding needs no mending: asked by one person, approved by another, and over on its day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.scans import AT, DORA, EMIL, FAY, House, trivy
from tests.vault.conftest import CONSOLE, World

from strongroom.assurance.scans import Declared, Filter, State, Vulnerability
from strongroom.assurance.scans.scan import ExcuseKind
from strongroom.errors import Conflict, Denied, Malformed

pytestmark = pytest.mark.clause("2.7")

DAY = timedelta(days=1)
HERE = Declared(target="shop")


def imported(house: House, **changes: str) -> list[Vulnerability]:
    """Import the image's report and return what is open, the most urgent first."""
    house.scans.import_report(trivy(AT, **changes), "t.json", HERE, CONSOLE, AT)
    return house.found.listed(Filter(state=State.OPEN), AT)


def state(house: House, one: Vulnerability, days: int = 0) -> State:
    return house.found.show(one.id, AT + days * DAY)[0].state


def test_an_acceptance_needs_another_person_and_ends(world: World) -> None:
    house = House(world)
    first, *_ = imported(house)
    asked = house.found.ask(FAY, first.id, ExcuseKind.RISK, "not reached", 30 * DAY, AT)
    assert state(house, first) is State.OPEN
    for who in (FAY, replace(FAY, principal=CONSOLE.principal)):
        with pytest.raises(Denied):
            house.found.approve(who, asked.id, AT)
    approved = house.found.approve(EMIL, asked.id, AT)
    assert (approved.approved_by, approved.reason) == (EMIL.principal, "not reached")
    assert state(house, first) is State.ACCEPTED
    assert house.found.counts(AT).accepted == 1
    assert state(house, first, 30) is State.OPEN
    assert house.found.counts(AT + 30 * DAY).overdue == 3
    (listed,) = house.found.listed(Filter(state=State.ACCEPTED), AT)
    assert listed.id == first.id
    assert house.found.listed(Filter(state=State.ACCEPTED), AT + 30 * DAY) == []


def test_a_person_who_is_gone_or_asked_it_approves_nothing(world: World) -> None:
    house = House(world)
    first, second, *_ = imported(house)
    own = house.found.ask(DORA, first.id, ExcuseKind.FALSE_POSITIVE, "a name", None, AT)
    with pytest.raises(Denied, match="what they asked for"):
        house.found.approve(DORA, own.id, AT)
    house.gone = {EMIL.principal}
    with pytest.raises(Denied):
        house.found.approve(EMIL, own.id, AT)
    house.gone = set()
    assert house.found.approve(EMIL, own.id, AT).approved_at == AT
    assert state(house, first) is State.DISMISSED
    with pytest.raises(Conflict, match="does not wait"):
        house.found.approve(EMIL, own.id, AT)
    with pytest.raises(Conflict, match="not open"):
        house.found.ask(FAY, first.id, ExcuseKind.RISK, "again", DAY, AT)
    assert state(house, second) is State.OPEN


def test_in_a_home_of_one_person_it_counts_at_once(world: World) -> None:
    house = House(world, one_person=True)
    first, *_ = imported(house)
    made = house.found.ask(DORA, first.id, ExcuseKind.RISK, "alone here", DAY, AT)
    assert made.approved_by == DORA.principal
    assert state(house, first) is State.ACCEPTED


def test_what_was_ended_is_open_with_the_day_it_had(world: World) -> None:
    house = House(world)
    first, *_ = imported(house)
    asked = house.found.ask(FAY, first.id, ExcuseKind.RISK, "not reached", 30 * DAY, AT)
    house.found.approve(DORA, asked.id, AT)
    house.found.end(FAY, asked.id, AT + DAY)
    again, (said,) = house.found.show(first.id, AT + 10 * DAY)
    assert (again.state, again.days_left(AT + 10 * DAY)) == (State.OPEN, -3)
    assert said.state(AT + DAY) == "ended"
    with pytest.raises(Conflict):
        house.found.end(FAY, asked.id, AT + DAY)


def test_an_acceptance_is_over_when_the_finding_is_graver_or_came_back(world: World) -> None:
    house = House(world)
    zlib = next(one for one in imported(house) if one.details.package == "zlib1g")
    asked = house.found.ask(FAY, zlib.id, ExcuseKind.RISK, "medium", 30 * DAY, AT)
    house.found.approve(EMIL, asked.id, AT)
    imported(house, zlib1g="CRITICAL")
    assert state(house, zlib) is State.OPEN
    asked = house.found.ask(FAY, zlib.id, ExcuseKind.FALSE_POSITIVE, "none", None, AT)
    house.found.approve(EMIL, asked.id, AT)
    imported(house, without="zlib1g")
    assert state(house, zlib) is State.FIXED
    imported(house)
    assert state(house, zlib) is State.OPEN


def test_what_has_no_reason_or_no_end_is_refused(world: World) -> None:
    house = House(world)
    first, *_ = imported(house)
    for kind, reason, until in (
        (ExcuseKind.RISK, " ", DAY),
        (ExcuseKind.RISK, "x", None),
        (ExcuseKind.RISK, "x", 181 * DAY),
        (ExcuseKind.RISK, "x", timedelta(days=999_999_999)),
        (ExcuseKind.RISK, "x" * 2001, DAY),
        (ExcuseKind.FALSE_POSITIVE, "x", DAY),
        (ExcuseKind.VEX, "x", None),
        (ExcuseKind.REPORT, "x", None),
    ):
        with pytest.raises(Malformed):
            house.found.ask(FAY, first.id, kind, reason, until, AT)


def test_who_sits_at_the_machine_of_several_asks_for_nobody(world: World) -> None:
    """Whoever has both the machine and an account would ask as one and approve as the other."""
    house = House(world)
    first, *_ = imported(house)
    with pytest.raises(Denied, match="answers for it"):
        house.found.ask(CONSOLE, first.id, ExcuseKind.RISK, "x", DAY, AT)
