"""Who may act on a request now, and the record of each step; private to this room [2.2].

A refusal is recorded before it is raised. The check is made once more in the transaction that acts: a request may have
been closed or handed on in between.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from strongroom.audit.entry import MAX_RECORDS, Change, Event, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, StrongroomError
from strongroom.policy.laws import RequestKind
from strongroom.subjects import store
from strongroom.subjects.store import SubjectRequest
from strongroom.terms import Caller, PrincipalKind, RecordNumber

_NAME: Final = len("subject.request.")


class Ledger:
    """The steps of one home's requests."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    @contextmanager
    def acting(
        self,
        caller: Caller,
        number: int,
        type_: EventType,
        now: datetime,
        *,
        proved: bool = True,
        kinds: Collection[RequestKind] = (),
        closed: bool = False,
    ) -> Iterator[tuple[Transaction, SubjectRequest]]:
        """Give a transaction and the request, where `enter` lets this person act. Raises: as `enter`."""
        self.enter(caller, number, type_, now, proved=proved, kinds=kinds, closed=closed)
        with self._database.write() as tx:
            request = store.request(tx, number)
            fault = _fault(caller, request, proved=proved, kinds=kinds, closed=closed)
            if fault is not None:
                raise fault[0]
            yield tx, request

    def enter(
        self,
        caller: Caller,
        number: int,
        type_: EventType,
        now: datetime,
        *,
        proved: bool = True,
        kinds: Collection[RequestKind] = (),
        closed: bool = False,
    ) -> None:
        """Refuse whoever may not act on this request now.

        `proved`: only once who asked has proved who they are; `kinds`: only on a request that asks for that; `closed`:
        also on one that is closed.

        Raises:
            Denied: the caller does not handle it, or nobody proved anything. Recorded.
            Conflict: it is closed, or asks for something else. NotFound: there is none.

        """
        with self._database.write() as tx:
            request = store.request(tx, number)
            fault = _fault(caller, request, proved=proved, kinds=kinds, closed=closed)
            if fault is not None and fault[1] is not None:
                self.refused(tx, caller, number, type_, now, fault[1])
        if fault is not None:
            raise fault[0]

    def step(  # noqa: PLR0913 - all that a step can have changed
        self,
        tx: Transaction,
        caller: Caller,
        number: int,
        type_: EventType,
        now: datetime,
        *,
        op: str | None = None,
        detail: str | None = None,
        n: int | None = None,
        size: int | None = None,
        records: Sequence[RecordNumber] = (),
        changes: tuple[Change, ...] = (),
        req: str | None = None,
    ) -> None:
        """Record that something was done: a row of the request, and as many events as its records need."""
        said = " ".join(part for part in (op, detail) if part) or None
        tx.execute(
            store.steps.insert().values(
                request_id=number,
                at=now,
                principal_id=caller.principal,
                step=type_.value[_NAME:],
                detail=said,
            )
        )
        named = sorted(records)
        parts = [named[at : at + MAX_RECORDS] for at in range(0, len(named), MAX_RECORDS)] or [[]]
        events = [
            Event(
                type_,
                Outcome.SUCCESS,
                caller,
                op=op,
                obj_kind=ObjKind.REQUEST,
                obj_ref=str(number),
                n=len(part) if records else n,
                bytes_=size,
                changes=changes,
                req=req,
                records=tuple(part),
            )
            for part in parts
        ]
        self._audit.append(tx, *events, now=now)

    def refused(
        self,
        tx: Transaction,
        caller: Caller,
        number: int,
        type_: EventType,
        now: datetime,
        reason: Reason = Reason.NOT_AUTHORIZED,
    ) -> None:
        """Record that somebody was refused."""
        event = Event(
            type_,
            Outcome.DENIED,
            caller,
            reason=reason,
            obj_kind=ObjKind.REQUEST,
            obj_ref=str(number),
        )
        self._audit.append(tx, event, now=now)


def refuse_programs(caller: Caller) -> None:
    """Refuse apps and services: people answer people. Raises: Denied."""
    if caller.kind is not PrincipalKind.PERSON:
        raise Denied("only people answer subject requests")


def not_the_handler(number: int) -> Denied:
    """Return what is told whoever does not handle a request."""
    return Denied(
        f"somebody else handles request {number}", hint="they, or an administrator, assign it"
    )


def _fault(
    caller: Caller,
    request: SubjectRequest,
    *,
    proved: bool,
    kinds: Collection[RequestKind],
    closed: bool,
) -> tuple[StrongroomError, Reason | None] | None:
    """Return why the caller may not act, and the reason to record."""
    number = request.id
    if caller.kind is not PrincipalKind.PERSON or caller.principal != request.handler:
        return not_the_handler(number), Reason.NOT_AUTHORIZED
    if request.closed_at is not None and not closed:
        return Conflict(f"request {number} is closed"), None
    if kinds and request.kind not in kinds:
        return Conflict(f"request {number} asks for something else: {request.kind.value}"), None
    if proved and request.verified_at is None:
        fault = Denied(
            f"nobody has proved yet that request {number} is theirs",
            hint=f"strongroom request verify {number}",
        )
        return fault, Reason.UNVERIFIED
    return None
