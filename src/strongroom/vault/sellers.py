"""Keeps the selling partners: where Amazon answers for them, and their real credentials, sealed [2.5].

The real LWA client secret and refresh token never leave this home but toward Amazon's own token endpoint.
"""

import re
import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import Change, Event, EventType, Field, ObjKind, Outcome
from strongroom.audit.log import AuditLog
from strongroom.crypto import envelope
from strongroom.crypto.derive import aad
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.terms import SYSTEM, Caller, Environment, SellerId
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
                .values(secrets=envelope.seal(self._key, _packed(credentials), context=context))
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
        self._forget(id_)

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
        before = self.get(id_).credentials.client_secret.encode()
        secrets.refuse_known(lwa_name(id_), value)
        context = self._context(
            id_, seller.name, seller.endpoint, seller.lwa_url, seller.upstream_ca
        )
        sealed = envelope.seal(self._key, _packed(seller.credentials), context=context)
        with self._database.write() as tx:
            changed = tx.execute(
                schema.seller.update()
                .where(
                    schema.seller.c.id == id_,
                    schema.seller.c.name == seller.name,
                    schema.seller.c.endpoint == seller.endpoint,
                    schema.seller.c.lwa_url == seller.lwa_url,
                )
                .values(secrets=sealed)
            )
            if changed.rowcount != 1:
                raise Conflict("the seller's entry changed meanwhile", hint="try again")
            event = Event(
                EventType.SELLER_CHANGED,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.SELLER,
                obj_ref=str(id_),
                changes=(Change(Field.CREDENTIALS),),
                seller=id_,
            )
            rotated = secrets.change_in(tx, caller, lwa_name(id_), value, now, before=before)
            self._audit.append(tx, event, rotated, now=now)
        self._forget(id_)
        return self.get(id_)

    def consent(self, caller: Caller, id_: SellerId, refresh_token: str, now: datetime) -> None:
        """Put the refresh token that a selling partner's consent gave in place of the one before; the rest stays.

        Raises:
            NotFound: no such number.

        """
        event = Event(
            EventType.SELLER_CHANGED,
            Outcome.SUCCESS,
            caller,
            obj_kind=ObjKind.SELLER,
            obj_ref=str(id_),
            changes=(Change(Field.CREDENTIALS),),
            seller=id_,
        )
        with self._database.write() as tx:
            row = tx.execute(
                sa.select(schema.seller).where(schema.seller.c.id == id_).with_for_update()
            ).first()
            if row is None:
                raise NotFound(f"there is no seller {id_}")
            # As it is now: its client secret may have been rotated while Amazon was asked.
            seller = self._open(row)
            after = replace(seller.credentials, refresh_token=refresh_token)
            context = self._context(
                id_, seller.name, seller.endpoint, seller.lwa_url, seller.upstream_ca
            )
            tx.execute(
                schema.seller.update()
                .where(schema.seller.c.id == id_)
                .values(secrets=envelope.seal(self._key, _packed(after), context=context))
            )
            self._audit.append(tx, event, now=now)
        self._forget(id_)

    def _forget(self, id_: SellerId) -> None:
        self._changes += 1
        self._known.pop(id_, None)

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
        secrets = orjson.loads(opened)
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
            LwaCredentials(*secrets),
        )


def _packed(credentials: LwaCredentials) -> bytes:
    return orjson.dumps(
        [credentials.client_id, credentials.client_secret, credentials.refresh_token]
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
