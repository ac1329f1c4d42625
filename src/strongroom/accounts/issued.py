"""Recognises credentials that were issued here, by their stored digests, for the leak scanner [2.5]."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.credentials import dead
from strongroom.accounts.digests import PLACE_BYTES, Digests
from strongroom.accounts.rows import select_credentials
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.terms import Environment, PrincipalId

_authorizations: Final = schema.authorization

LIVE: Final = "live"
ENDED: Final = "ended"


class Issued:
    """Asks one home's digests. Lets nobody in, and counts no failure."""

    def __init__(self, database: Database, key: bytes, environment: Environment) -> None:
        self._database = database
        self._digests = Digests(key, environment)

    def __repr__(self) -> str:
        return "<issued>"

    def client_secrets(self, secrets: Sequence[str], now: datetime) -> list[str | None]:
        """Return, for each client secret, whether one of ours is live or ended; None where it is not ours."""
        with self._database.read() as tx:
            rows = tx.execute(select_credentials()).all()
        found: list[str | None] = []
        for secret in secrets:
            states = {
                LIVE if dead(row, now) is None else ENDED
                for row in rows
                if hmac.compare_digest(
                    self._digests.of_secret(row.client_id, PrincipalId(row.principal_id), secret),
                    bytes(row.secret_hash),
                )
            }
            found.append(LIVE if LIVE in states else next(iter(states), None))
        return found

    def refresh_tokens(self, tokens: Sequence[str]) -> list[str | None]:
        """Return the same of refresh tokens."""
        found: list[str | None] = []
        with self._database.read() as tx:
            for token in tokens:
                place = self._digests.place(token)
                row = tx.execute(
                    sa.select(_authorizations.c.revoked_at).where(
                        _authorizations.c.refresh_hash.between(
                            place + bytes(PLACE_BYTES), place + b"\xff" * PLACE_BYTES
                        )
                    )
                ).first()
                found.append(None if row is None else LIVE if row.revoked_at is None else ENDED)
        return found
