"""Keeps what a sign-on that is under way has proved, for ten minutes and one use [1.4].

A step is a code that the browser brings back. What it stands for lies sealed here; taking it is one compare-and-delete,
so that two requests with one code can't both go on. Who has proved nothing yet gets a ticket instead, which stores
nothing until it comes back, so that strangers fill no table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from strongroom.accounts.sealing import Sealing
from strongroom.accounts.shown import plain
from strongroom.audit.entry import instant, micros
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import Unauthenticated
from strongroom.policy.limits import LOGIN_STEP_LIFETIME
from strongroom.terms import PrincipalId

_LONGEST_CODE: Final = 8192
_SPENT: Final = "spent"

_table: Final = schema.login_step


class StepKind(StrEnum):
    """What a step is for; none stands in for another."""

    SECOND = "second"
    """The first proof was right; a second factor is missing."""
    ASSERTION = "assertion"
    """A passkey's challenge of somebody known."""
    OPEN_ASSERTION = "open_assertion"
    """A passkey's challenge of whoever asked."""
    REGISTRATION = "registration"
    """A challenge for making a passkey."""
    TOTP = "totp"
    """A TOTP secret that was shown and is not in use yet."""
    PROVIDER = "provider"
    """What goes to an OpenID Connect provider and comes back."""


@dataclass(frozen=True, slots=True)
class Step:
    """An open step, and what it stands for."""

    principal: PrincipalId | None
    content: dict[str, Any] = field(repr=False)
    expires_at: datetime


class Steps:
    """The open steps of one home. Safe between threads; durable with the caller's transaction."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    def keep(
        self,
        tx: Transaction,
        kind: StepKind,
        principal: PrincipalId | None,
        content: Mapping[str, Any],
        now: datetime,
    ) -> str:
        """Return the code of a new step; steps that are too old go on the way."""
        tx.execute(_table.delete().where(_table.c.expires_at <= now))
        code = self._sealing.token()
        place = self._sealing.of_step(kind, code)
        sealed = self._sealing.seal_step(kind, place, orjson.dumps([principal, dict(content)]))
        tx.execute(
            _table.insert().values(
                digest=place,
                kind=kind,
                principal_id=principal,
                content=sealed,
                created_at=now,
                expires_at=now + LOGIN_STEP_LIFETIME,
            )
        )
        return code

    def look(self, tx: Transaction, kind: StepKind, code: str, now: datetime) -> Step:
        """Return an open step, which stays open. Raises: Unauthenticated: used, too old or never was."""
        place = self._place(kind, code)
        row = tx.execute(sa.select(_table).where(_table.c.digest == place)).first()
        return self._opened(kind, place, row, now)

    def take(self, tx: Transaction, kind: StepKind, code: str, now: datetime) -> Step:
        """Return an open step and close it: of two callers one gets it. Raises: as `look`."""
        place = self._place(kind, code)
        row = tx.execute(_table.delete().where(_table.c.digest == place).returning(_table)).first()
        return self._opened(kind, place, row, now)

    def end_all(self, tx: Transaction, principal: PrincipalId) -> None:
        """Close every step of this person: what was proved before counts no more."""
        tx.execute(_table.delete().where(_table.c.principal_id == principal))

    def ticket(self, kind: StepKind, content: Mapping[str, Any], now: datetime) -> str:
        """Return the code of a step that is stored nowhere; `spend` takes it."""
        # The token makes each ticket's digest one of its own, whatever the content.
        body = [self._sealing.token(), micros(now + LOGIN_STEP_LIFETIME), dict(content)]
        return self._sealing.ticket(kind, orjson.dumps(body))

    def spend(self, tx: Transaction, kind: StepKind, code: str, now: datetime) -> Step:
        """Return what a ticket stands for, once. Raises: Unauthenticated: used, too old or not ours."""
        step, token = self._unpacked(kind, code, now)
        tx.execute(_table.delete().where(_table.c.expires_at <= now))
        insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
        # Remembered until it would be too old anyway: what stands there once cannot be put there again.
        done = tx.execute(
            insert(_table)
            .values(
                digest=self._sealing.of_step(_SPENT, token),
                kind=_SPENT,
                content=b"",
                created_at=now,
                expires_at=step.expires_at,
            )
            .on_conflict_do_nothing()
            .returning(_table.c.id)
        ).first()
        if done is None:
            raise _refusal()
        return step

    def peek(self, kind: StepKind, code: str, now: datetime) -> Step:
        """Return what a ticket stands for without spending it: whoever asks has still to prove something."""
        return self._unpacked(kind, code, now)[0]

    def _unpacked(self, kind: StepKind, code: str, now: datetime) -> tuple[Step, str]:
        if len(code) > _LONGEST_CODE or not code.isascii():
            raise _refusal()
        token, expiry, content = orjson.loads(self._sealing.open_ticket(kind, code))
        expires_at = instant(expiry)
        if expires_at <= now:
            raise _refusal()
        return Step(None, content, expires_at), token

    def _place(self, kind: StepKind, code: str) -> bytes:
        return self._sealing.of_step(kind, plain(code))

    def _opened(
        self, kind: StepKind, place: bytes, row: sa.Row[tuple[object, ...]] | None, now: datetime
    ) -> Step:
        if row is None or row.expires_at <= now:
            raise _refusal()
        principal, content = orjson.loads(self._sealing.open_step(kind, place, row.content))
        known = None if principal is None else PrincipalId(principal)
        return Step(known, content, row.expires_at)


def _refusal() -> Unauthenticated:
    return Unauthenticated("the step is not valid any more", hint="begin again")
