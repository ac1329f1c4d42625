"""The record of processing on the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.attacks.conftest import made_home, offline
from tests.support.offline import Offline

__all__ = ["made_home", "offline"]

pytestmark = pytest.mark.clause("2.2")


def test_the_record_is_shown_and_written_to_new_files(offline: Offline, tmp_path: Path) -> None:
    found = offline.command("processing", "show")
    assert (found["rows"], found["seen"], found["confirmed_at"]) == ([], 0, None)
    assert len(offline.command("processing", "show", "--all")["rows"]) == found["fields"] > 100
    out = tmp_path / "record.csv"
    offline.command("processing", "export", "--out", str(out))
    with out.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == found["fields"]
    assert offline.attempt("processing", "export", "--out", str(out))[0] == 2, "only a new file"
    pdf = tmp_path / "record.pdf"
    offline.command("processing", "export", "--form", "pdf", "--out", str(pdf))
    assert pdf.read_bytes().startswith(b"%PDF-")
    code, _, error = offline.attempt("processing", "confirm", "--digest", found["sha256"])
    assert (code, error["error"]["kind"]) == (1, "Denied"), "nobody is the privacy owner"
