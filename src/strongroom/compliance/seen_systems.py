"""Which systems the house itself sees receive Information: apps, destinations, feeds, paper and imports [1, 2].

Asked each time anew, so that a new integration shows with the next look.
"""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from strongroom.accounts import Accounts
from strongroom.audit import AuditLog, EventType
from strongroom.compliance.registers import Seen
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.feeds.targets import Role, Targets
from strongroom.policy.leaving import has_ended
from strongroom.terms import PrincipalKind

_KINDS = {Role.PARTY: "destination", Role.FEED: "feed", Role.CHANNEL: "feed"}


def looking(
    accounts: Accounts, targets: Targets, audit: AuditLog
) -> Callable[[datetime], list[Seen]]:
    """Return what looks at an instant."""

    def look(now: datetime) -> list[Seen]:
        found = [
            Seen(f"app-{app.id}", app.name, "app")
            for app in accounts.listed(PrincipalKind.APP)
            if not has_ended(app.ended_at, now)
        ]
        for role, kind in _KINDS.items():
            found += [
                Seen(f"{role}-{target.id}", target.name, kind) for target in targets.in_effect(role)
            ]
        if audit.latest(EventType.PAPER_PRINTED) is not None:
            found.append(Seen("paper", "Printed labels and slips", "paper"))
        if audit.latest(EventType.IMPORT_FINISHED) is not None:
            found.append(Seen("import", "Imported files", "import"))
        return found

    return look


def marketplaces_of(database: Database) -> Callable[[], set[str]]:
    """Return what reads the marketplaces of all selling partners; nothing sealed is opened."""

    def read() -> set[str]:
        with database.read() as tx:
            rows = tx.execute(sa.select(schema.seller.c.marketplaces)).scalars()
            return {one for row in rows for one in row.split(",") if one}

    return read
