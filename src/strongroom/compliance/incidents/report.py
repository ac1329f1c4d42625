"""The report of a case in lines, as clause 1.6 asks for it: what happened, why, and what keeps it away. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from strongroom.compliance.incidents.cases import Shown
from strongroom.terms import PrincipalId

_LINE: Final = 96


def report_lines(shown: Shown, names: Callable[[PrincipalId], str]) -> list[str]:
    """Return the report as lines: what was asked by clause 1.6, in its order."""
    case = shown.case

    def when(at: datetime | None) -> str:
        return "not yet" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"

    lines = [
        f"Incident {case.id}: {case.text('title')}",
        f"Type: {shown.kind.name}. Lead: {names(case.lead_id)}.",
        f"24 hours count from {when(case.clock_at)}.",
        f"Amazon told: {when(case.notified_at)}. Contained: {when(case.contained_at)}. Closed: {when(case.closed_at)}.",
    ]
    for heading, name in (
        ("What happened", "description"),
        ("Root cause", "root_cause"),
        ("What was done", "remediation"),
        ("Why it was no Security Incident", "no_incident"),
        ("The second person's reason", "cleared"),
    ):
        if case.text(name):
            lines += ["", heading, *case.text(name).splitlines()]
    lines += ["", "Timeline"]
    lines += [
        f"{datetime.fromisoformat(one.said['at']):%Y-%m-%d %H:%M}  {one.said['text']}"
        for one in shown.of("note")
    ]
    lines += ["", "Scope"]
    for one in shown.of("scope"):
        said = one.said
        lines.append(
            f"{said['records']:,} records, {len(said['sellers'])} selling partners, {said['entries']:,} entries"
        )
        lines.append(f"digest {said['digest']}")
    lines += ["", "Corrective controls"]
    for one in shown.of("control"):
        owner = "" if one.owner_id is None else names(one.owner_id)
        lines.append(f"{one.said['text']} ({owner}, until {when(one.due_at)}, {one.state})")
    approver = "nobody yet" if case.approved_by is None else names(case.approved_by)
    lines += ["", f"Approved by: {approver}, {when(case.approved_at)}"]
    return [part for line in lines for part in _cut(line)]


def _cut(line: str) -> list[str]:
    """Return a line in pieces that fit a page."""
    return [line[at : at + _LINE] for at in range(0, max(len(line), 1), _LINE)]
