"""Audits through the pages: requests in time, plan, evidence and Amazon's approval before anything closes."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from tests.support.changes import caller_of
from tests.support.pages import DeskHome, Member

from strongroom.compliance.evidence_rows import Belongs
from strongroom.compliance.overseen import DutyId
from strongroom.errors import Conflict, Denied, Malformed

XSS = '"><script>alert(1)</script>'


def verdict(home: DeskHome, duty: str, days: int = 0) -> str:
    now = home.now + timedelta(days=days)
    found = home.system.assurance.audits_overseen.findings(now)
    return found[DutyId(duty)].verdict.value


def kept(home: DeskHome, name: str, days: int = 0) -> int:
    store, now = home.system.compliance.evidence, home.now + timedelta(days=days)
    return store.put(b"x", name, "text/plain", Belongs("audit", "1"), home.console, now).id


@pytest.mark.clause("3-e", "3-c")
def test_a_request_past_its_day_is_red_until_it_is_answered(ada: Member) -> None:
    home, who = ada.browser.home, caller_of(ada)
    audits, now = home.system.assurance.audits, home.now
    one = audits.open(who, "Audit", "Example LLP", now)
    for duty, certificate in (("3-e", False), ("3-c", True)):
        asked = audits.ask(
            home.console, one.id, "Show it", now + timedelta(days=40), now, certificate=certificate
        )
        assert verdict(home, duty) == "pass"
        assert verdict(home, duty, days=41) == "fail"
        if certificate:
            assert asked.due_at == now + timedelta(days=10)
            with pytest.raises(Malformed, match="certificate itself"):
                audits.answer(who, one.id, asked.id, "Here", now)
        audits.answer(who, one.id, asked.id, "Here", now, evidence=kept(home, "certificate.pdf"))
        assert verdict(home, duty, days=41) == "pass"
        with pytest.raises(Denied, match="their own"):
            audits.judge(who, one.id, asked.id, now, accepted=True)
        audits.judge(home.console, one.id, asked.id, now, accepted=True)


@pytest.mark.clause("3-g", "3-h", "3-i")
def test_nothing_closes_before_amazon_approved_the_evidence_in_writing(ada: Member) -> None:
    home, who = ada.browser.home, caller_of(ada)
    audits, now = home.system.assurance.audits, home.now
    one = audits.open(who, "Audit", "Example LLP", now)
    found = audits.find(who, one.id, "Drills are not written down", now)
    day, later = timedelta(days=1), now + timedelta(days=2)
    assert verdict(home, "3-g") == "unknown"
    with pytest.raises(Conflict, match="no agreed plan"):
        audits.close(who, one.id, now)
    with pytest.raises(Conflict, match="waits for its plan"):
        audits.submit(who, one.id, found.id, kept(home, "drill.png"), now)
    audits.plan(who, one.id, found.id, "Write them down", now + 30 * day, now)
    assert [verdict(home, duty) for duty in ("3-g", "3-h")] == ["pass", "pass"]
    assert [verdict(home, duty, 31) for duty in ("3-g", "3-h")] == ["fail", "fail"]
    early = kept(home, "early.eml")
    audits.submit(who, one.id, found.id, kept(home, "drill.png"), now + day)
    assert [verdict(home, duty, 31) for duty in ("3-g", "3-h", "3-i")] == ["fail", "pass", "fail"]
    with pytest.raises(Conflict, match="did not approve"):
        audits.close(who, one.id, later)
    mail = kept(home, "approval.eml", days=2)
    for number, dated, why in (
        (early, later.date(), "before the last evidence"),
        (kept(home, "approval.txt", days=2), later.date(), r"\.eml or \.pdf"),
        (mail, now.date() - day, "after the last evidence"),
        (mail, date(2099, 1, 1), "not in the future"),
    ):
        with pytest.raises(Malformed, match=why):
            audits.approve(who, one.id, found.id, number, dated, later)
    audits.approve(who, one.id, found.id, mail, later.date(), later)
    assert [verdict(home, duty, 31) for duty in ("3-g", "3-h", "3-i")] == ["pass"] * 3
    assert audits.close(who, one.id, later).closed is not None
    with pytest.raises(Conflict, match="closed"):
        audits.find(who, one.id, "More", later)


@pytest.mark.clause("3")
def test_an_audit_goes_through_the_pages_and_shows_every_text_as_text(ada: Member) -> None:
    browser = ada.browser
    empty = browser.get("/audit-room")
    assert "There is no audit." in empty.text
    page = browser.submit(empty, "/audit-room", title=XSS, auditor=XSS)
    path = page.path
    assert re.fullmatch(r"/audit-room/\d+", path)
    due = (browser.home.now + timedelta(days=3)).date().isoformat()
    page = browser.post(f"{path}/ask", {**browser.form_fields(path), "text": XSS, "due": due})
    assert page.said == "The request is kept.", page.text
    fields = browser.form_fields(path)
    page = browser.post(f"{path}/answer", {**fields, "request": "1", "text": XSS, "evidence": ""})
    assert page.said == "It is kept.", page.text
    page = browser.post(f"{path}/find", {**browser.form_fields(path), "text": XSS})
    assert page.said == "It is kept.", page.text
    assert "<script>alert" not in page.body + browser.get("/audit-room").body
