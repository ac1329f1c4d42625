"""Writes what is due as an iCalendar file, so that any calendar shows it: RFC 5545. Pure.

It only writes, eight properties of one kind of event: what is read of others needs a library, this does not (ADR 0236).
Texts are escaped and lines folded, so that no title can add a line of its own.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"

_FOLD: Final = 75
"""Octets of a line without its end (section 3.1)."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_LASTS: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing as a calendar shows it."""

    uid: str
    title: str
    about: str
    url: str
    at: datetime
    warns: timedelta
    """How long before, an alarm is shown."""


def write(name: str, entries: Iterable[Entry], *, host: str, stamp: datetime) -> bytes:
    """Return the calendar; `stamp` is when this state of it began."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Strongroom//Cadence//EN",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_text(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
        "X-PUBLISHED-TTL:PT6H",
    ]
    for entry in entries:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{entry.uid}@{host}",
            f"DTSTAMP:{_instant(stamp)}",
            f"DTSTART:{_instant(entry.at)}",
            f"DTEND:{_instant(entry.at + _LASTS)}",
            f"SUMMARY:{_text(entry.title)}",
            f"DESCRIPTION:{_text(entry.about)}",
            f"URL:{entry.url}",
            "TRANSP:TRANSPARENT",
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            f"DESCRIPTION:{_text(entry.title)}",
            f"TRIGGER:-PT{int(entry.warns.total_seconds()) // 60}M",
            "END:VALARM",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return b"".join(part for line in lines for part in _folded(line))


def _text(text: str) -> str:
    """Return a text as section 3.3.11 has it; a control character is left out."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = _CONTROL.sub("", plain)
    for mark in ("\\", ";", ","):
        plain = plain.replace(mark, f"\\{mark}")
    return plain.replace("\n", "\\n")


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _folded(line: str) -> Iterator[bytes]:
    """Give a content line in pieces of 75 octets at most, none of which ends within a letter."""
    piece = b""
    for letter in line:
        encoded = letter.encode("utf-8")
        if len(piece) + len(encoded) > _FOLD:
            yield piece + b"\r\n"
            piece = b" "
        piece += encoded
    yield piece + b"\r\n"
