"""Pages of incidents: a case from its opening to its closing, and what nobody can do in one."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.support.pages import Member, Page

from strongroom.compliance.incidents import kinds

NASTY = '"><script>alert(1)</script>'
EML = b"From: us\r\nTo: security@amazon.com\r\n\r\nwe report\r\n"


def _opened(ada: Member, **fields: str) -> Page:
    page = ada.browser.get("/incidents")
    given = {"kind": "access", "title": "Odd reads at night"} | fields
    return ada.browser.submit(page, "/incidents", **given)


def _post(ada: Member, path: str, **fields: str) -> Page:
    return ada.browser.post(path, ada.browser.form_fields("/incidents") | fields)


def _told(ada: Member, case: str) -> Page:
    now = ada.browser.home.now
    fields = ada.browser.form_fields("/incidents") | {"sent_at": f"{now:%Y-%m-%dT%H:%M:%S}"}
    return ada.browser.upload(f"{case}/notify/otherwise", fields, "told.eml", EML)


@pytest.mark.clause("1.6")
def test_a_case_opens_with_its_clock_running(ada: Member) -> None:
    assert "No case is open" in ada.browser.get("/incidents").text
    page = _opened(ada)
    assert (page.h1, page.status) == ("Odd reads at night", 200)
    assert "Tell Amazon within 24 hours" in page.text
    assert "Odd reads at night" in ada.browser.get("/incidents").text
    assert "incident.opened" in [e.type for e in ada.browser.home.events()]


@pytest.mark.clause("1.6")
def test_a_case_is_worked_through_and_closed_by_its_lead(ada: Member) -> None:
    case = _opened(ada).path
    assert _post(ada, f"{case}/note", note="the account read at night").status == 200
    since = ada.browser.home.now - timedelta(days=1)
    scoped = _post(ada, f"{case}/scope", since=f"{since:%Y-%m-%dT%H:%M}")
    assert scoped.status == 200, scoped.text
    assert "Computed" in scoped.text
    assert _post(ada, f"{case}/contained").status == 200
    told = _told(ada, case)
    assert told.said == "It is recorded that Amazon was told."
    for step in kinds()["access"].steps:
        done = _post(ada, f"{case}/checklist", step=step.key, state="done", reason="")
        assert done.status == 200, done.text
    texts = {"title": "Reads", "description": "d", "root_cause": "c", "remediation": "r"}
    assert _post(ada, f"{case}/report", **texts).status == 200
    due = ada.browser.home.now + timedelta(days=20)
    control = {"control": "budgets", "owner": "ada", "due_at": f"{due:%Y-%m-%dT%H:%M}"}
    assert _post(ada, f"{case}/control", **control).status == 200
    refused = _post(ada, f"{case}/approve")
    assert refused.status == 403
    assert "Another person decides" in refused.text
    ada.prove("incidents")
    page = ada.browser.get(f"{case}/report")
    assert "approval by another person" in page.text
    closing = ada.browser.post(f"{case}/close", ada.browser.form_fields("/incidents"))
    assert closing.status == 409

    pack = ada.browser.post(f"{case}/pack", ada.browser.form_fields("/incidents"))
    assert pack.header("content-disposition").startswith("attachment;"), pack.text
    assert pack.raw[:2] == b"PK"


@pytest.mark.clause("1.6")
def test_a_case_cannot_be_closed_before_amazon_was_told(ada: Member) -> None:
    case = _opened(ada).path
    ada.prove("incidents")
    page = ada.browser.post(f"{case}/close", ada.browser.form_fields("/incidents"))
    assert page.status == 409
    assert "Amazon was told" in page.text
    assert ada.browser.home.events("incident.closed") == []


@pytest.mark.clause("1.6")
def test_the_clock_moves_earlier_only(ada: Member) -> None:
    case = _opened(ada).path
    later = ada.browser.home.now + timedelta(hours=1)
    assert _post(ada, f"{case}/clock", detected_at=f"{later:%Y-%m-%dT%H:%M}").status == 409
    earlier = ada.browser.home.now - timedelta(hours=5)
    assert _post(ada, f"{case}/clock", suspected_at=f"{earlier:%Y-%m-%dT%H:%M}").status == 200
    assert f"{earlier:%H:%M} UTC" in ada.browser.get(case).text


@pytest.mark.clause("1.6")
def test_whatever_is_typed_is_shown_as_text(ada: Member) -> None:
    case = _opened(ada, title=NASTY, description=NASTY).path
    _post(ada, f"{case}/note", note=NASTY)
    _post(ada, f"{case}/checklist", step="detect.clock", state="not", reason=NASTY)
    texts = dict.fromkeys(("title", "description", "root_cause", "remediation"), NASTY)
    _post(ada, f"{case}/report", **texts)
    due = ada.browser.home.now + timedelta(days=2)
    _post(ada, f"{case}/control", control=NASTY, owner="ada", due_at=f"{due:%Y-%m-%dT%H:%M}")
    _post(ada, f"{case}/doubt", reason=NASTY)
    _post(ada, "/incidents/practice/review", text=NASTY)
    _post(ada, "/incidents/practice/exercise", scenario=NASTY, participants=NASTY, findings=NASTY)
    fields = ada.browser.form_fields("/incidents") | {
        "recipient": "seller",
        "channel": NASTY,
        "law": NASTY,
    }
    sent = ada.browser.upload(f"{case}/notify/register", fields, f"{NASTY[2:]}.html", b"<script>")
    assert sent.status == 200, sent.text
    refused = ada.browser.submit(
        ada.browser.get("/incidents"), "/incidents", kind=NASTY, title=NASTY, description=NASTY
    )
    assert refused.status == 400
    pages = ["", "/checklist", "/notify", "/report"]
    for page in [
        refused,
        ada.browser.get("/incidents"),
        ada.browser.get("/incidents/practice"),
        *(ada.browser.get(f"{case}{end}") for end in pages),
    ]:
        assert page.status in (200, 400)
        assert "<script>alert" not in page.body


@pytest.mark.clause("1.6")
def test_a_word_to_an_authority_needs_a_right_and_another_person(ada: Member) -> None:
    case = _opened(ada).path
    fields = ada.browser.form_fields("/incidents") | {"recipient": "authority", "channel": "form"}
    bare = ada.browser.upload(f"{case}/notify/register", fields | {"law": ""}, "a.txt", b"x")
    assert bare.status == 400
    assert "nobody speaks for Amazon" in bare.text.replace("Nobody", "nobody")
    good = fields | {"law": "GDPR, article 33"}
    waits = ada.browser.upload(f"{case}/notify/register", good, "a.txt", b"x")
    assert "waits for a second person" in waits.text
    message = re.search(r'name="message" value="(\d+)"', waits.body)
    assert message is not None
    own = _post(ada, f"{case}/notify/decide", message=message[1], word="agree")
    assert own.status == 403
    assert "waits for a second person" in ada.browser.get(f"{case}/notify").text


@pytest.mark.clause("1.6")
def test_practice_is_recorded(ada: Member) -> None:
    for name, fields in (
        ("review", {"text": "nothing changes"}),
        ("exercise", {"scenario": "s", "participants": "p", "findings": "f"}),
        ("change", {"text": "another warehouse"}),
        ("types", {}),
        ("address", {"address": "security@amazon.com"}),
        ("silence", {"agreed": "yes"}),
    ):
        page = _post(ada, f"/incidents/practice/{name}", **fields)
        assert page.said == "It is recorded.", (name, page.text)
    assert _post(ada, "/incidents/practice/address", address="a@b.example").status == 400
    assert _post(ada, "/incidents/practice/path").status == 409
    assert "waits for a review" in ada.browser.get("/incidents/practice").text
    assert ada.browser.get("/incidents/playbooks").h1 == "Types and playbooks"


@pytest.mark.clause("1.6")
def test_measures_want_presence_and_a_case_is_nobodys_weapon_against_themself(ada: Member) -> None:
    case = _opened(ada).path
    home = ada.browser.home
    home.passes(minutes=11)
    led = _post(ada, f"{case}/measure", measure="freeze", name="ada")
    assert led.path == "/prove/incidents"
    ada.prove("incidents")
    own = _post(ada, f"{case}/measure", measure="freeze", name="ada")
    assert own.status == 409
    home.system.accounts.add_person("mallory", caller=home.console, now=home.now)
    frozen = _post(ada, f"{case}/measure", measure="freeze", name="mallory")
    assert frozen.said.startswith("It is done"), frozen.text
    assert [s.name for s in home.system.alarms.acting.suspended(home.now)] == ["mallory"]
    assert "mallory" in frozen.text
