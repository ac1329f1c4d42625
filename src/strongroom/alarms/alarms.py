"""The objects of this room, built together: whoever has one home has one of each."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from strongroom.alarms.acting import Acting, EndSessions
from strongroom.alarms.drill import Drills
from strongroom.alarms.investigations import Investigations
from strongroom.alarms.mutes import Mutes
from strongroom.alarms.outside import Direct, Outside, Tell
from strongroom.alarms.raising import Raising
from strongroom.alarms.rule import Rule
from strongroom.alarms.watch import Watch
from strongroom.audit import AuditLog
from strongroom.db.engine import Database
from strongroom.feeds import Outbox
from strongroom.terms import PrincipalId


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms of one home."""

    watch: Watch
    acting: Acting
    investigations: Investigations
    drills: Drills
    outside: Outside
    mutes: Mutes

    @classmethod
    def wired(  # noqa: PLR0913 - wired once, by name
        cls,
        database: Database,
        audit: AuditLog,
        *,
        administrators: Callable[[datetime], Collection[PrincipalId]],
        end_sessions: EndSessions,
        one_person: bool,
        rules: Callable[[], Sequence[Rule]],
        outboxes: Sequence[Outbox],
        channels: Sequence[Direct],
        tell: Tell,
        holder: str,
    ) -> Self:
        """Return them: `outboxes` take notices in a transaction, `channels` without one; see each for the others."""
        acting = Acting(
            database,
            audit,
            administrators=administrators,
            end_sessions=end_sessions,
            one_person=one_person,
        )
        mutes = Mutes(database, audit, administrators)
        raising = Raising(acting, administrators, outboxes, mutes.is_quiet)
        return cls(
            Watch(database, audit, raising, rules=rules, holder=holder),
            acting,
            Investigations(
                database, audit, raising, administrators=administrators, one_person=one_person
            ),
            Drills(database, audit, raising, rules=rules, administrators=administrators),
            Outside(database, audit, raising, tell=tell, channels=channels),
            mutes,
        )
