"""Every enforced or verified duty is looked at here, told by the room that keeps it, or comes later."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.checks import CHECKS
from strongroom.checks.page import page
from strongroom.compliance.duties.catalogue import Edition, duties, duty_of

DOCS = Path(__file__).parents[2] / "docs"

ROOMS = {
    "board": "0-b 1-a 1-c 3-a",
    "scope, risks, laws, offices": "0-a 1-b 1.6-b 2.2-d",
    "incidents": "1.6-h 1.6-i 1.6-j 1.6-k 1.6-l 1.6-m",
    "assets and devices": "1.1-c 2.3-a 2.3-b 2.3-c",
    "documents": "1.6-a 1.6-c 1.6-d 1.6-e 1.6-f 2.2-a 2.2-b 2.2-c 2.2-f 2.6-n 2.7-a",
    "scans": "2.5-b 2.7-b 2.7-c 2.7-d",
    "the audit room": "3-c 3-e 3-g 3-h 3-i",
    "changes": "1.6-g 2.7-f 2.7-g",
    "releases": "2.7-e",
    "packs": "3-d",
    "suppliers": "3-f",
}
"""Told by rooms of their own, from what people do in them."""

CHECKED = {duty for check in CHECKS for duty in check.duties}
TOLD = {duty for listed in ROOMS.values() for duty in listed.split()}


def test_every_duty_is_looked_at_or_told_by_a_room() -> None:
    wanted = {id_ for id_, duty in duties().items() if duty.is_checked}
    assert wanted == CHECKED | TOLD
    assert not CHECKED & TOLD


def test_what_is_found_stays_fresh_from_one_look_to_the_next() -> None:
    """A check that looked twice in time leaves no moment in which its duty is stale."""
    now = datetime(2026, 3, 10, tzinfo=UTC)
    for check in CHECKS:
        for duty in check.duties:
            for edition in Edition:
                fresh = duty_of(duty).fresh_until(now, edition) - now
                assert fresh >= 2 * check.every, (check.id, duty)


def test_every_check_has_a_name_of_its_own_and_says_what_it_looks_at() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.sees
        assert check.green
        assert check.duties


def test_every_check_has_a_test_that_turns_it_red_and_green() -> None:
    """Every test that names a check and asserts both verdicts of it is marked with the check's duties."""
    shown: dict[str, set[str]] = {}
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                clauses = _clauses(node)
                text = ast.unparse(node)
                for check in CHECKS:
                    turns = "FAIL" in text and "PASS" in text
                    if turns and (f"'{check.id}'" in text or _asked_apart(check.id, text)):
                        shown.setdefault(check.id, set()).update(clauses)
    lacking = {c.id: set(c.duties) - shown.get(c.id, set()) for c in CHECKS}
    assert {id_: missing for id_, missing in lacking.items() if missing} == {}


def test_the_page_of_checks_is_up_to_date() -> None:
    assert (DOCS / "checks.md").read_text() == page(CHECKS), (
        "python -m strongroom.checks.page > docs/checks.md"
    )


def test_a_duty_that_is_not_checked_has_no_finding_of_checks() -> None:
    with pytest.raises(StopIteration):
        next(check for check in CHECKS if "2.7-e" in check.duties)


def _asked_apart(check: str, text: str) -> bool:
    """Say whether a test asks a check with surroundings or a clock of its own."""
    maker = {
        "network.firewall": "network.denying(",
        "network.listening": "network.listening_on(",
        "tls.endpoints": "network.endpoints(",
        "tls.listeners": "network.served(",
        "keys.memory": "keys.memory(",
    }.get(check)
    return maker is not None and maker in text


def _clauses(node: ast.FunctionDef) -> set[str]:
    return {
        str(argument.value)
        for mark in node.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.clause"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    }
