"""This repository's own gate: its commit is scanned for real, and the gate says exactly what is known of it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.clause("2.7-e")
@pytest.mark.timeout(600)
def test_the_gate_says_of_this_commit_what_is_known_and_nothing_more(tmp_path: Path) -> None:
    """Takes as long as bandit takes for all modules.

    Where advisories can't be reached pip-audit skips every package and still ends well: its condition is unknown
    then, and a release is refused. All others pass, but for the tests, which this is one of.
    """
    spec = importlib.util.spec_from_file_location("own", ROOT / "scripts" / "release_check.py")
    assert spec is not None
    assert spec.loader is not None
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    if not (ROOT / ".git").exists():
        own.ROOT = _as_a_repository(tmp_path / "tree")
    commit, reports = own.head(), tmp_path / "reports"
    own.scan(commit, reports)

    asked = own.gate(commit, reports, "--json")
    said = json.loads(asked.stdout)
    found = {one["condition"]: one for one in said["conditions"]}
    for name in ("code", "secrets", "blockers"):
        assert found[name]["verdict"] == "pass", found[name]
    assert found["tests"]["verdict"] == "fail"
    assert asked.returncode == 1

    audit = json.loads((reports / "pip-audit.json").read_text())
    skipped = [one for one in audit["dependencies"] if "skip_reason" in one]
    reached = bool(audit["dependencies"]) and not skipped
    assert found["dependencies"]["verdict"] == ("pass" if reached else "unknown")
    if skipped:
        assert "were skipped" in found["dependencies"]["why"]
    components = json.loads((reports / "sbom.cdx.json").read_text())["components"]
    assert {one["name"] for one in components} >= {"cryptography", "sqlalchemy", "starlette"}

    # With its tests it may be released exactly where advisories were reached.
    own.add_tests(commit, reports, 1, 0)
    assert own.gate(commit, reports).returncode == (0 if reached else 1)


def _as_a_repository(tree: Path) -> Path:
    """Return a copy with one commit, where this was unpacked from an archive and has none."""
    left_out = shutil.ignore_patterns(".venv", "__pycache__", "*_cache", "build", "dist")
    shutil.copytree(ROOT, tree, ignore=left_out)
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "All of it")):
        subprocess.run(["git", *command], cwd=tree, check=True)
    return tree
