"""The page that lists every check, generated from them: `python -m strongroom.checks.page > docs/checks.md` [3]."""

import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from strongroom.checks.all import CHECKS
from strongroom.checks.check import Check

_TITLE: Final = """\
# Checks of duties

Generated from the checks: `python -m strongroom.checks.page`.

Each looks at the live system, as often as the table says, while the home is served; `strongroom duty check [DUTY]` has
them look at once. What one found is good for two rounds and half an hour: after that nobody knows. What cannot be seen
from here is `unknown`, and so is what raised an error or did not end within half a minute. Of several checks of a duty
the worst counts. How findings are kept, and why nobody who writes to the database makes one green:
[adr/0230](adr/0230-findings-are-looked-at-and-bound.md).

Duties without a line here are told by the rooms that keep them (incidents, documents, offices, risks, laws, the scope
register), by named people, or not yet: then the board says so.

| Duty | Check | How often | What it looks at | What turns it green |
|---|---|---|---|---|
"""


def page(checks: Iterable[Check]) -> str:
    """Return the page."""
    rows = sorted((duty, check.id, check) for check in checks for duty in check.duties)
    return _TITLE + "".join(
        f"| {duty} | `{id_}` | {_often(check.every)} | {check.sees} | {check.green} |\n"
        for duty, id_, check in rows
    )


def _often(span: timedelta) -> str:
    minutes = span // timedelta(minutes=1)
    if minutes < 60:  # noqa: PLR2004 - of an hour
        return f"{minutes} minutes"
    hours = span // timedelta(hours=1)
    return {1: "each hour", 24: "each day"}.get(hours, f"{hours} hours")


if __name__ == "__main__":
    sys.stdout.write(page(CHECKS))
