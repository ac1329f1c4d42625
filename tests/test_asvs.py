"""The page that holds us against OWASP's ASVS 5.0.0: whole, in order, and naming what there is."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "strongroom"
PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")

SECTIONS: dict[str, Sequence[int]] = {
    "V6.1": range(1, 4),
    "V6.2": range(1, 13),
    "V6.3": range(1, 5),
    "V6.4": range(1, 5),
    "V6.5": range(1, 6),
    "V6.6": range(1, 4),
    "V6.8": range(1, 5),
    "V7.1": range(1, 4),
    "V7.2": range(1, 5),
    "V7.3": range(1, 3),
    "V7.4": range(1, 6),
    "V7.5": range(1, 3),
    "V7.6": range(1, 3),
    "V8.1": range(1, 3),
    "V8.2": range(1, 4),
    "V8.3": range(1, 2),
    "V8.4": range(1, 2),
    "V11.1": range(1, 3),
    "V11.2": range(1, 4),
    "V11.3": range(1, 4),
    "V11.4": range(1, 5),
    "V11.5": range(1, 2),
    "V11.6": range(1, 2),
    "V12.1": range(1, 4),
    "V12.2": range(1, 3),
    "V12.3": range(1, 5),
    "V13.1": range(1, 2),
    "V13.2": range(1, 6),
    "V13.3": range(1, 3),
    "V13.4": range(1, 6),
    "V14.1": range(1, 3),
    "V14.2": range(1, 5),
    "V14.3": range(1, 4),
    "V16.1": range(1, 2),
    "V16.2": range(1, 6),
    "V16.3": range(1, 5),
    "V16.4": range(1, 4),
    "V16.5": range(1, 4),
}
"""Requirements of levels 1 and 2, by section; what is missing between them is of level 3."""

STATES = ("met", "not applicable", "deviation")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`([\w./-]+/[\w.-]+\.\w+|\w+\.(?:py|toml))`")


@dataclass(frozen=True)
class Row:
    """One requirement as the page has it."""

    id: str
    name: str
    state: str
    where: str
    tests: str

    @property
    def chapter(self) -> str:
        return self.id.partition(".")[0]

    @property
    def named(self) -> list[tuple[str, str]]:
        return TEST.findall(self.tests)


def rows() -> list[Row]:
    found = [line for line in PAGE.splitlines() if re.match(r"\| V\d+\.", line)]
    return [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in found]


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_every_requirement_is_there_once_and_in_order() -> None:
    wanted = [f"{section}.{number}" for section, numbers in SECTIONS.items() for number in numbers]
    assert len(wanted) == 121
    assert [row.id for row in rows()] == wanted


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_line_says_where_or_why_and_names_what_exists(row: Row) -> None:
    assert row.state in STATES
    assert row.name
    assert len(row.where) > 10
    if row.state == "met":
        assert row.named
        assert FILE.findall(row.where) or "`/" in row.where
    for path in FILE.findall(row.where):
        assert (ROOT / path).exists() or (SOURCE / path).exists(), path
    # Nothing stands among the tests that is none.
    assert re.sub(r"[;\u2013\s]", "", TEST.sub("", row.tests)) == ""
    for path, name in row.named:
        assert (ROOT / path).exists(), path
        assert name in names_in(path), f"{path} has no {name}"


def test_the_numbers_in_the_head_are_those_of_the_list() -> None:
    counted = Counter((row.chapter, row.state) for row in rows())
    head = PAGE.partition("\n## ")[0]
    said = {
        cells[0].split()[0]: tuple(map(int, cells[1:]))
        for line in head.splitlines()
        if re.match(r"\| (V\d+ |all )", line)
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    }
    chapters = list(dict.fromkeys(row.chapter for row in rows()))
    assert list(said) == [*chapters, "all"]
    for chapter in chapters:
        numbers = tuple(counted[chapter, state] for state in STATES)
        assert said[chapter] == (*numbers, sum(numbers))
    whole = tuple(sum(counted[chapter, state] for chapter in chapters) for state in STATES)
    assert said["all"] == (*whole, 121)


def test_deviations_from_the_password_rules_are_the_policys() -> None:
    """What clause 1.4 forces is said to be forced, not met."""
    states = {row.id: row.state for row in rows()}
    assert states["V6.2.5"] == states["V6.2.10"] == "deviation"
