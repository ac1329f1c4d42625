"""Puts the desk together: every page under its path, behind the one door."""

from collections.abc import Callable
from datetime import datetime

from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database
from strongroom.desk.door import Desk
from strongroom.desk.exchange import Route
from strongroom.desk.forms import FormTokens
from strongroom.desk.pages import sign_on
from strongroom.desk.rendering import Pages, Static
from strongroom.desk.rooms import Rooms
from strongroom.terms import Caller, Environment


def create_desk(
    rooms: Rooms,
    *,
    administers: Callable[[Caller, datetime], bool],
    audit: AuditLog,
    database: Database,
    clock: Callable[[], datetime],
    key: bytes,
    environment: Environment,
) -> Desk:
    """Return the desk as an ASGI callable; `key` (32 bytes) makes the tokens of its forms."""
    static = Static()
    return Desk(
        all_routes(rooms),
        sessions=rooms.signon,
        administers=administers,
        audit=audit,
        database=database,
        clock=clock,
        origin=lambda: rooms.signon.site.origin,
        tokens=FormTokens(key, environment),
        pages=Pages(static, environment),
        static=static,
    )


def all_routes(rooms: Rooms) -> list[Route]:
    """Return every page."""
    return [*sign_on.routes(rooms)]
