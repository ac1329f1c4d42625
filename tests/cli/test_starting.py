"""A command starts with what it needs: every noun has its place in the table, and who only asks loads no rooms."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer
from tests.support.offline import Offline

from strongroom.cli.commands import MODULES, run

ASKS = """
import sys
from strongroom.cli.commands import run
run(["grant", "list", "--help"])
print(sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("module", MODULES)
def test_every_noun_a_module_registers_is_in_the_table(module: str) -> None:
    root = typer.Typer()
    import_module(f"strongroom.cli.{module}").register(root)
    named = {command.name for command in root.registered_commands}
    named |= {group.name for group in root.registered_groups}
    assert named == set(MODULES[module])


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
