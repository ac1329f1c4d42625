"""Puts the desk together: every page under its path, behind the one door."""

from collections.abc import Callable
from datetime import datetime

from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database
from strongroom.desk.door import Desk
from strongroom.desk.exchange import Route
from strongroom.desk.forms import FormTokens
from strongroom.desk.pages import (
    factors,
    joining,
    locks,
    network,
    password,
    profile,
    prove,
    provider,
    sessions,
    sign_on,
)
from strongroom.desk.rendering import Pages, Static
from strongroom.desk.rooms import Rooms
from strongroom.terms import Action, Caller, Environment
from strongroom.vault import GrantStore


def create_desk(
    rooms: Rooms,
    *,
    audit: AuditLog,
    database: Database,
    clock: Callable[[], datetime],
    key: bytes,
    environment: Environment,
) -> Desk:
    """Return the desk as an ASGI callable; `key` (32 bytes) makes the tokens of its forms."""
    static = Static()

    def origin() -> str:
        return rooms.signon.site.origin

    return Desk(
        all_routes(rooms),
        sessions=rooms.signon,
        administers=lambda caller, now: _administers(rooms.grants, caller, now),
        audit=audit,
        database=database,
        clock=clock,
        origin=origin,
        tokens=FormTokens(key, environment),
        pages=Pages(static, environment, origin),
        static=static,
    )


def all_routes(rooms: Rooms) -> list[Route]:
    """Return every page."""
    files = (
        sign_on,
        provider,
        joining,
        profile,
        sessions,
        password,
        factors,
        prove,
        locks,
        network,
    )
    return [route for file in files for route in file.routes(rooms)]


def _administers(grants: GrantStore, caller: Caller, now: datetime) -> bool:
    """Tell whether a signed-on person holds an active grant to administer [1.3]."""
    return any(
        row.grant.action is Action.ADMINISTER and row.state(now) == "active"
        for row in grants.all(caller.principal)
    )
