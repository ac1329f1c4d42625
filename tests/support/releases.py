"""Releases in tests: a directory of reports for a commit, and a home that imported its scans."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strongroom.assurance.releases.gate import Tried
from strongroom.assurance.scans import Declared, ScanKind
from tests.support.changes import caller_of
from tests.support.pages import DeskHome, Member

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def code(*issues: tuple[str, str, str], at: datetime) -> dict[str, Any]:
    """Return what bandit writes: each issue as severity, rule and file."""
    results = [
        {
            "issue_severity": severity,
            "test_id": rule,
            "filename": file,
            "line_number": 1,
            "issue_text": "said",
            "code": "1 x\n",
        }
        for severity, rule, file in issues
    ]
    return {
        "results": results,
        "metrics": {"_totals": {"loc": 10}},
        "generated_at": at.isoformat(),
        "errors": [],
    }


def secrets() -> dict[str, Any]:
    """Return what a scan for secrets writes that found none."""
    run = {"tool": {"driver": {"name": "gitleaks"}}, "results": []}
    return {"version": "2.1.0", "runs": [run]}


def packages(*, skipped: bool = False) -> dict[str, Any]:
    """Return what pip-audit writes: of one package, or that it left that out."""
    said = {"skip_reason": "not found"} if skipped else {"version": "1.0", "vulns": []}
    return {"dependencies": [{"name": "example", **said}], "fixes": []}


class Directory:
    """A directory of reports, good as it is made."""

    def __init__(self, path: Path, at: datetime | None = None) -> None:
        self.path = path
        # The gate without a home asks the machine for the time.
        self.at = datetime.now(UTC) if at is None else at  # noqa: TID251 - as said
        path.mkdir()
        at_text = self.at.isoformat()
        self.said: dict[str, Any] = {
            "format": "strongroom-reports/v1",
            "commit": COMMIT,
            "reports": [
                {"file": "code.json", "kind": "code"},
                {
                    "file": "packages.json",
                    "kind": "dependencies",
                    "scanned_at": at_text,
                    "advisories_at": at_text,
                },
                {
                    "file": "secrets.sarif",
                    "kind": "secrets",
                    "scanned_at": at_text,
                    "looked_at": 10,
                },
            ],
            "tests": "tests.json",
        }
        self.write("code.json", code(at=self.at))
        self.write("packages.json", packages())
        self.write("secrets.sarif", secrets())
        self.write("tests.json", said_of_tests(self.at))
        self.keep()

    def keep(self) -> None:
        """Write the list as it stands."""
        self.write("reports.json", self.said)

    def write(self, name: str, said: object) -> None:
        """Write a file."""
        (self.path / name).write_text(json.dumps(said))


def said_of_tests(at: datetime, *, passed: int = 7, failed: int = 0) -> dict[str, Any]:
    """Return a report of tests."""
    return {
        "format": "strongroom-tests/v1",
        "commit": COMMIT,
        "finished_at": at.isoformat(),
        "passed": passed,
        "failed": failed,
    }


def tried(home: DeskHome) -> Tried:
    """Return how the commit's tests ended."""
    return Tried(COMMIT, home.now, 7, 0)


def committed(home: DeskHome) -> datetime:
    """Return when the commit was made."""
    return home.now - timedelta(hours=1)


def scanned(member: Member, *, skipped: bool = False, commit: str = COMMIT) -> None:
    """Import the three scans of a commit."""
    home = member.browser.home
    scans, now, caller = home.system.assurance.scans, home.now, caller_of(member)
    for kind, said in (
        (ScanKind.CODE, code(at=now)),
        (ScanKind.DEPENDENCIES, packages(skipped=skipped)),
        (ScanKind.SECRETS, secrets()),
    ):
        declared = Declared(
            target="our-app", kind=kind, commit=commit, scanned_at=now, advisories_at=now,
            looked_at=10,
        )  # fmt: skip
        scans.import_report(json.dumps(said).encode(), "report.json", declared, caller, now)
