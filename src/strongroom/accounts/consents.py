"""Consents a person has opened: which app may bring which selling partner's authorization code, once, within minutes.

What Amazon's page sends back to an app, anybody can send to it. So a code counts only with the state that was made for
this app and this selling partner: whoever authorized at Amazon began there with it. A state is 32 random bytes, shown
once and stored as a keyed digest bound to all it stands for. It is used up before Amazon is asked: no code is tried
twice [1.2, 2.5].
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.entries import hold, living
from strongroom.accounts.shown import message
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.audit.entry import micros
from strongroom.crypto.derive import derive
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.db.suspensions import suspended
from strongroom.errors import Denied, Unauthenticated
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import CONSENT_LIFETIME
from strongroom.terms import Caller, Environment, PrincipalId, PrincipalKind, SellerId

STATE_CHARACTERS: Final = 43
"""Of a state: 32 bytes in base64url without padding."""

_STATE_BYTES: Final = 32
_PLACE_BYTES: Final = 16

_table: Final = schema.consent
_people: Final = schema.principal


class ConsentRefused(Unauthenticated):
    """A state opens nothing. `reason` is in the log already; whoever showed the state does not hear it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(
            "the state is not valid", hint="each is good once, for minutes: open another"
        )
        self.reason = reason


class ConsentBarred(Denied):
    """Who brought or opened a consent may no longer: it gives nothing. For the gateway to record."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("the consent's app or the person who opened it may not do this any more")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NewConsent:
    """A consent just opened, with the state that is shown this once."""

    id: int
    state: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that was used: whose code the app may bring."""

    id: int
    seller: SellerId
    opened_by: PrincipalId


class Consents:
    """The consents of one home. Changes are durable on return. Safe between threads."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        audit: AuditLog,
        environment: Environment,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._key = derive(key, "strongroom/consent/v1", environment)
        self._audit = audit
        self._entropy = entropy

    def __repr__(self) -> str:
        return "<consents>"

    def open(self, app: str, seller: SellerId, *, caller: Caller, now: datetime) -> NewConsent:
        """Let an app bring one code of a selling partner; an earlier consent of both that was not used ends.

        Raises:
            Denied: no person opens it. Recorded.
            NotFound: no such app.
            Conflict: the app has ended.

        """
        if caller.kind is not PrincipalKind.PERSON:
            self._refuse(caller, Reason.NOT_AUTHORIZED, None, None, now, EventType.CONSENT_OPENED)
            raise Denied("only a person opens a consent")
        state = base64.urlsafe_b64encode(self._entropy(_STATE_BYTES)).decode().rstrip("=")
        expires_at = now + CONSENT_LIFETIME
        with changing(self._database, self._audit, caller, now) as change:
            principal = living(change, app, PrincipalKind.APP).id
            change.tx.execute(
                _table.update()
                .where(
                    _table.c.principal_id == principal,
                    _table.c.seller_id == seller,
                    _table.c.used_at.is_(None),
                    _table.c.ended_at.is_(None),
                )
                .values(ended_at=now)
            )
            id_: int = change.tx.execute(
                _table.insert()
                .values(
                    principal_id=principal,
                    seller_id=seller,
                    digest=self._digest(state, principal, seller, caller.principal, expires_at),
                    created_by=caller.principal,
                    created_at=now,
                    expires_at=expires_at,
                )
                .returning(_table.c.id)
            ).scalar_one()
            change.record(EventType.CONSENT_OPENED, ObjKind.CONSENT, id_, seller=seller)
        return NewConsent(id_, state, expires_at)

    def use(self, caller: Caller, state: str, now: datetime) -> Consent:
        """Return what a state lets this app do, and close it for good, whatever comes of it.

        Raises:
            ConsentRefused: unknown, used, ended, too old, edited, another app's, or of a person who has left. Recorded.

        """
        place = self._place(state)
        with self._database.read() as tx:
            row = tx.execute(
                sa.select(_table, _people.c.ended_at.label("person_ends_at"))
                .outerjoin(_people, _people.c.id == _table.c.created_by)
                .where(_table.c.digest.between(place + bytes(16), place + b"\xff" * 16))
            ).first()
        reason = self._fault(row, caller.principal, state, now)
        if row is None or reason is not None:
            raise self._refuse(caller, reason or Reason.WRONG_CREDENTIAL, None, None, now)
        seller = SellerId(row.seller_id)
        with changing(self._database, self._audit, caller, now) as change:
            # Compare and set: two requests may have read it as unused.
            used = change.tx.execute(
                _table.update()
                .where(
                    _table.c.id == row.id,
                    _table.c.used_at.is_(None),
                    _table.c.ended_at.is_(None),
                )
                .values(used_at=now)
            ).rowcount
            if used:
                change.record(EventType.CONSENT_USED, ObjKind.CONSENT, row.id, seller=seller)
        if not used:
            raise self._refuse(caller, Reason.REPLAYED, row.id, seller, now)
        return Consent(row.id, seller, PrincipalId(row.created_by))

    def admit(self, change: Changes, app: Caller, consent: Consent) -> None:
        """Say once more, in the change that a consent makes, that its app and its person stand.

        Raises:
            ConsentBarred: one of them has ended or is suspended.

        """
        wanted = (app.principal, consent.opened_by)
        for principal in sorted(wanted):
            hold(change.tx, principal)
        query = sa.select(_people.c.ended_at).where(_people.c.id.in_(wanted))
        rows = change.tx.execute(query).all()
        if len(rows) != len({*wanted}) or any(has_ended(row.ended_at, change.now) for row in rows):
            raise ConsentBarred(Reason.PRINCIPAL_ENDED)
        if not suspended(change.tx, change.now).keys().isdisjoint(wanted):
            raise ConsentBarred(Reason.SUSPENDED)

    # -- private ---------------------------------------------------------------------------------------------------

    def _fault(
        self,
        row: sa.Row[tuple[object, ...]] | None,
        app: PrincipalId,
        state: str,
        now: datetime,
    ) -> Reason | None:
        if row is None or len(state) != STATE_CHARACTERS or row.principal_id != app:
            return Reason.WRONG_CREDENTIAL
        issued = self._digest(
            state, app, SellerId(row.seller_id), PrincipalId(row.created_by), row.expires_at
        )
        if not hmac.compare_digest(issued, bytes(row.digest)):
            return Reason.TAMPERED
        if row.used_at is not None or self._was_used(row.id):
            return Reason.REPLAYED
        if row.ended_at is not None or self._was_replaced(row.id, app, SellerId(row.seller_id)):
            return Reason.REVOKED
        if row.expires_at <= now:
            return Reason.EXPIRED_CREDENTIAL
        return Reason.PRINCIPAL_ENDED if has_ended(row.person_ends_at, now) else None

    def _refuse(
        self,
        caller: Caller,
        reason: Reason,
        id_: int | None,
        seller: SellerId | None,
        now: datetime,
        type_: EventType = EventType.CONSENT_USED,
    ) -> ConsentRefused:
        event = Event(
            type_,
            Outcome.DENIED,
            caller,
            reason=reason,
            obj_kind=None if id_ is None else ObjKind.CONSENT,
            obj_ref=None if id_ is None else str(id_),
            seller=seller,
        )
        self._audit.record(event, now=now)
        return ConsentRefused(reason)

    def _place(self, state: str) -> bytes:
        return hmac.digest(self._key, message("place", state), "sha256")[:_PLACE_BYTES]

    def _was_used(self, id_: int) -> bool:
        """Say whether the log knows that a consent was used: a row is easier to edit."""
        return any(
            entry.outcome == Outcome.SUCCESS.value
            and entry.body.get("obj") == {"kind": ObjKind.CONSENT.value, "ref": str(id_)}
            for entry in self._audit.of_types([EventType.CONSENT_USED])
        )

    def _was_replaced(self, id_: int, app: PrincipalId, seller: SellerId) -> bool:
        """Say whether the log knows of a later consent of the same app; one whose row is gone counts as such."""
        later = [
            int(entry.body["obj"]["ref"])
            for entry in self._audit.of_types([EventType.CONSENT_OPENED])
            if entry.outcome == Outcome.SUCCESS.value and entry.body.get("seller") == seller
        ]
        query = sa.select(_table.c.id).where(_table.c.principal_id != app)
        with self._database.read() as tx:
            others = {row.id for row in tx.execute(query)}
        return any(one > id_ and one not in others for one in later)

    def _digest(
        self,
        state: str,
        app: PrincipalId,
        seller: SellerId,
        opened_by: PrincipalId,
        expires_at: datetime,
    ) -> bytes:
        """Return what is stored: the row's place, and what holds it to its app, seller, person and end."""
        bound = message(
            "bound", state, str(app), str(seller), str(opened_by), str(micros(expires_at))
        )
        return self._place(state) + hmac.digest(self._key, bound, "sha256")[:_PLACE_BYTES]
