"""Keeps the selling partners: where Amazon answers for them, and their real credentials, sealed [2.5].

The real LWA client secret and refresh token never leave this home but toward Amazon's own token endpoint.
"""

import re
import ssl
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, Field, ObjKind, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.db.suspensions import suspended
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.policy.limits import HELD_CONSENT_LIFETIME
from strongroom.terms import SYSTEM, Caller, Environment, PrincipalId, PrincipalKind, SellerId
from strongroom.vault.secrets import SystemSecrets, lwa_name

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.IGNORECASE)
_MARKETPLACE: Final = re.compile(r"[A-Z0-9]{10,16}")
_CONTEXT: Final = "strongroom/seller-credentials/v1"

ENDPOINTS: Final = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}
"""Amazon's SP-API endpoints by region."""

LWA_URL: Final = "https://api.amazon.com/auth/o2/token"
"""Amazon's token endpoint, for every region."""


@dataclass(frozen=True, slots=True)
class LwaCredentials:
    """The real credentials of one selling partner; prints as nothing."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("credentials cannot be pickled")


@dataclass(frozen=True, slots=True)
class Held:
    """A refresh token that a consent brought for a selling partner that has one: without effect until it is approved.

    `consent` names it: the consent's number, used once.
    """

    consent: int
    app: PrincipalId
    opened_by: PrincipalId
    at: int
    """Seconds since 1970."""
    refresh_token: str = field(repr=False)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("credentials cannot be pickled")

    @property
    def ends_at(self) -> datetime:
        """When it ends by itself."""
        return datetime.fromtimestamp(self.at, UTC) + HELD_CONSENT_LIFETIME


@dataclass(frozen=True, slots=True)
class Seller:
    """One selling partner. `rdt_elements` are the data elements its roles were seen to allow; None: not yet known."""

    id: SellerId
    name: str
    region: str
    marketplaces: tuple[str, ...]
    endpoint: str
    lwa_url: str
    upstream_ca: str | None = field(repr=False)
    rdt_elements: frozenset[str] | None
    credentials: LwaCredentials = field(repr=False)
    held: Held | None = None
    sealed: bytes = field(repr=False, default=b"")
    """Its credentials as they were stored when they were read."""

    def with_refresh_token(self, refresh_token: str) -> "Seller":
        """Return the entry as it would be with another refresh token."""
        after = replace(self.credentials, refresh_token=refresh_token)
        return replace(self, credentials=after)


class SellerStore:
    """The selling partners of one home. Reads come from memory: one process owns the home. Changes are durable."""

    def __init__(
        self, database: Database, key: bytes, audit: AuditLog, environment: Environment
    ) -> None:
        self._database = database
        self._key = key
        self._audit = audit
        self._environment = environment
        self._known: dict[SellerId, Seller] = {}
        self._changes = 0

    def __repr__(self) -> str:
        return "<sellers>"

    def add(  # noqa: PLR0913 - one argument for each thing to know of a selling partner
        self,
        caller: Caller,
        *,
        name: str,
        region: str,
        marketplaces: tuple[str, ...],
        credentials: LwaCredentials,
        now: datetime,
        endpoint: str | None = None,
        lwa_url: str | None = None,
        upstream_ca: str | None = None,
    ) -> Seller:
        """Add a selling partner; endpoints default to Amazon's for the region.

        Without a refresh token it waits for its consent (`consent`), and Amazon answers nothing for it till then.

        Raises:
            Malformed: a name, region, marketplace, URL or certificate has the wrong form; plain HTTP is one.
            Conflict: the name is taken.

        """
        endpoint, lwa_url = _checked(name, region, marketplaces, endpoint, lwa_url, upstream_ca)
        if not all((credentials.client_id, credentials.client_secret)):
            raise Malformed("client id and client secret must not be empty")
        with self._database.write() as tx:
            if (
                tx.execute(
                    sa.select(schema.seller.c.id).where(schema.seller.c.name == name)
                ).first()
                is not None
            ):
                raise Conflict(f"there is a seller {name} already")
            result = tx.execute(
                schema.seller.insert().values(
                    name=name,
                    region=region,
                    marketplaces=",".join(marketplaces),
                    endpoint=endpoint,
                    lwa_url=lwa_url,
                    upstream_ca=upstream_ca,
                    secrets=b"",
                    created_at=now,
                )
            )
            id_ = SellerId(result.inserted_primary_key[0] if result.inserted_primary_key else 0)
            context = self._context(id_, name, endpoint, lwa_url, upstream_ca)
            tx.execute(
                schema.seller.update()
                .where(schema.seller.c.id == id_)
                .values(
                    secrets=envelope.seal(self._key, _packed(credentials, None), context=context)
                )
            )
            event = Event(
                EventType.SELLER_ADDED,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.SELLER,
                obj_ref=str(id_),
                seller=id_,
            )
            self._audit.append(tx, event, now=now)
        return self.get(id_)

    def get(self, id_: SellerId) -> Seller:
        """Return a selling partner.

        Raises:
            NotFound: no such number.
            Tampered: its name, addresses or CA are not those it was added with.

        """
        found = self._known.get(id_)
        if found is None:
            before = self._changes
            found = self._load(schema.seller.c.id == id_, f"there is no seller {id_}")
            # What changed since the read is read again by the next one.
            if before == self._changes:
                self._known[id_] = found
        return found

    def by_name(self, name: str) -> Seller:
        """Return a selling partner by name.

        Raises:
            NotFound: no such name.

        """
        return self._load(schema.seller.c.name == name, "there is no seller of this name")

    def all(self) -> list[Seller]:
        """Return every selling partner, oldest first."""
        with self._database.read() as tx:
            return [
                self._open(row)
                for row in tx.execute(sa.select(schema.seller).order_by(schema.seller.c.id))
            ]

    def names(self) -> dict[SellerId, str]:
        """Return what the selling partners are called; nothing sealed is opened."""
        with self._database.read() as tx:
            rows = tx.execute(sa.select(schema.seller.c.id, schema.seller.c.name))
            return {SellerId(row.id): row.name for row in rows}

    def learn_elements(self, id_: SellerId, elements: frozenset[str], now: datetime) -> None:
        """Remember which restricted data elements the selling partner's roles allow."""
        event = Event(
            EventType.SELLER_CHANGED,
            Outcome.SUCCESS,
            SYSTEM,
            obj_kind=ObjKind.SELLER,
            obj_ref=str(id_),
            changes=(Change(Field.RDT_ELEMENTS),),
            seller=id_,
        )
        with self._database.write() as tx:
            tx.execute(
                schema.seller.update()
                .where(schema.seller.c.id == id_)
                .values(rdt_elements=",".join(sorted(elements)))
            )
            self._audit.append(tx, event, now=now)
        self.forget(id_)

    def succeed(self, id_: SellerId, client_secret: str, refresh_token: str | None) -> Seller:
        """Return what a selling partner's entry would be with these credentials, to be tried before `rotate`.

        Raises:
            Malformed: one of them is empty.
            NotFound: no such number.
            Conflict: the client secret is the one that is in use.

        """
        seller = self.get(id_)
        before = seller.credentials
        if not client_secret or refresh_token == "":
            raise Malformed("client secret and refresh token must not be empty")
        if client_secret == before.client_secret:
            raise Conflict(
                "this client secret is in use already", hint="make a new one at Amazon [1.4]"
            )
        token = before.refresh_token if refresh_token is None else refresh_token
        after = LwaCredentials(before.client_id, client_secret, token)
        return replace(seller, credentials=after)

    def rotate(
        self, caller: Caller, seller: Seller, secrets: SystemSecrets, now: datetime
    ) -> Seller:
        """Put the credentials of `seller`, as `succeed` gave it, in place of those before; they are gone with it.

        Whoever calls Amazon for this selling partner next uses the new ones.

        Raises:
            Conflict: the client secret stood here before, or the entry changed meanwhile.

        """
        id_, value = seller.id, seller.credentials.client_secret.encode()
        secrets.refuse_known(lwa_name(id_), value)
        with self._database.write() as tx:
            before = self._stored(tx, id_).credentials.client_secret.encode()
            self._replace(tx, seller)
            event = _changed(caller, id_)
            rotated = secrets.change_in(tx, caller, lwa_name(id_), value, now, before=before)
            self._audit.append(tx, event, rotated, now=now)
        self.forget(id_)
        return self.get(id_)

    def consent(self, tx: Transaction, caller: Caller, id_: SellerId, brought: Held) -> Event:
        """Keep what a consent brought, in the caller's transaction, and return its event; call `forget` after.

        A selling partner that waits for its first consent has it at once. Of one that has a refresh token the new one
        is held beside it, in place of another that was: whose account it opens nobody has said yet.

        Raises:
            NotFound: no such number.

        """
        # As it is now: its client secret may have been rotated while Amazon was asked.
        seller = self._stored(tx, id_)
        if not seller.credentials.refresh_token:
            self._replace(tx, seller.with_refresh_token(brought.refresh_token))
            return _changed(caller, id_)
        self._replace(tx, replace(seller, held=brought))
        return _of_consent(EventType.CONSENT_HELD, caller, id_, brought)

    def held(self, id_: SellerId, consent: int, now: datetime) -> Seller:
        """Return what a selling partner's entry would be with the token that this consent brought, to be tried.

        Raises:
            NotFound: no such number.
            Conflict: the consent holds nothing for it (any more).

        """
        seller = self.get(id_)
        return seller.with_refresh_token(_held(seller, consent, now).refresh_token)

    def approve(
        self, caller: Caller, seller: Seller, consent: int, now: datetime, *, one_person: bool
    ) -> Seller:
        """Put the token that `held` gave in place of the one before; whoever calls Amazon next uses it.

        Raises:
            NotFound: no such number.
            Conflict: the consent holds nothing for it (any more), or the entry changed meanwhile.
            Denied: no person approves, who opened the consent does in a home of more than one, or a suspended one.
                Recorded.

        """
        with self._database.write() as tx:
            held = _held(self._stored(tx, seller.id), consent, now)
            allowed = (
                caller.kind is PrincipalKind.PERSON
                and (one_person or caller.principal != held.opened_by)
                and caller.principal not in suspended(tx, now)
            )
            event = _of_consent(
                EventType.CONSENT_APPROVED, caller, seller.id, held, allowed=allowed
            )
            if allowed:
                after = replace(seller.with_refresh_token(held.refresh_token), held=None)
                self._replace(tx, after)
                self._audit.append(tx, event, _changed(caller, seller.id), now=now)
            else:
                self._audit.append(tx, event, now=now)
        if not allowed:
            raise Denied(
                "another person than who opened the consent approves what it brought",
                hint="nothing was changed",
            )
        self.forget(seller.id)
        return self.get(seller.id)

    def reject(self, caller: Caller, id_: SellerId, consent: int, now: datetime) -> Seller:
        """Drop the token that a consent brought; the one in force stays.

        Raises:
            NotFound: no such number.
            Conflict: the consent holds nothing for it (any more).
            Denied: no person rejects it. Recorded.

        """
        allowed = caller.kind is PrincipalKind.PERSON
        with self._database.write() as tx:
            seller = self._stored(tx, id_)
            held = _held(seller, consent, now)
            if allowed:
                self._replace(tx, replace(seller, held=None))
            event = _of_consent(EventType.CONSENT_REJECTED, caller, id_, held, allowed=allowed)
            self._audit.append(tx, event, now=now)
        if not allowed:
            raise Denied("people reject what a consent brought, programs do not")
        self.forget(id_)
        return self.get(id_)

    def forget(self, id_: SellerId) -> None:
        """Read a selling partner again at the next question."""
        self._changes += 1
        self._known.pop(id_, None)

    def _stored(self, tx: Transaction, id_: SellerId) -> Seller:
        """Return an entry as it is now, held until the transaction ends. Raises: NotFound."""
        query = sa.select(schema.seller).where(schema.seller.c.id == id_).with_for_update()
        row = tx.execute(query).first()
        if row is None:
            raise NotFound(f"there is no seller {id_}")
        return self._open(row)

    def _replace(self, tx: Transaction, seller: Seller) -> None:
        """Store the credentials of an entry that nobody has changed since it was read. Raises: Conflict."""
        columns = schema.seller.c
        context = self._context(
            seller.id, seller.name, seller.endpoint, seller.lwa_url, seller.upstream_ca
        )
        content = _packed(seller.credentials, seller.held)
        changed = tx.execute(
            schema.seller.update()
            .where(
                columns.id == seller.id,
                columns.name == seller.name,
                columns.endpoint == seller.endpoint,
                columns.lwa_url == seller.lwa_url,
                columns.secrets == seller.sealed,
            )
            .values(secrets=envelope.seal(self._key, content, context=context))
        )
        if changed.rowcount != 1:
            raise Conflict(
                "the seller's credentials were changed by another rotation or consent meanwhile",
                hint="nothing was changed; look at `strongroom seller show`, then try again",
            )

    def _context(
        self, id_: SellerId, name: str, endpoint: str, lwa_url: str, upstream_ca: str | None
    ) -> bytes:
        # Where they go is bound to them: whoever writes to the database alone could otherwise have
        # them sent to a server, and trusted to a CA, of their own.
        return aad(_CONTEXT, self._environment, id_, name, endpoint, lwa_url, upstream_ca or "")

    def _load(self, condition: sa.ColumnElement[bool], missing: str) -> Seller:
        with self._database.read() as tx:
            row = tx.execute(sa.select(schema.seller).where(condition)).first()
        if row is None:
            raise NotFound(missing, hint="`strongroom seller list` shows those there are")
        return self._open(row)

    def _open(self, row: sa.Row[tuple[object, ...]]) -> Seller:
        id_ = SellerId(row.id)
        context = self._context(id_, row.name, row.endpoint, row.lwa_url, row.upstream_ca)
        opened = envelope.open_(
            self._key, row.secrets, context=context, name=f"the entry of seller {id_}"
        )
        client_id, client_secret, refresh_token, *held = orjson.loads(opened)
        return Seller(
            id_,
            row.name,
            row.region,
            tuple(row.marketplaces.split(",")),
            row.endpoint,
            row.lwa_url,
            row.upstream_ca,
            None
            if row.rdt_elements is None
            else frozenset(filter(None, row.rdt_elements.split(","))),
            LwaCredentials(client_id, client_secret, refresh_token),
            Held(*held[0]) if held else None,
            bytes(row.secrets),
        )


def _packed(credentials: LwaCredentials, held: Held | None) -> bytes:
    content: list[object] = [
        credentials.client_id,
        credentials.client_secret,
        credentials.refresh_token,
    ]
    if held is not None:
        content.append([held.consent, held.app, held.opened_by, held.at, held.refresh_token])
    return orjson.dumps(content)


def _held(seller: Seller, consent: int, now: datetime) -> Held:
    """Return what a consent holds for a selling partner. Raises: Conflict."""
    held = seller.held
    if held is None or held.consent != consent or held.ends_at <= now:
        raise Conflict(
            f"consent {consent} holds nothing for seller {seller.name}",
            hint=f"`strongroom seller show {seller.name}` shows what is held",
        )
    return held


def _changed(caller: Caller, id_: SellerId) -> Event:
    return Event(
        EventType.SELLER_CHANGED,
        Outcome.SUCCESS,
        caller,
        obj_kind=ObjKind.SELLER,
        obj_ref=str(id_),
        changes=(Change(Field.CREDENTIALS),),
        seller=id_,
    )


def _of_consent(
    type_: EventType, caller: Caller, id_: SellerId, held: Held, *, allowed: bool = True
) -> Event:
    return Event(
        type_,
        Outcome.SUCCESS if allowed else Outcome.DENIED,
        caller,
        reason=None if allowed else Reason.NOT_AUTHORIZED,
        obj_kind=ObjKind.CONSENT,
        obj_ref=str(held.consent),
        seller=id_,
    )


def _checked(
    name: str,
    region: str,
    marketplaces: tuple[str, ...],
    endpoint: str | None,
    lwa_url: str | None,
    upstream_ca: str | None,
) -> tuple[str, str]:
    if not _NAME.fullmatch(name):
        raise Malformed("a seller's name is 1 to 63 letters, digits, dots, dashes or underscores")
    if region not in ENDPOINTS:
        raise Malformed(f"region must be one of {', '.join(ENDPOINTS)}")
    if not marketplaces or not all(_MARKETPLACE.fullmatch(id_) for id_ in marketplaces):
        raise Malformed("a marketplace is Amazon's identifier, such as A1PA6795UKMFR9")
    if upstream_ca is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=upstream_ca)
        except (ssl.SSLError, ValueError):
            raise Malformed("the upstream CA is not a PEM certificate") from None
    return (
        _https(endpoint or ENDPOINTS[region], "endpoint").rstrip("/"),
        _with_path(_https(lwa_url or LWA_URL, "LWA URL")),
    )


def _with_path(url: str) -> str:
    """Give a bare host the path that Login with Amazon has on every host."""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + urlsplit(LWA_URL).path


def _https(url: str, what: str) -> str:
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme == "https"
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
        )
    except ValueError:
        usable = False
    if not usable:
        raise Malformed(f"the {what} must be an https:// URL", hint="plain HTTP is refused [1.5]")
    return url
