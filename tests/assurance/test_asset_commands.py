"""Everything the pages of the inventory do, by commands."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.assurance.test_assets import DIGEST, FLEET
from tests.desk.conftest import made_for_two
from tests.support.offline import Offline

__all__ = ["made_for_two"]


@pytest.fixture
def offline(made_for_two: Offline, tmp_path: Path) -> Offline:
    """Give a home of the test's own."""
    shutil.copytree(made_for_two.path, tmp_path / "home")
    return Offline(tmp_path / "home")


@pytest.mark.clause("2.3", "1.1-c")
def test_commands_list_import_confirm_state_export_and_retire(
    offline: Offline, tmp_path: Path
) -> None:
    offline.command("user", "add", "ada")
    hosts, said = tmp_path / "hosts.json", tmp_path / "said.json"
    hosts.write_text(json.dumps(FLEET))
    shown = offline.command("asset", "import", str(hosts), "--from", "fleet", "--preview")
    assert (shown["created"], shown["applied_at"]) == (2, None)
    assert offline.command("asset", "list")["assets"] == []
    done = offline.command("asset", "import", str(hosts), "--from", "fleet")
    assert done["created"] == 2
    again = offline.command("asset", "import", str(hosts), "--from", "fleet")
    assert (again["created"], again["untouched"]) == (0, 2)
    pc = offline.command("asset", "add", "pc", "--kind", "computer", "--owner", "ada")["asset"]
    moved = offline.command("asset", "change", str(pc), "--place", "hall 2")
    assert (moved["place"], moved["owner"], moved["name"]) == ("hall 2", "ada", "pc")
    listed = offline.command("asset", "list", "--show", "open")["assets"]
    numbers = [str(one["asset"]) for one in listed]
    assert offline.command("asset", "confirm", *numbers, "--owner", "ada") == {"confirmed": 2}
    said.write_text(json.dumps({"present": True, "scan": "2026-03-09T00:00:00Z"}))
    offline.command("asset", "state", str(pc), "--said", str(said), "--digest", DIGEST)
    shown = offline.command("asset", "show", str(pc))
    assert (shown["posture"]["present"], shown["posture"]["disk"]) == ("pass", "unknown")
    tally = offline.command("asset", "posture")["tally"]
    assert tally["unknown"] + tally["fail"] == 3
    out = tmp_path / "assets.csv"
    offline.command("asset", "export", "--out", str(out))
    assert {row["name"] for row in csv.DictReader(out.read_text().splitlines())} == {
        "mac-1",
        "shelf",
        "pc",
    }
    gone = offline.command("asset", "retire", str(pc), "--disposal", "destroy")
    assert (gone["state"], gone["disposal"]) == ("retired", "destroy")


@pytest.mark.clause("2.3", "2.3-b")
def test_commands_take_the_quarters_inventory_and_write_bills_of_materials(
    offline: Offline, tmp_path: Path
) -> None:
    begun = offline.command("asset", "campaign", "start")
    assert (begun["assets"], begun["left"], begun["signed_at"]) == (1, 1, None)
    assert offline.command("asset", "campaign") == begun
    code, _result, refused = offline.attempt("asset", "campaign", "sign")
    assert (code, refused["error"]["kind"]) == (1, "Denied")
    ours = tmp_path / "ours.json"
    offline.command("asset", "sbom", "--out", str(ours))
    erp = offline.command("asset", "add", "erp", "--kind", "software")["asset"]
    kept = offline.command("asset", "sbom", "--asset", str(erp), "--attach", str(ours))
    assert kept["components"] > 20
    again = tmp_path / "again.json"
    offline.command("asset", "sbom", "--asset", str(erp), "--out", str(again))
    assert again.read_bytes() == ours.read_bytes()
