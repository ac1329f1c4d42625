"""When a backup, its drill or the end of a keystore's copy is due, and which backups are kept: instants in, words out.

Pure [2.1, 2.4]. Backups hold sealed rows only: what is due in them dies with its period key, so how long they are kept
decides how far back one can go, and nothing about personal data.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

LATE_AFTER: Final = 2
"""A backup is late once so many of its spans have passed without one."""
DRILL_GRACE: Final = timedelta(days=14)
"""So long before its day a drill is asked for."""


class Kept(NamedTuple):
    """A backup that lies somewhere."""

    id: int
    taken_at: datetime


def is_due(last: datetime | None, every: timedelta | None, now: datetime) -> bool:
    """Tell whether the next backup is to be taken; `every` None: never."""
    return every is not None and (last is None or now - last >= every or last > now)


def is_late(last: datetime | None, every: timedelta | None, since: datetime, now: datetime) -> bool:
    """Tell whether none came for too long; `since` is when backups were set up."""
    return every is not None and now - (last or since) > LATE_AFTER * every


def drill_is_late(
    last: datetime | None, every: timedelta | None, since: datetime, now: datetime
) -> bool:
    """Tell whether the drill that is due every so often did not take place."""
    return every is not None and now - (last or since) > every


def surplus(kept: Sequence[Kept], most: int, longest: timedelta, now: datetime) -> list[int]:
    """Return the backups to remove: all but the newest `most`, and what is older than `longest`; never the last one."""
    newest = sorted(kept, key=lambda one: (one.taken_at, one.id), reverse=True)
    return [
        one.id
        for place, one in enumerate(newest)
        if place and (place >= most or now - one.taken_at > longest)
    ]


def outlives(expires_at: datetime, created_at: datetime, lifetime: timedelta) -> bool:
    """Tell whether a copy of the keystore lives longer than what is taken off every date of disposal [2.1]."""
    return expires_at - created_at > lifetime
