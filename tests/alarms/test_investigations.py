"""Investigations: who looks into an alarm, by when, who else is asked, and who may say what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.alarms import Alarm, Disposition, Severity
from strongroom.alarms.clocks import CLOSE_WITHIN, LOOK_WITHIN, clock_of, escalates_at
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.feeds import Step
from strongroom.terms import AuthMethod, Caller, PrincipalKind
from tests.support.alarmed import Alarmed, alarmed
from tests.support.people import NOW

pytestmark = pytest.mark.clause("1.6")


class Watched:
    """A home with two administrators, the person behind an app, and an alarm about it."""

    def __init__(self, home: Alarmed) -> None:
        self.home = home
        self.anna = home.person("anna")
        self.olga = home.person("olga", administers=True)
        self.igor = home.person("igor", administers=True)
        self.app = home.app("label-printer", "anna")
        home.app("newsletter", home.person("nina").name)
        home.refuse(self.app, 4)
        (self.alarm,) = home.look()

    def now_alarm(self) -> Alarm:
        return self.home.alarms.investigations.show(self.alarm.id)

    def called(self) -> set[str]:
        found = self.home.alarms.investigations.called(self.now_alarm(), self.home.now)
        return set(found.values())

    def escalate(self) -> list[int]:
        return self.home.alarms.investigations.escalate(self.home.now)

    def close(self, by: Caller, note: str | None = None) -> Alarm:
        return self.home.alarms.investigations.close(
            self.alarm.id, Disposition.BENIGN, by, self.home.now, note=note
        )


@pytest.fixture
def watched(database_url: str, tmp_path: Path) -> Iterator[Watched]:
    with alarmed(database_url, tmp_path) as home:
        yield Watched(home)


def test_who_answers_for_an_app_owns_its_alarm_and_its_clocks_run(watched: Watched) -> None:
    alarm, now = watched.alarm, watched.home.now
    assert alarm.owner_name == "anna"
    assert alarm.clock.look_by == now + LOOK_WITHIN[Severity.MEDIUM]
    assert alarm.clock.close_by == now + CLOSE_WITHIN[Severity.MEDIUM]
    # Amazon's 24 hours run for what may be an incident.
    assert alarm.clock.report_by is None
    assert clock_of(Severity.CRITICAL, now).report_by == now + timedelta(hours=24)


def test_nobody_owns_an_alarm_about_oneself(watched: Watched) -> None:
    home = watched.home
    home.touch(watched.olga.principal)
    alarm = next(one for one in home.look() if one.principal == watched.olga.principal)
    assert alarm.owner_name == "igor"
    # The next one finds nobody left: it says so instead of asking the alarmed.
    home.touch(watched.igor.principal)
    alarm = next(one for one in home.look() if one.principal == watched.igor.principal)
    assert alarm.owner_name is None


def test_what_nobody_takes_up_is_told_to_peers_then_to_all_administrators(
    watched: Watched,
) -> None:
    home = watched.home
    assert (watched.escalate(), watched.called()) == ([], {"anna"})
    home.house.later(days=1)
    assert watched.escalate() == [watched.alarm.id]
    assert watched.called() == {"anna", "nina"}
    assert watched.escalate() == []
    home.house.later(days=1)
    assert watched.escalate() == [watched.alarm.id]
    assert watched.called() == {"anna", "olga", "igor"}
    home.house.later(days=40)
    # However long nothing ran, people are asked once.
    assert watched.escalate() == [watched.alarm.id]
    assert watched.escalate() == []
    assert home.types("investigation.escalated") == ["investigation.escalated"] * 3
    assert [n.step for n in home.outbox.notices].count(Step.ESCALATED) == 3
    assert watched.now_alarm().is_overdue(home.now)


def test_who_took_it_up_has_until_it_is_to_be_closed(watched: Watched) -> None:
    home = watched.home
    taken = home.alarms.investigations.assign(watched.alarm.id, "anna", watched.anna, home.now)
    assert (taken.taken_at, taken.owner_name) == (home.now, "anna")
    home.house.later(days=6)
    assert watched.escalate() == []
    home.house.later(days=1)
    assert watched.escalate() == [watched.alarm.id]


def test_assigned_to_another_it_is_not_taken_up(watched: Watched) -> None:
    home = watched.home
    given = home.alarms.investigations.assign(watched.alarm.id, "igor", watched.olga, home.now)
    assert (given.owner_name, given.taken_at) == ("igor", None)
    assert home.types("investigation.assigned") == ["investigation.assigned"]
    home.house.later(days=1)
    assert watched.escalate() == [watched.alarm.id]
    assert watched.called() == {"olga", "igor"}


def test_closed_the_next_signal_is_a_new_alarm(watched: Watched) -> None:
    home = watched.home
    closed = watched.close(watched.anna, "a test of ours ran wild")
    assert (closed.disposition, closed.closed_by) == (Disposition.BENIGN, "anna")
    assert closed.note == "a test of ours ran wild"
    assert home.opened() == []
    assert home.outbox.notices[-1].step is Step.CLOSED
    assert watched.escalate() == []
    home.refuse(watched.app)
    (alarm,) = home.look()
    assert alarm.id != watched.alarm.id
    with pytest.raises(Conflict):
        watched.close(watched.anna)
    entry = next(e for e in home.house.audit.events() if e.type == "investigation.closed")
    # Of what was noted the log has a pseudonym.
    assert "wild" not in str(entry.body)


@pytest.mark.parametrize("note", ["order 902-1000001-0000001", "ask juergen@mail.example"])
def test_a_note_names_nobody(watched: Watched, note: str) -> None:
    with pytest.raises(Malformed):
        watched.close(watched.anna, note)
    assert watched.now_alarm().closed_at is None


@pytest.mark.clause("1.2")
def test_who_may_not_decide_is_refused_and_recorded(watched: Watched) -> None:
    home = watched.home
    nina = Caller(
        home.house.accounts.find("nina").id, PrincipalKind.PERSON, "nina", AuthMethod.SESSION
    )
    program = Caller(watched.app, PrincipalKind.APP, "label-printer", AuthMethod.CREDENTIAL)
    for who in (nina, program):
        with pytest.raises(Denied):
            watched.close(who)
        with pytest.raises(Denied):
            home.alarms.investigations.assign(watched.alarm.id, "nina", who, home.now)
    denied = [e.type for e in home.house.audit.events() if e.outcome == "denied"]
    assert denied.count("investigation.closed") == 2
    assert denied.count("investigation.assigned") == 2
    # At the console anybody decides whose machine it is.
    assert watched.close(replace(nina, auth=AuthMethod.CONSOLE)).closed_by == "nina"
    with pytest.raises(NotFound):
        home.alarms.investigations.show(99)


def test_a_new_deadline_lies_ahead() -> None:
    """Taken up or handed on late, more people are not asked again in the same minute."""
    alarmed_at = clock_of(Severity.HIGH, NOW)
    late = NOW + timedelta(hours=30)
    assert escalates_at(alarmed_at, Severity.HIGH, None, late) == late + timedelta(hours=1)
    assert escalates_at(alarmed_at, Severity.HIGH, NOW, NOW) == NOW + timedelta(hours=24)


def test_an_owner_who_was_suspended_is_replaced(watched: Watched) -> None:
    home = watched.home
    home.touch(watched.anna.principal)
    home.look()
    home.house.later(days=1)
    watched.escalate()
    assert watched.now_alarm().owner_name == "olga"
    assert "anna" not in watched.called()
    with pytest.raises(Conflict):
        home.alarms.investigations.assign(watched.alarm.id, "anna", watched.olga, home.now)
