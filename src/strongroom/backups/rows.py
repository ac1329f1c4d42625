"""The rows about backups: what was taken, where it lies, what drills found. SQL alone; private to this room."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound

_backups: Final = schema.backup
_copies: Final = schema.backup_copy
_drills: Final = schema.backup_drill


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup. `finished_at` None: it was interrupted. `removed_at`: the home's own file is gone."""

    id: int
    name: str
    taken_at: datetime
    finished_at: datetime | None
    log_size: int
    rows: int
    bytes_: int
    sha256: str
    manifest: str
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A backup in one of its targets."""

    backup: int
    place: int
    parts: int
    stored_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Drill:
    """What a restore that was tried out found: RTO is `recovery_ms`, RPO `lost_ms`."""

    id: int
    backup: int
    drilled_at: datetime
    sound: bool
    rows: int
    opened: int
    recovery_ms: int
    lost_ms: int


def begin(tx: Transaction, now: datetime) -> Backup:
    """Make the row of a backup that begins; its number makes its name."""
    values = {"name": "", "taken_at": now, "log_size": 0, "row_count": 0, "bytes": 0}
    query = _backups.insert().values(**values, sha256="", manifest="").returning(_backups.c.id)
    id_ = tx.execute(query).scalar_one()
    name = f"{now:%Y%m%dT%H%M%SZ}-{id_:06d}.age"
    tx.execute(_backups.update().where(_backups.c.id == id_).values(name=name))
    return one(tx, id_)


def change(tx: Transaction, id_: int, **values: object) -> Backup:
    """Write columns of a backup."""
    tx.execute(_backups.update().where(_backups.c.id == id_).values(**values))
    return one(tx, id_)


def one(tx: Transaction, id_: int) -> Backup:
    """Return a backup. Raises: NotFound."""
    row = tx.execute(sa.select(_backups).where(_backups.c.id == id_)).first()
    if row is None:
        raise NotFound(f"there is no backup {id_}")
    return _backup(row)


def every(tx: Transaction) -> list[Backup]:
    """Return all backups, oldest first."""
    return [_backup(row) for row in tx.execute(sa.select(_backups).order_by(_backups.c.id))]


def copies(tx: Transaction) -> list[StoredCopy]:
    """Return where backups lie beside the home."""
    query = sa.select(_copies).order_by(_copies.c.backup_id, _copies.c.place_id)
    return [
        StoredCopy(row.backup_id, row.place_id, row.parts, row.stored_at, row.removed_at)
        for row in tx.execute(query)
    ]


def keep_copy(tx: Transaction, backup: int, place: int, **values: object) -> None:
    """Write columns of a backup's copy in a place; the first time makes its row."""
    here = sa.and_(_copies.c.backup_id == backup, _copies.c.place_id == place)
    if tx.execute(sa.select(_copies.c.parts).where(here)).first() is None:
        tx.execute(_copies.insert().values(backup_id=backup, place_id=place, parts=0))
    tx.execute(_copies.update().where(here).values(**values))


def add_drill(tx: Transaction, drill: Drill) -> int:
    """Keep what a drill found; its own number is made here."""
    values = {
        "backup_id": drill.backup,
        "drilled_at": drill.drilled_at,
        "is_sound": int(drill.sound),
        "row_count": drill.rows,
        "opened": drill.opened,
        "recovery_ms": drill.recovery_ms,
        "lost_ms": drill.lost_ms,
    }
    return int(tx.execute(_drills.insert().values(**values).returning(_drills.c.id)).scalar_one())


def drills(tx: Transaction) -> list[Drill]:
    """Return all drills, oldest first."""
    return [
        Drill(
            row.id,
            row.backup_id,
            row.drilled_at,
            bool(row.is_sound),
            row.row_count,
            row.opened,
            row.recovery_ms,
            row.lost_ms,
        )
        for row in tx.execute(sa.select(_drills).order_by(_drills.c.id))
    ]


def _backup(row: sa.Row[tuple[object, ...]]) -> Backup:
    return Backup(
        row.id,
        row.name,
        row.taken_at,
        row.finished_at,
        row.log_size,
        row.row_count,
        row.bytes,
        row.sha256,
        row.manifest,
        row.removed_at,
    )
