"""Puts the desk together: every page under its path, behind the one door."""

from collections.abc import Callable
from datetime import datetime

from strongroom.audit.log import AuditLog
from strongroom.desk.door import Desk, Witnessed
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


def create_desk(
    rooms: Rooms,
    *,
    audit: AuditLog,
    clock: Callable[[], datetime],
    key: bytes,
    environment: Environment,
    witnessed: Witnessed,
) -> Desk:
    """Return the desk as an ASGI callable; `key` (32 bytes) makes the tokens of its forms."""
    static = Static()

    def origin() -> str:
        return rooms.signon.site.origin

    return Desk(
        all_routes(rooms),
        sessions=rooms.signon,
        administers=lambda caller, now: _administers(rooms, caller, now),
        audit=audit,
        clock=clock,
        origin=origin,
        tokens=FormTokens(key, environment),
        pages=Pages(static, environment, origin),
        static=static,
        witnessed=witnessed,
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


def _administers(rooms: Rooms, caller: Caller, now: datetime) -> bool:
    """Tell whether a signed-on person holds an active grant to administer, and no lock holds them [1.2, 1.3].

    Most locks leave a session alive that began before; what it may do to others ends with them.
    """
    holds_one = any(
        row.grant.action is Action.ADMINISTER and row.state(now) == "active"
        for row in rooms.grants.all(caller.principal)
    )
    return holds_one and not rooms.guard.is_locked(caller.principal, now)
