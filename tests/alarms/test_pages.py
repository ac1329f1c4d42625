"""docs/alarms.md and the runbooks say what the code does, and name commands that exist."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from strongroom.alarms.kinds import AlarmKind
from strongroom.alarms.rules import CASES
from strongroom.cli.commands import command_line
from tests.support.alarm_pages import DOCS, pages, renewed

RUNBOOKS = DOCS / "runbooks"
COMMAND = re.compile(r"strongroom ([a-z-]+(?: [a-z-]+)*)")
PARTS = ("## Why it fired", "## Look first", "## Do", "## Close it", "## Keep as evidence")


def commands(command: object, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Every command, as its words."""
    children = getattr(command, "commands", None)
    if children is None:
        return {path}
    found: set[tuple[str, ...]] = set()
    return found.union(*(commands(child, (*path, name)) for name, child in children.items()))


@pytest.mark.clause("2.6")
@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_a_page_has_the_cases_and_numbers_of_the_code(path: Path) -> None:
    """`python -m tests.support.alarm_pages` renews what differs."""
    text = path.read_text(encoding="utf-8")
    assert text == renewed(text, pages()[path])
    assert "<!-- cases -->" in text


@pytest.mark.clause("1.6", "2.6")
@pytest.mark.parametrize("kind", AlarmKind)
def test_every_kind_has_a_runbook_that_says_what_to_do(kind: AlarmKind) -> None:
    text = (RUNBOOKS / f"{kind.value}.md").read_text(encoding="utf-8")
    for part in PARTS:
        assert part in text
    for case in CASES:
        if case.kind is kind:
            assert f"| `{case.name}` | {case.when} | {case.severity} | {case.response} |" in text
    assert "24 hours" in text
    of_commands = {"key-compromise"}
    assert {p.stem for p in RUNBOOKS.glob("*.md")} == {
        kind.value for kind in AlarmKind
    } | of_commands


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_every_command_that_a_runbook_names_exists(path: Path) -> None:
    known = commands(get_command(command_line(["--help"])))
    for said in COMMAND.findall(path.read_text(encoding="utf-8")):
        words = tuple(said.split())
        assert any(words[: len(one)] == one for one in known), f"{path.name}: strongroom {said}"
