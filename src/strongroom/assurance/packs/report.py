"""Draws pages as PDF/A-2b with typst: text in the file's own fonts, no date but the pack's [3].

What is said goes into the template as data, never as markup. No font, file or package of the machine is read.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

import typst

from strongroom.assurance.packs.account import Account, written
from strongroom.assurance.packs.tables import clause
from strongroom.errors import Unavailable

STANDARD: Final = "a-2b"
_KEPT: Final = {
    # What is marked as a command on a page stands here as it is.
    0x60: "",
    0x2010: "-",
    0x2011: "-",
    0x2018: "'",
    0x2019: "'",
    0x201C: '"',
    0x201D: '"',
    0x2026: "...",
}


def report(account: Account) -> bytes:
    """Return the report of a pack: exceptions, then every duty, then the registers."""
    return drawn(
        "report.typ",
        account,
        {
            "title": "Evidence of compliance",
            "passes": not account.blocking,
            "counts": [[name, str(n)] for name, n in account.counts.items() if n],
            "rows": [shown(clause(row)) for row in account.rows],
            "blocking": len(account.blocking),
            "milestones": [shown(one) for one in account.milestones],
            "registers": [
                [name, str(len(rows))] for name, rows in sorted(account.registers.items())
            ],
            "events": [[name, str(n)] for name, n in sorted(account.totals.items())],
            "left_out": account.left_out,
        },
    )


def drawn(template: str, account: Account, said: Mapping[str, Any]) -> bytes:
    """Return a page drawn by one of our templates. Raises: Unavailable: typst can't draw it."""
    at = account.built_at
    data = {
        **said,
        "home": account.home,
        "environment": account.environment,
        "edition": account.edition,
        "since": written(account.period.since),
        "until": written(account.period.until),
        "built_at": written(at),
        "built_by": account.built_by,
        "date": [at.year, at.month, at.day, at.hour, at.minute, at.second],
    }
    source = (resources.files("strongroom.assurance.packs") / "templates" / template).read_bytes()
    try:
        found = typst.compile(
            source,
            format="pdf",
            ignore_system_fonts=True,
            pdf_standards=[STANDARD],
            sys_inputs={"data": json.dumps(_plain(data))},
            timestamp=int(at.timestamp()),
        )
    except typst.TypstError:
        raise Unavailable(
            f"{template} can't be drawn", hint="the pack was not built; tell who maintains it"
        ) from None
    if not isinstance(found, bytes):
        raise Unavailable(f"{template} was not drawn as one file")
    return found


def shown(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row of a table as texts for a page."""
    found = {name: str(value) for name, value in row.items()}
    return found | {"office": found["office"].replace("_", " ")}


def _plain(value: Any) -> Any:  # noqa: ANN401 - what JSON can say
    """Return the same with letters only that the file's font has: PDF/A allows no other."""
    if isinstance(value, str):
        return value.translate(_KEPT).encode("latin-1", "replace").decode("latin-1")
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [_plain(one) for one in value]
    return value
