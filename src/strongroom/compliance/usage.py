"""When a principal last did anything, and when each of its grants was last used, as the log has it [1.2].

Looks at the principal's own latest entries, a few thousand at most: what lies further back was not lately.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.audit import Outcome
from strongroom.audit.browsing import Wanted, browse
from strongroom.db.engine import Database
from strongroom.terms import PrincipalId

LOOKS_BACK: Final = timedelta(days=60)
_MOST: Final = 2000


@dataclass(frozen=True, slots=True)
class Used:
    """What was seen: `complete` says that nothing of the last 60 days was left out."""

    last_at: datetime | None
    grants: dict[int, datetime]
    complete: bool

    def unused_for(self, grant: int, given_at: datetime, now: datetime) -> int | None:
        """Return for how many whole days a grant was not used, 60 at most; None where nobody can tell."""
        last = self.grants.get(grant)
        if last is None and not self.complete:
            return None
        since = max(last or given_at, given_at)
        return min((now - since).days, LOOKS_BACK.days)


def used(database: Database, principal: PrincipalId, now: datetime) -> Used:
    """Return what a principal did in the last 60 days."""
    with database.read() as tx:
        wanted = Wanted(actor=principal, since=now - LOOKS_BACK)
        found = browse(tx, wanted, before=None, after=None, limit=_MOST)
    grants: dict[int, datetime] = {}
    last_at = None
    for entry in found.entries:
        if "t" not in entry.body:
            continue
        at = datetime.fromisoformat(entry.body["t"])
        last_at = last_at or at
        grant = entry.body.get("dec")
        if grant is not None and entry.outcome == Outcome.SUCCESS.value:
            grants.setdefault(grant, at)
    complete = found.stopped_at is None and len(found.entries) < _MOST
    return Used(last_at, grants, complete)
