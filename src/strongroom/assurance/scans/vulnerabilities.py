"""The register of what scans found: its list, and why a finding needs no mending [2.7].

An accepted risk has an end and an approver who did not ask for it; so has what somebody takes for a false positive. In
a home of one person both are that person, as declared.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from strongroom.assurance.scans.rows import (
    REASON,
    Rows,
    excuses,
    found,
    is_accepted,
    is_open,
    reason_of,
)
from strongroom.assurance.scans.scan import Excuse, ExcuseKind, Severity, State, Vulnerability
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.duties.entitled import Entitled
from strongroom.compliance.overseen import Office
from strongroom.compliance.processing.table import cell
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.policy.limits import LONGEST_ACCEPTANCE
from strongroom.terms import AuthMethod, Caller

MOST_EXPORTED: Final = 20_000
MOST_WAITING: Final = 100
LONGEST_REASON: Final = 2000
COLUMNS: Final = (
    "finding",
    "severity",
    "state",
    "rule",
    "title",
    "where",
    "fixed_in",
    "tool",
    "target",
    "seen_at",
    "due_at",
    "days_left",
)
_ASKABLE: Final = frozenset({ExcuseKind.RISK, ExcuseKind.FALSE_POSITIVE})


@dataclass(frozen=True, slots=True)
class Filter:
    """Which findings are wanted; None wants all."""

    severity: Severity | None = None
    state: State | None = None
    tool: str | None = None
    target: str | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are."""

    open: Mapping[Severity, int]
    overdue: int
    accepted: int
    waiting: int


class Vulnerabilities:
    """The findings of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        entitled: Entitled,
        *,
        refuse_strangers: Callable[[Caller, datetime], None],
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._refuse = refuse_strangers
        self._entitled = entitled
        self._rows = Rows(writings)

    # -- looks -----------------------------------------------------------------------------------

    def listed(
        self,
        wanted: Filter,
        now: datetime,
        *,
        before: int | None = None,
        after: int | None = None,
        most: int = 50,
    ) -> list[Vulnerability]:
        """Return findings by falling urgency below `before`, or by rising one above `after`."""
        key = found.c.urgency
        query = sa.select(found).where(*_conditions(wanted, now)).order_by(key.desc()).limit(most)
        if before is not None:
            query = query.where(key < before)
        if after is not None:
            query = query.where(key > after).order_by(None).order_by(key)
        with self._database.read() as tx:
            return [self._rows.vulnerability(row, now) for row in tx.execute(query).all()]

    def show(self, number: int, now: datetime) -> tuple[Vulnerability, list[Excuse]]:
        """Return a finding and its excuses, newest first. Raises: NotFound, Tampered."""
        with self._database.read() as tx:
            row = self._rows.one(tx, number)
            said = self._rows.excuses(tx, excuses.c.vulnerability_id == number)
            return self._rows.vulnerability(row, now), said

    def of_excuse(self, excuse: int) -> int:
        """Return the finding that an excuse is of. Raises: NotFound."""
        with self._database.read() as tx:
            return self._one(tx, excuse).vulnerability

    def counts(self, now: datetime) -> Counts:
        """Return how many are open, past their day, accepted, and waiting for a second person."""
        number = sa.func.count()
        with self._database.read() as tx:
            graves = dict.fromkeys(Severity, 0)
            query = sa.select(found.c.severity, number).where(is_open(now))
            for severity, count in tx.execute(query.group_by(found.c.severity)):
                graves[Severity(severity)] = count
            overdue = tx.execute(sa.select(number).where(is_open(now), found.c.due_at <= now))
            accepted = tx.execute(
                sa.select(number).select_from(found).where(is_accepted(now))
            ).scalar_one()
            waiting = tx.execute(sa.select(number).select_from(excuses).where(_waits(now)))
            return Counts(graves, overdue.scalar_one(), accepted, waiting.scalar_one())

    def waiting(self, now: datetime) -> list[Excuse]:
        """Return what waits for a second person."""
        with self._database.read() as tx:
            return self._rows.excuses(tx, _waits(now))[:MOST_WAITING]

    def choices(self) -> tuple[list[str], list[str]]:
        """Return the tools and the targets that findings have."""
        with self._database.read() as tx:
            names = [
                list(tx.execute(sa.select(column).distinct().order_by(column).limit(500)).scalars())
                for column in (found.c.tool, found.c.target)
            ]
        return names[0], names[1]

    def as_csv(self, wanted: Filter, now: datetime) -> bytes:
        """Return findings as a table of at most 20,000 rows, harmless for spreadsheets."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for one in self.listed(wanted, now, most=MOST_EXPORTED):
            writer.writerow([cell(text) for text in _cells(one, now)])
        return out.getvalue().encode()

    # -- why one needs no mending ----------------------------------------------------------------

    def ask(
        self,
        caller: Caller,
        number: int,
        kind: ExcuseKind,
        reason: str,
        lifetime: timedelta | None,
        now: datetime,
    ) -> Excuse:
        """Ask that a finding needs no mending: its risk is accepted for a while, or it is none.

        It counts when another person approves; at once in a home of one person.

        Raises:
            Denied: the caller does not keep records of compliance, or sits at the machine of a home of several under a
                name that answers for nothing: who approves would perhaps be the same.
            Malformed: no reason, or an acceptance without an end within half a year.
            NotFound, Conflict: it is not open, or one waits already.

        """
        self._refuse(caller, now)
        if caller.auth is AuthMethod.CONSOLE and not self._entitled.may_speak(
            caller, Office.DEV_LEAD, now
        ):
            raise Denied("it is asked for by somebody who answers for it", hint="name them by --as")
        if kind not in _ASKABLE:
            raise Malformed("a risk is accepted, or a finding is a false positive")
        if not reason.strip() or len(reason) > LONGEST_REASON:
            raise Malformed(f"say why, in up to {LONGEST_REASON:,} characters")
        if kind is ExcuseKind.RISK:
            if lifetime is None or not timedelta() < lifetime <= LONGEST_ACCEPTANCE:
                raise Malformed(f"a risk is accepted for up to {LONGEST_ACCEPTANCE.days} days")
        elif lifetime is not None:
            raise Malformed("a false positive has no end")
        at_once = self._entitled.one_person and self._may_approve(caller, now)
        with self._database.write() as tx:
            row = self._rows.one(tx, number, lock=True)
            if self._rows.vulnerability(row, now).state is not State.OPEN:
                raise Conflict(f"finding {number} is not open")
            mine = sa.and_(excuses.c.vulnerability_id == number, _waits(now))
            if self._rows.excuses(tx, mine):
                raise Conflict(f"finding {number} has an excuse that waits")
            values: Mapping[str, Any] = {
                "vulnerability_id": number,
                "kind": kind.value,
                "reason": self._writings.seal(
                    REASON, reason_of(number, caller.principal, now), reason.strip()
                ),
                "asked_by": caller.principal,
                "asked_at": now,
                "ends_at": None if lifetime is None else now + lifetime,
            }
            made = tx.execute(
                excuses.insert().values(**values).returning(excuses.c.id)
            ).scalar_one()
            excuse = self._one(tx, made)
            self._record(tx, EventType.VULNERABILITY_EXCUSE_REQUESTED, caller, excuse, now)
            if at_once:
                self._approve(tx, excuse, caller, now)
            return self._one(tx, made)

    def approve(self, caller: Caller, excuse: int, now: datetime) -> Excuse:
        """Let an excuse count.

        Raises:
            Denied: who asked for it, or somebody who may not, approves; recorded.
            NotFound, Conflict: it does not wait, or the finding is not open any more.

        """
        self._refuse(caller, now)
        may = self._may_approve(caller, now)
        with self._database.write() as tx:
            asked = self._one(tx, excuse)
            own = caller.principal == asked.asked_by and not self._entitled.one_person
            if may and not own:
                row = self._rows.one(tx, asked.vulnerability, lock=True)
                asked = self._one(tx, excuse)
                if asked.state(now) != "pending":
                    raise Conflict(f"excuse {excuse} does not wait for anybody")
                if self._rows.vulnerability(row, now).state is not State.OPEN:
                    raise Conflict(f"finding {asked.vulnerability} is not open")
                self._approve(tx, asked, caller, now)
                return self._one(tx, excuse)
            event = Event(
                EventType.VULNERABILITY_EXCUSE_APPROVED,
                Outcome.DENIED,
                caller,
                reason=Reason.SELF_REVIEW if own else Reason.NOT_AUTHORIZED,
                op=asked.kind.value,
                obj_kind=ObjKind.VULNERABILITY,
                obj_ref=str(asked.vulnerability),
                n=excuse,
            )
            self._audit.append(tx, event, now=now)
        if own:
            raise Denied("nobody approves what they asked for")
        raise Denied(
            "it is approved by the dev lead, by who answers for security, or an administrator"
        )

    def end(self, caller: Caller, excuse: int, now: datetime) -> Excuse:
        """Reject what waits, or end what counts: the finding is open again. Raises: Denied, NotFound, Conflict."""
        self._refuse(caller, now)
        with self._database.write() as tx:
            asked = self._one(tx, excuse)
            row = self._rows.one(tx, asked.vulnerability, lock=True)
            asked = self._one(tx, excuse)
            if asked.state(now) not in ("pending", "active"):
                raise Conflict(f"excuse {excuse} has ended")
            ended = {"ended_by": caller.principal, "ended_at": now}
            tx.execute(excuses.update().where(excuses.c.id == excuse).values(**ended))
            if asked.approved_at is not None and row.state != State.FIXED.value:
                opened = {"state": State.OPEN.value, "excused_until": None}
                tx.execute(found.update().where(found.c.id == row.id).values(**opened))
            self._record(tx, EventType.VULNERABILITY_EXCUSE_ENDED, caller, asked, now)
            return self._one(tx, excuse)

    # -- private ---------------------------------------------------------------------------------

    def _may_approve(self, caller: Caller, now: datetime) -> bool:
        return self._entitled.may_approve(caller, Office.DEV_LEAD, now)

    def _one(self, tx: Transaction, excuse: int) -> Excuse:
        known = self._rows.excuses(tx, excuses.c.id == excuse)
        if not known:
            raise NotFound(f"there is no excuse {excuse}")
        return known[0]

    def _approve(self, tx: Transaction, excuse: Excuse, caller: Caller, now: datetime) -> None:
        approved = {"approved_by": caller.principal, "approved_at": now}
        tx.execute(excuses.update().where(excuses.c.id == excuse.id).values(**approved))
        accepted = excuse.kind is ExcuseKind.RISK
        values = {
            "state": (State.ACCEPTED if accepted else State.DISMISSED).value,
            "excused_until": excuse.ends_at,
        }
        tx.execute(found.update().where(found.c.id == excuse.vulnerability).values(**values))
        self._record(tx, EventType.VULNERABILITY_EXCUSE_APPROVED, caller, excuse, now)

    def _record(
        self, tx: Transaction, type_: EventType, caller: Caller, excuse: Excuse, now: datetime
    ) -> None:
        ends = "" if excuse.ends_at is None else excuse.ends_at.isoformat()
        terms = f"{excuse.id}/{excuse.vulnerability}/{excuse.kind}/{ends}/{excuse.reason}"
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            op=excuse.kind.value,
            obj_kind=ObjKind.VULNERABILITY,
            obj_ref=str(excuse.vulnerability),
            n=excuse.id,
            changes=(
                Change(Field.TERMS, after=self._audit.pseudonym("vulnerability-excuse", terms)),
            ),
        )
        self._audit.append(tx, event, now=now)


def _waits(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        excuses.c.approved_at.is_(None),
        excuses.c.ended_at.is_(None),
        sa.or_(excuses.c.ends_at.is_(None), excuses.c.ends_at > now),
    )


def _conditions(wanted: Filter, now: datetime) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.severity is not None:
        yield found.c.severity == wanted.severity.value
    match wanted.state:
        case State.OPEN:
            yield is_open(now)
        case State.ACCEPTED:
            yield is_accepted(now)
        case State.DISMISSED | State.FIXED:
            yield found.c.state == wanted.state.value
    if wanted.tool is not None:
        yield found.c.tool == wanted.tool
    if wanted.target is not None:
        yield found.c.target == wanted.target
    if wanted.overdue:
        yield is_open(now)
        yield found.c.due_at <= now


def _cells(one: Vulnerability, now: datetime) -> Sequence[str]:
    left = one.days_left(now)
    return (
        str(one.id),
        one.severity.word,
        one.state.value,
        one.details.rule,
        one.details.title,
        one.details.where,
        one.details.fixed_in,
        one.tool,
        one.target,
        one.seen_at.isoformat(),
        "" if one.due_at is None else one.due_at.isoformat(),
        "" if left is None else str(left),
    )
