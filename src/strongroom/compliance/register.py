"""A register: entries that people write, and reviews of them by name; the texts lie sealed [1, 1.5, 2, 2.2].

A review counts for what it saw: an entry that was written afterwards, or changed since, is not reviewed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, NotFound
from strongroom.terms import Caller, PrincipalId

MOST: Final = 1000
"""Entries of one register."""

_entries: Final = schema.register_entry
_reviews: Final = schema.register_review
_WORDS: Final = "register_entry.words"
_NOTE: Final = "register_review.note"
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is. `facts` are answers from closed lists, `words` what people wrote."""

    id: int
    ref: str
    facts: Mapping[str, str]
    words: Mapping[str, str]
    changed_by: PrincipalId
    changed_at: datetime
    reviewed_at: datetime | None
    """The last review that saw it as it is."""

    @property
    def title(self) -> str:
        """What a page calls it."""
        return self.words.get("title") or self.ref


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One review of a whole register."""

    at: datetime
    by: PrincipalId
    note: str | None


class Register:
    """One register of a home. What a method changed is durable on return, with its event."""

    def __init__(
        self, name: str, database: Database, audit: AuditLog, people: People, writings: Writings
    ) -> None:
        self.name = name
        self._database = database
        self._audit = audit
        self._people = people
        self._writings = writings

    def entries(self) -> list[Entry]:
        """Return the entries that stand, in the order they were written."""
        with self._database.read() as tx:
            return self._all(tx)

    def entry(self, id_: int) -> Entry:
        """Return one entry that stands. Raises: NotFound."""
        for one in self.entries():
            if one.id == id_:
                return one
        raise NotFound(f"the {self.name} register has no entry {id_}")

    def write(
        self,
        caller: Caller,
        ref: str | None,
        facts: Mapping[str, str],
        words: Mapping[str, str],
        now: datetime,
    ) -> int:
        """Write an entry, or write it anew; `ref` None gives it a name. It is not reviewed by that.

        Raises:
            Denied: the caller may not oversee.
            Conflict: the register is full.
            Malformed: a text is too long.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            standing = self._all(tx)
            known = {one.ref: one.id for one in standing}
            if ref is None:
                ref = f"declared-{self._next(tx)}"
            if ref not in known and len(known) >= MOST:
                raise Conflict(f"the {self.name} register has {MOST} entries already")
            place = f"{self.name}/{ref}"
            values = {
                "facts": orjson.dumps(dict(facts), option=orjson.OPT_SORT_KEYS).decode(),
                "words": self._writings.seal(_WORDS, place, orjson.dumps(dict(words)).decode()),
                "changed_by": caller.principal,
                "changed_at": now,
                "ended_at": None,
            }
            where = (_entries.c.register == self.name, _entries.c.ref == ref)
            row = tx.execute(sa.select(_entries.c.id).where(*where).with_for_update()).first()
            if row is None:
                insert = _entries.insert().values(register=self.name, ref=ref, **values)
                id_: int = tx.execute(insert.returning(_entries.c.id)).scalar_one()
            else:
                id_ = row.id
                tx.execute(_entries.update().where(_entries.c.id == id_).values(**values))
            self._record(tx, EventType.REGISTER_CHANGED, caller, now, ref, "written")
        return id_

    def end(self, caller: Caller, id_: int, now: datetime) -> None:
        """Take an entry out of the register; the log keeps that it was there. Raises: NotFound, Denied."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            found = [one for one in self._all(tx) if one.id == id_]
            if not found:
                raise NotFound(f"the {self.name} register has no entry {id_}")
            tx.execute(_entries.update().where(_entries.c.id == id_).values(ended_at=now))
            self._record(tx, EventType.REGISTER_CHANGED, caller, now, found[0].ref, "ended")

    def review(self, caller: Caller, note: str, now: datetime) -> None:
        """State on one's name that the whole register was looked at as it is now.

        Raises:
            Denied: the caller may not oversee.
            Conflict: there is nothing to review.
            Malformed: the note is too long.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            entries = self._all(tx)
            if not entries:
                raise Conflict(f"the {self.name} register is empty", hint="write an entry first")
            seen = [
                [e.ref, e.changed_at.isoformat(), dict(e.facts), dict(e.words)] for e in entries
            ]
            digest = hashlib.sha256(orjson.dumps(seen, option=orjson.OPT_SORT_KEYS)).hexdigest()
            # A pseudonym, not the digest itself: texts can be guessed.
            keyed = self._audit.pseudonym("register", digest)
            id_ = tx.execute(
                _reviews.insert()
                .values(
                    register=self.name,
                    ref="",
                    reviewed_by=caller.principal,
                    reviewed_at=now,
                    seen=keyed,
                )
                .returning(_reviews.c.id)
            ).scalar_one()
            if note.strip():
                sealed = self._writings.seal(_NOTE, id_, note.strip())
                tx.execute(_reviews.update().where(_reviews.c.id == id_).values(note=sealed))
            event = Event(
                EventType.REGISTER_REVIEWED,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.REGISTER,
                obj_ref=self.name,
                n=len(entries),
                changes=(Change(Field.POPULATION, after=keyed),),
            )
            self._audit.append(tx, event, now=now)

    def reviews(self) -> list[Reviewed]:
        """Return the last reviews of the whole register, newest first."""
        query = (
            sa.select(_reviews)
            .where(_reviews.c.register == self.name)
            .order_by(_reviews.c.reviewed_at.desc(), _reviews.c.id.desc())
            .limit(_SHOWN)
        )
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return [
            Reviewed(
                row.reviewed_at,
                PrincipalId(row.reviewed_by),
                None if row.note is None else self._writings.open(_NOTE, row.id, bytes(row.note)),
            )
            for row in rows
        ]

    # -- private ---------------------------------------------------------------------------------

    def _all(self, tx: Transaction) -> list[Entry]:
        last = tx.execute(
            sa.select(sa.func.max(_reviews.c.reviewed_at)).where(_reviews.c.register == self.name)
        ).scalar()
        query = (
            sa.select(_entries)
            .where(_entries.c.register == self.name, _entries.c.ended_at.is_(None))
            .order_by(_entries.c.id)
        )
        return [
            Entry(
                row.id,
                row.ref,
                orjson.loads(row.facts),
                orjson.loads(
                    self._writings.open(_WORDS, f"{self.name}/{row.ref}", bytes(row.words))
                ),
                PrincipalId(row.changed_by),
                row.changed_at,
                last if last is not None and last >= row.changed_at else None,
            )
            for row in tx.execute(query)
        ]

    def _next(self, tx: Transaction) -> int:
        return (tx.execute(sa.select(sa.func.max(_entries.c.id))).scalar() or 0) + 1

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        now: datetime,
        ref: str,
        op: str,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            op=f"{self.name}.{op}",
            obj_kind=ObjKind.REGISTER,
            obj_ref=ref,
        )
        self._audit.append(tx, event, now=now)
