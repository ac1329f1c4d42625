"""What each format of report is read into."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scans import report

from strongroom.assurance.scans import ScanKind, Severity
from strongroom.assurance.scans.formats import read
from strongroom.assurance.scans.parsed import (
    Declared,
    Hit,
    Parsed,
    identified,
    path_of,
    severity_of_score,
)
from strongroom.assurance.scans.reading import instant
from strongroom.errors import Malformed, StrongroomError

pytestmark = pytest.mark.clause("2.7")

ROOT = Path(__file__).parents[3]
NONE = Declared()


def _sarif(*results: dict[str, Any], **run: Any) -> Parsed:
    driver = {
        "name": "Scanner",
        "rules": [{"id": "R1", "properties": {"security-severity": "9.1"}}],
    }
    said = {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results, **run}]}
    return read(json.dumps(said).encode(), NONE)


@pytest.mark.parametrize(
    ("name", "tool", "kind", "count"),
    [
        ("bandit-1.json", "bandit", ScanKind.CODE, 6),
        ("bandit-1.sarif", "bandit", ScanKind.CODE, 6),
        ("ruff.json", "ruff", ScanKind.CODE, 5),
        ("ruff.sarif", "ruff", ScanKind.CODE, 5),
        ("pip-audit.json", "pip-audit", ScanKind.DEPENDENCIES, 0),
        ("cyclonedx-bom.json", "cyclonedx-py", ScanKind.DEPENDENCIES, 0),
        ("trivy.json", "trivy", ScanKind.HOST, 4),
    ],
)
def test_the_format_of_a_report_is_found_out(
    name: str, tool: str, kind: ScanKind, count: int
) -> None:
    found = read(report(name), NONE)
    assert (found.tool, found.kind, len(found.hits)) == (tool, kind, count)


def test_ruff_runs_here_and_its_findings_outlive_moved_lines(tmp_path: Path) -> None:
    """A real run over a real file of this repository, then over the same with lines added above."""
    known = []
    file = tmp_path / "said.py"
    text = (ROOT / "src/strongroom/desk/said.py").read_text()
    for content in (text, "# one\n# two\n" + text):
        file.write_text(content)
        ruff = [str(Path(sys.executable).parent / "ruff"), "check", "--isolated", "--no-cache"]
        done = subprocess.run(
            [*ruff, "--ignore-noqa", "--select", "S", "--output-format", "json", str(file)],
            check=False,
            capture_output=True,
            timeout=60,
        )
        parsed = read(done.stdout, Declared(root=str(tmp_path)))
        assert {hit.details.path for hit in parsed.hits} == {"said.py"}
        known.append([identity for identity, _hit in identified(("ruff",), parsed.hits)])
    assert known[0] == known[1]
    assert known[0]


def test_how_grave_a_result_of_sarif_is() -> None:
    graves = [
        hit.severity.word
        for hit in _sarif(
            {"ruleId": "R1"},
            {"ruleIndex": 0},
            {"ruleId": "R1/part"},
            {"ruleId": "x", "level": "error"},
            {"ruleId": "x", "level": "note"},
            {"ruleId": "x", "level": "none"},
            {"ruleId": "x"},
            {"ruleId": "x", "properties": {"security-severity": "4.0"}},
        ).hits
    ]
    assert graves == ["critical", "critical", "critical", "high", "low", "info", "medium", "medium"]


def test_what_is_no_finding_of_sarif_is_left_out_and_what_is_suppressed_says_why() -> None:
    found = _sarif(
        {"ruleId": "R1", "kind": "pass"},
        {"ruleId": "R1", "baselineState": "absent"},
        {"ruleId": "R2", "suppressions": [{"kind": "inSource", "justification": "a name"}]},
        {"ruleId": "R3", "suppressions": [{"kind": "external", "status": "underReview"}]},
        {"ruleId": "R4", "suppressions": []},
    )
    assert [(hit.details.rule, hit.excused) for hit in found.hits] == [
        ("R2", "a name"),
        ("R3", None),
        ("R4", None),
    ]


@pytest.mark.parametrize(
    ("run", "left_out"),
    [
        ({"invocations": [{"executionSuccessful": False}]}, "the scanner ended with an error"),
        (
            {"invocations": [{"toolExecutionNotifications": [{"level": "error"}]}]},
            "the scanner names 1 errors",
        ),
        ({"invocations": [{"executionSuccessful": True}]}, ""),
    ],
)
def test_a_run_of_sarif_that_failed_left_something_out(run: dict[str, Any], left_out: str) -> None:
    assert _sarif(**run).left_out == left_out


def test_runs_of_two_tools_are_two_reports() -> None:
    runs = [{"tool": {"driver": {"name": name}}, "results": []} for name in "ab"]
    with pytest.raises(Malformed, match="one tool"):
        read(json.dumps({"version": "2.1.0", "runs": runs}).encode(), NONE)


def test_the_commit_of_sarif_and_the_secrets_of_gitleaks_are_known() -> None:
    commit = "a" * 40
    found = _sarif(versionControlProvenance=[{"revisionId": commit}], artifacts=[{}, {}])
    assert (found.commit, found.looked_at) == (commit, 2)
    run = {"tool": {"driver": {"name": "gitleaks"}}, "results": []}
    said = json.dumps({"version": "2.1.0", "runs": [run]}).encode()
    assert read(said, NONE).kind is ScanKind.SECRETS


def test_packages_of_cyclonedx_are_named_by_reference_and_by_purl() -> None:
    said = {
        "bomFormat": "CycloneDX",
        "metadata": {"tools": [{"vendor": "x", "name": "grype"}]},
        "components": [{"name": "a", "version": "1", "bom-ref": "r1"}],
        "vulnerabilities": [
            {"id": "CVE-1", "affects": [{"ref": "r1"}, {"ref": "pkg:npm/%40x/b@2?os=linux"}]},
            {"id": "CVE-2", "ratings": [{"severity": "low"}, {"score": 8.1}]},
            {"id": "CVE-3", "analysis": {"state": "resolved"}},
        ],
    }
    found = read(json.dumps(said).encode(), NONE)
    assert found.tool == "grype"
    assert [(h.details.rule, h.details.where, h.severity) for h in found.hits] == [
        ("CVE-1", "a 1", Severity.HIGH),
        ("CVE-1", "b 2", Severity.HIGH),
        ("CVE-2", "", Severity.HIGH),
    ]


def test_pip_audit_names_what_mends_it() -> None:
    vuln = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": ["CVE-2024-1"], "description": "x"}
    package = {"name": "jinja2", "version": "1.0", "vulns": [vuln]}
    (hit,) = read(json.dumps({"dependencies": [package], "fixes": []}).encode(), NONE).hits
    assert (hit.details.where, hit.details.fixed_in) == ("jinja2 1.0", "2.0")
    assert (hit.details.aliases, hit.severity) == (("CVE-2024-1",), Severity.HIGH)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_by_its_columns(delimiter: str) -> None:
    rows = [["Plugin", "Risk", "Host", "CVSS"], ["10863", "Critical", "10.0.0.7", "9.8"], [""]]
    content = "\r\n".join(delimiter.join(row) for row in rows).encode("utf-8-sig")
    columns = {"rule": "plugin", "severity": "CVSS", "package": "Host"}
    found = read(content, Declared(tool="nessus", columns=columns))
    (hit,) = found.hits
    assert (found.kind, hit.severity, hit.details.where) == (
        ScanKind.HOST,
        Severity.CRITICAL,
        "10.0.0.7",
    )
    for wrong in ({"rule": "nothing", "severity": "Risk"}, {"severity": "Risk"}, {"cve": "Host"}):
        with pytest.raises(Malformed):
            read(content, Declared(tool="nessus", columns=wrong))


def test_severities_of_scores_and_paths_and_instants() -> None:
    words = [severity_of_score(score) for score in (0, 0.1, 4, 7.0, "9.0", 10, 11, "NaN", None)]
    assert [None if one is None else one.word for one in words] == [
        "info",
        "low",
        "medium",
        "high",
        "critical",
        "critical",
        None,
        None,
        None,
    ]
    assert path_of("file:///b/x/a.py", "/b/x/") == "a.py"
    assert path_of(".\\src\\a.py") == "src/a.py"
    assert path_of("../../etc/passwd") == "../../etc/passwd"
    nanoseconds = instant("2026-03-01T06:00:00.123456789Z")
    assert nanoseconds == datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)
    assert instant("2026-03-01T06:00:00") is None


def test_several_alike_in_one_file_are_several_and_one_twice_is_one() -> None:
    row = {"test_id": "B1", "filename": "a.py", "issue_severity": "LOW", "code": "5 x()"}
    said = {
        "errors": [],
        "generated_at": "2026-03-01T06:00:00Z",
        "metrics": {},
        "results": [row | {"line_number": line} for line in (5, 5, 9)],
    }
    said["results"][2]["code"] = "9 x()"
    hits = read(json.dumps(said).encode(), NONE).hits
    assert len(dict(identified(("t",), hits))) == 2


_NAMES = (
    "runs",
    "version",
    "results",
    "tool",
    "driver",
    "name",
    "rules",
    "dependencies",
    "vulns",
    "components",
    "vulnerabilities",
    "affects",
    "analysis",
    "Results",
    "Vulnerabilities",
    "metrics",
    "errors",
    "code",
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(
            st.sampled_from(_NAMES),
            below,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(_JSON, st.sampled_from(["sarif", "cyclonedx", "trivy", "pip-audit", "bandit", "ruff", None]))
def test_whatever_json_comes_it_is_read_or_refused(said: object, format_: str | None) -> None:
    if isinstance(said, dict):
        said = {
            "version": "2.1.0",
            "runs": [],
            "bomFormat": "CycloneDX",
            "SchemaVersion": 2,
            "ArtifactName": "a",
            "dependencies": [],
            "fixes": [],
            "metrics": {},
            "generated_at": "",
            **said,
        }
    try:
        found = read(json.dumps(said).encode(), NONE, format_)
    except StrongroomError:
        return
    assert all(isinstance(hit, Hit) for hit in found.hits)
