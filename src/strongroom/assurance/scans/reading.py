"""Reads a report that somebody sends: JSON of bounded size and depth in which no name stands twice. Pure.

A report is not believed: whatever it holds is text of bounded length, shown and never used as a path.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.errors import Malformed

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_HITS: Final = 50_000
_MOST_VALUES: Final = 2_000_000
"""In memory an empty list takes thirty times what it takes in the file."""
_LONGEST: Final = 500


def document(content: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return what a JSON text says. Raises: Malformed: it is none, too deep, or says something twice."""
    if len(content) > MOST_BYTES:
        raise Malformed(f"a report has up to {MOST_BYTES // 1024 // 1024} MiB")
    if sum(map(content.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise Malformed("the report holds too many values")
    try:
        said = content.decode("utf-8-sig")
        return json.loads(said, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise Malformed("the report is nested too deep") from None
    except ValueError:
        raise Malformed("the report is no JSON that can be read") from None


def rows(value: object) -> Sequence[Mapping[str, Any]]:
    """Return a list of objects, empty where there is none. Raises: Malformed: it is something else."""
    found = [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise Malformed("the report has something else where a list of objects belongs")
    if len(found) > MOST_HITS:
        raise Malformed(f"a report has up to {MOST_HITS:,} findings")
    return found


def part(value: object) -> Mapping[str, Any]:
    """Return an object, empty where there is none. Raises: Malformed: it is something else."""
    found = {} if value is None else value
    if not isinstance(found, dict):
        raise Malformed("the report has something else where an object belongs")
    return found


def text(value: object, longest: int = _LONGEST) -> str:
    """Return a text of one line that can be shown; numbers as they are written, empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    plain = str(value)[: longest * 4]
    shown = "".join(c if c.isprintable() else " " for c in plain)
    return " ".join(shown.split())[:longest]


def whole(value: object) -> int | None:
    """Return a line's number; None where it is none."""
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return value if good and isinstance(value, int) else None


def instant(value: object) -> datetime | None:
    """Return an instant of ISO 8601 in UTC; None where there is none that says its zone."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(_shortened(value.strip()))
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _shortened(value: str) -> str:
    """Return an instant with at most six digits of a second: Go writes nine."""
    head, dot, rest = value.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}.{digits[:6]}{rest[len(digits) :]}" if dot and digits else value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("the report says something twice")
    return found


def _no_constant(_name: str) -> float:
    raise ValueError
