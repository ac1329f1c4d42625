"""Staff: joining and leaving by checklists, trainings that end, 24 hours from the account's end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer

from strongroom.assurance.staff import LEAVING, Topic
from strongroom.assurance.staff.overseeing import StaffOverseen
from strongroom.db import schema

pytestmark = pytest.mark.clause("1.1", "1.2")


def number_of(home: DeskHome, name: str) -> int:
    return home.system.accounts.find(name).id


def test_somebody_new_lacks_what_joining_wants_until_it_is_stated(ada: Member) -> None:
    home = ada.browser.home
    overseer(ada)
    home.member("eve")
    path = f"/staff/{number_of(home, 'eve')}"
    page = ada.browser.get(path)
    assert "agreement of confidentiality signed" in page.text.lower()
    for step in ("confidentiality", "device"):
        fields = {**ada.browser.form_fields(path), "step": step}
        assert ada.browser.post(f"{path}/state", fields).said == "It is kept."
    for topic in Topic:
        fields = {**ada.browser.form_fields(path), "topic": topic.value, "on": "2026-02-01"}
        assert ada.browser.post(f"{path}/train", {**fields, "evidence": ""}).said == "It is kept."
    staff = home.system.assurance.staff
    assert staff.show(number_of(home, "eve"), home.now).joining == []  # type: ignore[arg-type]
    home.passes(days=330)
    assert staff.show(number_of(home, "eve"), home.now).untrained == list(Topic)  # type: ignore[arg-type]


def test_leaving_is_done_within_a_day_or_late(ada: Member) -> None:
    home = ada.browser.home
    overseer(ada)
    home.member("eve")
    who = number_of(home, "eve")
    home.system.accounts.end("eve", caller=home.console, now=home.now)
    path = f"/staff/{who}"
    assert "Leaving is done by" in ada.browser.get(path).text
    overseen = StaffOverseen(home.system.assurance.staff)
    (due,) = [one for one in overseen.dues(home.now) if one.path == path]
    assert due.due_at == home.now + timedelta(hours=24)
    staff, later = home.system.assurance.staff, home.now + timedelta(hours=25)
    assert [one.name for one in staff.listed(later) if one.is_late] == ["eve"]
    for step in LEAVING:
        fields = {**ada.browser.form_fields(path), "step": step}
        assert ada.browser.post(f"{path}/state", fields).said == "It is kept."
    assert ada.browser.get(path).status == 404
    assert not any(one.is_late for one in staff.listed(later))


def test_nobody_ticks_a_step_or_vouches_for_a_training_of_their_own(ada: Member) -> None:
    home = ada.browser.home
    overseer(ada)
    path = f"/staff/{number_of(home, 'ada')}"
    fields = ada.browser.form_fields(path)
    assert ada.browser.post(f"{path}/state", {**fields, "step": "device"}).status == 403
    said = {**fields, "topic": "it_security", "on": "2026-03-01", "evidence": ""}
    assert ada.browser.post(f"{path}/train", said).status == 403
    last = home.events("staff.recorded")[-1]
    assert (last.outcome, last.body["reason"]) == ("denied", "self_review")


@pytest.mark.parametrize(
    "fields",
    [
        {"topic": "x", "on": "2026-03-01"},
        {"topic": "it_security", "on": "2026-12-01"},
        {"topic": "it_security", "on": ""},
    ],
)
def test_a_faulty_training_is_refused(ada: Member, fields: dict[str, str]) -> None:
    home = ada.browser.home
    home.member("eve")
    path = f"/staff/{number_of(home, 'eve')}"
    said = {**ada.browser.form_fields(path), "evidence": "", **fields}
    assert ada.browser.post(f"{path}/train", said).status in {400, 422}


def test_who_does_not_oversee_sees_nobody(ada: Member) -> None:
    eve = ada.browser.home.member("eve")
    for path in ("/staff", "/suppliers", "/questionnaire"):
        assert eve.browser.get(path).status == 403


def test_every_training_and_step_stays_in_the_order_of_its_day(ada: Member) -> None:
    home = ada.browser.home
    home.member("eve")
    who, staff = home.system.accounts.find("eve").id, home.system.assurance.staff
    for days in (200, 20, 90):
        at = home.now - timedelta(days=days)
        staff.train(home.console, who, Topic.IT_SECURITY, at, home.now)
    staff.state(home.console, who, "device", home.now)
    one = staff.show(who, home.now)
    assert [(home.now - made.on).days for made in one.trainings] == [20, 90, 200]
    assert [step.name for step in one.steps] == ["device"]
    assert one in staff.listed(home.now)
    with home.system.database.read() as tx:
        assert len(tx.execute(schema.staff_record.select()).all()) == 1
