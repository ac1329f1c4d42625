"""Keeps investigations: who looks into an alarm, until when, what it was, and who hears of it otherwise [1.6].

Nobody decides about an alarm of their own. The stated note stays in its row: the log has its pseudonym.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from strongroom.accounts import entries
from strongroom.accounts.changes import changing
from strongroom.alarms import store
from strongroom.alarms.clocks import Called, Disposition, called_at, escalates_at
from strongroom.alarms.kinds import Response
from strongroom.alarms.raising import Raising, notice_of
from strongroom.alarms.store import Alarm
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.db import suspensions
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied
from strongroom.feeds import Step
from strongroom.policy.grants import check_reason
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind


class Investigations:
    """The investigations of one home. Safe between threads; changes are durable on return, with their event.

    `administrators` returns the people who may administer at an instant, suspended ones left out.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        raising: Raising,
        *,
        administrators: Callable[[datetime], Collection[PrincipalId]],
        one_person: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._raising = raising
        self._administrators = administrators
        self._one_person = one_person

    def listed(self, *, every: bool = False) -> list[Alarm]:
        """Return the alarms that nobody closed yet, or all there ever were, oldest first."""
        with self._database.read() as tx:
            return store.listed(tx, every=every)

    def page(self, *, before: int | None, after: int | None, limit: int) -> list[Alarm]:
        """Return alarms by number: falling ones below `before` or from the newest on, or rising ones above `after`."""
        with self._database.read() as tx:
            return store.page(tx, before=before, after=after, limit=limit)

    def show(self, number: int) -> Alarm:
        """Return one alarm. Raises: NotFound."""
        with self._database.read() as tx:
            return store.one(tx, number)

    def called(self, alarm: Alarm, now: datetime) -> dict[PrincipalId, str]:
        """Return the names of those who are asked to act, by number; never the alarmed one, nor who is suspended."""
        with self._database.read() as tx:
            return self._called(tx, alarm, now)

    def assign(self, number: int, to: str, caller: Caller, now: datetime) -> Alarm:
        """Make a person the owner. Who assigns it to themselves has taken it up.

        Raises:
            NotFound: no such alarm, or no person of this name.
            Conflict: it is closed, or the person's account has ended or is suspended.
            Denied: the caller may not, or it would be the alarmed one's own; recorded.

        """
        with changing(self._database, self._audit, caller, now) as change:
            tx = change.tx
            alarm = store.one(tx, number, to_change=True)
            person = entries.living(change, to, PrincipalKind.PERSON)
            refused = self._refusal(tx, alarm, caller, now)
            if refused is None and person.id == alarm.principal and not self._one_person:
                refused = Reason.SELF_REVIEW
            if refused is None:
                _refuse_closed(alarm)
                if person.id in suspensions.suspended(tx, now):
                    raise Conflict(f"{person.name} is suspended")
                taken_at = now if person.id == caller.principal else None
                values = {
                    "owner_id": person.id,
                    "taken_at": taken_at,
                    # A new owner begins anew: the peers of the one before are asked no more.
                    "level": 0,
                    "escalate_at": escalates_at(alarm.clock, alarm.severity, taken_at, now),
                }
                store.change_investigation(tx, number, values)
                owner = self._audit.pseudonym("owner", person.name)
                change.record(
                    EventType.INVESTIGATION_ASSIGNED,
                    ObjKind.INVESTIGATION,
                    number,
                    changes=(Change(Field.OWNER, after=owner),),
                )
                return store.one(tx, number)
            change.events.append(_denied(EventType.INVESTIGATION_ASSIGNED, caller, alarm, refused))
        raise _refuse(number, refused)

    def close(
        self,
        number: int,
        disposition: Disposition,
        caller: Caller,
        now: datetime,
        *,
        note: str | None = None,
    ) -> Alarm:
        """Say what it was. The next signal of its key is a new alarm; whoever is suspended stays so until lifted.

        Raises:
            NotFound: no such alarm.
            Conflict: it is closed already.
            Malformed: the note could name a person.
            Denied: the caller is the alarmed one, answers for one that was stopped, or may not; recorded.

        """
        said = None if note is None else check_reason(note)
        with changing(self._database, self._audit, caller, now) as change:
            tx = change.tx
            alarm = store.one(tx, number, to_change=True)
            refused = self._refusal(tx, alarm, caller, now)
            if refused is None and self._answers_for(tx, alarm, caller):
                refused = Reason.SELF_REVIEW
            if refused is None:
                _refuse_closed(alarm)
                store.close_alarm(tx, number)
                values = {
                    "closed_at": now,
                    "closed_by": caller.principal,
                    "disposition": disposition.value,
                    "note": said,
                }
                store.change_investigation(tx, number, values)
                closed = store.one(tx, number)
                self._raising.notify(tx, notice_of(closed, Step.CLOSED, now), now)
                change.events.append(
                    Event(
                        EventType.INVESTIGATION_CLOSED,
                        Outcome.SUCCESS,
                        caller,
                        op=disposition.value,
                        obj_kind=ObjKind.INVESTIGATION,
                        obj_ref=str(number),
                        n=closed.count,
                        req=None if said is None else self._audit.pseudonym("reason", said),
                    )
                )
                return closed
            change.events.append(_denied(EventType.INVESTIGATION_CLOSED, caller, alarm, refused))
        raise _refuse(number, refused)

    def escalate(self, now: datetime) -> list[int]:
        """Ask more people about each alarm that nobody took up or closed in time; return their numbers.

        About one of a kind that is muted they are asked once that has ended.
        """
        with self._database.read() as tx:
            due = store.to_escalate(tx, now)
            if all(self._raising.is_quiet(tx, each.kind, each.severity, now) for each in due):
                return []
        done = []
        with changing(self._database, self._audit, SYSTEM, now) as change:
            tx = change.tx
            for found in store.to_escalate(tx, now):
                alarm = store.one(tx, found.id, to_change=True)
                if alarm.closed_at is not None or alarm.escalate_at > now:
                    continue
                if self._raising.is_quiet(tx, alarm.kind, alarm.severity, now):
                    continue
                # However long nothing ran, it is one step: people are asked once, not once for each missed one.
                level = alarm.level + 1
                next_at = escalates_at(alarm.clock, alarm.severity, alarm.taken_at, now)
                values: dict[str, object] = {"level": level, "escalate_at": next_at}
                if alarm.owner is None or alarm.owner in suspensions.suspended(tx, now):
                    values["owner_id"] = self._raising.owner_for(tx, alarm.principal, now)
                store.change_investigation(tx, alarm.id, values)
                self._raising.notify(tx, notice_of(alarm, Step.ESCALATED, now), now)
                change.events.append(
                    Event(
                        EventType.INVESTIGATION_ESCALATED,
                        Outcome.SUCCESS,
                        SYSTEM,
                        reason=Reason.OVERDUE,
                        op=called_at(level).value,
                        obj_kind=ObjKind.INVESTIGATION,
                        obj_ref=str(alarm.id),
                        n=level,
                    )
                )
                done.append(alarm.id)
        return done

    # -- private ---------------------------------------------------------------------------------

    def _called(self, tx: Transaction, alarm: Alarm, now: datetime) -> dict[PrincipalId, str]:
        administrators = frozenset(self._administrators(now))
        asked = set() if alarm.owner is None else {alarm.owner}
        match called_at(alarm.level):
            case Called.PEERS:
                # Who answers for an app is joined by who answers for others, an administrator by the others.
                own = None if alarm.principal is None else store.owner_of(tx, alarm.principal)
                answers = own is not None and own == alarm.owner
                asked |= store.accountable(tx) if answers else administrators
            case Called.ADMINISTRATORS:
                asked |= administrators
            case Called.OWNER:
                pass
        asked -= suspensions.suspended(tx, now).keys() | {alarm.principal}
        names = {
            one: store.name_of(tx, one) for one in sorted(asked) if store.is_living(tx, one, now)
        }
        return {one: name for one, name in names.items() if name is not None}

    def _answers_for(self, tx: Transaction, alarm: Alarm, caller: Caller) -> bool:
        """Tell whether somebody holds the secret of the app that was stopped: not theirs alone to judge."""
        return (
            not self._one_person
            and alarm.principal is not None
            and alarm.response in (Response.SUSPEND, Response.FREEZE)
            and store.owner_of(tx, alarm.principal) == caller.principal
        )

    def _refusal(
        self, tx: Transaction, alarm: Alarm, caller: Caller, now: datetime
    ) -> Reason | None:
        """Return why a caller may not decide about an alarm."""
        if caller.kind is not PrincipalKind.PERSON:
            return Reason.NOT_AUTHORIZED
        at_console = caller.auth is AuthMethod.CONSOLE
        if caller.principal == alarm.principal:
            return None if at_console and self._one_person else Reason.SELF_REVIEW
        if caller.principal in suspensions.suspended(tx, now):
            return Reason.SUSPENDED
        allowed = at_console or caller.principal in {alarm.owner, *self._administrators(now)}
        return None if allowed else Reason.NOT_AUTHORIZED


def _refuse_closed(alarm: Alarm) -> None:
    if alarm.closed_at is not None:
        raise Conflict(f"alarm {alarm.id} is closed")


def _denied(type_: EventType, caller: Caller, alarm: Alarm, reason: Reason) -> Event:
    return Event(
        type_,
        Outcome.DENIED,
        caller,
        reason=reason,
        obj_kind=ObjKind.INVESTIGATION,
        obj_ref=str(alarm.id),
    )


def _refuse(number: int, reason: Reason) -> Denied:
    if reason is Reason.SELF_REVIEW:
        return Denied(f"alarm {number} is about you", hint="another person decides about it")
    return Denied(f"alarm {number} is for its owner, and for who may administer")
