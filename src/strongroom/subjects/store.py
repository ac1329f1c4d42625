"""The rows of subject requests: what was asked, found, told and decided; private to this room [2.2]."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound
from strongroom.policy.laws import IdentityCheck, Law, Outcome, RequestKind, law_named
from strongroom.policy.restricting import Ground
from strongroom.terms import PrincipalId, RecordNumber, SellerId

requests: Final = schema.subject_request
records: Final = schema.subject_record
steps: Final = schema.subject_step
recipients: Final = schema.subject_recipient
restrictions: Final = schema.restriction
permits: Final = schema.restriction_permit

_CHUNK: Final = 400

DESTINATION: Final = "destination"
PRINCIPAL: Final = "principal"


@dataclass(frozen=True, slots=True)
class SubjectRequest:
    """One request. `outcome` is what the last letter said; closed ones keep everything but what was named in them."""

    id: int
    kind: RequestKind
    law: Law
    received_at: datetime
    due_at: datetime
    opened_by: PrincipalId
    handler: PrincipalId
    verified_at: datetime | None
    verified_by: PrincipalId | None
    verified_method: IdentityCheck | None
    searched_at: datetime | None
    replied_at: datetime | None
    outcome: Outcome | None
    closed_at: datetime | None
    lifting_told_at: datetime | None

    def state(self, now: datetime) -> str:
        """Return `closed`, `overdue`, `unverified`, or `open`."""
        if self.closed_at is not None:
            return "closed"
        if now >= self.due_at:
            return "overdue"
        return "unverified" if self.verified_at is None else "open"


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """One record of theirs; `people`: who they are in it, nobody where it was gone before it was found."""

    record: RecordNumber
    seller: SellerId
    people: frozenset[str]
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done."""

    at: datetime
    principal: PrincipalId
    step: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who was given their data: a third party, or a principal of ours."""

    kind: str
    id: int
    name: str
    told_at: datetime | None
    how: str | None


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to read what a request restricts: for one principal, on one ground, for some days."""

    id: int
    request: int
    principal: PrincipalId
    ground: Ground
    asked_by: PrincipalId
    expires_at: datetime
    approved_by: PrincipalId | None
    ended_at: datetime | None

    def state(self, now: datetime) -> str:
        """Return `ended`, `expired`, `pending` or `active`."""
        if self.ended_at is not None:
            return "ended"
        if now >= self.expires_at:
            return "expired"
        return "pending" if self.approved_by is None else "active"


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What one third party was told of one record: names of fields."""

    record: RecordNumber
    destination: int
    at: datetime
    purpose: str
    fields: list[str]


def request(tx: Transaction, number: int) -> SubjectRequest:
    """Return one request. Raises: NotFound."""
    row = tx.execute(sa.select(requests).where(requests.c.id == number)).first()
    if row is None:
        raise NotFound(f"there is no request {number}")
    return _request(row)


def listed(tx: Transaction) -> list[SubjectRequest]:
    """Return every request: open ones first, by the day they are due."""
    closed = requests.c.closed_at.is_not(None)
    query = sa.select(requests).order_by(closed, requests.c.due_at, requests.c.id)
    return [_request(row) for row in tx.execute(query)]


def sought_of(tx: Transaction, number: int) -> bytes | None:
    """Return what was named to be found by, sealed; None once the request is closed."""
    query = sa.select(requests.c.sought).where(requests.c.id == number)
    found: bytes | None = tx.execute(query).scalar_one()
    return found


def records_of(tx: Transaction, number: int) -> list[FoundRecord]:
    """Return the records that were found."""
    query = (
        sa.select(records).where(records.c.request_id == number).order_by(records.c.record_number)
    )
    return [
        FoundRecord(row.record_number, row.seller_id, frozenset(row.person.split()), row.erased_at)
        for row in tx.execute(query)
    ]


def steps_of(tx: Transaction, number: int) -> list[Step]:
    """Return all that was done, in order."""
    query = sa.select(steps).where(steps.c.request_id == number).order_by(steps.c.id)
    return [Step(row.at, row.principal_id, row.step, row.detail) for row in tx.execute(query)]


def recipients_of(tx: Transaction, number: int) -> list[Recipient]:
    """Return who was given the data, third parties first."""
    query = (
        sa.select(recipients)
        .where(recipients.c.request_id == number)
        .order_by(recipients.c.kind, recipients.c.ref_id)
    )
    return [
        Recipient(row.kind, row.ref_id, name_of(tx, row.kind, row.ref_id), row.told_at, row.how)
        for row in tx.execute(query).all()
    ]


def name_of(tx: Transaction, kind: str, number: int) -> str:
    """Return the name of a third party or of a principal."""
    table = schema.delivery_target if kind == DESTINATION else schema.principal
    found = tx.execute(sa.select(table.c.name).where(table.c.id == number)).scalar()
    return str(number) if found is None else str(found)


def seller_name(tx: Transaction, seller: SellerId) -> str:
    """Return a selling partner's name."""
    query = sa.select(schema.seller.c.name).where(schema.seller.c.id == seller)
    return str(tx.execute(query).scalar_one())


def permits_of(tx: Transaction, number: int) -> list[Permit]:
    """Return what was asked for and given in spite of a request's restriction."""
    query = sa.select(permits).where(permits.c.request_id == number).order_by(permits.c.id)
    return [_permit(row) for row in tx.execute(query)]


def interested(tx: Transaction, found: Permit) -> frozenset[int]:
    """Return who asked for a permit and who would have it, and the people who answer for them."""
    parties = {found.asked_by, found.principal}
    table = schema.principal
    owners = tx.execute(
        sa.select(table.c.owner_id).where(table.c.id.in_(parties), table.c.owner_id.is_not(None))
    ).scalars()
    return frozenset(parties).union(owners)


def permit(tx: Transaction, number: int) -> Permit:
    """Return one permit. Raises: NotFound."""
    row = tx.execute(sa.select(permits).where(permits.c.id == number)).first()
    if row is None:
        raise NotFound(f"there is no permit {number}")
    return _permit(row)


def restricted_since(tx: Transaction, number: int) -> datetime | None:
    """Return since when a request restricts its records; None: it does not."""
    query = sa.select(sa.func.min(restrictions.c.since)).where(restrictions.c.request_id == number)
    return tx.execute(query).scalar()


def disclosed(tx: Transaction, numbers: Collection[RecordNumber]) -> list[Disclosed]:
    """Return what third parties were told of these records, oldest first."""
    table = schema.disclosure
    found: list[Disclosed] = []
    for start in range(0, len(numbers), _CHUNK):
        chunk = list(numbers)[start : start + _CHUNK]
        query = sa.select(table).where(table.c.record_number.in_(chunk)).order_by(table.c.id)
        found += [
            Disclosed(
                row.record_number, row.destination_id, row.at, row.purpose, row.fields.split()
            )
            for row in tx.execute(query)
        ]
    return found


def _request(row: sa.Row[tuple[object, ...]]) -> SubjectRequest:
    method, outcome = row.verified_method, row.outcome
    return SubjectRequest(
        row.id,
        RequestKind(row.kind),
        law_named(row.law),
        row.received_at,
        row.due_at,
        row.opened_by,
        row.handler_id,
        row.verified_at,
        row.verified_by,
        None if method is None else IdentityCheck(method),
        row.searched_at,
        row.replied_at,
        None if outcome is None else Outcome(outcome),
        row.closed_at,
        row.lifting_told_at,
    )


def _permit(row: sa.Row[tuple[object, ...]]) -> Permit:
    return Permit(
        row.id,
        row.request_id,
        row.principal_id,
        Ground(row.ground),
        row.asked_by,
        row.expires_at,
        row.approved_by,
        row.ended_at,
    )
