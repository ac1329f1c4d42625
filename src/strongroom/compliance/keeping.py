"""How long the log is kept: the agreement's end, holds, and giving up what is old enough [2.6, 3].

Every one of these takes a second person, except setting a hold; in a home that declared having one person they take
effect at once. What counts is what the log says: rows only keep the words beside it, and an approval is of exactly what
the log says was asked for, once. Entries that say so are never given up themselves.
"""

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final, NoReturn

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.audit.entry import micros
from strongroom.audit.pruning import Minimum, minimum, set_minimum, survey, take_away
from strongroom.audit.tiles import WIDTH
from strongroom.audit.verify import Pruned
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered, Unavailable
from strongroom.policy.grants import check_reason
from strongroom.policy.keeping import LogHold, first_held, kept_until, prunable_before
from strongroom.terms import SYSTEM, Caller, PrincipalId, PrincipalKind

_WAL_TRIES: Final = 50
_changes: Final = schema.keeping_change
_holds: Final = schema.log_hold
_events: Final = schema.audit_event


class ChangeKind(StrEnum):
    """What takes a second person."""

    END = "agreement.end"
    REOPEN = "agreement.reopen"
    LIFT = "hold.lift"
    PRUNE = "prune"


_ASKED: Final = {
    ChangeKind.END: EventType.AGREEMENT_CHANGE_REQUESTED,
    ChangeKind.REOPEN: EventType.AGREEMENT_CHANGE_REQUESTED,
    ChangeKind.LIFT: EventType.LOG_HOLD_LIFT_REQUESTED,
    ChangeKind.PRUNE: EventType.LOG_PRUNE_REQUESTED,
}
_DONE: Final = {
    ChangeKind.END: EventType.AGREEMENT_ENDED,
    ChangeKind.REOPEN: EventType.AGREEMENT_REOPENED,
    ChangeKind.LIFT: EventType.LOG_HOLD_LIFTED,
    ChangeKind.PRUNE: EventType.LOG_PRUNED,
}


@dataclass(frozen=True, slots=True)
class KeepingChange:
    """What somebody asked for, and who approved it."""

    id: int
    kind: ChangeKind
    terms: dict[str, Any]
    reason: str
    requested_by: PrincipalId
    requested_at: datetime
    approved_by: PrincipalId | None
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """When the agreement with Amazon ends, None while no end is set, and what follows for the log."""

    ends_on: date | None
    kept_until: datetime | None
    prunable_before: datetime | None
    minimum: int
    waiting: tuple[KeepingChange, ...]


@dataclass(frozen=True, slots=True)
class NamedHold:
    """A hold with the words it was set with, where they are still there."""

    hold: LogHold
    reason: str | None
    lifted: bool


@dataclass(frozen=True, slots=True)
class Pruning:
    """How far giving up has come: what an event says, what may be taken away, and what is gone."""

    declared: int
    minimum: int
    done: int
    gone: int
    """Entries whose bytes this run took away."""
    anchored: bool
    """Whether the event that says so is bound elsewhere: before that nothing is taken away."""


class Keeping:
    """The rules of one home's log. Changes are durable on return, with their event. Safe between threads.

    `anchored` tells whether a log of so many events is bound where nobody here can take it back.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        one_person: bool,
        anchored: Callable[[int], bool],
    ) -> None:
        self._database = database
        self._audit = audit
        self._one_person = one_person
        self._anchored = anchored

    # -- the agreement ---------------------------------------------------------------------------

    def agreement(self, now: datetime) -> Agreement:
        """Return what holds now."""
        with self._database.read() as tx:
            ends_on = self._ends_on(tx)
            query = sa.select(_changes).where(_changes.c.approved_at.is_(None))
            waiting = tuple(_change(row) for row in tx.execute(query.order_by(_changes.c.id)))
            at = minimum(tx).index
        until = None if ends_on is None else kept_until(ends_on)
        return Agreement(ends_on, until, prunable_before(ends_on, now), at, waiting)

    def request_end(self, on: date, reason: str, caller: Caller, now: datetime) -> KeepingChange:
        """Ask that the agreement's last day be this one. Raises: Malformed, Denied."""
        return self._request(ChangeKind.END, {"on": on.isoformat()}, reason, caller, now)

    def request_reopening(self, reason: str, caller: Caller, now: datetime) -> KeepingChange:
        """Ask that the agreement have no end any more.

        Raises:
            Conflict: it has none.
            Malformed, Denied: as for every change.

        """
        with self._database.read() as tx:
            if self._ends_on(tx) is None:
                raise Conflict("the agreement has no end")
        return self._request(ChangeKind.REOPEN, {}, reason, caller, now)

    # -- holds -----------------------------------------------------------------------------------

    def set_hold(
        self,
        first: int,
        end: int,
        until: datetime | None,
        reason: str,
        caller: Caller,
        now: datetime,
    ) -> NamedHold:
        """Keep the entries from `first` to before `end`, from now on.

        Raises:
            Malformed: the stretch is none, the end of it has passed, or the reason.
            Denied: no person sets it; recorded.

        """
        reason = check_reason(reason)
        if not 0 <= first < end or (until is not None and until <= now):
            raise Malformed("a hold keeps at least one entry, until an instant to come")
        self._refuse_program(caller, EventType.LOG_HOLD_SET, now)
        with self._database.write() as tx:
            values = {"first": first, "end": end, "until": until, "reason": reason}
            who = {"set_by": caller.principal, "set_at": now}
            query = _holds.insert().values(**values, **who).returning(_holds.c.id)
            hold = LogHold(tx.execute(query).scalar_one(), first, end, until)
            event = Event(
                EventType.LOG_HOLD_SET,
                Outcome.SUCCESS,
                caller,
                op=f"{first}-{end}",
                obj_kind=ObjKind.HOLD,
                obj_ref=str(hold.id),
                n=None if until is None else int(until.timestamp()),
                req=self._audit.pseudonym("reason", reason),
            )
            self._audit.append(tx, event, now=now)
            if first < minimum(tx).index:
                raise Conflict(
                    "some of these entries were given up already", hint="hold those behind"
                )
        return NamedHold(hold, reason, lifted=False)

    def request_lift(self, hold: int, reason: str, caller: Caller, now: datetime) -> KeepingChange:
        """Ask that a hold end. Raises: NotFound: it holds nothing; Malformed, Denied."""
        with self._database.read() as tx:
            held = {known.id for known in self._held(tx)}
        if hold not in held:
            raise NotFound(f"there is no hold {hold} in effect")
        return self._request(ChangeKind.LIFT, {"hold": hold}, reason, caller, now)

    def holds(self) -> list[NamedHold]:
        """Return every hold there was, as the log says."""
        with self._database.read() as tx:
            words = {row.id: row.reason for row in tx.execute(sa.select(_holds))}
            held = {hold.id for hold in self._held(tx)}
            ever = self._ever_held(tx)
        return [NamedHold(hold, words.get(hold.id), hold.id not in held) for hold in ever]

    # -- giving up -------------------------------------------------------------------------------

    def request_prune(
        self, end: int | None, reason: str, caller: Caller, now: datetime
    ) -> KeepingChange:
        """Ask to give up the bytes of all entries before `end`, or of as many as may be.

        Raises:
            Conflict: these were given up already.
            Denied: it is too early for that, a hold keeps some of it, or no person asks; recorded.
            Malformed: `end` is no multiple of 256.
            Tampered: some of it is not what was recorded.

        """
        if end is not None and end % WIDTH:
            raise Malformed(f"entries are given up in tiles of {WIDTH}", hint="give a multiple")
        with self._database.read() as tx:
            limit, why = self._limit(tx, now)
            first = minimum(tx).index
        if (end or limit) > limit or (end is None and limit <= first):
            self._refuse(caller, EventType.LOG_PRUNE_REQUESTED, why, now)
        end = limit if end is None else end
        if end <= first:
            raise Conflict(f"entries below {first} were given up already")
        found = self._survey(end, now)
        terms = {"first": first, "end": end, "root": found.root, "kept": found.kept}
        return self._request(ChangeKind.PRUNE, terms, reason, caller, now)

    def run(self, now: datetime, progress: Callable[[int, int], None] | None = None) -> Pruning:
        """Take away what was approved, once the event that says so is anchored; go on where it was interrupted.

        Raises:
            Denied: since the approval a hold was set on it, or the agreement was reopened; recorded.
            Tampered: something is not what was recorded; it stays.
            Unavailable: a reader keeps old pages of the database alive; call again.

        """
        declared, event = self._declared()
        with self._database.read() as tx:
            at = minimum(tx)
        anchored = self._anchored(event + 1)
        gone = 0
        if anchored and declared is not None:
            if declared.end > at.index:
                self._open(declared, event, now)
                at = Minimum(declared.end, event, at.done)
            if at.done < at.index:
                self._refuse_forged(at)
                gone = take_away(self._database, progress or (lambda _done, _total: None))
                self._cut_wal()
                at = Minimum(at.index, at.event, at.index)
        end = 0 if declared is None else declared.end
        return Pruning(end, at.index, at.done, gone, anchored)

    def resume(self) -> int:
        """Take away what is left of a giving up that was interrupted; return how many entries' bytes went.

        Raises:
            Tampered: no event says that so much may be taken away, or something is not what was recorded; it stays.
            Unavailable: as `run`.

        """
        with self._database.read() as tx:
            at = minimum(tx)
        if at.done >= at.index:
            return 0
        self._refuse_forged(at)
        gone = take_away(self._database, lambda _done, _total: None)
        self._cut_wal()
        return gone

    # -- the second person -----------------------------------------------------------------------

    def approve(
        self, id_: int, kinds: Collection[ChangeKind], caller: Caller, now: datetime
    ) -> KeepingChange:
        """Let what was asked for take effect; what is given up is taken away by `run`.

        Raises:
            NotFound: nothing of this number and of these kinds was asked for.
            Conflict: it was approved already, or something else was given up meanwhile.
            Denied: the approver asked for it, is suspended or no person; or it is too early or held by now; recorded.
            Tampered: it is not what was asked for, or was approved before; recorded.

        """
        with self._database.read() as tx:
            change = _one(tx, id_)
            stopped = caller.principal in suspended(tx, now)
        if change.kind not in kinds:
            raise NotFound(f"{id_} is another kind of change: {change.kind}")
        asked, used, done = self._asked_for(change), self._was_used(change), _DONE[change.kind]
        if used and change.approved_at is not None:
            raise Conflict(f"{change.kind} {id_} was approved already")
        if used or asked is None:
            self._record_denial(caller, done, Reason.TAMPERED, now)
            raise Tampered(f"{change.kind} {id_} is not what was asked for")
        if caller.kind is not PrincipalKind.PERSON or caller.principal == asked or stopped:
            self._record_denial(caller, done, Reason.NOT_AUTHORIZED, now)
            raise Denied(f"{change.kind} {id_} needs another person's approval")
        if change.kind is ChangeKind.PRUNE:
            with self._database.read() as tx:
                limit, why = self._limit(tx, now)
            if limit < change.terms["end"]:
                self._refuse(caller, done, why, now)
            found = self._survey(change.terms["end"], now)
            if (found.root, found.kept) != (change.terms["root"], change.terms["kept"]):
                raise Conflict("something else was given up meanwhile", hint="ask for it anew")
        with self._database.write() as tx:
            return self._take_effect(tx, change, caller, now)

    # -- private ---------------------------------------------------------------------------------

    def _request(
        self, kind: ChangeKind, terms: dict[str, Any], reason: str, caller: Caller, now: datetime
    ) -> KeepingChange:
        reason = check_reason(reason)
        self._refuse_program(caller, _ASKED[kind], now)
        with self._database.write() as tx:
            query = _changes.insert().values(
                kind=kind.value,
                terms=json.dumps(terms, sort_keys=True),
                reason=reason,
                requested_by=caller.principal,
                requested_at=now,
            )
            change = _one(tx, tx.execute(query.returning(_changes.c.id)).scalar_one())
            self._audit.append(tx, self._event(_ASKED, change, caller), now=now)
            if self._one_person:
                change = self._take_effect(tx, change, caller, now)
        return change

    def _take_effect(
        self, tx: Transaction, change: KeepingChange, caller: Caller, now: datetime
    ) -> KeepingChange:
        values = {"approved_by": caller.principal, "approved_at": now}
        waits = _changes.update().where(
            _changes.c.id == change.id, _changes.c.approved_at.is_(None)
        )
        if tx.execute(waits.values(**values)).rowcount != 1:
            raise Conflict(f"{change.kind} {change.id} was approved meanwhile")
        self._audit.append(tx, self._event(_DONE, change, caller), now=now)
        return _one(tx, change.id)

    def _event(
        self,
        types: dict[ChangeKind, EventType],
        change: KeepingChange,
        caller: Caller,
    ) -> Event:
        """Return the event of a change: what exactly it is, in bounded words, and one HMAC of all of it."""
        terms = change.terms
        made = partial(
            Event,
            types[change.kind],
            Outcome.SUCCESS,
            caller,
            req=self._audit.pseudonym("reason", change.reason),
        )
        sealed = Change(Field.TERMS, after=self._seal(change))
        match change.kind:
            case ChangeKind.END | ChangeKind.REOPEN:
                return made(
                    op=change.kind.value,
                    obj_kind=ObjKind.AGREEMENT,
                    obj_ref=terms.get("on", "open"),
                    changes=(sealed,),
                )
            case ChangeKind.LIFT:
                return made(obj_kind=ObjKind.HOLD, obj_ref=str(terms["hold"]), changes=(sealed,))
            case ChangeKind.PRUNE:
                return made(
                    op=f"{terms['first']}-{terms['end']}",
                    obj_kind=ObjKind.LOG,
                    obj_ref=terms["root"],
                    n=terms["end"] - terms["first"],
                    changes=(sealed, Change(Field.KEPT, after=terms["kept"])),
                )

    def _seal(self, change: KeepingChange) -> str:
        """Return the pseudonym under which the log knows all that a change says."""
        said = {"id": change.id, "kind": change.kind, "terms": change.terms}
        return self._audit.pseudonym("keeping", json.dumps(said, sort_keys=True))

    def _asked_for(self, change: KeepingChange) -> int | None:
        """Return who asked for exactly this, by the log; None: nobody did."""
        seal = self._seal(change)
        for entry in self._audit.of_types([_ASKED[change.kind]]):
            if entry.outcome == Outcome.SUCCESS and entry.body["chg"][0]["after"] == seal:
                # Who asked is what the signed tree says, not what stands in a row.
                return int(self._audit.proved(entry.seq)["actor"]["id"])
        return None

    def _was_used(self, change: KeepingChange) -> bool:
        seal = self._seal(change)
        return any(
            entry.outcome == Outcome.SUCCESS and entry.body["chg"][0]["after"] == seal
            for entry in self._audit.of_types([_DONE[change.kind]])
        )

    def _ends_on(self, tx: Transaction) -> date | None:
        ends_on = None
        types = (EventType.AGREEMENT_ENDED, EventType.AGREEMENT_REOPENED)
        for entry in self._audit.of_types(types, tx=tx):
            if entry.outcome == Outcome.SUCCESS:
                ended = entry.type == EventType.AGREEMENT_ENDED
                ends_on = date.fromisoformat(entry.body["obj"]["ref"]) if ended else None
        return ends_on

    def _ever_held(self, tx: Transaction) -> list[LogHold]:
        found = []
        for entry in self._audit.of_types([EventType.LOG_HOLD_SET], tx=tx):
            if entry.outcome == Outcome.SUCCESS:
                first, _, end = entry.body["op"].partition("-")
                until = entry.body.get("n")
                at = None if until is None else datetime.fromtimestamp(until, UTC)
                found.append(LogHold(int(entry.body["obj"]["ref"]), int(first), int(end), at))
        return found

    def _held(self, tx: Transaction) -> list[LogHold]:
        lifted = {
            int(entry.body["obj"]["ref"])
            for entry in self._audit.of_types([EventType.LOG_HOLD_LIFTED], tx=tx)
            if entry.outcome == Outcome.SUCCESS
        }
        return [hold for hold in self._ever_held(tx) if hold.id not in lifted]

    def _limit(self, tx: Transaction, now: datetime) -> tuple[int, Reason]:
        """Return before which entry, a multiple of 256, all may be given up, and what keeps the next one."""
        cutoff = prunable_before(self._ends_on(tx), now)
        if cutoff is None:
            return 0, Reason.TOO_EARLY
        at = minimum(tx).index
        young = sa.select(sa.func.min(_events.c.seq)).where(
            _events.c.seq >= at, _events.c.ts >= micros(cutoff)
        )
        size = sa.select(sa.func.max(_events.c.seq))
        end = tx.execute(young).scalar()
        reason = Reason.TOO_EARLY
        if end is None:
            end = (tx.execute(size).scalar() or 0) + 1
        held = first_held(self._held(tx), at, now)
        if held is not None and held < end:
            end, reason = held, Reason.HELD
        return end // WIDTH * WIDTH, reason

    def _survey(self, end: int, now: datetime) -> "_Found":
        with self._database.read() as tx:
            cutoff = prunable_before(self._ends_on(tx), now)
        if cutoff is None:
            raise Denied("nothing of the log may be given up yet")
        report = self._audit.verify()
        if report.faults:
            raise Tampered(
                f"nothing is given up of a log that is not whole: {report.faults[0]}",
                hint="strongroom audit verify",
            )
        with self._audit.prover() as prover:
            signed = prover.root(end)
        with self._database.read() as tx:
            found = survey(tx, end, cutoff.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        if found.root != signed:
            raise Tampered(f"audit log: head.root: the first {end} events changed")
        return _Found(found.root.hex(), found.kept)

    def _declared(self) -> tuple[Pruned | None, int]:
        """Return what the last event says was given up, and the event's number."""
        found, number = None, -1
        for entry in self._audit.of_types([EventType.LOG_PRUNED]):
            if entry.outcome == Outcome.SUCCESS:
                first, _, end = entry.body["op"].partition("-")
                ref, kept = entry.body["obj"]["ref"], entry.body["chg"][-1]["after"]
                found, number = Pruned(int(first), int(end), ref, kept), entry.seq
        return found, number

    def _open(self, declared: Pruned, event: int, now: datetime) -> None:
        """Move the minimum index to what was declared, if that still may be."""
        with self._database.read() as tx:
            limit, reason = self._limit(tx, now)
        if limit < declared.end:
            self._refuse(SYSTEM, EventType.LOG_PRUNED, reason, now)
        found = self._survey(declared.end, now)
        if (found.root, found.kept) != (declared.root, declared.kept):
            raise Tampered("audit log: what was to be given up is not what was approved")
        with self._database.write(alone=True) as tx:
            # Reading all of it took long. Whoever sets a hold or reopens the agreement appends: not meanwhile.
            self._audit.hold(tx)
            # In this transaction: for a second one there may be no connection, and all that wait for the turn have one.
            limit, reason = self._limit(tx, now)
            if limit >= declared.end:
                set_minimum(tx, declared.end, event)
        if limit < declared.end:
            self._refuse(SYSTEM, EventType.LOG_PRUNED, reason, now)

    def _refuse_forged(self, at: Minimum) -> None:
        """Refuse to take away more than an event says: whoever edits the row must not have us do the rest."""
        said = self._audit.proved(at.event)
        is_so = (said["type"], said["outcome"]) == (EventType.LOG_PRUNED, Outcome.SUCCESS)
        if not is_so or said["op"].partition("-")[2] != str(at.index):
            raise Tampered(
                f"audit log: min.forged: event {at.event} gives up no {at.index} entries",
                hint="strongroom audit verify",
            )

    def _cut_wal(self) -> None:
        """Have no page of the database, nor its write-ahead log, hold what was taken away."""
        for _ in range(_WAL_TRIES):
            if self._database.truncate_wal():
                return
            time.sleep(0.02)
        raise Unavailable(
            "the database's log could not be cut: a reader holds it open",
            hint="close other programs on vault.db and run it again",
        )

    def _refuse_program(self, caller: Caller, type_: EventType, now: datetime) -> None:
        if caller.kind is PrincipalKind.PERSON or self._one_person:
            return
        self._refuse(caller, type_, Reason.NOT_AUTHORIZED, now)

    def _refuse(self, caller: Caller, type_: EventType, reason: Reason, now: datetime) -> NoReturn:
        self._record_denial(caller, type_, reason, now)
        words, hint = _WORDS[reason]
        raise Denied(words, hint=hint)

    def _record_denial(
        self, caller: Caller, type_: EventType, reason: Reason, now: datetime
    ) -> None:
        event = Event(type_, Outcome.DENIED, caller, reason=reason)
        with self._database.write() as tx:
            self._audit.append(tx, event, now=now)


@dataclass(frozen=True, slots=True)
class _Found:
    root: str
    kept: str


_WORDS: Final = {
    Reason.NOT_AUTHORIZED: ("people decide about the log, programs do not", None),
    Reason.TOO_EARLY: (
        "it is too early: the log is kept for the agreement and twelve months, and 90 days [3, 2.6]",
        "strongroom audit agreement show",
    ),
    Reason.HELD: ("a hold keeps these entries", "strongroom audit hold list"),
}


def _one(tx: Transaction, id_: int) -> KeepingChange:
    row = tx.execute(sa.select(_changes).where(_changes.c.id == id_)).first()
    if row is None:
        raise NotFound(f"nothing of number {id_} was asked for")
    return _change(row)


def _change(row: sa.Row[tuple[object, ...]]) -> KeepingChange:
    return KeepingChange(
        row.id,
        ChangeKind(row.kind),
        json.loads(row.terms),
        row.reason,
        PrincipalId(row.requested_by),
        row.requested_at,
        None if row.approved_by is None else PrincipalId(row.approved_by),
        row.approved_at,
    )
