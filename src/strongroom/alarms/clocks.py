"""Until when somebody must look at an alarm and close it, who is asked, and when more people are [1.6].

Pure: words and instants in, instants out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.alarms.kinds import Response, Severity

REPORT_WITHIN: Final = timedelta(hours=24)
"""DPP 1.6: Amazon is told of a Security Incident within 24 hours of its discovery."""

DRILL_EVERY: Final = timedelta(days=90)
"""DPP 2.6: monitoring is exercised each quarter."""

LOOK_WITHIN: Final = {
    Severity.CRITICAL: timedelta(minutes=15),
    Severity.HIGH: timedelta(hours=1),
    Severity.MEDIUM: timedelta(days=1),
    Severity.LOW: timedelta(days=3),
}
"""Our own: how soon the owner takes an investigation up."""

CLOSE_WITHIN: Final = {
    Severity.CRITICAL: timedelta(hours=24),
    Severity.HIGH: timedelta(hours=24),
    Severity.MEDIUM: timedelta(days=7),
    Severity.LOW: timedelta(days=30),
}
"""Our own: how soon it has its disposition; where it may be an incident, within the time to report one."""

_REPORTED: Final = frozenset({Severity.CRITICAL, Severity.HIGH})
_SEVERITIES: Final = tuple(Severity)
_RESPONSES: Final = tuple(Response)


class Disposition(StrEnum):
    """What an alarm turned out to be; each gets one."""

    TRUE_POSITIVE = "true_positive"
    """What it says happened: an incident, or nearly one [1.6]."""
    FALSE_POSITIVE = "false_positive"
    """It did not happen: the rule was wrong."""
    BENIGN = "benign"
    """It happened and was allowed."""
    DUPLICATE = "duplicate"
    """Another investigation is about the same."""
    DRILL = "drill"
    """Somebody tried the alarm."""


class Called(StrEnum):
    """Who is asked to act."""

    OWNER = "owner"
    PEERS = "peers"
    """The owner, and who has the same task for others."""
    ADMINISTRATORS = "administrators"
    """Everybody who may administer."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The instants of one investigation."""

    look_by: datetime
    close_by: datetime
    report_by: datetime | None
    """When 24 hours are over in which Amazon must hear of an incident; None where it can hardly be one."""


def clock_of(severity: Severity, since: datetime) -> Clock:
    """Return the instants of an alarm that was raised at `since`."""
    report_by = since + REPORT_WITHIN if severity in _REPORTED else None
    return Clock(since + LOOK_WITHIN[severity], since + CLOSE_WITHIN[severity], report_by)


def escalates_at(
    clock: Clock, severity: Severity, taken_at: datetime | None, now: datetime
) -> datetime:
    """Return when more people are asked: where nobody took it up or closed it in time, and then again and again."""
    deadline = clock.look_by if taken_at is None else clock.close_by
    return deadline if deadline > now else now + LOOK_WITHIN[severity]


def called_at(level: int) -> Called:
    """Return who is asked after so many escalations."""
    if level == 0:
        return Called.OWNER
    return Called.PEERS if level == 1 else Called.ADMINISTRATORS


def graver(one: Severity, other: Severity) -> Severity:
    """Return the graver of two severities."""
    return max(one, other, key=_SEVERITIES.index)


def stronger(one: Response, other: Response) -> Response:
    """Return the stronger of two responses."""
    return max(one, other, key=_RESPONSES.index)
