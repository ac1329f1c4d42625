"""The pages of alarms: what they show, who may do what on them, and that nothing typed comes back as markup."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.pages import Member

from strongroom.alarms import AlarmKind, Response, Severity, Signal

KIND = AlarmKind.UNAUTHORIZED_CALLS.value


def _alarmed(ada: Member) -> int:
    home = ada.browser.home
    signal = Signal(
        AlarmKind.UNAUTHORIZED_CALLS,
        Severity.HIGH,
        Response.NOTIFY,
        "unauthorized_calls:refusals:7",
        home.now,
        target="app 7",
        count=21,
        evidence=(1,),
    )
    home.system.alarms.outside.raise_outside(signal, home.now)
    (alarm,) = home.system.alarms.investigations.listed()
    return alarm.id


@pytest.mark.clause("2.6")
def test_an_alarm_is_listed_with_its_clock_and_what_was_seen(ada: Member) -> None:
    assert "No alarm is open" in ada.browser.get("/alarms").text
    number = _alarmed(ada)
    listed = ada.browser.get("/alarms")
    assert f"/alarms/{number}" in listed.body
    assert "1 h left" in listed.text
    one = ada.browser.get(f"/alarms/{number}")
    assert "app 7" in one.text
    assert 'href="/log/1"' in one.body
    assert f"/alarms/{number}" in ada.browser.get("/alarms/all").body


@pytest.mark.clause("2.6")
def test_a_drill_is_run_from_the_list_of_kinds(ada: Member) -> None:
    page = ada.browser.get("/alarms/rules")
    done = ada.browser.post("/alarms/drill", page.form("/alarms/drill") | {"kind": KIND})
    assert done.said.startswith("The drill is done")
    (drilled,) = ada.browser.home.system.alarms.drills.last()
    assert drilled.kind is AlarmKind.UNAUTHORIZED_CALLS
    assert "drill" in ada.browser.get("/alarms/all").text


@pytest.mark.clause("1.6")
def test_an_alarm_is_taken_up_and_closed_with_what_it_was(ada: Member) -> None:
    number = _alarmed(ada)
    path = f"/alarms/{number}"
    taken = ada.browser.submit(ada.browser.get(path), f"{path}/take")
    assert taken.said.startswith("The alarm is yours")
    page = ada.browser.get(path)
    wrong = ada.browser.post(f"{path}/close", page.form(f"{path}/close") | {"disposition": "x"})
    assert "Say what it was" in wrong.text
    form = page.form(f"{path}/close") | {"disposition": "benign", "note": "a drill of the pages"}
    closed = ada.browser.post(f"{path}/close", form)
    assert closed.said.startswith("The alarm is closed")
    assert ada.browser.home.system.alarms.investigations.listed() == []
    assert "a drill of the pages" in closed.text


@pytest.mark.clause("1.6")
def test_nothing_that_is_typed_comes_back_as_markup(ada: Member) -> None:
    number = _alarmed(ada)
    evil = '"><script>alert(1)</script>'
    path = f"/alarms/{number}"
    for action, fields in (
        (f"{path}/assign", {"to": evil[:60]}),
        (f"{path}/close", {"disposition": "benign", "note": evil}),
    ):
        answer = ada.browser.post(action, ada.browser.get(path).form(action) | fields)
        assert answer.status < 500
        assert "<script>alert" not in answer.body


@pytest.mark.clause("2.6")
def test_a_kind_is_muted_for_days_by_whoever_administers(ada: Member) -> None:
    page = ada.browser.get("/alarms/rules")
    form = page.form("/alarms/mute") | {"kind": KIND, "days": "2", "reason": "a load test"}
    muted = ada.browser.post("/alarms/mute", form)
    assert muted.said.startswith("Nobody is told")
    (mute,) = ada.browser.home.system.alarms.mutes.listed(ada.browser.home.now)
    assert mute.until - ada.browser.home.now == timedelta(days=2)
    told = ada.browser.submit(ada.browser.get("/alarms/rules"), "/alarms/unmute")
    assert told.said.startswith("People are told")
    form |= {"kind": AlarmKind.CANARY_TOUCHED.value}
    never = ada.browser.post("/alarms/mute", form)
    assert "never muted" in never.text


def test_ways_to_people_say_what_to_do_where_there_are_none(ada: Member) -> None:
    page = ada.browser.get("/alarms/ways")
    assert "Nobody is told of alarms yet" in page.text
    assert page.status == 200


def test_an_alarm_that_is_none_is_not_found(ada: Member) -> None:
    assert ada.browser.get("/alarms/9999").status == 404
