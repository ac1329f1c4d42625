"""The house's own documents: what turns each of their duties green, and red again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.desk.conftest import NOW, home, made_for_two
from tests.support.listening import listening
from tests.support.pages import DeskHome

from strongroom.alarms import AlarmKind
from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import DutyId, Office, Verdict
from strongroom.compliance.policies import (
    BLANKS,
    SPECS,
    Found,
    Kind,
    Policies,
    PolicyDuties,
    Published,
    Version,
    markup,
    required,
    template,
    text,
)
from strongroom.errors import Conflict, Malformed
from strongroom.policy.limits import PUBLISHED_CHECK_AGE
from strongroom.terms import Caller

__all__ = ["home", "made_for_two"]

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


class House:
    """Two people and their documents."""

    def __init__(self, opened: DeskHome) -> None:
        self.home = opened
        self.system = opened.system
        self.now = NOW
        self.ada, self.ben = (self.system.accounts.console(name, NOW) for name in ("ada", "ben"))

    @property
    def policies(self) -> Policies:
        return self.system.compliance.policies

    def verdict(self, duty: str) -> Verdict:
        return self._overseen().findings(self.now)[DutyId(duty)].verdict

    def why(self, duty: str) -> str:
        return self._overseen().findings(self.now)[DutyId(duty)].why

    def dues(self) -> list[Any]:
        return list(self._overseen().dues(self.now))

    def draft(self, kind: Kind, changed: dict[str, str] | None = None) -> Version:
        version = self.policies.begin(kind, self.ada, self.now)
        if blanks := text.blanks(version.text):
            version = self.policies.fill(
                version.id, dict.fromkeys(blanks, "Example Ltd"), self.ada, self.now
            )
        for old, new in (changed or {}).items():
            assert old in version.text
            written = version.text.replace(old, new)
            version = self.policies.write(version.id, written, self.ada, self.now)
        return version

    def approve(self, kind: Kind, changed: dict[str, str] | None = None) -> Version:
        version = self.policies.submit(self.draft(kind, changed).id, self.ada, self.now)
        return self.policies.approve(version.id, version.digest, self.ben, self.now)

    def acknowledge(self, kind: Kind, *people: Caller) -> None:
        holds = self.policies.current(kind, self.now)
        assert holds is not None
        for person in people or (self.ada, self.ben):
            self.policies.acknowledge(holds.id, holds.digest, person, self.now)

    def _overseen(self) -> PolicyDuties:
        rooms = self.system.compliance.overseen
        return next(room for room in rooms if isinstance(room, PolicyDuties))


@pytest.fixture
def house(home: DeskHome) -> House:
    return House(home)


@pytest.mark.parametrize("kind", list(Kind))
def test_our_own_texts_are_complete_but_for_their_blanks(kind: Kind) -> None:
    ours = text.checked(template(kind))
    assert ours == template(kind)
    assert set(text.blanks(ours)) <= BLANKS.keys()
    assert markup.title(ours)
    full = text.filled(ours, dict.fromkeys(text.blanks(ours), "Example Ltd"))
    assert text.faults(full, required(kind)) == []
    assert len(required(kind)) >= 7
    if kind is not Kind.PRIVACY_POLICY:
        assert text.duties(full)


@pytest.mark.clause("1.6", "2.6", "2.7")
def test_a_plan_holds_for_six_months_and_then_fails_until_it_is_approved_anew(
    house: House,
) -> None:
    for kind, duty in ((Kind.INCIDENT_PLAN, "1.6-a"), (Kind.VULNERABILITY_PLAN, "2.7-a")):
        house.now = NOW
        assert house.verdict(duty) is FAIL
        house.approve(kind)
        assert house.verdict(duty) is PASS
        house.now = datetime(2026, 9, 10, 11, 59, tzinfo=UTC)
        assert house.verdict(duty) is PASS
        house.now = datetime(2026, 9, 10, 12, 0, tzinfo=UTC)
        assert house.verdict(duty) is FAIL
        assert "was to be reviewed by 2026-09-10" in house.why(duty)
        house.approve(kind)
        assert house.verdict(duty) is PASS


@pytest.mark.clause("2.6")
def test_the_plan_has_to_list_every_alarm_rule_that_watches(house: House) -> None:
    assert house.verdict("2.6-n") is FAIL
    house.approve(Kind.INCIDENT_PLAN, {f"- `{AlarmKind.SLOW_DRAIN}`\n": ""})
    assert house.verdict("1.6-a") is PASS
    assert house.verdict("2.6-n") is FAIL
    assert "slow_drain" in house.why("2.6-n")
    house.approve(Kind.INCIDENT_PLAN, {"- `canary_touched`": "- `slow_drain`\n- `canary_touched`"})
    assert house.verdict("2.6-n") is PASS


@pytest.mark.clause("1.2")
def test_who_comes_has_to_acknowledge_and_who_leaves_counts_no_more(house: House) -> None:
    assert house.verdict("1.2-f") is FAIL
    house.approve(Kind.ACCEPTABLE_USE)
    house.acknowledge(Kind.ACCEPTABLE_USE, house.ada)
    assert house.verdict("1.2-f") is FAIL
    assert "not yet ben" in house.why("1.2-f")
    assert [d.person for d in house.dues() if d.what.startswith("Acknowledge")] == [
        house.ben.principal
    ]
    house.acknowledge(Kind.ACCEPTABLE_USE, house.ben)
    assert house.verdict("1.2-f") is PASS
    house.system.accounts.add_person("cleo", caller=house.ada, now=house.now)
    assert house.verdict("1.2-f") is FAIL
    house.system.accounts.end("cleo", caller=house.ada, now=house.now)
    assert house.verdict("1.2-f") is PASS
    house.now += timedelta(days=1)
    house.approve(Kind.ACCEPTABLE_USE)
    assert house.verdict("1.2-f") is FAIL
    house.acknowledge(Kind.ACCEPTABLE_USE)
    assert house.verdict("1.2-f") is PASS
    house.now += timedelta(days=366)
    assert house.verdict("1.2-f") is FAIL


@pytest.mark.clause("2.2")
def test_each_section_of_the_data_handling_policy_names_its_duties(house: House) -> None:
    assert house.verdict("2.2-b") is FAIL
    house.approve(Kind.DATA_HANDLING, {" [2.2-a] [2.2-b].": "."})
    assert house.verdict("2.2-b") is FAIL
    assert "Review" in house.why("2.2-b")
    house.approve(Kind.DATA_HANDLING, {"or a system changes.": "or a system changes [2.2-a]."})
    assert house.verdict("2.2-b") is PASS


@pytest.mark.clause("2.2")
def test_the_privacy_policy_names_the_ground_of_each_purpose(house: House) -> None:
    assert house.verdict("2.2-f") is FAIL
    house.approve(Kind.PRIVACY_POLICY, {"Invoicing: write": "Billing: write"})
    assert house.verdict("2.2-f") is FAIL
    assert "invoicing" in house.why("2.2-f")
    house.approve(Kind.PRIVACY_POLICY, {"Billing: write": "Invoicing: write"})
    assert house.verdict("2.2-f") is PASS
    house.now += timedelta(days=365)
    assert house.verdict("2.2-f") is FAIL


@contextmanager
def site(house: House, bodies: list[bytes], status: list[int]) -> Iterator[Published]:
    """Serve a page as the house's own site would, and give what looks at it."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": status[0], "headers": headers})
        await send({"type": "http.response.body", "body": bodies[0]})

    system = house.system
    with listening(application, system.home.root, lifespan="off") as served:
        yield Published(
            system.database,
            system.audit,
            house.policies,
            address=f"https://localhost:{served.port}/privacy",
            ca=served.ca,
        )


@pytest.mark.clause("2.2")
def test_the_published_privacy_policy_is_held_against_the_approved_one(house: House) -> None:
    for kind in (Kind.PRIVACY_POLICY, Kind.DATA_HANDLING):
        house.approve(kind)
        assert house.verdict("2.2-a") is FAIL
        house.acknowledge(kind)
    assert house.verdict("2.2-a") is UNKNOWN
    assert "nothing says where it is published" in house.why("2.2-a")
    holds = house.policies.current(Kind.PRIVACY_POLICY, house.now)
    assert holds is not None
    page = f"<html><title>x</title><nav>Home</nav>{markup.html(holds.text)}<p>© 2026".encode()
    bodies, status = [page], [200]
    with site(house, bodies, status) as published:
        duties = PolicyDuties(house.policies, published)

        def verdict() -> Verdict:
            return duties.findings(house.now)[DutyId("2.2-a")].verdict

        assert verdict() is UNKNOWN
        assert published.compare(house.now).found is Found.SAME
        assert verdict() is PASS
        house.now += PUBLISHED_CHECK_AGE + timedelta(seconds=1)
        assert verdict() is UNKNOWN
        bodies[0] = page.replace(b"30 days", b"90 days")
        assert published.compare(house.now).found is Found.DIFFERENT
        assert verdict() is FAIL
        status[0] = 301
        assert published.compare(house.now).found is Found.REFUSED
        assert verdict() is FAIL
        bodies[0], status[0] = page, 200
        assert published.compare(house.now).found is Found.SAME
        assert verdict() is PASS
    assert published.compare(house.now).found is Found.UNREACHABLE
    entry = house.home.events("policy.compared")[-1]
    assert (entry.outcome, entry.body["reason"]) == ("failure", "unreachable")


@pytest.mark.clause("1.6")
def test_a_new_draft_knows_who_holds_which_office(house: House) -> None:
    offices, now = house.system.compliance.offices, house.now
    offices.appoint(house.ben, Office.INCIDENT_LEAD, Part.HOLDER, "ada", now)
    offices.accept(house.ada, Office.INCIDENT_LEAD, Part.HOLDER, now, "ada@example.com")
    draft = house.policies.begin(Kind.INCIDENT_PLAN, house.ada, now)
    assert "incident_lead" not in text.blanks(draft.text)
    assert "| Incident lead | ada |" in draft.text
    assert "incident_deputy" in text.blanks(draft.text)


def test_what_was_submitted_is_not_written_at_and_can_be_given_back(house: House) -> None:
    policies, kind = house.policies, Kind.DATA_HANDLING
    version = policies.submit(house.draft(kind).id, house.ada, house.now)
    for act in (
        lambda: policies.write(version.id, "other", house.ada, house.now),
        lambda: policies.drop(version.id, house.ada, house.now),
        lambda: policies.begin(kind, house.ben, house.now),
        lambda: policies.approve(version.id, "0" * 64, house.ben, house.now),
    ):
        with pytest.raises(Conflict):
            act()
    policies.give_back(version.id, house.ben, house.now)
    policies.write(version.id, "# T\n", house.ada, house.now)
    with pytest.raises(Malformed):
        policies.submit(version.id, house.ada, house.now)
    with pytest.raises(Conflict):
        policies.acknowledge(version.id, version.digest, house.ada, house.now)


def test_the_text_comes_back_as_words_and_as_parts_for_paper() -> None:
    written = text.checked(
        "# T\n\n## One\n\nA **bold** [link](https://example.com).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "1. first\n2. second\n\n- point\n"
    )
    assert markup.parts(written) == [
        ("One", ["A bold link.", "a   b", "1   2", "1. first", "2. second", "•  point"])
    ]
    assert markup.words(markup.html(written)) == (
        ["one", "a", "bold", "link", "a", "b", "1", "2", "first", "second", "point"]
    )
    assert '<th scope="col">a</th>' in markup.html(written)
    assert not markup.holds(["a", "b"], [])


def test_a_document_has_bounds() -> None:
    for bad in ("", "x" * (text.LONGEST + 1), "a\n" * (text.MOST_LINES + 2), "a\u202eb", "a\0b"):
        with pytest.raises(Malformed):
            text.checked(bad)
    assert text.checked("a\r\nb\r") == "a\nb\n"
    for values in ({"other": "x"}, {"a": "x\ny"}, {"a": "x" * 401}, {"a": "{{b}}"}):
        with pytest.raises(Malformed):
            text.filled("{{a}} {{b}}", values)


def test_reviews_and_what_waits_are_due(house: House) -> None:
    assert {d.what for d in house.dues()} == {
        f"Approve the {spec.title.lower()}" for spec in SPECS.values()
    }
    house.policies.submit(house.draft(Kind.INCIDENT_PLAN).id, house.ada, house.now)
    assert "Approve version 1 of the incident response plan" in {d.what for d in house.dues()}
    house.approve(Kind.VULNERABILITY_PLAN)
    due = next(d for d in house.dues() if d.what == "Review the vulnerability management plan")
    assert due.due_at == datetime(2026, 9, 10, 12, 0, tzinfo=UTC)
    assert due.office is Office.DEV_LEAD
