"""A home that nobody serves, whose commands run in the test's own process: quick, and easy to break."""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from strongroom.accounts.names import of_console
from strongroom.cli.commands import run
from strongroom.control import os_user
from strongroom.crypto import STANDARD_COST, Cost
from strongroom.opening import initialize
from strongroom.terms import Environment

PASSPHRASE = "a passphrase of the tests, 42"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
"""Of a guess at the passphrase: each command opens the home anew."""


@dataclass(frozen=True)
class Offline:
    """One home."""

    path: Path

    @classmethod
    def make(
        cls,
        directory: Path,
        environment: Environment = Environment.TEST,
        *,
        one_person: bool = True,
    ) -> Self:
        """Make a home in a new directory, its passphrase in a file beside it."""
        directory.mkdir()
        passphrase = directory / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(PASSPHRASE)
        home = directory / "home"
        initialize(
            home,
            environment=environment,
            passphrase=PASSPHRASE,
            passphrase_file=passphrase,
            one_person=one_person,
            environ={},
            cost=CHEAP if environment is Environment.TEST else STANDARD_COST,
        )
        return cls(home)

    def read_log(self, *more: str) -> None:
        """Let who runs the tests read the log."""
        self.command("grant", "add", *audit_grant(), *more)

    def attempt(self, *arguments: str) -> tuple[int, Any, Any]:
        """Run a command; return its exit code and what it printed as result and as error."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*arguments, "--json", "--home", str(self.path)])
        return code, _parsed(out.getvalue()), _parsed(err.getvalue())

    def command(self, *arguments: str) -> Any:
        """Run a command that must succeed, and return its result."""
        code, result, error = self.attempt(*arguments)
        if code != 0:
            raise AssertionError(f"strongroom {arguments[0]}: exit {code}: {error}")
        return result


def audit_grant() -> list[str]:
    """Return what `grant add` is told so that who sits at the console may read the log."""
    me = of_console(os_user(os.geteuid()))
    return ["--principal", me, "--role", "auditor", "--all-sellers", "--days", "90"]


def _parsed(text: str) -> Any:
    return json.loads(text) if text.strip() else None
