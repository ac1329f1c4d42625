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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

import sqlalchemy as sa

from strongroom.accounts import entries, names
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.consents import Consent, Consents
from strongroom.accounts.credentials import Credentials, dead, revoke_credentials
from strongroom.accounts.digests import Digests
from strongroom.accounts.kept import end_kept, kept
from strongroom.accounts.registered import certificates_of, revoke_certificates
from strongroom.accounts.rows import (
    Authorization,
    Holdings,
    NewApp,
    NewAuthorization,
    NewPerson,
    Principal,
    authorizations_of,
    caller_of,
    living_authorizations,
    principal_of,
    secrets_of,
    select_credentials,
    select_principals,
)
from strongroom.accounts.shown import parse_credential, plain
from strongroom.accounts.standing import Standing
from strongroom.audit import (
    AuditLog,
    Change,
    Event,
    EventType,
    Field,
    ObjKind,
    Outcome,
    Reason,
)
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Malformed, NotFound, Unauthenticated
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import APP_SECRET_OVERLAP
from strongroom.terms import (
    SYSTEM,
    AuthMethod,
    Caller,
    Environment,
    PrincipalId,
    PrincipalKind,
    SellerId,
)

ANONYMOUS: Final = Caller(PrincipalId(0), PrincipalKind.SERVICE, "unknown", AuthMethod.CREDENTIAL)
"""The actor of a failed check: whoever it was has proved nothing."""

_MAX_CACHED: Final = 4096
_APPS: Final = frozenset({PrincipalKind.APP})

_people: Final = schema.principal
_credentials: Final = schema.credential
_authorizations: Final = schema.authorization


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
        self._digests = Digests(key, environment)
        self._entropy = entropy
        self._credentials = Credentials(self._digests, entropy)
        self.consents = Consents(database, key, audit, environment)
        self._lock = threading.Lock()
        self.standing = Standing(database)
        self._generation = 0
        self._live: dict[tuple[int, PrincipalId, SellerId], tuple[Caller, datetime | None]] = {}

    def __repr__(self) -> str:
        return "<accounts>"

    @property
    def generation(self) -> int:
        """Another number after every change: what was read before may be wrong since."""
        return self._generation

    @contextmanager
    def changes(self, caller: Caller, now: datetime) -> Iterator[Changes]:
        """Give one transaction that changes accounts: nothing remembered of them outlives it."""
        with changing(self._database, self._audit, caller, now) as change:
            yield change
        with self._lock:
            self._generation += 1
            self._live.clear()

    # -- people and apps -------------------------------------------------------------------------

    def add_person(
        self, name: str, *, caller: Caller, now: datetime, credential: bool = False
    ) -> NewPerson:
        """Register a person, with a credential of their own where one is asked for.

        Raises:
            Malformed: the name's form.
            Denied: a generic name [1.2].
            Conflict: the name was ever used.

        """
        with self.changes(caller, now) as change:
            person = entries.add(change, name, PrincipalKind.PERSON, None)
            if not credential:
                return NewPerson(person, None, None)
            return NewPerson(person, *self._credentials.issue(change, person))

    def renew_credential(self, name: str, *, caller: Caller, now: datetime) -> NewPerson:
        """Give a person a new credential; the ones before it end with it.

        Raises:
            NotFound: no such person.
            Conflict: the person's account has ended.

        """
        with self.changes(caller, now) as change:
            person = entries.living(change, name, PrincipalKind.PERSON)
            revoke_credentials(change, person)
            return NewPerson(person, *self._credentials.issue(change, person))

    def add_app(self, name: str, owner: str, *, caller: Caller, now: datetime) -> NewApp:
        """Register an app that `owner` answers for; an unknown owner becomes a person of this home.

        Raises:
            Malformed: a name's form.
            Denied: a generic name [1.2].
            Conflict: the app's name was ever used, or the owner is no person with a living account
                whose end is not planned.

        """
        with self.changes(caller, now) as change:
            app, registered = entries.add_owned(change, name, PrincipalKind.APP, owner)
            client_id, secret = self._credentials.issue(change, app)
        return NewApp(app, client_id, secret, owner_registered=registered)

    def end(
        self, name: str, *, caller: Caller, now: datetime, at: datetime | None = None
    ) -> Principal:
        """End an account for good, with all its credentials; its name is never used again.

        `at` is an instant to come: from then on every check refuses it, whether or not anything runs
        at that moment. An end that was planned can be moved until it has come.

        Raises:
            Malformed: `at` has passed.
            NotFound: no such account.
            Conflict: it has ended already, a person still owns apps that live longer, or an app would
                live longer than its owner.

        """
        last = at or now
        if last < now:
            raise Malformed("the end lies in the past", hint="without --at it ends now")
        with self.changes(caller, now) as change:
            principal = entries.living(change, name, None)
            owned = change.tx.execute(
                sa.select(_people.c.name).where(
                    _people.c.owner_id == principal.id,
                    _people.c.ended_at.is_(None) | (_people.c.ended_at > last),
                )
            ).first()
            if owned is not None:
                raise Conflict(f"{principal.name} owns {owned.name}", hint="end the app first")
            owner = None if principal.owner is None else entries.find(change.tx, principal.owner)
            answers_until = None if owner is None else owner.ended_at
            if answers_until is not None and now < last and answers_until < last:
                raise Conflict(f"{principal.owner} answers for {principal.name} and ends before it")
            change.tx.execute(
                _people.update().where(_people.c.id == principal.id).values(ended_at=last)
            )
            if last > now:
                planned = self._audit.pseudonym("ended_at", last.isoformat())
                change.record(
                    EventType.PRINCIPAL_END_PLANNED,
                    ObjKind.PRINCIPAL,
                    principal.id,
                    changes=(Change(Field.ENDED_AT, after=planned),),
                )
                return replace(principal, ended_at=last)
            revoke_credentials(change, principal)
            shown = certificates_of(change.tx, principal.id)
            revoke_certificates(change, [c.id for c in shown if c.revoked_at is None])
            for authorization in living_authorizations(change.tx, principal.id):
                self._revoke(change, authorization)
            end_kept(change, principal.id)
            change.record(EventType.PRINCIPAL_ENDED, ObjKind.PRINCIPAL, principal.id)
        return replace(principal, ended_at=now)

    def rotate(
        self, name: str, *, caller: Caller, now: datetime, overlap: timedelta = APP_SECRET_OVERLAP
    ) -> NewApp:
        """Give an app a second secret, shown this once; the one before stays good for `overlap` [1.4].

        Raises:
            Malformed: the overlap is longer than a week.
            NotFound: no such app.
            Conflict: the app has ended, or two of its secrets are good already.

        """
        with self.changes(caller, now) as change:
            app = entries.living(change, name, PrincipalKind.APP)
            issued = self._credentials.succeed(change, app, overlap)
        return NewApp(app, *issued, owner_registered=False)

    def holdings(self, name: str) -> Holdings:
        """Return a person's or app's credentials and authorizations, dead ones too. Raises: NotFound."""
        principal = self.find(name)
        with self._database.read() as tx:
            return Holdings(
                principal,
                secrets_of(tx, principal.id),
                authorizations_of(tx, principal.id),
                certificates_of(tx, principal.id),
                kept(tx, principal.id),
            )

    def listed(self, kind: PrincipalKind) -> list[Principal]:
        """Return every person, or every app, by name; ended ones too."""
        query = select_principals().where(_people.c.kind == kind).order_by(_people.c.name)
        with self._database.read() as tx:
            return [principal_of(row) for row in tx.execute(query)]

    def names(self) -> dict[PrincipalId, str]:
        """Return the name of every person, app, node and service, by number."""
        with self._database.read() as tx:
            rows = tx.execute(sa.select(_people.c.id, _people.c.name))
            return {PrincipalId(row.id): row.name for row in rows}

    def find(self, name: str) -> Principal:
        """Return the person or app of this name. Raises: NotFound."""
        with self._database.read() as tx:
            found = entries.find(tx, name.lower())
        if found is None:
            raise NotFound("no person or app of this name")
        return found

    def name_of(self, id_: PrincipalId) -> str:
        """Return a principal's name; `strongroom` for the service itself. Raises: NotFound."""
        if id_ == 0:
            return "strongroom"
        with self._database.read() as tx:
            row = tx.execute(sa.select(_people.c.name).where(_people.c.id == id_)).first()
        if row is None:
            raise NotFound(f"no principal {id_}")
        name: str = row.name
        return name

    def console(self, os_user: str, now: datetime) -> Caller:
        """Return the caller for a command on this machine; the first one registers its user.

        Raises:
            Unauthenticated: that user's account has ended, or is an app's name.

        """
        name = names.of_console(os_user)
        with self._database.read() as tx:
            found = entries.find(tx, name)
        if found is None:
            with self._database.write() as tx:
                found = entries.find(tx, name) or entries.insert(
                    tx, name, PrincipalKind.PERSON, None, now
                )
                # It registers itself: there is no other actor yet.
                actor = Caller(found.id, found.kind, name, AuthMethod.CONSOLE)
                self._audit.append(
                    tx,
                    Event(
                        EventType.PRINCIPAL_ADDED,
                        Outcome.SUCCESS,
                        actor,
                        obj_kind=ObjKind.PRINCIPAL,
                        obj_ref=str(found.id),
                    ),
                    now=now,
                )
        if found.kind is not PrincipalKind.PERSON or has_ended(found.ended_at, now):
            raise Unauthenticated("this operating system user has no living account")
        return Caller(found.id, found.kind, found.name, AuthMethod.CONSOLE)

    def service(self, name: str, now: datetime) -> Caller:
        """Return the caller for one of Strongroom's own services; the first call registers it. It never has a grant.

        Raises:
            Conflict: somebody else has this name.

        """
        with self._database.read() as tx:
            found = entries.find(tx, name)
        if found is None:
            with self._database.write() as tx:
                found = entries.find(tx, name) or entries.insert(
                    tx, name, PrincipalKind.SERVICE, None, now
                )
                event = Event(
                    EventType.PRINCIPAL_ADDED,
                    Outcome.SUCCESS,
                    SYSTEM,
                    obj_kind=ObjKind.PRINCIPAL,
                    obj_ref=str(found.id),
                )
                self._audit.append(tx, event, now=now)
        if found.kind is not PrincipalKind.SERVICE:
            raise Conflict(f"{name} is the name of a service of Strongroom's own")
        return Caller(found.id, found.kind, found.name, AuthMethod.SYSTEM)

    # -- authorizations --------------------------------------------------------------------------

    def authorize(
        self, app: str, seller_id: SellerId, *, caller: Caller, now: datetime
    ) -> NewAuthorization:
        """Let an app act for one selling partner; its earlier authorizations for that partner end.

        Raises:
            NotFound: no such app.
            Conflict: the app has ended.

        """
        with self.changes(caller, now) as change:
            return self._authorize(change, app, seller_id)

    def consented(
        self, caller: Caller, consent: Consent, keep: Callable[[Transaction], Event], now: datetime
    ) -> NewAuthorization:
        """Let an app act for the selling partner whose consent it used, and `keep` what it brought: both or neither.

        Raises:
            ConsentBarred: the app, or who opened the consent, has ended or is suspended since.

        """
        with self.changes(caller, now) as change:
            self.consents.admit(change, caller, consent)
            change.events.append(keep(change.tx))
            return self._authorize(change, caller.name, consent.seller)

    def authorizations(self, app: str) -> list[Authorization]:
        """Return the living authorizations of an app. Raises: NotFound."""
        principal = self.find(app)
        with self._database.read() as tx:
            return living_authorizations(tx, principal.id)

    # -- checks ----------------------------------------------------------------------------------

    def check_client(
        self,
        client_id: str,
        client_secret: str,
        now: datetime,
        *,
        kinds: frozenset[PrincipalKind] = _APPS,
    ) -> Caller:
        """Return the app, or what else of `kinds`, whose credential this is.

        Raises:
            Unauthenticated: unknown, wrong, revoked, ended or frozen; recorded, and all look the same.

        """
        client_id = plain(client_id)
        with self._database.read() as tx:
            row = tx.execute(
                select_credentials().where(_credentials.c.client_id == client_id)
            ).first()
        expected = b"\0" * 32 if row is None else bytes(row.secret_hash)
        # Always computed, so that an unknown client takes as long as a wrong secret.
        owner = PrincipalId(0 if row is None else row.principal_id)
        same = hmac.compare_digest(
            self._digests.of_secret(client_id, owner, client_secret), expected
        )
        if row is None or not same or row.kind not in kinds:
            self._refuse(row, ("client", client_id), Reason.WRONG_CREDENTIAL, now)
        if (why := dead(row, now)) is not None:
            self._refuse(row, ("client", client_id), why, now)
        if self.standing.is_frozen(owner, now):
            self._refuse(row, ("client", client_id), Reason.SUSPENDED, now)
        return caller_of(row)

    def check_refresh(self, caller: Caller, refresh_token: str, now: datetime) -> Authorization:
        """Return what a refresh token lets `caller` do; it must have been issued to that very app.

        Raises:
            Unauthenticated: unknown, another app's, or revoked; recorded, and all look the same.

        """
        place = self._digests.place(refresh_token)
        with self._database.read() as tx:
            row = tx.execute(
                sa.select(_authorizations).where(
                    _authorizations.c.refresh_hash.between(place + bytes(16), place + b"\xff" * 16)
                )
            ).first()
        reason = Reason.WRONG_CREDENTIAL
        if row is not None and row.principal_id == caller.principal:
            issued = self._digests.of_refresh_token(refresh_token, row.principal_id, row.seller_id)
            if not hmac.compare_digest(issued, bytes(row.refresh_hash)):
                reason = Reason.TAMPERED
            elif row.revoked_at is None:
                return Authorization(row.id, caller.principal, SellerId(row.seller_id))
            else:
                reason = Reason.REVOKED
        event = Event(
            EventType.CREDENTIAL_CHECKED,
            Outcome.FAILURE,
            caller,
            reason=reason,
            obj_kind=None if row is None else ObjKind.AUTHORIZATION,
            obj_ref=None if row is None else str(row.id),
        )
        self._audit.record(event, now=now)
        raise Unauthenticated("the refresh token is not valid for this client")

    def check_authorization(
        self, id_: int, principal: PrincipalId, seller: SellerId, now: datetime
    ) -> Caller:
        """Return the app behind an access token whose authorization lives; mostly from memory.

        Raises:
            Suspended: the app is frozen; record it with the refused request.
            Throttled: the app is slowed and came too soon; as well.
            Unauthenticated: it was revoked or never was, or the account's end has come; record it
                with the refused request.

        """
        self.standing.refuse_frozen(principal, now)
        self.standing.refuse_hasty(principal, now)
        known = self._live.get((id_, principal, seller))
        if known is not None and not has_ended(known[1], now):
            return known[0]
        generation = self._generation
        with self._database.read() as tx:
            row = tx.execute(
                sa.select(_people.c.name, _people.c.kind, _people.c.ended_at)
                .join(_authorizations, _people.c.id == _authorizations.c.principal_id)
                .where(
                    _authorizations.c.id == id_,
                    _authorizations.c.principal_id == principal,
                    _authorizations.c.seller_id == seller,
                    _authorizations.c.revoked_at.is_(None),
                )
            ).first()
        if row is None or has_ended(row.ended_at, now):
            raise Unauthenticated(f"authorization {id_} is not valid any more")
        caller = Caller(principal, PrincipalKind(row.kind), row.name, AuthMethod.ACCESS_TOKEN)
        with self._lock:
            # A write since the read may have ended it: then the next call reads again.
            if generation == self._generation:
                if len(self._live) >= _MAX_CACHED:
                    self._live.clear()
                self._live[id_, principal, seller] = caller, row.ended_at
        return caller

    def check_credential(self, name: str, credential_text: str, now: datetime) -> Caller:
        """Return the person or app of this name, whose credential file holds `credential_text`.

        A node shows its certificate beside its secret, which nothing here could check: it is refused.

        The text is the client secret alone, or the JSON that made it known (`app add --json`).

        Raises:
            Malformed: the text is JSON without a client secret.
            Unauthenticated: unknown, wrong, expired, revoked, ended or frozen: recorded, all alike.
            Throttled: it is slowed and came too soon.

        """
        secret, client_id = parse_credential(credential_text)
        lowered = plain(name.lower())
        query = select_credentials().where(
            _people.c.name == lowered, _people.c.kind != PrincipalKind.NODE
        )
        with self._database.read() as tx:
            rows = tx.execute(query.order_by(_credentials.c.id.desc())).all()
        self._digests.of_secret("", PrincipalId(0), secret)  # an unknown name costs a digest too
        matched = None
        for row in rows:
            digest = self._digests.of_secret(row.client_id, row.principal_id, secret)
            if hmac.compare_digest(digest, bytes(row.secret_hash)) and client_id in (
                None,
                row.client_id,
            ):
                matched = row
        claimed = ("name", lowered)
        if matched is None:
            self._refuse(rows[0] if rows else None, claimed, Reason.WRONG_CREDENTIAL, now)
        if (why := dead(matched, now)) is not None:
            self._refuse(matched, claimed, why, now)
        found = caller_of(matched)
        if self.standing.is_frozen(found.principal, now):
            self._refuse(matched, claimed, Reason.SUSPENDED, now)
        self.standing.refuse_hasty(found.principal, now)
        return found

    # -- private ---------------------------------------------------------------------------------

    def _authorize(self, change: Changes, app: str, seller_id: SellerId) -> NewAuthorization:
        # 48 bytes are 64 characters of base 64 without padding.
        refresh_token = "Atzr|" + base64.urlsafe_b64encode(self._entropy(48)).decode()
        principal = entries.living(change, app, PrincipalKind.APP)
        for authorization in living_authorizations(change.tx, principal.id):
            if authorization.seller == seller_id:
                self._revoke(change, authorization)
        digest = self._digests.of_refresh_token(refresh_token, principal.id, seller_id)
        id_: int = change.tx.execute(
            _authorizations.insert()
            .values(
                principal_id=principal.id,
                seller_id=seller_id,
                refresh_hash=digest,
                created_at=change.now,
            )
            .returning(_authorizations.c.id)
        ).scalar_one()
        change.record(EventType.AUTHORIZATION_ISSUED, ObjKind.AUTHORIZATION, id_, seller=seller_id)
        return NewAuthorization(id_, seller_id, refresh_token)

    def _revoke(self, change: Changes, authorization: Authorization) -> None:
        change.tx.execute(
            _authorizations.update()
            .where(_authorizations.c.id == authorization.id)
            .values(revoked_at=change.now)
        )
        change.record(
            EventType.AUTHORIZATION_REVOKED,
            ObjKind.AUTHORIZATION,
            authorization.id,
            seller=authorization.seller,
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
        event = Event(
            EventType.CREDENTIAL_CHECKED,
            Outcome.FAILURE,
            ANONYMOUS,
            reason=reason,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=about,
        )
        self._audit.record(event, now=now)
        raise Unauthenticated("the name or its credential is not valid")
