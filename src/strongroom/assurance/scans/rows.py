"""Rows of scans, findings and excuses, and what of them is sealed; private to this room [2.5, 2.7]."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.assurance.scans.scan import (
    Details,
    Excuse,
    ExcuseKind,
    Quality,
    Scan,
    ScanKind,
    Severity,
    State,
    Target,
    Vulnerability,
)
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound
from strongroom.terms import PrincipalId

scans: Final = schema.scan
targets: Final = schema.scan_target
found: Final = schema.vulnerability
excuses: Final = schema.vulnerability_excuse

DETAILS: Final = "vulnerability.details"
REASON: Final = "vulnerability_excuse.reason"
SAID: Final = "scan.said"
_AT_ONCE: Final = 500
_LOCK: Final = 7302


def alone(tx: Transaction) -> None:
    """Let one import after the other into the register: two at once would each create what is new."""
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def is_open(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition of what is to be mended: an acceptance past its day excuses nothing."""
    # So that an index of states is enough: an `or` of two states looks at every row.
    return sa.and_(
        found.c.state.in_((State.OPEN.value, State.ACCEPTED.value)),
        sa.or_(found.c.state == State.OPEN.value, found.c.excused_until <= now),
    )


def is_accepted(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition of what somebody accepted until a day to come."""
    return sa.and_(found.c.state == State.ACCEPTED.value, found.c.excused_until > now)


class Rows:
    """Reads rows into values."""

    def __init__(self, writings: Writings) -> None:
        self._writings = writings

    def scan(self, tx: Transaction, number: int) -> Scan:
        """Return a scan. Raises: NotFound."""
        row = tx.execute(sa.select(scans).where(scans.c.id == number)).first()
        if row is None:
            raise NotFound(f"there is no scan {number}")
        return scan_of(row)

    def scans(self, tx: Transaction, query: sa.Select[Any]) -> list[Scan]:
        """Return the scans of a query of their table."""
        return [scan_of(row) for row in tx.execute(query)]

    def one(self, tx: Transaction, number: int, *, lock: bool = False) -> sa.Row[Any]:
        """Return the row of a finding. Raises: NotFound."""
        query = sa.select(found).where(found.c.id == number)
        row = tx.execute(query.with_for_update() if lock else query).first()
        if row is None:
            raise NotFound(f"there is no finding {number}")
        return row

    def vulnerability(self, row: sa.Row[Any], now: datetime) -> Vulnerability:
        """Return a finding as it stands at an instant."""
        opened = self._writings.open(DETAILS, row.identity, bytes(row.details))
        details = orjson.loads(opened)
        state = State(row.state)
        if state is State.ACCEPTED and row.excused_until <= now:
            state = State.OPEN
        return Vulnerability(
            row.id,
            row.tool,
            ScanKind(row.kind),
            row.target,
            Severity(row.severity),
            state,
            Details(**{**details, "aliases": tuple(details["aliases"])}),
            row.first_scan_id,
            row.last_scan_id,
            row.closed_scan_id,
            row.seen_at,
            row.due_at,
            row.closed_at,
            row.excused_until,
            row.urgency,
        )

    def sealed(self, identity: str, details: Details) -> bytes:
        """Return what a report says of a finding, sealed for its row."""
        return self._writings.seal(DETAILS, identity, orjson.dumps(asdict(details)).decode())

    def excuses(self, tx: Transaction, condition: sa.ColumnElement[bool]) -> list[Excuse]:
        """Return excuses with their reasons, newest first."""
        query = sa.select(excuses).where(condition).order_by(excuses.c.id.desc())
        return [self._excuse(row) for row in tx.execute(query)]

    def _excuse(self, row: sa.Row[Any]) -> Excuse:
        return Excuse(
            row.id,
            row.vulnerability_id,
            ExcuseKind(row.kind),
            self._writings.open(
                REASON,
                reason_of(row.vulnerability_id, row.asked_by, row.asked_at),
                bytes(row.reason),
            ),
            PrincipalId(row.asked_by),
            row.asked_at,
            row.ends_at,
            None if row.approved_by is None else PrincipalId(row.approved_by),
            row.approved_at,
            None if row.ended_by is None else PrincipalId(row.ended_by),
            row.ended_at,
        )


def reason_of(vulnerability: int, by: int, at: datetime) -> str:
    """Return what a reason is bound to."""
    return f"{vulnerability}/{by}/{at.isoformat()}"


def scan_of(row: sa.Row[Any]) -> Scan:
    """Return a scan of its row."""
    return Scan(
        row.id,
        row.tool,
        ScanKind(row.kind),
        row.target,
        row.commit_id,
        row.scanned_at,
        row.imported_at,
        PrincipalId(row.imported_by),
        row.sha256,
        row.size_bytes,
        row.evidence_id,
        Quality(row.quality),
        row.why,
        row.found,
        row.created,
        row.untouched,
        row.closed,
        row.reopened,
    )


def target_of(row: sa.Row[Any]) -> Target:
    """Return a target of its row."""
    return Target(
        row.id, row.name, ScanKind(row.kind), PrincipalId(row.declared_by), row.declared_at
    )


def chunks(numbers: Iterable[int]) -> Iterable[Sequence[int]]:
    """Return numbers in parts that one statement may name."""
    listed = list(numbers)
    for at in range(0, len(listed), _AT_ONCE):
        yield listed[at : at + _AT_ONCE]
