"""Keeps what people state of duties: only added to, and worth nothing unless the log recorded the same [2.2, 3].

A statement is of the duty's own text, which the person was shown; it ends by itself. It is withdrawn by another row, so
that both stay. Notes and names of evidence are sealed. A row that was edited, added or taken away behind our back does
not count, whatever it says.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.duties.catalogue import Duty, Kind
from strongroom.compliance.duties.entitled import Entitled
from strongroom.compliance.duties.naming import UNKNOWN, names_in
from strongroom.compliance.duties.said import Item, Statement
from strongroom.compliance.overseen import DutyId
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.terms import Caller, PrincipalId

MOST_ITEMS: Final = 20
LONGEST_NOTE: Final = 2000
LONGEST_NAME: Final = 200
_NOTE: Final = "duty_statement.note"
_EVIDENCE: Final = "duty_statement.evidence"
_DIGEST_LENGTH: Final = 64
_HEX: Final = frozenset("0123456789abcdef")
_LOOKED_BACK: Final = timedelta(days=3 * 365)
"""A statement lives for a year at most; of one that ended longer ago than this nobody hears any more."""

_TYPES: Final = (EventType.DUTY_STATED, EventType.DUTY_WITHDRAWN)

_rows: Final = schema.duty_statement


class Statements:
    """The statements of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self, database: Database, audit: AuditLog, writings: Writings, entitled: Entitled
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._entitled = entitled

    def make(
        self,
        caller: Caller,
        duty: Duty,
        digest: str,
        now: datetime,
        *,
        note: str = "",
        evidence: Iterable[Item] = (),
    ) -> Statement:
        """State what a duty's text says; `digest` is the SHA-256 of the text that was shown.

        Raises:
            Denied: the caller does not hold the office, is no deputy and does not administer; recorded.
            Conflict: nobody has to state this duty, or another text was shown.
            Malformed: a note or the evidence is too long, or a digest is none.

        """
        if Kind.ATTEST not in duty.parts or duty.renewed is None:
            raise Conflict(f"duty {duty.id} is not stated by people")
        if digest != duty.digest:
            raise Conflict(
                "the statement reads otherwise now", hint="read it again, and state it then"
            )
        return self._add(
            caller, duty, EventType.DUTY_STATED, now, note, evidence, duty.renewed.after(now)
        )

    def withdraw(self, caller: Caller, duty: Duty, now: datetime, *, note: str = "") -> Statement:
        """Say that what was stated of a duty holds no longer.

        Raises:
            Denied: as `make`; recorded.
            Conflict: no statement counts.
            Malformed: the note is too long.

        """
        last = self.last(now).get(duty.id)
        if last is None or last.withdraws:
            raise Conflict(f"nothing is stated of duty {duty.id}")
        return self._add(caller, duty, EventType.DUTY_WITHDRAWN, now, note, (), now)

    def last(self, now: datetime) -> dict[DutyId, Statement]:
        """Return the last statement of each duty, by the log; one that the log knows otherwise is not sound."""
        with self._database.read() as tx:
            recorded = self._recorded(tx, now - _LOOKED_BACK)
            ids = [id_ for id_, _seal in recorded.values()]
            kept = {row.id: row for row in tx.execute(sa.select(_rows).where(_rows.c.id.in_(ids)))}
            names = names_in(tx, [row.made_by for row in kept.values()])
        active = self._entitled.active(now)
        return {
            duty: self._statement(duty, id_, kept.get(id_), seal, active, names)
            for duty, (id_, seal) in recorded.items()
        }

    def history(self, duty: DutyId, now: datetime, *, most: int = 50) -> list[Statement]:
        """Return the statements of a duty, newest first, with their notes."""
        query = sa.select(_rows).where(_rows.c.duty == duty).order_by(_rows.c.id.desc())
        with self._database.read() as tx:
            kept = tx.execute(query.limit(most)).all()
            seals = self._seals(tx, duty)
            names = names_in(tx, [row.made_by for row in kept])
        active = self._entitled.active(now)
        return [
            self._statement(duty, row.id, row, seals.get(row.id), active, names, opened=True)
            for row in kept
        ]

    # -- private ---------------------------------------------------------------------------------

    def _add(
        self,
        caller: Caller,
        duty: Duty,
        type_: EventType,
        now: datetime,
        note: str,
        evidence: Iterable[Item],
        expires_at: datetime,
    ) -> Statement:
        items = tuple(evidence)
        _check(note, items)
        if not self._entitled.may_speak(caller, duty.office, now):
            refused = Event(type_, Outcome.DENIED, caller, reason=Reason.NOT_AUTHORIZED, op=duty.id)
            self._audit.record(refused, now=now)
            raise Denied(
                f"duty {duty.id} is stated by the {duty.office.replace('_', ' ')}, the deputy or"
                " an administrator",
                hint="ask one of them, or have yourself put into the office",
            )
        with self._database.write() as tx:
            values: dict[str, Any] = {
                "duty": duty.id,
                "withdraws": type_ is EventType.DUTY_WITHDRAWN,
                "digest": duty.digest,
                "made_by": caller.principal,
                "made_at": now,
                "expires_at": expires_at,
            }
            id_ = tx.execute(_rows.insert().values(**values).returning(_rows.c.id)).scalar_one()
            sealed = {
                "note": self._writings.seal(_NOTE, id_, note) if note else None,
                "evidence": self._writings.seal(_EVIDENCE, id_, _packed(items)) if items else None,
            }
            tx.execute(_rows.update().where(_rows.c.id == id_).values(**sealed))
            row = tx.execute(sa.select(_rows).where(_rows.c.id == id_)).one()
            seal = self._seal(row)
            event = Event(
                type_,
                Outcome.SUCCESS,
                caller,
                op=duty.id,
                obj_kind=ObjKind.STATEMENT,
                obj_ref=str(id_),
                n=len(items),
                changes=(Change(Field.TERMS, after=seal),),
            )
            self._audit.append(tx, event, now=now)
        me = {caller.principal: caller.name}
        return self._statement(duty.id, id_, row, seal, me, me, opened=True)

    def _recorded(self, tx: Transaction, since: datetime) -> dict[DutyId, tuple[int, str]]:
        """Return the number and the seal of the last statement of each duty, as the log has them."""
        return {
            DutyId(entry.body["op"]): (int(entry.body["obj"]["ref"]), entry.body["chg"][0]["after"])
            for entry in self._audit.of_types(_TYPES, since, tx)
            if entry.outcome == Outcome.SUCCESS.value
        }

    def _seals(self, tx: Transaction, duty: DutyId) -> dict[int, str]:
        return {
            int(entry.body["obj"]["ref"]): entry.body["chg"][0]["after"]
            for entry in self._audit.of_types(_TYPES, tx=tx)
            if entry.outcome == Outcome.SUCCESS.value and entry.body["op"] == duty
        }

    def _seal(self, row: sa.Row[Any]) -> str:
        """Return the pseudonym under which the log knows all that a statement says."""
        terms = {
            "id": row.id,
            "duty": row.duty,
            "withdraws": bool(row.withdraws),
            "digest": row.digest,
            "by": row.made_by,
            "at": row.made_at.isoformat(),
            "until": row.expires_at.isoformat(),
            "note": _hash(row.note),
            "evidence": _hash(row.evidence),
        }
        return self._audit.pseudonym("duty-statement", json.dumps(terms, sort_keys=True))

    def _statement(
        self,
        duty: DutyId,
        id_: int,
        row: sa.Row[Any] | None,
        seal: str | None,
        active: Mapping[PrincipalId, str],
        names: Mapping[PrincipalId, str],
        *,
        opened: bool = False,
    ) -> Statement:
        if row is None:
            return _missing(id_, duty)
        sound = row.duty == duty and seal is not None and self._seal(row) == seal
        person = PrincipalId(row.made_by)
        # What is not sound is not opened either: it need not be from here.
        note = opened and sound and row.note is not None
        text = self._writings.open(_NOTE, row.id, bytes(row.note)) if note else ""
        items: tuple[Item, ...] = ()
        if sound and row.evidence is not None:
            items = _unpacked(self._writings.open(_EVIDENCE, row.id, bytes(row.evidence)))
        return Statement(
            row.id,
            duty,
            bool(row.withdraws),
            row.digest,
            person,
            names[person],
            person in active,
            row.made_at,
            row.expires_at,
            sound,
            text,
            items,
        )


def _missing(id_: int, duty: DutyId) -> Statement:
    """Return what stands for a statement that the log knows and the table does not."""
    gone = datetime.min.replace(tzinfo=UTC)
    return Statement(
        id_,
        duty,
        withdraws=False,
        digest="",
        person=PrincipalId(0),
        name=UNKNOWN,
        active=False,
        made_at=gone,
        expires_at=gone,
        sound=False,
    )


def _check(note: str, items: tuple[Item, ...]) -> None:
    if len(note) > LONGEST_NOTE:
        raise Malformed(f"a note has up to {LONGEST_NOTE:,} characters")
    if len(items) > MOST_ITEMS:
        raise Malformed(f"a statement refers to up to {MOST_ITEMS} items of evidence")
    for item in items:
        if not 0 < len(item.name) <= LONGEST_NAME:
            raise Malformed(f"evidence has a name of up to {LONGEST_NAME} characters")
        if len(item.digest) != _DIGEST_LENGTH or not _HEX.issuperset(item.digest):
            raise Malformed("evidence is named by its SHA-256: 64 digits of hex")


def _packed(items: tuple[Item, ...]) -> str:
    return json.dumps([[item.name, item.digest] for item in items])


def _unpacked(text: str) -> tuple[Item, ...]:
    return tuple(Item(name, digest) for name, digest in json.loads(text))


def _hash(sealed: bytes | None) -> str | None:
    return None if sealed is None else sha256(bytes(sealed)).hexdigest()
