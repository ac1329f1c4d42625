"""Pages of findings: a report comes in, its findings have their days, and an excuse needs two people."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from tests.support.filled import fill_records
from tests.support.pages import Member, Page
from tests.support.scans import report

from strongroom.assurance.scans import Filter
from strongroom.compliance.overseen import DutyId, Verdict

pytestmark = pytest.mark.clause("2.7")


def _trivy(at: datetime) -> bytes:
    """Return the image's report, made on a day."""
    said = json.loads(report("trivy.json"))
    said["CreatedAt"] = said["VulnerabilityDB"]["UpdatedAt"] = at.isoformat()
    return json.dumps(said).encode()


def _import(ada: Member, content: bytes, **fields: str) -> Page:
    form = ada.browser.form_fields("/findings/import") | fields
    return ada.browser.upload("/findings/import", form, "report.json", content)


def test_a_report_is_imported_listed_filtered_and_saved(ada: Member) -> None:
    browser, now = ada.browser, ada.browser.home.now
    assert "No scan found anything yet" in browser.get("/findings").text
    page = _import(ada, _trivy(now - timedelta(days=10)))
    assert page.path == "/findings/scans/1", page.text
    assert page.said.startswith("The report is in the register")
    assert "It is complete" in page.text
    shown = browser.get("/findings")
    assert shown.text.index("CVE-2019-14697") < shown.text.index("CVE-2023-0003")
    assert '<strong class="tag bad">-3</strong>' in shown.body
    only = browser.get("/findings?severity=high&state=open")
    assert "CVE-2023-0003" in only.text
    assert "CVE-2019-14697" not in only.text
    assert "No finding fits" in browser.get("/findings?tool=nikto").text
    table = browser.get("/findings/file?overdue=yes")
    assert table.header("content-disposition").startswith('attachment; filename="findings.csv"')
    assert "CVE-2019-14697" in table.body
    assert browser.get("/findings?severity=terrible").status == 400


def test_what_is_wrong_with_a_report_is_said_on_its_page(ada: Member) -> None:
    page = _import(ada, report("ruff.json"), target="shop")
    assert (page.status, "Say when" in page.text) == (400, True)
    page = _import(ada, b"no report", target="shop")
    assert (page.status, "no JSON" in page.text) == (400, True)
    at = (ada.browser.home.now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    page = _import(ada, report("ruff.json"), target="shop", scanned_at=at)
    assert page.path == "/findings/scans/1", page.text


def test_a_table_is_imported_by_its_columns(ada: Member) -> None:
    content = "Plugin ID;Risk;Name;Host\n10863;High;Old TLS;10.0.0.7\n19506;None;Scan;10.0.0.7\n"
    at = (ada.browser.home.now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    fields = {
        "target": "warehouse",
        "tool": "nessus",
        "scanned_at": at,
        "advisories_at": at,
        "columns": "rule=Plugin ID\r\nseverity=Risk\r\ntitle=Name\r\npackage=Host\r\n",
    }
    page = _import(ada, content.encode(), **fields)
    assert "It is complete" in page.text
    assert "Old TLS" in ada.browser.get("/findings?severity=high").text


def test_an_acceptance_counts_when_another_person_approves_and_ends_on_its_day(ada: Member) -> None:
    browser, home = ada.browser, ada.browser.home
    _import(ada, _trivy(home.now))
    (first,) = home.system.assurance.vulnerabilities.listed(Filter(), home.now, most=1)
    path = f"/findings/{first.id}"
    asked = browser.submit(
        browser.get(path), f"{path}/ask", kind="risk", days="30", reason="Not reachable"
    )
    assert asked.said.startswith("It is asked for")
    assert "somebody else approves it" in asked.text
    assert "/findings/excuses/1/approve" not in asked.actions
    own = browser.post("/findings/excuses/1/approve", browser.form_fields(path))
    assert (own.status, "nobody approves what they asked for" in own.text.lower()) == (403, True)
    other = home.system.accounts.console("otto", home.now)
    with pytest.raises(Exception, match="approved by"):
        home.system.assurance.vulnerabilities.approve(other, 1, home.now)
    assert browser.submit(browser.get(path), "/findings/excuses/1/end").said.startswith("That is")


def test_scans_are_declared_due_and_recorded(ada: Member) -> None:
    browser, home = ada.browser, ada.browser.home
    board = home.system.assurance.scan_duties
    page = browser.get("/findings/scans")
    assert "Nothing is declared to be scanned" in page.text
    form = browser.form_fields("/findings/scans")
    for kind, name in (("host", "nas"), ("secrets", "none")):
        assert browser.post("/findings/targets", form | {"kind": kind, "name": name}).said
    assert browser.post("/findings/targets", form | {"kind": "pentest", "name": "x"}).status == 400
    assert board.findings(home.now)[DutyId("2.5-b")].verdict is Verdict.PASS
    again = browser.get("/findings/scans")
    assert ("Say it again" in again.text, "We have no public" in again.text) == (True, False)
    _import(ada, _trivy(home.now), target="nas")
    assert board.findings(home.now)[DutyId("2.7-b")].verdict is Verdict.PASS
    form |= {
        "target": "shop",
        "scanned_at": home.now.strftime("%Y-%m-%dT%H:%M"),
        "scope": "all of it",
        "tester": "Example Ltd, no part in building it",
    }
    page = browser.upload("/findings/record", form, "report.pdf", b"%PDF-1.7")
    assert "Tester: Example Ltd" in page.text
    assert board.findings(home.now)[DutyId("2.7-d")].verdict is Verdict.PASS
    assert "all 1 targets" in browser.get("/findings/scans").text.lower()
    gone = browser.post("/findings/targets/1/retire", browser.form_fields("/findings/scans"))
    assert gone.said.startswith("It was taken off")


def test_every_page_of_findings_is_there_with_a_house_that_scans(ada: Member) -> None:
    fill_records(ada.browser.home, ada)
    for path in ("/findings", "/findings/scans", "/findings/import", "/findings/1"):
        assert ada.browser.get(path).status == 200, path
    for number in (1, 2):
        assert ada.browser.get(f"/findings/scans/{number}").status == 200
    assert "Waiting for a second person" in ada.browser.get("/findings").text
