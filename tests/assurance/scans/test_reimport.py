"""Reports of real scanners about this repository, imported one after the other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.scans import AT, COMMIT, register, report
from tests.vault.conftest import CONSOLE, World

from strongroom.assurance.scans import Declared, Quality, ScanKind, Severity
from strongroom.assurance.scans.scan import Scan
from strongroom.db import schema
from strongroom.errors import Malformed

pytestmark = pytest.mark.clause("2.7")

HERE = Declared(target="strongroom")
DAY = timedelta(days=1)


def counts(scan: Scan) -> tuple[int, int, int, int]:
    return scan.created, scan.untouched, scan.closed, scan.reopened


def states(world: World) -> list[str]:
    with world.database.read() as tx:
        return sorted(tx.execute(sa.select(schema.vulnerability.c.state)).scalars())


def test_bandit_creates_leaves_closes_and_reopens(world: World) -> None:
    scans = register(world)
    first = scans.import_report(report("bandit-1.json"), "bandit.json", HERE, CONSOLE, AT)
    assert (first.tool, first.kind, first.quality) == ("bandit", ScanKind.CODE, Quality.COMPLETE)
    assert counts(first) == (6, 0, 0, 0)
    # Lines had moved, and one was mended.
    second = scans.import_report(report("bandit-2.json"), "bandit.json", HERE, CONSOLE, AT)
    assert counts(second) == (0, 5, 1, 0)
    assert states(world) == ["fixed", *["open"] * 5]
    third = scans.import_report(report("bandit-3.json"), "bandit.json", HERE, CONSOLE, AT)
    assert counts(third) == (0, 5, 0, 1)
    assert states(world) == ["open"] * 6


def test_a_scan_that_could_not_read_a_file_closes_nothing(world: World) -> None:
    scans = register(world)
    scans.import_report(report("bandit-1.json"), "a", HERE, CONSOLE, AT)
    broken = scans.import_report(report("bandit-broken.json"), "b", HERE, CONSOLE, AT)
    assert (broken.quality, broken.why) == (Quality.SKIPPED, "1 files could not be read")
    assert counts(broken) == (0, 5, 0, 0)
    assert states(world) == ["open"] * 6


def test_a_report_older_than_the_newest_changes_nothing(world: World) -> None:
    scans = register(world)
    scans.import_report(report("bandit-2.json"), "b", HERE, CONSOLE, AT)
    late = scans.import_report(report("bandit-1.json"), "a", HERE, CONSOLE, AT)
    assert late.quality is Quality.STALE
    assert "newer" in late.why
    assert counts(late) == (0, 0, 0, 0)
    assert states(world) == ["open"] * 5


def test_the_same_report_twice_is_untouched(world: World) -> None:
    scans = register(world)
    for _ in range(2):
        again = scans.import_report(report("bandit-1.sarif"), "a", HERE, CONSOLE, AT)
    assert counts(again) == (0, 6, 0, 0)
    assert states(world) == ["open"] * 6


def test_ruff_needs_its_day_and_another_target_has_findings_of_its_own(world: World) -> None:
    scans = register(world)
    with pytest.raises(Malformed, match="when it was made"):
        scans.import_report(report("ruff.json"), "r", HERE, CONSOLE, AT)
    dated = replace(HERE, scanned_at=AT - DAY, root="/builds/strongroom")
    for name in ("ruff.json", "ruff.sarif"):
        made = scans.import_report(report(name), "r", dated, CONSOLE, AT)
    assert made.quality is Quality.COMPLETE
    other = scans.import_report(
        report("ruff.json"), "r", replace(dated, target="fork"), CONSOLE, AT
    )
    assert other.created == other.found > 0


def test_pip_audit_that_skipped_packages_and_ended_well_is_no_pass(world: World) -> None:
    said = replace(HERE, scanned_at=AT - DAY, advisories_at=AT - DAY)
    scan = register(world).import_report(report("pip-audit.json"), "p", said, CONSOLE, AT)
    assert scan.quality is Quality.SKIPPED
    assert scan.why.endswith("packages were skipped")


@pytest.mark.parametrize(
    ("advisories", "quality"),
    [(None, Quality.STALE), (30, Quality.STALE), (2, Quality.COMPLETE)],
)
def test_pip_audit_is_worth_as_much_as_its_advisories_are_new(
    world: World, advisories: int | None, quality: Quality
) -> None:
    content = json.dumps(
        {"dependencies": [{"name": "jinja2", "version": "3", "vulns": []}], "fixes": []}
    )
    at = None if advisories is None else AT - advisories * DAY
    said = replace(HERE, scanned_at=AT, advisories_at=at)
    scan = register(world).import_report(content.encode(), "p", said, CONSOLE, AT)
    assert scan.quality is quality


def test_a_list_of_components_passes_nothing(world: World) -> None:
    said = replace(HERE, advisories_at=AT - DAY)
    scan = register(world).import_report(report("cyclonedx-bom.json"), "c", said, CONSOLE, AT)
    assert (scan.quality, scan.found) == (Quality.SKIPPED, 0)
    assert "compares them with nothing" in scan.why


def test_trivy_names_its_target_and_how_grave_each_is(world: World) -> None:
    scans = register(world)
    scan = scans.import_report(report("trivy.json"), "t", Declared(commit=COMMIT), CONSOLE, AT)
    assert (scan.target, scan.kind, scan.quality) == (
        "registry.example/shop:4",
        ScanKind.HOST,
        Quality.COMPLETE,
    )
    with world.database.read() as tx:
        graves = sorted(tx.execute(sa.select(schema.vulnerability.c.severity)).scalars())
    assert [Severity(one).word for one in graves] == ["medium", "high", "critical", "critical"]


def test_a_system_without_advisories_is_stale(world: World) -> None:
    said = json.loads(report("trivy.json"))
    said["Metadata"]["OS"]["EOSL"] = True
    scan = register(world).import_report(json.dumps(said).encode(), "t", HERE, CONSOLE, AT)
    assert (scan.quality, "any more" in scan.why) == (Quality.STALE, True)


def _bom(state: str | None, **extra: Any) -> bytes:
    analysis = {} if state is None else {"analysis": {"state": state, "detail": "never called"}}
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "metadata": {"timestamp": (AT - DAY).isoformat()},
            "vulnerabilities": [
                {
                    "id": "CVE-2019-14697",
                    "ratings": [{"score": 9.8, "method": "CVSSv31"}],
                    "affects": [{"ref": "urn:cdx:a/1#pkg:deb/debian/musl@1.1.20-4"}],
                    **analysis,
                }
            ],
            **extra,
        }
    ).encode()


def test_a_vex_document_dismisses_with_its_reason_and_takes_it_back(world: World) -> None:
    scans = register(world)
    scans.import_report(report("trivy.json"), "t", Declared(), CONSOLE, AT)
    there = Declared(target="registry.example/shop:4")
    spoken = scans.import_report(_bom("not_affected"), "v", there, CONSOLE, AT)
    assert spoken.quality is Quality.SKIPPED
    assert states(world) == ["dismissed", "open", "open", "open"]
    scans.import_report(report("trivy.json"), "t", Declared(), CONSOLE, AT)
    assert states(world) == ["dismissed", "open", "open", "open"]
    scans.import_report(_bom("exploitable"), "v", there, CONSOLE, AT)
    assert states(world) == ["open"] * 4


def test_a_report_that_suppresses_a_finding_may_stop_to(world: World) -> None:
    scans = register(world)
    component = {"components": [{"name": "musl", "version": "1", "bom-ref": "m"}]}
    said = replace(HERE, advisories_at=AT - DAY)
    for state, stands in (
        ("false_positive", "dismissed"),
        ("in_triage", "open"),
        ("resolved", "fixed"),
    ):
        scans.import_report(_bom(state, **component), "v", said, CONSOLE, AT)
        assert states(world) == [stands]


def test_the_release_of_a_commit_is_stopped_by_what_its_scans_found(world: World) -> None:
    scans = register(world)
    assert scans.of_commit(COMMIT) == []
    there = Declared(commit=COMMIT)
    scans.import_report(report("trivy.json"), "t", there, CONSOLE, AT)
    assert [scan.tool for scan in scans.of_commit(COMMIT)] == ["trivy"]
    stopping = scans.blockers(AT, COMMIT)
    assert [(one.details.rule, one.severity.word) for one in stopping] == [
        ("aws-access-key-id", "critical"),
        ("CVE-2019-14697", "critical"),
        ("CVE-2023-0003", "high"),
    ]
    # A scan of another commit that lacks it says nothing of this one.
    said = json.loads(report("trivy.json"))
    said["CreatedAt"] = AT.isoformat()
    said["Results"][0]["Vulnerabilities"] = []
    other = Declared(commit="f" * 40)
    scans.import_report(json.dumps(said).encode(), "t", other, CONSOLE, AT)
    assert "CVE-2019-14697" in [one.details.rule for one in scans.blockers(AT, COMMIT)]
    assert "CVE-2019-14697" not in [one.details.rule for one in scans.blockers(AT, "f" * 40)]
    with pytest.raises(Malformed, match="full hash"):
        scans.of_commit("0123456")
