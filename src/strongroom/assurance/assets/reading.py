"""Reads exports of other tools: CSV by a mapping, and the hosts of Fleet or osquery as JSON [2.3]. Pure.

Everything is bounded before it is looked at. A row that cannot be read is named by its number and by what it lacks,
never by what stands in it; whether the rest is taken is for a person to say.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from strongroom.assurance.assets.kinds import LONGEST_NAME, LONGEST_PLACE, LONGEST_SERIAL, Kind
from strongroom.assurance.assets.mappings import Mapped
from strongroom.assurance.assets.planning import Fault, Found
from strongroom.assurance.assets.posture import AGES, FLAGS, Check
from strongroom.errors import Malformed

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_ROWS: Final = 25_000
MOST_COLUMNS: Final = 300
LONGEST_CELL: Final = 4000
LONGEST_LINE: Final = 64 * 1024
_MOST_SOFTWARE: Final = 5000
_MOST_POLICIES: Final = 500
_LONGEST_SOFTWARE: Final = 256
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What a policy that fails says of an age: too old, whenever it was."""

_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_PLACEHOLDERS: Final = frozenset(
    {"", "0", "-1", "none", "n/a", "unknown", "default string", "system serial number"}
    | {"to be filled by o.e.m.", "not specified", "not available", "invalid", "null"}
)
_DAYS: Final = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y", "%Y/%m/%d")
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")


def read_file(content: bytes, mapping: Mapped, now: datetime) -> tuple[list[Found], list[Fault]]:
    """Return the rows of a file and those that cannot be read. Raises: Malformed: nothing of it can be."""
    if len(content) > MOST_BYTES:
        raise Malformed(f"an import has up to {MOST_BYTES // 1024 // 1024} MiB")
    rows = (
        _hosts(content, mapping, now) if mapping.form == "fleet" else _table(content, mapping, now)
    )
    found, faults = [], []
    for row in rows:
        if isinstance(row, Fault):
            faults.append(row)
        else:
            found.append(row)
    return found, faults


# -- CSV ---------------------------------------------------------------------------------------------


def _table(content: bytes, mapping: Mapped, now: datetime) -> Iterator[Found | Fault]:
    lines = _lines(_text(content))
    heading = next(lines, None)
    if heading is None:
        raise Malformed("the file is empty")
    names = [cell.strip().lower() for cell in heading]
    if len(names) > MOST_COLUMNS:
        raise Malformed(f"a file has up to {MOST_COLUMNS} columns")
    places = _places(names, mapping)
    if "name" not in places and "serial" not in places:
        raise Malformed(
            "the file has no column of names or of serial numbers that the mapping knows",
            hint="choose the tool it is from, or give a mapping",
        )
    for number, cells in enumerate(lines, 2):
        if number > MOST_ROWS + 1:
            raise Malformed(f"a file has up to {MOST_ROWS:,} rows")
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            yield Fault(number, "has another number of cells than the heading")
            continue
        told = {what: cells[at].strip() for what, at in places.items()}
        yield _row(number, told, mapping, now)


def _lines(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row; a line that never ends is not waited for."""
    try:
        dialect = ";" if _first_line(text).count(";") > _first_line(text).count(",") else ","
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=dialect, strict=True):
            if any(len(cell) > LONGEST_LINE for cell in cells) or len(cells) > MOST_COLUMNS:
                raise Malformed("a row of the file is too long")
            yield cells
    except csv.Error:
        raise Malformed("the file is no CSV: a quote or a line does not end") from None


def _first_line(text: str) -> str:
    return text[:LONGEST_LINE].partition("\n")[0]


def _text(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise Malformed("the file is neither UTF-8 nor UTF-16") from None
    if "\0" in text:
        raise Malformed("the file is no text")
    return text


def _places(names: list[str], mapping: Mapped) -> dict[str, int]:
    """Return in which column each thing stands."""
    wanted: dict[str, Iterable[str]] = dict(mapping.columns)
    wanted |= {f"flag.{check.value}": words for check, words in mapping.flags.items()}
    wanted |= {f"day.{check.value}": words for check, words in mapping.days.items()}
    places = {}
    for what, words in wanted.items():
        at = next((names.index(word) for word in words if word in names), None)
        if at is not None:
            if names.count(names[at]) > 1:
                raise Malformed("two columns of the file that are read have one heading")
            places[what] = at
    return places


def _row(number: int, told: Mapping[str, str], mapping: Mapped, now: datetime) -> Found | Fault:
    flags, ages = {}, {}
    for check in FLAGS:
        word = told.get(f"flag.{check.value}", "").lower()
        if word in mapping.yes or word in mapping.no:
            flags[check] = word in mapping.yes
    try:
        for check in AGES:
            at = _instant(told.get(f"day.{check.value}", ""))
            if at is not None:
                ages[check] = at
        seen_at = _instant(told.get("seen", ""))
    except ValueError:
        return Fault(number, "has a day that is none")
    kind = mapping.kinds.get(told.get("kind", "").lower())
    return _checked(
        number,
        told.get("name", ""),
        told.get("serial", ""),
        kind,
        now,
        place=told.get("place", ""),
        owner=told.get("owner", ""),
        seen_at=seen_at,
        flags=flags,
        ages=ages,
    )


# -- Fleet and osquery -------------------------------------------------------------------------------


def _hosts(content: bytes, mapping: Mapped, now: datetime) -> Iterator[Found | Fault]:
    try:
        # orjson stops at a depth of its own: no nesting makes it run out of stack.
        document = orjson.loads(_text(content))
    except orjson.JSONDecodeError:
        raise Malformed("the file is no JSON") from None
    hosts = document.get("hosts") if isinstance(document, dict) else document
    if isinstance(document, dict) and hosts is None and "host" in document:
        hosts = [document["host"]]
    if not isinstance(hosts, list):
        raise Malformed("the file has no list of hosts")
    if len(hosts) > MOST_ROWS:
        raise Malformed(f"a file has up to {MOST_ROWS:,} hosts")
    for number, host in enumerate(hosts, 1):
        if isinstance(host, dict) and isinstance(host.get("spec"), dict):
            host = host["spec"]  # noqa: PLW2901 - fleetctl wraps each host
        if not isinstance(host, dict):
            yield Fault(number, "is no host")
            continue
        yield _host(number, host, mapping, now)


def _host(number: int, host: Mapping[str, Any], mapping: Mapped, now: datetime) -> Found | Fault:
    try:
        seen_at = _instant(_said(host, "seen_time", "last_fetched", "detail_updated_at"))
    except ValueError:
        return Fault(number, "has a day that is none")
    flags, ages = _policies(host.get("policies"), mapping, seen_at or now)
    encrypted = host.get("disk_encryption_enabled")
    if isinstance(encrypted, bool):
        flags[Check.DISK] = encrypted and flags.get(Check.DISK, True)
    kind = mapping.kinds.get(_said(host, "platform").lower())
    software = _software(host.get("software"))
    if software is None:
        return Fault(number, "lists software that cannot be read")
    return _checked(
        number,
        _said(host, "display_name", "computer_name", "hostname"),
        _said(host, "hardware_serial"),
        kind,
        now,
        owner=_said(host, "primary_user"),
        seen_at=seen_at,
        flags=flags,
        ages=ages,
        software=software,
    )


def _policies(
    listed: object, mapping: Mapped, at: datetime
) -> tuple[dict[Check, bool], dict[Check, datetime]]:
    """Return what a host's policies say; of several about one thing, one that fails counts."""
    flags: dict[Check, bool] = {}
    ages: dict[Check, datetime] = {}
    if not isinstance(listed, list):
        return flags, ages
    for policy in listed[:_MOST_POLICIES]:
        if not isinstance(policy, dict):
            continue
        name, response = str(policy.get("name", "")).lower(), policy.get("response")
        if response not in ("pass", "fail"):
            continue
        good = response == "pass"
        for check, pieces in mapping.policies.items():
            if not any(piece in name for piece in pieces):
                continue
            if check in AGES:
                ages[check] = min(at if good else _NEVER, ages.get(check, at))
            else:
                flags[check] = good and flags.get(check, True)
    return flags, ages


def _software(listed: object) -> list[tuple[str, str]] | None:
    if listed is None:
        return []
    if not isinstance(listed, list) or len(listed) > _MOST_SOFTWARE:
        return None
    found = set()
    for one in listed:
        if not isinstance(one, dict):
            return None
        name, version = one.get("name"), one.get("version") or ""
        if not isinstance(name, str) or not isinstance(version, str):
            return None
        if len(name) > _LONGEST_SOFTWARE or len(version) > _LONGEST_SOFTWARE:
            return None
        if name:
            found.add((name, version))
    return sorted(found)


def _said(host: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = host.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


# -- what both are held against ----------------------------------------------------------------------


def _checked(  # noqa: PLR0913 - all that a row says
    number: int,
    name: str,
    serial: str,
    kind: Kind | None,
    now: datetime,
    *,
    place: str = "",
    owner: str = "",
    seen_at: datetime | None = None,
    flags: Mapping[Check, bool],
    ages: Mapping[Check, datetime],
    software: list[tuple[str, str]] | None = None,
) -> Found | Fault:
    if serial.lower() in _PLACEHOLDERS:
        serial = ""
    name = name or serial
    if not name:
        return Fault(number, "has neither a name nor a serial number")
    limits = ((name, LONGEST_NAME), (serial, LONGEST_SERIAL), (place, LONGEST_PLACE))
    if any(len(text) > longest for text, longest in (*limits, (owner, LONGEST_CELL))):
        return Fault(number, "has too long a cell")
    if any(not text.isprintable() for text in (name, serial, place, owner)):
        return Fault(number, "has signs that are no text")
    dates = [*ages.values(), *([] if seen_at is None else [seen_at])]
    if any(at > now + timedelta(days=1) for at in dates):
        return Fault(number, "has a day that is yet to come")
    return Found(
        number,
        name,
        serial,
        kind,
        place,
        owner,
        None if seen_at is None else min(seen_at, now),
        flags,
        {check: min(at, now) for check, at in ages.items()},
        tuple(software or ()),
    )


def _instant(text: str) -> datetime | None:
    """Return an instant as tools write it; None for nothing, or for their word for never. Raises: ValueError."""
    if not text or text.startswith("0001-01-01") or text.lower() in _PLACEHOLDERS:
        return None
    text = text.strip()
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError:
        found = next((one for form in _DAYS if (one := _by(form, text)) is not None), _NEVER)
        if found is _NEVER:
            raise ValueError("no day") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        raise ValueError("no day") from None
    if found < _NEVER:
        raise ValueError("no day")
    return found


def _by(form: str, text: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
