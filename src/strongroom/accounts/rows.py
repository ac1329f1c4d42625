"""What is listed of people and apps, and what is shown of them once; the rows behind both [1.2].

A secret is a field of the two classes that hand it over right after it was made, and prints as
nothing there.
"""

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from strongroom.db import schema
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind, SellerId


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
