"""Passwords of calendar feeds: a person's own, shown once, good for reading what is theirs to do alone [1.2].

Stored as an HMAC under a key of the keystore, bound to the person. Nothing secret stands in an address: the feed asks
by HTTP Basic. Guesses are held up as those at secrets of programs are.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts import Accounts, Networks
from strongroom.accounts.guard import Guard
from strongroom.accounts.principals import ANONYMOUS
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.people import People, refuse_programs
from strongroom.crypto.derive import aad, derive
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import NotFound, Unauthenticated
from strongroom.terms import Caller, Environment, PrincipalId

_table: Final = schema.calendar_password
_BYTES: Final = 20
_LONGEST: Final = 128


class FeedPasswords:
    """The feed passwords of one home. What a method changed is durable on return, with its event."""

    def __init__(  # noqa: PLR0913 - the rooms it asks, by name
        self,
        database: Database,
        audit: AuditLog,
        key: bytes,
        environment: Environment,
        *,
        accounts: Accounts,
        people: People,
        guard: Guard,
        networks: Networks,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._audit = audit
        self._key = derive(key, "strongroom/calendar-password/v1", environment)
        self._accounts = accounts
        self._people = people
        self._guard = guard
        self._networks = networks
        self._entropy = entropy

    def __repr__(self) -> str:
        return "<feed passwords>"

    def make(self, caller: Caller, now: datetime) -> str:
        """Return a new password of the caller's feed, shown this once; the one before ends. Raises: Denied."""
        refuse_programs(caller)
        password = base64.b32encode(self._entropy(_BYTES)).decode("ascii").lower()
        person = caller.principal
        values = {"digest": self._digest(person, password), "made_at": now}
        with self._database.write() as tx:
            where = _table.c.person_id == person
            if tx.execute(_table.update().where(where).values(**values)).rowcount == 0:
                tx.execute(_table.insert().values(person_id=person, **values))
            self._audit.append(tx, self._changed(caller, "made"), now=now)
        return password

    def end(self, caller: Caller, now: datetime) -> None:
        """End the caller's feed. Does nothing where there is none."""
        with self._database.write() as tx:
            where = _table.c.person_id == caller.principal
            if tx.execute(_table.delete().where(where)).rowcount:
                self._audit.append(tx, self._changed(caller, "ended"), now=now)

    def made_at(self, person: PrincipalId) -> datetime | None:
        """Return when a person's password was made; None where there is none."""
        with self._database.read() as tx:
            query = sa.select(_table.c.made_at).where(_table.c.person_id == person)
            found: datetime | None = tx.execute(query).scalar()
        return found

    def check(self, authorization: str, address: str, now: datetime) -> PrincipalId:
        """Return whose feed an `Authorization` header opens.

        Raises:
            Unauthenticated: it opens none, whatever the reason; recorded.
            Throttled: too many of those came before; recorded.

        """
        if not authorization:
            # Calendar programs ask once without: nobody has guessed anything yet.
            raise Unauthenticated("a feed asks for its own password")
        name, password = _basic(authorization)
        client = f"calendar:{name[:_LONGEST]}"
        self._guard.clients.admit(address, now, client=client)
        person = self._person(name)
        with self._database.read() as tx:
            query = sa.select(_table.c.digest).where(_table.c.person_id == (person or 0))
            stored = tx.execute(query).scalar()
        # The same work whether or not there is such a person.
        shown = self._digest(person or PrincipalId(0), password[:_LONGEST])
        is_right = hmac.compare_digest(shown, bytes(stored or b"\0" * len(shown)))
        if (
            is_right
            and stored is not None
            and person is not None
            and person in self._people.active(now)
            and self._networks.permits_principal(person, name, address)
        ):
            return person
        self._guard.clients.failed(address, now, client=client)
        event = Event(
            EventType.CALENDAR_REFUSED,
            Outcome.FAILURE,
            ANONYMOUS,
            reason=Reason.WRONG_CREDENTIAL,
            src_ip=self._audit.pseudonym("ip", address),
        )
        self._audit.record(event, now=now)
        raise Unauthenticated("no feed opens to this")

    def _person(self, name: str) -> PrincipalId | None:
        try:
            return self._accounts.find(name).id
        except NotFound:
            return None

    def _digest(self, person: PrincipalId, password: str) -> bytes:
        return hmac.digest(self._key, aad(person, password), "sha256")

    def _changed(self, caller: Caller, op: str) -> Event:
        return Event(
            EventType.CALENDAR_CHANGED,
            Outcome.SUCCESS,
            caller,
            op=op,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(caller.principal),
        )


def _basic(authorization: str) -> tuple[str, str]:
    """Return name and password of RFC 7617; empty ones for anything else, which open nothing."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, colon, password = (
            base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        )
    except ValueError:
        return "", ""
    return (name.lower(), password) if colon else ("", "")
