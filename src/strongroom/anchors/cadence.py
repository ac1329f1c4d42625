"""When an anchor is asked, and when what became of it is an event: where it changes, and then rarely.

A round is begun by the clock, never by an event, and makes at most one event an anchor. These rules bound them: a log
that only its own anchoring makes grow comes to rest (ADR 0121). Pure.
"""

from datetime import datetime, timedelta
from typing import Final

from strongroom.audit.entry import Reason

WELL: Final = ""
"""What stands in place of a reason where all went well."""

SEVERE: Final = frozenset({Reason.FORKED.value, Reason.ROLLED_BACK.value, Reason.TAMPERED.value})
"""Reasons that say that a history was rewritten, or a key is wrong: told without any wait."""

SETTLED: Final = timedelta(minutes=10)
"""How long any other change waits behind the last event, so that what comes and goes makes no flood."""

WELL_EVERY: Final = timedelta(hours=1)
FAULT_EVERY: Final = timedelta(days=1)


def is_due(told: str | None, told_at: datetime | None, state: str, now: datetime) -> bool:
    """Tell whether a state is to be recorded; `told` is the one that was last, and `told_at` when."""
    # A clock that was set back must not end the telling.
    if told is None or told_at is None or now < told_at:
        return True
    passed = now - told_at
    if state == told:
        return passed >= (WELL_EVERY if state == WELL else FAULT_EVERY)
    return passed >= SETTLED or (state in SEVERE and told not in SEVERE)


ROUND_EVERY: Final = timedelta(minutes=1)
"""How often a round begins: witnesses see every one in which the log has grown."""

ASK_EVERY: Final = timedelta(hours=1)
"""How often a timestamp is taken and a copy brought up to date."""

RETRY_EVERY: Final = timedelta(minutes=10)


def is_due_hourly(
    reached_at: datetime | None, tried_at: datetime | None, fault: str | None, now: datetime
) -> bool:
    """Tell whether a timestamp authority or a copy is to be asked; after a fault it is asked sooner."""
    if fault is not None:
        return tried_at is None or not timedelta() <= now - tried_at < RETRY_EVERY
    return reached_at is None or not timedelta() <= now - reached_at < ASK_EVERY
