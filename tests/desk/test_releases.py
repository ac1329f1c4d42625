"""Releases through the pages: nothing without its scans, nothing without another person, and what runs here is one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.support.changes import caller_of
from tests.support.pages import DeskHome, Member
from tests.support.policies import overseer
from tests.support.releases import COMMIT, code, committed, scanned, tried

from strongroom.assurance.scans import Declared, ScanKind
from strongroom.compliance.overseen import DutyId, Finding
from strongroom.errors import Conflict

DUTY = "2.7-e"
XSS = '"><script>alert(1)</script>'


def finding(home: DeskHome) -> Finding:
    return home.system.assurance.releases_overseen.findings(home.now)[DutyId(DUTY)]


def version(home: DeskHome) -> str:
    return home.system.assurance.releases_overseen.deployed.version


@pytest.mark.clause("2.7-e")
def test_what_runs_here_is_red_until_its_release_is_approved_and_red_again_when_withdrawn(
    ada: Member,
) -> None:
    home = ada.browser.home
    ben = overseer(ada)
    releases = home.system.assurance.releases
    assert finding(home).verdict.value == "fail"
    with pytest.raises(Conflict, match="code is fail"):
        releases.record(
            caller_of(ada),
            "strongroom",
            version(home),
            COMMIT,
            committed(home),
            tried(home),
            home.now,
        )
    scanned(ada, skipped=True)
    with pytest.raises(Conflict, match="dependencies is unknown"):
        releases.record(
            caller_of(ada),
            "strongroom",
            version(home),
            COMMIT,
            committed(home),
            tried(home),
            home.now,
        )
    home.passes(minutes=1)
    scanned(ada)
    made = releases.record(
        caller_of(ada), "strongroom", version(home), COMMIT, committed(home), tried(home), home.now
    )
    assert finding(home).verdict.value == "fail", "nobody approved it"
    ben.prove(f"releases/{made.id}")
    page = ben.browser.submit(
        ben.browser.get(f"/releases/{made.id}"), f"/releases/{made.id}/approve"
    )
    assert page.said == "The release is approved.", page.text
    assert finding(home).verdict.value == "pass", finding(home)

    page = ada.browser.submit(
        ada.browser.get(f"/releases/{made.id}"), f"/releases/{made.id}/withdraw"
    )
    assert page.said == "The release does not count any more."
    assert finding(home).verdict.value == "fail"


@pytest.mark.clause("2.7-e")
def test_the_page_says_what_each_condition_lacks(ada: Member) -> None:
    home = ada.browser.home
    fields = ada.browser.form_fields("/releases") | {
        "commit": COMMIT,
        "committed": f"{committed(home):%Y-%m-%d %H:%M}",
        "act": "check",
        "version": XSS,
    }
    page = ada.browser.post("/releases", fields)
    assert "no report of code for this commit" in page.text.lower()
    assert "refused" in page.text
    assert "<script>alert" not in page.body
    scanned(ada)
    with_tests = home.system.assurance.releases.check(
        COMMIT, committed(home), tried(home), home.now
    )
    assert with_tests.allowed, with_tests.conditions
    stranger = home.member("carla")
    assert stranger.browser.get("/releases").status == 403
    assert ada.browser.post("/releases", fields | {"commit": "main"}).status == 400


@pytest.mark.clause("2.7-e")
def test_scans_age_and_a_finding_that_opens_stops_an_approval(ada: Member) -> None:
    home = ada.browser.home
    releases, scans = home.system.assurance.releases, home.system.assurance.scans
    scanned(ada)
    made = releases.record(
        caller_of(ada), "our app", "1.0", COMMIT, committed(home), tried(home), home.now
    )
    home.passes(hours=1)
    declared = Declared(target="our-app", kind=ScanKind.CODE, commit=COMMIT)
    content = json.dumps(code(("HIGH", "B602", "src/a.py"), at=home.now)).encode()
    scans.import_report(content, "report.json", declared, caller_of(ada), home.now)
    with pytest.raises(Conflict, match="blockers is fail"):
        releases.approve(home.console, made.id, home.now)
    home.passes(minutes=1)
    scanned(ada)
    releases.approve(home.console, made.id, home.now)
    judged = releases.check(COMMIT, committed(home), tried(home), home.now + timedelta(days=8))
    assert not judged.allowed
    assert "older than 7 days" in judged.conditions[0].why
