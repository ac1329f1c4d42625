"""Is a witness of other logs: cosigns a checkpoint once it continues the one that was cosigned before [2.6].

Source: c2sp.org/tlog-witness. Size and root of each log move forward by compare-and-set, on the disk before an answer
leaves; the keystore remembers them too, so that a vault that was set back cosigns nothing it has gone past. Whoever
follows a log again goes on where it was: its row is never taken away.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import sqlalchemy as sa

from strongroom.anchors.asking import SIZE_TYPE, Asked, parse
from strongroom.anchors.cadence import WELL, WELL_EVERY, is_due
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.audit.tree import EMPTY_ROOT, verify_consistency
from strongroom.crypto.cosignature import Cosigner
from strongroom.crypto.note import Checkpoint, Verifier, parse_checkpoint, parse_note
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound, Tampered
from strongroom.terms import SYSTEM, Caller

_TEXT: Final = "text/plain; charset=utf-8"
_MOST: Final = 1000
_logs: Final = schema.followed_log


_LARGEST: Final = 2**63 - 1


class Memory(Protocol):
    """What we cosigned of one log, where its row's database cannot reach it."""

    def last(self) -> tuple[int, bytes] | None:
        """Return size and root, None before the first."""
        ...

    def advance(self, known: tuple[int, bytes] | None, size: int, root: bytes) -> bool:
        """Replace what `last` returned before, durably; False where it is no longer what stands there."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What `add-checkpoint` answers."""

    status: int
    body: bytes = b""
    content_type: str = _TEXT


@dataclass(frozen=True, slots=True)
class Followed:
    """A log we are a witness of."""

    id: int
    origin: str
    vkey: str
    size: int
    root: bytes
    cosigned_at: datetime | None
    ended_at: datetime | None


class Following:
    """The logs one home is a witness of. Safe between threads; changes are durable on return."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        cosigner: Cosigner,
        memories: Callable[[str], Memory],
    ) -> None:
        self._database = database
        self._audit = audit
        self._cosigner = cosigner
        self._memories = memories
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._strangers_told_at: datetime | None = None

    @property
    def vkey(self) -> str:
        """What others need to verify our cosignatures."""
        return self._cosigner.vkey

    def follow(self, vkey: str, caller: Caller, now: datetime) -> Followed:
        """Cosign the log of this verifier key from now on; one that was followed before goes on where it was.

        Raises:
            Malformed: it is no Ed25519 verifier key.
            Conflict: it is our own log, followed already, or under another key; or there are too many.

        """
        origin = Verifier(vkey).name
        if origin == self._audit.origin:
            raise Conflict("a witness of oneself is none")
        with self._database.write() as tx:
            row = self._row(tx, origin)
            if row is None:
                count = sa.select(sa.func.count()).select_from(_logs)
                if tx.execute(count).scalar_one() >= _MOST:
                    raise Conflict(f"{_MOST} logs are followed already")
                values = {"origin": origin, "vkey": vkey, "size": 0, "root": EMPTY_ROOT, "count": 0}
                by = {"added_by": caller.principal, "added_at": now}
                tx.execute(_logs.insert().values(**values, **by))
            elif row.vkey != vkey:
                raise Conflict("this origin is followed under another key")
            elif row.ended_at is None:
                raise Conflict("this log is followed already")
            else:
                tx.execute(_logs.update().where(_logs.c.id == row.id).values(ended_at=None))
            found = self._row(tx, origin)
            self._audit.append(tx, _changed(caller, found.id, "follow"), now=now)
        return _followed(found)

    def unfollow(self, id_: int, caller: Caller, now: datetime) -> None:
        """Cosign this log no more. Raises: NotFound."""
        live = (_logs.c.id == id_, _logs.c.ended_at.is_(None))
        with self._database.write() as tx:
            if tx.execute(_logs.update().where(*live).values(ended_at=now)).rowcount != 1:
                raise NotFound(f"no log {id_} is followed")
            self._audit.append(tx, _changed(caller, id_, "unfollow"), now=now)

    def listed(self) -> list[Followed]:
        """Return the logs that are followed, the oldest first."""
        query = sa.select(_logs).where(_logs.c.ended_at.is_(None)).order_by(_logs.c.id)
        with self._database.read() as tx:
            return [_followed(row) for row in tx.execute(query)]

    def add_checkpoint(self, body: bytes, now: datetime) -> Reply:
        """Return what to answer to a request, after everything that it changed is durable."""
        try:
            asked = parse(body)
            text = parse_note(asked.note).text
        except Malformed:
            return Reply(400)
        origin = text.partition("\n")[0]
        with self._turn:
            return self._answered(asked, text, origin, now)

    # -- private ---------------------------------------------------------------------------------

    def _answered(self, asked: Asked, text: str, origin: str, now: datetime) -> Reply:
        memory = self._memories(_memory_name(origin))
        # What was cosigned stands in the keystore: the row, which others may edit, is held against it.
        remembered = memory.last()
        base = remembered or (0, EMPTY_ROOT)
        with self._database.read() as tx:
            row = self._row(tx, origin)
        if row is None or row.ended_at is not None:
            self._tell_of_stranger(now)
            return Reply(404)
        try:
            checkpoint = parse_checkpoint(Verifier(row.vkey).verify(asked.note), extended=True)
        except Tampered:
            return self._refused(row, 403, Reason.NOT_AUTHORIZED, base[0], now)
        except Malformed:
            return Reply(400)
        refusal = _refusal(row, asked, checkpoint, base)
        if (
            refusal is None
            and self._moved(row, checkpoint, asked.note, now)
            and memory.advance(remembered, checkpoint.size, checkpoint.root)
        ):
            return Reply(200, self._cosigner.cosign(text, int(now.timestamp())).encode())
        # Without a refusal somebody else's request was faster: what it left is what counts.
        size = (memory.last() or base)[0]
        return self._refused(row, *(refusal or (409, None)), size, now)

    def _moved(self, row: Any, at: Checkpoint, note: str, now: datetime) -> bool:  # noqa: ANN401 - a row
        """Move a log forward if it is still where it was; what happened in between is one event an hour."""
        if (at.size, at.root) == (row.size, bytes(row.root)):
            return True
        here = (
            _logs.c.id == row.id,
            _logs.c.size == row.size,
            _logs.c.root == row.root,
            _logs.c.ended_at.is_(None),
        )
        tells = is_due(row.told, row.told_at, WELL, now)
        count = row.count + 1
        told = {"told": WELL, "told_at": now, "count": 0} if tells else {"count": count}
        values = {"size": at.size, "root": at.root, "note": note, "cosigned_at": now, **told}
        with self._database.write() as tx:
            if tx.execute(_logs.update().where(*here).values(**values)).rowcount != 1:
                return False
            if tells:
                self._audit.append(tx, _became(row.id, None, count), now=now)
        return True

    def _refused(
        self,
        row: Any,  # noqa: ANN401 - a row
        status: int,
        reason: Reason | None,
        size: int,
        now: datetime,
    ) -> Reply:
        if reason is not None and is_due(row.told, row.told_at, reason.value, now):
            told = {"told": reason.value, "told_at": now}
            with self._database.write() as tx:
                tx.execute(_logs.update().where(_logs.c.id == row.id).values(**told))
                self._audit.append(tx, _became(row.id, reason, None), now=now)
        if status != 409:  # noqa: PLR2004 - the one that says where the log is
            return Reply(status)
        return Reply(409, f"{size}\n".encode(), SIZE_TYPE)

    def _tell_of_stranger(self, now: datetime) -> None:
        """Record, once an hour, that a log nobody here follows asked: anybody can ask as often as they like."""
        with self._lock:
            last = self._strangers_told_at
            if last is not None and last <= now < last + WELL_EVERY:
                return
            self._strangers_told_at = now
        with self._database.write() as tx:
            event = Event(
                EventType.LOG_COSIGNED,
                Outcome.DENIED,
                SYSTEM,
                reason=Reason.NOT_FOUND,
                op="stranger",
            )
            self._audit.append(tx, event, now=now)

    def _row(self, tx: Transaction, origin: str) -> Any:  # noqa: ANN401 - a row of the table
        return tx.execute(sa.select(_logs).where(_logs.c.origin == origin)).one_or_none()


def _refusal(
    row: Any,  # noqa: ANN401 - a row of the table
    asked: Asked,
    at: Checkpoint,
    base: tuple[int, bytes],
) -> tuple[int, Reason | None] | None:
    """Return status and reason of what is refused, in the specification's order; None where all holds."""
    size, root = base
    if asked.old > at.size or at.size > _LARGEST:
        return 400, None
    if row.size < size or (row.size == size and bytes(row.root) != root):
        return 503, Reason.ROLLED_BACK
    if asked.old != size:
        return 409, None
    if asked.old == at.size and (at.root != root or asked.proof):
        return 409, Reason.FORKED if at.root != root else None
    if not verify_consistency(asked.old, at.size, root, at.root, asked.proof):
        return 422, Reason.FORKED
    return None


def _memory_name(origin: str) -> str:
    # Beside what our own signer remembers, under names that none of ours can have: a space is in no origin.
    return f"witness of {origin}"


def _became(id_: int, reason: Reason | None, count: int | None) -> Event:
    return Event(
        EventType.LOG_COSIGNED,
        Outcome.SUCCESS if reason is None else Outcome.DENIED,
        SYSTEM,
        reason=reason,
        op="add-checkpoint",
        obj_kind=ObjKind.LOG,
        obj_ref=str(id_),
        n=count,
    )


def _changed(caller: Caller, id_: int, op: str) -> Event:
    return Event(
        EventType.LOG_ANCHOR_CHANGED,
        Outcome.SUCCESS,
        caller,
        op=op,
        obj_kind=ObjKind.LOG,
        obj_ref=str(id_),
    )


def _followed(row: Any) -> Followed:  # noqa: ANN401 - a row of the table
    return Followed(
        row.id,
        row.origin,
        row.vkey,
        row.size,
        bytes(row.root),
        row.cosigned_at,
        row.ended_at,
    )
