"""The rows of archives and the events about them: names, numbers and hashes, never what is inside [2.1, 2.6].

Private to this room.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.terms import SYSTEM, Caller, PeriodId, SellerId
from strongroom.vault.keystore import PeriodRow


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One archive: what the log and its row say of it."""

    name: str
    hold: int
    seller: SellerId
    period: PeriodId
    records: int
    bytes: int
    manifest_sha256: str
    sealed_at: datetime
    destroyed_at: datetime | None
    copies_destroyed: int | None


def values_of(file: ArchiveFile) -> dict[str, Any]:
    """Return what is stored of an archive."""
    return {
        "name": file.name,
        "hold_id": file.hold,
        "seller_id": file.seller,
        "period_id": file.period,
        "records": file.records,
        "bytes": file.bytes,
        "manifest_sha256": file.manifest_sha256,
        "sealed_at": file.sealed_at,
    }


def file_of(row: sa.Row[Any]) -> ArchiveFile:
    """Return an archive as it is stored."""
    return ArchiveFile(
        row.name,
        row.hold_id,
        SellerId(row.seller_id),
        PeriodId(row.period_id),
        row.records,
        row.bytes,
        row.manifest_sha256,
        row.sealed_at,
        row.destroyed_at,
        row.copies_destroyed,
    )


def sealed_event(file: ArchiveFile) -> Event:
    """Return the event that binds a manifest, before the key of what it holds is destroyed."""
    return Event(
        EventType.ARCHIVE_SEALED,
        Outcome.SUCCESS,
        SYSTEM,
        op=f"hold.{file.hold}",
        obj_kind=ObjKind.ARCHIVE,
        obj_ref=file.name,
        n=file.records,
        bytes_=file.bytes,
        changes=(Change(Field.MANIFEST, after=file.manifest_sha256),),
        seller=file.seller,
    )


def expired_event(name: str, op: str, caller: Caller, copies: int | None = None) -> Event:
    """Return the event of an archive, or of its copies, being destroyed."""
    return Event(
        EventType.ARCHIVE_EXPIRED,
        Outcome.SUCCESS,
        caller,
        op=op,
        obj_kind=ObjKind.ARCHIVE,
        obj_ref=name,
        n=copies,
    )


def failed_event(
    op: str, reason: Reason, period: PeriodRow | None = None, records: int | None = None
) -> Event:
    """Return the event of something that was not done, or is late."""
    return Event(
        EventType.ARCHIVE_FAILED,
        Outcome.FAILURE,
        SYSTEM,
        reason=reason,
        op=op,
        obj_kind=None if period is None else ObjKind.PERIOD,
        obj_ref=None if period is None else str(period.id),
        n=records,
        seller=None if period is None else period.seller,
    )
