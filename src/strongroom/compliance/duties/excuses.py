"""Exceptions from duties, and duties that do not apply: one person asks, another approves, a day ends them [3].

Both people and the terms are what the log recorded; a row that says something else excuses nobody. Reasons are sealed.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.duties.catalogue import Duty, duty_of
from strongroom.compliance.duties.entitled import Entitled
from strongroom.compliance.duties.naming import names_in
from strongroom.compliance.duties.said import Excuse, ExcuseKind
from strongroom.compliance.overseen import DutyId
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.policy.limits import LONGEST_EXCUSE
from strongroom.terms import Caller, PrincipalId

LONGEST_REASON: Final = 2000
_REASON: Final = "duty_excuse.reason"
_TERMS: Final = 16
_TYPES: Final = (
    EventType.DUTY_EXCUSE_REQUESTED,
    EventType.DUTY_EXCUSE_APPROVED,
    EventType.DUTY_EXCUSE_ENDED,
)

_rows: Final = schema.duty_excuse


class Excuses:
    """The excuses of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self, database: Database, audit: AuditLog, writings: Writings, entitled: Entitled
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._entitled = entitled

    def ask(
        self,
        caller: Caller,
        duty: Duty,
        kind: ExcuseKind,
        reason: str,
        lifetime: timedelta,
        now: datetime,
    ) -> Excuse:
        """Ask that a duty needs not be kept for a while; it counts at once only in a home of one person.

        Raises:
            Denied: the caller may not speak for the duty; recorded.
            Malformed: no reason, one that is too long, or for longer than a year.
            Conflict: one waits or counts already.

        """
        if not reason.strip() or len(reason) > LONGEST_REASON:
            raise Malformed(f"an exception has a reason of up to {LONGEST_REASON:,} characters")
        if not timedelta(0) < lifetime <= LONGEST_EXCUSE:
            raise Malformed(f"an exception ends within {LONGEST_EXCUSE.days} days")
        if not self._entitled.may_speak(caller, duty.office, now):
            self._refuse(caller, EventType.DUTY_EXCUSE_REQUESTED, duty.id, now)
            raise Denied(
                f"for duty {duty.id} the {duty.office.replace('_', ' ')}, the deputy or an"
                " administrator asks",
            )
        at_once = self._entitled.one_person
        with self._database.write() as tx:
            known = self._read(tx, _rows.c.duty == duty.id)
            if any(one.sound and one.state(now) in ("pending", "active") for one in known):
                raise Conflict(f"duty {duty.id} has an exception that waits or counts")
            values: dict[str, Any] = {
                "duty": duty.id,
                "kind": kind.value,
                "reason": b"",
                "asked_by": caller.principal,
                "asked_at": now,
                "ends_at": now + lifetime,
            }
            id_ = tx.execute(_rows.insert().values(**values).returning(_rows.c.id)).scalar_one()
            sealed: dict[str, Any] = {"reason": self._writings.seal(_REASON, id_, reason)}
            if at_once:
                sealed |= {"approved_by": caller.principal, "approved_at": now}
            tx.execute(_rows.update().where(_rows.c.id == id_).values(**sealed))
            self._record(tx, EventType.DUTY_EXCUSE_REQUESTED, caller, id_, now)
            if at_once:
                self._record(tx, EventType.DUTY_EXCUSE_APPROVED, caller, id_, now)
            return self._one(tx, id_)

    def approve(self, caller: Caller, excuse: int, terms: str, now: datetime) -> Excuse:
        """Let an excuse count, as it was shown under `terms`.

        Raises:
            NotFound: there is none of this number.
            Denied: who asked for it, or somebody who may not, approves; recorded.
            Conflict: it does not wait, or other terms were shown.

        """
        with self._database.read() as tx:
            office = duty_of(self._one(tx, excuse).duty).office
        entitled = self._entitled.may_approve(caller, office, now)
        with self._database.write() as tx:
            found = self._one(tx, excuse)
            own = caller.principal == found.asked_by and not self._entitled.one_person
            if entitled and not own:
                if found.state(now) != "pending" or not found.sound:
                    raise Conflict(f"exception {excuse} does not wait for anybody")
                if terms.lower() != self._terms(tx, excuse):
                    raise Conflict(
                        "the exception is not what was shown under these terms",
                        hint="look at it again",
                    )
                self._change(tx, found, approved_by=caller.principal, approved_at=now)
                self._record(tx, EventType.DUTY_EXCUSE_APPROVED, caller, excuse, now)
                return self._one(tx, excuse)
            reason = Reason.SELF_REVIEW if own else Reason.NOT_AUTHORIZED
            event = Event(
                EventType.DUTY_EXCUSE_APPROVED,
                Outcome.DENIED,
                caller,
                reason=reason,
                op=found.duty,
                obj_kind=ObjKind.EXCUSE,
                obj_ref=str(excuse),
            )
            self._audit.append(tx, event, now=now)
        if own:
            raise Denied("nobody approves an exception that they asked for")
        raise Denied("an exception is approved by an administrator, or by who answers for security")

    def end(self, caller: Caller, excuse: int, now: datetime) -> Excuse:
        """Reject an excuse that waits, or end one that counts.

        Raises:
            NotFound: there is none of this number.
            Denied: the caller may not speak for the duty; recorded.
            Conflict: it has ended.

        """
        with self._database.read() as tx:
            duty = duty_of(self._one(tx, excuse).duty)
        if not self._entitled.may_approve(caller, duty.office, now):
            self._refuse(caller, EventType.DUTY_EXCUSE_ENDED, duty.id, now)
            raise Denied("an exception is ended by who may ask for it or approve it")
        with self._database.write() as tx:
            found = self._one(tx, excuse)
            if found.state(now) not in ("pending", "active"):
                raise Conflict(f"exception {excuse} has ended")
            self._change(tx, found, ended_by=caller.principal, ended_at=now)
            self._record(tx, EventType.DUTY_EXCUSE_ENDED, caller, excuse, now)
            return self._one(tx, excuse)

    def counting(self, now: datetime, *, opened: bool = False) -> dict[DutyId, Excuse]:
        """Return the excuse of each duty that counts, with its reason where `opened`."""
        where = sa.and_(_rows.c.ends_at > now, _rows.c.approved_at.is_not(None))
        with self._database.read() as tx:
            found = self._read(tx, where, opened=opened)
        return {one.duty: one for one in found if one.counts(now)}

    def waiting(self, now: datetime, *, opened: bool = False) -> list[Excuse]:
        """Return what waits for a second person, with its reason where `opened`."""
        where = sa.and_(_rows.c.ends_at > now, _rows.c.approved_at.is_(None))
        with self._database.read() as tx:
            found = self._read(tx, where, opened=opened)
        return [one for one in found if one.sound and one.state(now) == "pending"]

    def of(self, duty: DutyId) -> list[Excuse]:
        """Return all there ever were of a duty, newest first, with their reasons."""
        with self._database.read() as tx:
            return self._read(tx, _rows.c.duty == duty, opened=True)[::-1]

    def terms(self, excuse: int) -> str:
        """Return 16 hex digits of what an excuse says: who approves names them. Raises: NotFound."""
        with self._database.read() as tx:
            self._one(tx, excuse)
            return self._terms(tx, excuse)

    # -- private ---------------------------------------------------------------------------------

    def _terms(self, tx: Transaction, excuse: int) -> str:
        row = tx.execute(sa.select(_rows).where(_rows.c.id == excuse)).one()
        return self._seal(row)[:_TERMS]

    def _one(self, tx: Transaction, excuse: int) -> Excuse:
        found = self._read(tx, _rows.c.id == excuse, opened=True)
        if not found:
            raise NotFound(f"there is no exception {excuse}")
        return found[0]

    def _read(
        self, tx: Transaction, where: sa.ColumnElement[bool], *, opened: bool = False
    ) -> list[Excuse]:
        # A row of a kind that is none is not ours, and stops nothing.
        ours = _rows.c.kind.in_([kind.value for kind in ExcuseKind])
        kept = tx.execute(sa.select(_rows).where(where, ours).order_by(_rows.c.id)).all()
        if not kept:
            return []
        recorded = self._recorded(tx)
        names = names_in(tx, [by for row in kept for by in (row.asked_by, row.approved_by)])
        return [self._excuse(row, recorded.get(row.id, {}), names, opened=opened) for row in kept]

    def _recorded(self, tx: Transaction) -> dict[int, dict[str, tuple[str, int]]]:
        """Return the seal and the person of each step of every excuse, as the log has them."""
        found: dict[int, dict[str, tuple[str, int]]] = {}
        for entry in self._audit.of_types(_TYPES, tx=tx):
            if entry.outcome == Outcome.SUCCESS.value:
                body = entry.body
                steps = found.setdefault(int(body["obj"]["ref"]), {})
                steps[entry.type] = body["chg"][0]["after"], body["actor"]["id"]
        return found

    def _excuse(
        self,
        row: sa.Row[Any],
        steps: Mapping[str, tuple[str, int]],
        names: Mapping[PrincipalId, str],
        *,
        opened: bool,
    ) -> Excuse:
        seal = self._seal(row)
        said = {
            EventType.DUTY_EXCUSE_REQUESTED.value: row.asked_by,
            EventType.DUTY_EXCUSE_APPROVED.value: row.approved_by,
            EventType.DUTY_EXCUSE_ENDED.value: row.ended_by,
        }
        sound = steps == {type_: (seal, by) for type_, by in said.items() if by is not None}
        one_person = self._entitled.one_person
        # Two people, or a home that declared to have one.
        sound = sound and (row.approved_by != row.asked_by or one_person)
        approver = row.approved_by
        shown = opened and sound
        return Excuse(
            row.id,
            DutyId(row.duty),
            ExcuseKind(row.kind),
            PrincipalId(row.asked_by),
            row.asked_at,
            row.ends_at,
            None if approver is None else PrincipalId(approver),
            row.approved_at,
            None if row.ended_by is None else PrincipalId(row.ended_by),
            row.ended_at,
            names[PrincipalId(row.asked_by)],
            "" if approver is None else names[PrincipalId(approver)],
            sound,
            approver == row.asked_by,
            self._writings.open(_REASON, row.id, bytes(row.reason)) if shown else "",
        )

    def _seal(self, row: sa.Row[Any]) -> str:
        """Return the pseudonym under which the log knows all that an excuse says."""
        terms = {
            "id": row.id,
            "duty": row.duty,
            "kind": row.kind,
            "reason": sha256(bytes(row.reason)).hexdigest(),
            "by": row.asked_by,
            "at": row.asked_at.isoformat(),
            "until": row.ends_at.isoformat(),
        }
        return self._audit.pseudonym("duty-excuse", json.dumps(terms, sort_keys=True))

    def _change(self, tx: Transaction, found: Excuse, **values: object) -> None:
        """Write what changed of an excuse that nobody else has changed meanwhile. Raises: Conflict."""
        unchanged = (
            _rows.c.approved_at.is_not_distinct_from(found.approved_at),
            _rows.c.ended_at.is_(None),
        )
        done = tx.execute(_rows.update().where(_rows.c.id == found.id, *unchanged).values(**values))
        if done.rowcount != 1:
            raise Conflict(f"exception {found.id} was changed meanwhile")

    def _record(
        self, tx: Transaction, type_: EventType, caller: Caller, excuse: int, now: datetime
    ) -> None:
        row = tx.execute(sa.select(_rows).where(_rows.c.id == excuse)).one()
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            op=row.duty,
            obj_kind=ObjKind.EXCUSE,
            obj_ref=str(excuse),
            changes=(Change(Field.TERMS, after=self._seal(row)),),
        )
        self._audit.append(tx, event, now=now)

    def _refuse(self, caller: Caller, type_: EventType, duty: DutyId, now: datetime) -> None:
        event = Event(type_, Outcome.DENIED, caller, reason=Reason.NOT_AUTHORIZED, op=duty)
        self._audit.record(event, now=now)
