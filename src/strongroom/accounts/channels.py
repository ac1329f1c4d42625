"""How the API answers an app or node: in plain over its own TLS, or sealed for the key it registered [1.5].

Each request asks for the channel: an app that has ended is refused at once, whatever token it holds [1.2]. A channel is
remembered until any account changes, as the gateway's authorizations are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from strongroom.accounts.standing import Standing
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.audit.entry import Change, Field
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import NotFound, Unauthenticated
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

_MAX_KNOWN = 4096

_people = schema.principal.c
_table = schema.app_channel
_CHANNELS = (
    sa.select(
        _people.id,
        _people.name,
        _people.kind,
        _people.ended_at,
        _table.c.public_key,
        _table.c.behind_proxy,
    )
    .select_from(schema.principal.outerjoin(_table, _table.c.principal_id == schema.principal.c.id))
    .where(
        _people.kind.in_((PrincipalKind.APP.value, PrincipalKind.NODE.value)),
        _people.ended_at.is_(None)
        | (_people.ended_at > sa.bindparam("now", type_=_people.ended_at.type)),
    )
)
_BY_ID = _CHANNELS.where(_people.id == sa.bindparam("principal"))
_BY_NAME = _CHANNELS.where(
    _people.name == sa.bindparam("name"), _people.kind == PrincipalKind.APP.value
)


@dataclass(frozen=True, slots=True)
class Channel:
    """A living app or node that proved who it is, and how its answers travel."""

    caller: Caller
    public_key: str | None
    """The JWK that answers are sealed for."""
    behind_proxy: bool
    """Somebody else ends its TLS: without a key it gets no personal data."""


@dataclass(frozen=True, slots=True)
class _Known:
    channel: Channel
    ends_at: datetime | None
    version: tuple[int, int]


class Channels:
    """The channels of one home's apps. Safe between threads. Changes are durable on return, with their event.

    `generation` gives another number after every change of accounts.
    """

    def __init__(self, database: Database, audit: AuditLog, generation: Callable[[], int]) -> None:
        self._database = database
        self._audit = audit
        self._generation = generation
        self._standing = Standing(database)
        self._changes = 0
        self._known: dict[PrincipalId, _Known] = {}

    def check(self, principal: PrincipalId, now: datetime) -> Channel:
        """Return the channel of a living app or node.

        Raises:
            Unauthenticated: there is no such app or node any more; record it with the refused request.
            Suspended: it is frozen; as well.

        """
        self._standing.refuse_frozen(principal, now)
        # Before the read: what changes meanwhile makes it stale at once.
        version = self._generation(), self._changes
        known = self._known.get(principal)
        if known is None or known.version != version:
            known = self._read(principal, now, version)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[principal] = known
        if known.ends_at is not None and known.ends_at <= now:
            raise Unauthenticated(f"the account {principal} has ended")
        return known.channel

    def refuse_hasty(self, principal: PrincipalId, now: datetime) -> None:
        """Let a slowed app in once in a while; ask once a request. Raises: Throttled: it came too soon."""
        self._standing.refuse_hasty(principal, now)

    def _read(self, principal: PrincipalId, now: datetime, version: tuple[int, int]) -> "_Known":
        with self._database.read() as tx:
            row = tx.execute(_BY_ID, {"principal": principal, "now": now}).first()
        if row is None:
            raise Unauthenticated(f"the account {principal} has ended")
        caller = Caller(principal, PrincipalKind(row.kind), row.name, AuthMethod.ACCESS_TOKEN)
        channel = Channel(caller, row.public_key, bool(row.behind_proxy))
        return _Known(channel, row.ended_at, version)

    def declare_proxy(self, app: str, *, caller: Caller, now: datetime) -> None:
        """Note that somebody else ends an app's TLS: it is answered sealed or not at all. Raises: NotFound."""
        self._change(app, caller, now, behind_proxy=True)

    def set_key(self, app: str, jwk: str, *, caller: Caller, now: datetime) -> None:
        """Have every answer to an app sealed for the holder of this key from now on. Raises: NotFound."""
        self._change(app, caller, now, public_key=jwk)

    def _change(
        self,
        app: str,
        caller: Caller,
        now: datetime,
        *,
        public_key: str | None = None,
        behind_proxy: bool | None = None,
    ) -> None:
        with self._database.write() as tx:
            row = tx.execute(_BY_NAME, {"name": app.lower(), "now": now}).first()
            if row is None:
                raise NotFound("no living app of this name")
            values = {
                "public_key": row.public_key if public_key is None else public_key,
                "behind_proxy": bool(row.behind_proxy) if behind_proxy is None else behind_proxy,
            }
            if row.behind_proxy is None:
                tx.execute(_table.insert().values(principal_id=row.id, **values))
            else:
                tx.execute(_table.update().where(_table.c.principal_id == row.id).values(**values))
            field, before, after = (
                (Field.PUBLIC_KEY, row.public_key, public_key)
                if public_key is not None
                else (Field.BEHIND_PROXY, str(bool(row.behind_proxy)), str(behind_proxy))
            )
            change = Change(field, self._told(field, before), self._told(field, after))
            event = Event(
                EventType.PRINCIPAL_CHANGED,
                Outcome.SUCCESS,
                caller,
                obj_kind=ObjKind.PRINCIPAL,
                obj_ref=str(row.id),
                changes=(change,),
            )
            self._audit.append(tx, event, now=now)
        self._changes += 1

    def _told(self, field: Field, value: str | None) -> str | None:
        return None if value is None else self._audit.pseudonym(field.value, value)
