"""One-time links: how somebody signs on for the first time, or again after losing everything [1.2].

A link is 32 random bytes, shown once and stored as a keyed digest that is bound to whose it is and how long it is good.
It stands behind the `#` of its URL, which a browser sends to no server. It is used once, within a day, and a newer one
ends the older ones. Nothing here decides what may follow: that is `compliance.joining`.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes
from strongroom.accounts.shown import message
from strongroom.audit.entry import ObjKind, Reason, micros
from strongroom.audit.event_types import EventType
from strongroom.crypto.derive import derive
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import Unauthenticated
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import LINK_LIFETIME
from strongroom.terms import Environment, PrincipalId

CODE_CHARACTERS: Final = 43
"""Of a code: 32 bytes in base64url without padding."""

_CODE_BYTES: Final = 32
_PLACE_BYTES: Final = 16
_NOBODY: Final = "first"

_table: Final = schema.login_link
_people: Final = schema.principal


class LinkRefused(Unauthenticated):
    """A code opens nothing. `reason` and `id` are for the log; whoever showed the code hears neither."""

    def __init__(self, reason: Reason, id_: int | None = None) -> None:
        super().__init__(
            "the link is not valid", hint="each is good once, for a day: ask for another"
        )
        self.reason = reason
        self.id = id_


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link just made, with the code that is shown this once."""

    id: int
    principal: PrincipalId | None
    code: str = field(repr=False)
    expires_at: datetime

    def url(self, desk: str) -> str:
        """Return the link itself; `desk` is the desk's own URL."""
        # Behind the #: a browser keeps that part to itself, so no log on the way holds the code.
        return f"{desk.rstrip('/')}/welcome#{self.code}"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is good. `principal` None: the first administrator's, who is nobody yet."""

    id: int
    principal: PrincipalId | None
    name: str | None
    created_by: PrincipalId
    expires_at: datetime


class Links:
    """The links of one home. Every method works in its caller's transaction."""

    def __init__(
        self,
        key: bytes,
        environment: Environment,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._key = derive(key, "strongroom/login-link/v1", environment)
        self._entropy = entropy

    def __repr__(self) -> str:
        return "<links>"

    def issue(self, change: Changes, principal: PrincipalId | None) -> NewLink:
        """Make a link for a person, or for the first administrator; earlier ones of theirs end with it."""
        self.end(change, principal)
        code = base64.urlsafe_b64encode(self._entropy(_CODE_BYTES)).decode().rstrip("=")
        expires_at = change.now + LINK_LIFETIME
        id_: int = change.tx.execute(
            _table.insert()
            .values(
                principal_id=principal,
                digest=self._digest(code, principal, expires_at),
                created_by=change.caller.principal,
                created_at=change.now,
                expires_at=expires_at,
            )
            .returning(_table.c.id)
        ).scalar_one()
        whose = _NOBODY if principal is None else f"principal:{principal}"
        change.record(EventType.SIGNON_LINK_ISSUED, ObjKind.LINK, id_, op=whose)
        return NewLink(id_, principal, code, expires_at)

    def open(self, tx: Transaction, code: str, now: datetime) -> Link:
        """Return what a code opens, without using it.

        Raises:
            LinkRefused: unknown, used, ended, too old, edited, or of a person whose account has ended.

        """
        code = code.strip()
        place = self._place(code)
        row = tx.execute(
            sa.select(_table, _people.c.name, _people.c.ended_at.label("person_ends_at"))
            .outerjoin(_people, _people.c.id == _table.c.principal_id)
            .where(_table.c.digest.between(place + bytes(16), place + b"\xff" * 16))
        ).first()
        if row is None or len(code) != CODE_CHARACTERS:
            raise LinkRefused(Reason.WRONG_CREDENTIAL)
        owner = None if row.principal_id is None else PrincipalId(row.principal_id)
        if not hmac.compare_digest(self._digest(code, owner, row.expires_at), bytes(row.digest)):
            raise LinkRefused(Reason.TAMPERED, row.id)
        if (reason := _dead(row, now)) is not None:
            raise LinkRefused(reason, row.id)
        return Link(row.id, owner, row.name, PrincipalId(row.created_by), row.expires_at)

    def use(self, change: Changes, code: str) -> Link:
        """Return what a code opens, and close it for good.

        Raises:
            LinkRefused: as `open`, or another request used it first.

        """
        link = self.open(change.tx, code, change.now)
        used = change.tx.execute(
            _table.update()
            # Compare and set: on PostgreSQL two requests may have read the row as unused.
            .where(_table.c.id == link.id, _table.c.used_at.is_(None), _table.c.ended_at.is_(None))
            .values(used_at=change.now)
        )
        if used.rowcount != 1:
            raise LinkRefused(Reason.REPLAYED, link.id)
        change.record(EventType.SIGNON_LINK_USED, ObjKind.LINK, link.id)
        return link

    @staticmethod
    def first_made_by(tx: Transaction) -> PrincipalId | None:
        """Return who made the unused link of the first administrator; None where there is none."""
        found = tx.execute(
            sa.select(_table.c.created_by).where(
                _table.c.principal_id.is_(None),
                _table.c.used_at.is_(None),
                _table.c.ended_at.is_(None),
            )
        ).scalar()
        return None if found is None else PrincipalId(found)

    @staticmethod
    def hold_first(tx: Transaction) -> None:
        """Hold every first link until the transaction ends, so that one is decided about at a time."""
        tx.execute(sa.select(_table.c.id).where(_table.c.principal_id.is_(None)).with_for_update())

    @staticmethod
    def end(change: Changes, principal: PrincipalId | None) -> None:
        """End the unused links of a person, or the first administrator's."""
        whose = (
            _table.c.principal_id.is_(None)
            if principal is None
            else _table.c.principal_id == principal
        )
        change.tx.execute(
            _table.update()
            .where(whose, _table.c.used_at.is_(None), _table.c.ended_at.is_(None))
            .values(ended_at=change.now)
        )

    def _place(self, code: str) -> bytes:
        return hmac.digest(self._key, message("place", code), "sha256")[:_PLACE_BYTES]

    def _digest(self, code: str, principal: PrincipalId | None, expires_at: datetime) -> bytes:
        """Return what is stored: the row's place, and what holds it to its owner and its end."""
        owner = _NOBODY if principal is None else str(principal)
        bound = message("bound", code, owner, str(micros(expires_at)))
        return self._place(code) + hmac.digest(self._key, bound, "sha256")[:_PLACE_BYTES]


def _dead(row: sa.Row[tuple[object, ...]], now: datetime) -> Reason | None:
    if row.used_at is not None:
        return Reason.REPLAYED
    if row.ended_at is not None:
        return Reason.REVOKED
    if row.expires_at <= now:
        return Reason.EXPIRED_CREDENTIAL
    return Reason.PRINCIPAL_ENDED if has_ended(row.person_ends_at, now) else None
