"""Files made to stop the scanner, fill its memory, or make it show what it found."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from strongroom.leaks import Finding, Scan, containers, scan_path

pytestmark = pytest.mark.clause("2.6")


def scanned(path: Path) -> Scan:
    scan = Scan(None, secrets=False)
    scan_path(scan, path, lambda _size: None, None, lambda _path: False)
    scan.flush()
    return scan


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test reaches in a second; the code compares with nothing else."""
    monkeypatch.setattr(containers, "FREE_BYTES", 2_000_000)
    monkeypatch.setattr(containers, "MOST_HELD_BYTES", 200_000)
    monkeypatch.setattr(containers, "MOST_MEMBERS", 50)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "bomb",
    [
        gzip.compress(bytes(20_000_000), 9),
        gzip.compress(gzip.compress(bytes(20_000_000), 9)),
        zipped(a=bytes(20_000_000)),
        zipped(a=zipped(a=bytes(10_000_000)), b=zipped(a=bytes(10_000_000))),
        zipped(**{f"m{n}": b"x" for n in range(60)}),
    ],
    ids=["gzip", "gzip in gzip", "zip", "zip in zip", "members"],
)
def test_a_bomb_ends_by_itself_and_is_told(bomb: bytes, tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(bomb)
    (tmp_path / "next").write_text("maria.rossi@libero.it")
    tracemalloc.start()
    try:
        scan = scanned(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [why for _file, why in scan.incomplete] == ["bomb"]
    assert peak < 24 * 1024 * 1024
    assert [found.kind for found in scan.findings()] == ["shape.email"]


def test_packages_without_end_are_told(tmp_path: Path) -> None:
    content = b"nothing"
    for _ in range(12):
        content = zipped(a=content)
    (tmp_path / "deep.zip").write_bytes(content)
    assert [why for _file, why in scanned(tmp_path).incomplete] == ["deep"]


@pytest.mark.usefixtures("small")
def test_a_zip_too_large_to_hold_inside_of_another_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner.zip", b"PK\x03\x04" + bytes(400_000))
    assert [why for _file, why in scanned(tmp_path).incomplete] == ["large"]


def test_names_in_an_archive_are_shown_without_personal_data_and_control_characters(
    tmp_path: Path,
) -> None:
    name = "maria.rossi@libero.it\x1b]0;x\x07/../../etc/passwd"
    (tmp_path / "a.zip").write_bytes(zipped(**{name: b"carlo.bianchi@libero.it"}))
    shown = json.dumps([found.to_json() for found in scanned(tmp_path).findings()])
    assert "maria" not in shown
    assert "carlo" not in shown
    assert "\\u001b" not in shown
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("maria.rossi@libero.it")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert scanned(tmp_path / "in").findings() == []


@pytest.mark.parametrize(
    "unit", [b"a@", b"%41", b"1-", b"+1 ", b"Z2", b"61", b"a\0", b"\\u0041", b"A" * 76 + b"\n"]
)
@pytest.mark.timeout(20)
def test_no_content_makes_it_slow(unit: bytes) -> None:
    """Half a megabyte of what each pattern likes most; a pattern that backtracks would take hours."""
    scan = Scan(None, secrets=False)
    scan.stream(Finding("", "f"), [unit * (500_000 // len(unit))])
    scan = Scan(None, secrets=True)
    scan.stream(Finding("", "f"), [unit * (500_000 // len(unit))])
    scan.flush()
