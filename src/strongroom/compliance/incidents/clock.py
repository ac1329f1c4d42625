"""The clocks of an incident, and what it still lacks before it may be closed [1.6]. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.alarms.clocks import REPORT_WITHIN
from strongroom.errors import Malformed

REMINDERS: Final = (4, 12, 20, 23)
"""Hours of the clock at which people are told that Amazon has not heard yet; and once when the 24 are over."""

OVER: Final = len(REMINDERS) + 1
AUTHORITY_WITHIN: Final = timedelta(hours=72)
"""GDPR, article 33: the authority hears of a breach of personal data within this of its discovery."""

WRITTEN_WITHIN: Final = timedelta(days=30)
"""Our own: a contained incident has its approved report by then."""

ALARM_WITHIN: Final = timedelta(hours=24)
"""Our own: so long an alarm may be open without a disposition [2.6]."""

EVERY_HALF_YEAR: Final = timedelta(days=183)
AFTER_CHANGE: Final = timedelta(days=14)
EVERY_YEAR: Final = timedelta(days=366)


def clock_of(
    detected_at: datetime | None, suspected_at: datetime | None, alarm_at: datetime | None
) -> datetime:
    """Return what the 24 hours count from: the earliest that is known. Raises: Malformed."""
    known = [at for at in (detected_at, suspected_at, alarm_at) if at is not None]
    if not known:
        raise Malformed("say when it was detected or suspected")
    return min(known)


def level_at(clock_at: datetime, now: datetime) -> int:
    """Return how many reminders are due by now; `OVER` once the 24 hours are over."""
    due = sum(now >= clock_at + timedelta(hours=hours) for hours in REMINDERS)
    return OVER if now >= clock_at + REPORT_WITHIN else due


def named(level: int) -> str:
    """Return a level's name in the log and in notices."""
    return "24h" if level == OVER else f"{REMINDERS[level - 1]}h"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a case has, as far as its closing asks."""

    steps: Collection[str]
    settled: Collection[str]
    notified: bool
    no_incident: bool
    """A second person agreed that it was none."""
    notes: int
    scopes: int
    controls: int
    waiting: int
    """Messages that wait for a second person, or of which nobody knows whether they were sent."""
    texts: Collection[str]
    """Names of texts that say something."""
    approved: bool


_TEXTS: Final = {
    "description": "a description",
    "root_cause": "the root cause",
    "remediation": "what was done about it",
}


def lacks(case: Standing) -> Sequence[str]:
    """Return what is missing before the case may be closed, as sentences end."""
    missing = [words for name, words in _TEXTS.items() if name not in case.texts]
    if case.no_incident:
        return [words for words in missing if words == _TEXTS["description"]]
    found = []
    if not case.notified:
        found.append("a record that Amazon was told, or a second person's word that it was none")
    if not case.notes:
        found.append("a timeline: at least one note")
    if not case.scopes:
        found.append("its scope, computed from the log")
    found += missing
    if not case.controls:
        found.append("a corrective control with its owner and date")
    left = len(set(case.steps) - set(case.settled))
    if left:
        found.append(f"{left} steps of the playbook, done or with a reason why not")
    if case.waiting:
        found.append(f"an end to {case.waiting} messages that wait")
    if not case.approved:
        found.append("the post-mortem's approval by another person")
    return found
