"""Holds a report against the register: what is new, still there, gone, or back again [2.7].

A finding is gone only when a complete scan lacks it; one that skipped something, knew old advisories, or is older than
what was imported before closes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.assurance.scans.parsed import CVE, Hit, Parsed
from strongroom.assurance.scans.rows import REASON, Rows, chunks, excuses, found, reason_of
from strongroom.assurance.scans.scan import (
    ExcuseKind,
    FixWithin,
    ScanKind,
    State,
    due_at,
    urgency,
)
from strongroom.compliance.writings import Writings
from strongroom.db.engine import Transaction
from strongroom.terms import PrincipalId

_BEYOND: Final = 10_000
"""Of excuses of a report with more than that, none is looked at: nobody could have read them."""


@dataclass(frozen=True, slots=True)
class Held:
    """What became of a report's findings."""

    created: int = 0
    untouched: int = 0
    closed: int = 0
    reopened: int = 0


@dataclass(frozen=True, slots=True)
class Arriving:
    """One report that is held against the register, and by whom."""

    scan: int
    tool: str
    kind: ScanKind
    target: str
    scanned_at: datetime
    by: PrincipalId
    now: datetime
    closes: bool
    """Whether what it lacks is gone."""
    within: FixWithin


class Importing:
    """Changes the register within the caller's transaction, which is alone there."""

    def __init__(self, rows: Rows, writings: Writings) -> None:
        self._rows = rows
        self._writings = writings

    def hold(self, tx: Transaction, arriving: Arriving, hits: Mapping[str, Hit]) -> Held:
        """Bring the register to what a report of one tool and target says."""
        known = self._known(tx, arriving)
        said = self._said_by_reports(tx, arriving)
        new = [identity for identity in hits if identity not in known]
        here = [identity for identity in hits if identity in known]
        back = [i for i in here if known[i].state == State.FIXED.value]
        doubted = [i for i in here if hits[i].excused is None and known[i].id in said]
        # Somebody accepted the risk as it was then.
        graver = [
            known[i].id
            for i in here
            if known[i].state == State.ACCEPTED.value and hits[i].severity > known[i].severity
        ]
        self._insert(tx, arriving, hits, new)
        self._refresh(tx, arriving, hits, [known[i] for i in here])
        self._reopen(tx, arriving, hits, [known[i] for i in (*back, *doubted)])
        self._worsen(tx, arriving, graver)
        gone = []
        if arriving.closes:
            gone = [
                row.id
                for identity, row in known.items()
                if identity not in hits and row.state != State.FIXED.value
            ]
            self._close(tx, arriving, gone)
        self._excuse(tx, arriving, {i: hit for i, hit in hits.items() if hit.excused is not None})
        reopened = len(back) + len(doubted) + len(graver)
        return Held(len(new), len(here) - reopened, len(gone), reopened)

    def speak(self, tx: Transaction, arriving: Arriving, parsed: Parsed) -> Held:
        """Take over what a document says of what others found (VEX)."""
        said = {}
        for hit in parsed.hits:
            for name in (hit.details.rule, *hit.details.aliases):
                if CVE.fullmatch(name) or name == hit.details.rule:
                    said[name, hit.details.package.lower()] = hit.excused
        touched, reopened = 0, 0
        where = (found.c.target == arriving.target, found.c.state != State.FIXED.value)
        for row in tx.execute(sa.select(found).where(*where)).all():
            details = self._rows.vulnerability(row, arriving.now).details
            names = (details.rule, *details.aliases)
            keys = [(n, p) for n in names for p in (details.package.lower(), "")]
            key = next((key for key in keys if key in said), None)
            if key is None:
                continue
            reason = said[key]
            if reason is not None and row.state == State.OPEN.value:
                self._dismiss(tx, arriving, row.id, ExcuseKind.VEX, reason)
                touched += 1
            elif reason is None and self._ends_word(tx, arriving, row.id, ExcuseKind.VEX):
                reopened += 1
        return Held(untouched=touched, reopened=reopened)

    # -- private ---------------------------------------------------------------------------------

    def _known(self, tx: Transaction, arriving: Arriving) -> dict[str, sa.Row[Any]]:
        query: sa.Select[Any] = sa.select(
            found.c.id, found.c.identity, found.c.state, found.c.severity, found.c.seen_at
        ).where(
            found.c.tool == arriving.tool,
            found.c.target == arriving.target,
            found.c.kind == arriving.kind.value,
        )
        return {row.identity: row for row in tx.execute(query).all()}

    def _said_by_reports(self, tx: Transaction, arriving: Arriving) -> frozenset[int]:
        """Return the findings that stand dismissed by the word of an earlier report of this tool alone."""
        query = (
            sa.select(excuses.c.vulnerability_id)
            .join(found, found.c.id == excuses.c.vulnerability_id)
            .where(
                found.c.tool == arriving.tool,
                found.c.target == arriving.target,
                found.c.state == State.DISMISSED.value,
                excuses.c.kind == ExcuseKind.REPORT.value,
                excuses.c.ended_at.is_(None),
            )
        )
        return frozenset(tx.execute(query).scalars())

    def _insert(
        self, tx: Transaction, arriving: Arriving, hits: Mapping[str, Hit], new: Sequence[str]
    ) -> None:
        values = []
        for identity in new:
            hit = hits[identity]
            due = due_at(hit.severity, arriving.scanned_at, arriving.within)
            values.append(
                {
                    "identity": identity,
                    "tool": arriving.tool,
                    "kind": arriving.kind.value,
                    "target": arriving.target,
                    "severity": hit.severity.value,
                    "state": State.OPEN.value,
                    "details": self._rows.sealed(identity, hit.details),
                    "first_scan_id": arriving.scan,
                    "last_scan_id": arriving.scan,
                    "seen_at": arriving.scanned_at,
                    "due_at": due,
                    "urgency": urgency(due, 0),
                }
            )
        if values:
            tx.execute(found.insert(), values)
            number = {"urgency": found.c.urgency - found.c.id}
            tx.execute(
                found.update().where(found.c.first_scan_id == arriving.scan).values(**number)
            )

    def _refresh(
        self,
        tx: Transaction,
        arriving: Arriving,
        hits: Mapping[str, Hit],
        rows: Sequence[sa.Row[Any]],
    ) -> None:
        """Write what the report says of known findings now: lines move, and how grave one is may change."""
        values = []
        for row in rows:
            hit = hits[row.identity]
            due = due_at(hit.severity, row.seen_at, arriving.within)
            values.append(
                {
                    "b_id": row.id,
                    "severity": hit.severity.value,
                    "details": self._rows.sealed(row.identity, hit.details),
                    "last_scan_id": arriving.scan,
                    "due_at": due,
                    "urgency": urgency(due, row.id),
                }
            )
        if values:
            tx.execute(found.update().where(found.c.id == sa.bindparam("b_id")), values)

    def _reopen(
        self,
        tx: Transaction,
        arriving: Arriving,
        hits: Mapping[str, Hit],
        rows: Sequence[sa.Row[Any]],
    ) -> None:
        """Open again what came back; its clock begins with the scan that saw it."""
        for row in rows:
            due = due_at(hits[row.identity].severity, arriving.scanned_at, arriving.within)
            tx.execute(
                found.update()
                .where(found.c.id == row.id)
                .values(
                    state=State.OPEN.value,
                    seen_at=arriving.scanned_at,
                    due_at=due,
                    urgency=urgency(due, row.id),
                    closed_at=None,
                    closed_scan_id=None,
                    excused_until=None,
                )
            )
        self._end_excuses(tx, arriving, [row.id for row in rows])

    def _worsen(self, tx: Transaction, arriving: Arriving, graver: Sequence[int]) -> None:
        """Open again what is graver than what was accepted; its clock runs on."""
        for numbers in chunks(graver):
            values = {"state": State.OPEN.value, "excused_until": None}
            tx.execute(found.update().where(found.c.id.in_(numbers)).values(**values))
        self._end_excuses(tx, arriving, graver)

    def _close(self, tx: Transaction, arriving: Arriving, gone: Sequence[int]) -> None:
        for numbers in chunks(gone):
            tx.execute(
                found.update()
                .where(found.c.id.in_(numbers))
                .values(
                    state=State.FIXED.value,
                    closed_at=arriving.scanned_at,
                    closed_scan_id=arriving.scan,
                    excused_until=None,
                )
            )
        self._end_excuses(tx, arriving, gone)

    def _end_excuses(self, tx: Transaction, arriving: Arriving, numbers: Sequence[int]) -> None:
        for part in chunks(numbers):
            tx.execute(
                excuses.update()
                .where(excuses.c.vulnerability_id.in_(part), excuses.c.ended_at.is_(None))
                .values(ended_by=arriving.by, ended_at=arriving.now)
            )

    def _excuse(self, tx: Transaction, arriving: Arriving, hits: Mapping[str, Hit]) -> None:
        """Dismiss what the report itself takes for none, with its reason."""
        if not hits or len(hits) > _BEYOND:
            return
        known = self._known(tx, arriving)
        for identity, hit in hits.items():
            if known[identity].state == State.OPEN.value and hit.excused is not None:
                self._dismiss(tx, arriving, known[identity].id, ExcuseKind.REPORT, hit.excused)

    def _dismiss(
        self, tx: Transaction, arriving: Arriving, number: int, kind: ExcuseKind, reason: str
    ) -> None:
        tx.execute(
            excuses.insert().values(
                vulnerability_id=number,
                kind=kind.value,
                reason=self._writings.seal(
                    REASON, reason_of(number, arriving.by, arriving.now), reason
                ),
                asked_by=arriving.by,
                asked_at=arriving.now,
                approved_by=arriving.by,
                approved_at=arriving.now,
            )
        )
        tx.execute(
            found.update()
            .where(found.c.id == number)
            .values(state=State.DISMISSED.value, excused_until=None)
        )

    def _ends_word(
        self, tx: Transaction, arriving: Arriving, number: int, kind: ExcuseKind
    ) -> bool:
        """End what a document said before; tell whether there was such a word."""
        ended = tx.execute(
            excuses.update()
            .where(
                excuses.c.vulnerability_id == number,
                excuses.c.kind == kind.value,
                excuses.c.ended_at.is_(None),
            )
            .values(ended_by=arriving.by, ended_at=arriving.now)
        )
        if ended.rowcount:
            opened = {"state": State.OPEN.value}
            tx.execute(found.update().where(found.c.id == number).values(**opened))
        return bool(ended.rowcount)
