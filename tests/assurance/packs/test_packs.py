"""A pack says everything, exceptions first, twice in the same bytes, and is found sound on another machine."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from tests.assurance.packs.conftest import YEAR, Filled, build, damage, spread, unpacked
from tests.support.pages import DeskHome

from strongroom.assurance.packs import offline
from strongroom.assurance.packs.account import Period
from strongroom.assurance.packs.overseeing import INSPECT
from strongroom.compliance.duties.board import KEPT, Status
from strongroom.compliance.duties.catalogue import duties
from strongroom.errors import Conflict, Malformed

pytestmark = pytest.mark.clause("3")


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def opened(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def key_of(filled: Filled) -> str:
    return filled.pack.key


def test_every_duty_is_in_it_exceptions_first(filled: Filled) -> None:
    found = rows(unpacked(filled.pack)["clauses.csv"])
    assert {row["duty"] for row in found} == set(duties())
    states = [Status(row["status"]) for row in found]
    order = [(state in KEPT, list(Status).index(state)) for state in states]
    assert order == sorted(order)
    assert found[0]["status"] == "fail"
    assert all(row["why"] and row["remedy"] for row in found if row["status"] in ("fail", "stale"))


def test_the_page_starts_with_what_an_audit_would_fail_by_and_runs_nothing(filled: Filled) -> None:
    text = unpacked(filled.pack)["index.html"].decode()
    assert text.index("would not have passed") < text.index("All duties</h2>")
    assert "<script" not in text
    assert "javascript:" not in text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert {*re.findall(r'<a href="([^"#]+)">', text)} <= set(unpacked(filled.pack))


def test_the_report_is_pdf_a_2b_with_its_fonts_inside(filled: Filled) -> None:
    pdf = unpacked(filled.pack)["report.pdf"]
    assert pdf.startswith(b"%PDF-1.7")
    assert re.search(rb"<pdfaid:part>2</pdfaid:part>", pdf)
    assert re.search(rb"<pdfaid:conformance>B</pdfaid:conformance>", pdf)
    # Its dictionaries lie in compressed streams.
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    inside = pdf + b"".join(opened(stream) for stream in streams)
    fonts = inside.count(b"/FontDescriptor/")
    assert fonts >= 2
    assert inside.count(b"/FontFile") == fonts
    assert b"/GTS_PDFA1" in inside


def test_tables_of_what_was_done_name_no_sentence_of_anybody(filled: Filled) -> None:
    files = unpacked(filled.pack)
    for name in ("incidents", "changes", "releases", "audits", "scans", "evidence", "findings"):
        assert rows(files[f"registers/{name}.csv"]), name
    texts = b"\n".join(content for name, content in files.items() if name.endswith(".csv"))
    for text in (b"example.com", b"A larger disk"):
        assert text not in texts
    assert rows(files["poam.csv"])[0]["item"].startswith("duty ")


@pytest.mark.clause("2.6")
def test_events_are_proved_by_the_log(filled: Filled) -> None:
    files = unpacked(filled.pack)
    found = rows(files["events.csv"])
    assert len(found) > 20
    assert {row["proved"] for row in found} == {"yes"}
    log = json.loads(files["log.json"])
    assert len(log["entries"]) == len(found)


def test_two_builds_of_one_state_are_byte_identical(home: DeskHome) -> None:
    packs = home.system.assurance.packs
    period = Period(home.now - YEAR, home.now)
    first, second = (
        packs._made(period, home.console, home.now, lambda _done, _of: None) for _again in range(2)
    )
    assert first.archive == second.archive


def test_it_is_checked_on_another_machine(filled: Filled, tmp_path: Path) -> None:
    files = unpacked(filled.pack)
    folder = spread(files, tmp_path / "elsewhere")
    sums = subprocess.run(
        ["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=folder, check=False
    )
    assert sums.returncode == 0
    key = tmp_path / "key"
    key.write_text(key_of(filled))
    alone = tmp_path / "verify.py"
    alone.write_bytes(files["verify.py"])
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", alone, folder, "--key", key],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("sound\n")
    assert "duties: an audit at that instant would not have passed" in done.stdout


def test_oscal_is_what_trestle_reads(filled: Filled) -> None:
    files = unpacked(filled.pack)
    script = (
        "import json, sys\n"
        "from trestle.oscal.assessment_results import AssessmentResults\n"
        "from trestle.oscal.poam import PlanOfActionAndMilestones\n"
        "one, two = json.load(sys.stdin)\n"
        "found = AssessmentResults.parse_obj(one['assessment-results'])\n"
        "PlanOfActionAndMilestones.parse_obj(two['plan-of-action-and-milestones'])\n"
        "print(len(found.results[0].findings))\n"
    )
    both = [
        json.loads(files["oscal/assessment-results.json"]),
        json.loads(files["oscal/poam.json"]),
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        input=json.dumps(both), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == len(duties())


@pytest.mark.clause("3-d")
def test_the_duty_turns_green_with_a_sound_pack_red_with_a_refused_one_and_stale_with_time(
    home: DeskHome,
) -> None:
    board = home.system.compliance.duties.board
    assert board(home.now).row(INSPECT).status is Status.FAIL
    build(home)
    assert board(home.now).row(INSPECT).status is Status.PASS
    evidence = home.system.compliance.evidence
    item = evidence.listed()[0]
    damage(home, item.id)
    with pytest.raises(Conflict, match="does not match"):
        build(home)
    row = board(home.now).row(INSPECT)
    assert row.status is Status.FAIL
    assert "refused" in row.why


@pytest.mark.clause("3-d")
def test_the_duty_is_stale_half_a_year_after_the_last_pack(home: DeskHome) -> None:
    build(home)
    board = home.system.compliance.duties.board
    assert board(home.now + timedelta(days=170)).row(INSPECT).status in (
        Status.PASS,
        Status.DUE_SOON,
    )
    assert board(home.now + timedelta(days=190)).row(INSPECT).status is Status.STALE


@pytest.mark.parametrize(
    ("since", "until"), [(0, 0), (-1, 1), (-4 * 366, 0)], ids=["empty", "ahead", "too long"]
)
def test_a_period_has_a_beginning_and_an_end(home: DeskHome, since: int, until: int) -> None:
    packs = home.system.assurance.packs
    with pytest.raises(Malformed):
        packs.build(
            home.console,
            home.now + timedelta(days=since),
            home.now + timedelta(days=until),
            home.now,
        )


def test_what_happened_outside_of_the_period_is_not_told(home: DeskHome) -> None:
    packs = home.system.assurance.packs
    pack = packs.build(home.console, home.now - YEAR, home.now - timedelta(days=300), home.now)
    files = unpacked(pack)
    assert rows(files["events.csv"]) == []
    assert offline.check_files(files, pack.key).ok
