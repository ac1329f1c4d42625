"""The parts of docs/alarms.md and docs/runbooks/ that follow from the code, and what puts them there.

    python -m tests.support.alarm_pages

renews them; `tests/alarms/test_pages.py` holds the pages to them.
"""

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import get_type_hints

from strongroom.alarms.kinds import AlarmKind
from strongroom.alarms.rules import CASES, Case, Parameters
from strongroom.alarms.rules.parameters import Why

DOCS = Path(__file__).parent.parent.parent / "docs"
PART = re.compile(r"<!-- (cases|parameters) -->\n.*?<!-- end -->", re.DOTALL)


def cases_table(cases: Iterable[Case], *, with_kind: bool) -> str:
    """What each case is, its severity and response."""
    head = "| Alarm | Case " if with_kind else "| Case "
    lines = [
        f"{head}| Fires when | Severity | Response |",
        "|---" * (5 if with_kind else 4) + "|",
    ]
    for case in cases:
        kind = f"| [`{case.kind}`](runbooks/{case.kind}.md) " if with_kind else ""
        row = f"| `{case.name}` | {case.when} | {case.severity} | {case.response} |"
        lines.append(kind + row)
    return "\n".join(lines)


def parameters_table(names: Iterable[str]) -> str:
    """The numbers, with their reasons and clauses."""
    hints = get_type_hints(Parameters, include_extras=True)
    lines = ["| Parameter | Value | Why | Clause |", "|---|---|---|---|"]
    for name in names:
        why: Why = hints[name].__metadata__[0]
        value = _said(getattr(Parameters(), name))
        lines.append(f"| `{name}` | {value} | {why.reason} | {why.clause} |")
    return "\n".join(lines)


def used_by(kind: AlarmKind) -> list[str]:
    """The parameters that a kind's cases name, in their order."""
    said = " ".join(case.when for case in CASES if case.kind is kind)
    return [f.name for f in fields(Parameters) if f"`{f.name}`" in said]


def renewed(page: str, parts: dict[str, str]) -> str:
    """Return a page with its generated parts as they have to be."""
    return PART.sub(lambda m: f"<!-- {m[1]} -->\n{parts[m[1]]}\n<!-- end -->", page)


def pages() -> dict[Path, dict[str, str]]:
    """Every page and its generated parts."""
    found = {
        DOCS / "alarms.md": {
            "cases": cases_table(CASES, with_kind=True),
            "parameters": parameters_table(f.name for f in fields(Parameters)),
        }
    }
    for kind in AlarmKind:
        found[DOCS / "runbooks" / f"{kind.value}.md"] = {
            "cases": cases_table((c for c in CASES if c.kind is kind), with_kind=False),
            "parameters": parameters_table(used_by(kind)),
        }
    return found


def _said(value: float | timedelta) -> str:
    if not isinstance(value, timedelta):
        return f"{value:,}" if value >= 1000 else f"{value:g}"
    for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        number, rest = divmod(round(value.total_seconds()), seconds)
        if number and not rest:
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{value.total_seconds():g} seconds"


if __name__ == "__main__":
    for path, parts in pages().items():
        path.write_text(renewed(path.read_text(encoding="utf-8"), parts), encoding="utf-8")
