"""The duties that scans serve, red and green and back, through a home's commands and its board."""

from __future__ import annotations

import base64
import gzip
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from tests.desk.conftest import ada, home, joined, made_for_two
from tests.support.pages import DeskHome, Member
from tests.support.scans import trivy

from strongroom.assurance.assets import Kind, Words
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.operations import run
from strongroom.request import Json, Request

__all__ = ["ada", "home", "joined", "made_for_two"]

DAY = timedelta(days=1)
HOST = "registry.example/shop:4"


def asks(home: DeskHome, operation: str, **arguments: Any) -> Json:
    return run(home.system, Request(operation, arguments, now=home.now.isoformat()), "ada")


def packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content)).decode()


def imports(home: DeskHome, content: bytes, **said: Any) -> Json:
    return asks(home, "finding.import", name="r.json", report=packed(content), **said)


def told(home: DeskHome, duty: str) -> Finding:
    """Return what the room tells the board of a duty."""
    rooms = home.system.compliance.overseen
    (room,) = [one for one in rooms if one is home.system.assurance.scan_duties]
    return room.findings(home.now)[DutyId(duty)]


def verdict(home: DeskHome, duty: str) -> Verdict:
    return told(home, duty).verdict


def secrets(home: DeskHome, at: datetime, *, clean: bool = True) -> None:
    """Scan a public repository as gitleaks does."""
    run_: dict[str, Any] = {
        "tool": {"driver": {"name": "gitleaks", "rules": []}},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": at.isoformat()}],
        "artifacts": [{"location": {"uri": "shop.py"}}],
        "results": [],
    }
    if not clean:
        place = {"artifactLocation": {"uri": "shop.py"}, "region": {"startLine": 3}}
        run_["results"] = [
            {
                "ruleId": "aws-access-token",
                "message": {"text": "seen"},
                "locations": [{"physicalLocation": place}],
            }
        ]
    imports(home, orjson.dumps({"version": "2.1.0", "runs": [run_]}), target="github.example/shop")


@pytest.mark.clause("2.7")
def test_a_host_is_scanned_in_time_or_not(ada: Member) -> None:
    home = ada.browser.home
    assert verdict(home, "2.7-b") is Verdict.UNKNOWN
    asks(home, "finding.declare", kind="host", target=HOST)
    assert verdict(home, "2.7-b") is Verdict.UNKNOWN
    imports(home, trivy(home.now))
    assert verdict(home, "2.7-b") is Verdict.PASS
    home.passes(days=31)
    assert verdict(home, "2.7-b") is Verdict.FAIL
    # A scan whose advisories nobody dates says nothing.
    stale = trivy(home.now).replace(b"VulnerabilityDB", b"NoDatabase")
    assert imports(home, stale)["quality"] == "stale"
    assert verdict(home, "2.7-b") is Verdict.UNKNOWN
    home.passes(hours=1)
    imports(home, trivy(home.now))
    assert verdict(home, "2.7-b") is Verdict.PASS


@pytest.mark.clause("2.3", "2.7")
def test_a_host_of_the_inventory_is_to_be_scanned_by_its_number(ada: Member) -> None:
    home = ada.browser.home
    inventory = home.system.assurance.assets.inventory
    number = inventory.add(home.console, Kind.SERVER, Words("warehouse-db"), home.now)
    assert told(home, "2.7-b").why.endswith(f"asset-{number}: it was never scanned as a whole")
    imports(home, trivy(home.now), target=f"asset-{number}")
    assert verdict(home, "2.7-b") is Verdict.PASS
    assert f'href="/assets/{number}"' in ada.browser.get("/findings/scans").body
    home.passes(days=31)
    assert verdict(home, "2.7-b") is Verdict.FAIL


@pytest.mark.clause("2.7")
def test_a_finding_is_mended_in_time_or_not(ada: Member) -> None:
    home = ada.browser.home
    assert verdict(home, "2.7-c") is Verdict.UNKNOWN
    imports(home, trivy(home.now), kind="host")
    assert verdict(home, "2.7-c") is Verdict.PASS
    home.passes(days=8)
    found = told(home, "2.7-c")
    assert (found.verdict, found.why) == (
        Verdict.FAIL,
        "2 of 4 open findings are past their day",
    )
    dues = list(home.system.assurance.scan_duties.dues(home.now))
    assert any(due.what == "Mend 2 findings past their day" for due in dues)
    empty = trivy(home.now, without="musl").replace(b'"Secrets"', b'"Nothing"')
    assert imports(home, empty)["closed"] == 2
    assert verdict(home, "2.7-c") is Verdict.PASS
    home.passes(days=31)
    assert verdict(home, "2.7-c") is Verdict.FAIL


@pytest.mark.clause("2.7")
def test_targets_and_penetration_tests_are_in_time_or_not(ada: Member) -> None:
    home = ada.browser.home
    assert verdict(home, "2.7-d") is Verdict.UNKNOWN
    asks(home, "finding.declare", kind="host", target=HOST)
    imports(home, trivy(home.now))
    assert told(home, "2.7-d").why == "no penetration test is recorded"
    made = home.now - 340 * DAY
    said = {"target": "shop", "scope": "all of it", "tester": "Example Ltd, no part in it"}
    report = packed(b"%PDF-1.7")
    at = made.isoformat()
    asks(home, "finding.record", name="p.pdf", report=report, scanned_at=at, **said)
    assert verdict(home, "2.7-d") is Verdict.PASS
    home.passes(days=26)
    assert verdict(home, "2.7-d") is Verdict.FAIL
    at = home.now.isoformat()
    asks(home, "finding.record", name="p.pdf", report=report, scanned_at=at, **said)
    assert verdict(home, "2.7-d") is Verdict.PASS


@pytest.mark.clause("2.5")
def test_public_repositories_are_listed_scanned_and_without_secrets_or_not(ada: Member) -> None:
    home = ada.browser.home
    assert verdict(home, "2.5-b") is Verdict.UNKNOWN
    asks(home, "finding.declare", kind="secrets", target="none")
    assert verdict(home, "2.5-b") is Verdict.PASS
    home.passes(days=90)
    assert verdict(home, "2.5-b") is Verdict.UNKNOWN
    asks(home, "finding.declare", kind="secrets", target="github.example/shop")
    assert verdict(home, "2.5-b") is Verdict.UNKNOWN
    secrets(home, home.now)
    assert verdict(home, "2.5-b") is Verdict.PASS
    home.passes(hours=1)
    secrets(home, home.now, clean=False)
    assert verdict(home, "2.5-b") is Verdict.FAIL
    home.passes(hours=1)
    secrets(home, home.now)
    assert verdict(home, "2.5-b") is Verdict.PASS
    home.passes(days=31)
    assert verdict(home, "2.5-b") is Verdict.FAIL


@pytest.mark.clause("2.7")
def test_commands_list_show_excuse_and_export(ada: Member) -> None:
    home = ada.browser.home
    imports(home, trivy(home.now))
    listed = asks(home, "finding.list", severity="critical", state="open")
    assert listed["open"] == {"critical": 2, "high": 1, "medium": 1, "low": 0, "info": 0}
    first = listed["findings"][0]
    assert first["days_left"] == 7
    made = asks(home, "finding.accept", finding=first["finding"], reason="shut off", days=20)
    assert made["state"] == "pending"
    shown = asks(home, "finding.show", finding=first["finding"])
    assert shown["excuses"][0]["reason"] == "shut off"
    assert asks(home, "finding.end", excuse=made["excuse"])["state"] == "ended"
    made = asks(home, "finding.dismiss", finding=first["finding"], reason="a sample key")
    assert made["kind"] == "false_positive"
    table = base64.b64decode(asks(home, "finding.export", overdue=False)["file"]).decode()
    assert table.count("\r\n") == 5
    assert len(asks(home, "finding.scans")["scans"]) == 1
    number = asks(home, "finding.declare", kind="code", target="shop")["number"]
    asks(home, "finding.retire", target=number)
    assert asks(home, "finding.scans")["targets"] == []
