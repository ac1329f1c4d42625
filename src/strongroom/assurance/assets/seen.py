"""What opened values here in the last 90 days, and where values go: each has to stand in the inventory [2.3].

Asked of the log and of what was approved, so that nobody has to think of it. People open values on devices: of them
those count that the desk knows. What the log has of long ago is summed once and then followed.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.assurance.assets.kinds import Kind
from strongroom.audit import EventType, Outcome
from strongroom.compliance.registers import Seen as System
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.policy.leaving import has_ended
from strongroom.terms import PrincipalId, PrincipalKind

LOOKS_BACK: Final = timedelta(days=90)
_TYPES: Final = (EventType.RECORD_REVEALED.value, EventType.RELAY_DISCLOSED.value)
_STEP: Final = 50_000
_HANDHELD: Final = ("iphone", "ipad", "android", "ios")
_KINDS: Final = {PrincipalKind.NODE.value: Kind.SERVER}
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_event: Final = schema.audit_event
_principal: Final = schema.principal
_device: Final = schema.login_device


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that the house sees with access to personal data."""

    key: str
    kind: Kind
    name: str
    owner: PrincipalId | None
    at: datetime


class Looking:
    """Looks at one home. Safe between threads."""

    def __init__(self, database: Database, systems: Callable[[datetime], Iterable[System]]) -> None:
        """Look at them; `systems` are what the register of scope sees."""
        self._database = database
        self._systems = systems
        self._lock = threading.Lock()
        self._upto = 0
        self._last: dict[int, datetime] = {}

    def look(self, now: datetime) -> list[Seen]:
        """Return what is seen now: this installation, who opened values lately, and who receives them."""
        found = [Seen("own:strongroom", Kind.SOFTWARE, "Strongroom", None, now)]
        with self._database.read() as tx:
            self._follow(tx)
            since = now - LOOKS_BACK
            last = {id_: at for id_, at in self._last.items() if at > since}
            rows = tx.execute(sa.select(_principal).where(_principal.c.id.in_(list(last)))).all()
            people = {}
            for row in rows:
                if has_ended(row.ended_at, now):
                    continue
                if row.kind == PrincipalKind.PERSON.value:
                    people[row.id] = row.name
                    continue
                kind = _KINDS.get(row.kind, Kind.SOFTWARE)
                found.append(
                    Seen(f"principal:{row.id}", kind, row.name, row.owner_id, last[row.id])
                )
            devices = sa.select(_device).where(
                _device.c.principal_id.in_(list(people)),
                _device.c.last_seen_at > since,
                _device.c.ended_at.is_(None),
            )
            for row in tx.execute(devices):
                name = f"{row.agent}, device {row.id} of {people[row.principal_id]}"
                seen_at = min(row.last_seen_at, now)
                person = PrincipalId(row.principal_id)
                found.append(Seen(f"device:{row.id}", _handheld(row.agent), name, person, seen_at))
        found += [
            Seen(f"system:{one.ref}", Kind.SERVICE, one.title, None, now)
            for one in self._systems(now)
            if one.kind == "destination"
        ]
        return found

    def _follow(self, tx: Transaction) -> None:
        """Go on from where the last look ended; only what was recorded since is read."""
        with self._lock:
            newest = tx.execute(sa.select(sa.func.max(_event.c.seq))).scalar()
            newest = -1 if newest is None else newest
            while self._upto <= newest:
                end = min(self._upto + _STEP, newest + 1)
                query = (
                    sa.select(_event.c.actor, sa.func.max(_event.c.ts).label("ts"))
                    .where(
                        _event.c.type.in_(_TYPES),
                        _event.c.seq >= self._upto,
                        _event.c.seq < end,
                        _event.c.outcome == Outcome.SUCCESS.value,
                    )
                    .group_by(_event.c.actor)
                )
                for row in tx.execute(query):
                    at = _EPOCH + timedelta(microseconds=row.ts)
                    self._last[row.actor] = max(at, self._last.get(row.actor, at))
                self._upto = end


def _handheld(agent: str) -> Kind:
    return Kind.MOBILE if any(word in agent.lower() for word in _HANDHELD) else Kind.COMPUTER
