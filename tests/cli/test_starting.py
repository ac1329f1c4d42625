"""A command starts with what it needs: every noun has its place in the table, and who only asks loads no rooms."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from tests.support.offline import Offline
from typer.main import get_command

from strongroom.cli.commands import MODULES, command_line, run

ASKS = """
import sys
from strongroom.cli.commands import run
run(["grant", "list", "--help"])
print(sorted(sys.modules), file=sys.stderr)
"""


def tree(command: Any) -> dict[str, Any]:
    """Every command below one, by name."""
    return {name: tree(below) for name, below in getattr(command, "commands", {}).items()}


@pytest.mark.parametrize("noun", sorted({noun for nouns in MODULES.values() for noun in nouns}))
def test_a_noun_alone_has_all_its_verbs(noun: str) -> None:
    whole = tree(get_command(command_line(["--help"])))
    assert tree(get_command(command_line([noun])))[noun] == whole[noun]
    assert set(whole) == {noun for nouns in MODULES.values() for noun in nouns}


def test_a_command_that_only_asks_loads_neither_rooms_nor_databases() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKS], check=True, capture_output=True, text=True, timeout=60
    )
    assert "strongroom.cli.grants" in done.stderr
    for unneeded in ("strongroom.app", "strongroom.vault", "sqlalchemy", "fastapi"):
        assert f"'{unneeded}" not in done.stderr, unneeded


def test_help_and_what_is_no_command_know_every_noun(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Offline(tmp_path_factory.mktemp("none"))
    code, _result, error = home.attempt("sellers")
    assert code == 2, error
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for nouns in MODULES.values():
        for noun in nouns:
            assert f"  {noun} " in shown
