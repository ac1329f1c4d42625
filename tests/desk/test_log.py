"""The log on the desk: who may read it, how entries are found, and a proof that holds outside."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.pages import Member

from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.audit.browsing import Wanted, browse
from strongroom.audit.offline import check_proof, parse_key
from strongroom.terms import SYSTEM


@pytest.mark.clause("2.6")
def test_whoever_looks_at_the_log_is_in_it(ada: Member) -> None:
    page = ada.browser.get("/log")
    assert page.status == 200
    (seen,) = ada.browser.home.events("log.read")
    assert (seen.body["op"], seen.body["actor"]["id"]) == ("browse", seen.body["actor"]["id"])
    assert "session.started" in page.body or "principal.added" in page.body


@pytest.mark.clause("1.3")
def test_who_holds_no_grant_to_audit_sees_nothing_of_it(ada: Member) -> None:
    home = ada.browser.home
    bob = home.member("bob")
    for path in ("/log", "/log/1", "/log/1/proof", "/log/1/entry", "/log/1/key"):
        assert bob.browser.get(path).status == 403
    assert home.events("log.read") == []


@pytest.mark.clause("2.6")
def test_entries_are_found_by_what_they_say(ada: Member) -> None:
    home = ada.browser.home
    (number,) = [e.body["actor"]["id"] for e in home.events("session.started")][:1]
    found = ada.browser.get(f"/log?type=session.started&who={number}&outcome=success")
    assert 'class="list"' in found.body
    day = f"{home.now:%Y-%m-%d}"
    assert 'class="list"' in ada.browser.get(f"/log?since={day}&until={day}").body
    later = f"{home.now + timedelta(days=2):%Y-%m-%d}"
    assert "No entry fits" in ada.browser.get(f"/log?since={later}").text
    assert "No entry fits" in ada.browser.get("/log?object=epoch").text
    for wrong in ("type=no.such", "who=x", "since=tomorrow", "before=1&after=2", "before=x"):
        assert ada.browser.get(f"/log?{wrong}").status == 400


@pytest.mark.clause("2.6")
def test_pages_go_both_ways_and_miss_nothing(ada: Member) -> None:
    home = ada.browser.home
    beat = Event(EventType.LOG_HEARTBEAT, Outcome.SUCCESS, SYSTEM)
    home.system.audit.record(*[beat] * 120, now=home.now)
    with home.system.database.read() as tx:
        everything = browse(tx, Wanted(), before=None, after=None, limit=10_000).entries
        assert [e.seq for e in everything] == [e.seq for e in home.events()][::-1]
        seen, before = [], None
        while page := browse(
            tx, Wanted(EventType.LOG_HEARTBEAT), before=before, after=None, limit=50
        ).entries:
            seen += [entry.seq for entry in page]
            before = page[-1].seq
        forward = browse(
            tx, Wanted(EventType.LOG_HEARTBEAT), before=None, after=seen[-1], limit=500
        ).entries
    assert len(seen) == 120
    assert [e.seq for e in forward] == seen[-2::-1]
    with home.system.database.read() as tx:
        made = browse(
            tx,
            Wanted(outcome=Outcome.SUCCESS, obj_kind=ObjKind.PRINCIPAL),
            before=None,
            after=None,
            limit=5,
        )
    assert {e.body["obj"]["kind"] for e in made.entries} == {"principal"}


@pytest.mark.clause("2.6")
def test_what_a_page_gives_is_proved_by_the_offline_verifier(ada: Member) -> None:
    seq = 1
    page = ada.browser.get(f"/log/{seq}")
    assert page.h1 == "Entry 1"
    proof = ada.browser.get(f"/log/{seq}/proof")
    entry = ada.browser.get(f"/log/{seq}/entry")
    key = ada.browser.get(f"/log/{seq}/key")
    assert proof.header("content-disposition") == 'attachment; filename="1.tlog-proof"'
    number, _at = check_proof(proof.body, entry.body.encode(), parse_key(key.body), "it")
    assert number == seq
    assert ada.browser.get("/log/999999").status == 404
