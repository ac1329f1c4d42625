"""The certificate of compliance: by who leads the company, never more than is kept, the answer to Amazon's request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer

from strongroom.assurance.packs.certificate import FORMAT, _said
from strongroom.compliance.duties.board import Status
from strongroom.compliance.offices import Part
from strongroom.compliance.overseen import DutyId, Office, Verdict
from strongroom.crypto.note import Verifier
from strongroom.errors import Conflict, NotFound
from strongroom.terms import AuthMethod, Caller, PrincipalKind

pytestmark = pytest.mark.clause("3-c")

CERTIFY = DutyId("3-c")


def lead(home: DeskHome, name: str) -> None:
    """Let somebody lead the company."""
    who = Caller(home.system.accounts.find(name).id, PrincipalKind.PERSON, name, AuthMethod.SESSION)
    offices = home.system.compliance.offices
    offices.appoint(home.console, Office.EXECUTIVE, Part.HOLDER, name, home.now)
    offices.accept(who, Office.EXECUTIVE, Part.HOLDER, home.now, f"{name}@example.com")


def asked(home: DeskHome) -> str:
    """Have Amazon ask for a certificate; return the path of the audit."""
    audits = home.system.assurance.audits
    one = audits.open(home.console, "Audit of the year", "Example LLP", home.now)
    due = home.now + timedelta(days=30)
    audits.ask(home.console, one.id, "Certify in writing", due, home.now, certificate=True)
    return f"/audit-room/{one.id}"


def issue(member: Member, path: str, company: str = "Example Ltd"):  # type: ignore[no-untyped-def]
    member.prove("audit-room/1")
    return member.browser.submit(member.browser.get(path), f"{path}/certify", company=company)


def test_it_answers_the_request_is_evidence_and_names_what_is_not_kept(ada: Member) -> None:
    home = ada.browser.home
    lead(home, "ada")
    asked(home)
    home.passes(days=11)
    overseen = home.system.assurance.audits_overseen.findings
    assert overseen(home.now)[CERTIFY].verdict is Verdict.FAIL
    certifying = home.system.assurance.certifying
    who = home.system.accounts.find("ada").id
    hers = Caller(who, PrincipalKind.PERSON, "ada", AuthMethod.SESSION)
    made = certifying.issue(hers, 1, 1, "Example Ltd", home.now)
    assert overseen(home.now)[CERTIFY].verdict is Verdict.PASS
    assert made.page.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in made.page
    assert made.exceptions > 0
    assert f"It names {made.exceptions} exceptions." in made.asked.answer
    said = Verifier(made.key).verify(made.note)
    assert said == f"{FORMAT}\n{sha256(made.page).hexdigest()}\n"
    item, _ = home.system.compliance.evidence.show(made.evidence)
    assert item.sha256 == sha256(made.page).hexdigest()
    assert home.events("compliance.certified")[-1].body["obj"]["ref"] == item.sha256


def test_it_is_issued_on_the_page_after_proof_of_presence(ada: Member) -> None:
    home = ada.browser.home
    lead(home, "ada")
    path = asked(home)
    assert issue(ada, path).said == "It is kept."
    assert "Certificate of 2026-03-10" in ada.browser.get(path).text


@pytest.mark.clause("1.3")
def test_who_does_not_lead_the_company_certifies_nothing(ada: Member) -> None:
    home = ada.browser.home
    ben = overseer(ada)
    lead(home, "ada")
    path = asked(home)
    ben.prove("audit-room/1")
    fields = {**ben.browser.form_fields(path), "request": "1", "company": "Example Ltd"}
    assert ben.browser.post(f"{path}/certify", fields).status == 403
    last = home.events("compliance.certified")[-1]
    assert (last.outcome, last.body["obj"]["ref"]) == ("denied", "none")


@pytest.mark.parametrize("company", [" ", "x" * 121])
def test_a_company_is_named(ada: Member, company: str) -> None:
    home = ada.browser.home
    lead(home, "ada")
    path = asked(home)
    ada.prove("audit-room/1")
    fields = {**ada.browser.form_fields(path), "request": "1", "company": company}
    assert ada.browser.post(f"{path}/certify", fields).status in {400, 422}


def test_a_request_for_something_else_gets_none(ada: Member) -> None:
    home = ada.browser.home
    lead(home, "ada")
    path = asked(home)
    audits = home.system.assurance.audits
    audits.ask(home.console, 1, "A list", home.now + timedelta(days=5), home.now)
    ada.prove("audit-room/1")
    fields = {**ada.browser.form_fields(path), "request": "2", "company": "Example Ltd"}
    assert ada.browser.post(f"{path}/certify", fields).status == 409


def test_what_is_knowingly_not_kept_is_no_part_of_what_is_certified(
    ada: Member,
) -> None:
    """An exception passes an audit; a certificate that all is kept would still be false."""
    home = ada.browser.home
    asked(home)
    account = home.system.assurance.packs.reckoned(home.console, home.now)
    green = tuple(replace(row, status=Status.PASS) for row in account.rows)
    for status in Status:
        rows = (replace(green[0], status=status), *green[1:])
        said = _said(replace(account, rows=rows), "Example Ltd")
        kept = status in {Status.PASS, Status.DUE_SOON, Status.NOT_APPLICABLE}
        assert len(said["exceptions"]) == (0 if kept else 1), status  # type: ignore[arg-type]
        assert len(said["rows"]) + len(said["exceptions"]) == said["total"]  # type: ignore[arg-type]


def test_a_request_that_is_none_or_of_a_closed_audit_gets_none_and_leaves_nothing(
    ada: Member,
) -> None:
    home = ada.browser.home
    lead(home, "ada")
    asked(home)
    who = home.system.accounts.find("ada").id
    hers = Caller(who, PrincipalKind.PERSON, "ada", AuthMethod.SESSION)
    certifying, audits = home.system.assurance.certifying, home.system.assurance.audits
    with pytest.raises(NotFound):
        certifying.issue(hers, 1, 9, "Example Ltd", home.now)
    certifying.issue(hers, 1, 1, "Example Ltd", home.now)
    audits.judge(home.console, 1, 1, home.now, accepted=True)
    audits.close(home.console, 1, home.now)
    before = len(home.system.compliance.evidence.listed())
    with pytest.raises(Conflict):
        certifying.issue(hers, 1, 1, "Example Ltd", home.now)
    assert len(home.system.compliance.evidence.listed()) == before
