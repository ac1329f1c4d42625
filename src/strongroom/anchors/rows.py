"""Keeps who is asked to bind the log, and what became of it: rows that nobody edits unseen.

Address, key and authority of a row stand in what its seal vouches for, beside the token that a copy's server wants to
see: a row that was edited, or revived, is `tampered`, is asked nothing, and counts for no quorum.
"""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from strongroom.anchors.cadence import WELL, is_due
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.crypto import envelope
from strongroom.crypto.cosignature import Cosignature
from strongroom.crypto.derive import aad
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound, Tampered, Unavailable
from strongroom.outbound import client_context
from strongroom.terms import SYSTEM, Caller, Environment

_LABEL: Final = "strongroom/anchor/v1"
_MOST: Final = 32
_rows: Final = schema.anchor
_cosignatures: Final = schema.anchor_cosignature
_timestamps: Final = schema.anchor_timestamp


class AnchorKind(StrEnum):
    """How something outside binds the log."""

    WITNESS = "witness"
    TIMESTAMP = "timestamp"
    COPY = "copy"


_DONE: Final = {
    AnchorKind.WITNESS: EventType.LOG_WITNESSED,
    AnchorKind.TIMESTAMP: EventType.LOG_TIMESTAMPED,
    AnchorKind.COPY: EventType.LOG_COPIED,
}


class Failed(Unavailable):
    """An anchor did not take the log; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"the log is not bound there: {reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Anchor:
    """One of them. `size` is how many entries of the log `origin` it holds or signed for."""

    id: int
    kind: AnchorKind
    place: str
    key: str
    ca: str | None = field(repr=False)
    sealed: bytes = field(repr=False)
    origin: str
    size: int
    reached_at: datetime | None
    tried_at: datetime | None
    fault: str | None
    told: str | None
    told_at: datetime | None

    def size_of(self, origin: str) -> int:
        """Return how much of this log it has: nothing where it last knew another one."""
        return self.size if self.origin == origin else 0


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint and the cosignature lines there are for it."""

    size: int
    note: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The note with all of them."""
        return self.note + "".join(self.lines)


@dataclass(frozen=True, slots=True)
class Stamped:
    """A checkpoint and an authority's word on when it was."""

    size: int
    note: str
    response: bytes = field(repr=False)


class AnchorRows:
    """The anchors of one home. Changes are durable on return, with their event. Safe between threads."""

    def __init__(
        self, database: Database, key: bytes, audit: AuditLog, environment: Environment
    ) -> None:
        self._database = database
        self._key = key
        self._audit = audit
        self._environment = environment

    def __repr__(self) -> str:
        return "<anchors>"

    def add(self, added: Anchor, secret: str, caller: Caller, now: datetime) -> Anchor:
        """Add one; of `added` its kind, place, key and authority count.

        Raises:
            Malformed: the authority is no PEM certificate.
            Conflict: this place is asked already, or there are too many.

        """
        if added.ca is not None:
            try:
                client_context(added.ca)
            except (ssl.SSLError, ValueError):
                raise Malformed("the CA is no PEM certificate") from None
        values = {
            "kind": added.kind.value,
            "place": added.place,
            "key": added.key,
            "ca": added.ca,
            "sealed": envelope.seal(self._key, secret.encode(), context=self._context(added)),
            "added_by": caller.principal,
            "added_at": now,
            "origin": "",
            "size": 0,
        }
        with self._database.write() as tx:
            known = self._listed(tx)
            if any((one.kind, one.place) == (added.kind, added.place) for one in known):
                raise Conflict(f"this {added.kind.value} is asked already")
            if len(known) >= _MOST:
                raise Conflict(f"there are {_MOST} anchors already")
            result = tx.execute(_rows.insert().values(**values))
            id_ = int(result.inserted_primary_key[0] if result.inserted_primary_key else 0)
            self._audit.append(tx, _changed(caller, id_, "add", added.kind), now=now)
        return self.one(id_)

    def remove(self, id_: int, kind: AnchorKind, caller: Caller, now: datetime) -> None:
        """Ask it no more; what it said is kept. Raises: NotFound."""
        live = (_rows.c.id == id_, _rows.c.kind == kind.value, _rows.c.removed_at.is_(None))
        with self._database.write() as tx:
            # Without its seal no edit brings it back.
            done = tx.execute(_rows.update().where(*live).values(removed_at=now, sealed=b""))
            if done.rowcount != 1:
                raise NotFound(f"there is no {kind.value} {id_}")
            self._audit.append(tx, _changed(caller, id_, "remove", kind), now=now)

    def one(self, id_: int) -> Anchor:
        """Return one. Raises: NotFound."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_rows).where(_rows.c.id == id_)).one_or_none()
        if row is None:
            raise NotFound(f"there is no anchor {id_}")
        return _anchor(row)

    def listed(self, *kinds: AnchorKind) -> list[Anchor]:
        """Return those of these kinds, or all, that are asked, the oldest first."""
        with self._database.read() as tx:
            found = self._listed(tx)
        return [one for one in found if not kinds or one.kind in kinds]

    def secret(self, anchor: Anchor) -> str:
        """Return what it wants to see of us, empty where that is nothing.

        Raises:
            Tampered: the row was edited or revived.

        """
        name = f"anchor {anchor.id}"
        context = self._context(anchor)
        return envelope.open_(self._key, anchor.sealed, context=context, name=name).decode()

    def is_sound(self, anchor: Anchor) -> bool:
        """Tell whether a row is as it was added."""
        try:
            self.secret(anchor)
        except Tampered:
            return False
        return True

    # -- what became of it -----------------------------------------------------------------------

    def reached(
        self,
        anchor: Anchor,
        note: str,
        size: int,
        now: datetime,
        *,
        caller: Caller = SYSTEM,
        cosignature: Cosignature | None = None,
        stamp: tuple[bytes, datetime] | None = None,
        quiet: bool = False,
    ) -> None:
        """Take down that it holds or signed for `size` entries, with what it said."""
        with self._database.write() as tx:
            if cosignature is not None:
                self._keep_cosignature(tx, anchor, note, size, cosignature, now)
            if stamp is not None:
                at = {"size": size, "note": note, "response": stamp[0], "stamped_at": stamp[1]}
                known = {"anchor_id": anchor.id, "origin": self._audit.origin}
                tx.execute(_timestamps.insert().values(**known, **at))
            state = {"origin": self._audit.origin, "size": size, "reached_at": now}
            self._settle(tx, anchor, None, state, now, caller=caller, quiet=quiet)

    def failed(
        self,
        anchor: Anchor,
        reason: Reason,
        now: datetime,
        *,
        caller: Caller = SYSTEM,
        quiet: bool = False,
    ) -> None:
        """Take down that it could not be used, and why."""
        with self._database.write() as tx:
            self._settle(tx, anchor, reason, {}, now, caller=caller, quiet=quiet)

    def cosigned(self, size: int, needed: int = 1) -> Cosigned | None:
        """Return the newest checkpoint of up to `size` entries that so many witnesses cosigned.

        Witnesses that are asked no more count as well: what they signed stays true.
        """
        table = _cosignatures.c
        mine = (table.origin == self._audit.origin, table.size <= size)
        signed = (
            sa.select(table.size, _rows.c.key)
            .join(_rows, _rows.c.id == table.anchor_id)
            .where(*mine)
        )
        with self._database.read() as tx:
            keys: dict[int, set[str]] = {}
            for at, key in tx.execute(signed):
                # One that is asked at two addresses counts once.
                keys.setdefault(at, set()).add(key.rpartition("+")[2])
            found = max((at for at, by in keys.items() if len(by) >= needed), default=None)
            if found is None:
                return None
            query = sa.select(table.note, table.line).where(mine[0], table.size == found)
            rows = tx.execute(query.order_by(table.anchor_id, table.id)).all()
        lines = tuple(dict.fromkeys(row.line for row in rows))
        return Cosigned(found, rows[0].note, lines)

    def thin(self, size: int, now: datetime) -> None:
        """Drop this hour's cosignatures of fewer entries: of each hour the last stay, some 9,000 rows a year."""
        table = _cosignatures.c
        hour = now.replace(minute=0, second=0, microsecond=0)
        mine = (table.origin == self._audit.origin, table.size < size)
        with self._database.write() as tx:
            tx.execute(_cosignatures.delete().where(*mine, table.stored_at >= hour))

    def stamped(self, size: int) -> Stamped | None:
        """Return the newest timestamp of a checkpoint of up to `size` entries."""
        table = _timestamps.c
        query = (
            sa.select(table.size, table.note, table.response)
            .where(table.origin == self._audit.origin, table.size <= size)
            .order_by(table.size.desc(), table.id.desc())
            .limit(1)
        )
        with self._database.read() as tx:
            row = tx.execute(query).one_or_none()
        return None if row is None else Stamped(row.size, row.note, bytes(row.response))

    def _keep_cosignature(
        self,
        tx: Transaction,
        anchor: Anchor,
        note: str,
        size: int,
        cosignature: Cosignature,
        now: datetime,
    ) -> None:
        table = _cosignatures
        tx.execute(
            table.insert().values(
                anchor_id=anchor.id,
                origin=self._audit.origin,
                size=size,
                note=note,
                line=cosignature.line,
                signed_at=_instant(cosignature.timestamp),
                stored_at=now,
            )
        )

    def _settle(
        self,
        tx: Transaction,
        anchor: Anchor,
        reason: Reason | None,
        state: dict[str, Any],
        now: datetime,
        *,
        caller: Caller,
        quiet: bool,
    ) -> None:
        told = WELL if reason is None else reason.value
        values = {**state, "tried_at": now, "fault": None if reason is None else reason.value}
        row = tx.execute(
            sa.select(_rows.c.told, _rows.c.told_at).where(_rows.c.id == anchor.id)
        ).one()
        tells = not quiet and (caller is not SYSTEM or is_due(row.told, row.told_at, told, now))
        if tells:
            values |= {"told": told, "told_at": now}
        tx.execute(_rows.update().where(_rows.c.id == anchor.id).values(**values))
        if tells:
            self._audit.append(tx, _became(anchor, caller, reason, state.get("size")), now=now)

    def _listed(self, tx: Transaction) -> list[Anchor]:
        query = sa.select(_rows).where(_rows.c.removed_at.is_(None)).order_by(_rows.c.id)
        return [_anchor(row) for row in tx.execute(query)]

    def _context(self, anchor: Anchor) -> bytes:
        kind, ca = anchor.kind.value, anchor.ca or ""
        return aad(_LABEL, self._environment, kind, anchor.place, anchor.key, ca)


def proposed(kind: AnchorKind, place: str, key: str, ca: str | None) -> Anchor:
    """Return an anchor that nobody asks yet, to be added."""
    return Anchor(0, kind, place, key, ca, b"", "", 0, None, None, None, None, None)


def _became(anchor: Anchor, caller: Caller, reason: Reason | None, size: int | None) -> Event:
    return Event(
        _DONE[anchor.kind] if reason is None else EventType.LOG_ANCHOR_FAILED,
        Outcome.SUCCESS if reason is None else Outcome.FAILURE,
        caller,
        reason=reason,
        op=anchor.kind.value,
        obj_kind=_kind(anchor.kind),
        obj_ref=str(anchor.id),
        n=size,
    )


def _changed(caller: Caller, id_: int, op: str, kind: AnchorKind) -> Event:
    return Event(
        EventType.LOG_ANCHOR_CHANGED,
        Outcome.SUCCESS,
        caller,
        op=f"{kind.value}.{op}",
        obj_kind=_kind(kind),
        obj_ref=str(id_),
    )


def _kind(kind: AnchorKind) -> ObjKind:
    return ObjKind.WITNESS if kind is AnchorKind.WITNESS else ObjKind.ANCHOR


def _instant(timestamp: int) -> datetime:
    # A witness may name any second up to 2^63; what no calendar holds is kept as its end.
    return datetime.fromtimestamp(min(timestamp, 253_402_300_799), UTC)


def _anchor(row: Any) -> Anchor:  # noqa: ANN401 - a row of the table
    return Anchor(
        row.id,
        AnchorKind(row.kind),
        row.place,
        row.key,
        row.ca,
        bytes(row.sealed),
        row.origin,
        row.size,
        row.reached_at,
        row.tried_at,
        row.fault,
        row.told,
        row.told_at,
    )
