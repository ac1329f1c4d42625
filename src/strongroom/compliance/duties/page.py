"""Writes docs/duties.md: every duty with its kind, clock, owner, check and evidence. Pure.

`python -m strongroom.compliance.duties.page > docs/duties.md`; a test holds the two equal.
"""

import sys
from typing import Final

from strongroom.compliance.duties.catalogue import (
    SECTIONS,
    Duty,
    Edition,
    clocks,
    definitions,
    duties,
    revisions,
)

_HEAD: Final = """# Duties

The 99 duties of Amazon's Data Protection Policy as the board of clauses has them: `/clauses` on the desk, `strongroom
duty` on the command line. The tables below are generated from `src/strongroom/compliance/duties/`.

## How a duty stands

Nobody writes a state down. It is reckoned whenever somebody looks:

| State | When |
|---|---|
| `fail` | something that was looked at is not as it should be, or nobody has stated what a person has to state |
| `unknown` | nothing has looked at it, or what checks it comes with the second half of the desk: it says which |
| `stale` | what was seen is too old, a statement has ended, or who made it has left or is locked |
| `due_soon` | it holds, and ends within 14 days |
| `exception` | it is not kept, and two people said until when that is accepted |
| `not_applicable` | two people said that there is nothing here that it is about |
| `pass` | each of its parts has fresh evidence |

A duty can have several parts: what Strongroom *enforces*, what it *verifies*, what a person *attests*. Each part
needs its own evidence, and the worst one is the duty's state. `fail`, `unknown` and `stale` would fail an audit. 0-b,
1-a, 1-c, 2.2-b and 3-a are reckoned from other duties: they fall and rise with them and are not counted a second
time.

## What people state

Whoever holds the duty's office, the deputy or an administrator states its text, which the page shows; the statement
has the text's SHA-256, a note, and names and SHA-256 of evidence. Note and names are sealed. It ends by itself and is
due again 14 days before. To take it back, withdraw it: both stay. Each is an event of the log, and a row that is not
what the log recorded counts for nothing.

```
strongroom duty list --status fail
strongroom duty show 1.1-a
strongroom duty attest 1.1-a --yes --note "seen in the provider's console" --evidence rules.txt
strongroom duty withdraw 1.1-a
```

An exception, or that a duty does not apply, has a reason and ends within a year. One person asks, another approves
what they were shown; in a home of one person it says so. It ends by itself, and then the duty stands as it would
without it. An exception hides nothing of a duty that is kept.

```
strongroom duty except 2.3-f --not-applicable --days 365 --reason "nothing is printed here"
strongroom duty approve 3 --terms 3f2a90c417be55d1 --as boris --credential-file boris.json
strongroom duty end 3
```

`strongroom duty list` exits with 1 while a duty blocks an audit, so that a schedule can watch it.

## Revisions

`compliance.revision` in the settings says which numbers rule: `baseline`, the text of 2021, or `current`, the
strictest of all revisions that are known. Amazon's own full text of the later ones is not public; `known` says where
a change was read.

"""


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    parts.append("| Revision | In force from | Known from |\n|---|---|---|\n")
    parts += [f"| {one.name} | {one.effective} | {one.known} |\n" for one in revisions()]
    parts.append("\n| Duty | Number | Baseline | Rules now |\n|---|---|---|---|\n")
    for duty in duties().values():
        for number in duty.numbers:
            before, now = (number.ruling(one) for one in (Edition.BASELINE, Edition.CURRENT))
            old = "none" if before is None else f"{before[0]} {number.unit}"
            new = "none" if now is None else f"{now[0]} {number.unit} ({now[1]})"
            parts.append(f"| {duty.id} | {number.says} | {old} | {new} |\n")
    parts.append("\n| Duty | Revision | Adds |\n|---|---|---|\n")
    parts += [
        f"| {duty.id} | {one.revision} | {one.says} |\n"
        for duty in duties().values()
        for one in duty.added
    ]
    for clause, title in SECTIONS.items():
        parts.append(f"\n## {clause} {title}\n\n" if clause != "0" else f"\n## {title}\n\n")
        parts.append(
            "| Duty | Kind | Clock | Owner | Check | Evidence |\n|---|---|---|---|---|---|\n"
        )
        parts += [_row(duty) for duty in duties().values() if duty.clause == clause]
    parts.append("\n## 4 Definitions\n\n| Word | Here |\n|---|---|\n")
    parts += [f"| {one.title} | {one.here} |\n" for one in definitions()]
    return "".join(parts)


def _row(duty: Duty) -> str:
    kinds = ", ".join([f"**{duty.kind}**", *duty.also])
    cells = (
        f"**{duty.id}** {duty.title}",
        kinds,
        "; ".join(clocks(duty)),
        duty.office.replace("_", " "),
        duty.check,
        "; ".join(duty.evidence),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
