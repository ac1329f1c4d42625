"""What every part of the room has: who may, one transaction, and the event at its end [1.6]."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.evidence import Belongs, EvidenceStore
from strongroom.compliance.incidents.store import Case, Entry, Store
from strongroom.compliance.people import People
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.terms import Caller, PrincipalId

LONGEST_TEXT = 10_000


@dataclass(slots=True)
class Step:
    """One change of a case within its transaction."""

    tx: Transaction
    case: Case
    caller: Caller
    now: datetime
    events: list[Event] = field(default_factory=list)

    def record(
        self,
        type_: EventType,
        op: str | None = None,
        *,
        n: int | None = None,
        content: str | None = None,
        reason: Reason | None = None,
    ) -> None:
        """Say what happened; a `reason` makes it a refusal."""
        changes = () if content is None else (Change(Field.CONTENT, after=content),)
        self.events.append(
            Event(
                type_,
                Outcome.SUCCESS if reason is None else Outcome.DENIED,
                self.caller,
                reason=reason,
                op=op,
                obj_kind=ObjKind.INCIDENT,
                obj_ref=str(self.case.id),
                n=n,
                changes=changes,
            )
        )

    def entry(self, what: str, name: str, state: str = "done", **more: object) -> Entry:
        """Return a new line of the case, not kept yet."""
        return Entry(
            0,
            self.case.id,
            what,
            name,
            self.now,
            self.caller.principal,
            state,
            **more,  # type: ignore[arg-type] # by name
        )


class Room:
    """The parts that share one home's incidents."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        store: Store,
        people: People,
        evidence: EvidenceStore,
        *,
        one_person: bool,
    ) -> None:
        self.database = database
        self.audit = audit
        self.store = store
        self.people = people
        self.evidence = evidence
        self.one_person = one_person

    @contextmanager
    def changing(
        self, caller: Caller, number: int, now: datetime, *, closed: bool = False
    ) -> Iterator[Step]:
        """Give one change of a case; recorded at its end, or none of it happened.

        Raises:
            Denied: the caller keeps no records of compliance.
            Conflict: the case is closed, unless that is allowed.

        """
        self.people.refuse_strangers(caller, now)
        with self.database.write() as tx:
            case = self.store.case(tx, number, to_change=True)
            if case.closed_at is not None and not closed:
                raise Conflict(f"incident {number} is closed")
            step = Step(tx, case, caller, now)
            yield step
            self.audit.append(tx, *step.events, now=now)

    def is_another(self, caller: Caller, first: PrincipalId | None) -> bool:
        """Tell whether a caller is a second person; in a home of one person they are."""
        return self.one_person or caller.principal != first

    def deny(self, step: Step, type_: EventType, what: str) -> Denied:
        """Record that somebody tried to be their own second person, and return what to raise outside."""
        step.record(type_, what, reason=Reason.SELF_REVIEW)
        return Denied(f"another person decides about {what} of incident {step.case.id}")


def belongs_to(number: int) -> Belongs:
    """Return whose a case's evidence is."""
    return Belongs("incident", str(number))


def checked(text: str, what: str, *, needed: bool = True) -> str:
    """Return a text without blanks around it. Raises: Malformed."""
    text = text.strip()
    if needed and not text:
        raise Malformed(f"{what} is missing")
    if len(text) > LONGEST_TEXT:
        raise Malformed(f"{what} has up to {LONGEST_TEXT:,} characters")
    return text


Named = Callable[[PrincipalId], str]
