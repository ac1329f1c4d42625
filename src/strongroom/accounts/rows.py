"""What is listed of people and apps, and what is shown of them once; the rows behind both [1.2].

A secret is a field of the two classes that hand it over right after it was made, and prints as
nothing there.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.accounts.registered import Certificate
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.policy.limits import APP_SECRET_LIFETIME
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind, SellerId

PERSON_CREDENTIAL_LIFETIME: Final = timedelta(days=90)
"""DPP 1.4: what a person shows is renewed at least every quarter."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or an app as listed: never a secret."""

    id: PrincipalId
    name: str
    kind: PrincipalKind
    owner: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person just registered, with the credential shown this once, if one was asked for."""

    person: Principal
    client_id: str | None
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewApp:
    """An app just registered; `owner_registered`: its owner became a known person with it."""

    app: Principal
    client_id: str
    client_secret: str = field(repr=False)
    owner_registered: bool


@dataclass(frozen=True, slots=True)
class NewAuthorization:
    """An app's access to one selling partner, with the refresh token that is shown this once."""

    id: int
    seller: SellerId
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authorization:
    """An app's access to one selling partner, as its refresh token proved it."""

    id: int
    principal: PrincipalId
    seller: SellerId


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential as listed: never what it proves. `ends_at` is when the quarter or its rotation ends it [1.4]."""

    id: int
    created_at: datetime
    revoked_at: datetime | None
    ends_at: datetime

    def works(self, now: datetime) -> bool:
        """Tell whether it still lets its holder in, as far as the credential itself goes."""
        return self.revoked_at is None and now < self.ends_at


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a principal shows at our doors; authorizations with the instant they were revoked."""

    principal: Principal
    secrets: list[Secret]
    authorizations: list[tuple[Authorization, datetime | None]]
    certificates: list[Certificate]
    signing_on: list[tuple[str, int, bool]]
    """Kind, number, and whether it has ended, of all that a person signs on with."""


_owner = schema.principal.alias("owner")


def select_principals() -> sa.Select[tuple[object, ...]]:
    """Return the query for people and apps, with their owners."""
    return sa.select(schema.principal, _owner.c.name.label("owner")).outerjoin(
        _owner, _owner.c.id == schema.principal.c.owner_id
    )


def select_credentials() -> sa.Select[tuple[object, ...]]:
    """Return the query for credentials, with who holds them."""
    return sa.select(
        schema.credential,
        schema.principal.c.name,
        schema.principal.c.kind,
        schema.principal.c.ended_at,
    ).join(schema.principal, schema.principal.c.id == schema.credential.c.principal_id)


def principal_of(row: sa.Row[tuple[object, ...]]) -> Principal:
    """Return the listed form of a row."""
    kind = PrincipalKind(row.kind)
    return Principal(PrincipalId(row.id), row.name, kind, row.owner, row.created_at, row.ended_at)


def caller_of(row: sa.Row[tuple[object, ...]]) -> Caller:
    """Return who a checked credential row stands for."""
    return Caller(
        PrincipalId(row.principal_id), PrincipalKind(row.kind), row.name, AuthMethod.CREDENTIAL
    )


def secrets_of(tx: Transaction, principal: PrincipalId) -> list[Secret]:
    """Return a principal's credentials, oldest first."""
    query = (
        select_credentials()
        .where(schema.credential.c.principal_id == principal)
        .order_by(schema.credential.c.id)
    )
    return [
        Secret(row.id, row.created_at, row.revoked_at, ends_at(row)) for row in tx.execute(query)
    ]


def ends_at(row: sa.Row[tuple[object, ...]]) -> datetime:
    """Return when a credential's quarter, or its rotation, ends it [1.4]."""
    lifetime = (
        PERSON_CREDENTIAL_LIFETIME if row.kind == PrincipalKind.PERSON else APP_SECRET_LIFETIME
    )
    quarter: datetime = row.created_at + lifetime
    return quarter if row.expires_at is None else min(quarter, row.expires_at)


def authorizations_of(
    tx: Transaction, principal: PrincipalId
) -> list[tuple[Authorization, datetime | None]]:
    """Return a principal's authorizations, oldest first, each with the instant it was revoked."""
    table = schema.authorization
    query = sa.select(table).where(table.c.principal_id == principal).order_by(table.c.id)
    return [
        (Authorization(row.id, principal, SellerId(row.seller_id)), row.revoked_at)
        for row in tx.execute(query)
    ]


def living_authorizations(tx: Transaction, principal: PrincipalId) -> list[Authorization]:
    """Return those of a principal's authorizations that were not revoked."""
    return [found for found, revoked_at in authorizations_of(tx, principal) if revoked_at is None]
