"""The tamper matrix of docs/audit.md names tests that there are, and every tampering that is tried."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/audit.md").read_text()
FILES = (
    "tests/audit/test_verify.py",
    "tests/audit/test_append_only.py",
    "tests/audit/test_c2sp.py",
    "tests/audit/test_go.py",
    "tests/attacks/test_evidence_edited.py",
    "tests/attacks/test_log_edited.py",
    "tests/attacks/test_evidence_said.py",
    "tests/attacks/test_witness.py",
    "tests/anchors/test_copies.py",
)
SOURCE = {name: (ROOT / name).read_text() for name in FILES}
TEXT = "".join(SOURCE.values())


def test_every_test_and_tampering_the_matrix_names_exists():
    files = set(re.findall(r"tests/\w+/test_\w+\.py", PAGE))
    assert files <= SOURCE.keys()
    tests = set(re.findall(r"(?<!/)\btest_\w+\b(?!\.py)", PAGE))
    tampers = set(re.findall(r"\[(?:…-)?([a-z_]+)-…\]", PAGE))
    assert len(tests) >= 8
    assert len(tampers) >= 25
    missing = {name for name in tests | tampers if f"def {name}(" not in TEXT}
    assert missing == set()


def test_every_kind_of_fault_of_a_bundle_is_documented():
    told = set(
        re.findall(
            r'"((?:key|file|entry|tile|proof|custody|manifest|checkpoint|witness|timestamp)\.[a-z]+):',
            (ROOT / "src/strongroom/audit/offline.py").read_text(),
        )
    )
    assert len(told) >= 12
    listed = (ROOT / "docs/formats/audit-log.md").read_text()
    assert {kind for kind in told if f"`{kind}`" not in listed} == set()
