"""Somebody sends a report made to harm, or would be rid of a finding without mending it."""

from __future__ import annotations

import base64
import csv
import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.pages import DeskHome, Member
from tests.support.scans import report, trivy

from strongroom.assurance.scans import Declared, Filter, ScanKind
from strongroom.assurance.scans.formats import read
from strongroom.assurance.scans.parsed import identified
from strongroom.assurance.scans.reading import MOST_BYTES, MOST_HITS, document
from strongroom.db import schema
from strongroom.errors import Denied, Malformed
from strongroom.operations import run
from strongroom.request import Json, Request
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

__all__ = ["ada", "home", "joined", "made_for_two"]

pytestmark = pytest.mark.clause("2.7")

NASTY = '"><script>alert(1)</script>'
DAY = timedelta(days=1)
SAID = Declared(target="shop", tool="nessus")


def _asks(home: DeskHome, operation: str, **arguments: Any) -> Json:
    return run(home.system, Request(operation, arguments, now=home.now.isoformat()), "olga")


def _take(home: DeskHome, content: bytes, **said: Any) -> Json:
    packed = base64.b64encode(gzip.compress(content)).decode()
    return _asks(home, "finding.import", name="r.json", report=packed, **said)


def _bandit(name: str = "a.py", rule: str = "B1", **row: object) -> bytes:
    found = {"filename": name, "test_id": rule, "issue_text": "x", "issue_severity": "HIGH"} | row
    return json.dumps(
        {
            "errors": [],
            "generated_at": "2026-03-10T11:00:00Z",
            "metrics": {"_totals": {"loc": 9}},
            "results": [found],
        }
    ).encode()


@pytest.mark.parametrize("opens", [b"[", b'{"a":', b'{"runs":[{"results":[', b"[{"])
def test_what_is_nested_deep_is_refused_and_nothing_breaks(opens: bytes) -> None:
    for times in (200, 100_000, 1_500_000):
        with pytest.raises(Malformed):
            read((opens * times)[:MOST_BYTES], Declared())
    deep = b'{"components": [' * 300 + b"{}" + b"]}" * 300
    bom = b'{"bomFormat": "CycloneDX", "vulnerabilities": [], "components": [%s]}' % deep
    assert read(bom, Declared()).hits == ()


@pytest.mark.parametrize(
    "content",
    [
        b'{"bomFormat": "CycloneDX", "vulnerabilities": [], "vulnerabilities": [1]}',
        b'{"dependencies": [], "fixes": [], "dependencies": []}',
        b'{"version": "2.1.0", "runs": NaN}',
        b'{"version": "2.1.0", "runs": "all"}',
        b'{"version": "2.1.0", "runs": [[]]}',
        b'{"version": "2.1.0", "runs": []}',
        b'{"version": "2.0.0", "runs": []}',
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"\xff\xfe[\x00]\x00",
        b"",
        b"%PDF-1.7",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"a: &b [*b, *b]\n",
        b"[1, 2]",
        b"null",
    ],
)
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        read(content, Declared())


def test_a_report_of_a_billion_values_or_findings_is_refused_early() -> None:
    with pytest.raises(Malformed, match="too many values"):
        document(b"[" + b"[]," * 3_000_000 + b"[]]")
    with pytest.raises(Malformed, match="MiB"):
        document(b" " * (MOST_BYTES + 1))
    row = b"rule,severity\n" + b"A,high\n" * (MOST_HITS + 1)
    with pytest.raises(Malformed, match="findings"):
        read(row, SAID)
    before = csv.field_size_limit()
    for limit in (before, 10_000_000):
        # Another room may have set the limit that the whole process has.
        csv.field_size_limit(limit)
        with pytest.raises(Malformed):
            read(b'rule,severity\n"' + b"A" * 200_000 + b'",high\n', SAID)
    csv.field_size_limit(before)
    with pytest.raises(Malformed, match="no text"):
        read(b"rule,severity\nA\0,high\n", SAID)


def test_a_command_unpacks_no_bomb(ada: Member) -> None:
    home = ada.browser.home
    with pytest.raises(Malformed, match="MiB"):
        _take(home, b" " * (MOST_BYTES + 1000), target="shop")
    twice = gzip.compress(report("bandit-1.json")) * 2
    for bad in (base64.b64encode(twice).decode(), "no base64", base64.b64encode(b"x").decode()):
        with pytest.raises(Malformed, match="gzip"):
            _asks(home, "finding.import", name="r", report=bad, target="shop")


def test_a_path_in_a_report_is_shown_and_never_opened(ada: Member) -> None:
    home = ada.browser.home
    for path in (
        "../../../etc/passwd",
        "/etc/shadow",
        "file:///etc/shadow",
        "a\0b",
        "C:\\x\\..\\y",
    ):
        home.passes(minutes=1)
        _take(home, _bandit(path), target="shop")
    body = ada.browser.get("/findings").body
    assert "../../../etc/passwd" in body
    assert "root:" not in body
    upload = ada.browser.form_fields("/findings/import") | {"target": "web"}
    page = ada.browser.upload("/findings/import", upload, "../../../x.json", _bandit())
    assert page.status == 200, page.text
    assert home.system.compliance.evidence.listed()[0].name == "x.json"


def test_names_of_rules_are_text_on_every_page_and_in_every_table(ada: Member) -> None:
    home = ada.browser.home
    made = _bandit(NASTY, NASTY, issue_text=NASTY, code="1 " + NASTY, line_number=1)
    _take(home, made, target="shop")
    number = home.system.assurance.vulnerabilities.listed(Filter(), home.now)[0].id
    for path in ("/findings", f"/findings/{number}", "/findings/scans", "/findings/scans/1"):
        body = ada.browser.get(path).body
        assert "<script>alert" not in body, path
    asked = ada.browser.submit(
        ada.browser.get(f"/findings/{number}"), f"/findings/{number}/ask", reason=NASTY, kind="risk"
    )
    assert "&lt;script&gt;alert" in asked.body
    assert "<script>alert" not in asked.body
    for name in ("target", "commit", "root", "tool", "columns", "looked_at", "scope"):
        form = ada.browser.form_fields("/findings/import") | {name: NASTY}
        page = ada.browser.upload("/findings/import", form, NASTY, b"{}")
        assert (page.status, "<script>alert" in page.body) == (400, False), name
    form = ada.browser.form_fields("/findings/scans") | {"kind": "host", "name": NASTY}
    page = ada.browser.post("/findings/targets", form)
    assert (page.status, "<script>alert" in page.body) == (400, False)
    query = "/findings?tool=%22%3E%3Cscript%3Ealert"
    assert "<script>alert" not in ada.browser.get(query).body


@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", " =1"])
def test_no_cell_of_a_table_is_a_formula(ada: Member, formula: str) -> None:
    home = ada.browser.home
    _take(home, _bandit(formula, formula, issue_text=formula), target="shop")
    row = ada.browser.get("/findings/file").body.split("\r\n")[1]
    for cell in row.split(","):
        assert not cell.strip('" ').startswith(("=", "+", "@", "-")), row


def test_a_stranger_or_another_site_imports_and_excuses_nothing(ada: Member) -> None:
    home, browser = ada.browser.home, ada.browser
    form = {"token": "0" * 64, "target": "shop"}
    assert browser.upload("/findings/import", form, "r.json", _bandit()).status == 403
    good = browser.form_fields("/findings/import") | {"target": "shop"}
    other = browser.upload(
        "/findings/import", good, "r.json", _bandit(), origin="https://evil.example"
    )
    assert other.status == 403
    stranger = home.visitor()
    assert (
        stranger.upload("/findings/import", good, "r.json", _bandit(), follow=False).status != 200
    )
    guest = home.member("mallory").browser
    for path in ("/findings", "/findings/file", "/findings/1", "/findings/scans/1"):
        assert guest.get(path).status in (403, 404), path
    for path in ("/findings/targets", "/findings/1/ask", "/findings/excuses/1/approve"):
        assert guest.post(path, guest.form_fields("/profile")).status in (403, 404), path
    assert home.system.assurance.scans.listed() == []


def test_a_program_keeps_no_register(ada: Member) -> None:
    home = ada.browser.home
    app = Caller(PrincipalId(99), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)
    rooms = home.system.assurance
    said = Declared(target="shop")
    with pytest.raises(Denied):
        rooms.scans.import_report(_bandit(), "r", said, app, home.now)
    with pytest.raises(Denied):
        rooms.scans.declare(ScanKind.HOST, "nas", app, home.now)


def test_a_report_from_the_future_or_out_of_order_closes_nothing(ada: Member) -> None:
    home = ada.browser.home
    _take(home, trivy(home.now))
    with pytest.raises(Malformed, match="future"):
        _take(home, trivy(home.now + DAY))
    old = _take(home, trivy(home.now - DAY, without="musl"))
    assert (old["quality"], old["closed"]) == ("stale", 0)
    # Nor does a report that found nothing and does not say what it looked at.
    empty = b"[]"
    at = home.now.isoformat()
    assert _take(home, empty, target="shop", scanned_at=at)["quality"] == "skipped"
    assert _take(home, empty, target="shop", scanned_at=at, looked_at=0)["quality"] == "skipped"


def test_no_number_of_days_breaks_a_page(ada: Member) -> None:
    home = ada.browser.home
    _take(home, _bandit(), target="shop")
    for days in ("999999999", "0", "-1", "9" * 20, "x", ""):
        page = ada.browser.submit(
            ada.browser.get("/findings/1"), "/findings/1/ask", kind="risk", reason="x", days=days
        )
        assert page.status == 400, days


def test_advisories_are_not_of_after_the_scan(ada: Member) -> None:
    home = ada.browser.home
    said = {"target": "shop", "scanned_at": (home.now - DAY).isoformat()}
    content = b'{"dependencies": [{"name": "a", "version": "1", "vulns": []}], "fixes": []}'
    with pytest.raises(Malformed, match="after it was made"):
        _take(home, content, advisories_at=home.now.isoformat(), **said)


def test_what_a_report_says_lies_sealed(ada: Member) -> None:
    home = ada.browser.home
    _take(home, _bandit("mrs-example.py", "R-7", issue_text="Mrs. Example"), target="shop")
    with home.system.database.read() as tx:
        rows = tx.execute(sa.select(schema.vulnerability)).all()
    assert rows
    assert b"Example" not in str(rows).encode()


def test_a_finding_is_known_by_all_its_parts_and_no_others() -> None:
    """No rule, package or file can be spelled so that it passes for another finding."""
    seen: dict[str, object] = {}
    for rule, name in (("a", "bc"), ("ab", "c"), ("a", "b"), ("a\0b", "c")):
        for scope in (("t", "code", "x"), ("t", "codex", ""), ("tc", "ode", "x")):
            parsed = read(_bandit(name, rule), Declared())
            for identity, _hit in identified(scope, parsed.hits):
                assert identity not in seen
                seen[identity] = (scope, rule, name)
    assert len(seen) == 12
