"""Copies of the keystore: few, sealed to people of their own, listed, apart from backups, gone in a day [2.1, 2.4].

Whoever holds a copy and its identity reads until the copy expires, so its longest life is taken off every date of
disposal. A copy is listed before its first byte is written and until its file is gone: there is none that nobody knows.
"""

import base64
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.backups.places import PlaceKind, Places
from strongroom.backups.sealed import sync, write_sealed
from strongroom.backups.stream import Contents, Header, Sealer, lines
from strongroom.backups.tables import tables_of
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, NotFound, StrongroomError, Unavailable
from strongroom.policy.backups import outlives
from strongroom.terms import SYSTEM, Caller
from strongroom.vault import Keystore

_TOLD_EVERY: Final = timedelta(days=1)
_SUFFIX: Final = ".age"
_rows: Final = schema.keystore_copy


@dataclass(frozen=True, slots=True)
class KeystoreCopy:
    """One copy, as listed. `overdue_at`: when it was told last that it outlives its time."""

    id: int
    path: str
    sha256: str
    created_at: datetime
    expires_at: datetime
    destroyed_at: datetime | None
    overdue_at: datetime | None


class KeystoreCopies:
    """The copies of one home's keystore. Changes are durable on return, with their event.

    `header` is what all of them have in common, `root_file` gives the root key's sealed file, if it is one.
    """

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        places: Places,
        *,
        lifetime: timedelta,
        header: Header,
        root_file: Callable[[], bytes | None],
        seal: Sealer,
    ) -> None:
        self.lifetime: Final = lifetime
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._places = places
        self._header = header
        self._root_file = root_file
        self._seal = seal

    def copy(self, caller: Caller, now: datetime) -> list[KeystoreCopy]:
        """Make a copy in each place that keystore copies go to, and return them.

        Raises:
            Conflict: no recovery recipient or place is in effect, or copies live for no time here.
            Unavailable: a place can't be written; recorded.

        """
        recipients = self._places.recipients(PlaceKind.RECOVERY)
        places = self._places.of(PlaceKind.KEYS)
        if not places:
            raise Conflict(
                "no place of keystore copies is in effect",
                hint="strongroom backup place add keys DIR, apart from every backup",
            )
        if not self.lifetime:
            raise Conflict(
                "a copy of the keystore would live for no time here",
                hint="keystore.copy_lifetime_hours says how long",
            )
        made = []
        for place in places:
            listed = self._list(Path(place.value), now)
            path = Path(listed.path)
            try:
                if not path.parent.is_dir():
                    raise Unavailable("the place of keystore copies is not there")
                with self._keystore.view() as tx:
                    parts = lines(
                        self._header_of(listed),
                        tables_of(tx, schema.keystore, lambda _count: None),
                        self._seal,
                        Contents(),
                    )
                    written = write_sealed(path, parts, recipients)
            except StrongroomError:
                self._record(EventType.KEYSTORE_COPIED, caller, listed, now, Reason.UNAVAILABLE)
                raise
            with self._database.write() as tx:
                tx.execute(
                    _rows.update().where(_rows.c.id == listed.id).values(sha256=written.sha256)
                )
                event = Event(
                    EventType.KEYSTORE_COPIED,
                    Outcome.SUCCESS,
                    caller,
                    obj_kind=ObjKind.KEY_COPY,
                    obj_ref=str(listed.id),
                    n=int(listed.expires_at.timestamp()),
                    changes=(Change(Field.CONTENT, after=written.sha256),),
                )
                self._audit.append(tx, event, now=now)
            made.append(self.one(listed.id))
        return made

    def listed(self, *, destroyed: bool = False) -> list[KeystoreCopy]:
        """Return the copies there are, with `destroyed` those there were."""
        with self._database.read() as tx:
            found = _every(tx)
        return [one for one in found if destroyed or one.destroyed_at is None]

    def one(self, id_: int) -> KeystoreCopy:
        """Return a copy. Raises: NotFound."""
        found = next((one for one in self.listed(destroyed=True) if one.id == id_), None)
        if found is None:
            raise NotFound(f"there is no keystore copy {id_}")
        return found

    def destroy(self, id_: int, caller: Caller, now: datetime) -> KeystoreCopy:
        """Destroy a copy's file.

        Raises:
            NotFound, Conflict: there is no such copy, or none any more.
            Unavailable: its place can't be reached, so that nobody knows; recorded.

        """
        copy = self.one(id_)
        if copy.destroyed_at is not None:
            raise Conflict(f"keystore copy {id_} is destroyed already")
        try:
            _unlink(Path(copy.path))
        except OSError as exc:
            self._record(EventType.KEYSTORE_COPY_DESTROYED, caller, copy, now, Reason.UNREACHABLE)
            raise Unavailable(
                f"keystore copy {id_} cannot be destroyed: {exc.strerror}",
                hint="mount its place; until it is gone, its keys may live on there",
            ) from None
        with self._database.write() as tx:
            tx.execute(_rows.update().where(_rows.c.id == id_).values(destroyed_at=now))
            self._audit.append(tx, _event(EventType.KEYSTORE_COPY_DESTROYED, caller, copy), now=now)
        return self.one(id_)

    def expire(self, now: datetime) -> None:
        """Destroy every copy whose time is over; tell once a day of one that can't be reached.

        Raises:
            Unavailable: one outlives its time.

        """
        alive = []
        for copy in self.listed():
            if copy.expires_at > now:
                continue
            try:
                _unlink(Path(copy.path), by_itself=True)
            except OSError:
                alive.append(copy)
                continue
            with self._database.write() as tx:
                tx.execute(_rows.update().where(_rows.c.id == copy.id).values(destroyed_at=now))
                event = _event(EventType.KEYSTORE_COPY_DESTROYED, SYSTEM, copy)
                self._audit.append(tx, event, now=now)
        for copy in alive:
            if copy.overdue_at is None or now - copy.overdue_at >= _TOLD_EVERY:
                self._tell_overdue(copy, now)
        if alive:
            raise Unavailable(
                f"keystore copy {alive[0].id} outlives its time: its place can't be reached"
            )

    def faults(self, now: datetime) -> list[str]:
        """Return why what is taken off every date of disposal does not hold: copies that live, or would, for longer."""
        faults = []
        for copy in self.listed():
            if copy.expires_at <= now:
                faults.append(f"copy {copy.id} outlives its time")
            elif outlives(copy.expires_at, copy.created_at, self.lifetime):
                faults.append(f"copy {copy.id} lives longer than the settings say")
        return faults

    def adopt(self, path: str, sha256: str, expires_at: datetime, now: datetime) -> None:
        """List a copy that was made elsewhere: the one that this home was restored from."""
        with self._database.write() as tx:
            values = {"path": path, "sha256": sha256, "created_at": now, "expires_at": expires_at}
            tx.execute(_rows.insert().values(**values))

    # -- private ---------------------------------------------------------------------------------

    def _list(self, place: Path, now: datetime) -> KeystoreCopy:
        with self._database.write() as tx:
            values = {"path": "", "sha256": "", "created_at": now}
            query = _rows.insert().values(**values, expires_at=now + self.lifetime)
            id_ = tx.execute(query.returning(_rows.c.id)).scalar_one()
            path = place / f"keys-{now:%Y%m%dT%H%M%SZ}-{id_:06d}{_SUFFIX}"
            tx.execute(_rows.update().where(_rows.c.id == id_).values(path=str(path)))
        return self.one(id_)

    def _header_of(self, copy: KeystoreCopy) -> Header:
        root = self._root_file()
        return replace(
            self._header,
            id=str(copy.id),
            taken_at=copy.created_at.isoformat(),
            root_uri=self._keystore.provider.uri,
            root_key="" if root is None else base64.b64encode(root).decode(),
            expires_at=copy.expires_at.isoformat(),
        )

    def _tell_overdue(self, copy: KeystoreCopy, now: datetime) -> None:
        with self._database.write() as tx:
            tx.execute(_rows.update().where(_rows.c.id == copy.id).values(overdue_at=now))
            event = _event(EventType.KEYSTORE_COPY_DESTROYED, SYSTEM, copy, Reason.OVERDUE)
            self._audit.append(tx, event, now=now)

    def _record(
        self, type_: EventType, caller: Caller, copy: KeystoreCopy, now: datetime, reason: Reason
    ) -> None:
        self._audit.record(_event(type_, caller, copy, reason), now=now)


def _event(
    type_: EventType, caller: Caller, copy: KeystoreCopy, reason: Reason | None = None
) -> Event:
    return Event(
        type_,
        Outcome.SUCCESS if reason is None else Outcome.FAILURE,
        caller,
        reason=reason,
        obj_kind=ObjKind.KEY_COPY,
        obj_ref=str(copy.id),
    )


def _unlink(path: Path, *, by_itself: bool = False) -> None:
    """Remove a copy's file, its draft and its log. Raises: OSError: they, or their place, can't be reached."""
    if path == Path():
        return  # interrupted before it had a name
    # What is not mounted would otherwise look like a copy that is gone.
    sync(path.parent)
    if by_itself and path.suffix != _SUFFIX and path.exists():
        # A keystore that some home may still live from: a person decides.
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    for name in (path.name, f".{path.name}.part", f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    sync(path.parent)


def _every(tx: Transaction) -> list[KeystoreCopy]:
    return [
        KeystoreCopy(
            row.id,
            row.path,
            row.sha256,
            row.created_at,
            row.expires_at,
            row.destroyed_at,
            row.overdue_at,
        )
        for row in tx.execute(sa.select(_rows).order_by(_rows.c.id))
    ]
