"""Imports from tools that see devices: read, shown before anything changes, then done as a whole or not at all [2.3].

The file waits sealed until somebody applies or drops it, a day at most. The same file again changes nothing. What a
tool reported before and does not any more is counted and stays: the next campaign asks about it, its posture ages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.assurance.assets import store
from strongroom.assurance.assets.inventory import Inventory
from strongroom.assurance.assets.kinds import Source
from strongroom.assurance.assets.mappings import Mapped, read_mapping, shipped
from strongroom.assurance.assets.planning import Fault, Found, Plan, Step, plan
from strongroom.assurance.assets.posture import Report
from strongroom.assurance.assets.reading import read_file
from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Gone, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId

WAITS: Final = timedelta(days=1)
"""How long a file waits to be applied."""

_imports: Final = schema.asset_import
_assets: Final = store.assets
_CONTENT: Final = "asset_import.content"
_BOM: Final = "asset_bom.content"
_MOST_FAULTS: Final = 200
_SHOWN: Final = 20
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Import:
    """One import: what it would do, or did."""

    id: int
    at: datetime
    by: PrincipalId
    feed: str
    sha256: str
    applied_at: datetime | None
    counts: Mapping[str, int]
    faults: tuple[Fault, ...]
    """The first of the rows that cannot be read."""
    waits: bool
    """It can be applied still."""

    @property
    def title(self) -> str:
        """What it was read as."""
        known = shipped().get(self.feed)
        return self.feed if known is None else known.title


@dataclass(frozen=True, slots=True)
class _Read:
    """A file as it was read: its rows with the key each is known by, and who may own something."""

    feed: str
    mapped: Mapped
    rows: Sequence[tuple[str, Found]]
    faults: Sequence[Fault]
    people: Mapping[str, PrincipalId]


class Imports:
    """The imports of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        writings: Writings,
        people: People,
        inventory: Inventory,
    ) -> None:
        self._database = database
        self._audit = audit
        self._writings = writings
        self._people = people
        self._inventory = inventory

    def preview(
        self, caller: Caller, feed: str, content: bytes, now: datetime, *, mapping: bytes = b""
    ) -> Import:
        """Read a file and return what it would do; nothing of the inventory changes.

        `feed` is a mapping that ships, or with a mapping of one's own the name under which the tool is known again.

        Raises:
            Denied: the caller may not oversee.
            Malformed: the file or the mapping cannot be read, or there is no such mapping.

        """
        self._people.refuse_strangers(caller, now)
        mapped = _mapped(feed, mapping)
        packed = orjson.dumps(
            {"mapping": mapping.decode("utf-8", "strict") if mapping else "", "size": len(content)}
        )
        read = self._read(feed, mapped, content, now)
        with self._database.read() as tx:
            found = self._plan(tx, read)
        with self._database.write() as tx:
            self._drop_old(tx, feed, now)
            values = {
                "at": now,
                "by_id": caller.principal,
                "feed": feed,
                "sha256": sha256(content).hexdigest(),
                **_told(found),
            }
            id_: int = tx.execute(
                _imports.insert().values(**values).returning(_imports.c.id)
            ).scalar_one()
            sealed = self._writings.seal_bytes(_CONTENT, id_, packed + b"\n" + content)
            tx.execute(_imports.update().where(_imports.c.id == id_).values(content=sealed))
        return self.show(id_, now)

    def apply(self, caller: Caller, id_: int, now: datetime, *, leave_out: bool = False) -> Import:
        """Do what a file says, as the inventory stands now; `leave_out` takes the rest where rows cannot be read.

        Raises:
            Denied: the caller may not oversee.
            NotFound, Gone: there is no such import, or it waited too long.
            Conflict: it was applied, or has rows that cannot be read.

        """
        self._people.refuse_strangers(caller, now)
        with self._database.read() as tx:
            found_row = tx.execute(sa.select(_imports).where(_imports.c.id == id_)).first()
        row = _waiting(found_row, id_, now)
        # What takes long is done before anybody else has to wait for it.
        read = self._read(row.feed, *self._opened(row), now)
        with self._database.write() as tx:
            query = sa.select(*_LIGHT).where(_imports.c.id == id_).with_for_update()
            _waiting(tx.execute(query).first(), id_, now)
            found = self._plan(tx, read)
            if found.faults and not leave_out:
                raise Conflict(
                    f"{len(found.faults)} rows of import {id_} cannot be read",
                    hint="mend them and upload the file again, or say that they are left out",
                )
            self._do(tx, found.steps, row.feed, caller, row.at, now)
            values = {"applied_at": now, "content": None, **_told(found)}
            tx.execute(_imports.update().where(_imports.c.id == id_).values(**values))
            event = Event(
                EventType.ASSET_IMPORTED,
                Outcome.SUCCESS,
                caller,
                op="partly" if found.faults else "whole",
                obj_kind=ObjKind.ASSET,
                obj_ref=f"import-{id_}",
                n=len(found.steps),
                changes=(Change(Field.CONTENT, after=row.sha256),),
            )
            self._audit.append(tx, event, now=now)
        return self.show(id_, now)

    def drop(self, caller: Caller, id_: int, now: datetime) -> None:
        """Forget a file that waits. Raises: Denied; Conflict: it does not wait."""
        self._people.refuse_strangers(caller, now)
        with self._database.write() as tx:
            done = tx.execute(
                _imports.delete().where(_imports.c.id == id_, _imports.c.applied_at.is_(None))
            )
            if not done.rowcount:
                raise Conflict(f"import {id_} does not wait")

    def show(self, id_: int, now: datetime) -> Import:
        """Return one import. Raises: NotFound."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(*_LIGHT).where(_imports.c.id == id_)).first()
        if row is None:
            raise NotFound(f"there is no import {id_}")
        return _import(row, now)

    def listed(self, now: datetime) -> list[Import]:
        """Return the last imports, the newest first."""
        query = sa.select(*_LIGHT).order_by(_imports.c.id.desc()).limit(_SHOWN)
        with self._database.read() as tx:
            rows = tx.execute(query).all()
        return [_import(row, now) for row in rows]

    # -- private ---------------------------------------------------------------------------------

    def _opened(self, row: Any) -> tuple[Mapped, bytes]:  # noqa: ANN401 - a row of `_imports`
        """Return the mapping and the file of an import that waits."""
        packed, _, content = self._writings.open_bytes(
            _CONTENT, row.id, bytes(row.content)
        ).partition(b"\n")
        return _mapped(row.feed, orjson.loads(packed)["mapping"].encode()), content

    def _read(self, feed: str, mapped: Mapped, content: bytes, now: datetime) -> _Read:
        rows, faults = read_file(content, mapped, now)
        keyed = [(self._inventory.key_of(row.serial, row.name), row) for row in rows]
        people = {name.lower(): id_ for id_, name in self._people.active(now).items()}
        return _Read(feed, mapped, keyed, faults, people)

    def _plan(self, tx: Transaction, read: _Read) -> Plan:
        known = store.by_keys(tx, self._writings, {key for key, _row in read.rows})
        query = sa.select(_assets.c.id, _assets.c.key).where(
            _assets.c.feed == read.feed, _assets.c.retired_at.is_(None)
        )
        of_feed = {row.id: row.key for row in tx.execute(query.order_by(_assets.c.id))}
        return plan(
            read.rows, known, of_feed, read.people, read.faults, otherwise=read.mapped.otherwise
        )

    def _do(
        self,
        tx: Transaction,
        steps: Sequence[Step],
        feed: str,
        caller: Caller,
        uploaded_at: datetime,
        now: datetime,
    ) -> None:
        """Do every step, many rows with each statement."""
        new = [one for one in steps if one.before is None]
        ids = self._insert(tx, new, feed, uploaded_at, now)
        ids |= {one.key: one.before.id for one in steps if one.before is not None}
        self._touch(tx, steps, feed, uploaded_at)
        for step in steps:
            if step.changes:
                self._change(tx, ids[step.key], step, now)
        told = {
            ids[one.key]: Report(_seen(one, uploaded_at) or now, one.found.flags, one.found.ages)
            for one in steps
            if one.found.reports
        }
        last = store.reports(tx, told)
        # An export from before the last one says nothing new.
        fresh = {
            id_: report
            for id_, report in told.items()
            if (id_, "feed") not in last or last[id_, "feed"].at <= report.at
        }
        store.put_reports(tx, fresh)
        for step in steps:
            if step.found.software:
                self._software(tx, ids[step.key], step.found.software, caller, now)

    def _insert(
        self,
        tx: Transaction,
        steps: Sequence[Step],
        feed: str,
        uploaded_at: datetime,
        now: datetime,
    ) -> dict[str, int]:
        rows = [
            self._inventory.row(
                step.key,
                step.kind,
                Source.IMPORT,
                step.words,
                now,
                owner=step.owner,
                pii=True,
                seen_at=_seen(step, uploaded_at),
                feed=feed,
            )
            for step in steps
        ]
        if not rows:
            return {}
        insert = _assets.insert().returning(_assets.c.key, _assets.c.id)
        return {row.key: row.id for row in tx.execute(insert, rows)}

    def _touch(
        self, tx: Transaction, steps: Sequence[Step], feed: str, uploaded_at: datetime
    ) -> None:
        """Note that this feed reports what was known, and when it saw it last."""
        rows = []
        for step in steps:
            before, seen_at = step.before, _seen(step, uploaded_at)
            if before is None:
                continue
            if before.seen_at is not None and (seen_at is None or seen_at < before.seen_at):
                seen_at = before.seen_at
            if (before.feed, before.seen_at) != (feed, seen_at):
                rows.append({"of": before.id, "seen": seen_at})
        if rows:
            update = _assets.update().where(_assets.c.id == sa.bindparam("of"))
            tx.execute(update.values(feed=feed, seen_at=sa.bindparam("seen")), rows)

    def _change(self, tx: Transaction, id_: int, step: Step, now: datetime) -> None:
        values: dict[str, Any] = {
            "kind": step.kind.value,
            "name_tag": self._inventory.name_tag(step.words.name),
            "words": store.sealed(self._writings, step.key, step.words),
            "owner_id": step.owner,
            "changed_at": now,
        }
        if step.returns:
            values |= {"retired_at": None, "confirmed_at": None, "confirmed_by": None}
        tx.execute(_assets.update().where(_assets.c.id == id_).values(**values))

    def _software(
        self,
        tx: Transaction,
        id_: int,
        software: Sequence[tuple[str, str]],
        caller: Caller,
        now: datetime,
    ) -> None:
        """Keep which programs a device has, where they are others than before."""
        content = orjson.dumps([{"name": name, "version": version} for name, version in software])
        digest = sha256(content).hexdigest()
        last = store.bom(tx, id_)
        if last is not None and (last.sha256 == digest or last.format.startswith("cyclonedx")):
            return
        tx.execute(store.boms.delete().where(store.boms.c.asset_id == id_))
        tx.execute(
            store.boms.insert().values(
                asset_id=id_,
                at=now,
                by_id=caller.principal,
                format="osquery",
                components=len(software),
                sha256=digest,
                content=self._writings.seal_bytes(_BOM, id_, content),
            )
        )

    def _drop_old(self, tx: Transaction, feed: str, now: datetime) -> None:
        """Forget the files that waited too long, and the one whose place this takes."""
        old = (_imports.c.at <= now - WAITS) | (_imports.c.feed == feed)
        tx.execute(_imports.delete().where(_imports.c.applied_at.is_(None), old))


_LIGHT: Final = (
    *(column for column in _imports.c if column.name != "content"),
    _imports.c.content.is_not(None).label("waits"),
)


def _waiting(row: sa.Row[Any] | None, id_: int, now: datetime) -> sa.Row[Any]:
    """Return the row of an import that can be applied still. Raises: NotFound, Conflict, Gone."""
    if row is None:
        raise NotFound(f"there is no import {id_}")
    if row.applied_at is not None:
        raise Conflict(f"import {id_} was applied already")
    if now >= row.at + WAITS:
        raise Gone(f"import {id_} waited too long", hint="upload the file again")
    return row


def _seen(step: Step, uploaded_at: datetime) -> datetime | None:
    """Return when a tool saw a device: what it says, or when its report came."""
    return step.found.seen_at or (uploaded_at if step.found.reports else None)


def _mapped(feed: str, mapping: bytes) -> Mapped:
    if mapping:
        if feed in shipped():
            raise Malformed("a mapping of one's own has a name that none of ours has")
        if not (0 < len(feed) <= 40 and feed.isascii() and feed.replace("-", "").isalnum()):  # noqa: PLR2004
            raise Malformed("a feed is named by letters, digits and hyphens, up to 40 of them")
        return read_mapping(mapping)
    found = shipped().get(feed)
    if found is None:
        raise Malformed(f"choose the tool the file is from: {', '.join(shipped())}")
    return found


def _told(found: Plan) -> dict[str, str]:
    faults = [[one.row, one.why] for one in found.faults[:_MOST_FAULTS]]
    return {
        "counts": orjson.dumps(found.counts, option=orjson.OPT_SORT_KEYS).decode(),
        "faults": orjson.dumps(faults).decode(),
    }


def _import(row: Any, now: datetime) -> Import:  # noqa: ANN401 - a row of `_LIGHT`
    return Import(
        row.id,
        row.at,
        PrincipalId(row.by_id),
        row.feed,
        row.sha256,
        row.applied_at,
        orjson.loads(row.counts),
        tuple(Fault(number, why) for number, why in orjson.loads(row.faults)),
        bool(row.waits) and row.applied_at is None and now < row.at + WAITS,
    )
