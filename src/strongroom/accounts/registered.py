"""The rows of client certificates: as they are listed, and how they end [1.2, 1.4]."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.audit import EventType, ObjKind
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.policy.limits import APP_SECRET_LIFETIME
from strongroom.terms import PrincipalId

_table: Final = schema.client_certificate


@dataclass(frozen=True, slots=True)
class Certificate:
    """A registered certificate as listed. `ends_at`: its own end, or a quarter after it was registered [1.4]."""

    id: int
    thumbprint: str
    not_after: datetime
    created_at: datetime
    revoked_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        """When it stops working by itself."""
        return min(self.not_after, self.created_at + APP_SECRET_LIFETIME)

    def works(self, now: datetime) -> bool:
        """Tell whether it still lets its holder in, as far as the certificate itself goes."""
        return self.revoked_at is None and now < self.ends_at


def certificates_of(tx: Transaction, principal: PrincipalId) -> list[Certificate]:
    """Return a principal's certificates, oldest first."""
    query = sa.select(_table).where(_table.c.principal_id == principal).order_by(_table.c.id)
    return [certificate_of(row) for row in tx.execute(query)]


def certificate_of(row: sa.Row[tuple[object, ...]]) -> Certificate:
    """Return the listed form of a row."""
    return Certificate(
        row.id, bytes(row.thumbprint).hex(), row.not_after, row.created_at, row.revoked_at
    )


def revoke_certificates(change: Changes, ids: Sequence[int]) -> None:
    """Revoke these certificates, with an event each."""
    if not ids:
        return
    # What held it to its principal goes: a row whose revocation is taken out again lets nobody in.
    revoked = {"revoked_at": change.now, "bound": b""}
    change.tx.execute(_table.update().where(_table.c.id.in_(ids)).values(**revoked))
    for id_ in ids:
        change.record(EventType.CERTIFICATE_REVOKED, ObjKind.CERTIFICATE, id_)
