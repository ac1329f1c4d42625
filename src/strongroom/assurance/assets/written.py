"""The inventory as a file: CSV that no spreadsheet runs [2.3]. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Final

from strongroom.assurance.assets.asset import Asset
from strongroom.compliance.processing.table import cell
from strongroom.terms import PrincipalId

COLUMNS: Final = (
    "asset",
    "name",
    "kind",
    "serial",
    "place",
    "owner",
    "handles_pii",
    "source",
    "state",
    "seen_at",
    "confirmed_at",
    "retired_at",
    "disposal",
    "note",
)


def as_csv(rows: Iterable[Asset], names: Mapping[PrincipalId, str]) -> bytes:
    """Return the inventory as CSV (RFC 4180, UTF-8): a cell that a program might take for a formula begins with '."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in rows:
        at = (one.seen_at, one.confirmed_at, one.retired_at)
        told = (
            str(one.id),
            one.words.name,
            one.kind.value,
            one.words.serial,
            one.words.place,
            "" if one.owner is None else names.get(one.owner, str(one.owner)),
            "yes" if one.pii else "no",
            one.source.value,
            one.state,
            *("" if each is None else each.isoformat() for each in at),
            one.disposal or "",
            one.words.note,
        )
        writer.writerow([cell(text) for text in told])
    return out.getvalue().encode()
