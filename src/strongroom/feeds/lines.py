"""An entry of the log as collectors take it: JSON, OCSF or our own, and the line of syslog around it [2.6].

Pure. Syslog is RFC 5424 in the frames of RFC 5425. Only structured data that the RFC itself registers is used:
everything else is in the JSON, which is ASCII.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType
from strongroom.feeds import ocsf
from strongroom.feeds.destinations import Format

FACILITY: Final = 13
"""Log audit (RFC 5424 table 1)."""

_SEVERITIES: Final = {
    Outcome.SUCCESS: 6,
    Outcome.DENIED: 4,
    Outcome.FAILURE: 4,
    Outcome.ERROR: 3,
}
_ALERT: Final = 1
_ALERTS: Final = frozenset(
    type_.value
    for type_ in (
        EventType.ALARM_RAISED,
        EventType.CANARY_TOUCHED,
        EventType.RECORD_TAMPERED,
        EventType.LEAK_FOUND,
        EventType.INVESTIGATION_ESCALATED,
    )
)
_UNPRINTABLE: Final = re.compile(r"[^!-~]", re.ASCII)
_MAX_ID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Line:
    """One entry, ready to go. `content` is JSON without a line end."""

    seq: int
    body: Mapping[str, Any]
    content: bytes


def line(seq: int, body: Mapping[str, Any], format_: Format, *, product: str) -> Line:
    """Return an entry as a collector takes it; `product` is our version."""
    if format_ is Format.OCSF:
        return Line(seq, body, orjson.dumps(ocsf.event(seq, body, product=product)))
    return Line(seq, body, orjson.dumps({"seq": seq, **body}))


def syslog(entry: Line) -> bytes:
    """Return one message of RFC 5424."""
    body = entry.body
    outcome = body["outcome"]
    severity = _SEVERITIES.get(outcome, 5)
    if body["type"] in _ALERTS:
        severity = _ALERT
    header = " ".join(
        (
            f"<{FACILITY * 8 + severity}>1",
            body["t"],
            _name(body["node"], 255),
            "strongroom",
            _name(body["boot"], 128),
            _name(body["type"], 32),
            # RFC 5424 section 7.3.1: from 1, and after 2147483647 again.
            f'[meta sequenceId="{entry.seq % _MAX_ID + 1}"][origin software="Strongroom"]',
        )
    )
    return header.encode() + b" " + entry.content


def framed(message: bytes) -> bytes:
    """Return a message behind its length (RFC 5425 section 4.3)."""
    return str(len(message)).encode() + b" " + message


def _name(text: str, longest: int) -> str:
    return _UNPRINTABLE.sub("_", text)[:longest] or "-"
