"""A notice in words: the subject and text of a mail, and what a template may ask for [1.6].

Everything told is a word of ours, a number, an instant or the name of a user of this home; whatever else may
have come that far is cut down to harmless characters, because a notice that can't be written would silence an alarm.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Final

from strongroom.feeds.notice import Notice, Step
from strongroom.feeds.templates import Value

_STRANGE: Final = re.compile(r"[^A-Za-z0-9 ._:/#@+-]", re.ASCII)
_LONGEST: Final = 200
_SAID: Final = {
    Step.RAISED: "Alarm",
    Step.ESCALATED: "Still unhandled",
    Step.CLOSED: "Closed",
    Step.DRILL: "Drill",
    Step.HEARTBEAT: "Heartbeat",
}
_LEVELS: Final = {"low": "info", "medium": "warning", "high": "error", "critical": "critical"}
"""The four words that PagerDuty's events have for a severity."""


def pack(notice: Notice) -> str:
    """Return a notice as it is kept until it is delivered."""
    document = {**asdict(notice), "at": notice.at.isoformat()}
    return json.dumps(document)


def unpack(text: str) -> Notice:
    """Return the notice that `pack` wrote."""
    document = json.loads(text)
    step, at = Step(document.pop("step")), datetime.fromisoformat(document.pop("at"))
    return Notice(step, **document, at=at)


def subject(notice: Notice, home: str) -> str:
    """Return one line that says what happened, and how bad it is."""
    clean = _clean(notice)
    said = _SAID[notice.step]
    if notice.drill and notice.step is not Step.DRILL:
        said = f"Drill, {said.lower()}"
    if notice.step is Step.HEARTBEAT:
        return f"[strongroom {home}] Heartbeat: this channel works"
    about = f" of {clean.principal}" if clean.principal else ""
    return f"[strongroom {home}] {said}: {clean.kind.replace('_', ' ')}{about} ({clean.severity})"


def text(notice: Notice, home: str) -> str:
    """Return what happened, what was done, and where to look; plain text, a line each."""
    clean = _clean(notice)
    at = f"{notice.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if notice.step is Step.HEARTBEAT:
        return (
            f"Nothing is wrong. Strongroom {home} tries this channel regularly.\n\nAt: {at}\n"
            "If these stop coming, the channel or the home does not work.\n"
        )
    lines = [
        "This is a drill: nothing happened." if notice.drill or notice.step is Step.DRILL else None,
        f"What: {clean.kind.replace('_', ' ')}, {clean.severity}",
        f"At: {at}",
        _line("Who", clean.principal),
        _line("About", clean.target),
        f"How often: {notice.count}" if notice.count > 1 else None,
        _line("Done at once", clean.done and clean.done.replace("_", " ")),
        _line("Alarm", clean.alarm),
        _line("Investigation", clean.investigation),
        _line("What to do", clean.runbook),
        f"Home: {home}",
    ]
    return "\n".join(line for line in lines if line is not None) + "\n"


def values(notice: Notice, home: str, message: str, key: str | None) -> Mapping[str, Value]:
    """Return every value that a template may ask for."""
    clean = _clean(notice)
    return {
        "action": "resolve" if notice.step is Step.CLOSED else "trigger",
        "alarm": clean.alarm,
        "at": notice.at.astimezone(UTC).isoformat(),
        "count": clean.count,
        "done": clean.done,
        "drill": notice.drill or notice.step is Step.DRILL,
        "home": home,
        "investigation": clean.investigation,
        "key": key,
        "kind": clean.kind,
        "level": _LEVELS.get(clean.severity, "error"),
        "message": message,
        "number": clean.kind if clean.alarm is None else clean.alarm,
        "principal": clean.principal,
        "runbook": clean.runbook,
        "severity": clean.severity,
        "step": notice.step.value,
        "subject": subject(notice, home),
        "target": clean.target,
        "text": text(notice, home),
    }


def _line(name: str, value: str | int | None) -> str | None:
    return None if value is None else f"{name}: {value}"


def _clean(notice: Notice) -> Notice:
    return replace(
        notice,
        kind=_plain(notice.kind),
        severity=_plain(notice.severity),
        principal=notice.principal and _plain(notice.principal),
        target=notice.target and _plain(notice.target),
        done=notice.done and _plain(notice.done),
        runbook=notice.runbook and _plain(notice.runbook),
    )


def _plain(value: str) -> str:
    return _STRANGE.sub("?", value)[:_LONGEST]
