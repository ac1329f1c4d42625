"""Scans on the command line: imported, listed, excused, declared, and recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline
from tests.support.scans import COMMIT, trivy

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("2.7")


def test_scans_and_findings_by_command(offline: Offline, tmp_path: Path) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - the home's own clock is this one
    file = tmp_path / "image.json"
    file.write_bytes(trivy(now - timedelta(hours=1)))
    made = offline.command("finding", "import", str(file), "--commit", COMMIT)
    assert (made["created"], made["quality"]) == (4, "complete")
    listed = offline.command("finding", "list", "--severity", "critical")
    number = str(listed["findings"][0]["finding"])
    assert listed["open"]["critical"] == 2
    asked = offline.command("finding", "accept", number, "--days", "20", "--reason", "shut off")
    assert asked["kind"] == "risk"
    if asked["state"] == "pending":
        assert offline.attempt("finding", "approve", str(asked["excuse"]))[0] != 0
    offline.command("finding", "end", str(asked["excuse"]))
    assert offline.command("finding", "show", number)["state"] == "open"
    offline.command("finding", "dismiss", number, "--reason", "a sample")
    host = offline.command("finding", "declare", "host", "registry.example/shop:4")
    shown = offline.command("finding", "scans", "--commit", COMMIT)
    assert [one["verdict"] for one in shown["targets"]] == ["pass"]
    assert [one["commit"] for one in shown["scans"]] == [COMMIT]
    offline.command("finding", "retire", str(host["number"]))
    out = tmp_path / "findings.csv"
    offline.command("finding", "export", "--out", str(out))
    assert out.read_bytes().count(b"\r\n") == 5
    table = tmp_path / "hosts.csv"
    table.write_text("Plugin,Risk\n10863,high\n")
    at = now.isoformat()
    said = ("--tool", "nessus", "--target", "nas", "--scanned-at", at, "--advisories-at", at)
    columns = ("--column", "rule=Plugin", "--column", "severity=Risk")
    assert offline.command("finding", "import", str(table), *said, *columns)["created"] == 1
    pdf = tmp_path / "report.pdf"
    pdf.write_bytes(b"%PDF-1.7")
    scope = ("--scope", "all of it", "--tester", "Example Ltd, no part in building it")
    test = ("finding", "record", str(pdf), "--target", "shop", "--scanned-at", at, *scope)
    assert offline.command(*test)["kind"] == "pentest"
    code, _, error = offline.attempt("finding", "import", str(tmp_path / "none.json"))
    assert (code, "can't be read" in str(error)) == (2, True)
    code, _, error = offline.attempt("finding", "import", str(table), *said, "--column", "rule")
    assert (code, "OURS=THEIRS" in str(error)) == (2, True)
