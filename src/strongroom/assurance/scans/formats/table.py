"""Reads a table (CSV) of any scanner by a mapping of its columns, as host and web scanners export it. Pure."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

from strongroom.assurance.scans.parsed import (
    UNSAID,
    Declared,
    Hit,
    Parsed,
    path_of,
    severity_of,
    severity_of_score,
)
from strongroom.assurance.scans.reading import MOST_BYTES, MOST_HITS, text, whole
from strongroom.assurance.scans.scan import Details, ScanKind
from strongroom.errors import Malformed

COLUMNS: Final = ("rule", "severity", "title", "package", "version", "path", "line", "fixed_in")
"""What a table may say; `rule` and `severity` it has to."""
_DELIMITERS: Final = ",;\t|"
_LONGEST_CELL: Final = 128 * 1024
"""Of our own: the limit of the library belongs to the whole process, and others set it."""


def read(content: bytes, declared: Declared) -> Parsed:
    """Return the report. Raises: Malformed: no table, or columns that are not there."""
    if len(content) > MOST_BYTES:
        raise Malformed(f"a report has up to {MOST_BYTES // 1024 // 1024} MiB")
    if not declared.tool:
        raise Malformed("a table names no scanner", hint="say which tool made it")
    try:
        said = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("the table is not UTF-8", hint="save it as CSV UTF-8") from None
    if "\0" in said:
        raise Malformed("the table has characters that no text has")
    hits = tuple(_hits(said, declared))
    return Parsed(
        declared.tool,
        declared.kind or ScanKind.HOST,
        hits,
        looked_at=declared.looked_at,
    )


def _hits(said: str, declared: Declared) -> Iterator[Hit]:
    head = said[: said.find("\n")] if "\n" in said else said
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(said, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [text(cell, 100) for cell in next(reader, [])]
        places = _places(names, declared.columns)
        for count, row in enumerate(reader):
            if count >= MOST_HITS:
                raise Malformed(f"a report has up to {MOST_HITS:,} findings")
            if any(len(cell) > _LONGEST_CELL for cell in row):
                raise Malformed("a cell of the table is too long")
            if any(cell.strip() for cell in row):
                yield _hit(row, places, declared)
    except csv.Error:
        raise Malformed("the file is no table that can be read") from None


def _places(names: list[str], columns: Mapping[str, str]) -> Mapping[str, int]:
    unknown = columns.keys() - set(COLUMNS)
    if unknown:
        raise Malformed(f"a mapping of columns has the names {', '.join(COLUMNS)}")
    lowered = [name.lower() for name in names]
    if len(set(lowered)) != len(lowered):
        raise Malformed("the table has two columns of one name")
    found = {}
    for ours in COLUMNS:
        theirs = columns.get(ours, ours).lower()
        if theirs in lowered:
            found[ours] = lowered.index(theirs)
        elif ours in columns or ours in ("rule", "severity"):
            raise Malformed(f"the table lacks the column for {ours}", hint="map the columns")
    return found


def _hit(row: list[str], places: Mapping[str, int], declared: Declared) -> Hit:
    def cell(name: str, longest: int = 500) -> str:
        place = places.get(name)
        return "" if place is None or place >= len(row) else text(row[place], longest)

    line = cell("line", 9)
    details = Details(
        cell("rule", 100),
        cell("title"),
        package=cell("package", 200),
        version=cell("version", 100),
        path=path_of(cell("path"), declared.root),
        line=whole(int(line)) if line.isascii() and line.isdigit() else None,
        fixed_in=cell("fixed_in", 200),
    )
    if not details.rule:
        raise Malformed("a row of the table has no rule")
    said = cell("severity", 40)
    severity = severity_of(said) or severity_of_score(said)
    return Hit(details, UNSAID if severity is None else severity, details.title)
