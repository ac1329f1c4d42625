"""The rows of the house's documents; private to this room."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.compliance.policies.kinds import SPECS, Kind
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound
from strongroom.policy.laws import months_later
from strongroom.terms import PrincipalId

versions: Final = schema.policy_version
acknowledgements: Final = schema.policy_acknowledgement
comparisons: Final = schema.policy_comparison


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one document."""

    id: int
    kind: Kind
    number: int
    text: str = field(repr=False)
    digest: str
    """SHA-256 of the text when it was last written."""
    authors: frozenset[PrincipalId]
    """Everybody who wrote at it."""
    drafted_at: datetime
    submitted_by: PrincipalId | None
    submitted_at: datetime | None
    approved_by: PrincipalId | None
    approved_at: datetime | None
    dropped_at: datetime | None
    superseded: bool = False
    """A later version of the same document was approved."""

    @property
    def is_open(self) -> bool:
        """Whether it is still on its way to an approval."""
        return self.approved_at is None and self.dropped_at is None

    @property
    def review_by(self) -> datetime | None:
        """By when somebody has to look at it again; None before it is approved."""
        if self.approved_at is None:
            return None
        return months_later(self.approved_at, SPECS[self.kind].review_months)

    def state(self, now: datetime) -> str:
        """Return `draft`, `submitted`, `current`, `overdue`, `superseded` or `dropped`."""
        if self.dropped_at is not None:
            return "dropped"
        if self.review_by is None:
            return "draft" if self.submitted_at is None else "submitted"
        if self.superseded:
            return "superseded"
        return "current" if now < self.review_by else "overdue"


def one(tx: Transaction, number: int, *, for_update: bool = False) -> Version:
    """Return one version; `for_update` holds its row. Raises: NotFound."""
    query = sa.select(versions).where(versions.c.id == number)
    row = tx.execute(query.with_for_update() if for_update else query).first()
    if row is None:
        raise NotFound(f"there is no version {number}")
    later = sa.select(versions.c.id).where(
        versions.c.kind == row.kind,
        versions.c.number > row.number,
        versions.c.approved_at.is_not(None),
    )
    return _version(row, superseded=tx.execute(later.limit(1)).first() is not None)


def listed(tx: Transaction, kind: Kind, *, most: int = 200) -> list[Version]:
    """Return the versions of one document, the newest first."""
    query = sa.select(versions).where(versions.c.kind == kind.value)
    found, seen = [], False
    for row in tx.execute(query.order_by(versions.c.number.desc()).limit(most)):
        found.append(_version(row, superseded=seen))
        seen = seen or row.approved_at is not None
    return found


def open_one(tx: Transaction, kind: Kind) -> Version | None:
    """Return the version that is on its way to an approval."""
    query = sa.select(versions.c.id).where(
        versions.c.kind == kind.value,
        versions.c.approved_at.is_(None),
        versions.c.dropped_at.is_(None),
    )
    found = tx.execute(query.limit(1)).scalar()
    return None if found is None else one(tx, found)


def next_number(tx: Transaction, kind: Kind) -> int:
    """Return the number of the next version of a document."""
    query = sa.select(sa.func.max(versions.c.number)).where(versions.c.kind == kind.value)
    return (tx.execute(query).scalar() or 0) + 1


def change(tx: Transaction, version: Version, **values: object) -> Version:
    """Change one row and return it as it is then."""
    tx.execute(versions.update().where(versions.c.id == version.id).values(**values))
    return one(tx, version.id)


def _version(row: sa.Row[tuple[object, ...]], *, superseded: bool) -> Version:
    return Version(
        row.id,
        Kind(row.kind),
        row.number,
        row.text,
        row.digest,
        frozenset(PrincipalId(int(one)) for one in row.authors.split()),
        row.drafted_at,
        row.submitted_by,
        row.submitted_at,
        row.approved_by,
        row.approved_at,
        row.dropped_at,
        superseded,
    )
