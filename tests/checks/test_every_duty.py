"""Every enforced or verified duty is looked at here, told by the room that keeps it, or comes later."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from strongroom.checks import CHECKS
from strongroom.checks.page import page

DOCS = Path(__file__).parents[2] / "docs"

ROOMS = {
    "board": "0-b 1-a 1-c 3-a",
    "scope, risks, laws, offices": "0-a 1-b 1.6-b 2.2-d",
    "incidents": "1.6-h 1.6-i 1.6-j 1.6-k 1.6-l 1.6-m",
    "documents": "1.6-a 1.6-c 1.6-d 1.6-e 1.6-f 1.6-g 2.2-a 2.2-b 2.2-c 2.2-f 2.6-n 2.7-a",
}
"""Told by rooms of their own, from what people do in them."""

LATER = {
    "assets and devices": "1.1-c 1.2-f 2.3-a 2.3-b 2.3-c 2.3-f",
    "vulnerabilities, releases, changes": "2.5-b 2.7-b 2.7-c 2.7-d 2.7-e 2.7-f 2.7-g",
    "the audit room": "3-c 3-d 3-e 3-f 3-g 3-h 3-i",
}
"""Their machinery comes later; until then nobody knows."""

DUTIES = frozenset(
    (  # noqa: SIM905 - a list of numbers reads as one
        "0-a 0-b 1-a 1-b 1-c 1.1-a 1.1-b 1.1-c 1.1-d 1.2-a 1.2-b 1.2-c 1.2-d 1.2-e 1.2-f 1.2-g "
        "1.2-h 1.3-a 1.3-b 1.4-a 1.4-b 1.4-c 1.4-d 1.5-a 1.5-b 1.5-c 1.6-a 1.6-b 1.6-c 1.6-d "
        "1.6-e 1.6-f 1.6-g 1.6-h 1.6-i 1.6-j 1.6-k 1.6-l 1.6-m 1.7-a 1.7-b 1.7-c 1.7-d 1.7-e "
        "2-a 2-b 2-c 2.1-a 2.1-b 2.1-c 2.2-a 2.2-b 2.2-c 2.2-d 2.2-e 2.2-f 2.2-g 2.3-a 2.3-b "
        "2.3-c 2.3-d 2.3-e 2.3-f 2.4-a 2.4-b 2.4-c 2.5-a 2.5-b 2.5-c 2.6-a 2.6-b 2.6-c 2.6-d "
        "2.6-e 2.6-f 2.6-g 2.6-h 2.6-i 2.6-j 2.6-k 2.6-l 2.6-m 2.6-n 2.7-a 2.7-b 2.7-c 2.7-d "
        "2.7-e 2.7-f 2.7-g 3-a 3-b 3-c 3-d 3-e 3-f 3-g 3-h 3-i"
    ).split()
)
"""Those that something enforces, verifies, or may verify beside somebody's word: all of the baseline's."""

CHECKED = {duty for check in CHECKS for duty in check.duties}
TOLD = {duty for listed in (*ROOMS.values(), *LATER.values()) for duty in listed.split()}


def test_every_duty_is_looked_at_told_by_a_room_or_comes_later() -> None:
    assert len(DUTIES) == 99
    assert CHECKED | TOLD == DUTIES
    assert not CHECKED & TOLD


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
