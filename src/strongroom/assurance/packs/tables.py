"""The tables of a pack as CSV (RFC 4180, UTF-8), harmless for spreadsheets [3]. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from strongroom.assurance.packs.account import Account, written
from strongroom.compliance.duties.board import Row
from strongroom.compliance.processing.table import cell

_CLAUSES: Final = (
    "duty", "clause", "title", "kind", "office", "status", "why", "proof", "remedy", "due_at",
    "stated_by", "stated_at", "stated_until", "excuse", "excuse_until", "excuse_asked_by", "excuse_approved_by",
)  # fmt: skip
_EVENTS: Final = ("event", "at", "type", "outcome", "object", "op", "n", "proved")


def clauses(rows: Sequence[Row]) -> bytes:
    """Return one line for each duty, exceptions first."""
    return as_csv(_CLAUSES, (clause(row) for row in rows))


def clause(row: Row) -> dict[str, Any]:
    """Return what is said of one duty."""
    said, excuse = row.statement, row.excuse
    stated = said is not None and not said.withdraws
    return {
        "duty": row.duty.id,
        "clause": row.duty.clause,
        "title": row.duty.title,
        "kind": row.duty.kind.value,
        "office": row.office.value,
        "status": row.status.value,
        "why": row.why,
        "proof": "; ".join(row.proof),
        "remedy": row.remedy,
        "due_at": written(row.due_at),
        "stated_by": said.name if said is not None and stated else "",
        "stated_at": written(said.made_at) if said is not None and stated else "",
        "stated_until": written(said.expires_at) if said is not None and stated else "",
        "excuse": "" if excuse is None else excuse.kind.value,
        "excuse_until": "" if excuse is None else written(excuse.ends_at),
        "excuse_asked_by": "" if excuse is None else excuse.asker,
        "excuse_approved_by": "" if excuse is None else excuse.approver,
    }


def events(account: Account, proved: frozenset[int]) -> bytes:
    """Return the events that the pack names, with whether their proof is in `log.json`."""
    return as_csv(_EVENTS, (event(entry.seq, entry.body, proved) for entry in account.events))


def event(number: int, body: Mapping[str, Any], proved: frozenset[int]) -> dict[str, Any]:
    """Return one line of an entry of the log."""
    about = body.get("obj") or {}
    return {
        "event": number,
        "at": body.get("t", ""),
        "type": body.get("type", "given up"),
        "outcome": body.get("outcome", ""),
        "object": f"{about.get('kind', '')} {about.get('ref', '')}".strip(),
        "op": body.get("op", ""),
        "n": body.get("n", ""),
        "proved": "yes" if number in proved else "no",
    }


def register(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return one of the registers' tables; one without rows has a heading that says so."""
    return as_csv(tuple(rows[0]) if rows else ("none",), rows)


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return lines under these columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(str(row[column])) for column in columns])
    return out.getvalue().encode()
