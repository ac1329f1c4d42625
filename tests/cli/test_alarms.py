"""Alarms on the command line: seen, taken up, closed, lifted and drilled; what doctor says meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.alarmed import Attentive, Outbox, Touched
from tests.support.offline import Offline

from strongroom.alarms import AlarmKind, Alarms
from strongroom.app import System
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.cli.commands import run
from strongroom.opening import open_system
from strongroom.terms import AuthMethod, Caller, PrincipalKind

pytestmark = pytest.mark.clause("1.6", "2.6")

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class House:
    """One home, and people who act in it."""

    def __init__(self, home: Offline, directory: Path) -> None:
        self.home = home
        self._directory = directory

    def attempt(self, *arguments: str, by: str | None = None, at: datetime = LATER) -> Any:
        file = self._directory / f"{by}.json"
        proof = ["--as", by, "--credential-file", str(file)] if by else []
        return self.home.attempt(*arguments, *proof, "--now", at.isoformat())

    def run(self, *arguments: str, by: str | None = None, at: datetime = LATER) -> Any:
        code, result, error = self.attempt(*arguments, by=by, at=at)
        assert code == 0, (arguments, error)
        return result

    def person(self, name: str) -> None:
        path = self._directory / f"{name}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.run("user", "add", name, at=NOW)))

    def opened(self, what: Callable[[System], None], now: datetime = LATER) -> None:
        system = open_system(self.home.path, starts_at=now)
        try:
            what(system)
        finally:
            system.close()

    def alarm(self, name: str) -> None:
        """Have somebody touch a canary, and the watch notice."""

        def touched(system: System) -> None:
            found = system.accounts.find(name)
            who = Caller(found.id, found.kind, found.name, AuthMethod.CREDENTIAL)
            event = Event(
                EventType.CANARY_TOUCHED,
                Outcome.DENIED,
                who,
                reason=Reason.CANARY,
                obj_kind=ObjKind.CANARY,
                obj_ref="1",
            )
            system.alarms.watch.step(LATER)
            system.audit.record(event, now=LATER)
            system.alarms.watch.run(lambda: LATER)

        self.opened(touched)

    def check(self, name: str, at: datetime = LATER) -> Any:
        _code, found, _error = self.attempt("doctor", at=at)
        return next(c for c in found["checks"] if c["id"] == name)


def watching(system: System) -> Alarms:
    """Return a home's alarms with a rule of the test."""
    return Alarms.wired(
        system.database,
        system.audit,
        administrators=lambda _now: (),
        end_sessions=system.signon.end_all,
        one_person=system.settings.one_person,
        rules=lambda: (Touched(),),
        outboxes=(Outbox(),),
        channels=(),
        tell=lambda _signal: None,
        holder="test",
    )


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    made = House(Offline.make(tmp_path / "made", one_person=False), tmp_path)
    for name in ("anna", "boris"):
        made.person(name)
    return made


def test_without_an_alarm_every_command_says_so(house: House) -> None:
    assert house.run("alarm", "list") == {"alarms": [], "suspended": [], "muted": []}
    code, _result, error = house.attempt("alarm", "show", "1")
    assert (code, error["error"]["kind"]) == (1, "NotFound")
    code, _result, error = house.attempt("alarm", "lift", "anna")
    assert (code, error["error"]["kind"]) == (1, "Conflict")
    assert house.run("alarm", "watch", "--once")["watching"]
    status = house.run("alarm", "status")
    assert (status["open"], status["overdue"], status["drills"]) == (0, 0, [])
    assert house.check("alarms.open")["state"] == "ok"


def test_an_alarm_from_first_to_last(house: House) -> None:
    house.alarm("anna")
    (row,) = house.run("alarm", "list")["alarms"]
    assert (row["state"], row["severity"], row["about"]) == ("open", "critical", "anna")
    assert row["acted"] == "freeze"
    assert house.check("alarms.open")["state"] == "warning"
    shown = house.run("alarm", "show", "1")
    assert shown["report_by"] == (LATER + timedelta(hours=24)).isoformat()
    assert len(shown["evidence"]) == 1
    # A frozen person is let in nowhere, not to close their own alarm either.
    code, _result, error = house.attempt(
        "alarm", "close", "1", "--disposition", "benign", by="anna"
    )
    assert (code, error["error"]["kind"]) == (1, "Unauthenticated")
    # Boris neither owns it nor administers.
    code, _result, error = house.attempt("alarm", "lift", "anna", by="boris")
    assert (code, error["error"]["kind"]) == (1, "Denied")
    overdue = LATER + timedelta(minutes=16)
    assert house.check("alarms.open", overdue)["state"] == "failed"
    assert house.run("alarm", "watch", "--once", at=overdue)["escalated"] == 1
    assert house.run("alarm", "show", "1", at=overdue)["escalations"] == 1
    assert house.run("alarm", "assign", "1", "--to", "boris")["owner"] == "boris"
    taken = house.run("alarm", "assign", "1", "--to", "boris", by="boris")
    assert taken["state"] == "taken"
    closed = house.run(
        "alarm", "close", "1", "--disposition", "true_positive", "--note", "an export that ran wild"
    )
    assert (closed["state"], closed["note"]) == ("closed", "an export that ran wild")
    # Closing lifts nothing.
    assert [row["name"] for row in house.run("alarm", "list")["suspended"]] == ["anna"]
    assert house.run("alarm", "lift", "anna") == {"name": "anna", "lifted": 1}
    assert house.run("alarm", "list") == {"alarms": [], "suspended": [], "muted": []}
    assert len(house.run("alarm", "list", "--all")["alarms"]) == 1
    code, _result, _error = house.attempt("alarm", "assign", "1", "--to", "boris", by="anna")
    assert code == 1


def test_a_drill_tells_which_alarm_nobody_would_hear(house: House) -> None:
    """Without the rule, or without a channel, a drill fails and says so; it is evidence either way."""
    code, found, _error = house.attempt("alarm", "drill", "canary_touched")
    assert [row["kind"] for row in found["drills"]] == ["canary_touched"]
    assert code == (0 if found["ok"] else 1)
    (drill,) = house.run("alarm", "status")["drills"]
    assert drill["passed"] is found["ok"]
    assert house.check("alarms.drill")["state"] == "warning"
    code, _result, error = house.attempt("alarm", "drill", "fire")
    assert (code, error["error"]["kind"]) == (2, "Malformed")


def test_drills_are_due_again_after_a_quarter(house: House) -> None:
    def drill(system: System) -> None:
        person = system.accounts.find("anna")
        caller = Caller(person.id, PrincipalKind.PERSON, "anna", AuthMethod.CONSOLE)
        alarms = Alarms.wired(
            system.database,
            system.audit,
            administrators=lambda _now: (),
            end_sessions=system.signon.end_all,
            one_person=False,
            rules=lambda: tuple(Attentive(kind) for kind in AlarmKind),
            outboxes=(Outbox(),),
            channels=(),
            tell=lambda _signal: None,
            holder="test",
        )
        done = alarms.drills.run(AlarmKind, caller, LATER, lambda _done, _total: None)
        assert all(one.passed for one in done)

    house.opened(drill)
    assert house.check("alarms.drill")["state"] == "ok"
    assert house.check("alarms.drill", LATER + timedelta(days=89))["state"] == "ok"
    assert house.check("alarms.drill", LATER + timedelta(days=91))["state"] == "warning"


def test_what_people_read_names_the_columns_and_the_empty(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(house.home.path), "--now", LATER.isoformat()]
    assert run(["alarm", "list", *home]) == 0
    assert capsys.readouterr().out.strip() == "none"
    house.alarm("anna")
    assert run(["alarm", "list", *home]) == 0
    said = capsys.readouterr()
    assert "canary_touched" in said.out
    assert "anna is frozen since" in said.err
    assert run(["alarm", "status", *home]) == 0
    assert "behind" in capsys.readouterr().out


def test_a_kind_is_muted_listed_and_told_again(house: House) -> None:
    until = LATER + timedelta(days=2)
    more = ("--until", until.isoformat(), "--reason", "load test of the season")
    assert house.attempt("alarm", "mute", "canary_touched", *more)[0] == 1
    muted = house.run("alarm", "mute", "request_rate", *more)
    assert (muted["kind"], muted["until"]) == ("request_rate", until.isoformat())
    (listed,) = house.run("alarm", "list")["muted"]
    assert listed == muted
    assert house.run("alarm", "list", at=until)["muted"] == []
    house.run("alarm", "unmute", "request_rate")
    assert house.run("alarm", "list")["muted"] == []
