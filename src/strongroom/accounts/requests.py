"""What apps called their requests, so that one that is sent again is told from a new one [2.6].

A key belongs to one app and one request (draft-ietf-httpapi-idempotency-key-header): with the same request it marks a
repetition, with another it is refused. No answer is kept, as that would be a store of plaintext; a repetition is
decided, recorded and opened again, and the log says that it was one. ADR 0084.
"""

from datetime import datetime

import sqlalchemy as sa

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict
from strongroom.policy.limits import REQUEST_KEY_LIFETIME
from strongroom.terms import Caller

_table = schema.request_key


class KeyReused(Conflict):
    """The key was used for another request before."""


class RequestKeys:
    """The keys of one home's apps. Safe between threads and processes. Durable on return, with the event."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def claim(self, caller: Caller, key: str, request: bytes, now: datetime, *, op: str) -> bool:
        """Note a request under its app's key, and return whether it was sent before.

        `request` is what must be the same; only its HMAC is stored, for a day.

        Raises:
            KeyReused: the key stands for another request; record it with the refused request.

        """
        key_ref = self._audit.pseudonym("request-key", f"{caller.principal}:{key}")
        said = self._audit.pseudonym("request", request.hex())
        mine = _table.c.principal_id == caller.principal
        with self._database.write() as tx:
            tx.execute(
                _table.delete().where(mine, _table.c.created_at <= now - REQUEST_KEY_LIFETIME)
            )
            before = tx.execute(
                sa.select(_table.c.request_ref).where(mine, _table.c.key_ref == key_ref)
            ).scalar_one_or_none()
            if before is None:
                tx.execute(
                    _table.insert().values(
                        principal_id=caller.principal,
                        key_ref=key_ref,
                        request_ref=said,
                        created_at=now,
                    )
                )
                return False
            if before != said:
                raise KeyReused("the idempotency key stands for another request")
            event = Event(
                EventType.API_REQUEST_REPEATED,
                Outcome.SUCCESS,
                caller,
                op=op,
                obj_kind=ObjKind.REQUEST,
                obj_ref=key_ref,
            )
            self._audit.append(tx, event, now=now)
        return True
