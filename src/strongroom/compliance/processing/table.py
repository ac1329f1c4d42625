"""The record of processing as files: CSV that no spreadsheet runs, and lines for paper [2.2]. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from strongroom.compliance.processing.register import Processed

COLUMNS: Final = (
    "field",
    "category",
    "person",
    "collected_by",
    "reports",
    "notifications",
    "seen_in",
    "purposes",
    "stored",
    "used_by",
    "shared_with",
    "disclosed_to",
    "disposed",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(rows: Iterable[Processed]) -> bytes:
    """Return the record as CSV (RFC 4180, UTF-8): a cell that a program might take for a formula begins with '."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([cell(_text(getattr(row, column))) for column in COLUMNS])
    return out.getvalue().encode()


def cell(text: str) -> str:
    """Return one cell's text, made harmless for spreadsheets (OWASP, CSV injection)."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def as_parts(rows: Sequence[Processed], digest: str) -> list[tuple[str, list[str]]]:
    """Return the record for paper: a heading for each field that was seen, then the others by name."""
    parts: list[tuple[str, list[str]]] = [
        (
            "",
            [
                f"{len(rows)} fields, {sum(row.is_seen for row in rows)} of them seen. SHA-256 {digest}"
            ],
        )
    ]
    parts += [
        (f"{row.field} ({row.category.value}, {row.person})", _lines(row))
        for row in rows
        if row.is_seen
    ]
    others = [row.field for row in rows if not row.is_seen]
    return [*parts, ("Not seen so far", [", ".join(others) or "none"])]


def _lines(row: Processed) -> list[str]:
    return [
        f"Collected: {', '.join(row.seen_in) or 'not seen'}",
        f"Processed for: {', '.join(row.purposes)}",
        f"Stored: {row.stored}",
        f"Used by: {', '.join(row.used_by) or 'nobody'}",
        f"Shared with: {', '.join((*row.shared_with, *row.disclosed_to)) or 'nobody'}",
        f"Disposed: {row.disposed}",
    ]


def _text(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, tuple) else str(value)
