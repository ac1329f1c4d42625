"""Keeps people and apps, and checks what they show: secrets and refresh tokens [1.2, 1.3, 2.5].

A secret is shown once, when it is made, and stored only as an HMAC under a key of the keystore, so
that neither the database nor a backup of it lets anybody in. A failed check is recorded before it
is answered, and answers alike whether the name is unknown or the secret wrong. Nothing here decides
what a principal may do: that is what grants are for.
"""

import base64
import hmac
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NoReturn

import orjson
import sqlalchemy as sa

from strongroom.accounts import names
from strongroom.accounts.rows import (
    Authorization,
    NewApp,
    NewAuthorization,
    NewPerson,
    Principal,
    caller_of,
    principal_of,
    select_credentials,
    select_principals,
)
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.crypto.derive import aad, derive
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound, Unauthenticated
from strongroom.terms import AuthMethod, Caller, Environment, PrincipalId, PrincipalKind, SellerId

PERSON_CREDENTIAL_LIFETIME: Final = timedelta(days=90)
"""DPP 1.4: what a person shows is renewed at least every quarter."""

ANONYMOUS: Final = Caller(PrincipalId(0), PrincipalKind.SERVICE, "unknown", AuthMethod.CREDENTIAL)
"""The actor of a failed check: whoever it was has proved nothing."""

_MAX_SECRET_CHARACTERS: Final = 4096
_CACHED_AUTHORIZATIONS: Final = 4096

_p: Final = schema.principal
_c: Final = schema.credential


class Accounts:
    """The principals of one home. What a method changed is durable when it returns, with its event.

    Safe between threads. Only one object writes a database's accounts at a time:
    `check_authorization` remembers what it read until something is written through this object.
    """

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
        self._audit = audit
        self._secret_key = derive(key, "strongroom/client-secret/v1", environment)
        self._refresh_key = derive(key, "strongroom/refresh-token/v1", environment)
        self._entropy = entropy
        self._lock = threading.Lock()
        self._generation = 0
        self._live: dict[tuple[int, PrincipalId, SellerId], Caller] = {}

    def __repr__(self) -> str:
        return "<accounts>"

    # -- people and apps ---------------------------------------------------------------

    def add_person(
        self, name: str, *, caller: Caller, now: datetime, credential: bool = False
    ) -> NewPerson:
        """Register a person, with a credential of their own where one is asked for.

        Raises:
            Malformed: the name's form, or a generic name [1.2].
            Conflict: the name was ever used.

        """
        with self._database.write() as tx:
            person = self._insert(tx, name, PrincipalKind.PERSON, None, caller, now)
            if not credential:
                return NewPerson(person, None, None)
            client_id, secret = self._issue(tx, person, caller, now)
        return NewPerson(person, client_id, secret)

    def renew_credential(self, name: str, *, caller: Caller, now: datetime) -> NewPerson:
        """Give a person a new credential; the ones before it end with it.

        Raises:
            NotFound: no such person, or the person's account has ended.

        """
        with self._database.write() as tx:
            person = self._living(tx, name, PrincipalKind.PERSON)
            self._revoke_credentials(tx, person, caller, now)
            client_id, secret = self._issue(tx, person, caller, now)
        self._forget()
        return NewPerson(person, client_id, secret)

    def add_app(self, name: str, owner: str, *, caller: Caller, now: datetime) -> NewApp:
        """Register an app that `owner` answers for; an unknown owner becomes a person of this home.

        Raises:
            Malformed: a name's form, or a generic name [1.2].
            Conflict: the app's name was ever used, or the owner is no person with a living account.

        """
        with self._database.write() as tx:
            owner_name = names.canonical(owner)
            person = self._find(tx, owner_name)
            registered = person is None
            if person is None:
                person = self._insert(tx, owner_name, PrincipalKind.PERSON, None, caller, now)
            if person.kind is not PrincipalKind.PERSON or person.ended_at is not None:
                raise Conflict(
                    f"{person.name} can own no app",
                    hint="an owner is a person with a living account",
                )
            app = self._insert(tx, name, PrincipalKind.APP, person, caller, now)
            client_id, secret = self._issue(tx, app, caller, now)
        return NewApp(app, client_id, secret, registered)

    def end(self, name: str, *, caller: Caller, now: datetime) -> Principal:
        """End an account for good, with all its credentials; its name is never used again.

        Raises:
            NotFound: no such account.
            Conflict: it has ended already, or a person still owns living apps.

        """
        table = _p
        with self._database.write() as tx:
            principal = self._living(tx, name, None)
            owned = tx.execute(
                sa.select(table.c.name).where(
                    table.c.owner_id == principal.id, table.c.ended_at.is_(None)
                )
            ).first()
            if owned is not None:
                raise Conflict(
                    f"{principal.name} owns the app {owned.name}", hint="end the app first"
                )
            tx.execute(table.update().where(table.c.id == principal.id).values(ended_at=now))
            self._revoke_credentials(tx, principal, caller, now)
            for row in self._authorizations(tx, principal.id):
                self._revoke(tx, row.id, SellerId(row.seller_id), caller, now)
            self._record(tx, EventType.PRINCIPAL_ENDED, caller, now, obj_ref=str(principal.id))
        self._forget()
        return self.find(name)

    def listed(self, kind: PrincipalKind) -> list[Principal]:
        """Return every person, or every app, by name; ended ones too."""
        query = select_principals().where(_p.c.kind == kind).order_by(_p.c.name)
        with self._database.read() as tx:
            return [principal_of(row) for row in tx.execute(query)]

    def find(self, name: str) -> Principal:
        """Return the person or app of this name. Raises: NotFound, Malformed."""
        with self._database.read() as tx:
            found = self._find(tx, names.canonical(name))
        if found is None:
            raise NotFound("no person or app of this name")
        return found

    def name_of(self, id_: PrincipalId) -> str:
        """Return a principal's name; `strongroom` for the service itself. Raises: NotFound."""
        if id_ == 0:
            return "strongroom"
        with self._database.read() as tx:
            row = tx.execute(sa.select(_p.c.name).where(_p.c.id == id_)).first()
        if row is None:
            raise NotFound(f"no principal {id_}")
        name: str = row.name
        return name

    def console(self, os_user: str, now: datetime) -> Caller:
        """Return the caller for a command on this machine; the first one registers its user."""
        name = names.of_console(os_user)
        with self._database.read() as tx:
            found = self._find(tx, name)
        if found is None:
            with self._database.write() as tx:
                found = self._find(tx, name) or self._insert_named(
                    tx, name, PrincipalKind.PERSON, None, None, now
                )
        if found.kind is not PrincipalKind.PERSON or found.ended_at is not None:
            raise Unauthenticated("the account of this operating system user has ended")
        return Caller(found.id, found.kind, found.name, AuthMethod.CONSOLE)

    # -- authorizations ----------------------------------------------------------------

    def authorize(
        self, app: str, seller_id: SellerId, *, caller: Caller, now: datetime
    ) -> NewAuthorization:
        """Let an app act for one selling partner; its earlier authorizations for that partner end.

        Raises:
            NotFound: no such app, or the app has ended.

        """
        refresh_token = "Atzr|" + _text(self._entropy(48))
        table = schema.authorization
        with self._database.write() as tx:
            principal = self._living(tx, app, PrincipalKind.APP)
            for row in self._authorizations(tx, principal.id):
                if row.seller_id == seller_id:
                    self._revoke(tx, row.id, seller_id, caller, now)
            id_ = tx.execute(
                table.insert()
                .values(
                    principal_id=principal.id,
                    seller_id=seller_id,
                    refresh_hash=self._refresh_hash(refresh_token),
                    created_at=now,
                )
                .returning(table.c.id)
            ).scalar_one()
            self._record(
                tx,
                EventType.AUTHORIZATION_ISSUED,
                caller,
                now,
                obj_kind=ObjKind.AUTHORIZATION,
                obj_ref=str(id_),
                seller=seller_id,
            )
        self._forget()
        return NewAuthorization(id_, seller_id, refresh_token)

    def authorizations(self, app: str) -> list[Authorization]:
        """Return the living authorizations of an app. Raises: NotFound."""
        principal = self.find(app)
        with self._database.read() as tx:
            return [
                Authorization(row.id, principal.id, SellerId(row.seller_id))
                for row in self._authorizations(tx, principal.id)
            ]

    # -- checks ------------------------------------------------------------------------

    def check_client(self, client_id: str, client_secret: str, now: datetime) -> Caller:
        """Return the app whose credential this is.

        Raises:
            Unauthenticated: unknown, wrong, revoked or ended; recorded, and all look the same.

        """
        with self._database.read() as tx:
            row = tx.execute(select_credentials().where(_c.c.client_id == client_id)).first()
        expected = b"\0" * 32 if row is None else bytes(row.secret_hash)
        # Always computed, so that an unknown client takes as long as a wrong secret.
        same = hmac.compare_digest(self._secret_hash(client_id, client_secret), expected)
        if row is None or not same:
            self._refuse(row, ("client", client_id), Reason.WRONG_CREDENTIAL, now)
        if row.ended_at is not None or row.revoked_at is not None:
            self._refuse(row, ("client", client_id), Reason.REVOKED, now)
        if row.kind != PrincipalKind.APP:
            self._refuse(row, ("client", client_id), Reason.WRONG_CREDENTIAL, now)
        return caller_of(row)

    def check_refresh(self, caller: Caller, refresh_token: str, now: datetime) -> Authorization:
        """Return what a refresh token lets `caller` do; it must have been issued to that very app.

        Raises:
            Unauthenticated: unknown, another app's, or revoked; recorded, and all look the same.

        """
        table = schema.authorization
        digest = self._refresh_hash(refresh_token)
        with self._database.read() as tx:
            row = tx.execute(sa.select(table).where(table.c.refresh_hash == digest)).first()
        reason = Reason.WRONG_CREDENTIAL
        if row is not None and row.principal_id == caller.principal:
            if row.revoked_at is None:
                return Authorization(row.id, caller.principal, SellerId(row.seller_id))
            reason = Reason.REVOKED
        with self._database.write() as tx:
            self._record(
                tx,
                EventType.CREDENTIAL_CHECKED,
                caller,
                now,
                outcome=Outcome.FAILURE,
                reason=reason,
                obj_kind=None if row is None else ObjKind.AUTHORIZATION,
                obj_ref=None if row is None else str(row.id),
            )
        raise Unauthenticated("the refresh token is not valid for this client")

    def check_authorization(self, id_: int, principal: PrincipalId, seller: SellerId) -> Caller:
        """Return the app behind an access token whose authorization lives; mostly from memory.

        Raises:
            Unauthenticated: it was revoked or never was; record it with the refused request.

        """
        known = self._live.get((id_, principal, seller))
        if known is not None:
            return known
        table = schema.authorization
        generation = self._generation
        with self._database.read() as tx:
            row = tx.execute(
                sa.select(_p.c.name, _p.c.kind)
                .join(table, _p.c.id == table.c.principal_id)
                .where(
                    table.c.id == id_,
                    table.c.principal_id == principal,
                    table.c.seller_id == seller,
                    table.c.revoked_at.is_(None),
                    _p.c.ended_at.is_(None),
                )
            ).first()
        if row is None:
            raise Unauthenticated(f"authorization {id_} is not valid any more")
        caller = Caller(principal, PrincipalKind(row.kind), row.name, AuthMethod.ACCESS_TOKEN)
        with self._lock:
            # A write since the read may have ended it: then the next call reads again.
            if generation == self._generation:
                if len(self._live) >= _CACHED_AUTHORIZATIONS:
                    self._live.clear()
                self._live[id_, principal, seller] = caller
        return caller

    def check_credential(self, name: str, credential_text: str, now: datetime) -> Caller:
        """Return the person or app of this name, whose credential file holds `credential_text`.

        The text is the client secret alone, or the JSON that made it known (`app add --json`).

        Raises:
            Malformed: the text is JSON without a client secret.
            Unauthenticated: unknown, wrong, expired, revoked or ended: recorded, all alike.

        """
        secret, client_id = _parse_credential(credential_text)
        lowered = name.lower()[:64]
        with self._database.read() as tx:
            rows = tx.execute(
                select_credentials().where(_p.c.name == lowered).order_by(_c.c.id.desc())
            ).all()
        matched = None
        self._secret_hash("", secret)  # an unknown name costs a digest too
        for row in rows:
            right = hmac.compare_digest(
                self._secret_hash(row.client_id, secret), bytes(row.secret_hash)
            )
            if right and client_id in (None, row.client_id):
                matched = row
        if matched is None:
            self._refuse(rows[0] if rows else None, ("name", lowered), Reason.WRONG_CREDENTIAL, now)
        if matched.ended_at is not None or matched.revoked_at is not None:
            self._refuse(matched, ("name", lowered), Reason.REVOKED, now)
        aged = now - matched.created_at >= PERSON_CREDENTIAL_LIFETIME
        if matched.kind == PrincipalKind.PERSON and aged:
            self._refuse(matched, ("name", lowered), Reason.EXPIRED_CREDENTIAL, now)
        return caller_of(matched)

    # -- private -----------------------------------------------------------------------

    def _find(self, tx: Transaction, name: str) -> Principal | None:
        row = tx.execute(select_principals().where(_p.c.name == name)).first()
        return None if row is None else principal_of(row)

    def _living(self, tx: Transaction, name: str, kind: PrincipalKind | None) -> Principal:
        found = self._find(tx, names.canonical(name))
        if found is None or kind not in (None, found.kind):
            raise NotFound(f"no {kind or 'person or app'} of this name")
        if found.ended_at is not None:
            raise Conflict(f"the account {found.name} has ended")
        return found

    def _insert(
        self,
        tx: Transaction,
        name: str,
        kind: PrincipalKind,
        owner: Principal | None,
        caller: Caller,
        now: datetime,
    ) -> Principal:
        name = names.canonical(name)
        if self._find(tx, name) is not None:
            raise Conflict(f"the name {name} is taken", hint="a name is never used twice [1.2]")
        return self._insert_named(tx, name, kind, owner, caller, now)

    def _insert_named(
        self,
        tx: Transaction,
        name: str,
        kind: PrincipalKind,
        owner: Principal | None,
        caller: Caller | None,
        now: datetime,
    ) -> Principal:
        id_ = PrincipalId(
            tx.execute(
                _p.insert()
                .values(name=name, kind=kind, owner_id=owner.id if owner else None, created_at=now)
                .returning(_p.c.id)
            ).scalar_one()
        )
        # The first command of an operating system user registers that user: it is its own actor.
        actor = caller or Caller(id_, kind, name, AuthMethod.CONSOLE)
        self._record(tx, EventType.PRINCIPAL_ADDED, actor, now, obj_ref=str(id_))
        return Principal(id_, name, kind, owner.name if owner else None, now, None)

    def _issue(
        self, tx: Transaction, principal: Principal, caller: Caller, now: datetime
    ) -> tuple[str, str]:
        client_id = "amzn1.application-oa2-client." + self._entropy(16).hex()
        secret = "amzn1.oa2-cs.v1." + self._entropy(32).hex()
        id_ = tx.execute(
            _c.insert()
            .values(
                principal_id=principal.id,
                client_id=client_id,
                secret_hash=self._secret_hash(client_id, secret),
                created_at=now,
            )
            .returning(_c.c.id)
        ).scalar_one()
        self._record(
            tx,
            EventType.CREDENTIAL_ISSUED,
            caller,
            now,
            obj_kind=ObjKind.CREDENTIAL,
            obj_ref=str(id_),
        )
        return client_id, secret

    def _revoke_credentials(
        self, tx: Transaction, principal: Principal, caller: Caller, now: datetime
    ) -> None:
        living = (
            _c.c.principal_id == principal.id,
            _c.c.revoked_at.is_(None),
        )
        for row in tx.execute(sa.select(_c.c.id).where(*living)).all():
            tx.execute(_c.update().where(_c.c.id == row.id).values(revoked_at=now))
            self._record(
                tx,
                EventType.CREDENTIAL_REVOKED,
                caller,
                now,
                obj_kind=ObjKind.CREDENTIAL,
                obj_ref=str(row.id),
            )

    def _authorizations(
        self, tx: Transaction, principal: PrincipalId
    ) -> list[sa.Row[tuple[int, int]]]:
        table = schema.authorization
        return list(
            tx.execute(
                sa.select(table.c.id, table.c.seller_id)
                .where(table.c.principal_id == principal, table.c.revoked_at.is_(None))
                .order_by(table.c.id)
            )
        )

    def _revoke(
        self, tx: Transaction, id_: int, seller: SellerId, caller: Caller, now: datetime
    ) -> None:
        table = schema.authorization
        tx.execute(table.update().where(table.c.id == id_).values(revoked_at=now))
        self._record(
            tx,
            EventType.AUTHORIZATION_REVOKED,
            caller,
            now,
            obj_kind=ObjKind.AUTHORIZATION,
            obj_ref=str(id_),
            seller=seller,
        )

    def _refuse(
        self,
        row: sa.Row[tuple[object, ...]] | None,
        claimed: tuple[str, str],
        reason: Reason,
        now: datetime,
    ) -> NoReturn:
        # An unknown name is recorded as an HMAC: guessing shows, and what was typed (a password,
        # perhaps) does not.
        about = self._audit.pseudonym(*claimed) if row is None else str(row.principal_id)
        with self._database.write() as tx:
            self._record(
                tx,
                EventType.CREDENTIAL_CHECKED,
                ANONYMOUS,
                now,
                outcome=Outcome.FAILURE,
                reason=reason,
                obj_ref=about,
            )
        raise Unauthenticated("the name or its credential is not valid")

    def _record(  # noqa: PLR0913 - an event's fields
        self,
        tx: Transaction,
        type_: EventType,
        actor: Caller,
        now: datetime,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        reason: Reason | None = None,
        obj_kind: ObjKind | None = ObjKind.PRINCIPAL,
        obj_ref: str | None = None,
        seller: SellerId | None = None,
    ) -> None:
        event = Event(
            type_, outcome, actor, reason=reason, obj_kind=obj_kind, obj_ref=obj_ref, seller=seller
        )
        self._audit.append(tx, event, now=now)

    def _forget(self) -> None:
        with self._lock:
            self._generation += 1
            self._live.clear()

    def _secret_hash(self, client_id: str, secret: str) -> bytes:
        return hmac.digest(
            self._secret_key, aad(client_id, secret[:_MAX_SECRET_CHARACTERS]), "sha256"
        )

    def _refresh_hash(self, refresh_token: str) -> bytes:
        return hmac.digest(self._refresh_key, aad(refresh_token[:_MAX_SECRET_CHARACTERS]), "sha256")


def _parse_credential(text: str) -> tuple[str, str | None]:
    """Return the secret and, from JSON, the client id it belongs to."""
    text = text.strip()
    if not text.startswith("{"):
        return text, None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Malformed("the credential file is neither a client secret nor JSON") from None
    secret, client_id = document.get("client_secret"), document.get("client_id")
    if not isinstance(secret, str) or not isinstance(client_id, str | None):
        raise Malformed("the credential file holds no client_secret")
    return secret, client_id


def _text(data: bytes) -> str:
    # 48 bytes are 64 characters of base 64 without padding.
    return base64.urlsafe_b64encode(data).decode()
