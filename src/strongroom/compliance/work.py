"""When recurring work was last done, and people's word for what no room records itself [1.6, 2.2, 2.3].

Work that a room records counts from that room's event in the log; nothing stated replaces it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome
from strongroom.audit.reading import Entry
from strongroom.compliance.cadence import Work, next_due, works
from strongroom.compliance.overseen import Due, DutyId, Finding
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId

LONGEST_BACK: Final = timedelta(days=30)
"""How long after it was done work may be stated."""

_table: Final = schema.work_done
_PLACE: Final = "work_done.note"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """One kind of work as it stands."""

    work: Work
    period: timedelta
    last_at: datetime | None
    due_at: datetime | None
    """None: it is done as it happens."""


@dataclass(frozen=True, slots=True)
class Done:
    """One time that a person stated work was done."""

    done_at: datetime
    by: PrincipalId
    stated_at: datetime
    note: str | None
    evidence: str | None


class WorkBook:
    """The recurring work of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        *,
        current: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._people = people
        self._writings = writings
        self._current = current

    def standing(self, now: datetime) -> list[Standing]:
        """Return all work, what is due first on top; what is done as it happens last."""
        query = sa.select(_table.c.work, sa.func.max(_table.c.done_at).label("at"))
        with self._database.read() as tx:
            stated = {row.work: row.at for row in tx.execute(query.group_by(_table.c.work))}
        begun = self._audit.latest(EventType.HOME_INITIALIZED)
        since = (None if begun is None else _at(begun)) or now
        found = []
        for work in works().values():
            last = self._recorded(work.event, work.ref) if work.event else stated.get(work.name)
            period = work.period(current=self._current)
            changed = stated.get(work.after) if work.after else None
            due = next_due(period, last, since, changed) if period else None
            found.append(Standing(work, period, last, due))
        return sorted(found, key=lambda one: (one.due_at is None, one.due_at or now, one.work.name))

    def done(self, name: str) -> list[Done]:
        """Return the last times that people stated this work was done, newest first."""
        query = (
            sa.select(_table)
            .where(_table.c.work == _named(name).name)
            .order_by(_table.c.done_at.desc(), _table.c.id.desc())
            .limit(_SHOWN)
        )
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return [
            Done(
                row.done_at,
                PrincipalId(row.stated_by),
                row.stated_at,
                None if row.note is None else self._writings.open(_PLACE, row.id, bytes(row.note)),
                row.evidence,
            )
            for row in rows
        ]

    def state(
        self,
        caller: Caller,
        name: str,
        now: datetime,
        *,
        done_at: datetime | None = None,
        note: str = "",
        evidence: str = "",
    ) -> None:
        """State that work was done, on one's own name; `evidence` is the SHA-256 of a file that is kept elsewhere.

        Raises:
            NotFound: there is no such work.
            Denied: the caller may not oversee.
            Conflict: a room records this work itself.
            Malformed: it lies in the future or too far back, the note is too long, or the digest is none.

        """
        work = _named(name)
        self._people.refuse_strangers(caller, now)
        at = now if done_at is None else done_at
        if work.event is not None:
            raise Conflict(
                f"{work.name} counts from what the log has of it", hint=f"do it on {work.path}"
            )
        if not now - LONGEST_BACK <= at <= now:
            raise Malformed("it was done in the last 30 days, or is stated when it is done")
        digest = evidence.strip().lower()
        if digest and not _DIGEST.fullmatch(digest):
            raise Malformed("evidence is the SHA-256 of a file: 64 digits of 0 to 9 and a to f")
        text = note.strip()
        with self._database.write() as tx:
            id_ = tx.execute(
                _table.insert()
                .values(
                    work=work.name,
                    done_at=at,
                    stated_by=caller.principal,
                    stated_at=now,
                    evidence=digest or None,
                )
                .returning(_table.c.id)
            ).scalar_one()
            if text:
                sealed = self._writings.seal(_PLACE, id_, text)
                tx.execute(_table.update().where(_table.c.id == id_).values(note=sealed))
            event = Event(
                EventType.WORK_DONE,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.WORK,
                obj_ref=work.name,
                n=id_,
                changes=(Change(Field.CONTENT, after=digest),) if digest else (),
            )
            self._audit.append(tx, event, now=now)

    def findings(self, now: datetime) -> dict[DutyId, Finding]:  # noqa: ARG002 - as every room
        """Return nothing: that work was stated done is a task closed, and no proof of its duty."""
        return {}

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return when each work is due next."""
        for one in self.standing(now):
            if one.due_at is not None:
                work = one.work
                yield Due(work.title, work.path, one.due_at, office=work.office, duty=work.duty)

    def _recorded(self, event: str, ref: str | None) -> datetime | None:
        type_ = EventType(event)
        if ref is None:
            last = self._audit.latest(type_)
            if last is None or last.outcome == Outcome.SUCCESS.value:
                return None if last is None else _at(last)
        found = None
        for entry in self._audit.of_types([type_]):
            named = entry.body.get("obj", {}).get("ref")
            if entry.outcome == Outcome.SUCCESS.value and ref in (None, named):
                found = _at(entry)
        return found


def _at(entry: Entry) -> datetime | None:
    """Return when something was recorded; None of an entry whose bytes were pruned: that is long ago."""
    return datetime.fromisoformat(entry.body["t"]) if "t" in entry.body else None


def _named(name: str) -> Work:
    try:
        return works()[name]
    except KeyError:
        raise NotFound("there is no such work", hint=f"one of {', '.join(works())}") from None
